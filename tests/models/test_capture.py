"""Captured queries and keys: scores rebuilt from them are the model's own logits, family by family."""

import sys

import numpy as np
import pytest

import rope_theory as rt

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from tiny_models import FAMILIES, IDS, SMALL, build  # noqa: E402
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS, AttentionMaskInterface  # noqa: E402
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS  # noqa: E402

from rope_theory.models import capture  # noqa: E402
from rope_theory.scaling.huggingface.facts import FACTS  # noqa: E402


def logits_before_softmax(model, ids):
    """Return q·k of every layer, (heads, T, T), from an attention function of this test's own."""
    found = {}

    def attend(module, query, key, value, mask, **kwargs):
        groups = query.shape[1] // key.shape[1]
        found[module.layer_idx] = query[0].double() @ key[0].double().repeat_interleave(groups, 0).transpose(-1, -2)
        plain = sys.modules[type(module).__module__].eager_attention_forward
        return ALL_ATTENTION_FUNCTIONS.get_interface(before, plain)(module, query, key, value, mask, **kwargs)

    before = model.config._attn_implementation
    transformers.AttentionInterface.register("of_this_test", attend)
    AttentionMaskInterface.register("of_this_test", ALL_MASK_ATTENTION_FUNCTIONS[before])
    model.set_attn_implementation("of_this_test")
    with torch.no_grad():
        model(input_ids=ids[None], use_cache=False)
    model.set_attn_implementation(before)
    return found


def pairs(length):
    rng = np.random.default_rng(1)
    m = np.concatenate([[length - 1, 1], rng.integers(length, size=200)])
    return m, rng.integers(m + 1)


def coefficients(captured, layer, head, m, n):
    q, k = captured.query[layer][head, m].double(), captured.key[layer][captured.key_head(layer, head), n].double()
    width = captured.frequencies[layer].config.width
    h = rt.score_coefficients(q, k, pairing=captured.pairing, rotary_dim=width)
    return h, rt.position_free_term(q, k, rotary_dim=width)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-5)])
@pytest.mark.parametrize("kind", FAMILIES)
def test_scores_are_the_models_own_logits(kind, dtype, tolerance):
    model, ids = build(kind, dtype), IDS[:96]
    captured, logits = capture(model, ids), logits_before_softmax(model, ids)
    m, n = pairs(len(ids))
    assert captured.tokens == 96
    assert set(captured.query) == set(captured.key) == set(logits) == {0, 1}
    for layer, table in captured.phasors.items():
        z = table.to(torch.complex128)
        for head in range(4):
            h, rest = coefficients(captured, layer, head, m, n)
            scores = (h * z[m] * z[n].conj()).real.sum(-1) + rest
            size = h.abs().sum(-1) + rest.abs() + 1e-12
            assert ((scores - logits[layer][head, m, n]).abs() / size).max() < tolerance


@pytest.mark.parametrize("kind", [kind for kind in FAMILIES if kind != "phi3"])
def test_exact_frequencies_give_the_same_up_to_the_rounding_of_tables(kind):
    model = build(kind, torch.float64)
    captured, logits = capture(model, IDS), logits_before_softmax(model, IDS)
    m, n = pairs(len(IDS))
    for layer, table in captured.frequencies.items():
        for head in (0, 3):
            h, rest = coefficients(captured, layer, head, m, n)
            scores = [float(rt.attention_score(one, table, float(s))) for one, s in zip(h, m - n, strict=True)]
            found = np.array(scores) * table.attention_factor**2 + rest.numpy()
            size = (h.abs().sum(-1) + rest.abs()).numpy() * table.attention_factor**2 + 1e-12
            assert (np.abs(found - logits[layer][head, m, n].numpy()) / size).max() < 2e-5


