"""NTK-aware scaling: a larger base."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rope_theory._core.checks import scaling_factor
from rope_theory.config import RopeConfig
from rope_theory.errors import ScalingRefused
from rope_theory.scaling.frequencies import Scaling, geometric


def stretched_base(config: RopeConfig, stretch: float) -> float:
    """Return base·stretch^(d/(d−2)): the fastest pair stays, the slowest is slowed by ``stretch``."""
    if config.width < 4:
        raise ScalingRefused(
            "A larger base",
            f"needs rotary_dim of at least 4, got {config.width}: with one pair the exponent d/(d−2) is undefined",
            "Use PositionInterpolation",
        )
    return float(config.base * stretch ** (config.width / (config.width - 2)))


@dataclass(frozen=True)
class NTKAware(Scaling):
    """Replace the base by base·factor^(d/(d−2)).

    Parameters
    ----------
    factor : float
        By how much the slowest pair is slowed, at least 1.

    Notes
    -----
    Source: bloc97 2023, written up in YaRN, arXiv 2309.00071, definition 1 and appendix A.1.
    """

    factor: float

    def __post_init__(self) -> None:
        """Check the factor."""
        object.__setattr__(self, "factor", scaling_factor(self.factor))

    def _theta(self, config: RopeConfig, length: int | None) -> NDArray[np.float64]:
        return geometric(stretched_base(config, self.factor), config.width)
