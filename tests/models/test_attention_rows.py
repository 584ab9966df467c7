"""Rows of attention: rebuilt with the model's own mask and options in every family, or refused in words."""

import math
import threading
import warnings
from contextlib import contextmanager

import numpy as np
import pytest

import rope_theory as rt

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from every_class import attempt, causal_classes  # noqa: E402
from tiny_models import FAMILIES, IDS, SMALL, build  # noqa: E402
from transformers.integrations.sdpa_attention import sdpa_attention_forward  # noqa: E402
from transformers.masking_utils import AttentionMaskInterface, eager_mask, sdpa_mask  # noqa: E402
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS  # noqa: E402
from transformers.models.llama.modeling_llama import eager_attention_forward  # noqa: E402

from rope_theory.models import _attention_rows, _masks, _modes, _recording, capture, check  # noqa: E402

TOKENS, WINDOW = 48, 20
PLACES = torch.tensor([5, 40, 47])
LLAMA4 = {"head_dim": 16, "num_local_experts": 2, "intermediate_size_mlp": 32, "no_rope_layers": [1, 1]}
SPARSE = {
    "head_dim": 16, "rotary_dim": 16, "num_local_experts": 2, "num_experts_per_tok": 1, "index_block_size": 4,
    "index_topk_blocks": 2, "index_n_heads": 2, "index_head_dim": 16,
    "layer_types": ["minimax_m3_sparse", "full_attention"],
}  # fmt: skip
VARIANTS = {
    **{kind: (kind, {}) for kind in FAMILIES},
    "gemma3 in both directions": ("gemma3_text", {"use_bidirectional_attention": True}),
    "gemma3 in both directions, narrow": ("gemma3_text", {"use_bidirectional_attention": True, "sliding_window": 7}),
    "llama in both directions": ("llama", {"is_causal": False}),
    "llama4 in chunks": ("llama4_text", {**LLAMA4, "attention_chunk_size": 16}),
    "mistral, narrow": ("mistral", {"sliding_window": 3}),
    "qwen2, sliding": ("qwen2", {"use_sliding_window": True, "sliding_window": 16, "max_window_layers": 1}),
    "cohere2": ("cohere2", {"sliding_window": 16}),
    "gemma2, strong cap": ("gemma2", {"attn_logit_softcapping": 2.0}),
    "gpt_oss, narrow": ("gpt_oss", {"sliding_window": 5}),
    "minimax_m3, blocks of keys that an indexer selects": ("minimax_m3_vl_text", SPARSE),
    "modernbert-decoder": ("modernbert-decoder", {"local_attention": 8}),
}


def rows_of(model, places=PLACES, tokens=TOKENS, tables=()):
    """Return RowValues of the model's own table by layer, and words by layer that is refused.

    The pass that is looked at is the one that the model makes alone, bit for bit.
    """
    values, refused = {}, {}

    def look(visited):
        try:
            values[visited.layer] = _attention_rows.reduced_rows(visited, places, tables, WINDOW)[0]
        except _masks.RowsRefused as error:
            refused[visited.layer] = str(error)

    states = _recording.visit(model, IDS[:tokens], look)
    with torch.no_grad():
        assert torch.equal(states, _modes.last_states(model, IDS[None, :tokens]))
    return values, refused


def quantities(weights, places, tokens=TOKENS):
    """Return what rows (heads, T, T) come to, one quantity after the other, written slowly."""
    rows = weights[:, places].double()
    distance = places[:, None] - torch.arange(tokens)
    last, far = (distance >= 0) & (distance < 16), distance.abs() >= WINDOW
    return [torch.special.entr(rows).sum(-1), rows[..., 0], (rows * last).sum(-1), (rows * far).sum(-1)]


def attentions(model, tokens=TOKENS):
    """Return the weights (heads, T, T) of eager attention, of layers that attend."""
    model.set_attn_implementation("eager")
    with torch.no_grad():
        output = model(input_ids=IDS[None, :tokens], output_attentions=True, use_cache=False)
    return [weights[0][..., :tokens] for weights in output.attentions]


def implementations(model):
    """Return those of transformers that the class has on a CPU without compiling."""
    return ("eager", "sdpa") if model._supports_sdpa else ("eager",)


