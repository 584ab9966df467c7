import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from twins import rotate_then_dot

import rope_theory as rt
from rope_theory import bounds, testing
from rope_theory.coefficients import adversarial, aligned, decaying, random_phase

PAIRINGS = ["half", "interleaved"]
LLAMA = rt.scaling.Unscaled().frequencies(rt.RopeConfig(128))
SEEDS = st.integers(0, 2**32 - 1)


def queries_and_keys(seed, *shape):
    rng = np.random.default_rng(seed)
    return rng.standard_normal(shape), rng.standard_normal(shape)


@pytest.mark.parametrize("pairing", PAIRINGS)
@given(config=testing.configs(max_head_dim=16), seed=SEEDS, m=st.integers(0, 500), n=st.integers(0, 500))
def test_coefficients_give_the_rotated_inner_product(pairing, config, seed, m, n):
    q, k = queries_and_keys(seed, config.head_dim)
    theta = rt.scaling.Unscaled().frequencies(config)
    h = rt.score_coefficients(q, k, pairing=pairing, rotary_dim=config.width)
    rest = rt.position_free_term(q, k, rotary_dim=config.width)
    reached = rt.attention_score(h, theta, m - n) + rest
    expected = rotate_then_dot(q, k, theta.theta, m, n, pairing)
    assert reached == pytest.approx(expected, abs=1e-12 * (np.abs(h).sum() + abs(q) @ abs(k)))


def test_hand_values():
    q, k = np.array([1.0, 2.0, 3.0, 4.0]), np.array([5.0, 6.0, 7.0, 8.0])
    half = rt.score_coefficients(q, k, pairing="half")  # (1+3i)(5−7i), (2+4i)(6−8i)
    interleaved = rt.score_coefficients(q, k, pairing="interleaved")  # (1+2i)(5−6i), (3+4i)(7−8i)
    assert half.tolist() == [26 + 8j, 44 + 8j]
    assert interleaved.tolist() == [17 + 4j, 53 + 4j]
    assert rt.score_coefficients(q, k, pairing="half", rotary_dim=2).tolist() == [17 + 4j]
    assert rt.position_free_term(q, k, rotary_dim=2) == 53.0


def test_at_offset_zero_the_score_is_the_inner_product_in_either_pairing():
    q, k = queries_and_keys(0, 8, 64)
    for pairing in PAIRINGS:
        h = rt.score_coefficients(q, k, pairing=pairing)
        assert h.real.sum(-1) == pytest.approx((q * k).sum(-1), abs=1e-12)


@given(seed=SEEDS, pairs=st.integers(1, 8))
def test_the_two_pairings_are_one_permutation_apart(seed, pairs):
    q, k = queries_and_keys(seed, 2 * pairs)
    order = np.arange(2 * pairs).reshape(2, pairs).T.reshape(-1)  # 0, P, 1, P + 1, …
    half = rt.score_coefficients(q, k, pairing="half")
    assert np.array_equal(half, rt.score_coefficients(q[order], k[order], pairing="interleaved"))


def test_swapping_query_and_key_conjugates():
    q, k = queries_and_keys(1, 16)
    h = rt.score_coefficients(q, k, pairing="half")
    assert np.array_equal(rt.score_coefficients(k, q, pairing="half"), h.conj())


def test_every_query_against_every_key():
    q, _ = queries_and_keys(2, 2, 3, 8)
    _, k = queries_and_keys(3, 2, 5, 8)
    h = rt.score_coefficients(q[:, :, None, :], k[:, None, :, :], pairing="half")
    assert h.shape == (2, 3, 5, 4)
    assert np.array_equal(h[1, 2, 4], rt.score_coefficients(q[1, 2], k[1, 4], pairing="half"))


@pytest.mark.parametrize("pairing", PAIRINGS)
def test_torch_agrees_with_numpy(pairing):
    q, k = queries_and_keys(4, 5, 12)
    expected = rt.score_coefficients(q, k, pairing=pairing, rotary_dim=8)
    reached = rt.score_coefficients(torch.tensor(q), torch.tensor(k), pairing=pairing, rotary_dim=8)
    assert isinstance(reached, torch.Tensor)
    assert reached.dtype == torch.complex128
    assert np.array_equal(reached.numpy(), expected)
    rest = rt.position_free_term(torch.tensor(q), torch.tensor(k), rotary_dim=8)
    assert rest.numpy() == pytest.approx(rt.position_free_term(q, k, rotary_dim=8), abs=1e-14)


@pytest.mark.parametrize("pairing", PAIRINGS)
def test_gradients(pairing):
    q, k = (torch.tensor(x, requires_grad=True) for x in queries_and_keys(5, 2, 8))
    for function in (
        lambda q, k: torch.view_as_real(rt.score_coefficients(q, k, pairing=pairing, rotary_dim=6)),
        lambda q, k: rt.position_free_term(q, k, rotary_dim=6),
    ):
        assert torch.autograd.gradcheck(function, (q, k))


