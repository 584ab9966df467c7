"""Our float64 tables against those transformers computes, type by type, class by class."""

import importlib
import inspect
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from packaging.version import Version

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from transformers import LlamaConfig  # noqa: E402
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS  # noqa: E402
from transformers.models.auto.configuration_auto import CONFIG_MAPPING  # noqa: E402
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding  # noqa: E402

from rope_theory import from_hf  # noqa: E402
from rope_theory.precision import Storage, inv_freq_error, phase_error  # noqa: E402
from rope_theory.scaling.huggingface.facts import FACTS  # noqa: E402

CONFIGS = Path(__file__).parents[1] / "reference" / "configs"
FORMULA, SWEEP, MODELS = 1e-10, 1e-5, 1e-6
"""Largest relative differences over the sweep (formulas in float64, then the float32 tables as they
come), and from the float32 tables on released configs."""


@pytest.fixture(autouse=True, scope="module")
def quiet():
    """Transformers logs what it thinks of our extreme configs; only the numbers matter here."""
    before = transformers.logging.get_verbosity()
    transformers.logging.set_verbosity_error()
    yield
    transformers.logging.set_verbosity(before)


def worst(ours, theirs):
    """Largest relative difference; entries that are zero must be zero on both sides."""
    theirs = theirs.detach().to(torch.float64).numpy()
    assert ours.shape == theirs.shape
    assert np.array_equal(ours == 0.0, theirs == 0.0)
    moving = ours != 0.0
    return float(np.max(np.abs(theirs[moving] / ours[moving] - 1.0), initial=0.0))


def proved(ours, theirs):
    """Whether the proved bound on the error of inv_freq contains what transformers computed in float32."""
    theirs = theirs.detach().to(torch.float64).numpy()
    return bool((np.abs(theirs - ours.theta) <= inv_freq_error(ours)).all())


def llama(head_dim, rope, maximum):
    return LlamaConfig(
        hidden_size=2 * head_dim, num_attention_heads=2, head_dim=head_dim,
        max_position_embeddings=maximum, rope_parameters=dict(rope),
    )  # fmt: skip


class InDouble:
    """``torch`` with every float32 a float64: transformers' formulas without their rounding."""

    float = float32 = torch.float64

    def __getattr__(self, name):
        return getattr(torch, name)


def theirs(config, rope_type, length, double):
    """Return transformers' inverse frequencies and attention factor."""
    default = rope_type == "default"
    build = LlamaRotaryEmbedding.compute_default_rope_parameters if default else ROPE_INIT_FUNCTIONS[rope_type]
    with pytest.MonkeyPatch.context() as patch:
        if double:
            patch.setitem(inspect.unwrap(build).__globals__, "torch", InDouble())
            patch.setattr(torch.Tensor, "float", torch.Tensor.double)
        return build(config) if default else build(config, seq_len=length)


def agree(head_dim, rope, maximum, length=None, *, rounding_is_harmless=True):
    config = llama(head_dim, rope, maximum)
    ours = from_hf(config).frequencies(length)
    for double, tolerance in ((True, FORMULA), (False, SWEEP)):
        table, factor = theirs(config, rope["rope_type"], length, double)
        assert double or proved(ours, table)
        if double or rounding_is_harmless:
            assert worst(ours.theta, table) < tolerance
            assert ours.attention_factor == pytest.approx(factor, rel=1e-12)


heads = st.integers(4, 128).map(lambda pairs: 2 * pairs)
bases = st.floats(1e4, 1e7)
factors = st.floats(1.0, 64.0)
windows = st.integers(64, 262144)
lengths = st.none() | st.integers(1, 2**21)
turns = st.floats(0.25, 64.0)


@given(heads, bases, windows)
def test_default(head_dim, base, maximum):
    agree(head_dim, {"rope_type": "default", "rope_theta": base}, maximum)


@given(heads, bases, factors, windows)
def test_linear(head_dim, base, factor, maximum):
    agree(head_dim, {"rope_type": "linear", "rope_theta": base, "factor": factor}, maximum)


@given(st.integers(2, 32), bases, factors, st.sampled_from([0.25, 0.5, 0.75]))
def test_partly_rotated(eighths, base, factor, share):
    rope = {"rope_type": "linear", "rope_theta": base, "factor": factor, "partial_rotary_factor": share}
    agree(8 * eighths, rope, 2048)


@given(heads, bases, factors, windows, lengths)
def test_dynamic(head_dim, base, factor, maximum, length):
    agree(head_dim, {"rope_type": "dynamic", "rope_theta": base, "factor": factor}, maximum, length)