def assert_rows_are(values, weights, label):
    own = weights if len(weights) != len(values) else dict(zip(sorted(values), weights, strict=True))
    for layer, result in values.items():
        names = _attention_rows.QUANTITIES[:4]
        for name, value, expected in zip(names, result.values, quantities(own[layer], PLACES), strict=False):
            np.testing.assert_allclose(value, expected, atol=1e-5, err_msg=f"{label}, layer {layer}: {name}")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", VARIANTS)
def test_rows_are_those_of_output_attentions(name, dtype):
    kind, keys = VARIANTS[name]
    model = build(kind, dtype, max_position_embeddings=64, **keys)
    for implementation in implementations(model):
        model.set_attn_implementation(implementation)
        values, refused = rows_of(model)
        assert refused == {}
        assert set(values) == {0, 1}
        assert_rows_are(values, attentions(model), f"{name}, {implementation}")


def test_a_model_that_looks_both_ways_has_its_own_entropy_and_a_note():
    """Bidirectional Gemma 3: rows of a causal mask have an entropy that is too small, and said nothing."""
    model = build("gemma3_text", max_position_embeddings=64, use_bidirectional_attention=True)
    result = check(model, IDS[:64], pairs=10)
    found = np.mean([row.entropy for row in result.attention])
    weights = attentions(model, 64)
    places = torch.arange(32, 64)  # all of the second half are drawn
    own = np.mean([quantities(one, places, 64)[0].mean() for one in weights])
    causal = [(one[:, places] * torch.ones(64, 64).tril()[places]).double() for one in weights]
    wrong = np.mean([torch.special.entr(one / one.sum(-1, keepdim=True)).sum(-1).mean() for one in causal])
    assert found == pytest.approx(own, abs=1e-5)
    assert own - wrong > 0.1
    assert any("attend to later ones in layers 0, 1" in note for note in result.notes)
    assert result.violations == 0
    plain = check(build("gemma3_text", max_position_embeddings=64), IDS[:64], pairs=10)
    assert not any("later" in note for note in plain.notes)


def test_far_is_both_ways_and_last_is_before_the_query():
    model = build("llama", max_position_embeddings=16, is_causal=False)
    result = check(model, IDS[:60], length=64, pairs=10)
    weights = attentions(model, 60)
    for row in result.attention:
        if row.region == "beyond":
            places = torch.arange(16, 60)
            rows = weights[row.layer][row.head, places].double()
            distance = places[:, None] - torch.arange(60)
            assert row.far == pytest.approx(float((rows * (distance.abs() >= 16)).sum(-1).mean()), abs=1e-5)
            assert row.last == pytest.approx(
                float((rows * ((distance >= 0) & (distance < 16))).sum(-1).mean()), abs=1e-5
            )
            assert row.first == pytest.approx(float(rows[:, 0].mean()), abs=1e-5)
            assert row.last < 0.9


@pytest.mark.parametrize("name", ["gemma3 in both directions", "llama4 in chunks", "mistral, narrow", "gpt_oss"])
def test_the_bound_on_moved_attention_holds_under_the_models_own_mask(name):
    kind, keys = VARIANTS[name]
    plain = {"rope_parameters": {"rope_type": "default", "rope_theta": 1e4}} if kind == "gpt_oss" else {}
    model = build(kind, max_position_embeddings=64, **keys, **plain)
    result = check(model, IDS[:64], scalings=[rt.scaling.YaRN(3), rt.scaling.PositionInterpolation(8)], pairs=5)
    bounds = [row for row in result.bounds if row.bound == "attention_shift"]
    assert len(bounds) == 2 * 4
    assert all(row.violations == 0 and 0.0 < row.tightest <= 1.0 for row in bounds)
    assert any(row.moved > 0.01 for row in result.attention)


@contextmanager
def attending(model, function, mask=eager_mask):
    """Run ``model`` under an attention function of this test."""
    transformers.AttentionInterface.register("of_this_test", function)
    AttentionMaskInterface.register("of_this_test", mask)
    model.set_attn_implementation("of_this_test")
    yield model
    model.set_attn_implementation("eager")


