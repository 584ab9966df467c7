"""Singular values of a design, what of them float64 knows, and where a ridge can be trusted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rope_theory._core.checks import at_least
from rope_theory._core.design import FLOAT64, design, frequencies, one_dimensional
from rope_theory.errors import SingularDesign

ROUNDING = float(np.finfo(np.float64).eps)

DIGITS = 1e4
"""How far max(σ_min, √alpha) must stand above the rounding ε·σ_max of the design: what is computed from it is then
right to about 1/DIGITS, where it is not close to zero (docs/theory.md, section 6, has the measurement)."""


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Singular value decomposition Φ = U diag(σ) Vᵀ of a design, without U.

    Attributes
    ----------
    theta : ndarray, shape (P,)
        Angular frequencies, rad/token.
    singular : ndarray, shape (min(n, 2P),)
        Singular values σ, largest first.
    right : ndarray, shape (min(n, 2P), 2P)
        Vᵀ.
    """

    theta: NDArray[np.float64]
    singular: NDArray[np.float64]
    right: NDArray[np.float64]

    @property
    def floor(self) -> float:
        """Size below which a singular value, or the root of a ridge, carries too few digits."""
        return DIGITS * ROUNDING * float(self.singular[0])

    @property
    def has_full_rank(self) -> bool:
        """Whether 2P singular values stand above rounding, so that least squares needs no ridge."""
        return len(self.singular) == 2 * len(self.theta) and float(self.singular[-1]) >= self.floor

    def strength(self, alpha: Any) -> float:
        """Return a ridge strength as a float, or raise where the answer would be rounding of the solver."""
        alpha = at_least(alpha, "alpha", 0.0)
        if alpha == 0.0 and not self.has_full_rank:
            rank, width = int((self.singular >= self.floor).sum()), 2 * len(self.theta)
            raise SingularDesign(
                alpha,
                f"alpha = 0 needs a design of full rank, but {rank} of {width} singular values stand above "
                "rounding: the result would be noise of the solver",
                remedy=f"Give alpha above 0, {self._advice} or more",
            )
        if max(float(self.singular[-1]), float(np.sqrt(alpha))) < self.floor:
            raise SingularDesign(
                alpha,
                f"alpha = {alpha:g} is too small for this design in float64: its smallest singular values "
                f"are rounding of the largest, {self.singular[0]:.3g}, and would decide the result",
                remedy=f"Give alpha of at least {self._advice}",
            )
        return float(alpha)

    @property
    def _advice(self) -> str:
        """The smallest strength that is accepted, rounded up to two digits, so that it can be followed as printed."""
        floor = self.floor**2
        text = f"{floor:.1e}"
        return text if float(text) >= floor else f"{1.06 * floor:.1e}"

    def gains(self, alpha: float) -> NDArray[np.float64]:
        """Return σ/(σ² + alpha): what the fit makes of a unit of noise along each singular vector."""
        return self.singular / (self.singular**2 + alpha)

    def kept(self, alpha: float) -> NDArray[np.float64]:
        """Return σ²/(σ² + alpha): the share of the targets that the fit keeps along each singular vector."""
        return self.singular * self.gains(alpha)

    def coordinates(self, s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return φ(s) in the basis of right singular vectors, shape (n, min(n, 2P)), for one-dimensional s."""
        return design(self.theta, s, FLOAT64) @ self.right.T


def spectrum(theta: Any, train: Any) -> Spectrum:
    """Return the decomposition of the design of ``theta`` on the offsets ``train``."""
    theta, train = frequencies(theta), one_dimensional(train, "train")
    _, singular, right = np.linalg.svd(design(theta, train, FLOAT64), full_matrices=False)
    return Spectrum(theta, singular, right)