@given(
    heads, bases, st.none() | factors, windows, st.floats(1.0, 64.0), turns, st.floats(1.01, 200.0),
    st.booleans(),
    st.sampled_from([{}, {"attention_factor": 1.3}, {"mscale": 1.0, "mscale_all_dim": 0.7}, {"mscale": 0.5}]),
)  # fmt: skip
def test_yarn(head_dim, base, factor, original, stretch, slow, ratio, truncate, attention):
    maximum = math.ceil(original * stretch)
    fast = slow * ratio
    low, high = (head_dim * math.log(original / (r * 2 * math.pi)) / (2 * math.log(base)) for r in (fast, slow))
    low, high = max(low, 0.0), min(high, head_dim - 1)
    # the fractional end of an unrounded ramp is stored in float32, and a narrow ramp divides that by its
    # width; rounded ends are integers and exact
    applied = maximum / original if factor is None else factor
    harmless = truncate or applied * 2**-24 * max(low, 1.0) < 2e-6 * (high - low)
    rope = {
        "rope_type": "yarn", "rope_theta": base, "factor": factor, "beta_fast": fast, "beta_slow": slow,
        "truncate": truncate, "original_max_position_embeddings": original, **attention,
    }  # fmt: skip
    agree(head_dim, rope, maximum, rounding_is_harmless=harmless)


