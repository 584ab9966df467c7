import inspect
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch
import twins
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import rope_theory as rt
from rope_theory.certificates.least_squares import ExactFit, exact_fits, exact_least_squares
from rope_theory.regression import RotaryRidge, _solvers, effective_dof

THETA = np.array([1.0, 0.4, 0.15])
LLAMA = rt.scaling.Unscaled().frequencies(rt.RopeConfig(128))
FLOAT_SOLVERS = ["svd", "cholesky", "normal"]
SOLVERS = [*FLOAT_SOLVERS, "exact"]
S, Y = np.arange(100.0), np.random.default_rng(0).standard_normal(100)
TARGETS = np.random.default_rng(0).standard_normal(2048)


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
        column = RotaryRidge(THETA, alpha=0.5, solver=solver).fit(S, y[:, [2]])
        assert column.h_.shape == (1, 3)
        assert column.predict([7.5]).shape == (1, 1)


@pytest.mark.parametrize("solver", FLOAT_SOLVERS)
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
    with pytest.raises(ValueError, match=r"alpha = 0 leaves.*float64 \(Cholesky needs.*larger alpha or solver='svd'"):
        RotaryRidge(LLAMA, alpha=0.0, solver="cholesky").fit(np.arange(2048), np.zeros(2048))
    with pytest.raises(
        ValueError, match=r"alpha = 0.001 leaves.*float32.*below 6.6e\+04.*3.5e\+07.*solver='svd'.*rank"
    ):
        RotaryRidge(LLAMA, alpha=1e-3, solver="cholesky", dtype="float32").fit(np.arange(2048), np.zeros(2048))
    # the factor of this matrix exists in float64, and is rounding: rank decides, not luck
    theta = np.array([1.0, 1.0 + 1e-15])
    with pytest.raises(ValueError, match="rank 2 of 4"):
        RotaryRidge(theta, alpha=0.0, solver="cholesky").fit(S, Y)


def test_gaussian_elimination_says_what_to_do_with_a_singular_matrix():
    with pytest.raises(ValueError, match=r"alpha = 0 leaves.*singular.*pivot 2 is zero.*solver='svd'"):
        _solvers.solve(np.array([[1.0, 0.0], [1.0, 0.0]]), np.ones((2, 1)), 0.0, "normal")


def test_elimination_without_ridge_gives_what_comes_out_and_rank_tells():
    fit = RotaryRidge(LLAMA, alpha=0.0, solver="normal", dtype="float32").fit(np.arange(2048), TARGETS)
    assert np.isfinite(fit.coef_).all()
    assert fit.rank_ < 128


@pytest.mark.parametrize(
    ("theta", "s"),
    [([1.0, 0.4, 1.0], S), ([1.0, 0.4, 0.15], np.arange(4.0)), ([0.0, 0.4, 0.15], S)],
    ids=["equal frequencies", "too few offsets", "frequency 0"],
)
@pytest.mark.parametrize("solver", ["exact", "normal"])
def test_singular_designs_are_refused_and_a_solver_named_that_does_not(theta, s, solver):
    with pytest.raises(ValueError, match=rf"solver='{solver}' with alpha = 0: .*alpha above 0.*'svd', which can"):
        RotaryRidge(theta, alpha=0.0, solver=solver).fit(s, Y[: len(s)])
    assert RotaryRidge(theta, alpha=0.0).fit(s, Y[: len(s)]).rank_ < 6
    assert np.isfinite(RotaryRidge(theta, alpha=0.5, solver=solver).fit(s, Y[: len(s)]).coef_).all()


def test_frequencies_equal_in_float32_are_singular_there():
    theta = [1.0, 1.0 + 1e-9]
    with pytest.raises(
        ValueError, match=r"solver='normal' with alpha = 0: theta contains equal frequencies, such as 1"
    ):
        RotaryRidge(theta, alpha=0.0, solver="normal", dtype="float32").fit(S, Y)
    assert np.isfinite(RotaryRidge(theta, alpha=0.0, solver="normal").fit(S, Y).coef_).all()


