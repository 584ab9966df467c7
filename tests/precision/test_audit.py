"""Healthy tables pass; each way to break one is found by its name."""

import copy
import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

import rope_theory as rt  # noqa: E402
from rope_theory.precision import FINDINGS, _table_rounding, audit  # noqa: E402

SMALL = {
    "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
    "num_key_value_heads": 2, "vocab_size": 64, "max_position_embeddings": 128, "pad_token_id": 0,
    "bos_token_id": 1, "eos_token_id": 2,
}  # fmt: skip
OLDER = {"n_embd": 32, "n_layer": 2, "n_head": 2, "vocab_size": 64, "n_positions": 64, "bos_token_id": 1,
         "eos_token_id": 2}  # fmt: skip
TWO_TYPES = {"head_dim": 16, "layer_types": ["sliding_attention", "full_attention"]}
ROPES = {
    "default": {"rope_type": "default"},
    "linear": {"rope_type": "linear", "factor": 4.0},
    "dynamic": {"rope_type": "dynamic", "factor": 4.0},
    "yarn": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 128},
    "llama3": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
               "original_max_position_embeddings": 64},
    "longrope": {"rope_type": "longrope", "factor": 8.0, "short_factor": [1.0] * 8,
                 "long_factor": [1 + 0.5 * j for j in range(8)], "original_max_position_embeddings": 64},
}  # fmt: skip
LONGER = {"yarn", "llama3", "longrope"}


@pytest.fixture(autouse=True, scope="module")
def quiet():
    before = transformers.logging.get_verbosity()
    transformers.logging.set_verbosity_error()
    yield
    transformers.logging.set_verbosity(before)


def build(kind, **keys):
    torch.manual_seed(0)
    return transformers.AutoModel.from_config(transformers.CONFIG_MAPPING[kind](**keys))


def llama(name="default", base=10000.0, *, window=None, **keys):
    rope = {"rope_theta": base, **ROPES[name]}
    if window is not None and name in LONGER:
        rope["original_max_position_embeddings"] = window
        window = 8 * window
    window = window or (512 if name in LONGER else 128)
    return build("llama", **{**SMALL, "max_position_embeddings": window, "rope_parameters": rope, **keys})


def tables(model):
    return [buffer for name, buffer in model.named_buffers() if name.endswith("inv_freq")]


def fill(model, values):
    for buffer in tables(model):
        buffer.copy_(torch.tensor(np.array(values)))
    return model


def found(model):
    return {row.finding for row in audit(model).rows}


@pytest.mark.parametrize("name", ROPES)
def test_a_healthy_llama_passes_whatever_its_scaling(name):
    result = audit(llama(name))
    assert result.ok, result.verdict
    assert result.findings == ()
    assert result.verdict == "2 rotary tables compared: all exact to float32."
    assert [row.name for row in result.rows] == ["rotary_emb.inv_freq", "rotary_emb.original_inv_freq"]
    for row in result.rows:
        assert (row.dtype, row.device, row.pairs, row.layer_type, row.remark) == ("float32", "cpu", 8, None, "")
        assert row.frequency_error < 1e-6
        assert row.phase_error < 1e-5
        assert row.attention_scaling == pytest.approx(row.described_scaling, rel=1e-6)


@pytest.mark.parametrize(
    ("kind", "keys", "count"),
    [
        ("gemma3_text", {**SMALL, **TWO_TYPES}, 4),
        ("glm", {**SMALL, "head_dim": 16, "partial_rotary_factor": 0.5}, 2),
        ("gpt_neox", {key: value for key, value in SMALL.items() if key != "num_key_value_heads"}, 2),
        ("gptj", {**OLDER, "rotary_dim": 8}, 2),
        ("codegen", {**OLDER, "n_head": 4, "rotary_dim": 4}, 2),
        ("modernbert", {**SMALL, "num_hidden_layers": 3, "cls_token_id": 1, "sep_token_id": 2}, 4),
    ],
)
def test_healthy_models_of_other_families_pass(kind, keys, count):
    result = audit(build(kind, **keys))
    assert result.ok, result.verdict
    assert len(result.rows) == count
    if kind in ("gemma3_text", "modernbert"):
        assert {row.layer_type for row in result.rows} == {"sliding_attention", "full_attention"}


