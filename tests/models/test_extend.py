"""A model with another table: verified by its tables, by transformers' own loading, and by what it says of itself."""

import dataclasses
import gc
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import rope_theory as rt

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from every_class import build as build_class  # noqa: E402
from every_class import quiet, rotary_classes  # noqa: E402
from tiny_models import FAMILIES, IDS, build  # noqa: E402

from rope_theory.models import capture  # noqa: E402
from rope_theory.models import extend as extend_function  # noqa: E402
from rope_theory.models._extend import window_of  # noqa: E402

PLAIN = sorted(set(FAMILIES) - {"phi3", "gpt_oss"})  # those two come with a scaling of their own


def extend(model, scaling, **more):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return extend_function(model, scaling, **more)


def described(model):
    nested = "full_attention" in model.config.rope_parameters
    return rt.from_hf(model.config, layer_type="full_attention" if nested else None)


def scalings(pairs):
    divisors = np.linspace(1.0, 4.0, pairs).tolist()
    return {
        "PI": rt.scaling.PositionInterpolation(4.0),
        "NTK-aware": rt.scaling.NTKAware(4.0),
        "dynamic": rt.scaling.DynamicNTK(4.0),
        "by parts": rt.scaling.NTKByParts(4.0),
        "YaRN": rt.scaling.YaRN(4.0, ramp="transformers"),
        "YaRN's paper": rt.scaling.YaRN(4.0, ramp="paper"),
        "Llama 3": rt.scaling.Llama3(4.0, 1.0, 4.0),
        "LongRoPE": rt.scaling.LongRoPE([1.0] * pairs, divisors, factor=4.0),
    }


@pytest.mark.parametrize("name", scalings(1))
@pytest.mark.parametrize("kind", PLAIN)
def test_every_family_takes_every_scaling(kind, name):
    model = build(kind, max_position_embeddings=64)
    rope = described(model)
    scaling = scalings(len(rope.frequencies()))[name]
    expected = {key: value.clone() for key, value in model.state_dict().items()}
    extended = extend(model, scaling)
    assert type(extended) is type(model)
    assert rt.precision.audit(extended).ok
    for tokens in (60, 200):  # what layers are given, at a length inside and one beyond
        layer = 1 if "full_attention" in model.config.rope_parameters else 0
        captured = capture(extended, IDS[:tokens], layers=[layer])
        table = scaling.frequencies(rope.config, tokens)
        exact = table.attention_factor * np.exp(1j * np.outer(np.arange(tokens), table.theta))
        np.testing.assert_allclose(captured.phasors[layer].numpy(), exact, atol=3e-5)
    assert all(torch.equal(model.state_dict()[key], value) for key, value in expected.items())
    shared = {weight.data_ptr() for weight in model.parameters()} & {
        weight.data_ptr() for weight in extended.parameters()
    }
    assert shared == set()
    assert extended.config.max_position_embeddings == (64 if name == "dynamic" else 256)
    assert model.config.max_position_embeddings == 64
    assert described(extended).config.context_length == 64


def test_only_the_layers_that_see_everything_are_changed():
    model = build("gemma3_text", max_position_embeddings=64)
    captured = capture(extend(model, rt.scaling.PositionInterpolation(4.0)), IDS[:40])
    before = capture(model, IDS[:40])
    assert torch.equal(captured.phasors[0], before.phasors[0])
    assert not torch.allclose(captured.phasors[1], before.phasors[1], atol=0.1)


def test_a_checkpoint_written_and_loaded_by_transformers_gives_the_same_logits(tmp_path):
    extended = extend(build("llama", max_position_embeddings=64), rt.scaling.YaRN(4.0))
    extended.save_pretrained(tmp_path)
    loaded = transformers.AutoModelForCausalLM.from_pretrained(tmp_path).eval()
    with torch.no_grad():
        torch.testing.assert_close(loaded(IDS[None, :200]).logits, extended(IDS[None, :200]).logits, rtol=0, atol=1e-6)


