"""A score curve fitted to data: ridge regression over the rotary basis."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rope_theory._core.arrays import is_tensor, real, space_of
from rope_theory._core.checks import at_least, one_of
from rope_theory._core.design import check_regular, design, frequencies, one_dimensional
from rope_theory._core.optional import load
from rope_theory.errors import SingularDesign, TooFewBits, WrongType, WrongValue
from rope_theory.regression._solvers import FLOAT_SOLVERS, Solution, singular_values, solve

load("sklearn", "regression")  # a missing one is told with the pip command

from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin, TransformerMixin  # noqa: E402
from sklearn.utils.validation import check_is_fitted, validate_data  # noqa: E402

SOLVERS = (*FLOAT_SOLVERS, "exact")
DTYPES = ("float64", "float32")


class RotaryRidge(MultiOutputMixin, RegressorMixin, TransformerMixin, BaseEstimator):
    """Ridge regression on the basis [cos sθ_j, sin sθ_j] of one-dimensional offsets s, without intercept.

    Offsets are in tokens and θ in rad/token: nothing that scales s belongs before it in a pipeline. Folds of
    contiguous offsets ask for extrapolation, ``KFold(shuffle=True)`` for what lies between.

    w = argmin ‖Φw − y‖² + alpha·‖w‖². With w = (α_1 … α_P, β_1 … β_P) the fit is a(s) = Re Σ h_j e^{isθ_j},
    h_j = α_j − iβ_j, so that every bound applies to it.

    Parameters
    ----------
    theta : array (P,) or Frequencies
        Angular frequencies, rad/token. Equal ones are allowed where the solver is: ``rank_`` shows them.
    alpha : float
        Ridge strength, at least 0.
    solver : {"svd", "cholesky", "normal", "exact"}
        "svd": singular value decomposition of Φ, with singular values below rounding dropped where √alpha is rounding
        too. "cholesky": Cholesky factor of ΦᵀΦ + alpha·I, refused where its condition number is beyond the precision.
        "normal": Gaussian elimination on the same matrix, the route of the paper's appendix C.1; without a ridge, or
        with one lost in the sum, it needs a regular design, and where that is singular to its precision it returns
        rounding without a word, as the paper's figure does (compare ``rank_`` with 2P, ``condition_`` with 1/√eps).
        They agree for larger alpha, where "svd" is as good as any. "exact": ball arithmetic
        (``certificates.exact_least_squares``), float64 in and out, every digit right in between; predictions never pass
        through float64 coefficients. With alpha 0 it needs a regular design. No solver falls back to another.
    dtype : {"float64", "float32"}
        Precision of everything: frequencies, phases, design and solve.

    Attributes
    ----------
    h_ : ndarray, complex, shape (P,) or (targets, P)
        Score coefficients of the fit.
    coef_ : ndarray, shape (2P,) or (targets, 2P)
        Coefficients of the cosines, then of the sines.
    rank_ : int
        Singular values of Φ above eps·max(n, 2P) times the largest, in the precision of the fit ("exact": float64).
    condition_ : float
        Largest over smallest singular value of Φ as computed; above 1/eps it is rounding, and only says so.
    effective_dof_ : float
        Σ σ²/(σ² + alpha) over singular values as computed, without those that "svd" drops. With alpha 0 it is
        ``rank_``, for "exact" 2P: that fit uses every coefficient. ``effective_dof`` refuses an alpha for which
        rounding decides.
    exact_ : ExactFit, tuple of ExactFit or None
        The fit in ball arithmetic, one per target, for solver "exact".
    n_features_in_ : int
        1.
    feature_names_in_ : ndarray of str
        Name of the column, where a data frame or a named Series was fitted.

    Notes
    -----
    On the paper's setting the design's condition number is beyond float64 (docs/theory.md, section 6): with
    alpha = 0 values outside the training window are rounding of the solver, except for "exact". Source:
    arXiv 2306.15595 v2, figure 2 and appendix C.1.
    """

    def __init__(self, theta: Any, alpha: float = 1.0, solver: str = "svd", dtype: str = "float64") -> None:
        self.theta = theta
        self.alpha = alpha
        self.solver = solver
        self.dtype = dtype

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = True  # a column (n, 1) is taken too: two_d_array stays True
        tags.regressor_tags.poor_score = True  # the tag's yardstick is a regression on ten features, of which one is s
        tags.transformer_tags.preserves_dtype = [self.dtype]
        return tags

    def fit(self, s: Any, y: Any) -> RotaryRidge:
        """Fit to targets y at offsets s.

        Parameters
        ----------
        s : array, shape (n,) or (n, 1)
            Offsets in tokens; a data frame of one column or a Series, too.
        y : array, shape (n,) or (n, targets)
            Targets.

        Returns
        -------
        RotaryRidge
            Itself.

        Raises
        ------
        ValueError
            For an unknown solver or dtype, negative alpha, shapes that do not match, NaN or infinity, alpha = 0 with a
            singular design ("cholesky", "normal", "exact"), a matrix that is not positive definite in this precision
            ("cholesky") or has a zero pivot ("normal"), and float32 with "exact".
        """
        one_of(self.solver, "solver", SOLVERS)
        dtype = np.dtype(one_of(self.dtype, "dtype", DTYPES))
        if self.solver == "exact" and dtype != np.float64:
            raise WrongValue(
                "solver='exact'", "has no float32, its numbers have every digit", remedy="use dtype='float64'"
            )
        alpha, theta = _strength(self.alpha, dtype), frequencies(self.theta)
        given, s = s, _offsets(s)
        if y is None:
            raise WrongValue("RotaryRidge requires y to be passed, but the target y", "is None", remedy="give targets")
        y = real(_numbers(y, "y"), "y", space_of())
        if y.ndim not in (1, 2) or len(y) != len(s):
            raise WrongValue("y", f"must have shape ({len(s)},) or ({len(s)}, targets) to match s", f"{y.shape}")
        if np.abs(y).max() > (largest := _largest(dtype)):
            raise WrongValue(
                "y", f"reaches beyond {largest:.2g}, where a fit in {dtype} would overflow", remedy="scale it down"
            )
        phi, targets, exact = design(theta, s, dtype), y.astype(dtype).reshape(len(s), -1), None
        if self.solver == "exact":
            exact = _exact_fits(self.theta, s, targets, alpha)
            weights = np.stack([fit.coefficients.middle for fit in exact], axis=1)
            _refuse_infinite(weights, "coefficients", "certificates.exact_least_squares, whose fit keeps them")
            solution = Solution(weights, singular_values(phi), phi.shape, alpha, "exact")
        else:
            # elimination itself would not notice, with no ridge or with one that is lost in the sum
            if self.solver == "normal" and alpha <= np.finfo(dtype).eps * float((phi**2).sum(axis=0).max()):
                with _naming_svd(self.solver, alpha):
                    check_regular(theta.astype(dtype), s.astype(dtype), powers_of_a_base=False)
            solution = solve(phi, targets, alpha, self.solver)
        pairs = len(theta)
        validate_data(self, _column(given, s), reset=True, skip_check_array=True)  # feature_names_in_, n_features_in_
        self.rank_, self.condition_ = solution.rank, solution.condition
        self.effective_dof_ = 2.0 * pairs if exact and alpha == 0.0 else solution.effective_dof
        self.coef_: NDArray[Any] = solution.weights.T.reshape((*y.shape[1:], 2 * pairs))
        wide = self.coef_.astype(np.float64)
        self.h_: NDArray[np.complex128] = wide[..., :pairs] - 1j * wide[..., pairs:]
        self.exact_: Any = exact[0] if exact and y.ndim == 1 else exact
        self._theta = theta.copy()  # what was fitted, whatever becomes of the parameter
        return self

    def predict(self, s: Any) -> NDArray[Any]:
        """Return the fit at offsets s, in the precision of the fit.

        Parameters
        ----------
        s : array, shape (m,) or (m, 1)
            Offsets in tokens.

        Returns
        -------
        ndarray, shape (m,) or (m, targets)
            For solver "exact" the middles of the enclosures that ``exact_`` gives.

        Raises
        ------
        ValueError
            Before ``fit``, for NaN, infinity, more than one column or another column's name, and for values of an exact
            fit that float64 cannot hold.
        """
        check_is_fitted(self)
        s = self._known_offsets(s)
        if self.exact_ is None:
            values: NDArray[Any] = design(self._theta, s, self.coef_.dtype) @ self.coef_.T
            return values
        if isinstance(self.exact_, tuple):
            values = np.stack([fit.predict(s).middle for fit in self.exact_], axis=1)
        else:
            values = self.exact_.predict(s).middle
        _refuse_infinite(values, "values", "offsets nearer to the fitted ones")
        return values

    def transform(self, s: Any, /) -> NDArray[Any]:
        """Return the basis Φ(s) = [cos sθ_j, sin sθ_j], in the precision of the fit.

        Parameters
        ----------
        s : array, shape (m,) or (m, 1)
            Offsets in tokens; by position only.

        Returns
        -------
        ndarray, shape (m, 2P)
            Or a data frame, after ``set_output``.

        Raises
        ------
        ValueError
            Before ``fit``, for NaN, infinity, more than one column or another column's name.
        """
        check_is_fitted(self)
        return design(self._theta, self._known_offsets(s), self.coef_.dtype)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:
        """Return the names of the columns of ``transform``: cos_0 … cos_{P−1}, sin_0 … sin_{P−1}.

        Parameters
        ----------
        input_features : sequence of one str, optional
            Checked against the fitted column's name, otherwise ignored.

        Returns
        -------
        ndarray of str, shape (2P,)
            Of dtype object, as scikit-learn has it.

        Raises
        ------
        ValueError
            Before ``fit``, and for input_features that are not those fitted.
        """
        check_is_fitted(self)
        if input_features is not None:
            given = np.asarray(input_features, dtype=object)
            if given.shape != (1,):
                raise WrongValue(
                    "input_features",
                    "should have length equal to number of features, 1",
                    f"shape {given.shape}",
                    "give the name of the offsets, or leave it out",
                )
            known = getattr(self, "feature_names_in_", given)
            if given[0] != known[0]:
                raise WrongValue("input_features", f"is not equal to feature_names_in_, {known[0]!r}: got {given[0]!r}")
        return np.array([f"{kind}_{j}" for kind in ("cos", "sin") for j in range(len(self._theta))], dtype=object)

    def _known_offsets(self, s: Any) -> NDArray[np.float64]:
        """Return offsets (m,) as float64 once their column, where it has a name, is the fitted one."""
        checked = _offsets(s)
        validate_data(self, _column(s, checked), reset=False, skip_check_array=True)
        return checked


def _offsets(s: Any) -> NDArray[np.float64]:
    s = _numbers(s, "s")
    shape: tuple[int, ...] = getattr(s, "shape", ())
    if len(shape) == 2 and shape[1] == 0:
        raise WrongValue(
            "s", f"has 0 feature(s) (shape={shape}) while a minimum of 1 is required", remedy="give offsets"
        )
    return one_dimensional(s, "s")


def _column(s: Any, checked: NDArray[np.float64]) -> Any:
    """Return what scikit-learn reads the name and the number of features of: a frame, or a nameless column."""
    if hasattr(s, "to_frame") and isinstance(getattr(s, "name", None), str):  # a Series is a frame of one column
        return s.to_frame()
    return s if hasattr(s, "columns") else checked[:, None]


def _numbers(value: Any, name: str) -> Any:
    """Return data as scikit-learn may pass it, so that the checks of the package understand it.

    Objects become the numbers they are. Sparse and complex data are refused here, in the words that scikit-learn's
    users and its estimator checks know.
    """
    if is_tensor(value):
        return value
    if type(value).__module__.startswith("scipy.sparse"):
        raise WrongType(name, "must be a dense array", "a sparse one", f"use {name}.toarray()")
    if hasattr(value, "__array__") and not isinstance(value, np.ndarray):  # frames, series
        value = np.asarray(value)
    array = value if isinstance(value, np.ndarray) else None
    if name == "s" and array is not None and array.dtype.kind == "c":
        raise WrongValue(
            "Complex data not supported: s", "must be real, offsets in tokens", remedy="were s and h exchanged?"
        )
    if array is None or array.dtype != object:
        return value
    strange = [item for item in array.flat if isinstance(item, str | bytes | bool | np.bool_)]
    if strange:
        raise WrongType(name, "must be an array of numbers", f"{strange[0]!r} among them", "drop or convert it")
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise WrongType(
            name, f"must be an array of numbers ({error})", remedy="drop or convert what is none"
        ) from error


def _strength(value: Any, dtype: np.dtype[Any]) -> float:
    alpha = at_least(value, "alpha", 0.0)
    if alpha > (largest := _largest(dtype)):
        raise WrongValue("alpha", f"must be at most {largest:.2g} in {dtype}", f"{alpha:g}", "use a smaller one")
    if alpha > 0.0 and dtype.type(alpha) == 0.0:
        raise WrongValue(
            "alpha", f"= {alpha:g} is zero in {dtype}", remedy=f"use 0, or {np.finfo(dtype).tiny:.2g} or more"
        )
    return alpha


def _largest(dtype: np.dtype[Any]) -> float:
    return float(np.sqrt(np.finfo(dtype).max))


def _exact_fits(theta: Any, s: NDArray[np.float64], targets: NDArray[np.float64], alpha: float) -> tuple[Any, ...]:
    from rope_theory.certificates.least_squares import exact_fits

    with _naming_svd("exact", alpha):
        return exact_fits(theta, s, targets, alpha=alpha)


@contextmanager
def _naming_svd(solver: str, alpha: float) -> Iterator[None]:
    """Say which solver can; the arguments were checked, so that an error is about a singular design."""
    try:
        yield
    except SingularDesign as error:
        raise replace(error, alpha=alpha, solver=solver) from error
    except TooFewBits as error:
        raise SingularDesign(alpha, str(error), solver=solver) from error


def _refuse_infinite(values: NDArray[np.float64], name: str, remedy: str) -> None:
    if not np.isfinite(values).all():
        raise WrongValue(
            "The exact fit",
            f"has {name} beyond the largest float64, {np.finfo(np.float64).max:.2g}",
            remedy=f"use alpha above 0, or {remedy}",
        )