def test_the_registry_is_as_before_also_while_others_listen():
    """Two passes may be looked at together, one inside the other or in two threads; another thread hears nothing."""
    registry = transformers.AttentionInterface
    before = registry.get_interface, registry.__getitem__, dict(vars(registry))
    taken, model = [], build("llama", max_position_embeddings=64)

    def look(visited):
        thread = threading.Thread(
            target=lambda: taken.append(ALL_ATTENTION_FUNCTIONS.get_interface("sdpa", None)), daemon=True
        )
        thread.start()
        thread.join()
        if visited.layer == 0:
            assert set(capture(build("qwen2"), IDS[:9]).query) == {0, 1}

    _recording.visit(model, IDS[:20], look)
    assert taken == [sdpa_attention_forward] * 2
    assert (registry.get_interface, registry.__getitem__, dict(vars(registry))) == before
    with pytest.raises(ZeroDivisionError):
        _recording.visit(model, IDS[:20], lambda visited: 1 / 0)
    assert (registry.get_interface, registry.__getitem__, dict(vars(registry))) == before


def distances():
    return torch.arange(TOKENS)[:, None] - torch.arange(TOKENS)


def with_bias(module, query, key, value, mask, **kwargs):
    """Attend with a bias of its own, as ALiBi has it, that no argument tells of."""
    if module.layer_idx == 1:
        length = query.shape[2]
        mask = mask - 0.05 * (torch.arange(length)[:, None] - torch.arange(length)).abs()
    return eager_attention_forward(module, query, key, value, mask, **kwargs)


def with_top_keys(module, query, key, value, mask, **kwargs):
    """Attend to the eight keys of the largest logits, as sparse attention does."""
    if module.layer_idx == 1:
        logits = query @ key.repeat_interleave(2, 1).transpose(2, 3) + mask
        least = logits.topk(min(8, logits.shape[-1]), dim=-1).values[..., -1:]
        mask = mask + torch.where(logits < least, torch.finfo(mask.dtype).min / 2, 0.0)
    return eager_attention_forward(module, query, key, value, mask, **kwargs)


def with_temperature(module, query, key, value, mask, **kwargs):
    """Attend with queries that grow with their position."""
    if module.layer_idx == 1:
        query = query * (1.0 + 0.01 * torch.arange(query.shape[2])).to(query.dtype)[:, None]
    return eager_attention_forward(module, query, key, value, mask, **kwargs)


def with_a_hidden_key(module, query, key, value, mask, **kwargs):
    """Attend to all keys but the second."""
    if module.layer_idx == 1:
        mask = mask.clone()
        mask[..., 2:, 1] = torch.finfo(mask.dtype).min
    return eager_attention_forward(module, query, key, value, mask, **kwargs)


def with_a_sink(module, query, key, value, mask, **kwargs):
    """Attend beside a sink that no argument tells of."""
    output, weights = eager_attention_forward(module, query, key, value, mask, **kwargs)
    return (0.9 * output if module.layer_idx == 1 else output), weights


UNKNOWN = [with_bias, with_top_keys, with_temperature, with_a_hidden_key, with_a_sink]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("function", UNKNOWN)
def test_what_is_not_known_is_refused_with_layer_and_difference(function, dtype):
    with attending(build("llama", dtype, max_position_embeddings=64), function) as model:
        values, refused = rows_of(model, torch.arange(TOKENS))
    assert set(values) == {0}
    assert set(refused) == {1}
    assert "give other outputs" in refused[1]
    assert "rounding explains" in refused[1]


def test_layers_refused_for_one_reason_share_a_note():
    def halved(module, *args, **kwargs):
        output, weights = eager_attention_forward(module, *args, **kwargs)
        return output / (2 + module.layer_idx), weights

    with attending(build("llama", max_position_embeddings=64), halved) as model:
        result = check(model, IDS[:90], length=64, pairs=10)
    assert len(result.attention) == 0
    (note,) = [note for note in result.notes if "No rows of attention" in note]
    assert "of layers 0, 1: softmax rows rebuilt" in note


def test_a_refused_layer_keeps_its_scores_and_is_named():
    with attending(build("llama", max_position_embeddings=64), with_bias) as model:
        result = check(model, IDS[:90], scalings=[rt.scaling.YaRN(2)], length=128, pairs=10)
    assert {row.layer for row in result.attention} == {0}
    assert {row.layer for row in result.rows} == {row.layer for row in result.heads} == {0, 1}
    assert {row.layer for row in result.bounds if row.bound == "attention_shift"} == {0}
    assert {row.layer for row in result.bounds if row.bound == "triangle"} == {0, 1}
    (note,) = [note for note in result.notes if "No rows of attention" in note]
    assert "of layer 1: softmax rows rebuilt" in note
    assert math.isfinite(result.losses[0].loss)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("kind", ["llama", "gemma3_text", "phi3", "gpt_oss"])
