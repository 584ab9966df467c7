"""Perplexity against plain loops, convention by convention."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from every_class import attempt, causal_classes  # noqa: E402
from hypothesis import given  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from tiny_models import FAMILIES, IDS, SMALL, build  # noqa: E402

from rope_theory.models import _losses, _memory, _modes, capture, check, perplexity  # noqa: E402
from rope_theory.models._modes import body_of, last_states  # noqa: E402
from rope_theory.models._windows import CONVENTIONS, windows_of  # noqa: E402

BEGIN = 1  # the token of tests/tiny_models.py


@pytest.fixture(scope="module")
def model():
    return build("llama", max_position_embeddings=64)


def losses_of(model, row):
    """Return −ln p of row[1:], the slow way."""
    with torch.no_grad():
        logits = model(row[None]).logits[0, :-1].double()
    return torch.nn.functional.cross_entropy(logits, row[1:], reduction="none").tolist()


def plain_loop(model, ids, window, stride):
    """Return the sum and the count of losses as the loop of transformers' guide has them."""
    total, count, done = 0.0, 0, 0
    for start in range(0, len(ids), stride):
        stop = min(start + window, len(ids))
        labels = ids[None, start:stop].clone()
        labels[:, : -(stop - done)] = -100
        with torch.no_grad():
            loss = model(ids[None, start:stop], labels=labels).loss
        scored = int((labels[:, 1:] != -100).sum())
        if scored:
            total, count, done = total + float(loss) * scored, count + scored, stop
        if stop == len(ids):
            break
    return total, count


def slow(model, ids, window, stride, convention):
    """Return the mean loss under any convention, window by window."""
    sums = []
    if convention == "disjoint":
        for start in range(0, len(ids) - 1, window):
            sums.append(losses_of(model, ids[start : start + window + 1]))
        return np.mean([loss for row in sums for loss in row])
    done = 0
    for start in range(0, len(ids), stride):
        stop = min(start + window, len(ids))
        losses = losses_of(model, ids[start:stop]) if stop - start > 1 else []
        counted = {"every-token": len(losses), "last": stride}.get(convention, stop - done)
        if convention != "last" or stop - start == window:
            sums.append(losses[-counted:] if counted <= len(losses) else losses)
        done = stop
        if stop == len(ids):
            break
    sums = [row for row in sums if row]
    if convention == "window-mean":
        return np.mean([np.mean(row) for row in sums])
    return np.mean([loss for row in sums for loss in row])


@pytest.mark.parametrize(("window", "stride"), [(64, 16), (100, 100), (512, 256), (90, 7), (2, 1)])
@pytest.mark.parametrize("kind", FAMILIES)
def test_it_is_what_a_plain_loop_gives(kind, window, stride):
    model, ids = build(kind, max_position_embeddings=64), IDS if window > 2 else IDS[:40]
    total, count = plain_loop(model, ids, window, stride)
    found = perplexity(model, ids, window=window, stride=stride)
    assert found.nll == pytest.approx(total / count, rel=1e-5)
    assert found.perplexity == pytest.approx(math.exp(total / count), rel=1e-5)
    assert found.tokens == count


LLAMA4 = {"head_dim": 16, "num_local_experts": 2, "intermediate_size_mlp": 32}


@pytest.mark.parametrize(("kind", "keys"), [*((kind, {}) for kind in FAMILIES), ("llama4_text", LLAMA4)])
def test_it_is_the_loss_of_a_forward_pass(kind, keys):
    """Llama 4 names a base model that its class does not have."""
    model, ids = build(kind, max_position_embeddings=64, **keys), IDS[:60]
    with torch.no_grad():
        own = float(model(input_ids=ids[None], labels=ids[None], use_cache=False).loss)
    assert perplexity(model, ids, window=60, stride=60).nll == pytest.approx(own, rel=1e-6)
    assert last_states(model, ids[None]).shape == (1, 60, 64)


def test_llama4_is_measured_by_everything_that_runs_its_body():
    model = build("llama4_text", max_position_embeddings=64, no_rope_layers=[1, 1], **LLAMA4)
    assert type(body_of(model)).__name__ == "Llama4TextModel"
    assert set(capture(model, IDS[:20]).query) == {0, 1}
    losses = check(model, IDS[:60], pairs=10).losses
    mean = sum(row.loss * row.tokens for row in losses) / sum(row.tokens for row in losses)
    assert mean == pytest.approx(perplexity(model, IDS[:60], window=60, stride=60).nll, rel=1e-6)


