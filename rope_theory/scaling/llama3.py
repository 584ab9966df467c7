"""Llama 3.1's scaling: long wavelengths interpolated, short ones kept, a ramp between."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rope_theory._core.checks import above, scaling_factor
from rope_theory.config import RopeConfig
from rope_theory.scaling.frequencies import Scaling, geometric
from rope_theory.scaling.ntk_by_parts import by_parts, check_ramp


@dataclass(frozen=True)
class Llama3(Scaling):
    """Interpolate pairs that turn fewer than ``low_freq_factor`` times, keep those above ``high_freq_factor``.

    With r_j the turns over the trained window and γ_j = clip((r_j − low)/(high − low), 0, 1),
    θ'_j = γ_j θ_j + (1 − γ_j) θ_j / factor: the same ramp as NTK-by-parts, with other ends.

    Parameters
    ----------
    factor : float
        By how much slow pairs are slowed, at least 1.
    low_freq_factor, high_freq_factor : float
        Ends of the ramp in turns over the trained window, low ≤ high; 1 and 4 in Llama 3.1. Where they are equal, the
        ramp is a step: pairs with more turns are kept.

    Notes
    -----
    Source: "llama3" in transformers, ``modeling_rope_utils.py``; arXiv 2407.21783.
    """

    factor: float
    low_freq_factor: float = 1.0
    high_freq_factor: float = 4.0

    def __post_init__(self) -> None:
        """Check the fields."""
        object.__setattr__(self, "factor", scaling_factor(self.factor))
        high = above(self.high_freq_factor, "high_freq_factor", 0.0)
        low = above(self.low_freq_factor, "low_freq_factor", 0.0)
        if low != high:
            check_ramp(high, low, ("high_freq_factor", "low_freq_factor"))
        object.__setattr__(self, "high_freq_factor", high)
        object.__setattr__(self, "low_freq_factor", low)

    def _theta(self, config: RopeConfig, length: int | None) -> NDArray[np.float64]:
        if self.low_freq_factor == self.high_freq_factor:
            theta = geometric(config.base, config.width)
            kept = theta * config.context_length / (2.0 * np.pi) > self.high_freq_factor
            step: NDArray[np.float64] = np.where(kept, theta, theta / self.factor)
            return step
        return by_parts(config, self.factor, self.high_freq_factor, self.low_freq_factor, "paper", truncate=False)