@pytest.mark.parametrize("method", ["PositionInterpolation", "YaRN", "NTKByParts"])
def test_factors_of_one_method_multiply_and_it_says_so(method):
    model = build("llama", max_position_embeddings=64)
    more = {} if method == "PositionInterpolation" else {"ramp": "transformers"}
    scaling = getattr(rt.scaling, method)
    twice = extend(model, scaling(2.0, **more))
    with pytest.warns(UserWarning, match=r"already, by \w+\(2.*\); factors multiply, to 6 in all"):
        twice = extend_function(twice, scaling(3.0, **more))
    once = extend(model, scaling(6.0, **more))
    assert twice.config.to_dict() == once.config.to_dict()
    assert once.config.max_position_embeddings == 384


@pytest.mark.parametrize("before", ["YaRN", "Llama3", "LongRoPE"])
@pytest.mark.parametrize("method", ["PositionInterpolation", "NTKAware"])
def test_interpolation_goes_on_top_of_anything(before, method):
    first = {
        "YaRN": rt.scaling.YaRN(2.0, ramp="transformers"),
        "Llama3": rt.scaling.Llama3(2.0, 1.0, 4.0),
        "LongRoPE": rt.scaling.LongRoPE([1.0] * 8, [2.0] * 8, factor=2.0),
    }[before]
    model = extend(build("llama", max_position_embeddings=64), first)
    with pytest.warns(UserWarning, match="factors multiply, to 6 in all"):
        extended = extend_function(model, getattr(rt.scaling, method)(3.0))
    config = rt.RopeConfig(16, context_length=64)
    plain = np.asarray(rt.scaling.Unscaled().frequencies(config).theta)
    more = plain / np.asarray(getattr(rt.scaling, method)(3.0).frequencies(config).theta)
    for length in (64, 300):
        wanted, found = first.frequencies(config, length), described(extended).frequencies(length)
        np.testing.assert_allclose(found.theta, np.asarray(wanted.theta) / more, rtol=1e-12)
        assert found.attention_factor == wanted.attention_factor
    assert extended.config.max_position_embeddings == 384


def test_a_changed_base_stretches_again():
    once = extend(build("llama", max_position_embeddings=64), rt.scaling.NTKAware(6.0))
    twice = extend(build("llama", max_position_embeddings=64), rt.scaling.NTKAware(2.0))
    with pytest.warns(UserWarning, match="has been extended from 64 to 128 tokens"):
        twice = extend_function(twice, rt.scaling.NTKAware(3.0))
    assert twice.config.rope_parameters["rope_theta"] == pytest.approx(once.config.rope_parameters["rope_theta"])
    assert twice.config.max_position_embeddings == 384


def test_a_scaling_may_be_put_in_the_place_of_another():
    model = build("phi3")
    with pytest.raises(ValueError, match=r"extended already, by LongRoPE\(8\), and YaRN\(4\) .* replace=True"):
        extend(model, rt.scaling.YaRN(4.0))
    replaced = extend(model, rt.scaling.YaRN(4.0, ramp="transformers"), replace=True)
    rope = described(model)
    wanted = rt.scaling.YaRN(4.0, ramp="transformers").frequencies(rope.config)
    found = described(replaced).frequencies(200)
    np.testing.assert_allclose(found.theta, wanted.theta, rtol=1e-12)
    assert found.attention_factor == wanted.attention_factor
    assert replaced.config.max_position_embeddings == 256


@pytest.mark.parametrize("kind", ["phi3", "gpt_oss"])
def test_families_with_a_scaling_of_their_own_take_others_in_its_place(kind):
    more = {} if kind == "phi3" else {"max_position_embeddings": 8192}
    model = build(kind, **more)
    rope = described(model)
    for name, scaling in scalings(len(rope.frequencies())).items():
        if kind == "phi3" and name == "dynamic":  # the class takes longrope only, whose lists follow no length
            with pytest.raises(ValueError, match=r"Phi3ForCausalLM cannot be extended by DynamicNTK"):
                extend(model, scaling, replace=True)
            continue
        extended = extend(model, scaling, replace=True)
        found = described(extended)
        np.testing.assert_allclose(found.frequencies().theta, scaling.frequencies(rope.config).theta, rtol=1e-12)
        assert rt.precision.audit(extended).ok, name