def test_a_model_made_in_bfloat16_keeps_its_table_and_one_cast_to_it_does_not():
    config = llama().config
    made = transformers.AutoModel.from_config(config, dtype=torch.bfloat16)
    assert made.dtype == torch.bfloat16
    assert audit(made).ok
    cast = audit(made.to(torch.bfloat16))
    assert cast.findings == ("rounded to bfloat16",)
    assert {row.dtype for row in cast.rows} == {"bfloat16"}
    theta = rt.scaling.Unscaled().frequencies(rt.RopeConfig(16)).theta
    expected = np.abs(torch.tensor(theta).bfloat16().double().numpy() - theta).max() * 127
    assert cast.rows[0].phase_error == pytest.approx(expected, rel=1e-4)
    assert "rounded to bfloat16 (2 of 2, first rotary_emb.inv_freq, 0.023 rad off" in cast.verdict


@pytest.mark.parametrize("name", ROPES)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_rounding_is_seen_after_the_table_is_float32_again(name, dtype):
    model = llama(name)
    for module in model.modules():
        for key, buffer in module.named_buffers(recurse=False):
            setattr(module, key, buffer.to(dtype).float())
    result = audit(model)
    assert result.findings == (f"rounded to {str(dtype).removeprefix('torch.')}",)
    assert {row.dtype for row in result.rows} == {"float32"}
    assert "rounded before they were kept in float32" in result.rows[0].remark


def test_half_cast_tables_are_named():
    model = llama()
    model.rotary_emb.inv_freq = model.rotary_emb.inv_freq.half()
    result = audit(model)
    assert result.findings == ("rounded to float16", "half-cast")
    assert "half-cast (float16, float32)" in result.verdict
    assert [row.finding for row in result.rows] == ["rounded to float16", "exact to float32"]
    gemma = build("gemma3_text", **SMALL, **TWO_TYPES)
    gemma.rotary_emb.full_attention_inv_freq = gemma.rotary_emb.full_attention_inv_freq.bfloat16()
    assert audit(gemma).findings == ("rounded to bfloat16", "half-cast")


@pytest.mark.parametrize("name", ROPES)
@pytest.mark.parametrize("rounded", [False, True])
def test_a_wrong_base_is_named_with_the_base_that_explains_it(name, rounded):
    model, other = llama(name), llama(name, base=500000.0)
    for mine, theirs in zip(tables(model), tables(other), strict=True):
        mine.copy_(theirs)
    result = audit(model.to(torch.bfloat16) if rounded else model)
    assert result.findings == ("wrong base",)
    for row in result.rows:
        assert row.fitted_base == 500000.0
        assert row.phase_error > 1.0
        assert "500000, 10000 is described" in row.remark


kept = functools.cache(llama)


@settings(max_examples=25)
@given(st.floats(500.0, 1e8), st.sampled_from(sorted(ROPES)))
def test_any_base_is_recovered(base, name):
    model = kept(name)
    described = rt.from_hf(model.config)
    fill(model, described.scaling.frequencies(rt.RopeConfig(16, base, described.config.context_length)).theta)
    (first, *_) = audit(model).rows
    if first.finding == "exact to float32":
        assert base == pytest.approx(10000.0, rel=1e-4)
    else:
        assert first.finding == "wrong base"
        assert first.fitted_base == pytest.approx(base, rel=1e-4)


def test_two_tables_exchanged_are_each_the_others_base():
    gemma = build("gemma3_text", **SMALL, **TWO_TYPES)
    rotary = gemma.rotary_emb
    rotary.full_attention_inv_freq, rotary.sliding_attention_inv_freq = (
        rotary.sliding_attention_inv_freq, rotary.full_attention_inv_freq,
    )  # fmt: skip
    bases = {row.layer_type: row.fitted_base for row in audit(gemma).rows if row.finding == "wrong base"}
    assert bases == {"full_attention": 10000.0, "sliding_attention": 1000000.0}


