"""What users build on changes only on purpose.

After a change that is meant: `python tests/reference/public_surface.py`, and a line in CHANGELOG.md.
"""

import importlib.util
from pathlib import Path

import pytest

for needed in ("torch", "transformers", "hypothesis", "sklearn", "sympy", "flint"):
    pytest.importorskip(needed)

SCRIPT = Path(__file__).parent / "reference" / "public_surface.py"


@pytest.fixture(scope="module")
def surface():
    spec = importlib.util.spec_from_file_location("public_surface", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_surface_is_the_frozen_one(surface):
    assert surface.lines() == surface.FROZEN.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize(
    "name",
    [
        "rope_theory.bounds.chord_sharp(theta:", "rope_theory.certificates.worst_case(theta:",
        "rope_theory.certificates.Certificate.verify(self,", "rope_theory.certificates.Certificate.load(",
        "rope_theory.comparison.Comparison.to_pandas(", "rope_theory.models.finetune(model:",
        "rope_theory.testing.configs(", "rope_theory.from_hf", "rope_theory.config.RopeConfig(head_dim:",
    ],
)  # fmt: skip
def test_what_everybody_uses_is_in_it(surface, name):
    assert [line for line in surface.lines() if line.startswith(name)]
