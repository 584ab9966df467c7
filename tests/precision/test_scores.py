"""Score errors: contained, measured as a plain calculation measures, and dependent on both positions."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rope_theory as rt
from rope_theory.precision import FORMATS, STORAGES, Storage, score_error
from rope_theory.precision.formats import rounded

CONFIG = rt.RopeConfig(32, base=500000.0, context_length=8192)
THETA = rt.scaling.Unscaled().frequencies(CONFIG)
H = rt.coefficients.random_phase(CONFIG.pairs, seed=0)
names = st.sampled_from(list(FORMATS))
storages = st.builds(Storage, names, names, names, names)
positions = st.integers(0, 65504)


@given(storages, positions, positions, st.integers(0, 9))
def test_the_bound_contains(storage, m, n, seed):
    h = rt.coefficients.random_phase(CONFIG.pairs, seed=seed)
    error = score_error(h, THETA, m, n, storage)
    assert abs(error.measured) <= error.bound


def test_the_bound_is_attained_and_no_tighter_one_holds():
    storage = Storage("bfloat16", "float64", "float64", "float64")
    # 257.001 becomes 258 and 514 becomes 512: each moves by the most there is, and they move apart
    m, n = 257.001, 514.0
    error = score_error([1j], [0.25], m, n, storage)
    moved = np.exp(0.25j * (258 - 512)) - np.exp(0.25j * (m - n))
    assert error.measured == pytest.approx((1j * moved).real, abs=1e-13)
    turns = np.exp(1j * np.arange(0.0, 2 * np.pi, 0.01))[:, None]
    best = abs(score_error(turns, [0.25], m, n, storage).measured).max()
    assert 0.999 * error.bound[()] < best <= error.bound


def test_the_part_of_the_frequencies_is_attained_too():
    storage = Storage("float64", "bfloat16", "float64", "float64")
    theta = 0.25 * (1.0 + 2.0**-8)  # a tie, which becomes 0.25
    error = score_error([1j], [theta], 1100, 1000, storage)
    assert error.measured == pytest.approx(np.sin(100 * theta) - np.sin(25.0), abs=1e-12)
    turns = np.exp(1j * np.arange(0.0, 2 * np.pi, 0.01))[:, None]
    best = abs(score_error(turns, [theta], 1100, 1000, storage).measured).max()
    assert 0.999 * error.bound[()] < best <= error.bound


def test_measured_is_a_plain_difference_of_scores():
    m, n = np.array([3, 300, 4097]), np.array([2, 100, 1])
    storage = STORAGES["bfloat16 phases"]

    def stored(position):
        phase = rounded(rounded(position[:, None], FORMATS["float32"]) * rounded(THETA.theta, FORMATS["float32"]),
                        FORMATS["bfloat16"])  # fmt: skip
        return rounded(np.cos(phase), FORMATS["bfloat16"]) + 1j * rounded(np.sin(phase), FORMATS["bfloat16"])

    plain = ((stored(m) * stored(n).conj()) @ H).real - rt.attention_score(H, THETA, m - n)
    np.testing.assert_allclose(score_error(H, THETA, m, n, storage).measured, plain, atol=1e-6)


def test_rounded_frequencies_keep_the_score_a_function_of_the_difference():
    far = np.array([0, 1000, 100000])
    only_frequencies = Storage("float64", "bfloat16", "float64", "float64")
    error = score_error(H, THETA, far + 7, far, only_frequencies)
    np.testing.assert_allclose(error.measured, error.measured[0], atol=1e-9)
    np.testing.assert_allclose(error.bound, error.bound[0], rtol=1e-6)
    positions_too = score_error(H, THETA, far + 7, far, Storage("bfloat16", "float64", "float64", "float64"))
    assert np.ptp(positions_too.measured) > 0.1
    assert positions_too.bound[-1] > 100 * positions_too.bound[0]


def test_the_bound_is_never_above_that_of_the_single_phasors():
    m, n = np.arange(1, 400, 7), np.arange(0, 399, 7)
    for storage in STORAGES.values():
        of_m, of_n = (rt.precision.phase_error(THETA, place, storage).bound for place in (m, n))
        simple = (of_m + of_n + of_m * of_n) @ np.abs(H)
        assert (score_error(H, THETA, m, n, storage).bound <= simple * (1 + 1e-9)).all()


def test_shapes_broadcast_and_rows_of_h_come_first(monkeypatch):
    h = np.stack([H, 2 * H])
    error = score_error(h, THETA, np.arange(6)[:, None], np.arange(4), STORAGES["bfloat16"])
    assert error.bound.shape == error.measured.shape == (2, 6, 4)
    assert error.query_positions.shape == error.key_positions.shape == (6, 4)
    np.testing.assert_allclose(error.measured[1], 2 * error.measured[0], atol=1e-12)
    monkeypatch.setattr("rope_theory._core.arrays.BLOCK_ELEMENTS", 8 * 16 * 5)
    again = score_error(h, THETA, np.arange(6)[:, None], np.arange(4), STORAGES["bfloat16"])
    np.testing.assert_allclose(again.measured, error.measured, atol=1e-12)
    assert score_error(H, THETA, 3, 2, Storage()).bound.shape == ()


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((np.ones(3), THETA, 1, 1, Storage()), ValueError, "h must have one coefficient a frequency"),
        ((H * math.nan, THETA, 1, 1, Storage()), ValueError, "h contains 16 NaN"),
        ((H, THETA, 1, 1, "bfloat16"), TypeError, "storage must be a Storage, got str"),
        ((H, THETA, [1, 2], [1, 2, 3], Storage()), ValueError, "query_positions .* do not broadcast together"),
        ((H, THETA, [math.inf], 1, Storage()), ValueError, "query_positions contains 1 NaN or infinite"),
        ((H, THETA, 1, 65520, Storage(position="float16")), ValueError, "key_positions reaches 65520, and float16"),
        ((H, [2.0] * 15 + [-1.0], 1, 1, Storage()), ValueError, "theta contains negative"),
    ],
)  # fmt: skip
def test_wrong_input_is_an_error_in_words(arguments, error, words):
    with pytest.raises(error, match=words):
        score_error(*arguments)