def test_a_forgotten_factor_is_named():
    model = llama("linear")
    plain = rt.scaling.Unscaled().frequencies(rt.RopeConfig(16)).theta
    (row, _) = audit(fill(model, plain)).rows
    assert row.finding == "wrong scaling factor"
    assert row.fitted_factor == 0.25
    assert row.frequency_error == pytest.approx(3.0)
    assert "PositionInterpolation was not applied" in row.remark
    (row, _) = audit(fill(model, plain / 8)).rows
    assert (row.finding, row.fitted_factor) == ("wrong scaling factor", 2.0)
    for name in ("yarn", "llama3"):
        assert found(fill(llama(name), plain)) == {"scaling not applied"}


def test_an_attention_scaling_that_is_not_the_described_one():
    model = llama("yarn")
    model.rotary_emb.attention_scaling = 1.0
    result = audit(model)
    assert result.findings == ("attention scaling differs",)
    assert result.rows[0].described_scaling == pytest.approx(1 + 0.1 * np.log(4))
    assert "multiplied by 1, 1.13863 is described" in result.rows[0].remark


@pytest.mark.parametrize(
    "values",
    [np.zeros(8), np.full(8, np.nan), [1.0, 0.5, np.inf, 0.1, 0.05, 0.01, 0.005, 0.001], -np.ones(8) / 3,
     [0.3, 0.7, 0.9, 0.2, 0.1, 0.8, 0.4, 0.6], [1e20, 3.0, 2.0, 1.0, 0.5, 0.1, 0.01, 0.001], np.full(8, 1e-30)],
    ids=["zeros", "nan", "infinite", "negative", "no order", "huge", "tiny"],
)  # fmt: skip
def test_memory_nobody_wrote_to(values):
    result = audit(fill(llama(), values))
    assert result.findings == ("uninitialised",)
    assert result.rows[0].remark
    assert not any(isinstance(value, float) and np.isnan(value) for value in result.rows[0].to_dict().values())


def test_a_model_emptied_from_the_meta_device():
    with torch.device("meta"):
        model = llama()
    with pytest.raises(ValueError, match=r"rotary_emb\.inv_freq lies on the meta device.*Load the model with from_"):
        audit(model)
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)  # fills what is empty with NaN; without it, anything may stand there
    try:
        model.to_empty(device="cpu")
    finally:
        torch.use_deterministic_algorithms(before)
    assert audit(model).findings == ("uninitialised",)
    model.init_weights()
    model.apply(model._init_weights)
    assert audit(model).ok


def test_an_ordinary_table_that_nothing_explains():
    theta = rt.scaling.Unscaled().frequencies(rt.RopeConfig(16)).theta
    result = audit(fill(llama(), theta * np.linspace(1.0, 0.8, 8) ** 2 + 1e-4))
    assert result.findings == ("different table",)
    assert result.rows[0].fitted_base is None
    model = llama()
    model.rotary_emb.inv_freq = torch.ones(4)
    assert [row.finding for row in audit(model).rows] == ["wrong shape", "exact to float32"]
    assert audit(model).rows[0].phase_error is None


def test_tables_that_follow_the_length_may_be_those_of_a_length_seen():
    tokens = torch.zeros(1, 300, dtype=torch.long)
    for name, length in (("dynamic", 300), ("longrope", 65)):
        model = llama(name)
        with torch.no_grad():
            model(tokens)
        result = audit(model)
        assert result.ok, result.verdict
        assert result.rows[0].reference_length == length
        assert f"sequences of {length} tokens" in result.rows[0].remark
        assert result.rows[1].reference_length is None
    assert result.rows[2].name == "rotary_emb.long_inv_freq"  # longrope's plain attribute
    assert audit(model.to(torch.bfloat16)).findings == ("rounded to bfloat16", "half-cast")


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (lambda table: table.mul_(1.25), "attention scaling differs"),
        (lambda table: table.zero_(), "uninitialised"),
        (lambda table: table.fill_(float("nan")), "uninitialised"),
        (lambda table: table.copy_(table.bfloat16()), "rounded to bfloat16"),
        (lambda table: table[20:40].copy_(table[20:40].flip(0)), "different table"),
        (lambda table: table.copy_(sines(500000.0)), "wrong base"),
        (lambda table: table.copy_(sines(500000.0).bfloat16()), "wrong base"),
        (lambda table: table.copy_(sines(10000.0, 2.0)), "wrong scaling factor"),
    ],
)
def test_tables_of_sines_and_cosines(change, finding):
    model = build("gptj", **OLDER, rotary_dim=8)
    assert audit(model).rows[0].name == "h.0.attn.embed_positions"
    change(model.h[0].attn.embed_positions)
    assert [row.finding for row in audit(model).rows] == [finding, "exact to float32"]


