"""Gemma 4, whose layers have head dimensions of their own: measured, checked and extended like any other family.

Reference: the executed classes of the installed transformers.
"""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

import rope_theory as rt  # noqa: E402
from rope_theory import models  # noqa: E402
from rope_theory.models._layer_settings import layer_settings  # noqa: E402
from rope_theory.scaling import NTKAware, PositionInterpolation, Proportional, Unscaled  # noqa: E402
from tests.tiny_models import IDS  # noqa: E402

SMALL = {
    "hidden_size": 64, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "vocab_size": 99, "max_position_embeddings": 512, "pad_token_id": 0, "bos_token_id": 1,
    "eos_token_id": 2, "head_dim": 16, "sliding_window": 16, "vocab_size_per_layer_input": 99,
    "hidden_size_per_layer_input": 8, "layer_types": ["sliding_attention", "full_attention"],
}  # fmt: skip
SETTINGS = {
    "equal": {"global_head_dim": 16},
    "wide": {"global_head_dim": 32},
    "few keys": {"global_head_dim": 32, "attention_k_eq_v": True, "num_global_key_value_heads": 1},
}


@pytest.fixture(scope="module", params=SETTINGS)
def model(request):
    config = transformers.CONFIG_MAPPING["gemma4_text"](**SMALL, **SETTINGS[request.param])
    torch.manual_seed(0)
    return transformers.AutoModelForCausalLM.from_config(config).eval()


def rotated_width(model):
    return len(rt.from_hf(model.config, layer_type="full_attention").frequencies()) * 2


def table_of(model, name):
    tables = {key.rpartition(".")[2]: buffer for key, buffer in model.named_buffers()}
    return tables[f"{name}_inv_freq"]


def test_settings_of_layers_are_read_layer_by_layer(model):
    widths = layer_settings(model.config, "head_dim")
    assert max(widths) == rotated_width(model)
    assert layer_settings(model.config, "hidden_size") == [64]
    assert layer_settings(model.config, "nothing", 7) == [7]


def test_perplexity_and_check(model):
    assert np.isfinite(models.perplexity(model, IDS, window=64, stride=32).perplexity)
    found = models.check(model, IDS[:64], length=640, pairs=256)
    assert found.violations == 0
    assert {row.layer for row in found.heads} == {0, 1}


def test_what_fits_is_estimated(model):
    """The estimate behind the message of a model that runs out of memory."""
    from rope_theory.models import _memory

    assert _memory._bytes_a_token(model) > 4 * 6 * 64


@pytest.mark.filterwarnings("ignore:Note that this model is extended already")
def test_position_interpolation_halves_the_pairs_that_rotate(model):
    extended = models.extend(model, PositionInterpolation(2.0))
    for name, by in (("full_attention", 2.0), ("sliding_attention", 1.0)):
        before, after = (table_of(one, name) for one in (model, extended))
        assert torch.allclose(before / by, after, rtol=1e-6, atol=0.0)
    assert rt.precision.audit(extended).ok
    with torch.no_grad():
        longer = extended(torch.arange(700)[None] % 90 + 3).logits
    assert torch.isfinite(longer).all()


def test_unscaled_changes_no_logit(model):
    extended = models.extend(model, Unscaled(), length=1024)
    with torch.no_grad():
        assert torch.equal(model(IDS[None, :64]).logits, extended(IDS[None, :64]).logits)


def test_a_method_that_needs_divisors_says_why_there_are_none(model):
    """Pairs of full-attention layers stand still, for which no list of divisors has a number."""
    pairs = rotated_width(model) // 2
    with pytest.raises(ValueError, match=f"{pairs * 3 // 4} of the {pairs} frequency pairs of this model stand still"):
        models.extend(model, NTKAware(2.0))


def test_recommended_options_leave_pairs_that_stand_still():
    """Every method but the division of all frequencies would make three quarters of the pairs rotate."""
    config = {"model_type": "gemma4_text", "max_position_embeddings": 4096, "num_hidden_layers": 6}
    found = rt.doctor.recommend(config, 16384, layer_type="full_attention")
    assert {option.method for option in found.rows} == {"Proportional"}
    table = rt.from_hf(found.rows[0].config, layer_type="full_attention")
    trained = rt.from_hf(config, layer_type="full_attention").frequencies().theta
    assert table.scaling == Proportional(0.25, found.rows[0].factor)
    assert np.array_equal(table.frequencies().theta == 0.0, trained == 0.0)
    assert np.count_nonzero(trained) == 64
    reach = next(one for one in rt.doctor.diagnose(config).reach if one.layer_type == "full_attention")
    assert all(row.pairs == 256 for row in reach.rows)