@pytest.mark.parametrize("solver", SOLVERS)
def test_equal_frequencies_share_their_coefficient(solver):
    twice = RotaryRidge([1.0, 0.4, 0.4], alpha=0.5, solver=solver).fit(S, Y)
    once = RotaryRidge([1.0, 0.4], alpha=0.5, solver=solver).fit(S, Y)
    assert twice.rank_ == 4
    assert once.rank_ == 4
    assert twice.h_[1] == pytest.approx(twice.h_[2], abs=1e-12)
    # two columns shrink together as one with half the ridge; what is left of the first pair is hardly touched
    assert twice.predict(S) == pytest.approx(once.predict(S), abs=0.01)
    assert np.abs(twice.predict(S) - once.predict(S)).max() > 1e-6


ROUTES = {"svd": "_by_svd", "cholesky": "_by_cholesky", "normal": "_by_elimination"}


@pytest.mark.parametrize("solver", FLOAT_SOLVERS)
def test_solvers_do_not_stand_in_for_each_other(solver, monkeypatch):
    def used(*_, **__):
        raise AssertionError("another solver was called")

    for other in ROUTES.keys() - {solver}:
        monkeypatch.setattr(_solvers, ROUTES[other], used)
    RotaryRidge(THETA, solver=solver).fit(S, Y)
    if solver != "svd":  # nor where they fail
        with pytest.raises(ValueError, match="solver='svd', which can"):
            RotaryRidge([0.0], alpha=0.0, solver=solver).fit([1.0, 2.0], [1.0, 1.0])


def test_a_decomposition_with_vectors_is_computed_once_and_only_for_svd(monkeypatch):
    calls = []
    for name in ("svd", "svdvals"):
        plain = getattr(scipy.linalg, name)
        monkeypatch.setattr(
            scipy.linalg, name, lambda *args, name=name, plain=plain, **how: calls.append(name) or plain(*args, **how)
        )
    for solver in SOLVERS:
        calls.clear()
        RotaryRidge(THETA, solver=solver).fit(S, Y)
        assert calls == (["svd"] if solver == "svd" else ["svdvals"])


@pytest.mark.parametrize("solver", FLOAT_SOLVERS)
def test_float32_is_float32_inside_too(solver):
    # the last singular value of this design is rounding of float32, a multiple of that of the same numbers in float64;
    # numpy.linalg takes float32 to float64 and back, and would not show it
    s = np.arange(300)
    phi = np.concatenate([f(np.outer(s, LLAMA.theta[::4]).astype(np.float32)) for f in (np.cos, np.sin)], axis=1)
    targets = TARGETS[:300, None].astype(np.float32)
    narrow = _solvers.solve(phi, targets, 1e-2, solver)
    wide = _solvers.solve(phi.astype(float), targets.astype(float), 1e-2, solver)
    assert narrow.weights.dtype == narrow.singular.dtype == np.float32
    error = np.abs(narrow.weights - wide.weights).max() / np.abs(wide.weights).max()
    assert 10 * np.finfo(np.float32).eps < error < 0.1
    assert narrow.singular[-1] > 1.5 * wide.singular[-1]


def test_weights_that_overflow_are_refused():
    design, targets = np.diag(np.array([1.0, 1e-18], np.float32)), np.full((2, 1), 1e19, np.float32)
    assert (design.T @ design)[1, 1] > 0  # a pivot is there, and too small: 1e-36
    with pytest.raises(ValueError, match=r"weights overflow float32 at alpha = 0; use a larger alpha, or scale"):
        _solvers.solve(design * np.float32(0.1), targets * np.float32(10), 0.0, "normal")


