"""A check of heads: its numbers against slow twins, its attention against the model's own, its words."""

import math
import warnings

import numpy as np
import pytest

import rope_theory as rt

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from tiny_models import IDS, build  # noqa: E402

from rope_theory.models import _attention_rows, _means, _pair_scores, check  # noqa: E402
from rope_theory.models import check as check_function  # noqa: E402

WINDOW = 24
SCALINGS = (rt.scaling.PositionInterpolation(3), rt.scaling.YaRN(3))


@pytest.fixture(scope="module")
def model():
    return build("llama", max_position_embeddings=WINDOW)


@pytest.fixture(scope="module")
def result(model):
    return check(model, IDS[:200], scalings=SCALINGS, length=72, pairs=None)


def curves(captured, layer, head, table, offsets, gain=1.0):
    """Return a(s) of every pair of a window, one by one."""
    q, k = captured.query[layer][head], captured.key[layer][captured.key_head(layer, head)]
    m, n = np.tril_indices(len(q))
    h = rt.score_coefficients(q[m].numpy(), k[n].numpy(), pairing=captured.pairing)
    return h, gain * rt.attention_score(h, table, offsets)


def test_every_pair_of_a_head_as_one_computes_it_by_hand(model, result):
    starts = [round(number * (200 - 72) / 1) for number in range(2)]
    own = rt.from_hf(model.config)
    fine = {"inside": np.arange(0, 23 * 16 + 1) / 16, "beyond": np.arange(23 * 16 + 1, 71 * 16 + 1) / 16}
    tables = [own.frequencies(), *(scaling.frequencies(own.config, 72) for scaling in SCALINGS)]
    ratios = {}
    sizes = []
    for start in starts:
        captured = rt.models.capture(model, IDS[start : start + WINDOW])
        h, inside = curves(captured, 1, 3, tables[0], np.arange(WINDOW))
        trained = abs(inside).max(-1)
        sizes.append(
            np.stack([trained, abs(h).max(-1), abs(h).sum(-1), abs(h).max(-1) / trained, abs(h).sum(-1) / trained])
        )
        for table in tables:
            for region, offsets in fine.items():
                _, scores = curves(captured, 1, 3, table, offsets, table.attention_factor**2)
                whole = abs(scores[:, offsets % 1 == 0]).max(-1) / trained
                ratios.setdefault((repr(table.scaling), region), []).append((whole, abs(scores).max(-1) / trained))
    head = next(row for row in result.heads.rows if (row.layer, row.head) == (1, 3))
    every = np.concatenate(sizes, axis=-1)
    named = (head.trained_maximum, head.coefficient_maximum, head.coefficient_sum, head.maximum_ratio, head.sum_ratio)
    np.testing.assert_allclose(named, every.mean(-1), rtol=1e-9)
    np.testing.assert_allclose((head.largest_maximum_ratio, head.largest_sum_ratio), every[3:].max(-1), rtol=1e-9)
    assert head.pairs == every.shape[-1] == 2 * WINDOW * (WINDOW + 1) // 2
    rows = [row for row in result.rows if (row.layer, row.head) == (1, 3)]
    assert len(rows) == 6
    for row in rows:
        integers, between = (np.concatenate(part) for part in zip(*ratios[row.scaling, row.region], strict=True))
        np.testing.assert_allclose(row.at_integers, integers.mean(), rtol=1e-9)
        np.testing.assert_allclose(row.between, between.mean(), rtol=1e-9)
        np.testing.assert_allclose(row.largest_between, between.max(), rtol=1e-9)
        np.testing.assert_allclose(row.largest_at_integers, integers.max(), rtol=1e-9)