def test_a_model_of_several_parts_is_measured_by_its_text():
    """The body of the whole holds a causal model, whose own body makes the states."""
    vision = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64,
              "image_size": 28, "patch_size": 14}  # fmt: skip
    config = transformers.Llama4Config(text_config={**SMALL, **LLAMA4}, vision_config=vision)
    torch.manual_seed(0)
    model = transformers.Llama4ForConditionalGeneration(config).eval()
    with torch.no_grad():
        own = float(model(input_ids=IDS[None, :60], labels=IDS[None, :60], use_cache=False).loss)
    assert perplexity(model, IDS[:60], window=60, stride=60).nll == pytest.approx(own, rel=1e-6)


@pytest.mark.parametrize(
    "measure",
    [
        lambda model: perplexity(model, IDS[:30], window=30, stride=30),
        lambda model: check(model, IDS[:30], pairs=10),
        lambda model: capture(model, IDS[:30]),
    ],
)
def test_a_body_without_last_states_is_refused_by_name(measure, monkeypatch):
    """As the whole of Llama 4 was taken for its body."""
    monkeypatch.setattr(_modes, "body_of", lambda model: model)
    with pytest.raises(ValueError, match="LlamaForCausalLM cannot be measured: its part LlamaForCausalLM"):
        measure(build("llama", max_position_embeddings=64))


@pytest.mark.parametrize("kind", ["electra", "rembert"])
def test_states_of_another_width_than_the_output_layers_are_refused_by_name(kind):
    model, _ = attempt(next(which for which in causal_classes() if which.model_type == kind))
    with pytest.raises(ValueError, match=r"The output layer of .*ForCausalLM does more than this package knows"):
        perplexity(model, IDS[:30], window=30, stride=30)


def shifted_loss(model, ids):
    """Return the mean loss of the following tokens; a few classes count the tokens themselves."""
    with torch.no_grad():
        logits = model(input_ids=ids[None], use_cache=False).logits[0, :-1].double()
    return float(torch.nn.functional.cross_entropy(logits, ids[1:]))


def measured_or_refused(model, ids):
    try:
        return perplexity(model, ids, window=len(ids), stride=len(ids)).nll, None
    except ValueError as error:
        return None, str(error)


@pytest.mark.slow
def test_every_class_is_measured_or_refused_by_name(capsys):
    """Every causal language model class of the installed transformers, as far as small keys build it."""
    counts, ids = {}, IDS[:40]
    for which in causal_classes():
        kind, (model, _) = which.model_type, attempt(which)
        if model is None:
            counts.setdefault("not built of these keys", []).append(kind)
            continue
        found, words = measured_or_refused(model, ids)
        if found is None:
            assert type(model).__name__ in words, kind
            counts.setdefault("refused by name", []).append(kind)
            continue
        assert found == pytest.approx(shifted_loss(model, ids), rel=1e-5), kind
        counts.setdefault("equal to a forward pass", []).append(kind)
    with capsys.disabled():
        print()
        for outcome, kinds in counts.items():
            print(f"  {len(kinds):4} {outcome}: {', '.join(kinds)}")
    assert len(counts["equal to a forward pass"]) >= 130


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize(
    ("kind", "key", "value"),
    [("gemma2", "final_logit_softcapping", 10.0), ("cohere", "logit_scale", 0.8), ("granite", "logits_scaling", 3.0)],
)
def test_caps_and_factors_of_logits_are_seen_in_half_precision(kind, key, value, dtype):
    model = build(kind, dtype, max_position_embeddings=64, **{key: value})
    total, count = plain_loop(model, IDS[:120], 60, 60)
    assert perplexity(model, IDS[:120], window=60, stride=60).nll == pytest.approx(total / count, rel=0.004)


@pytest.mark.parametrize("dtype", [torch.int32, torch.uint8, torch.int64])
def test_any_integers_are_tokens(model, dtype):
    expected = perplexity(model, IDS[:60], window=30, stride=30).nll
    assert perplexity(model, IDS[:60].to(dtype), window=30, stride=30).nll == expected
    assert perplexity(model, IDS[:60].numpy().astype(np.uint16), window=30, stride=30).nll == expected


@pytest.mark.parametrize(("window", "stride"), [(64, 16), (64, 64), (33, 20), (150, 150)])
@pytest.mark.parametrize("convention", CONVENTIONS)
def test_every_convention_against_one_window_at_a_time(model, convention, window, stride):
    ids = IDS[:150]
    found = perplexity(model, ids, window=window, stride=stride, convention=convention)
    expected = slow(model, ids, window, stride, convention)
    assert found.nll == pytest.approx(expected, rel=1e-6)