def test_direct_fine_tuning_is_a_longer_window_and_nothing_else():
    model = build("llama", max_position_embeddings=64)
    longer = extend(model, rt.scaling.Unscaled(), length=256)
    assert longer.config.max_position_embeddings == 256
    assert longer.config.rope_parameters == model.config.rope_parameters
    with torch.no_grad():
        assert torch.equal(longer(IDS[None, :60]).logits, model(IDS[None, :60]).logits)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_dtype_mode_and_frozen_weights_are_those_of_the_original(dtype):
    model = build("llama", dtype, max_position_embeddings=64).train()
    model.model.norm.weight.requires_grad_(False)
    extended = extend(model, rt.scaling.PositionInterpolation(2.0))
    assert {weight.dtype for weight in extended.parameters()} == {dtype}
    assert extended.training
    assert not extended.model.norm.weight.requires_grad
    assert extended.model.layers[0].mlp.up_proj.weight.requires_grad
    assert extended.model.rotary_emb.inv_freq.dtype == torch.float32


def test_tied_weights_stay_tied():
    model = build("llama", max_position_embeddings=64, tie_word_embeddings=True)
    extended = extend(model, rt.scaling.PositionInterpolation(2.0))
    assert extended.lm_head.weight is extended.model.embed_tokens.weight


def test_a_table_that_does_not_come_out_is_refused(monkeypatch):
    keys = {"rope_type": "default", "rope_theta": 1e4}
    monkeypatch.setitem(extend_function.__globals__, "to_hf", lambda *args: keys)
    with pytest.raises(ValueError, match=r"extended by PositionInterpolation\(2\): its config does not carry it"):
        extend(build("llama", max_position_embeddings=64), rt.scaling.PositionInterpolation(2.0))


@pytest.mark.parametrize(
    ("scaling", "more", "error", "words"),
    [
        (4.0, {}, TypeError, "scaling must be one of rt.scaling's methods, got float"),
        (rt.scaling.Unscaled(), {}, ValueError, "Unscaled does not say how long the new window is; give length"),
        (rt.scaling.PositionInterpolation(2), {"length": 32}, ValueError, "length must be at least 64, got 32"),
    ],
)
def test_bad_input_is_named(scaling, more, error, words):
    with pytest.raises(error, match=words):
        extend(build("llama", max_position_embeddings=64), scaling, **more)


def test_other_models_are_refused():
    with pytest.raises(TypeError, match="must be a loaded transformers model, got Linear"):
        extend(torch.nn.Linear(2, 2), rt.scaling.YaRN(2))
    config = transformers.GPT2Config(n_embd=32, n_layer=1, n_head=2, vocab_size=50)
    with pytest.raises(ValueError, match=r"RoPE|rotary"):
        extend(transformers.GPT2LMHeadModel(config), rt.scaling.YaRN(2))
    with pytest.raises(ValueError, match="at least 1"):
        rt.scaling.PositionInterpolation(0.5)


def test_the_new_window_is_the_present_one_times_the_factor():
    llama31 = {
        "rope_type": "llama3", "rope_theta": 5e5, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 64,
    }  # fmt: skip
    model = build("llama", max_position_embeddings=1024, rope_parameters=llama31)  # 16 times 64, like the released one
    with pytest.warns(UserWarning, match="to 16 in all"):
        assert extend_function(model, rt.scaling.PositionInterpolation(2.0)).config.max_position_embeddings == 2048
    replaced = extend(model, rt.scaling.PositionInterpolation(2.0), replace=True)
    assert replaced.config.max_position_embeddings == 128
    assert window_of(replaced) == 128
    assert window_of(extend(build("llama", max_position_embeddings=64), rt.scaling.DynamicNTK(4.0))) == 256


def test_a_dynamic_table_takes_no_other_length():
    model = build("llama", max_position_embeddings=64)
    assert extend(model, rt.scaling.DynamicNTK(2.0), length=128).config.max_position_embeddings == 64
    with pytest.raises(ValueError, match=r"DynamicNTK\(2\) follows the length of what it reads; leave length out"):
        extend(model, rt.scaling.DynamicNTK(2.0), length=512)


