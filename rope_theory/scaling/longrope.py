"""LongRoPE: a searched divisor a pair, one list for short and one for long sequences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rope_theory._core.checks import above, attention_multiplier, scaling_factor
from rope_theory.config import RopeConfig
from rope_theory.errors import Conflict, WrongType, WrongValue
from rope_theory.scaling.frequencies import Scaling, geometric


@dataclass(frozen=True)
class LongRoPE(Scaling):
    """Divide θ_j by long_factor[j] when the current length exceeds the trained window, else by short_factor[j].

    Parameters
    ----------
    short_factor, long_factor : sequence of float, length P
        Divisors, above 0.
    factor : float, optional
        Extended window over trained window, at least 1; it enters only the attention factor
        √(1 + ln(factor)/ln(context_length)). Not given, it counts as 1, and so does the attention factor.
    attention_factor : float, optional
        Replaces that square root.

    Notes
    -----
    Source: LongRoPE, arXiv 2402.13753; "longrope" (formerly "su") in transformers, ``modeling_rope_utils.py``.
    """

    short_factor: Sequence[float]
    long_factor: Sequence[float]
    factor: float | None = None
    attention_factor: float | None = None

    def __post_init__(self) -> None:
        """Check and freeze the lists."""
        for name in ("short_factor", "long_factor"):
            values = getattr(self, name)
            if isinstance(values, str | bytes) or not hasattr(values, "__iter__"):
                raise WrongType(name, "must be a list of numbers, one a pair", f"{values!r}")
            values = tuple(above(value, f"{name}[{index}]", 0.0) for index, value in enumerate(values))
            if not values:
                raise WrongValue(name, "is empty", remedy="give one divisor a pair")
            object.__setattr__(self, name, values)
        if len(self.short_factor) != len(self.long_factor):
            raise WrongValue(
                "short_factor",
                f"has {len(self.short_factor)} entries and long_factor {len(self.long_factor)}",
                remedy="both need one a pair",
            )
        if self.factor is not None:
            object.__setattr__(self, "factor", scaling_factor(self.factor))
        if self.attention_factor is not None:
            object.__setattr__(self, "attention_factor", attention_multiplier(self.attention_factor))

    def _theta(self, config: RopeConfig, length: int | None) -> NDArray[np.float64]:
        if len(self.short_factor) != config.pairs:
            raise Conflict(
                ("short_factor", "long_factor"),
                f"have {len(self.short_factor)} entries, but rotary_dim {config.width} has {config.pairs} pairs",
                remedy="give one divisor a pair",
            )
        is_long = length is not None and length > config.context_length
        divisors = np.array(self.long_factor if is_long else self.short_factor)
        theta: NDArray[np.float64] = geometric(config.base, config.width) / divisors
        return theta

    def _attention_factor(self, config: RopeConfig) -> float:
        if self.attention_factor is not None:
            return self.attention_factor
        return math.sqrt(1.0 + math.log(self.factor or 1.0) / math.log(config.context_length))
