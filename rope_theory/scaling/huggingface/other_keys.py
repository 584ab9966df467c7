"""Keys of a RoPE dictionary that a model class reads for something else than frequencies.

Latent-attention classes multiply their softmax scale by m(factor, mscale_all_dim)², m(f, c) = 0.1·c·ln f + 1, for every
rope type but "default"; Mistral's later classes take a query temperature from the same dictionary. A dictionary that is
written anew for other frequencies must leave those numbers as they are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from rope_theory._core.checks import number
from rope_theory.config import RopeConfig
from rope_theory.scaling.frequencies import Scaling
from rope_theory.scaling.huggingface.facts import RESCALES_SOFTMAX
from rope_theory.scaling.huggingface.reading import COMMON_KEYS, ORIGINAL, TYPE_KEYS
from rope_theory.scaling.huggingface.writing import by_divisors

FREQUENCY_KEYS = COMMON_KEYS.union(
    *TYPE_KEYS.values(), {"alpha", "short_mscale", "long_mscale", "attn_factor", "extrapolation_factor"}
)
"""Keys that a rope type, of some class or other software, makes frequencies and the attention factor of."""


def rescales_softmax(content: Mapping[str, Any]) -> bool:
    """Tell whether the class of a config may take its softmax scale from the RoPE dictionary.

    Known classes are listed; of an unknown one it is assumed where attention is latent (``qk_rope_head_dim``).
    """
    kind = content.get("model_type")
    return (isinstance(kind, str) and kind in RESCALES_SOFTMAX) or content.get("qk_rope_head_dim") is not None


def softmax_multiplier(rope: Mapping[str, Any]) -> float:
    """Return m(factor, mscale_all_dim), whose square multiplies the softmax scale of a class that rescales it."""
    kind = rope.get("rope_type") or rope.get("type") or "default"
    if kind == "default":
        return 1.0
    factor, all_dim = rope.get("factor") or 1.0, rope.get("mscale_all_dim") or 0.0
    return _multiplier(number(factor, "factor"), number(all_dim, "mscale_all_dim"))


def _multiplier(factor: float, all_dim: float) -> float:
    return 1.0 if factor <= 1.0 else 0.1 * all_dim * math.log(factor) + 1.0  # rounded as transformers does


def keeping_other_keys(
    keys: Mapping[str, Any], before: Mapping[str, Any], config: RopeConfig, scaling: Scaling, *, softmax: bool
) -> dict[str, Any]:
    """Return a RoPE dictionary with the frequencies of ``keys`` and every other number of ``before``.

    Parameters
    ----------
    keys : mapping
        What ``to_hf`` writes for ``config`` and ``scaling``, in one flat dictionary.
    before : mapping
        The dictionary that it replaces.
    config : RopeConfig
        The model before extension.
    scaling : Scaling
        What ``keys`` say.
    softmax : bool
        Whether the class takes its softmax scale from the dictionary.

    Returns
    -------
    dict
        ``keys`` and the keys of ``before`` that make no frequencies. Where the softmax scale depends on the factor,
        ``mscale_all_dim`` is written so that m(factor, mscale_all_dim) is what it was; a rope type without a factor
        above 1 is written as longrope, which takes any factor.
    """
    kept = {key: value for key, value in before.items() if key not in FREQUENCY_KEYS and value is not None}
    result = {**kept, **keys}
    if kept and before.get(ORIGINAL) is not None:  # a temperature may count from it
        result.setdefault(ORIGINAL, before[ORIGINAL])
    wanted = softmax_multiplier(before) if softmax else 1.0
    if wanted == 1.0:
        return result
    if result["rope_type"] == "default" or not (result.get("factor") or 1.0) > 1.0:
        share = {key: keys[key] for key in ("partial_rotary_factor",) if key in keys}
        result = {**kept, **share, "rope_theta": config.base, **by_divisors(config, scaling, before["factor"])}
    if result["rope_type"] == "yarn":
        result.setdefault("attention_factor", scaling.frequencies(config).attention_factor)
    result["mscale_all_dim"] = _all_dim(wanted, result["factor"])
    return result


def _all_dim(wanted: float, factor: float) -> float:
    """Return c with m(factor, c) equal to ``wanted``, to the last bit where float64 has such a number."""
    close = (wanted - 1.0) / (0.1 * math.log(factor))
    candidates = [close]
    for direction in (-math.inf, math.inf):
        value = close
        for _ in range(16):
            value = math.nextafter(value, direction)
            candidates.append(value)
    return min(candidates, key=lambda value: (abs(_multiplier(factor, value) - wanted), abs(value - close)))