def test_small_blocks_give_the_same(model, result, monkeypatch):
    monkeypatch.setattr(_pair_scores, "SPAN", 7)
    monkeypatch.setitem(_pair_scores.BLOCK, "cpu", 300)
    monkeypatch.setitem(_pair_scores.HELD, "cpu", 300 * 16 * 3)  # three of four heads
    monkeypatch.setitem(_attention_rows.BLOCK, "cpu", 100)
    again = check(model, IDS[:200], scalings=SCALINGS, length=72, pairs=None)
    for one, other in zip((result.rows, result.heads.rows), (again.rows, again.heads.rows), strict=True):
        for row, same in zip(one, other, strict=True):
            for name, value in row.to_dict().items():
                if isinstance(value, float):
                    np.testing.assert_allclose(getattr(same, name), value, rtol=1e-9, atol=1e-13, err_msg=name)
    for row, same in zip(result.bounds.rows, again.bounds.rows, strict=True):
        assert (same.bound, same.violations, same.evaluations) == (row.bound, row.violations, row.evaluations) or (
            row.bound.startswith("chord") is False and same.violations == row.violations
        )
        assert same.tightest == pytest.approx(row.tightest, abs=1e-9)


def test_no_proved_bound_is_exceeded_and_the_published_one_is(result):
    assert result.violations == 0
    assert result.published_violations > 0
    found = {row.bound: row for row in result.bounds.rows if (row.layer, row.head) == (0, 0)}
    assert set(found) == {*_pair_scores.BOUNDS, "attention_shift"}
    assert found["triangle"].tightest <= 1.0
    assert 0.9 < found["chord_sharp"].tightest <= 1.0  # heads of 8 pairs nearly attain it
    assert found["chord_published"].tightest > 1.0


@pytest.mark.parametrize("name", [name for name, evidence in _pair_scores.BOUNDS.items() if evidence == "proved"])
def test_a_bound_that_is_too_tight_is_found_out(model, name, monkeypatch):
    """The same checker, with each bound below what is reached somewhere."""
    before = _pair_scores._Curves._count

    def tightened(self, given, rows, value, bound, slack, evaluations, exceeded=None):
        by = 0.05 if given == name else 1.0
        before(self, given, rows, value, by * bound, slack, evaluations, exceeded)

    monkeypatch.setattr(_pair_scores._Curves, "_count", tightened)
    assert check(model, IDS[:100], length=72, pairs=100).violations > 0


def test_attention_under_a_scaling_moves_no_further_than_the_bound(result):
    rows = [row for row in result.attention.rows if row.scaling != "Unscaled()"]
    assert {row.region for row in rows} == {"inside"}
    assert all(0.0 < row.moved < 1.0 for row in rows)
    assert all(row.moved == 0.0 for row in result.attention.rows if row.scaling == "Unscaled()")
    assert all(row.far == 0.0 for row in result.attention.rows if row.region == "inside")
    assert any(row.far > 0.0 for row in result.attention.rows if row.region == "beyond")


def test_losses_are_the_models(model, result):
    totals = np.zeros(72)
    for start in (0, 128):
        ids = IDS[start : start + 72]
        with torch.no_grad():
            logits = model(input_ids=ids[None]).logits[0, :-1].double()
        totals[1:] += torch.nn.functional.cross_entropy(logits, ids[1:], reduction="none").numpy() / 2
    assert [(row.start, row.stop) for row in result.losses.rows] == [(start, start + 6) for start in range(0, 72, 6)]
    for row in result.losses.rows:
        assert row.loss == pytest.approx(totals[max(1, row.start) : row.stop].mean(), rel=1e-5)
        assert row.region == ("inside" if row.start < WINDOW else "beyond")


@pytest.mark.parametrize("kind", ["gemma2", "cohere"])
def test_losses_know_of_caps_and_factors_of_logits(kind):
    model = build(kind, max_position_embeddings=64)
    found = check(model, IDS[:40], pairs=10)
    with torch.no_grad():
        logits = model(input_ids=IDS[None, :40]).logits[0, :-1].double()
    losses = torch.nn.functional.cross_entropy(logits, IDS[1:40], reduction="none")
    assert sum(row.loss * row.tokens for row in found.losses.rows) == pytest.approx(float(losses.sum()), rel=1e-5)