def test_precision():
    q, k = (torch.tensor(x, dtype=torch.float32) for x in queries_and_keys(6, 8))
    wide = rt.score_coefficients(q, k, pairing="half")
    narrow = rt.score_coefficients(q, k, pairing="half", keep_dtype=True)
    assert (wide.dtype, narrow.dtype) == (torch.complex128, torch.complex64)
    assert np.array_equal(wide.numpy(), rt.score_coefficients(q.numpy(), k.numpy(), pairing="half"))
    assert narrow.numpy() == pytest.approx(wide.numpy(), abs=1e-5)
    assert rt.position_free_term(q, k, rotary_dim=4, keep_dtype=True).dtype == torch.float32


def test_half_precision_has_no_complex_numbers_to_keep():
    q = torch.ones(4, dtype=torch.bfloat16)
    assert rt.score_coefficients(q, q, pairing="half").dtype == torch.complex128
    with pytest.raises(ValueError, match=r"keep_dtype works with float32 and float64.*bfloat16"):
        rt.score_coefficients(q, q, pairing="half", keep_dtype=True)


@given(at=testing.offsets(-(2.0**53), 2.0**53), h_max=st.floats(0.1, 10.0))
def test_aligned_peaks_where_it_is_told_to(at, h_max):
    h = aligned(LLAMA, at, h_max=h_max)
    assert np.abs(h) == pytest.approx(h_max, rel=1e-14)
    assert rt.attention_score(h, LLAMA, at) == pytest.approx(64 * h_max, rel=1e-13)
    assert rt.attention_score(h, LLAMA, at) == pytest.approx(bounds.triangle(h), rel=1e-13)


def test_aligned_peaks_nowhere_else():
    scores = rt.score_curve(aligned(LLAMA, 700.0), LLAMA, 0, 2048)
    assert int(scores.argmax()) == 700
    assert np.delete(scores, 700).max() < 63.0


def test_random_phase_is_seeded_and_flat():
    h = random_phase(32, seed=7, count=1000, h_max=2.0)
    assert h.shape == (1000, 32)
    assert np.abs(h) == pytest.approx(2.0, rel=1e-14)
    assert np.array_equal(h, random_phase(32, seed=7, count=1000, h_max=2.0))
    assert not np.array_equal(h, random_phase(32, seed=8, count=1000, h_max=2.0))
    assert abs(h.mean()) < 5 * 2.0 / np.sqrt(h.size)  # five standard errors
    assert random_phase(32, seed=7).shape == (32,)


def test_decaying_falls_as_a_power():
    h = decaying(10, exponent=1.5, seed=0, h_max=3.0)
    assert np.abs(h) == pytest.approx(3.0 * np.arange(1, 11) ** -1.5, rel=1e-14)
    assert decaying(10, seed=0, count=4).shape == (4, 10)


@given(s=testing.offsets(-4096.0), h_max=st.floats(0.1, 10.0))
@example(s=2.2250738585072014e-308, h_max=1.0)  # residuals too small to divide by
@example(s=5e-324, h_max=1.0)
def test_adversarial_attains_the_sharp_chord_bound(s, h_max):
    h = adversarial(LLAMA, s, h_max=h_max)
    low = np.floor(s)
    here, left, right = rt.attention_score(h, LLAMA, [s, low, low + 1])
    share = s - low
    excess = here - (1 - share) * left - share * right
    assert np.abs(h) == pytest.approx(h_max, rel=1e-13)
    assert excess == pytest.approx(bounds.chord_sharp(LLAMA, s, h=h), abs=1e-12 * 64 * h_max)


@given(data=st.data(), s=testing.offsets(0.0, 300.0))
def test_adversarial_attains_the_distance_from_any_weighted_sum(data, s):
    grid = np.array(data.draw(st.lists(testing.offsets(0.0, 300.0), min_size=1, max_size=6)))
    weights = np.array(data.draw(st.lists(st.floats(-2.0, 2.0), min_size=len(grid), max_size=len(grid))))
    h = adversarial(LLAMA, s, grid, weights)
    missed = rt.attention_score(h, LLAMA, s) - weights @ rt.attention_score(h, LLAMA, grid)
    residual = np.exp(1j * s * LLAMA.theta) - np.exp(1j * np.outer(LLAMA.theta, grid)) @ weights
    assert missed == pytest.approx(np.abs(residual).sum(), abs=1e-10)
    assert np.abs(h) == pytest.approx(1.0, rel=1e-13)


def test_adversarial_beats_random_coefficients():
    grid, weights = np.arange(0.0, 8.0), np.full(8, 0.125)
    theta = LLAMA.theta
    h = np.concatenate([adversarial(theta, 9.5, grid, weights)[None], random_phase(64, seed=0, count=500)])
    missed = np.abs(rt.attention_score(h, theta, 9.5) - rt.attention_score(h, theta, grid) @ weights)
    assert missed[0] > 1.5 * missed[1:].max()


def test_adversarial_on_a_grid_point_has_nothing_to_miss():
    h = adversarial([1.0, 0.1], 5.0)
    assert np.abs(h).tolist() == pytest.approx([1.0, 1.0])
    assert np.isfinite(h).all()