def test_parts_keep_their_modes_and_odd_models_their_weights():
    model = build("llama", max_position_embeddings=64).eval()
    model.model.layers[0].train()
    extended = extend(model, rt.scaling.PositionInterpolation(2.0))
    assert [layer.training for layer in extended.model.layers] == [True, False]
    body = extend(model.model, rt.scaling.PositionInterpolation(2.0))  # no generation config, no output layer
    assert torch.equal(body.embed_tokens.weight, model.model.embed_tokens.weight)
    model.config.tie_word_embeddings = True  # which its weights are not
    assert torch.equal(extend(model, rt.scaling.YaRN(2.0)).lm_head.weight, model.lm_head.weight)


def test_interpolation_of_a_table_with_pairs_that_stand_still():
    model = extend(build("llama", max_position_embeddings=64), rt.scaling.Proportional(0.5, 2.0))
    with pytest.warns(UserWarning, match="to 8 in all"):
        twice = extend_function(model, rt.scaling.PositionInterpolation(4.0))
    assert described(twice).scaling == rt.scaling.Proportional(0.5, 8.0)


def test_mixtral_whose_head_width_is_not_written():
    model = build("mixtral", max_position_embeddings=64, num_local_experts=2, head_dim=None)
    assert described(extend(model, rt.scaling.YaRN(4.0))).scaling.factor == 4.0