@st.composite
def longropes(draw):
    head_dim = draw(heads)
    divisors = st.lists(st.floats(0.5, 100.0), min_size=head_dim // 2, max_size=head_dim // 2)
    rope = {
        "rope_type": "longrope", "rope_theta": draw(bases), "short_factor": draw(divisors),
        "long_factor": draw(divisors), "original_max_position_embeddings": draw(windows),
    }  # fmt: skip
    rope |= draw(st.sampled_from([{}, {"factor": 1.0}, {"factor": 32.0}, {"attention_factor": 1.19}]))
    return head_dim, rope


@given(longropes(), windows, st.booleans(), lengths)
def test_longrope(model, maximum, at_the_edge, length):
    head_dim, rope = model
    original = rope["original_max_position_embeddings"]
    agree(head_dim, rope, maximum, original + (length or 0) % 2 if at_the_edge else length)


@given(heads, bases, factors, windows, st.floats(0.25, 8.0), st.floats(1.05, 16.0))
def test_llama3(head_dim, base, factor, original, low, ratio):
    high = low * ratio
    theta = base ** (-np.arange(0, head_dim, 2) / head_dim)
    turned = original * theta / (2 * np.pi)
    share = np.clip((turned - low) / (high - low), 0.0, 1.0)
    # a narrow ramp magnifies the rounding of theta by its slope, d ln theta' / d ln theta: float64 only
    slope = (1 - 1 / factor) * turned / (high - low) / (share + (1 - share) / factor)
    ramp = (turned > 0.999 * low) & (turned < 1.001 * high)
    harmless = np.max(slope[ramp], initial=0.0) < 5.0
    # which side of an end a pair lies on is decided by rounding where it lies exactly on it
    assume(all(np.all(np.abs(turned / end - 1.0) > 1e-12) for end in (low, high)))
    rope = {
        "rope_type": "llama3", "rope_theta": base, "factor": factor, "low_freq_factor": low,
        "high_freq_factor": high, "original_max_position_embeddings": original,
    }  # fmt: skip
    agree(head_dim, rope, 2 * original, rounding_is_harmless=harmless)


@given(heads, bases, factors, st.floats(0.05, 1.0))
def test_proportional(head_dim, base, factor, share):
    rope = {"rope_type": "proportional", "rope_theta": base, "factor": factor, "partial_rotary_factor": share}
    agree(head_dim, rope, 4096)


def test_every_type_of_the_installed_transformers_is_swept():
    assert set(ROPE_INIT_FUNCTIONS) == {"linear", "dynamic", "yarn", "longrope", "llama3", "proportional"}


# ---- real classes ----


def rotary(config):
    """Build the rotary embedding of a config's own modelling file."""
    module = importlib.import_module(type(config).__module__.replace("configuration_", "modeling_"))
    names = [n for n in vars(module) if n.endswith("RotaryEmbedding") and "Vision" not in n and "Audio" not in n]
    assert names, f"no rotary class in {module.__name__}"
    return getattr(module, names[0])(config)


def table(embedding, layer_type):
    prefix = f"{layer_type}_" if layer_type else ""
    return getattr(embedding, f"{prefix}inv_freq"), getattr(embedding, f"{prefix}attention_scaling")


def agree_with_class(raw, layer_type=None):
    """Compare the reading of a raw config, and of the transformers config made from it, with the class."""
    kind = raw["model_type"]
    config = CONFIG_MAPPING[kind](**{key: value for key, value in raw.items() if key != "model_type"})
    inverse, factor = table(rotary(config), layer_type)
    for source in (raw, config):
        ours = from_hf(source, layer_type=layer_type).frequencies()
        assert worst(ours.theta, inverse) < MODELS
        assert proved(ours, inverse)
        assert ours.attention_factor == pytest.approx(factor, rel=1e-12)


@pytest.mark.parametrize(
    ("name", "layer_type"),
    [
        ("llama-3.1-8b-instruct", None),
        ("mistral-7b-instruct-v0.3", None),
        ("olmo-3.1-32b-instruct", "full_attention"),
        ("olmo-3.1-32b-instruct", "sliding_attention"),
        ("phi-3.5-mini-instruct", None),
        ("qwen3-8b", None),
    ],
)
def test_released_configs(name, layer_type):
    raw = json.loads((CONFIGS / f"{name}.json").read_text())
    agree_with_class({key: value for key, value in raw.items() if not key.startswith("_")}, layer_type)


@pytest.mark.parametrize("length", [4096, 4097, 131072])
def test_phi_3_5_switches_its_list_where_transformers_does(length):
    raw = json.loads((CONFIGS / "phi-3.5-mini-instruct.json").read_text())
    config = CONFIG_MAPPING["phi3"](**{k: v for k, v in raw.items() if k[0] != "_" and k != "model_type"})
    inverse, factor = ROPE_INIT_FUNCTIONS["longrope"](config, seq_len=length)
    ours = from_hf(raw).frequencies(length)
    assert worst(ours.theta, inverse) < MODELS
    assert ours.attention_factor == pytest.approx(factor, rel=1e-12)


SINUSOIDAL = ("gptj", "codegen")  # a fixed table inside the attention class, no rotary module
COMPLEX = ("deepseek_v2", "llama4_text")
WIDTHS = {"hidden_size": 640, "num_attention_heads": 8, "max_position_embeddings": 8192}
"""A derived head width of 80, which is no class's default."""


def cases():
    for kind in FACTS:
        if kind in SINUSOIDAL:
            continue
        for layer_type in FACTS[kind].tables or (None,):
            yield kind, layer_type


@pytest.mark.parametrize(("kind", "layer_type"), list(cases()))
def test_class_defaults(kind, layer_type):
    """Base, head width, share and scaling of a config that names its class and its widths only."""
    agree_with_class({"model_type": kind, **WIDTHS}, layer_type)


@pytest.mark.parametrize(("kind", "layer_type"), list(cases()))
def test_phasors_of_every_class_keep_the_bound_proved_for_them(kind, layer_type):
    config = CONFIG_MAPPING[kind](**WIDTHS)
    rotary_embedding, positions = rotary(config), torch.tensor([0, 1, 2, 3, 1000, 4097, 8191, 65535, 131071])
    ours = from_hf(config, layer_type=layer_type).frequencies(131072)
    given = (torch.zeros(1), positions[None], *([layer_type] if layer_type else []))
    found = rotary_embedding(*given)
    stored = found if torch.is_tensor(found) else torch.complex(*(part.float() for part in found))
    stored = stored.reshape(len(positions), -1).to(torch.complex128).numpy() / ours.attention_factor
    if stored.shape[1] == 2 * len(ours):  # both members of a pair, in halves or side by side
        halves = np.array_equal(stored[:, : len(ours)], stored[:, len(ours) :])
        stored = stored[:, : len(ours)] if halves else stored[:, ::2]
    bound = phase_error(ours, positions.numpy(), Storage(), frequency_error=inv_freq_error(ours)).bound
    exact = np.exp(1j * np.remainder(np.longdouble(positions.numpy())[:, None] * ours.theta, 2 * np.pi).astype(float))
    assert (np.abs(stored - exact) <= bound + 2.01 * 2.0**-24 * (ours.attention_factor != 1.0) + 1e-10).all()


UNSCALABLE = (
    "phi3", "phi4_multimodal", "phimoe", "gemma4_text", "gemma4_unified_text", "diffusion_gemma_text",
    "embedding_gemma2_text", "recurrent_gemma",
)  # fmt: skip
"""Classes that take longrope only, no legacy keys, or no scaling at all."""


@pytest.mark.parametrize(("kind", "layer_type"), [c for c in cases() if c[0] not in UNSCALABLE])
def test_legacy_scaling_in_every_class(kind, layer_type):
    raw = {
        "model_type": kind,
        **WIDTHS,
        "rope_theta": 54321.0,
        "rope_scaling": {"rope_type": "linear", "factor": 3.0},
    }
    agree_with_class(raw, layer_type)


@pytest.mark.parametrize("kind", [kind for kind in FACTS if not FACTS[kind].tables and kind not in SINUSOIDAL])
def test_share_of_the_default_type_in_every_class(kind):
    """Who honours partial_rotary_factor under rope type "default", and who ignores it."""
    if kind == "gpt_neox_japanese" and Version(transformers.__version__) < Version("5.18"):
        pytest.skip("transformers before 5.18 ignores the share of this class; runs from 5.18 on")
    agree_with_class(
        {
            "model_type": kind,
            **WIDTHS,
            "rope_parameters": {"rope_type": "default", "partial_rotary_factor": 0.75},
        }
    )


@pytest.mark.parametrize("kind", SINUSOIDAL)
def test_sinusoidal_classes(kind):
    module = importlib.import_module(f"transformers.models.{kind}.modeling_{kind}")
    config = CONFIG_MAPPING[kind](n_embd=1024, n_head=8, n_positions=512)
    ours = from_hf(config)
    positions = module.create_sinusoidal_positions(2, config.rotary_dim)
    assert (ours.config.width, ours.pairing) == (config.rotary_dim, "interleaved")
    assert np.allclose(np.sin(ours.frequencies().theta), positions[1, : ours.config.pairs].numpy(), rtol=1e-6, atol=0)


@pytest.mark.parametrize("kind", SINUSOIDAL)
def test_sinusoidal_classes_keep_the_bound_proved_for_them(kind):
    module = importlib.import_module(f"transformers.models.{kind}.modeling_{kind}")
    ours = from_hf(CONFIG_MAPPING[kind](n_embd=1024, n_head=8, n_positions=512)).frequencies()
    length, pairs = 1 << 17, len(ours)
    table = module.create_sinusoidal_positions(length, 2 * pairs).double().numpy()
    positions = np.unique(np.concatenate([np.arange(200), 2 ** np.arange(17) + 1, np.arange(length - 200, length)]))
    stored = table[positions, pairs:] + 1j * table[positions, :pairs]
    bound = phase_error(ours, positions, Storage(), frequency_error=inv_freq_error(ours)).bound
    exact = np.exp(1j * np.remainder(np.longdouble(positions)[:, None] * ours.theta, 2 * np.pi).astype(float))
    assert (np.abs(stored - exact) <= bound + 1e-10).all()


def swaps_neighbours(kind):
    """Whether a class's own rotation mixes dimensions 0 and 1 (interleaved) or 0 and d/2 (half)."""
    kind = {"gemma3n_text": "gemma3n"}.get(kind, kind)
    module = importlib.import_module(CONFIG_MAPPING[kind].__module__.replace("configuration_", "modeling_"))
    unit = torch.zeros(1, 1, 1, 8)
    unit[..., 0] = 1.0
    if hasattr(module, "apply_rotary_emb") and kind in COMPLEX:
        turn = torch.polar(torch.ones(1, 1, 4), torch.full((1, 1, 4), 1.0))
        return bool(module.apply_rotary_emb(unit, unit, turn)[0][..., 1].abs().max() > 0.1)
    if hasattr(module, "apply_rotary_pos_emb_interleave"):
        # reorders neighbours to halves first: what follows 0 into its pair is 1
        other = torch.zeros_like(unit)
        other[..., 1] = 1.0
        cos, sin = torch.zeros(1, 1, 8), torch.ones(1, 1, 8)
        turned, reference = module.apply_rotary_pos_emb_interleave(unit, other, cos, sin)
        return bool((turned.abs() > 0.5).nonzero()[0, -1] == 4 and (reference.abs() > 0.5).nonzero()[0, -1] == 0)
    if not hasattr(module, "rotate_half"):  # gpt_oss: takes one cosine and sine a pair
        turned = module._apply_rotary_emb(unit, torch.zeros(1, 1, 1, 4), torch.ones(1, 1, 1, 4))
    else:
        turned = module.rotate_half(unit)
    return bool(turned[..., 1].abs().max() > 0.5)


@pytest.mark.parametrize("kind", [kind for kind in FACTS if kind not in SINUSOIDAL])
def test_pairing_of_every_class(kind):
    assert swaps_neighbours(kind) == (FACTS[kind].pairing == "interleaved")
