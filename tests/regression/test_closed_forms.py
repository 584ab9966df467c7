import re

import numpy as np
import pytest
import torch
import twins
from hypothesis import given
from hypothesis import strategies as st

import rope_theory as rt
from rope_theory import testing
from rope_theory.regression import RotaryRidge, effective_dof, prediction_std
from rope_theory.regression._spectrum import spectrum

THETA = np.array([1.0, 0.4, 0.15])
LLAMA = rt.scaling.Unscaled().frequencies(rt.RopeConfig(128))
TRAIN = np.arange(60.0)


@given(alpha=st.floats(1e-3, 100.0), sigma=st.floats(0.1, 10.0), s=testing.offsets(-100.0, 300.0))
def test_it_is_the_written_formula(alpha, sigma, s):
    phi, here = twins.design(THETA, TRAIN), twins.design(THETA, [s])[0]
    expected = sigma * np.linalg.norm(phi @ np.linalg.solve(phi.T @ phi + alpha * np.eye(6), here))
    assert prediction_std(THETA, TRAIN, s, alpha=alpha, sigma=sigma) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("alpha", [0.1, 10.0])
def test_drawn_targets_scatter_as_predicted(alpha):
    draws, sigma = 20_000, 1.5
    train, s = np.arange(256), np.array([10.0, 128.5, 256.0, 400.0, 511.0])
    targets = np.random.default_rng(0).normal(0.0, sigma, (256, draws))
    predictions = RotaryRidge(LLAMA, alpha=alpha).fit(train, targets).predict(s)
    expected = prediction_std(LLAMA, train, s, alpha=alpha, sigma=sigma)
    # mean 0 within four standard errors, and the sample deviation within four of its own, σ/√(2n)
    assert (np.abs(predictions.mean(axis=1)) <= 4 * expected / np.sqrt(draws)).all()
    assert (np.abs(predictions.std(axis=1) - expected) <= 4 * expected / np.sqrt(2 * draws)).all()


def test_without_regularisation_it_is_least_squares():
    phi = twins.design(THETA, TRAIN)
    expected = np.linalg.norm(np.linalg.pinv(phi).T @ twins.design(THETA, [5.0])[0])
    assert prediction_std(THETA, TRAIN, 5.0, alpha=0.0) == pytest.approx(expected, rel=1e-10)


def test_without_regularisation_a_design_of_low_rank_is_refused():
    with pytest.raises(ValueError, match=r"alpha = 0 needs a design of full rank, but \d+ of 128.*alpha above 0"):
        prediction_std(LLAMA, np.arange(2048), [3000.0], alpha=0.0)


def test_stronger_ridges_scatter_less():
    s = np.linspace(0, 120, 50)
    weak, strong = (prediction_std(THETA, TRAIN, s, alpha=alpha) for alpha in (0.1, 10.0))
    assert (strong < weak).all()


def test_shapes():
    s = np.arange(6.0).reshape(2, 3)
    table = prediction_std(THETA, TRAIN, s, alpha=1.0)
    assert table.shape == (2, 3)
    assert table[1, 2] == pytest.approx(prediction_std(THETA, TRAIN, 5.0, alpha=1.0), rel=1e-13)
    assert isinstance(prediction_std(THETA, TRAIN, 5.0, alpha=1.0), float)
    assert np.array_equal(prediction_std(THETA, TRAIN[:, None], s, alpha=1.0), table)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: prediction_std(THETA, TRAIN, 1.0, alpha=-1.0), ValueError, "alpha must be at least 0"),
        (lambda: prediction_std(THETA, TRAIN, 1.0, alpha=1.0, sigma=0.0), ValueError, "sigma must be above 0"),
        (lambda: prediction_std(THETA, [], 1.0, alpha=1.0), ValueError, "train is empty"),
        (lambda: prediction_std(THETA, TRAIN, np.nan, alpha=1.0), ValueError, "s contains 1 NaN"),
        (lambda: prediction_std(THETA, np.ones((3, 2)), 1.0, alpha=1.0), ValueError, "train must be one-dimensional"),
        (lambda: prediction_std(THETA, torch.ones(3), 1.0, alpha=1.0), TypeError, "train must be a numpy array"),
        (lambda: prediction_std(torch.ones(3), TRAIN, 1.0, alpha=1.0), TypeError, "theta must be a numpy array"),
        (lambda: prediction_std(THETA, TRAIN, 2.0**54, alpha=1.0), ValueError, r"s reaches beyond ±2\*\*53"),
        (lambda: prediction_std(THETA, TRAIN, 1.0, alpha="1"), TypeError, "alpha must be a number"),
    ],
)
def test_bad_input(call, error, words):
    with pytest.raises(error, match=words):
        call()


def in_balls(theta, count, s, alpha):
    """Return prediction_std and effective_dof of the offsets 0 … count − 1 from the normal equations in 600 bits."""
    flint = pytest.importorskip("flint")
    before, flint.ctx.prec = flint.ctx.prec, 600

    def rows(offsets):
        phases = [[flint.arb(float(offset)) * flint.arb(float(angle)) for angle in theta] for offset in offsets]
        return flint.arb_mat([[x.cos() for x in line] + [x.sin() for x in line] for line in phases])

    try:
        phi = rows(range(count))
        gram = phi.transpose() * phi
        ridge = flint.arb_mat(gram)
        for j in range(2 * len(theta)):
            ridge[j, j] += flint.arb(alpha)
        weights = ridge.solve(rows(s).transpose())
        variances = weights.transpose() * gram * weights
        hat = ridge.solve(gram)
        stds = np.array([float(variances[i, i].mid()) ** 0.5 for i in range(len(s))])
        return stds, sum(float(hat[j, j].mid()) for j in range(2 * len(theta)))
    finally:
        flint.ctx.prec = before