class DoubledLlama(transformers.LlamaForCausalLM):
    """A model whose logits are not what its output layer gives."""

    def forward(self, *args, **kwargs):
        output = super().forward(*args, **kwargs)
        output.logits = 2.0 * output.logits
        return output


def test_losses_are_left_out_where_the_model_does_more_than_project():
    model = build("llama", max_position_embeddings=64)
    model.__class__ = DoubledLlama
    found = check(model, IDS[:40], pairs=10)
    assert found.losses.rows == ()
    assert any("No losses" in note for note in found.notes)


@pytest.mark.parametrize("kind", ["phi3", "gpt_neox", "glm4", "gpt_oss", "gemma3_text"])
def test_partial_rotation_tables_and_pairings_keep_every_bound(kind):
    yarn = {"rope_type": "yarn", "rope_theta": 1e4, "factor": 2.0, "original_max_position_embeddings": 64}
    more = {"rope_parameters": yarn} if kind == "gpt_oss" else {}  # its own window is long
    found = check(build(kind, max_position_embeddings=64, **more), IDS[:100], length=96, pairs=60)
    assert found.violations == 0
    partial = kind in ("phi3", "gpt_neox", "glm4")
    assert all((row.position_free > 0.0) == partial for row in found.heads.rows)


def test_standard_errors_are_those_of_a_ratio_of_sums():
    rng = np.random.default_rng(0)
    values, batch = rng.standard_normal((3, 40)), np.sort(rng.integers(0, 6, 40))
    means = _means.Means()
    means.add(torch.tensor(values[:, :25]), torch.tensor(batch[:25]), 6)
    means.add(torch.tensor(values[:, 25:]), torch.tensor(batch[25:]), 6)
    groups = [(0, b) for b in sorted(set(batch[:25]))] + [(25, b) for b in sorted(set(batch[25:]))]
    sums, counts = [], []
    for first, b in groups:
        inside = (np.arange(40) >= first) & (np.arange(40) < (25 if first == 0 else 40)) & (batch == b)
        sums.append(values[:, inside].sum(-1))
        counts.append(inside.sum())
    sums, counts = np.array(sums), np.array(counts)
    mean = values.mean(-1)
    spread = ((sums - counts[:, None] * mean) ** 2).sum(0) * len(counts) / (len(counts) - 1)
    found, errors = means.result()
    np.testing.assert_allclose(found, mean)
    np.testing.assert_allclose(errors, np.sqrt(spread) / 40)