def sines(base, factor=1.0):
    phase = torch.arange(64.0)[:, None] * base ** (-torch.arange(4.0) / 4) / factor
    return torch.cat((phase.sin(), phase.cos()), dim=1)


@pytest.mark.parametrize("layout", ["half", "interleaved"])
def test_cached_cosines_and_sines_in_both_layouts(layout):
    model = llama()
    phase = torch.arange(128.0)[:, None] * tables(model)[0]
    both = torch.cat((phase, phase), -1) if layout == "half" else phase.repeat_interleave(2, -1)
    model.layers[0].self_attn.cos_cached, model.layers[0].self_attn.sin_cached = both.cos()[None, None], both.sin()
    result = audit(model)
    assert result.ok, result.verdict
    assert any(row.name == "layers.0.self_attn.cos_cached, sin_cached" for row in result.rows)
    model.layers[0].self_attn.sin_cached = (both / 4).sin()
    model.layers[0].self_attn.cos_cached = (both / 4).cos()
    assert "wrong scaling factor" in audit(model).findings
    model.layers[0].self_attn.cos_cached = both.cos()[:, :6]
    assert "wrong shape" in audit(model).findings


def with_cache(model, frequencies=None, positions=None, count=128):
    """Put a table of cosines and sines into the first layer, made of these frequencies and positions."""
    frequencies = tables(model)[0] if frequencies is None else frequencies
    phase = (torch.arange(float(count)) if positions is None else positions)[:, None] * frequencies
    both = torch.cat((phase, phase), -1).float()
    attention = model.layers[0].self_attn
    attention.cos_cached, attention.sin_cached = both.cos(), both.sin()
    return attention


def row_of_cache(model):
    return next(row for row in audit(model).rows if "cached" in row.name)


@pytest.mark.parametrize("narrow", [torch.bfloat16, torch.float16])
def test_a_cache_made_of_rounded_numbers_is_named(narrow):
    name = str(narrow).removeprefix("torch.")
    for kept in (torch.float32, torch.bfloat16):
        model = llama()
        attention = with_cache(model, tables(model)[0].to(narrow).float())
        attention.cos_cached, attention.sin_cached = attention.cos_cached.to(kept), attention.sin_cached.to(kept)
        assert row_of_cache(model).finding == f"rounded to {name}"
        assert row_of_cache(model).remark == f"Its phases are those of frequencies in {name}."
    model = llama(window=4096)
    with_cache(model, positions=torch.arange(4096.0).to(narrow).float())
    assert row_of_cache(model).remark == f"Its phases are those of positions in {name}."
    with_cache(model, tables(model)[0].to(narrow), torch.arange(4096.0).to(narrow))
    assert row_of_cache(model).remark == f"Its phases are those of positions, frequencies, phases in {name}."


def test_a_cache_of_which_one_half_was_cast():
    for name in ("cos_cached", "sin_cached"):
        model = llama()
        attention = with_cache(model)
        setattr(attention, name, getattr(attention, name).bfloat16())
        result = audit(model)
        assert result.findings == ("rounded to bfloat16", "half-cast")
        assert set(row_of_cache(model).dtype.split(" and ")) == {"float32", "bfloat16"}


