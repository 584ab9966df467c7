"""NTK-by-parts: fast pairs stay, slow pairs are interpolated, a ramp lies between. YaRN's table too.

Two ramps are in use, and they differ:

* ``"paper"`` is linear in the turns r_j = L θ_j / 2π a pair makes over the trained window:
  kept share γ_j = clip((r_j − slow) / (fast − slow), 0, 1). YaRN, arXiv 2309.00071, definition 2.
* ``"transformers"`` is linear in the pair index j, between the indices where r reaches fast and slow turns
  (rounded outwards unless ``truncate`` is false). It is what released checkpoints run with.

θ'_j = γ_j θ_j + (1 − γ_j) θ_j / factor in both.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rope_theory._core.checks import above, flag, one_of, scaling_factor
from rope_theory.config import RopeConfig
from rope_theory.errors import WrongValue
from rope_theory.scaling.frequencies import Scaling, geometric

RAMPS = ("paper", "transformers")


def kept_share_by_turns(config: RopeConfig, fast: float, slow: float) -> NDArray[np.float64]:
    """Return γ, shape (P,), linear in turns over the trained window (the paper's ramp)."""
    turns = config.context_length * geometric(config.base, config.width) / (2.0 * np.pi)
    share: NDArray[np.float64] = np.clip((turns - slow) / (fast - slow), 0.0, 1.0)
    return share


def ramp_ends(config: RopeConfig, fast: float, slow: float, truncate: bool) -> tuple[float, float]:
    """Return the pair indices between which transformers' ramp falls from 1 to 0."""
    width = config.width

    def index_with(turns: float) -> float:  # real j with L θ_j / 2π = turns
        return width * math.log(config.context_length / (turns * 2 * math.pi)) / (2 * math.log(config.base))

    low, high = index_with(fast), index_with(slow)
    if truncate:
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, width - 1)  # width − 1, not the last pair: as released software has it
    if low == high:
        high += 0.001
    return low, high


def kept_share_by_index(config: RopeConfig, fast: float, slow: float, truncate: bool) -> NDArray[np.float64]:
    """Return γ, shape (P,), linear in the pair index (transformers' ramp)."""
    low, high = ramp_ends(config, fast, slow, truncate)
    share: NDArray[np.float64] = 1.0 - np.clip((np.arange(config.width // 2) - low) / (high - low), 0.0, 1.0)
    return share


def by_parts(
    config: RopeConfig, factor: float, fast: float, slow: float, ramp: str, truncate: bool
) -> NDArray[np.float64]:
    """Return θ' = γθ + (1 − γ)θ/factor, rad/token, shape (P,)."""
    theta = geometric(config.base, config.width)
    share = (
        kept_share_by_turns(config, fast, slow)
        if ramp == "paper"
        else kept_share_by_index(config, fast, slow, truncate)
    )
    return share * theta + (1.0 - share) * theta / factor


def check_ramp(fast: float, slow: float, names: tuple[str, str]) -> tuple[float, float]:
    """Return both ends of a ramp in turns, slow below fast."""
    fast, slow = above(fast, names[0], 0.0), above(slow, names[1], 0.0)
    if slow >= fast:
        raise WrongValue(
            f"{names[1]} ({slow:g})",
            f"must be below {names[0]} ({fast:g}): pairs with more turns than {names[0]} are kept, pairs with fewer "
            f"than {names[1]} are interpolated",
        )
    return fast, slow


@dataclass(frozen=True)
class NTKByParts(Scaling):
    """Interpolate the pairs that turn fewer than ``alpha`` times in the trained window, keep those above ``beta``.

    Parameters
    ----------
    factor : float
        Extended window over trained window, at least 1.
    alpha, beta : float
        Ends of the ramp in turns over the trained window, alpha < beta; 1 and 32 in the paper.
    ramp : {"paper", "transformers"}
        Linear in turns (default: this method has no released implementation but the paper's) or in the index.
    truncate : bool
        Round the ends of the index ramp outwards; without effect on the paper's ramp.

    Notes
    -----
    Source: YaRN, arXiv 2309.00071, definition 2. The attention factor stays 1.
    """

    factor: float
    alpha: float = 1.0
    beta: float = 32.0
    ramp: str = "paper"
    truncate: bool = True

    def __post_init__(self) -> None:
        """Check the fields."""
        object.__setattr__(self, "factor", scaling_factor(self.factor))
        beta, alpha = check_ramp(self.beta, self.alpha, ("beta", "alpha"))
        object.__setattr__(self, "alpha", alpha)
        object.__setattr__(self, "beta", beta)
        one_of(self.ramp, "ramp", RAMPS)
        object.__setattr__(self, "truncate", flag(self.truncate, "truncate"))

    def _theta(self, config: RopeConfig, length: int | None) -> NDArray[np.float64]:
        return by_parts(config, self.factor, self.beta, self.alpha, self.ramp, self.truncate)
