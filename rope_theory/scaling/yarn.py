"""YaRN: NTK-by-parts and an attention factor."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rope_theory._core.checks import attention_multiplier, flag, one_of, scaling_factor
from rope_theory.config import RopeConfig
from rope_theory.scaling.frequencies import Scaling
from rope_theory.scaling.ntk_by_parts import RAMPS, by_parts, check_ramp


def attention_factor(factor: float, scale: float = 1.0) -> float:
    """Return 1 + 0.1·scale·ln(factor), and 1 for factors of 1 or less: YaRN, equation (22)."""
    return 1.0 + 0.1 * scale * math.log(factor) if factor > 1.0 else 1.0


@dataclass(frozen=True)
class YaRN(Scaling):
    """NTK-by-parts frequencies with cos and sin multiplied by 1 + 0.1 ln(factor).

    Parameters
    ----------
    factor : float
        Extended window over trained window, at least 1.
    beta_fast, beta_slow : float
        Ends of the ramp in turns over the trained window, beta_slow < beta_fast.
    ramp : {"transformers", "paper"}
        Linear in the pair index (default: what released checkpoints were trained and run with, so the table
        is that of the model one holds) or in turns, as the paper defines it. See ``ntk_by_parts``.
    truncate : bool
        Round the ends of the index ramp outwards; without effect on the paper's ramp.
    attention_factor : float, optional
        Replaces 1 + 0.1 ln(factor).

    Notes
    -----
    Source: YaRN, arXiv 2309.00071, definition 2 and equations (21), (22).
    """

    factor: float
    beta_fast: float = 32.0
    beta_slow: float = 1.0
    ramp: str = "transformers"
    truncate: bool = True
    attention_factor: float | None = None

    def __post_init__(self) -> None:
        """Check the fields."""
        object.__setattr__(self, "factor", scaling_factor(self.factor))
        fast, slow = check_ramp(self.beta_fast, self.beta_slow, ("beta_fast", "beta_slow"))
        object.__setattr__(self, "beta_fast", fast)
        object.__setattr__(self, "beta_slow", slow)
        one_of(self.ramp, "ramp", RAMPS)
        object.__setattr__(self, "truncate", flag(self.truncate, "truncate"))
        if self.attention_factor is not None:
            object.__setattr__(self, "attention_factor", attention_multiplier(self.attention_factor))

    def _theta(self, config: RopeConfig, length: int | None) -> NDArray[np.float64]:
        return by_parts(config, self.factor, self.beta_fast, self.beta_slow, self.ramp, self.truncate)

    def _attention_factor(self, config: RopeConfig) -> float:
        return attention_factor(self.factor) if self.attention_factor is None else self.attention_factor