def test_encoders_and_adapters_are_refused():
    peft = pytest.importorskip("peft")
    model = build("llama", max_position_embeddings=64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        inside = peft.inject_adapter_in_model(peft.LoraConfig(r=2, target_modules=["q_proj"]), model)
    with pytest.raises(ValueError, match="Merge adapters first"):
        extend(inside, rt.scaling.YaRN(2.0))


def test_a_scaling_of_ones_own_runs_in_a_model():
    @dataclasses.dataclass(frozen=True)
    class SlowPairs(rt.scaling.Scaling):
        factor: float

        def _theta(self, config, length):
            theta = rt.scaling.Unscaled().frequencies(config).theta
            return np.where(2 * np.pi / theta > config.context_length, theta / self.factor, theta)

    model = build("llama", max_position_embeddings=64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        longer = rt.models.extend(model, SlowPairs(4.0))
    assert longer.config.max_position_embeddings == 256
    assert rt.precision.audit(longer).ok
    read = rt.from_hf(longer.config)
    assert read.frequencies().theta == pytest.approx(SlowPairs(4.0).frequencies(read.config).theta, rel=1e-6)


# ---- every other number that reaches the logits ----

DEEPSEEK = {
    "rope_type": "yarn", "rope_theta": 1e4, "factor": 40.0, "mscale": 1.0, "mscale_all_dim": 1.0,
    "original_max_position_embeddings": 64,
}  # fmt: skip
"""As in DeepSeek-V3's released config, with a small window."""


@pytest.mark.parametrize("kind", ["deepseek_v2", "deepseek_v3", "glm4_moe_lite", "youtu", "minicpm3"])
@pytest.mark.parametrize("name", ["Unscaled", *scalings(1)])
def test_latent_attention_keeps_its_softmax_scale(kind, name):
    which = next(one for one in rotary_classes() if one.model_type == kind)
    with quiet():
        model = build_class(which, rope_parameters=DEEPSEEK, max_position_embeddings=2560)
        pairs = len(described(model).frequencies())
        if name == "Unscaled":
            extended = extend(model, rt.scaling.Unscaled(), length=5120)
        else:
            extended = extend(model, scalings(pairs)[name], replace=True)
    scales = [
        {path: part.scaling for path, part in one.named_modules() if isinstance(getattr(part, "scaling", None), float)}
        for one in (model, extended)
    ]
    assert scales[0] == scales[1]
    plain = build_class(which).model.layers[0].self_attn.scaling  # without YaRN
    ratio = plain / model.model.layers[0].self_attn.scaling
    assert ratio == pytest.approx((0.1 * np.log(40.0) + 1.0) ** -2)  # 0.534: what would be lost
    if name == "Unscaled":
        with torch.no_grad():
            assert torch.equal(extended(IDS[None, :60]).logits, model(IDS[None, :60]).logits)


def test_extending_latent_attention_twice_keeps_its_softmax_scale():
    which = next(one for one in rotary_classes() if one.model_type == "deepseek_v3")
    with quiet():
        model = build_class(which, rope_parameters=DEEPSEEK, max_position_embeddings=2560)
        with pytest.warns(UserWarning, match="to 80 in all"):
            extended = extend_function(model, rt.scaling.PositionInterpolation(2.0))
    assert extended.model.layers[0].self_attn.scaling == model.model.layers[0].self_attn.scaling


def test_the_query_temperature_keeps_its_keys():
    which = next(one for one in rotary_classes() if one.model_type == "ministral3")
    with quiet():
        model = build_class(which)
        extended = extend(model, rt.scaling.PositionInterpolation(8.0), replace=True)
    rope = extended.config.rope_parameters
    assert (rope["llama_4_scaling_beta"], rope["original_max_position_embeddings"]) == (0.1, 64)


def test_a_temperature_that_follows_another_key_is_noticed(monkeypatch):
    """A class that changes another number with the RoPE dictionary, in a way that no list of this package has."""
    attention = transformers.models.llama.modeling_llama.LlamaAttention
    made = attention.__init__

    def init(self, config, layer_idx):
        made(self, config, layer_idx)
        self.scaling *= 2.0 if config.rope_parameters["rope_type"] == "linear" else 1.0

    monkeypatch.setattr(attention, "__init__", init)
    model = build("llama", max_position_embeddings=64)
    extended = extend(model, rt.scaling.PositionInterpolation(4.0))  # which finds another spelling
    assert extended.config.rope_parameters["rope_type"] == "longrope"
    assert extended.model.layers[0].self_attn.scaling == model.model.layers[0].self_attn.scaling

    def worse(self, config, layer_idx):
        made(self, config, layer_idx)
        self.scaling *= config.max_position_embeddings / 64

    monkeypatch.setattr(attention, "__init__", worse)
    with pytest.raises(
        ValueError, match=r"LlamaForCausalLM .* YaRN\(4\): .*scaling is 1\.0 in the copy and 0\.25 in the"
    ):
        extend(model, rt.scaling.YaRN(4.0))


def test_a_number_that_is_read_while_it_runs_is_noticed(monkeypatch):
    attention = transformers.models.llama.modeling_llama.LlamaAttention
    runs = attention.forward

    def scaled(self, hidden_states, **more):
        return runs(self, hidden_states * (self.config.max_position_embeddings / 64), **more)

    monkeypatch.setattr(attention, "forward", scaled)
    with pytest.raises(ValueError, match=r"YaRN\(4\): something besides its rotary angles changed"):
        extend(build("llama", max_position_embeddings=64), rt.scaling.YaRN(4.0))


class LogScaled(transformers.models.llama.modeling_llama.LlamaAttention):
    """Multiplies its softmax scale by log T past a window that it remembers, as the first Qwen did."""

    def forward(self, hidden_states, **more):
        tokens, window = hidden_states.shape[1], self.config.max_position_embeddings
        self.scaling = self.head_dim**-0.5 * (np.log(tokens) / np.log(window) if tokens > window else 1.0)
        return super().forward(hidden_states, **more)


class LogScaledModel(transformers.LlamaForCausalLM):
    def __init__(self, config):
        super().__init__(config)
        for layer in self.model.layers:
            layer.self_attn.__class__ = LogScaled


def test_a_class_of_ones_own_is_run_past_its_window():
    model = LogScaledModel(build("llama", max_position_embeddings=64).config).eval()
    with pytest.raises(ValueError, match="LogScaledModel cannot be extended by Unscaled: something besides its rotary"):
        extend(model, rt.scaling.Unscaled(), length=256)


# ---- what users do to a model before they extend it ----


def same_inside(model, extended):
    with torch.no_grad():
        return torch.equal(extended(IDS[None, :60]).logits, model(IDS[None, :60]).logits)


def test_gradient_checkpointing_stays_on():
    model = build("llama", max_position_embeddings=64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.gradient_checkpointing_enable()
    extended = extend(model, rt.scaling.Unscaled(), length=256)
    assert extended.model.layers[0].gradient_checkpointing
    assert same_inside(model, extended)


def test_settings_and_sizes_changed_after_loading_are_kept():
    model = build("llama", max_position_embeddings=64)
    model.config.pad_token_id = 2
    model.name_or_path = "somewhere"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.resize_token_embeddings(120)
    extended = extend(model, rt.scaling.Unscaled(), length=256)
    assert extended.config.pad_token_id == 2
    assert extended.lm_head.weight.shape[0] == 120
    assert same_inside(model, extended)


@pytest.mark.parametrize("shared", ["output", "a weight", "a layer"])
def test_what_is_shared_stays_shared(shared):
    model = build("llama", max_position_embeddings=64, tie_word_embeddings=False)
    layers = model.model.layers
    if shared == "output":
        model.lm_head.weight = model.model.embed_tokens.weight
    elif shared == "a weight":
        layers[1].mlp.gate_proj.weight = layers[0].mlp.gate_proj.weight
    else:
        layers[1] = layers[0]
    extended = extend(model, rt.scaling.Unscaled(), length=256)
    new = extended.model.layers
    pairs = {
        "output": (extended.lm_head.weight, extended.model.embed_tokens.weight),
        "a weight": (new[0].mlp.gate_proj.weight, new[1].mlp.gate_proj.weight),
        "a layer": (new[0].self_attn.q_proj.weight, new[1].self_attn.q_proj.weight),
    }
    assert pairs[shared][0] is pairs[shared][1]
    assert same_inside(model, extended)


def test_buffers_that_are_no_weights_are_copied():
    class Scaled(transformers.LlamaForCausalLM):
        def __init__(self, config):
            super().__init__(config)
            self.register_buffer("size_of_token", torch.ones(99), persistent=False)

        def forward(self, input_ids=None, position_ids=None, **more):
            embedded = self.model.embed_tokens(input_ids) * self.size_of_token[input_ids][..., None]
            return super().forward(inputs_embeds=embedded, position_ids=position_ids, **more)

    model = Scaled(build("llama", max_position_embeddings=64).config).eval()
    model.size_of_token[60] = 5.0  # a token that the comparing pass does not meet
    extended = extend(model, rt.scaling.PositionInterpolation(4.0))
    assert extended.size_of_token[60] == 5.0
    assert extended.size_of_token is not model.size_of_token


def test_each_part_keeps_its_attention_implementation():
    model = build("gemma3_text", max_position_embeddings=64)
    model.set_attn_implementation("eager")
    assert extend(model, rt.scaling.PositionInterpolation(4.0)).config._attn_implementation == "eager"


@pytest.mark.parametrize("kind", ["llama", "gemma3_text", "olmo3"])
def test_models_cast_to_half_precision_are_extended(kind):
    """Their frequencies were rounded by the cast; those of the copy are not."""
    model = build(kind, max_position_embeddings=64).to(torch.bfloat16)
    extended = extend(model, rt.scaling.PositionInterpolation(4.0))
    assert rt.precision.audit(extended).ok


def test_numbers_of_modules_changed_after_loading_are_kept():
    model = build("llama", max_position_embeddings=64)
    model.model.layers[0].self_attn.attention_dropout = 0.3
    model.model.layers[1].self_attn.scaling = 0.125
    model.enable_input_require_grads()
    extended = extend(model, rt.scaling.Unscaled(), length=256)
    assert extended.model.layers[0].self_attn.attention_dropout == 0.3
    assert extended.model.layers[1].self_attn.scaling == 0.125
    assert extended.model.embed_tokens(IDS[None, :4]).requires_grad
    assert same_inside(model, extended)


def test_a_number_that_goes_away_is_noticed(monkeypatch):
    attention = transformers.models.llama.modeling_llama.LlamaAttention
    made = attention.__init__

    def init(self, config, layer_idx):
        made(self, config, layer_idx)
        self.mask_from = 100 if config.rope_parameters["rope_type"] == "default" else None

    monkeypatch.setattr(attention, "__init__", init)
    with pytest.raises(ValueError, match="mask_from is None in the copy and 100 in the original"):
        extend(build("llama", max_position_embeddings=64), rt.scaling.YaRN(4.0))


def test_outputs_that_are_nan_compare_nothing():
    model = build("llama", max_position_embeddings=64)
    with torch.no_grad():
        model.model.norm.weight.fill_(float("nan"))
    with pytest.raises(ValueError, match="output is NaN or infinite throughout"):
        extend(model, rt.scaling.YaRN(4.0))


@pytest.mark.parametrize("change", ["head", "place", "function"])
def test_other_modules_are_named(change):
    model = build("llama", max_position_embeddings=64)
    if change == "head":
        model.lm_head = torch.nn.Sequential(model.lm_head)
    elif change == "place":
        model.model.extra = torch.nn.Dropout()
        model.model.again = model.model.extra
    else:
        del model.model.layers[0].mlp.act_fn
        model.model.layers[0].mlp.act_fn = torch.nn.functional.silu
    with pytest.raises(ValueError, match=r"its modules are not those of a plain LlamaForCausalLM: \S+ \(\d in all\)"):
        extend(model, rt.scaling.YaRN(4.0))


def living():
    gc.collect()
    return sum(type(one) is transformers.LlamaForCausalLM for one in gc.get_objects())


def test_a_refused_model_leaves_no_copies(monkeypatch):
    attention = transformers.models.llama.modeling_llama.LlamaAttention
    runs = attention.forward

    def scaled(self, hidden_states, **more):
        return runs(self, hidden_states * (self.config.max_position_embeddings / 64), **more)

    monkeypatch.setattr(attention, "forward", scaled)
    model = build("llama", max_position_embeddings=64)
    before = living()
    with pytest.raises(ValueError, match="something besides its rotary angles"):
        extend(model, rt.scaling.YaRN(4.0))
    assert living() <= before + 1  # the one without weights that it was compared with


def test_two_threads_extend_one_after_the_other():
    model = build("llama", max_position_embeddings=64)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda factor: extend_function(model, rt.scaling.YaRN(factor)), (2.0, 3.0, 4.0, 5.0)))
    assert [described(one).scaling.factor for one in found] == [2.0, 3.0, 4.0, 5.0]
    assert torch.nn.Linear(2, 2).weight.device.type == "cpu"


def test_latent_attention_with_another_base_keeps_its_base():
    which = next(one for one in rotary_classes() if one.model_type == "deepseek_v3")
    with quiet():
        model = build_class(which, rope_parameters={**DEEPSEEK, "rope_theta": 5e4}, max_position_embeddings=2560)
        for scaling, length in ((rt.scaling.Unscaled(), 2560), (rt.scaling.NTKAware(4.0), None)):
            extended = extend(model, scaling, length=length, replace=True)
            found = described(extended)
            np.testing.assert_allclose(found.frequencies().theta, scaling.frequencies(found.config).theta, rtol=1e-12)
            assert extended.model.layers[0].self_attn.scaling == model.model.layers[0].self_attn.scaling


def test_a_compiled_model_is_compared_as_it_is():
    model = build("llama", max_position_embeddings=64)
    model.compile()
    assert described(extend(model, rt.scaling.YaRN(4.0))).scaling.factor == 4.0


def test_a_mask_that_changes_beyond_the_compared_tokens_is_noticed(monkeypatch):
    attention = transformers.models.llama.modeling_llama.LlamaAttention
    made = attention.__init__

    def init(self, config, layer_idx):
        made(self, config, layer_idx)
        self.first_masked = config.max_position_embeddings // 2

    monkeypatch.setattr(attention, "__init__", init)
    with pytest.raises(ValueError, match=r"self_attn\.first_masked is 128 in the copy and 32 in the original"):
        extend(build("llama", max_position_embeddings=64), rt.scaling.YaRN(4.0))


# ---- tables that come with the weights ----


class PersistentRotary(transformers.models.llama.modeling_llama.LlamaRotaryEmbedding):
    """One that keeps its frequencies in the checkpoint, as ESM and older code do."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        table = self.inv_freq
        del self.inv_freq
        self.register_buffer("inv_freq", table, persistent=True)


@pytest.mark.parametrize("name", scalings(1))
def test_frequencies_among_the_weights_are_those_of_the_scaling(name, monkeypatch, tmp_path):
    monkeypatch.setattr(transformers.models.llama.modeling_llama, "LlamaRotaryEmbedding", PersistentRotary)
    model = build("llama", max_position_embeddings=64)
    assert "model.rotary_emb.inv_freq" in model.state_dict()
    rope, old = described(model), model.model.rotary_emb.inv_freq.clone()
    scaling = scalings(len(rope.frequencies()))[name]
    extended = extend(model, scaling)
    np.testing.assert_allclose(extended.model.rotary_emb.inv_freq, scaling.frequencies(rope.config).theta, rtol=1e-6)
    assert torch.equal(model.model.rotary_emb.inv_freq, old)
    extended.save_pretrained(tmp_path)
    loaded = transformers.AutoModelForCausalLM.from_pretrained(tmp_path).eval()
    with torch.no_grad():
        torch.testing.assert_close(loaded(IDS[None, :200]).logits, extended(IDS[None, :200]).logits, rtol=0, atol=1e-6)


def test_a_table_overwritten_after_the_tables_were_read_is_noticed(monkeypatch):
    """What is returned was executed: a copy whose frequencies change late is refused."""
    filled = extend_function.__globals__["filled"]

    def late(*given):
        extended = filled(*given)
        for table in extended.model.rotary_emb.buffers():
            table.mul_(0.9)
        return extended

    monkeypatch.setitem(extend_function.__globals__, "filled", late)
    with pytest.raises(ValueError, match=r"module model.rotary_emb returns cosines and sines that are off by"):
        extend(build("llama", max_position_embeddings=64), rt.scaling.PositionInterpolation(4.0))


# ---- Phi-3's class, which takes longrope only ----

WHOLE_PHI3 = {"rope_parameters": {"rope_type": "default", "rope_theta": 1e4}, "original_max_position_embeddings": 64}
PHI4_MINI = {
    "rope_parameters": {
        "rope_type": "longrope", "rope_theta": 1e4, "short_factor": [1.0] * 6,
        "long_factor": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
        "original_max_position_embeddings": 64, "partial_rotary_factor": 0.75,
    },
    "original_max_position_embeddings": 64, "max_position_embeddings": 512,
}  # fmt: skip
"""Phi-3-mini-4k rotates the whole head without scaling, Phi-4-mini three quarters of it with lists."""


@pytest.mark.parametrize("keys", [WHOLE_PHI3, PHI4_MINI], ids=["whole head", "three quarters"])
@pytest.mark.parametrize("name", sorted(set(scalings(1)) - {"dynamic"}))
def test_phi3_is_saved_whatever_it_was_extended_by(keys, name, tmp_path):
    model = build("phi3", **{"max_position_embeddings": 64, **keys})
    rope = described(model)
    scaling = scalings(len(rope.frequencies()))[name]
    extended = extend(model, scaling, replace=True)
    np.testing.assert_allclose(
        described(extended).frequencies(200).theta, scaling.frequencies(rope.config, 200).theta, rtol=1e-12
    )
    extended.save_pretrained(tmp_path)
    loaded = transformers.AutoModelForCausalLM.from_pretrained(tmp_path).eval()
    with torch.no_grad():
        torch.testing.assert_close(loaded(IDS[None, :200]).logits, extended(IDS[None, :200]).logits, rtol=0, atol=1e-5)


def test_measuring_leaves_a_dynamic_table_as_it_was():
    """A pass beyond the window grows the table of each layer type; none of that stays."""
    for kind in ("llama", "gemma3_text"):
        extended = extend(build(kind, max_position_embeddings=64), rt.scaling.DynamicNTK(4.0))
        part = extended.model.rotary_emb
        before = {name: value for name, value in vars(part).items() if name[0] != "_"}
        tables = {name: value.clone() for name, value in part.named_buffers()}
        capture(extended, IDS[:200], layers=[1])
        assert {name: value for name, value in vars(part).items() if name[0] != "_"} == before
        assert all(torch.equal(value, tables[name]) for name, value in part.named_buffers())
