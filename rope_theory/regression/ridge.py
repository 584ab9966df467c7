"""A score curve fitted to data: ridge regression over the rotary basis."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rope_theory._arrays import real, space_of
from rope_theory._checks import at_least, one_of
from rope_theory._optional import load
from rope_theory.regression._design import design, frequencies, one_dimensional

load("sklearn", "regression")  # a missing one is told with the pip command

from sklearn.base import BaseEstimator, RegressorMixin  # noqa: E402

SOLVERS = ("svd", "cholesky", "normal")
DTYPES = ("float64", "float32")


class RotaryRidge(RegressorMixin, BaseEstimator):
    """Ridge regression on the basis [cos sθ_j, sin sθ_j] of one-dimensional offsets s, without intercept.

    w = argmin ‖Φw − y‖² + alpha·‖w‖². With w = (α_1 … α_P, β_1 … β_P) the fit is a(s) = Re Σ h_j e^{isθ_j},
    h_j = α_j − iβ_j, so that every bound applies to it.

    Parameters
    ----------
    theta : array (P,) or Frequencies
        Angular frequencies, rad/token.
    alpha : float
        Ridge strength, at least 0.
    solver : {"svd", "cholesky", "normal"}
        "svd": singular value decomposition of Φ, with singular values below rounding dropped when alpha is 0.
        "cholesky": Cholesky factor of ΦᵀΦ + alpha·I. "normal": Gaussian elimination on the same matrix, the
        route of the paper's appendix C.1; on a singular design with alpha 0 it returns rounding without a word,
        as the paper's figure does (compare ``rank_`` with 2P).
    dtype : {"float64", "float32"}
        Precision of everything: frequencies, phases, design and solve.

    Attributes
    ----------
    h_ : ndarray, complex, shape (P,) or (targets, P)
        Score coefficients of the fit.
    coef_ : ndarray, shape (2P,) or (targets, 2P)
        Coefficients of the cosines, then of the sines.
    rank_ : int
        Singular values of Φ above eps·max(n, 2P) times the largest, in the precision of the fit.
    condition_ : float
        Largest over smallest singular value of Φ as computed; rounding keeps it below about 1/eps.

    Notes
    -----
    On the paper's setting the design's condition number is beyond float64 (docs/theory.md, section 6): with
    alpha = 0 values outside the training window are rounding of the solver. Source: arXiv 2306.15595 v2, figure 2
    and appendix C.1.
    """

    def __init__(self, theta: Any, alpha: float = 1.0, solver: str = "svd", dtype: str = "float64") -> None:
        self.theta = theta
        self.alpha = alpha
        self.solver = solver
        self.dtype = dtype

    def fit(self, s: Any, y: Any) -> RotaryRidge:
        """Fit to targets y at offsets s.

        Parameters
        ----------
        s : array, shape (n,) or (n, 1)
            Offsets in tokens.
        y : array, shape (n,) or (n, targets)
            Targets.

        Returns
        -------
        RotaryRidge
            Itself.

        Raises
        ------
        ValueError
            For an unknown solver or dtype, negative alpha, shapes that do not match, NaN or infinity, or a
            matrix that is not positive definite in this precision ("cholesky").
        """
        one_of(self.solver, "solver", SOLVERS)
        dtype = np.dtype(one_of(self.dtype, "dtype", DTYPES))
        alpha = at_least(self.alpha, "alpha", 0.0)
        theta, s = frequencies(self.theta), one_dimensional(s, "s")
        y = real(y, "y", space_of())
        if y.ndim not in (1, 2) or len(y) != len(s):
            raise ValueError(f"y must have shape ({len(s)},) or ({len(s)}, targets) to match s, got {y.shape}.")
        phi = design(theta, s, dtype)
        left, singular, right = np.linalg.svd(phi, full_matrices=False)
        floor = singular[0] * np.finfo(dtype).eps * max(phi.shape)
        self.rank_ = int((singular > floor).sum())
        self.condition_ = float(singular[0] / singular[-1]) if singular[-1] > 0 else float("inf")
        if alpha > (largest := float(np.sqrt(np.finfo(dtype).max))):
            raise ValueError(f"alpha must be at most {largest:.2g} in {dtype}, got {alpha:g}; use a smaller one.")
        if np.abs(y).max() > largest:
            raise ValueError(f"y reaches beyond {largest:.2g}, where a fit in {dtype} would overflow; scale it down.")
        targets = y.astype(dtype).reshape(len(s), -1)
        if self.solver == "svd":
            gains = np.where(singular > floor, singular, 0) if alpha == 0.0 else singular
            with np.errstate(divide="ignore", invalid="ignore"):
                gains = np.where(gains > 0, gains / (gains**2 + dtype.type(alpha)), 0).astype(dtype)
            weights = right.T @ (gains[:, None] * (left.T @ targets))
        else:
            weights = self._from_normal_equations(phi, targets, alpha, dtype)
        pairs = len(theta)
        self.coef_: NDArray[Any] = weights.T.reshape((*y.shape[1:], 2 * pairs))
        wide = self.coef_.astype(np.float64)
        self.h_: NDArray[np.complex128] = wide[..., :pairs] - 1j * wide[..., pairs:]
        self.n_features_in_ = 1
        return self

    def _from_normal_equations(
        self, phi: NDArray[Any], targets: NDArray[Any], alpha: float, dtype: np.dtype[Any]
    ) -> NDArray[Any]:
        matrix = phi.T @ phi + dtype.type(alpha) * np.eye(phi.shape[1], dtype=dtype)
        right_side = phi.T @ targets
        from scipy import linalg

        try:
            if self.solver == "cholesky":
                solution: NDArray[Any] = linalg.cho_solve(linalg.cho_factor(matrix), right_side)
            else:
                solution = np.linalg.solve(matrix, right_side)
        except np.linalg.LinAlgError as error:
            raise ValueError(
                f"alpha = {alpha:g} leaves ΦᵀΦ + alpha·I singular in {dtype} ({error}); "
                f"use a larger alpha or solver='svd'. The design has rank {self.rank_} of {phi.shape[1]}."
            ) from error
        return solution

    def predict(self, s: Any) -> NDArray[Any]:
        """Return the fit at offsets s, in the precision of the fit.

        Parameters
        ----------
        s : array, shape (m,) or (m, 1)
            Offsets in tokens.

        Returns
        -------
        ndarray, shape (m,) or (m, targets)
        """
        load("sklearn.utils.validation", "regression").check_is_fitted(self)
        s = one_dimensional(s, "s")
        phi = design(frequencies(self.theta), s, np.dtype(self.dtype))
        values: NDArray[Any] = phi @ self.coef_.T
        return values