def test_strengths_down_to_the_limit_are_right_and_smaller_ones_refused():
    theta, s = rt.scaling.Unscaled().frequencies(rt.RopeConfig(32)).theta, [64.5, 128.0, 192.0, 255.0]
    limit = spectrum(theta, np.arange(128)).floor ** 2
    for alpha, error in ((1.01 * limit, 1e-5), (100 * limit, 1e-6), (1e-3, 1e-11), (1.0, 1e-12)):
        stds, dof = in_balls(theta, 128, s, alpha)
        assert prediction_std(theta, np.arange(128), s, alpha=alpha) == pytest.approx(stds, rel=error)
        assert effective_dof(theta, np.arange(128), alpha=alpha) == pytest.approx(dof, rel=error)
    with pytest.raises(ValueError, match=r"too small for this design in float64.*Give alpha of at least"):
        prediction_std(theta, np.arange(128), s, alpha=0.9 * limit)
    advice = float(f"{limit * 1.06:.1e}")
    assert prediction_std(theta, np.arange(128), 64.5, alpha=advice) > 0


@pytest.mark.parametrize(("alpha", "error"), [(1.75e-19, 6e-4), (1e-12, 9e-8), (1e-3, 2e-12)])
def test_where_the_papers_setting_is_hardest(alpha, error):
    s = [0.0, 1024.5, 2560.0, 3625.0, 3665.0, 3810.0]  # among them the worst of every fifth offset below 2L
    stds, _ = in_balls(LLAMA.theta, 2048, s, alpha)
    assert prediction_std(LLAMA, np.arange(2048), s, alpha=alpha) == pytest.approx(stds, rel=error)
    found = prediction_std(LLAMA, np.arange(2048), s[3:], alpha=alpha)
    assert np.abs(found / stds[3:] - 1).max() > 1e-3 * error  # and the figure is not idle


@pytest.mark.parametrize("refused", [0.0, 1e-30])
@pytest.mark.parametrize("window", [64, 101, 150, 200, 333, 512])
def test_the_strength_a_refusal_names_is_accepted(refused, window):
    train = np.arange(window)
    with pytest.raises(ValueError, match="alpha") as error:
        prediction_std(LLAMA, train, 1.0, alpha=refused)
    named = re.search(r"(?:above 0, |at least )(\d\.\de-\d+)", str(error.value))[1]
    assert prediction_std(LLAMA, train, 1.0, alpha=float(named)) > 0
    with pytest.raises(ValueError, match="too small"):
        prediction_std(LLAMA, train, 1.0, alpha=0.8 * float(named))


@given(alpha=st.floats(1e-3, 100.0))
def test_degrees_of_freedom_are_the_trace_of_the_hat_matrix(alpha):
    phi = twins.design(THETA, TRAIN)
    hat = phi @ np.linalg.solve(phi.T @ phi + alpha * np.eye(6), phi.T)
    assert effective_dof(THETA, TRAIN, alpha=alpha) == pytest.approx(np.trace(hat), rel=1e-10)
    # and of fits: the fit to a unit target, at its own place, summed
    units = RotaryRidge(THETA, alpha=alpha).fit(TRAIN, np.eye(len(TRAIN))).predict(TRAIN)
    assert effective_dof(THETA, TRAIN, alpha=alpha) == pytest.approx(np.trace(units), rel=1e-10)


def test_degrees_of_freedom_at_the_ends():
    assert effective_dof(THETA, TRAIN, alpha=0.0) == pytest.approx(6.0, rel=1e-12)
    assert effective_dof(THETA, TRAIN, alpha=1e12) == pytest.approx(0.0, abs=1e-9)
    assert 70 < effective_dof(LLAMA, np.arange(2048), alpha=1e-3) < 90
    with pytest.raises(ValueError, match="alpha must be at least 0"):
        effective_dof(THETA, TRAIN, alpha=-1.0)
    with pytest.raises(ValueError, match="train is empty"):
        effective_dof(THETA, [], alpha=1.0)


@pytest.mark.parametrize(
    ("alpha", "expected", "error"),
    [
        (1e-6, [0.3983437356, 0.1883152006, 1314.755003, 214.2174064], 1e-9),
        (1e-12, [0.4793438268, 0.1912821246, 524098.2183, 303903.6636], 1e-7),
        (1e-15, [0.5185335136, 0.1916924966, 5900968.522, 3701429.638], 1e-5),
    ],
)
def test_weak_ridges_in_the_papers_setting(alpha, expected, error):
    # normal equations of the float64 frequencies in 600 bits, python-flint, as ``in_balls`` above
    found = prediction_std(LLAMA, np.arange(2048), [0.0, 1024.0, 2560.0, 4095.0], alpha=alpha)
    assert found == pytest.approx(expected, rel=error)
