"""Ridge regression on a design that is there already, by three routes, none of which turns into another unasked.

LAPACK is called through SciPy: ``numpy.linalg`` computes float32 in float64 and rounds the answer, which is not what a
fit in float32 is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from rope_theory._core.records import Record
from rope_theory.errors import SingularDesign, WrongValue

FLOAT_SOLVERS = ("svd", "cholesky", "normal")

SWALLOWED = 16.0
"""A ridge whose root is below so many eps·σ_max is none: computed singular values are wrong by a few of them."""


@dataclass(frozen=True, eq=False)
class Solution(Record):
    """Weights of a fit, and the singular values of the design they were fitted on.

    Attributes
    ----------
    weights : ndarray, shape (columns, targets)
        Solution, in the precision of the design.
    singular : ndarray, shape (min(n, columns),)
        Singular values of the design as computed, largest first.
    shape : tuple of int
        Shape (n, columns) of the design.
    alpha : float
        Ridge strength.
    solver : str
        Route taken.
    """

    weights: NDArray[Any]
    singular: NDArray[Any]
    shape: tuple[int, int]
    alpha: float
    solver: str

    @property
    def rank(self) -> int:
        """Singular values above eps·max(n, columns) times the largest, eps of their precision."""
        return numerical_rank(self.singular, self.shape)

    @property
    def condition(self) -> float:
        """Largest over smallest singular value; infinite where the smallest is zero."""
        with np.errstate(over="ignore"):  # float32 quotients beyond 3e38 are infinite too
            return float(self.singular[0] / self.singular[-1]) if self.singular[-1] > 0 else float("inf")

    @property
    def effective_dof(self) -> float:
        """Σ σ²/(σ² + alpha), the trace of the matrix that takes targets to fits; the rank where alpha is 0.

        Singular values that are rounding count where alpha hides them, and not where it is rounding itself.
        """
        squares = kept(self.singular, self.shape, self.alpha).astype(np.float64) ** 2
        return float((squares[squares > 0.0] / (squares[squares > 0.0] + self.alpha)).sum())


def numerical_rank(singular: NDArray[Any], shape: tuple[int, int]) -> int:
    """Return how many singular values, largest first, stand above eps·max(shape) times the largest."""
    return int((singular > _floor(singular, shape)).sum())


def kept(singular: NDArray[Any], shape: tuple[int, int], alpha: float) -> NDArray[Any]:
    """Return the singular values with those below rounding as 0, where the root of alpha is rounding too.

    A ridge above it hides them; with one that is not, rounding would be divided by rounding, and the fit is, to this
    precision, that of no ridge.
    """
    rounding = SWALLOWED * float(np.finfo(singular.dtype).eps) * float(singular[0])
    if alpha >= rounding**2:
        return singular
    return np.where(singular > _floor(singular, shape), singular, singular.dtype.type(0))


def _floor(singular: NDArray[Any], shape: tuple[int, int]) -> Any:
    return singular[0] * np.finfo(singular.dtype).eps * max(shape)


def singular_values(design: NDArray[Any]) -> NDArray[Any]:
    """Return the singular values of a design without their vectors.

    LAPACK takes a tall matrix to its R factor first, so that this costs about one QR.
    """
    values: NDArray[Any] = linalg.svdvals(design, check_finite=False)
    return values


def solve(design: NDArray[Any], targets: NDArray[Any], alpha: float, solver: str) -> Solution:
    """Return w = argmin ‖design·w − targets‖² + alpha·‖w‖², in the precision of the design.

    Parameters
    ----------
    design : ndarray, shape (n, columns)
        float32 or float64.
    targets : ndarray, shape (n, targets)
        Of the same dtype.
    alpha : float
        Ridge strength, at least 0.
    solver : {"svd", "cholesky", "normal"}
        Singular value decomposition, of which values below rounding are dropped when the root of alpha is rounding too;
        Cholesky factor of ΦᵀΦ + alpha·I; Gaussian elimination on the same matrix.

    Returns
    -------
    Solution

    Raises
    ------
    ValueError
        Where the route cannot: a matrix whose condition number is beyond this precision ("cholesky") or that has a
        zero pivot ("normal"), and weights that overflow.

    Notes
    -----
    ``sklearn.linear_model.Ridge`` would do for none of the three. Its "cholesky" answers a singular matrix with an SVD
    and says nothing; its "svd" keeps the singular values to itself, so rank and condition would need a second one, and
    with alpha = 0 drops only those below 1e-15, whatever the largest; elimination, the paper's route, it does not have.
    """
    if solver == "svd":
        return _by_svd(design, targets, alpha)
    singular = singular_values(design)
    rank = numerical_rank(singular, design.shape)
    if solver == "cholesky" and (number := _condition(singular, design, alpha)) >= 1.0 / _unit(design):
        raise _singular(design, alpha, rank, f"Cholesky needs a condition number below {1 / _unit(design):.1e}, "
                        f"this one is {number:.1e}")  # fmt: skip
    matrix = design.T @ design + design.dtype.type(alpha) * np.eye(design.shape[1], dtype=design.dtype)
    right_side = design.T @ targets
    try:
        weights = (_by_cholesky if solver == "cholesky" else _by_elimination)(matrix, right_side)
    except linalg.LinAlgError as error:
        raise _singular(design, alpha, rank, str(error)) from error
    return Solution(_finite(weights, alpha), singular, design.shape, alpha, solver)


def _condition(singular: NDArray[Any], design: NDArray[Any], alpha: float) -> float:
    """Return the condition number of ΦᵀΦ + alpha·I, infinite where it is singular."""
    full = len(singular) == design.shape[1]
    lowest = (float(singular[-1]) ** 2 if full else 0.0) + alpha
    return float((float(singular[0]) ** 2 + alpha) / lowest) if lowest > 0.0 else float("inf")


def _unit(design: NDArray[Any]) -> float:
    """Return the relative rounding of a factorisation: eps times the number of columns."""
    return float(np.finfo(design.dtype).eps * design.shape[1])


def _finite(weights: NDArray[Any], alpha: float) -> NDArray[Any]:
    if not np.isfinite(weights).all():
        raise WrongValue(
            "The weights",
            f"overflow {weights.dtype} at alpha = {alpha:g}",
            remedy="use a larger alpha, or scale the targets down",
        )
    return weights


def _by_svd(design: NDArray[Any], targets: NDArray[Any], alpha: float) -> Solution:
    left, singular, right = linalg.svd(design, full_matrices=False, check_finite=False)
    gains = kept(singular, design.shape, alpha)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        gains = np.where(gains > 0, gains / (gains**2 + design.dtype.type(alpha)), 0).astype(design.dtype)
        weights = right.T @ (gains[:, None] * (left.T @ targets))
    return Solution(_finite(weights, alpha), singular, design.shape, alpha, "svd")


def _by_cholesky(matrix: NDArray[Any], right_side: NDArray[Any]) -> NDArray[Any]:
    solution: NDArray[Any] = linalg.cho_solve(linalg.cho_factor(matrix), right_side)
    return solution


def _by_elimination(matrix: NDArray[Any], right_side: NDArray[Any]) -> NDArray[Any]:
    """Return the solution by LU with row exchanges; ``linalg.solve`` would warn where the paper's route goes on."""
    eliminate = linalg.get_lapack_funcs("gesv", (matrix, right_side))
    _, _, solution, zero_pivot = eliminate(matrix, right_side)
    if zero_pivot:
        raise linalg.LinAlgError(f"pivot {zero_pivot} is zero")
    weights: NDArray[Any] = solution
    return weights


def _singular(design: NDArray[Any], alpha: float, rank: int, why: str) -> SingularDesign:
    return SingularDesign(
        alpha,
        f"alpha = {alpha:g} leaves ΦᵀΦ + alpha·I singular in {design.dtype} ({why})",
        f"use a larger alpha or solver='svd', which can. The design has rank {rank} of {design.shape[1]}",
    )
