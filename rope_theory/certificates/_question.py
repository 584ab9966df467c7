"""What a worst case is asked of: frequencies, trained offsets and limits, checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from rope_theory._core.arrays import as_numpy, numpy_angular, offsets, space_of
from rope_theory._core.checks import above
from rope_theory.errors import WrongValue
from rope_theory.scaling import Frequencies


@dataclass(frozen=True, eq=False)
class Question:
    """Tables of trained frequencies θ and asked ones θ' (None: the same), and their numbers (P,), rad/token.

    Also trained offsets (G,), tokens, and the limits H and A.
    """

    theta: Any
    target_theta: Any
    frequencies: NDArray[np.float64]
    target: NDArray[np.float64]
    grid: NDArray[np.float64]
    h_max: float
    score_max: float

    @classmethod
    def of(cls, theta: Any, target_theta: Any, grid: Any, h_max: Any, score_max: Any) -> Self:
        """Return the checked question, or raise in words."""
        frequencies = numpy_angular(theta)
        target = frequencies if target_theta is None else numpy_angular(target_theta, "target_theta")
        if len(target) != len(frequencies):
            raise WrongValue(
                "target_theta",
                f"must have as many frequencies as theta, {len(frequencies)}",
                f"{len(target)}",
                "take both from the same config",
            )
        trained = _increasing(grid)
        largest = above(h_max, "h_max", 0.0, "It bounds the coefficients; without one the worst case has no limit.")
        size = above(score_max, "score_max", 0.0, "It is the largest score on the grid.")
        if not 1e-12 <= largest / size <= 1e12:
            raise WrongValue(
                "h_max/score_max",
                "must be between 1e-12 and 1e12",
                f"{largest / size:g}",
                "float64 cannot solve the program beyond",
            )
        table = theta if isinstance(theta, Frequencies) else frequencies
        other = target_theta if target_theta is None or isinstance(target_theta, Frequencies) else target
        return cls(table, other, frequencies, target, trained, largest, size)

    @property
    def ratio(self) -> float:
        """H/A, which decides a worst case in units of A."""
        return self.h_max / self.score_max


def asked_table(theta: Any, target_theta: Any) -> Any:
    """Return the table that is asked about: the trained one unless there is another."""
    return theta if target_theta is None else target_theta


def _increasing(grid: Any) -> NDArray[np.float64]:
    trained: NDArray[np.float64] = offsets(as_numpy(grid), "grid", space_of())
    if trained.ndim != 1:
        raise WrongValue("grid", "must be one-dimensional, trained offsets in tokens", f"shape {trained.shape}")
    steps = np.diff(trained)
    if (steps == 0.0).any():
        raise WrongValue(
            "grid", f"repeats the offset {trained[:-1][steps == 0.0][0]:g}", remedy="np.unique removes repetitions"
        )
    if (steps < 0.0).any():
        place = int(np.argmax(steps < 0.0))
        raise WrongValue(
            "grid", "must be in increasing order", f"{trained[place]:g} before {trained[place + 1]:g}", "use np.sort"
        )
    return trained