@given(
    length=st.integers(2, 60),
    window=st.integers(2, 30),
    stride=st.integers(1, 30),
    lead=st.integers(0, 1),
    convention=st.sampled_from(CONVENTIONS),
)
def test_windows_score_what_their_convention_says(length, window, stride, lead, convention):
    window, stride = min(window, length + lead), min(stride, window - lead)
    if stride < 1:
        return
    windows = list(windows_of(length, window, stride, convention, lead))
    counts = np.zeros(length, dtype=int)
    for one in windows:
        assert 0 <= one.start < one.stop <= length
        assert one.lead + one.stop - one.start <= window
        assert one.start < one.first + one.lead  # something comes before
        assert one.last - 1 <= one.stop <= one.last or one.last == one.stop
        assert one.before >= 1
        counts[one.first : one.last] += 1
    if convention == "last":
        assert all(one.stop - one.start == window - lead and one.scored <= stride for one in windows)
    elif convention == "every-token":
        assert (counts[1 - lead :] >= 1).all() or stride == window - lead
    elif stride < window - lead or convention == "disjoint":
        assert counts[1 - lead :].tolist() == [1] * (length - 1 + lead)  # every token once
    else:
        assert counts.max() == 1


def test_documents_count_by_their_tokens_and_stand_one_a_row(model):
    parts = [IDS[:200], IDS[200:280], IDS[300:512]]
    each = [perplexity(model, part, window=64, stride=16) for part in parts]
    found = perplexity(model, parts, window=64, stride=16)
    tokens = [one.tokens for one in each]
    assert found.nll == pytest.approx(np.average([one.nll for one in each], weights=tokens), rel=1e-6)
    assert [row.nll for row in found.documents] == pytest.approx([one.nll for one in each], rel=1e-6)
    assert [row.tokens for row in found.documents] == tokens
    assert [row.length for row in found.documents] == [200, 80, 212]
    assert each[0].standard_error is None
    assert 0.0 < found.standard_error < 1.0
    again = perplexity(model, [part.tolist() for part in parts], window=64, stride=16)
    assert again.standard_error == found.standard_error
    assert perplexity(model, parts, window=64, stride=16, seed=1).standard_error != found.standard_error


def test_the_standard_error_is_that_of_documents(model):
    parts = list(IDS[:500].reshape(10, 50))
    found = perplexity(model, parts, window=50, stride=50)
    means = np.array([row.nll for row in found.documents])
    assert found.standard_error == pytest.approx(means.std(ddof=0) / math.sqrt(10), rel=0.15)