def test_a_ridge_that_rounding_swallows_is_none():
    s, y = [0, -1, 2.25, 7.5, 7.5], [2.0, 1, 3, 5, 6]
    without = RotaryRidge([0.5, 0.5], alpha=0.0).fit(s, y)
    for alpha in (1e-300, 1e-32, 1e-30):
        fit = RotaryRidge([0.5, 0.5], alpha=alpha).fit(s, y)
        assert fit.predict(s) == pytest.approx(without.predict(s), rel=1e-12)
        assert fit.effective_dof_ == pytest.approx(fit.rank_) == 2
        exact = RotaryRidge([0.5, 0.5], alpha=alpha, solver="exact").fit(s, y)
        assert fit.predict(s) == pytest.approx(exact.predict(s), rel=1e-9)
    weak = RotaryRidge(LLAMA, alpha=1e-30).fit(np.arange(2048), TARGETS)
    assert weak.score(np.arange(2048), TARGETS) > 0.03
    assert weak.effective_dof_ == pytest.approx(weak.rank_, rel=1e-9)
    assert weak.rank_ == 80
    narrow = RotaryRidge(LLAMA, alpha=1e-14, dtype="float32").fit(np.arange(2048), TARGETS)
    assert narrow.score(np.arange(2048), TARGETS) > 0.03


@given(at=st.floats(0.05, 1.0), count=st.integers(5, 12))
def test_cholesky_refuses_what_is_singular_to_its_precision(at, count):
    s = np.arange(float(count))
    for theta, alpha in (([at, at], 1e-30), ([at, at * (1 + 1e-9)], 0.0)):
        with pytest.raises(ValueError, match="Cholesky needs a condition number below"):
            RotaryRidge(theta, alpha=alpha, solver="cholesky").fit(s, s)


def test_elimination_with_a_ridge_lost_in_the_sum_is_elimination_without():
    with pytest.raises(ValueError, match=r"solver='normal' with alpha = 1e-30: theta contains equal frequencies"):
        RotaryRidge([0.5, 0.5], alpha=1e-30, solver="normal").fit(S, Y)


@pytest.mark.parametrize("theta", [1e-20, 1e-22])
def test_numbers_at_the_ends_of_float32_stay_finite(theta):
    y = [-1.8e19, 1.8e19, 1.8e19]
    fit = RotaryRidge([theta], alpha=1e-44, dtype="float32").fit([1, 2, 3], y)
    assert np.isfinite(fit.coef_).all()
    assert fit.predict([0, 1]) == pytest.approx(6e18, rel=1e-5)


@pytest.mark.parametrize("alpha", [5e-324, 1e-304])
def test_the_exact_solver_takes_any_strength(alpha):
    fit = RotaryRidge([0.3, 0.3], alpha=alpha, solver="exact").fit([5.0, 6.0], [2.0, 1.0])
    assert fit.predict([5.0, 6.0]) == pytest.approx([2.0, 1.0], rel=1e-12)


@given(
    rows=st.integers(1, 12),
    alpha=st.sampled_from([0.0, 1e-3, 1.0, 50.0]),
    seed=st.integers(0, 999),
    solver=st.sampled_from(FLOAT_SOLVERS),
)
def test_a_solution_is_where_the_gradient_vanishes(rows, alpha, seed, solver):
    rng = np.random.default_rng(seed)
    design, targets = rng.standard_normal((rows, 3)), rng.standard_normal((rows, 2))
    if alpha == 0.0 and rows < 6 and solver != "svd":
        return
    found = _solvers.solve(design, targets, alpha, solver)
    gradient = design.T @ (design @ found.weights - targets) + alpha * found.weights
    assert gradient == pytest.approx(0, abs=1e-9 * found.condition**2)
    assert found.singular == pytest.approx(np.linalg.svd(design)[1], abs=1e-12)
    assert found.rank == np.linalg.matrix_rank(design)
    assert found.condition == pytest.approx(np.linalg.cond(design), rel=1e-6)
    if alpha > 0.0:
        hat = design @ np.linalg.inv(design.T @ design + alpha * np.eye(3)) @ design.T
        assert found.effective_dof == pytest.approx(np.trace(hat), rel=1e-9)
    assert found.to_dict()["solver"] == solver


