"""Proportional RoPE: a share of the pairs rotates, the rest stand still, all over the whole head."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rope_theory._core.checks import number, scaling_factor
from rope_theory.config import RopeConfig
from rope_theory.errors import ScalingRefused, WrongValue
from rope_theory.scaling.frequencies import Scaling, geometric


@dataclass(frozen=True)
class Proportional(Scaling):
    """Keep the first int(p·d // 2) frequencies, set the others to zero, divide all by ``factor``.

    Parameters
    ----------
    partial_rotary_factor : float
        Share p of the pairs that rotate, in (0, 1].
    factor : float
        Extended window over trained window, at least 1.

    Notes
    -----
    The table has one entry a pair of the whole head, so ``rotary_dim`` must equal ``head_dim``: the pairs that
    do not rotate have θ = 0 and remain part of h. Source: "proportional" in transformers,
    ``modeling_rope_utils.py``.
    """

    partial_rotary_factor: float = 1.0
    factor: float = 1.0

    def __post_init__(self) -> None:
        """Check the fields."""
        share = number(self.partial_rotary_factor, "partial_rotary_factor")
        if not 0.0 < share <= 1.0:
            raise WrongValue(
                "partial_rotary_factor", "must lie in (0, 1]", f"{share:g}", "it is the share of pairs that rotate"
            )
        object.__setattr__(self, "partial_rotary_factor", share)
        object.__setattr__(self, "factor", scaling_factor(self.factor))

    def _theta(self, config: RopeConfig, length: int | None) -> NDArray[np.float64]:
        if config.width != config.head_dim:
            raise ScalingRefused(
                "Proportional",
                f"works on the whole head: rotary_dim ({config.width}) must equal head_dim ({config.head_dim})",
                "Leave rotary_dim out and give partial_rotary_factor",
            )
        theta = geometric(config.base, config.width) / self.factor
        theta[int(self.partial_rotary_factor * config.width // 2) :] = 0.0
        return theta
