"""Position Interpolation: every frequency divided by the factor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rope_theory._core.checks import scaling_factor
from rope_theory.config import RopeConfig
from rope_theory.scaling.frequencies import Scaling, geometric


@dataclass(frozen=True)
class PositionInterpolation(Scaling):
    """Squeeze positions into the trained window, θ'_j = θ_j / factor: a'(s) = a(s / factor).

    Parameters
    ----------
    factor : float
        Extended window over trained window, at least 1.

    Notes
    -----
    Source: arXiv 2306.15595 v2, equation (4); "linear" in Hugging Face configs.

    Examples
    --------
    >>> import rope_theory as rt
    >>> rt.scaling.PositionInterpolation(4).frequencies(rt.RopeConfig(head_dim=4)).theta
    array([0.25  , 0.0025])
    """

    factor: float

    def __post_init__(self) -> None:
        """Check the factor."""
        object.__setattr__(self, "factor", scaling_factor(self.factor))

    def _theta(self, config: RopeConfig, length: int | None) -> NDArray[np.float64]:
        return geometric(config.base, config.width) / self.factor