@pytest.mark.parametrize("solver", SOLVERS)
def test_effective_degrees_of_freedom(solver):
    y = np.zeros(2048)
    fit = RotaryRidge(LLAMA, solver=solver).fit(np.arange(2048), y)
    assert fit.effective_dof_ == pytest.approx(effective_dof(LLAMA, np.arange(2048), alpha=1.0), rel=1e-10)
    assert fit.rank_ == 80
    assert RotaryRidge(THETA, alpha=0.0, solver=solver).fit(S, Y).effective_dof_ == 6


# --- the paper's setting ------------------------------------------------------------------------------------


@pytest.mark.parametrize("solver", SOLVERS)
def test_with_a_ridge_every_solver_gives_the_papers_fit(solver):
    fit = RotaryRidge(LLAMA, solver=solver).fit(np.arange(2048), TARGETS)
    assert fit.predict([2049, 2500, 4095]) == pytest.approx([0.239824, 0.274127, -0.253690], abs=5e-7)


def test_without_a_ridge_the_exact_solver_gives_the_papers_fit():
    fit = RotaryRidge(LLAMA, alpha=0.0, solver="exact").fit(np.arange(2048), TARGETS)
    assert np.abs(fit.coef_).max() == pytest.approx(1.71988e122, rel=1e-5)
    values = fit.predict([2049, 2100, 4095])
    assert values == pytest.approx([-11.97888538, -4.06079561e10, 3.44548646e61], rel=1e-9)
    assert fit.exact_.coefficients.frequencies == "real"  # a Frequencies keeps its real numbers
    assert fit.rank_ == 80  # as float64 sees the design; the fit uses all 128
    assert fit.effective_dof_ == 128
    # the same coefficients rounded to float64 predict nothing
    assert np.abs(rt.attention_score(fit.h_, LLAMA, S)).max() > 1e90
    assert np.abs(fit.predict(S)).max() < 2
    again = pickle.loads(pickle.dumps(fit))
    assert np.array_equal(again.predict([2100]), fit.predict([2100]))


# --- the exact solver ---------------------------------------------------------------------------------------


def test_the_exact_solver_is_exact_least_squares():
    fit = RotaryRidge(THETA, alpha=0.25, solver="exact").fit(S, Y)
    alone = exact_least_squares(THETA, S, Y, alpha=0.25)
    assert isinstance(fit.exact_, ExactFit)
    assert fit.exact_.exact == alone.exact
    assert np.array_equal(fit.h_, alone.h)
    at = np.array([0.5, 1e6, -3.0])
    enclosure = alone.predict(at)
    assert ((enclosure.lower <= fit.predict(at)) & (fit.predict(at) <= enclosure.upper)).all()


def test_several_targets_share_a_solve_and_are_each_what_they_are_alone(monkeypatch):
    y = np.random.default_rng(5).standard_normal((100, 3))
    fits = exact_fits(THETA, S, y, alpha=0.0)
    for fit, target in zip(fits, y.T, strict=True):
        alone = exact_least_squares(THETA, S, target)
        assert (fit.coefficients.lower <= alone.coefficients.upper).all()
        assert (alone.coefficients.lower <= fit.coefficients.upper).all()
        assert fit.coefficients.width.max() < 1e-14
    assert not np.allclose(fits[0].h, fits[1].h)
    from rope_theory.certificates._design import Design

    grams = []
    plain = Design.gram
    monkeypatch.setattr(Design, "gram", lambda self: grams.append(1) or plain(self))
    model = RotaryRidge(THETA, alpha=0.0, solver="exact").fit(S, y)
    assert len(grams) == 1
    assert [fit.exact for fit in model.exact_] == [fit.exact for fit in fits]


def test_targets_of_different_size_are_all_known():
    y = np.stack([1e-30 * Y, Y, 1e30 * Y, 0 * Y], axis=1)
    fits = exact_fits(LLAMA.theta[::8], S, y, alpha=0.0)
    assert fits[0].h == pytest.approx(1e-30 * fits[1].h, rel=1e-12, abs=0)
    assert fits[2].h == pytest.approx(1e30 * fits[1].h, rel=1e-12, abs=0)
    assert (fits[3].h == 0).all()