@pytest.mark.parametrize(
    ("change", "finding", "words"),
    [
        (lambda table: table[:, 8:].fill_(float("nan")), "uninitialised", "NaN or infinite"),
        (lambda table: table[:, 8:].mul_(0.5), "different table", "two members of a pair"),
        (lambda table: table.neg_(), "different table", "At position 1 its phases are -1,"),
    ],
)
def test_every_number_of_a_cache_is_looked_at(change, finding, words):
    model = llama()
    change(with_cache(model).sin_cached)
    assert row_of_cache(model).finding == finding
    assert words in row_of_cache(model).remark


@pytest.mark.parametrize("gone", ["none", "deleted", "cosines", "sines"])
def test_a_table_that_is_missing(gone):
    model = llama()
    if gone == "none":
        model.rotary_emb.inv_freq = None
    elif gone == "deleted":
        del model.rotary_emb.inv_freq
    else:
        delattr(with_cache(model), {"cosines": "cos_cached", "sines": "sin_cached"}[gone])
    result = audit(model)
    assert result.findings == ("missing",)
    (row,) = [row for row in result.rows if row.finding == "missing"]
    assert (row.pairs, row.dtype, row.device, row.phase_error) == (0, "", "", None)
    assert row.name.endswith({"cosines": "cos_cached", "sines": "sin_cached"}.get(gone, "rotary_emb.inv_freq"))


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (lambda table: table.long(), "different table"),
        (lambda table: torch.tensor(1.0), "wrong shape"),
        (lambda table: table[None], "wrong shape"),
        (lambda table: table.flip(0), "different table"),
        (lambda table: 1 / table, "different table"),
        (lambda table: table.to_sparse(), "exact to float32"),
        (lambda table: table.double(), "exact to float32"),
    ],
)
def test_frequencies_of_another_kind(change, finding):
    model = llama()
    model.rotary_emb.inv_freq = change(model.rotary_emb.inv_freq)
    result = audit(model)
    assert result.rows[0].finding == finding
    assert result.ok == (finding == "exact to float32")  # float64 beside float32 is no half-cast


@pytest.mark.parametrize(
    "shapes", [[(5, 0), (5, 0)], [(5, 16), (5, 8)], [(5, 6), (5, 6)], [(16,), (16,)], [(1, 16)] * 2]
)
def test_caches_of_other_shapes(shapes):
    model = llama()
    attention = model.layers[0].self_attn
    attention.cos_cached, attention.sin_cached = (torch.ones(shape) for shape in shapes)
    assert row_of_cache(model).finding == "wrong shape"
    attention.embed_positions = torch.ones(5, 127)
    assert "wrong shape" in audit(model).findings


@pytest.mark.parametrize("name", ROPES)
def test_a_table_a_few_roundings_off_is_not_exact(name):
    model = llama(name, window=2**17)
    exact = [table.clone() for table in tables(model)]
    assert audit(model).ok
    for table, before in zip(tables(model), exact, strict=True):
        table.copy_(before * (1 + 4e-6))
    result = audit(model)
    assert not result.ok
    assert result.rows[0].phase_error > 0.01


@pytest.mark.parametrize("base", [1e4, 5e5, 1e9])
@pytest.mark.parametrize("width", [32, 128, 256])
@pytest.mark.parametrize("name", ["default", "linear", "dynamic", "yarn", "llama3"])
@pytest.mark.parametrize("factor", [1.7, 8.0, 40.0])
def test_healthy_tables_stay_well_within_what_is_allowed(base, width, name, factor):
    rope = {"rope_theta": base, **ROPES[name], "original_max_position_embeddings": 8192}
    rope |= {} if name == "default" else {"factor": factor}
    config = transformers.LlamaConfig(**{**SMALL, "head_dim": width, "max_position_embeddings": 8192 * 40,
                                         "rope_parameters": rope})  # fmt: skip
    table = transformers.models.llama.modeling_llama.LlamaRotaryEmbedding(config).inv_freq.double().numpy()
    described = rt.from_hf(config).frequencies()
    assert (np.abs(table - described.theta) <= 0.5 * _table_rounding.allowed(described)).all()


