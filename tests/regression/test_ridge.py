import numpy as np
import pytest
import torch
import twins
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import cross_val_score

import rope_theory as rt
from rope_theory.regression import RotaryRidge

THETA = np.array([1.0, 0.4, 0.15])
LLAMA = rt.scaling.Unscaled().frequencies(rt.RopeConfig(128))
SOLVERS = ["svd", "cholesky", "normal"]
S, Y = np.arange(100.0), np.random.default_rng(0).standard_normal(100)


def written_out(theta, s, y, alpha):
    phi = twins.design(theta, s)
    return np.linalg.solve(phi.T @ phi + alpha * np.eye(phi.shape[1]), phi.T @ y)


@pytest.mark.parametrize("solver", SOLVERS)
@given(alpha=st.floats(0.0, 100.0), seed=st.integers(0, 1000))
def test_solvers_agree_with_the_normal_equations_where_these_are_well_conditioned(solver, alpha, seed):
    y = np.random.default_rng(seed).standard_normal(100)
    fit = RotaryRidge(THETA, alpha=alpha, solver=solver).fit(S, y)
    assert fit.coef_ == pytest.approx(written_out(THETA, S, y, alpha), abs=1e-12)


@pytest.mark.parametrize("solver", SOLVERS)
def test_solvers_agree_with_scikit_learn(solver):
    fit = RotaryRidge(THETA, alpha=2.0, solver=solver).fit(S, Y)
    peer = Ridge(alpha=2.0, fit_intercept=False).fit(twins.design(THETA, S), Y)
    assert fit.coef_ == pytest.approx(peer.coef_, abs=1e-12)
    assert fit.predict([0.5, 200.0]) == pytest.approx(peer.predict(twins.design(THETA, [0.5, 200.0])), abs=1e-12)


@given(h=st.lists(st.complex_numbers(max_magnitude=5, allow_subnormal=False), min_size=3, max_size=3))
def test_a_score_curve_is_recovered(h):
    fit = RotaryRidge(THETA, alpha=0.0).fit(S, rt.attention_score(h, THETA, S))
    assert fit.h_ == pytest.approx(np.array(h), abs=1e-12 * (1 + np.abs(h).sum()))


def test_the_fit_is_a_score_with_coefficients_h():
    fit = RotaryRidge(LLAMA).fit(np.arange(300), np.random.default_rng(1).standard_normal(300))
    s = np.random.default_rng(1).uniform(-100, 1000, 50)
    assert fit.h_.shape == (64,)
    assert fit.predict(s) == pytest.approx(rt.attention_score(fit.h_, LLAMA, s), abs=1e-10)
    assert np.array_equal(fit.h_, fit.coef_[:64] - 1j * fit.coef_[64:])


def test_several_targets_are_several_fits():
    y = np.random.default_rng(1).standard_normal((100, 4))
    for solver in SOLVERS:
        fit = RotaryRidge(THETA, alpha=0.5, solver=solver).fit(S, y)
        assert fit.h_.shape == (4, 3)
        assert fit.predict([1.0, 2.0]).shape == (2, 4)
        alone = RotaryRidge(THETA, alpha=0.5, solver=solver).fit(S, y[:, 2])
        assert fit.h_[2] == pytest.approx(alone.h_, abs=1e-13)
        assert fit.predict([7.5])[:, 2] == pytest.approx(alone.predict([7.5]), abs=1e-13)


@pytest.mark.parametrize("solver", SOLVERS)
def test_float32_stays_float32(solver):
    fit = RotaryRidge(THETA, alpha=1.0, solver=solver, dtype="float32").fit(S, Y)
    wide = RotaryRidge(THETA, alpha=1.0, solver=solver).fit(S, Y)
    assert fit.coef_.dtype == fit.predict(S).dtype == np.float32
    assert fit.h_.dtype == np.complex128
    assert fit.h_ == pytest.approx(wide.h_, abs=1e-5)
    assert not np.array_equal(fit.h_, wide.h_)


