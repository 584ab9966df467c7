"""RoPE as trained."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rope_theory.config import RopeConfig
from rope_theory.scaling.frequencies import Scaling, geometric


@dataclass(frozen=True)
class Unscaled(Scaling):
    """The trained table, θ_j = c^(−2j/d).

    Source: arXiv 2104.09864, section 3.2.2; arXiv 2306.15595 v2, equation (1).
    """

    def _theta(self, config: RopeConfig, length: int | None) -> NDArray[np.float64]:
        return geometric(config.base, config.width)