def test_exact_fits_match_targets_to_offsets():
    with pytest.raises(ValueError, match=r"y must have shape \(100, targets\).*got \(100,\)"):
        exact_fits(THETA, S, Y, alpha=1.0)


def test_a_refit_with_another_solver_forgets_the_exact_fit():
    model = RotaryRidge(THETA, solver="exact").fit(S, Y)
    model.set_params(solver="svd").fit(S, Y)
    assert model.exact_ is None


def test_values_beyond_float64_are_refused():
    model = RotaryRidge(THETA, alpha=0.0, solver="exact").fit(S, 1e90 * Y)
    huge = tuple((middle, shift + 1000, radius, power) for middle, shift, radius, power in model.exact_.exact)
    model.exact_ = ExactFit(**{**vars(model.exact_), "exact": huge})
    with pytest.raises(ValueError, match=r"values beyond the largest float64.*alpha above 0, or offsets nearer"):
        model.predict([3.0])


# --- as a scikit-learn estimator ----------------------------------------------------------------------------


def test_ridge_shrinks():
    sizes = [np.abs(RotaryRidge(LLAMA, alpha=alpha).fit(S, Y).h_).sum() for alpha in (1e-3, 1.0, 10.0, 100.0)]
    assert sizes == sorted(sizes, reverse=True)


def test_it_is_a_scikit_learn_estimator():
    fit = clone(RotaryRidge(THETA, alpha=3.0, solver="cholesky", dtype="float32"))
    assert fit.get_params()["alpha"] == 3.0
    y = rt.attention_score([1.0, 1j, -0.5], THETA, S)
    assert cross_val_score(RotaryRidge(THETA, alpha=1e-6), S[:, None], y, cv=4).min() > 0.999
    assert RotaryRidge(THETA, alpha=1e-6).fit(S[:, None], y).score(S[:, None], y) > 0.999
    assert RotaryRidge(THETA, alpha=1e-6).fit(S, y).score(S, y) > 0.999


def test_a_search_finds_the_ridge_and_the_solver():
    y = rt.attention_score([1.0, 1j, -0.5], THETA, S) + 0.1 * Y
    search = GridSearchCV(RotaryRidge(THETA), {"alpha": [1e-3, 1e3], "solver": SOLVERS, "theta": [THETA, THETA[:1]]})
    search.fit(S[:, None], y)
    assert search.best_params_["alpha"] == 1e-3
    assert len(search.best_params_["theta"]) == 3
    assert search.best_score_ > 0.9
    frequencies = GridSearchCV(RotaryRidge(LLAMA), {"alpha": [0.1, 1.0]}, cv=2).fit(S[:, None], Y)
    assert isinstance(frequencies.best_estimator_.theta, rt.Frequencies)


def test_in_pipelines_first_and_last():
    y = rt.attention_score([1.0, 1j, -0.5], THETA, S)
    last = make_pipeline(FunctionTransformer(lambda s: s / 2), RotaryRidge(2 * THETA, alpha=1e-6)).fit(S[:, None], y)
    assert last.predict(S[:, None]) == pytest.approx(RotaryRidge(THETA, alpha=1e-6).fit(S, y).predict(S), abs=1e-9)
    first = make_pipeline(RotaryRidge(THETA), StandardScaler(), Ridge(1e-9)).fit(S[:, None], y)
    assert first.score(S[:, None], y) > 0.999999
    several = TransformedTargetRegressor(RotaryRidge(THETA, alpha=1e-6), transformer=StandardScaler())
    assert several.fit(S, np.stack([y, 2 * y + 1], axis=1)).predict(S).shape == (100, 2)