def test_rank_and_condition_are_those_of_the_precision():
    s, y = np.arange(2048), np.zeros(2048)
    wide, narrow = RotaryRidge(LLAMA).fit(s, y), RotaryRidge(LLAMA, dtype="float32").fit(s, y)
    assert narrow.rank_ < wide.rank_ < 128
    assert narrow.condition_ < wide.condition_
    small = RotaryRidge(THETA).fit(S, Y)
    assert small.rank_ == 6
    assert small.condition_ == pytest.approx(np.linalg.cond(twins.design(THETA, S)), rel=1e-10)


def test_without_regularisation_the_svd_gives_the_shortest_solution():
    s = np.arange(4.0)
    fit = RotaryRidge(THETA, alpha=0.0).fit(s, Y[:4])
    assert fit.rank_ == 4
    assert fit.predict(s) == pytest.approx(Y[:4], abs=1e-10)
    assert fit.coef_ == pytest.approx(np.linalg.pinv(twins.design(THETA, s)) @ Y[:4], abs=1e-10)


def test_cholesky_says_what_to_do_with_a_singular_matrix():
    with pytest.raises(ValueError, match=r"alpha = 0 leaves.*singular in float64.*larger alpha or solver='svd'.*rank"):
        RotaryRidge(LLAMA, alpha=0.0, solver="cholesky").fit(np.arange(2048), np.zeros(2048))


def test_gaussian_elimination_says_what_to_do_with_a_singular_matrix():
    with pytest.raises(ValueError, match=r"alpha = 0 leaves.*singular.*solver='svd'"):
        RotaryRidge([0.0], alpha=0.0, solver="normal").fit([1.0, 2.0], [1.0, 1.0])  # sin 0 = 0: an empty column


def test_ridge_shrinks():
    sizes = [np.abs(RotaryRidge(LLAMA, alpha=alpha).fit(S, Y).h_).sum() for alpha in (1e-3, 1.0, 10.0, 100.0)]
    assert sizes == sorted(sizes, reverse=True)


def test_it_is_a_scikit_learn_estimator():
    fit = clone(RotaryRidge(THETA, alpha=3.0, solver="cholesky", dtype="float32"))
    assert fit.get_params()["alpha"] == 3.0
    y = rt.attention_score([1.0, 1j, -0.5], THETA, S)
    assert cross_val_score(RotaryRidge(THETA, alpha=1e-6), S[:, None], y, cv=4).min() > 0.999
    assert RotaryRidge(THETA, alpha=1e-6).fit(S[:, None], y).score(S[:, None], y) > 0.999


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: RotaryRidge(THETA, alpha=-1).fit(S, Y), ValueError, "alpha must be at least 0"),
        (lambda: RotaryRidge(THETA, alpha=float("nan")).fit(S, Y), ValueError, "alpha must be finite"),
        (lambda: RotaryRidge(THETA, solver="qr").fit(S, Y), ValueError, "solver must be one of 'svd'"),
        (lambda: RotaryRidge(THETA, dtype="float16").fit(S, Y), ValueError, "dtype must be one of 'float64'"),
        (lambda: RotaryRidge(THETA, dtype=np.float32).fit(S, Y), TypeError, "dtype must be one of 'float64'"),
        (lambda: RotaryRidge(THETA).fit(S, Y[:5]), ValueError, r"y must have shape \(100,\).*got \(5,\)"),
        (lambda: RotaryRidge(THETA).fit(S, Y * np.nan), ValueError, "y contains 100 NaN"),
        (lambda: RotaryRidge(THETA).fit(S.reshape(50, 2), Y), ValueError, "s must be one-dimensional"),
        (lambda: RotaryRidge(THETA).fit([], []), ValueError, "s is empty"),
        (lambda: RotaryRidge(THETA).fit(S, 1j * Y), TypeError, "y must be real"),
        (lambda: RotaryRidge(THETA).fit(torch.tensor(S), Y), TypeError, "s must be a numpy array here"),
        (lambda: RotaryRidge(torch.tensor(THETA)).fit(S, Y), TypeError, "theta must be a numpy array"),
        (lambda: RotaryRidge(THETA).fit(S, Y).predict([np.inf]), ValueError, "s contains 1 NaN or infinite"),
        (lambda: RotaryRidge([-1.0]).fit(S, Y), ValueError, "theta contains negative frequencies"),
    ],
)
def test_bad_input(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_prediction_needs_a_fit():
    with pytest.raises(ValueError, match="not fitted"):
        RotaryRidge(THETA).predict([1.0])