def test_half_precision_is_not_refused(kind, dtype):
    model = build(kind, dtype, max_position_embeddings=512)
    for implementation in implementations(model):
        model.set_attn_implementation(implementation)
        values, refused = rows_of(model, torch.arange(0, 512, 7), 512)
        assert refused == {}
        assert set(values) == {0, 1}


def test_an_additive_mask_is_taken_with_its_numbers():
    """Biases in a mask, as ALiBi's, are added to the logits; hidden keys stay hidden."""
    kept = {}

    def mask(*args, **kwargs):
        plain = eager_mask(*args, **kwargs)
        return torch.where(plain == 0, -0.05 * distances()[: plain.shape[2], : plain.shape[3]].abs(), plain)

    def attend(module, *args, **kwargs):
        output, kept[module.layer_idx] = eager_attention_forward(module, *args, **kwargs)
        return output, None

    with attending(build("llama", max_position_embeddings=64), attend, mask) as model:
        with torch.no_grad():
            model(input_ids=IDS[None, :TOKENS], use_cache=False)
        weights = [kept[0][0], kept[1][0]]
        values, refused = rows_of(model)
    assert refused == {}
    assert_rows_are(values, weights, "additive mask")


@pytest.mark.parametrize("bias", [False, True])
def test_no_mask_is_what_the_function_makes_of_it(bias):
    """Under sdpa no mask is causal where the module is, and a position bias comes on top; under eager it is open."""
    generator = torch.Generator().manual_seed(0)
    for implementation, causal in (("sdpa", True), ("sdpa", False), ("eager", True)):
        query, key, value = (torch.randn(1, 2, 9, 8, generator=generator) for _ in range(3))
        more = {"position_bias": torch.randn(1, 2, 9, 9, generator=generator)} if bias else {}
        logits = (query @ key.transpose(2, 3) * 8**-0.5 + more.get("position_bias", 0.0))[0].double()
        if implementation == "sdpa" and causal:
            logits = logits.masked_fill(~torch.ones(9, 9).tril().bool(), -math.inf)
        output = (logits.softmax(-1) @ value[0].double()).transpose(0, 1).float()
        attended = _masks.Attended(query[0], key[0], value[0], None, more, causal, implementation, output)
        hidden, added = _masks.seen_by(attended, slice(0, 2), torch.arange(9), 9)
        rows = _masks.weights_of((query @ key.transpose(2, 3))[0].double() * 8**-0.5, hidden, added, attended, slice(2))
        torch.testing.assert_close(rows, logits.softmax(-1))


@pytest.mark.parametrize(
    ("mask", "options", "causal", "expected"),
    [
        (None, {}, True, lambda q, k: k <= q),
        (None, {"sliding_window": 3}, True, lambda q, k: (k <= q) & (q - k < 3)),
        (None, {"sliding_window": 3, "is_causal": False}, True, lambda q, k: abs(q - k) < 3),
        (None, {"is_causal": True}, False, lambda q, k: k <= q),
        (torch.tensor([[0, 1, 1, 1, 1, 1, 1]]), {}, True, lambda q, k: (k <= q) & (k > 0)),
    ],
)
def test_flash_attention_hides_by_its_options(mask, options, causal, expected):
    """Its functions need a GPU of their own; what they hide is in their arguments (integrations/flash_attention.py)."""
    nothing = torch.zeros(1, 7, 4)
    attended = _masks.Attended(nothing, nothing, nothing, mask, options, causal, "flash_attention_2", nothing)
    hidden, _ = _masks.seen_by(attended, slice(0, 1), torch.arange(7), 7)
    q, k = torch.arange(7)[:, None], torch.arange(7)
    assert torch.equal(~hidden.expand(1, 7, 7)[0], expected(q, k))