def test_standard_errors_shrink_as_those_of_independent_draws():
    rng = np.random.default_rng(1)
    means = _means.Means()
    for _ in range(50):
        means.add(torch.tensor(rng.standard_normal((1, 80))), torch.arange(80) // 10, 8)
    assert means.result()[1][0] == pytest.approx(1 / math.sqrt(4000), rel=0.15)


def test_pairs_are_drawn_evenly_and_without_repetition():
    query, key = check_module()._pairs(30, 200, np.random.default_rng(0))
    assert len({*zip(query.tolist(), key.tolist(), strict=True)}) == 200
    assert (key <= query).all()
    assert (np.diff(query) >= 0).all()
    every = check_module()._pairs(30, None, np.random.default_rng(0))
    drawn = check_module()._pairs(30, 465, np.random.default_rng(0))
    np.testing.assert_array_equal(every, drawn)
    large = check_module()._pairs(100_000, 5000, np.random.default_rng(0))
    assert (large[1] <= large[0]).all()
    assert large[0].max() < 100_000
    assert abs((large[0] > 70_710).mean() - 0.5) < 0.03  # half of the pairs lie past L/√2


def check_module():
    import importlib

    return importlib.import_module("rope_theory.models._check")


def test_the_same_seed_gives_the_same_and_another_other_pairs(model):
    one, same, other = (check(model, IDS[:60], pairs=20, length=30, seed=seed) for seed in (3, 3, 4))
    assert one.to_dict() == same.to_dict()
    assert one.rows != other.rows


def test_a_short_text_is_checked_as_far_as_it_goes(model):
    found = check(model, IDS[:10], pairs=None)
    assert found.tokens == 10
    assert any("fewer than the trained window of 24" in note for note in found.notes)
    assert {row.region for row in found.rows} == {"inside", "beyond"}  # curves need no text
    assert {row.region for row in found.attention.rows} == {"inside"}
    assert found.length == 96
    between = check(model, IDS[:40], pairs=10)
    assert any("end there" in note for note in between.notes)
    assert {row.region for row in between.attention.rows} == {"inside", "beyond"}
    assert check(model, IDS[:2], pairs=10).violations == 0


def test_a_length_of_one_window_has_nothing_beyond(model):
    found = check(model, IDS[:60], pairs=10, length=WINDOW)
    assert {row.region for row in found.rows} == {"inside"}
    assert found.stretches == 2


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        ({"input_ids": [5]}, ValueError, "at least two tokens"),
        ({"input_ids": [1.5, 2.0]}, TypeError, "must be integers"),
        ({"model": torch.nn.Linear(2, 2)}, TypeError, "loaded transformers model"),
        ({"length": 10}, ValueError, "length must be at least 24"),
        ({"pairs": 0}, ValueError, "None takes all"),
        ({"pairs": 1.5}, ValueError, "pairs must be an integer"),
        ({"seed": -1}, ValueError, "seed"),
        ({"scalings": rt.scaling.YaRN(4)}, TypeError, "put a single scaling in a list"),
        ({"scalings": ["yarn"]}, TypeError, r"such as rt.scaling.YaRN\(4\)"),
    ],
)
def test_wrong_input_is_refused_in_words(model, change, kind, words):
    arguments = {"model": model, "input_ids": IDS[:30], **change}
    with pytest.raises(kind, match=words):
        check(arguments.pop("model"), arguments.pop("input_ids"), **arguments)


def test_a_model_without_rope_is_refused():
    config = transformers.GPT2Config(n_embd=16, n_layer=1, n_head=2, vocab_size=99, n_positions=64)
    with pytest.raises(ValueError, match="no rotary positions"):
        check(transformers.GPT2LMHeadModel(config), IDS[:30])


def test_pairs_may_be_taken_in_parts(model, result, monkeypatch):
    monkeypatch.setitem(_pair_scores.HELD, "cpu", 70 * 16)  # 70 of the 300 pairs of one head
    again = check(model, IDS[:200], scalings=SCALINGS, length=72, pairs=None)
    for row, same in zip(result.heads.rows, again.heads.rows, strict=True):
        assert same.shares == pytest.approx(row.shares, rel=1e-9)
        for name in ("trained_maximum", "trained_maximum_error", "sum_ratio", "largest_sum_ratio", "pairs"):
            assert getattr(same, name) == pytest.approx(getattr(row, name), rel=1e-9)
    assert [row.evaluations for row in again.bounds.rows] == [row.evaluations for row in result.bounds.rows]


def test_a_dynamic_table_is_that_of_its_region_and_does_not_stay_stretched():
    dynamic = {"rope_type": "dynamic", "rope_theta": 1e4, "factor": 2.0}
    model = build("llama", max_position_embeddings=WINDOW, rope_parameters=dynamic)
    before = model.model.rotary_emb.inv_freq.clone()
    found = check(model, IDS[:200], length=72, pairs=50)
    assert torch.equal(model.model.rotary_emb.inv_freq, before)
    assert found.notes == ()  # the table of every window is the described one, also after a longer pass
    assert found.violations == 0
    plain = check(build("llama", max_position_embeddings=WINDOW), IDS[:200], length=72, pairs=50)
    for row, same in zip(found.rows, plain.rows, strict=True):
        assert (row.between == pytest.approx(same.between, rel=1e-6)) == (row.region == "inside")
    assert len(found.losses.rows) == 12