@pytest.mark.parametrize("base", [10010.0, 10015.0, 10020.0, 10050.0])
def test_a_base_hidden_by_rounding_is_still_a_base(base):
    model = llama(head_dim=128)
    fill(model, base ** (-np.arange(64) / 64))
    for module in model.modules():
        for key, buffer in module.named_buffers(recurse=False):
            setattr(module, key, buffer.bfloat16())
    (row, *_) = audit(model).rows
    assert row.finding == "wrong base"
    assert row.fitted_base == pytest.approx(base, rel=2e-3)


def test_an_attention_scaling_that_is_no_number():
    model = llama()
    model.rotary_emb.attention_scaling = float("nan")
    result = audit(model)
    assert result.findings == ("attention scaling differs",)
    assert result.rows[0].attention_scaling is None
    assert "multiplied by nan, 1 is described" in result.rows[0].remark


def test_classes_that_were_not_read_are_not_accused_of_another_shape():
    keys = {**SMALL, "num_hidden_layers": 1, "moe_intermediate_size": 32, "num_local_experts": 2,
            "num_experts_per_tok": 1}  # fmt: skip
    with pytest.raises(
        ValueError, match=r"none of its 2 rotary table.*shape \(64,\); 32 pairs.*'minimax_m3_vl_text' reads"
    ):
        audit(build("minimax_m3_vl_text", **keys))  # its class reads no rotary_dim


def test_nothing_in_the_model_is_changed():
    model = llama("yarn")
    before = copy.deepcopy(model.state_dict()), [table.clone() for table in tables(model)], model.config.to_dict()
    audit(model)
    assert all(torch.equal(value, before[0][key]) for key, value in model.state_dict().items())
    assert all(torch.equal(one, other) for one, other in zip(tables(model), before[1], strict=True))
    assert model.config.to_dict() == before[2]


def test_the_record_is_tidy():
    pytest.importorskip("pandas")
    result = audit(llama())
    frame = result.to_pandas()
    assert list(frame["finding"]) == ["exact to float32"] * 2
    assert {row.finding for row in result.rows} <= set(FINDINGS)
    assert result.to_dict()["rows"][0]["name"] == "rotary_emb.inv_freq"


def test_parts_without_a_description_are_shown_and_not_judged():
    model = llama()
    vision = torch.nn.Module()
    vision.config = transformers.CLIPVisionConfig()
    vision.inv_freq = torch.ones(3)
    model.vision = vision
    result = audit(model)
    assert result.ok
    assert result.verdict == "2 rotary tables compared (1 not compared): all exact to float32."
    assert "No RoPE in this config" in next(row for row in result.rows if row.name == "vision.inv_freq").remark


def test_what_cannot_be_audited_is_an_error_in_words():
    with pytest.raises(TypeError, match="model must be a loaded transformers model, got int; from_pre"):
        audit(3)
    with pytest.raises(TypeError, match="model must be a loaded transformers model, got type"):
        audit(transformers.LlamaModel)
    with pytest.raises(TypeError, match="Linear is a torch module without a transformers config; give the whole model"):
        audit(torch.nn.Linear(2, 2))
    with pytest.raises(ValueError, match=r"it is in float16 on a CPU.*Load it in float32 or bfloat16"):
        audit(llama().half())
    for kind, keys in (("gpt2", OLDER), ("bert", {k: v for k, v in SMALL.items() if k != "num_key_value_heads"})):
        with pytest.raises(ValueError, match=r"Model cannot be audited: No RoPE in this config"):
            audit(build(kind, **keys))
    model = llama()
    model.rotary_emb = torch.nn.Identity()
    with pytest.raises(
        ValueError,
        match=r"LlamaModel cannot be audited: it holds no rotary table this package knows.*Give the whole model",
    ):
        audit(model)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_a_gpu_also_in_float16():
    model = llama("yarn").to("cuda")
    assert audit(model).ok
    assert audit(model).rows[0].device.startswith("cuda")
    assert audit(model.half()).findings == ("rounded to float16",)