def test_a_mask_of_flex_attention_is_read_row_by_row():
    from torch.nn.attention.flex_attention import create_block_mask

    def seen(batch, head, q, k):
        return (k <= q) & (q // 5 == k // 5)

    nothing, mask = torch.zeros(1, 23, 4), create_block_mask(seen, 1, None, 23, 23, device="cpu")
    attended = _masks.Attended(nothing, nothing, nothing, mask, {}, True, "flex_attention", nothing)
    places = torch.tensor([0, 7, 22])
    hidden, _ = _masks.seen_by(attended, slice(0, 1), places, 23)
    assert torch.equal(~hidden[0], seen(0, 0, places[:, None], torch.arange(23)))


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        ("a text", "mask of type str"),
        (torch.ones(1, 1, 7, 7, dtype=torch.long), "int64"),
        (torch.ones(3, 7, 7), "shape"),
    ],
)
def test_a_mask_that_is_not_known_is_refused_in_words(mask, words):
    nothing = torch.zeros(1, 7, 4)
    attended = _masks.Attended(nothing, nothing, nothing, mask, {}, True, "sdpa", nothing)
    with pytest.raises(_masks.RowsRefused, match=words):
        _masks.seen_by(attended, slice(0, 1), torch.arange(7), 7)


def test_nothing_of_size_tokens_by_tokens_is_made_or_kept(monkeypatch):
    """The model holds its own mask; of it, rows alone are read, and nothing stays after the layer."""
    tokens, largest, kept = 1024, 0, []

    class Watch(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            nonlocal largest
            made = function(*args, **(kwargs or {}))
            if isinstance(made, torch.Tensor):
                view = made.untyped_storage().data_ptr() in {one.untyped_storage().data_ptr() for one in given}
                largest = max(largest, 0 if view else made.numel())
            return made

    def look(visited):
        given.extend(x for x in vars(visited.attended).values() if isinstance(x, torch.Tensor))
        assert visited.attended.mask.numel() == tokens**2  # there is one to be careful with
        with Watch():
            _attention_rows.reduced_rows(visited, torch.arange(900, 932), [], WINDOW)
        given.clear()

    given = []
    before = _recording._check_rotation

    def looked_through(module, recorder, layer):
        for held in (recorder.few, recorder.calls, recorder.phasors):
            kept.extend(x.numel() for value in held.values() for x in tensors_in(value))
        before(module, recorder, layer)

    monkeypatch.setattr(_recording, "_check_rotation", looked_through)
    model = build("mistral", max_position_embeddings=2048)
    _recording.visit(model, torch.cat([IDS, IDS]), look)
    assert 0 < largest < tokens**2 / 4
    assert max(kept) <= tokens * 8  # cosines and sines


def tensors_in(value):
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, dict):
        yield from tensors_in(list(value.values()))
    elif isinstance(value, tuple | list):
        for one in value:
            yield from tensors_in(one)


def test_captured_queries_keep_no_values_masks_or_outputs(monkeypatch):
    import gc
    import weakref

    seen = []
    before = _recording.VisitedLayer

    def noted(layer, query, key, phasors, rope, attended):
        seen.append(weakref.ref(attended))
        return before(layer, query, key, phasors, rope, attended)

    monkeypatch.setattr(_recording, "VisitedLayer", noted)
    captured = capture(build("llama"), IDS[:20])
    gc.collect()
    assert len(seen) == 2
    assert all(one() is None for one in seen)
    assert set(captured.query) == {0, 1}


def test_a_part_with_an_implementation_of_its_own_gets_the_mask_of_that():
    """The text attends by eager attention, which adds its mask, while the whole model is set to sdpa."""
    vision = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
              "image_size": 28, "patch_size": 14}  # fmt: skip
    config = transformers.Gemma3Config(
        text_config={**SMALL, "head_dim": 16, "sliding_window": 16}, vision_config=vision, mm_tokens_per_image=1
    )
    torch.manual_seed(0)
    model = transformers.Gemma3ForConditionalGeneration(config).eval()
    model.set_attn_implementation({"": "sdpa", "text_config": "eager", "vision_config": "sdpa"})
    values, refused = rows_of(model)
    assert refused == {}
    assert_rows_are(values, attentions(model), "gemma3 with images")


def test_an_implementation_that_makes_no_masks_is_given_none():
    """transformers makes no mask for attention functions that registered none; nor may the recorder fail for want."""
    given = []

    def attend(module, query, key, value, mask, **kwargs):
        given.append(mask)
        causal = torch.full((query.shape[2], query.shape[2]), torch.finfo(query.dtype).min).triu(1)
        return eager_attention_forward(module, query, key, value, causal, **kwargs)

    transformers.AttentionInterface.register("without_masks", attend)
    model = build("llama", max_position_embeddings=64)
    model.set_attn_implementation("without_masks")
    values, refused = rows_of(model)
    assert given.count(None) == len(given) > 0
    assert refused == {}
    assert_rows_are(values, attentions(model), "no masks")


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_a_module_is_run_again_with_all_it_was_given(implementation):
    """ModernBERT's decoder adds its mask without asking whether there is one."""
    model = build("modernbert-decoder", max_position_embeddings=64)
    model.set_attn_implementation(implementation)
    assert set(capture(model, IDS[:30]).query) == {0, 1}