@pytest.mark.parametrize("kind", ["dynamic", "longrope"])
def test_rotary_buffers_are_left_as_they_were(kind):
    rope = {"rope_type": kind, "rope_theta": 1e4, "factor": 2.0}
    lists = {"short_factor": [1.0] * 8, "long_factor": [2.0] * 8, "original_max_position_embeddings": WINDOW}
    model = build(
        "llama", max_position_embeddings=WINDOW, rope_parameters={**rope, **(lists if kind == "longrope" else {})}
    )
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    check(model, IDS[:200], length=72, pairs=10)
    after = dict(model.named_buffers())
    assert "original_inv_freq" in " ".join(after)
    assert all(torch.equal(after[name], before[name]) for name in before)


def test_a_table_that_is_not_the_described_one_is_noted():
    model = build("llama", max_position_embeddings=WINDOW)
    model.model.rotary_emb.inv_freq *= 0.5
    model.model.rotary_emb.original_inv_freq *= 0.5
    assert any("cosines and sines are up to" in note for note in check(model, IDS[:60], pairs=10).notes)


def test_a_scaling_given_twice_is_compared_once(model):
    found = check(model, IDS[:60], scalings=[rt.scaling.Unscaled(), *SCALINGS, SCALINGS[0]], length=72, pairs=10)
    assert len({row.scaling for row in found.rows}) == 3
    assert len(found.rows) == 8 * 3 * 2
    assert any("compared once" in note for note in found.notes)


def test_training_flags_come_back_module_by_module():
    model = build("llama", max_position_embeddings=WINDOW, attention_dropout=0.5).train()
    model.model.layers[0].eval()
    found = check(model, IDS[:60], pairs=10)
    assert model.training
    assert not model.model.layers[0].training
    assert model.model.layers[1].self_attn.training
    assert len(found.losses.rows) > 0


def test_losses_of_a_window_of_any_length_keep_their_sides():
    found = check(build("llama", max_position_embeddings=30), IDS[:70], pairs=10, length=60)
    assert [row.stop for row in found.losses.rows] == [7, 15, 22, 30, 37, 45, 52, 60]
    assert all(row.region == ("inside" if row.stop <= 30 else "beyond") for row in found.losses.rows)


def test_nan_names_layer_and_head():
    broken = build("llama", max_position_embeddings=WINDOW)
    with torch.no_grad():
        broken.model.layers[1].self_attn.q_proj.weight[33] = math.nan  # head 2 of width 16
    with pytest.raises(ValueError, match="queries of layer 1, head 2, contain NaN"):
        check(broken, IDS[:30])


def test_more_positions_than_fit_says_how_many_do(model, monkeypatch):
    from rope_theory.models import _memory

    monkeypatch.setattr(_memory, "_free", lambda device: 100_000)
    with pytest.raises(ValueError, match=r"about \d+ positions fit"):
        check(model, IDS[:90])


def test_nothing_of_size_tokens_by_tokens_is_held(model):
    """The largest tensor made while a long text is checked stays far below T × T."""
    largest = 0

    class Watch(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            nonlocal largest
            made = function(*args, **(kwargs or {}))
            if isinstance(made, torch.Tensor):
                largest = max(largest, made.numel())
            return made

    ids = torch.cat([IDS] * 4)
    with Watch(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_function(model, ids, length=len(ids), pairs=40)
    assert largest < len(ids) ** 2 / 4


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device; runs where there is one")
def test_cuda_gives_the_same_numbers(model, result):
    found = check(
        build("llama", max_position_embeddings=WINDOW).cuda(), IDS[:200], scalings=SCALINGS, length=72, pairs=None
    )
    for row, same in zip(result.rows, found.rows, strict=True):
        assert same.between == pytest.approx(row.between, rel=1e-4)
        assert same.largest_score == pytest.approx(row.largest_score, rel=1e-4)
    for row, same in zip(result.attention.rows, found.attention.rows, strict=True):
        assert same.entropy == pytest.approx(row.entropy, rel=1e-4)
    assert found.violations == 0