def test_losses_by_position(model):
    found = perplexity(model, IDS[:200], window=64, stride=16)
    assert found.per_position.shape == (65,)
    assert np.nansum(found.per_position * found.counts) == pytest.approx(found.nll * found.tokens, rel=1e-6)
    assert math.isnan(found.per_position[0])
    assert found.per_position[1:48] == pytest.approx(losses_of(model, IDS[:64])[:47], rel=1e-5)
    assert found.counts[1:48].tolist() == [1] * 47
    assert found.counts[50] == 1 + -(-(200 - 64) // 16)


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_a_beginning_is_put_where_it_is_asked_for(model, convention):
    begin = torch.tensor([BEGIN])
    plain = perplexity(model, torch.cat([begin, IDS[:100]]), window=64, stride=16, convention=convention)
    found = perplexity(model, IDS[:100], window=64, stride=16, convention=convention, beginning="document")
    assert found.nll == plain.nll
    assert found.documents[0].length == 100


def test_a_beginning_before_each_window(model):
    found = perplexity(model, IDS[:100], window=32, stride=10, beginning="window")
    losses, done = [], 0
    for start in range(0, 100, 10):
        stop = min(start + 31, 100)
        losses += losses_of(model, torch.cat([torch.tensor([BEGIN]), IDS[start:stop]]))[done - start :]
        done = stop
        if stop == 100:
            break
    assert found.nll == pytest.approx(np.mean(losses), rel=1e-6)
    assert found.tokens == 100


def test_windows_may_be_taken_together_or_one_by_one(model):
    one = perplexity(model, IDS, window=64, stride=16, batch=1)
    assert perplexity(model, IDS, window=64, stride=16, batch=7).nll == pytest.approx(one.nll, rel=1e-6)
    assert perplexity(model, IDS, window=64, stride=16).nll == pytest.approx(one.nll, rel=1e-6)


def test_logits_are_made_a_block_at_a_time(model, monkeypatch):
    whole = perplexity(model, IDS, window=512)
    seen = []
    plain = model.lm_head.forward
    monkeypatch.setattr(
        model.lm_head, "forward", lambda states: seen.append(states.shape[:-1].numel()) or plain(states)
    )
    monkeypatch.setattr(_losses, "LOGITS", 99 * 50)
    assert perplexity(model, IDS, window=512).nll == pytest.approx(whole.nll, rel=1e-6)
    assert max(seen) == 50


def test_a_dynamic_table_is_that_of_each_window():
    dynamic = {"rope_type": "dynamic", "rope_theta": 1e4, "factor": 2.0}
    model = build("llama", max_position_embeddings=32, rope_parameters=dynamic)
    long, short = IDS[:100], IDS[100:132]
    alone = perplexity(model, short, window=32, stride=32)
    both = perplexity(model, [long, short], window=32, stride=32)
    assert both.documents[1].nll == pytest.approx(alone.nll, rel=1e-6)
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    perplexity(model, long, window=100, stride=100)
    assert all(torch.equal(buffer, before[name]) for name, buffer in model.named_buffers())


def test_the_record_says_what_its_value_depends_on(model):
    found = perplexity(model, IDS[:100], window=32, stride=8, convention="last", seed=3).to_dict()
    settings = {"window": 32, "stride": 8, "convention": "last", "beginning": "none", "dtype": "float32"}
    assert found.items() >= {**settings, "device": "cpu", "model": "LlamaForCausalLM", "seed": 3}.items()


@pytest.mark.parametrize(
    ("ids", "more", "error", "words"),
    [
        (
            IDS[:100],
            {"window": 101, "stride": 1},
            ValueError,
            "at most the 100 tokens of document 0, got 101",
        ),
        ([IDS, IDS[:9]], {"window": 10, "stride": 1}, ValueError, "at most the 9 tokens of document 1"),
        (IDS, {"window": 10, "stride": 11}, ValueError, "stride must be at most 10, the window, got 11"),
        (
            [IDS, IDS[:1]],
            {"window": 10, "stride": 1},
            ValueError,
            "document 1 must hold at least two",
        ),
        (IDS, {"window": 1, "stride": 1}, ValueError, "window must be at least 2"),
        (IDS, {"window": 10, "stride": 0}, ValueError, "stride must be at least 1"),
        (
            IDS,
            {"window": 10, "stride": 5, "convention": "paper"},
            ValueError,
            "convention must be one of",
        ),
        (IDS, {"window": 10, "stride": 5, "beginning": True}, TypeError, "beginning must be one of"),
        (IDS, {"window": 10, "stride": 5, "batch": 0}, ValueError, "batch must be at least 1"),
        ("a text", {"window": 10, "stride": 1}, TypeError, "document 0 must be integers, got a text"),
        ([5, 99], {"window": 2, "stride": 1}, ValueError, r"document 0 must lie in 0 … 98"),
        ([0.5, 1.5], {"window": 2, "stride": 1}, TypeError, "integers"),
        ([], {"window": 2, "stride": 1}, ValueError, "There is no document"),
        (torch.empty(0, 10, dtype=torch.long), {"window": 2, "stride": 1}, ValueError, "There is no document"),
        (
            IDS,
            {"window": 20, "stride": 20, "beginning": "window"},
            ValueError,
            "at most 19, the window without its",
        ),
        (None, {"window": 2, "stride": 1}, TypeError, "document 0 must be integers, got NoneType"),
    ],
)
def test_bad_input_is_named(model, ids, more, error, words):
    with pytest.raises(error, match=words):
        perplexity(model, ids, **more)


def test_a_model_without_a_beginning_cannot_put_one():
    model = build("llama", max_position_embeddings=64, bos_token_id=None)
    model.config.bos_token_id = None
    with pytest.raises(ValueError, match="names no beginning-of-sequence token"):
        perplexity(model, IDS, window=10, stride=5, beginning="window")


def test_a_loss_that_is_not_finite_names_its_token(model):
    broken = build("llama", max_position_embeddings=64)
    broken.get_input_embeddings().weight.data[7] = float("nan")
    ids = torch.tensor([3, 4, 5, 7, 6, 8])
    with pytest.raises(ValueError, match=r"The loss of token \d of document 0 is not finite"):
        perplexity(broken, ids, window=6, stride=6)


def test_too_little_memory_names_what_fits(model, monkeypatch):
    monkeypatch.setattr(_memory, "_free", lambda device: 1 << 20)
    with pytest.raises(ValueError, match=r"512 positions need .* positions fit"):
        perplexity(model, IDS, window=512)
    monkeypatch.undo()

    def out_of_memory(*args, **more):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    monkeypatch.setitem(perplexity.__globals__, "last_states", out_of_memory)
    with pytest.raises(ValueError, match=r"ran out of memory. About \d+ positions fit at once. Give a shorter window"):
        perplexity(model, IDS, window=64, stride=64)


def test_other_models_are_refused():
    with pytest.raises(TypeError, match="must be a loaded transformers model"):
        perplexity(torch.nn.Linear(2, 2), IDS, window=10, stride=5)
