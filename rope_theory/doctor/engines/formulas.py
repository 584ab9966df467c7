"""Tables by formula, with what engines do differently as arguments.

Letters: w unscaled frequencies, d rotated width, b base, s factor, L original window, c(r) the pair index at which a
wavelength fits r times into L, g the share that is interpolated, m(k) = 1 + 0.1·k·ln s.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rope_theory.doctor.case import real
from rope_theory.doctor.engines.engine import needed
from rope_theory.errors import EngineRefused
from rope_theory.scaling.frequencies import geometric
from rope_theory.scaling.yarn import attention_factor

Theta = NDArray[np.float64]


def yarn(
    keys: Mapping[str, Any], base: float, width: int, original: float, *, cap: int, reversed_ramp: bool = False,
    rounded: bool = True,
) -> Theta:  # fmt: skip
    """Return w·((1 − g) + g/s), or with the ramp the other way round w·(g + (1 − g)/s); rad/token, shape (P,)."""
    (s,) = needed(keys, "factor")
    fast, slow = real(keys.get("beta_fast")) or 32.0, real(keys.get("beta_slow")) or 1.0
    if s <= 0.0 or fast <= 0.0 or slow <= 0.0:
        raise EngineRefused("factor and both ends of the ramp must be positive")
    low, high = (width * math.log(original / (2.0 * math.pi * r)) / (2.0 * math.log(base)) for r in (fast, slow))
    if rounded:
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, cap)
    high = high + 0.001 if low == high else high
    g = np.clip((np.arange(width // 2) - low) / (high - low), 0.0, 1.0)
    g = 1.0 - g if reversed_ramp else g
    w = geometric(base, width)
    theta: Theta = w * ((1.0 - g) + g / s)
    return theta


def yarn_factor(keys: Mapping[str, Any]) -> float:
    """Return the attention factor as transformers reads it: the key, both mscale keys, or m(1)."""
    given, (s,) = real(keys.get("attention_factor")), needed(keys, "factor")
    upper, lower = real(keys.get("mscale")), real(keys.get("mscale_all_dim"))
    if given is not None:
        return given
    return attention_factor(s, upper) / attention_factor(s, lower) if upper and lower else attention_factor(s)


def deepseek_factor(keys: Mapping[str, Any]) -> float:
    """Return m(mscale)/m(mscale_all_dim) with 1 and 0 where they are absent, as DeepSeek's own code has it."""
    (s,) = needed(keys, "factor")
    upper, lower = real(keys.get("mscale")), real(keys.get("mscale_all_dim"))
    return attention_factor(s, 1.0 if upper is None else upper) / attention_factor(s, lower or 0.0)


def llama3(keys: Mapping[str, Any], base: float, width: int, original: float) -> Theta:
    """Return w, w/s and a blend between, by how often a wavelength fits into L; rad/token, shape (P,)."""
    s, slow, fast = needed(keys, "factor", "low_freq_factor", "high_freq_factor")
    if fast < slow or s <= 0.0:
        raise EngineRefused("needs low_freq_factor up to high_freq_factor and a positive factor")
    w = geometric(base, width)
    turns = original * w / (2.0 * math.pi)
    kept = 1.0 * (turns > fast) if fast == slow else np.clip((turns - slow) / (fast - slow), 0.0, 1.0)
    theta: Theta = (1.0 - kept) * w / s + kept * w
    return theta


def stretched(base: float, width: int, by: float) -> Theta:
    """Return the frequencies of base b·by^(d/(d−2)); rad/token, shape (P,)."""
    if width < 4 or by <= 0.0:
        raise EngineRefused("its base is no positive number")
    return geometric(base * by ** (width / (width - 2)), width)


def longrope_factor(ratio: float, original: float) -> float:
    """Return √(1 + ln ratio / ln L), and 1 for ratios of at most 1."""
    return math.sqrt(1.0 + math.log(ratio) / math.log(original)) if ratio > 1.0 else 1.0


def proportional(base: float, head_dim: int, share: float, s: float) -> Theta:
    """Return b^(−2j/head_dim)/s for the first int(share·head_dim/2) pairs and 0 for the others; rad/token."""
    theta = geometric(base, head_dim) / s
    theta[int(share * head_dim) // 2 :] = 0.0
    return theta