def test_the_basis_as_a_transformer():
    model = RotaryRidge(THETA).fit(S, Y)
    assert np.array_equal(model.transform(S), model.fit_transform(S, Y))
    assert model.transform([7.5, 1e6]) == pytest.approx(twins.design(THETA, [7.5, 1e6]), abs=1e-9)
    assert model.transform(S) @ model.coef_ == pytest.approx(model.predict(S), abs=1e-13)
    names = ["cos_0", "cos_1", "cos_2", "sin_0", "sin_1", "sin_2"]
    assert model.get_feature_names_out().tolist() == names
    frame = model.set_output(transform="pandas").transform(S)
    assert list(frame) == names
    assert frame["sin_1"].to_numpy() == pytest.approx(np.sin(0.4 * S), abs=1e-13)
    assert isinstance(model.predict(S), np.ndarray)
    narrow = RotaryRidge(THETA, dtype="float32").fit(S, Y)
    assert narrow.transform(S).dtype == np.float32
    parameter = inspect.signature(RotaryRidge.transform).parameters["s"]
    assert parameter.kind is parameter.POSITIONAL_ONLY  # set_output wraps the method and would lose the keyword


def test_frames_and_series():
    frame = pd.DataFrame({"offset": S}, index=[f"row {n}" for n in range(100)])
    target = pd.Series(Y, index=frame.index, name="score")
    by_frame = RotaryRidge(THETA).fit(frame, target)
    by_series = RotaryRidge(THETA).fit(frame["offset"], target)
    by_array = RotaryRidge(THETA).fit(S, Y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for model in (by_frame, by_series):
            assert model.feature_names_in_.tolist() == ["offset"]
            assert model.n_features_in_ == 1
            assert np.array_equal(model.coef_, by_array.coef_)
            assert np.array_equal(model.predict(frame), by_array.predict(S))
            assert np.array_equal(model.predict(frame["offset"]), by_array.predict(S))
        assert not hasattr(by_array, "feature_names_in_")
        nameless = RotaryRidge(THETA).fit(pd.Series(S), pd.DataFrame({"a": Y, "b": Y}))
        assert nameless.h_.shape == (2, 3)
        nullable = RotaryRidge(THETA).fit(frame["offset"].astype("Int64"), target.astype("Float64"))
        assert nullable.coef_ == pytest.approx(by_array.coef_, abs=1e-14)
    for other in (frame.rename(columns={"offset": "s"}), frame["offset"].rename("s")):
        with pytest.raises(ValueError, match="feature names should match"):
            by_frame.predict(other)
    with pytest.warns(UserWarning, match="fitted with feature names"):
        by_frame.predict(S)
    out = by_frame.set_output(transform="pandas").transform(frame)
    assert out.index.equals(frame.index)
    with pytest.raises(ValueError, match="not equal to feature_names_in_, 'offset': got 's'"):
        by_frame.get_feature_names_out(["s"])
    with pytest.raises(ValueError, match=r"input_features should have length equal.*1, got shape"):
        by_frame.get_feature_names_out(["offset", "s"])


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_pickle_and_a_clone(solver):
    model = RotaryRidge(LLAMA, solver=solver).fit(S, Y)
    again = pickle.loads(pickle.dumps(model))
    assert np.array_equal(again.predict(S), model.predict(S))
    fresh = clone(model)
    assert not hasattr(fresh, "h_")
    assert np.array_equal(fresh.fit(S, Y).coef_, model.coef_)


def test_a_fit_keeps_its_frequencies_and_precision_whatever_becomes_of_the_parameters():
    theta = THETA.copy()
    model = RotaryRidge(theta).fit(S, Y)
    before = model.predict(S)
    theta *= 2
    model.set_params(dtype="float32", solver="exact")
    assert np.array_equal(model.predict(S), before)


def test_a_refused_fit_leaves_the_former_one():
    model = RotaryRidge(THETA).fit(pd.DataFrame({"s": S}), Y)
    with pytest.raises(ValueError, match="y contains"):
        model.fit(S, np.nan * Y)
    assert model.feature_names_in_.tolist() == ["s"]


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: RotaryRidge(THETA, alpha=-1).fit(S, Y), ValueError, "alpha must be at least 0"),
        (lambda: RotaryRidge(THETA, alpha=float("nan")).fit(S, Y), ValueError, "alpha must be finite"),
        (lambda: RotaryRidge(THETA, alpha=True).fit(S, Y), TypeError, "alpha must be a number, got True"),
        (lambda: RotaryRidge(THETA, alpha="1").fit(S, Y), TypeError, "alpha must be a number, got '1'"),
        (lambda: RotaryRidge(THETA, alpha=1e30, dtype="float32").fit(S, Y), ValueError, "alpha must be at most 1.8e"),
        (
            lambda: RotaryRidge(THETA, alpha=1e-60, dtype="float32").fit(S, Y),
            ValueError,
            "alpha = 1e-60 is zero in float32; use 0, or 1.2e-38",
        ),
        (
            lambda: RotaryRidge(THETA, solver="exact", dtype="float32").fit(S, Y),
            ValueError,
            "solver='exact' has no float32.*use dtype='float64'",
        ),
        (
            lambda: RotaryRidge(THETA, solver=None).fit(S, Y),
            TypeError,
            "solver must be one of 'svd'.*'exact', got None",
        ),
        (lambda: RotaryRidge(THETA).fit(S, None), ValueError, "requires y to be passed, but the target y is None"),
        (lambda: RotaryRidge(THETA).fit(S, "y"), TypeError, "y must be an array of numbers, got str"),
        (lambda: RotaryRidge(THETA).fit(S, Y > 0), TypeError, "y must be an array of numbers.*bool"),
        (lambda: RotaryRidge(THETA).fit(S > 0, Y), TypeError, "s must be an array of numbers.*bool"),
        (lambda: RotaryRidge(THETA).fit(S, Y[:, None, None]), ValueError, r"y must have shape.*got \(100, 1, 1\)"),
        (lambda: RotaryRidge(THETA).fit(S, np.ones((100, 0))), ValueError, r"y is empty \(shape \(100, 0\)\)"),
        (
            lambda: RotaryRidge(THETA).fit(S[:, None][:, :0], Y),
            ValueError,
            r"s has 0 feature\(s\) \(shape=\(100, 0\)\)",
        ),
        (lambda: RotaryRidge(THETA).fit(S + 0j, Y), ValueError, "Complex data not supported: s must be real"),
        (lambda: RotaryRidge(THETA).fit(scipy.sparse.csr_array([S]).T, Y), TypeError, "s must be a dense.*toarray"),
        (lambda: RotaryRidge(THETA).fit(S, scipy.sparse.csr_array([Y])), TypeError, "y must be a dense.*toarray"),
        (
            lambda: RotaryRidge(THETA).fit(np.array([1.0, "2"], object), [1, 2]),
            TypeError,
            "s must be an array of numbers, got '2' among them",
        ),
        (
            lambda: RotaryRidge(THETA).fit(S[:2], np.array([1.0, {}], object)),
            TypeError,
            r"y must be an array of numbers \(.*not 'dict'\); drop or convert",
        ),
        (
            lambda: RotaryRidge(THETA).fit(S[:2], np.array([1.0, None], object)),
            ValueError,
            "y contains 1 NaN or infinite",
        ),
        (
            lambda: RotaryRidge(THETA, dtype="float32").fit(S, 1e30 * Y),
            ValueError,
            r"y reaches beyond 1.8e\+19.*float32",
        ),
        (lambda: RotaryRidge(THETA).fit(S, Y).predict(S.reshape(50, 2)), ValueError, "s must be one-dimensional"),
        (lambda: RotaryRidge(THETA).fit(S, Y).transform([]), ValueError, "s is empty"),
        (lambda: RotaryRidge(THETA).transform([1.0]), ValueError, "not fitted"),
        (lambda: RotaryRidge(THETA).get_feature_names_out(), ValueError, "not fitted"),
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