def test_the_error_of_tables_grows_with_the_position_as_precision_predicts():
    """transformers keeps cosines and sines in float32 even in a float64 model."""
    model = build("llama", torch.float64, max_position_embeddings=4096)
    ids = torch.cat([IDS] * 8)
    captured, logits = capture(model, ids, layers=[0]), logits_before_softmax(model, ids)[0]
    table, worst = captured.frequencies[0], []
    for end in (64, 512, 4096):
        m = np.arange(end - end // 4, end)
        n = (m * 7) % (end // 2)
        h, _ = coefficients(captured, 0, 3, m, n)
        predicted = [
            rt.precision.score_error(one.numpy(), table, float(query), float(key), rt.precision.STORAGES["float32"])
            for one, query, key in zip(h, m, n, strict=True)
        ]
        exact = [float(rt.attention_score(one, table, float(s))) for one, s in zip(h, m - n, strict=True)]
        error = logits[3, m, n].numpy() - exact
        bound = np.array([one.bound for one in predicted]).ravel()
        assert (np.abs(error) <= bound + 1e-12 * h.abs().sum(-1).numpy()).all()
        size = h.abs().sum(-1).numpy()
        measured = np.array([one.measured for one in predicted]).ravel()
        assert 0.5 < np.std(error / size) / np.std(measured / size) < 2.0  # its power function may miss the last place
        worst.append(np.abs(error / size).max())
    assert worst[0] < worst[1] / 2 < worst[2] / 8


def test_a_model_of_several_configs_attends_by_its_texts_own():
    sizes = {**SMALL, "head_dim": 16}
    vision = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
              "image_size": 28, "patch_size": 14}  # fmt: skip
    config = transformers.Gemma3Config(text_config=sizes, vision_config=vision, mm_tokens_per_image=1)
    torch.manual_seed(0)
    whole = transformers.Gemma3ForConditionalGeneration(config).eval()
    text = whole.model.language_model
    alone, inside = capture(text, IDS[:20]), capture(whole, IDS[:20])
    assert list(inside.query) == list(alone.query)
    for layer in alone.query:
        torch.testing.assert_close(inside.query[layer], alone.query[layer])


def test_longrope_takes_the_table_of_the_length():
    model = build("phi3")
    short, long = capture(model, IDS[:40]), capture(model, IDS[:96])
    assert short.frequencies[0].theta[-1] > 3 * long.frequencies[0].theta[-1]
    for captured in (short, long):
        table, count = captured.frequencies[0], captured.tokens
        exact = np.exp(1j * np.outer(np.arange(count), table.theta)) * table.attention_factor
        assert np.abs(captured.phasors[0].numpy() - exact).max() < 2e-5


@pytest.mark.parametrize("kind", ["llama", "gemma2", "gpt_oss"])
def test_the_model_is_left_as_it_was(kind):
    model = build(kind).train()
    before = model.config._attn_implementation
    with torch.no_grad():
        model.eval()
        expected = model(input_ids=IDS[None, :20]).logits
        model.train()
    capture(model, IDS[:20])
    assert model.config._attn_implementation == before
    assert model.training
    assert not any(module._forward_pre_hooks for module in model.modules())
    with torch.no_grad():
        assert torch.equal(model.eval()(input_ids=IDS[None, :20]).logits, expected)
    model.get_input_embeddings().weight.data.fill_(float("nan"))
    with pytest.raises(ValueError, match="The queries of layer 0, head 0, contain NaN"):
        capture(model, IDS[:20])
    assert model.config._attn_implementation == before
    assert not any(module._forward_pre_hooks for module in model.modules())


def test_some_layers_and_the_inner_model():
    model = build("llama", num_hidden_layers=3)
    whole, part = capture(model, IDS[:20]), capture(model.model, IDS[None, :20], layers=[2, 0])
    assert list(part.query) == [0, 2]
    for layer in (0, 2):
        assert torch.equal(part.query[layer], whole.query[layer])
        assert whole.key[layer].shape == (2, 20, 16)
    assert [whole.key_head(0, head) for head in range(4)] == [0, 0, 1, 1]
    with pytest.raises(ValueError, match="head must be below 4, the heads of layer 0, got 4"):
        whole.key_head(0, 4)


def test_a_layer_without_rotation_is_noticed():
    config = transformers.SmolLM3Config(**{**SMALL, "no_rope_layers": [1, 0]})
    model = transformers.AutoModelForCausalLM.from_config(config)
    assert list(capture(model, IDS[:9], layers=[0]).query) == [0]
    with pytest.raises(ValueError, match="layer 1 does not rotate its queries as its config describes"):
        capture(model, IDS[:9])


def test_another_layout_is_noticed(monkeypatch):
    from rope_theory.scaling.huggingface import facts

    monkeypatch.setitem(facts.FACTS, "glm4", facts.FACTS["llama"])
    with pytest.raises(ValueError, match="cannot be captured: "):
        capture(build("glm4", partial_rotary_factor=1.0), IDS[:9])


MODEL = build("llama")


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: capture("gpt2", IDS), TypeError, "model must be a loaded transformers model, got str"),
        (lambda: capture(torch.nn.Linear(2, 2), IDS), TypeError, "got Linear"),
        (lambda: capture(MODEL, IDS[:1]), ValueError, "at least two tokens, got 1"),
        (lambda: capture(MODEL, []), ValueError, "at least two tokens, got none"),
        (lambda: capture(MODEL, IDS.double()), TypeError, "must be integers, got torch.float64"),
        (lambda: capture(MODEL, IDS.reshape(2, -1)), ValueError, "must be one sequence, got 2"),
        (lambda: capture(MODEL, IDS.reshape(1, 2, -1)), ValueError, r"shape \(T,\) or \(1, T\), got"),
        (lambda: capture(MODEL, [5, 99]), ValueError, r"must lie in 0 … 98"),
        (lambda: capture(MODEL, [5, -1]), ValueError, r"must lie in 0 … 98"),
        (lambda: capture(MODEL, IDS, layers=[2]), ValueError, "layers has 2, and this model's.*0 … 1"),
        (lambda: capture(MODEL, IDS, layers=[]), TypeError, "layers must be a sequence"),
        (lambda: capture(MODEL, IDS, layers=1), TypeError, "layers must be a sequence"),
        (lambda: capture(MODEL, IDS, layers=[0.5]), ValueError, "layers must be an integer"),
    ],
)
def test_wrong_input_is_an_error_in_words(call, error, words):
    with pytest.raises(error, match=words):
        call()


@pytest.mark.parametrize(
    ("kind", "keys", "words"),
    [
        ("gpt2", {"n_embd": 32, "n_layer": 1, "n_head": 2, "vocab_size": 99}, "may have no rotary positions"),
        ("gptj", {"n_embd": 32, "n_layer": 1, "n_head": 2, "vocab_size": 99, "rotary_dim": 8}, "cannot be captured"),
        ("falcon", {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": 99}, "registry"),
    ],
)
def test_a_family_that_cannot_be_captured_says_so(kind, keys, words):
    model = transformers.AutoModel.from_config(transformers.CONFIG_MAPPING[kind](**keys))
    with pytest.raises(ValueError, match=words):
        capture(model, IDS[:9])


def test_every_family_has_its_facts():
    assert set(FAMILIES) <= set(FACTS)
