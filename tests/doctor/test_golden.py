"""The golden tables against the script that made them, this package, and the installed transformers."""

import numpy as np
import pytest

from rope_theory import from_hf
from rope_theory.doctor.case import opened
from rope_theory.errors import EngineRefused
from tests.doctor.configs import request
from tests.reference import golden_tables as script
from tests.reference.golden import FILE, golden_tables

SINGLE = 1e-6
"""transformers keeps float32 tables."""

GOLDEN = golden_tables()
NAMED = [pytest.param(one, id=f"{one.name}-{one.layer_type or 'all'}-{one.length}") for one in GOLDEN]

WITHOUT_A_ROTARY_MODULE = {"gptj", "codegen"}
COMPLEX = {"deepseek_v2", "llama4_text"}


def test_the_script_makes_the_file():
    assert FILE.read_text(encoding="utf-8") == script.text()


@pytest.mark.parametrize("one", NAMED)
def test_this_package_agrees_in_float64(one):
    ours = from_hf(one.config, layer_type=one.layer_type).frequencies(one.length)
    assert np.allclose(ours.theta, one.theta, rtol=1e-14, atol=0.0)
    assert ours.attention_factor == pytest.approx(one.attention_factor, rel=1e-15)


@pytest.mark.parametrize("one", NAMED)
def test_the_installed_transformers_agrees(one):
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    from rope_theory.models import installed_engine

    asked = request(opened(one.config), one.length, layer_type=one.layer_type)
    if one.name in WITHOUT_A_ROTARY_MODULE:
        with pytest.raises(EngineRefused, match="no rotary class"):
            installed_engine().table(asked)
        return
    found = installed_engine().table(asked)
    assert np.allclose(found.theta, one.theta, rtol=SINGLE, atol=0.0)
    assert found.attention_factor == pytest.approx(one.attention_factor, rel=1e-12)


def test_released_configs_and_class_defaults_are_there():
    names = {one.name for one in GOLDEN}
    assert {"llama-3.1-8b-instruct", "phi-3.5-mini-instruct", "llama", "gemma3_text"} <= names
    assert len(names) > 80
