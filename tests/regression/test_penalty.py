import math
import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import rope_theory as rt
from rope_theory.regression import coefficient_penalty

THETA = rt.scaling.Unscaled().frequencies(rt.RopeConfig(8))
LAYOUTS = [("half", None), ("interleaved", None), ("half", 4)]


def drawn(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape)


def moduli(q, k, pairing, rotary_dim, theta):
    """Return w_j·|h_j| of every query with every key, (..., T, S, P): the table that the penalty never makes."""
    h = rt.score_coefficients(q[..., :, None, :], k[..., None, :, :], pairing=pairing, rotary_dim=rotary_dim)
    return np.abs(h) * (1.0 if theta is None else np.asarray(theta) ** 2)


def written_out(q, k, *, pairing="half", rotary_dim=None, theta=None, order=2, causal=False):
    table = moduli(q, k, pairing, rotary_dim, theta)
    sizes = table.max(axis=-1) if order == math.inf else (table**order).sum(axis=-1)
    if causal:
        sizes = sizes[..., np.tril(np.ones(sizes.shape[-2:], dtype=bool))]
    return sizes.mean()


@pytest.mark.parametrize(("pairing", "rotary_dim"), LAYOUTS)
@given(seed=st.integers(0, 1000), order=st.sampled_from([1, 2]), weighted=st.booleans(), causal=st.booleans())
def test_it_is_the_mean_over_all_pairs(pairing, rotary_dim, seed, order, weighted, causal):
    q, k = drawn(seed, 2, 3, 7, 8), drawn(seed + 1, 3, 7, 8)
    theta = THETA.theta[: (rotary_dim or 8) // 2] if weighted else None
    options = {"pairing": pairing, "rotary_dim": rotary_dim, "theta": theta, "order": order, "causal": causal}
    found = coefficient_penalty(q, k, **options)
    expected = written_out(q, k, **options)
    assert found == pytest.approx(expected, rel=1e-12)
    tensor = coefficient_penalty(torch.tensor(q), torch.tensor(k), **options)
    assert tensor.shape == ()
    assert tensor.item() == pytest.approx(expected, rel=1e-12)


def test_queries_and_keys_may_differ_in_number():
    q, k = drawn(0, 5, 8), drawn(1, 9, 8)
    assert coefficient_penalty(q, k, pairing="half") == pytest.approx(written_out(q, k), rel=1e-12)


@pytest.mark.parametrize("order", [1, 2, math.inf])
@pytest.mark.parametrize("causal", [False, True])
def test_sampled_pairs_are_right_in_the_mean(order, causal):
    q, k = drawn(0, 6, 8), drawn(1, 6, 8)
    options = {"pairing": "half", "theta": THETA, "order": order, "causal": causal}
    draws = [coefficient_penalty(q, k, pairs=50, seed=seed, **options) for seed in range(400)]
    off = np.mean(draws) - written_out(q, k, **{**options, "theta": THETA.theta})
    assert abs(off) <= 4 * np.std(draws) / np.sqrt(len(draws))


@pytest.mark.parametrize("causal", [False, True])
def test_every_pair_is_drawn_equally_often(causal):
    # one query and key are unit vectors, all others zero: the penalty counts how often that pair was drawn
    count = 0
    for m in range(3):
        for n in range(m + 1 if causal else 3):
            q, k = np.zeros((3, 2)), np.zeros((3, 2))
            q[m, 0] = k[n, 0] = 1.0
            share = coefficient_penalty(q, k, pairing="half", pairs=60_000, causal=causal)
            expected = 1 / (6 if causal else 9)
            assert abs(share - expected) < 5 * np.sqrt(expected / 60_000)
            count += 1
    assert count == (6 if causal else 9)


def test_seeds_and_devices_draw_the_same_pairs():
    q, k = drawn(0, 6, 8), drawn(1, 6, 8)
    first = coefficient_penalty(q, k, pairing="half", pairs=5, seed=3)
    assert first == coefficient_penalty(q, k, pairing="half", pairs=5, seed=3)
    assert first != coefficient_penalty(q, k, pairing="half", pairs=5, seed=4)
    tensor = coefficient_penalty(torch.tensor(q), torch.tensor(k), pairing="half", pairs=5, seed=3)
    assert tensor.item() == pytest.approx(first, rel=1e-13)


@pytest.mark.parametrize("order", [1, 2, math.inf])
@pytest.mark.parametrize("theta", [None, THETA])
@pytest.mark.parametrize("causal", [False, True])
def test_gradients(order, theta, causal):
    q, k = (torch.tensor(drawn(seed, 2, 4, 8), requires_grad=True) for seed in (0, 1))
    for pairs in [3] if order == math.inf else [None, 3]:

        def penalty(q, k, pairs=pairs):
            return coefficient_penalty(q, k, pairing="half", theta=theta, order=order, causal=causal, pairs=pairs)

        assert torch.autograd.gradcheck(penalty, (q, k))


@pytest.mark.parametrize(("order", "pairs"), [(1, None), (2, None), (1, 9), (2, 9), (math.inf, 9)])
def test_gradients_at_zero_are_zero(order, pairs):
    q = torch.zeros(3, 8, dtype=torch.float64, requires_grad=True)
    k = torch.zeros(3, 8, dtype=torch.float64, requires_grad=True)
    coefficient_penalty(q, k, pairing="half", order=order, pairs=pairs).backward()
    assert (q.grad == 0).all()
    assert (k.grad == 0).all()


def test_long_sequences_make_no_table_of_pairs():
    q = np.ones((100_000, 8))
    tracemalloc.start()
    assert coefficient_penalty(q, q, pairing="half", causal=True) == pytest.approx(4 * 4.0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100 * q.nbytes  # the table would take 80 GB


def test_for_one_pair_it_is_what_the_bounds_need():
    q, k = drawn(0, 1, 8), drawn(1, 1, 8)
    h = rt.score_coefficients(q[0], k[0], pairing="half")
    assert coefficient_penalty(q, k, pairing="half", order=1) == pytest.approx(rt.bounds.triangle(h), rel=1e-13)
    weighted = coefficient_penalty(q, k, pairing="half", order=1, theta=THETA)
    assert weighted / 8 == pytest.approx(rt.bounds.chord_curvature(THETA, 0.5, h=h), rel=1e-13)
    largest = coefficient_penalty(q, k, pairing="half", order=math.inf, pairs=1)
    assert largest == pytest.approx(np.abs(h).max(), rel=1e-13)


@given(seed=st.integers(0, 1000), share=st.floats(0.05, 1.0), causal=st.booleans())
def test_the_mean_square_limits_how_many_triangle_bounds_are_large(seed, share, causal):
    q, k = drawn(seed, 6, 8), drawn(seed + 1, 6, 8)
    triangles = moduli(q, k, "half", None, None).sum(axis=-1)
    triangles = triangles[np.tril(np.ones((6, 6), dtype=bool))] if causal else triangles.reshape(-1)
    limit = 4 * coefficient_penalty(q, k, pairing="half", causal=causal)  # P times the penalty
    assert (triangles**2).mean() <= limit * (1 + 1e-12)
    assert (triangles >= math.sqrt(limit / share)).mean() <= share


def test_that_limit_is_attained_at_equal_moduli_and_a_tighter_one_fails():
    q = np.sign(drawn(0, 6, 8))
    triangles = moduli(q, 2 * q, "half", None, None).sum(axis=-1)
    limit = 4 * coefficient_penalty(q, 2 * q, pairing="half")
    assert (triangles**2).mean() == pytest.approx(limit, rel=1e-12)
    assert not (triangles**2).mean() <= 0.999 * limit


@given(seed=st.integers(0, 1000), middle=st.floats(0.0, 1.0), width=st.floats(0.1, 8.0))
def test_weighted_order_one_is_the_mean_curvature_bound(seed, middle, width):
    q, k = drawn(seed, 5, 8), drawn(seed + 1, 7, 8)
    h = rt.score_coefficients(q[:, None], k[None], pairing="half")
    penalty = coefficient_penalty(q, k, pairing="half", theta=THETA, order=1)
    found = rt.bounds.chord_curvature(THETA, 3 + middle * width, 3, 3 + width, h=h).mean()
    assert found == pytest.approx(0.5 * middle * (1 - middle) * width**2 * penalty, rel=1e-9, abs=1e-12)


@given(seed=st.integers(0, 1000), scale=st.floats(0.1, 10.0))
def test_smaller_queries_lower_the_penalty_and_no_ratio_of_scores(seed, scale):
    q, k = drawn(seed, 3, 8), drawn(seed + 1, 3, 8)
    before = coefficient_penalty(q, k, pairing="half")
    assert coefficient_penalty(scale * q, k, pairing="half") == pytest.approx(scale**2 * before, rel=1e-12)
    ratios = []
    for queries in (q, scale * q):
        curve = np.abs(rt.score_curve(rt.score_coefficients(queries[0], k[0], pairing="half"), THETA, 0, 50))
        ratios.append(curve.max() / curve[:9].max())
    assert ratios[1] == pytest.approx(ratios[0], rel=1e-9)


@pytest.mark.parametrize("pairing", ["half", "interleaved"])
@pytest.mark.parametrize("causal", [False, True])
def test_small_moduli_are_not_lost_in_squares(pairing, causal):
    q = torch.full((4, 8), 1e-25, requires_grad=True)
    k = torch.full((4, 8), 1e10)
    value = coefficient_penalty(q, k, pairing=pairing, order=1, causal=causal, keep_dtype=True)
    assert value.item() == pytest.approx(8e-15, rel=1e-6)
    value.backward()
    sampled = q.detach().clone().requires_grad_()
    coefficient_penalty(sampled, k, pairing=pairing, order=1, causal=causal, keep_dtype=True, pairs=9).backward()
    assert (q.grad.sum() / sampled.grad.sum()).item() == pytest.approx(1.0, rel=1e-5)
    tiny = coefficient_penalty(np.full((2, 4), 1e-170), np.full((2, 4), 1e90), pairing=pairing, order=1)
    assert tiny == pytest.approx(4e-80, rel=1e-12)


def test_gradients_reach_the_frequencies():
    theta = torch.tensor(THETA.theta.copy(), requires_grad=True)
    q, k = torch.tensor(drawn(0, 5, 8)), torch.tensor(drawn(1, 5, 8))
    assert torch.autograd.gradcheck(lambda theta: coefficient_penalty(q, k, pairing="half", theta=theta), (theta,))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_narrow_tensors(dtype):
    q, k = (torch.tensor(drawn(seed, 4, 8)).to(dtype).requires_grad_() for seed in (0, 1))
    found = coefficient_penalty(q, k, pairing="half")
    assert found.dtype == torch.float64
    assert found.item() == pytest.approx(written_out(*(x.detach().double().numpy() for x in (q, k))), rel=1e-12)
    found.backward()
    assert q.grad.dtype == dtype
    assert (
        coefficient_penalty(q.float(), k.float(), pairing="half", theta=THETA, keep_dtype=True).dtype == torch.float32
    )


Q = np.ones((4, 8))


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: coefficient_penalty(Q, Q, pairing="split"), ValueError, "pairing must be one of"),
        (lambda: coefficient_penalty(Q, Q, pairing="half", order=3), ValueError, "order must be 1, 2 or inf, got 3"),
        (lambda: coefficient_penalty(Q, Q, pairing="half", order="2"), TypeError, "order must be 1, 2 or inf"),
        (lambda: coefficient_penalty(Q, Q, pairing="half", order=math.inf), ValueError, "does not factorise.*pairs=N"),
        (lambda: coefficient_penalty(Q, Q, pairing="half", pairs=0), ValueError, "pairs must be at least 1"),
        (lambda: coefficient_penalty(Q, Q, pairing="half", pairs=2, seed=-1), ValueError, "seed must be at least 0"),
        (lambda: coefficient_penalty(Q, Q, pairing="half", causal=1), TypeError, "causal must be True or False"),
        (lambda: coefficient_penalty(Q, Q[:3], pairing="half", causal=True), ValueError, "as many queries as keys"),
        (lambda: coefficient_penalty(Q[0], Q, pairing="half"), ValueError, "q must have a token axis.*one token"),
        (lambda: coefficient_penalty(Q, Q[:, :6], pairing="half"), ValueError, "share their last axis"),
        (lambda: coefficient_penalty(Q[:, :7], Q[:, :7], pairing="half"), ValueError, "must be even"),
        (lambda: coefficient_penalty(Q, Q, pairing="half", theta=[1.0]), ValueError, "one angular frequency a rotated"),
        (lambda: coefficient_penalty(Q, Q, pairing="half", rotary_dim=16), ValueError, "exceeds the head width"),
        (lambda: coefficient_penalty(Q * np.nan, Q, pairing="half"), ValueError, "q contains 32 NaN"),
        (lambda: coefficient_penalty(Q * 1e90, Q * 1e90, pairing="half"), ValueError, "penalty overflows.*scale them"),
        (
            lambda: coefficient_penalty(np.ones((8, 4, 8)), np.ones((2, 4, 8)), pairing="half"),
            ValueError,
            "do not broadcast; with grouped-query attention repeat the key heads",
        ),
    ],
)
def test_bad_input(call, error, words):
    with pytest.raises(error, match=words):
        call()
