"""The expected maximum: its bound contains, is attained at one offset and fails when tightened; fits reach as far."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

import rope_theory as rt
from rope_theory.regression import ExpectedMaximum, RotaryRidge, expected_maximum, prediction_std
from rope_theory.regression.maximum import bound_from_stds

THETA = np.array([1.0, 0.4, 0.15])
LLAMA = rt.scaling.Unscaled().frequencies(rt.RopeConfig(128))
TRAIN = np.arange(60.0)


def integral(std):
    """Return ∫ min(1, Σ 2Q(u/std)) du by quadrature."""
    std = np.asarray(std)
    top = 40 * std.max()
    value, _ = integrate.quad(
        lambda u: min(1.0, 2 * stats.norm.sf(u / std).sum()), 0.0, top, limit=2000, points=[0.5 * std.max(), std.max()]
    )
    return value


@settings(max_examples=25)
@given(std=st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=30))
def test_the_closed_form_is_the_integral(std):
    assert bound_from_stds(np.array(std)) == pytest.approx(integral(std), rel=1e-6)


@given(scale=st.sampled_from([1e-150, 1e-12, 1e12, 1e150]), shares=st.lists(st.floats(0.0, 1.0), max_size=9))
def test_the_bound_scales_and_forgets_offsets_without_spread(scale, shares):
    std = np.array([1.0, *shares])
    assert bound_from_stds(scale * std) == pytest.approx(scale * bound_from_stds(std), rel=1e-12)
    assert bound_from_stds(np.append(std, 0.0)) == bound_from_stds(std)
    assert bound_from_stds(np.zeros(3)) == 0.0


def test_one_offset_attains_the_bound_and_a_tighter_one_fails():
    found = expected_maximum(THETA, TRAIN, 90.0, alpha=2.0, sigma=3.0, draws=200_000)
    exact = float(prediction_std(THETA, TRAIN, 90.0, alpha=2.0, sigma=3.0)) * np.sqrt(2 / np.pi)  # E |N(0, std²)|
    assert found.bound == pytest.approx(exact, rel=1e-12)
    assert abs(found.simulated - found.bound) <= 4 * found.standard_error
    assert found.simulated > 0.98 * found.bound + 4 * found.standard_error


@pytest.mark.parametrize("alpha", [1e-3, 1.0, 100.0])
@pytest.mark.parametrize("s", [np.arange(256.0), np.arange(256.0, 512.0), np.array([3.5, 1e6])], ids=str)
def test_the_bound_contains_the_simulation(alpha, s):
    found = expected_maximum(LLAMA, np.arange(256), s, alpha=alpha, draws=500)
    assert found.simulated <= found.bound + 4 * found.standard_error
    assert found.bound <= prediction_std(LLAMA, np.arange(256), s, alpha=alpha).max() * np.sqrt(2 * np.log(4 * len(s)))


def test_few_far_offsets_come_near_the_bound_and_a_tighter_one_fails():
    s = np.array([1e5, 3e6, 7e7])  # almost independent there
    found = expected_maximum(LLAMA, np.arange(256), s, alpha=1.0, draws=50_000)
    assert found.simulated + 4 * found.standard_error < found.bound
    assert found.simulated - 4 * found.standard_error > 0.8 * found.bound


@pytest.mark.parametrize(("alpha", "sigma"), [(1e-2, 1.0), (10.0, 2.5)])
def test_fits_of_drawn_targets_reach_as_far(alpha, sigma):
    draws, train, s = 4000, np.arange(200), np.arange(200, 400)
    targets = np.random.default_rng(1).normal(0.0, sigma, (200, draws))
    largest = np.abs(RotaryRidge(LLAMA, alpha=alpha).fit(train, targets).predict(s)).max(axis=0)
    found = expected_maximum(LLAMA, train, s, alpha=alpha, sigma=sigma, draws=draws, seed=2)
    error = np.hypot(found.standard_error, largest.std(ddof=1) / draws**0.5)
    assert abs(found.simulated - largest.mean()) <= 4 * error
    assert stats.ks_2samp(found.maxima, largest).pvalue > 1e-3  # the whole law, not its mean alone
    assert stats.ks_2samp(1.2 * np.array(found.maxima), largest).pvalue < 1e-6


def test_blocks_and_shapes_change_nothing(monkeypatch):
    s = np.arange(60.0, 120.0)
    whole = expected_maximum(THETA, TRAIN, s, alpha=1.0, draws=50, seed=3)
    monkeypatch.setattr("rope_theory.regression.maximum.BLOCK_ELEMENTS", 100)
    pieces = expected_maximum(THETA, TRAIN, s.reshape(3, 20), alpha=1.0, draws=50, seed=3)
    assert pieces.maxima == pytest.approx(whole.maxima, rel=1e-12)
    assert pieces.bound == pytest.approx(whole.bound, rel=1e-12)


def test_the_record_says_what_it_came_from():
    found = expected_maximum(THETA, TRAIN, [70.0, 80.0], alpha=1, sigma=2, draws=20, seed=5)
    assert isinstance(found, ExpectedMaximum)
    assert (found.draws, found.seed, found.sigma, found.alpha) == (20, 5, 2.0, 1.0)
    assert found.simulated == pytest.approx(np.mean(found.maxima))
    assert found.standard_error == pytest.approx(np.std(found.maxima, ddof=1) / np.sqrt(20))
    assert found.to_dict()["maxima"] == list(found.maxima)
    assert expected_maximum(THETA, TRAIN, [70.0, 80.0], alpha=1, sigma=2, draws=20, seed=5) == found
    assert "maxima" not in repr(found)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"draws": 1}, ValueError, "draws must be at least 2.*standard error"),
        ({"draws": 10**7}, ValueError, "draws must be at most 1000000"),
        ({"draws": 2.5}, ValueError, "draws must be an integer"),
        ({"seed": -1}, ValueError, "seed must be at least 0"),
        ({"sigma": 0.0}, ValueError, "sigma must be above 0"),
        ({"alpha": -1.0}, ValueError, "alpha must be at least 0"),
        ({"s": []}, ValueError, "s is empty"),
        ({"train": [np.nan]}, ValueError, "train contains 1 NaN"),
        ({"theta": LLAMA, "train": np.arange(512), "alpha": 1e-30}, ValueError, "too small for this design"),
    ],
)
def test_bad_input(change, error, words):
    given_ = {"theta": THETA, "train": TRAIN, "s": [1.0], "alpha": 1.0} | change
    with pytest.raises(error, match=words):
        expected_maximum(given_.pop("theta"), given_.pop("train"), given_.pop("s"), **given_)