@pytest.mark.parametrize(
    ("shape", "cut"),
    [
        ((9,), (4,)),
        ((1, 9), (1, 4)),
        ((1, 9, 9), (1, 4, 9)),
        ((1, 1, 9, 9), (1, 1, 4, 4)),
        ((1, 1, 1, 9), (1, 1, 1, 4)),
        ((1, 3, 9, 5), (1, 3, 4, 5)),
        ((1, 9, 3, 5), (1, 4, 3, 5)),
        ((1, 3), (1, 3)),
        ((), ()),
    ],
)
def test_arguments_are_cut_to_their_first_tokens(shape, cut):
    given = torch.arange(math.prod(shape)).reshape(shape)
    one, (two,), named = _recording._few_tokens((given, [given], {"mask": given, "no": None}), 9)
    assert tuple(one.shape) == tuple(two.shape) == tuple(named["mask"].shape) == cut
    assert torch.equal(one, given[tuple(slice(size) for size in cut)])
    assert _recording._few_tokens({"a": 1, "b": None}, 9) == {"a": 1, "b": None}


def test_a_module_that_cannot_run_again_is_refused_in_words():
    model = build("llama")
    attention = model.model.layers[1].self_attn
    plain, calls = attention.forward, []

    def forward(hidden_states, position_embeddings, attention_mask=None, past_key_values=None, **kwargs):
        calls.append(1)
        if len(calls) > 1:
            raise TypeError("needs something else")
        return plain(hidden_states, position_embeddings, attention_mask, past_key_values, **kwargs)

    attention.forward = forward
    with pytest.raises(ValueError, match=r"layer 1 could not be run once more .*TypeError: needs something else"):
        capture(model, IDS[:9])


@pytest.mark.slow
def test_flex_attention():
    """Compiles its kernels first, which takes a minute."""
    model = build("gemma3_text", max_position_embeddings=64)
    model.set_attn_implementation("flex_attention")
    values, refused = rows_of(model)
    assert refused == {}
    assert_rows_are(values, attentions(model), "flex attention")


SINKS_ARE_SCALED = ("granite_swa", "granitemoe_swa")
"""Families whose weights, as returned, do not know of the sink that scales their outputs."""


@pytest.mark.slow
def test_every_class_is_rebuilt_or_refused(capsys):
    """Every causal language model class of the installed transformers, as far as small keys build it."""
    counts, layers = {}, 0
    classes = causal_classes()
    for which in classes:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            outcome, rebuilt = tried(which)
        counts.setdefault(outcome, []).append(which.model_type)
        layers += rebuilt
    with capsys.disabled():
        print(f"\n{len(classes)} classes, {layers} layers compared:")
        for outcome, kinds in sorted(counts.items()):
            print(f"  {len(kinds):4} {outcome}: {', '.join(kinds)}")
    assert len(counts["rebuilt"]) >= 75
    assert not any("rows" in outcome for outcome in counts if outcome != "rebuilt")


def tried(which):
    """Return what came of a class, and how many of its layers were compared."""
    kind = which.model_type
    model, _ = attempt(which)
    if model is None:
        return "not built of these keys", 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.set_attn_implementation("eager")
    try:
        values, refused = rows_of(model)
    except ValueError as error:
        words = str(error)
        assert type(model).__name__ in words, kind
        for reason in ("none of its attention modules", "latent attention", "does not rotate", "registry"):
            if reason in words:
                return f"refused: {reason}", 0
        return "refused otherwise", 0
    assert refused == {}, kind
    if kind in SINKS_ARE_SCALED:
        return "rebuilt", len(values)  # compared with outputs alone
    assert_rows_are(values, attentions(model), kind)
    return "rebuilt", len(values)


def test_sdpa_masks_are_those_of_the_installed_transformers():
    """What the tests above rely on: True is seen."""
    mask = sdpa_mask(1, 3, 3, allow_is_causal_skip=False)
    assert torch.equal(mask[0, 0], torch.ones(3, 3).tril().bool())
