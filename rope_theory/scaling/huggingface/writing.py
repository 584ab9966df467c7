"""From RopeConfig and Scaling to the keys of a model's config.json."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from rope_theory.config import RopeConfig
from rope_theory.errors import ScalingRefused, WrongType
from rope_theory.scaling.dynamic_ntk import DynamicNTK
from rope_theory.scaling.frequencies import Scaling, geometric
from rope_theory.scaling.huggingface.reading import ORIGINAL
from rope_theory.scaling.llama3 import Llama3
from rope_theory.scaling.longrope import LongRoPE
from rope_theory.scaling.ntk_aware import NTKAware, stretched_base
from rope_theory.scaling.ntk_by_parts import NTKByParts
from rope_theory.scaling.position_interpolation import PositionInterpolation
from rope_theory.scaling.proportional import Proportional
from rope_theory.scaling.unscaled import Unscaled
from rope_theory.scaling.yarn import YaRN

SMALLEST_DIVISOR = 1e-12
"""Of a pair's frequency, and one over the largest: beyond, transformers' float32 loses the table."""


def to_hf(config: RopeConfig, scaling: Scaling, *, legacy: bool = False) -> dict[str, Any]:
    """Write a config and a scaling as transformers reads them.

    Parameters
    ----------
    config : RopeConfig
        The model before extension; for DynamicNTK its ``context_length`` (tokens) must be the model config's
        ``max_position_embeddings``, from which transformers counts.
    scaling : Scaling
        One of this package's methods.
    legacy : bool
        The keys of transformers 4 (``rope_theta``, ``rope_scaling``) instead of ``rope_parameters``.

    Returns
    -------
    dict
        The value of ``rope_parameters`` for one flat table; with ``legacy``, top-level keys to put into a
        config. A partly rotated head without scaling is written as linear with factor 1, which every class
        honours, while "default" in Llama-like classes rotates the whole head.

    Raises
    ------
    TypeError
        When ``config`` is not a RopeConfig or ``scaling`` no Scaling.
    ValueError
        When no config gives this table: Proportional in legacy form, DynamicNTK counted from another length, a
        scaling of your own whose table follows the length or has a pair that stands still.

    Notes
    -----
    Source: ``modeling_rope_utils.py`` of transformers 5.23.0 and 4.57.6. NTKAware is a changed base; the
    paper's ramp, which transformers does not have, is longrope with both lists equal to the divisors, and so is any
    scaling that is not of this package.

    Examples
    --------
    >>> import rope_theory as rt
    >>> rt.to_hf(rt.RopeConfig(head_dim=128), rt.scaling.PositionInterpolation(4))
    {'rope_theta': 10000.0, 'rope_type': 'linear', 'factor': 4.0}
    """
    if not isinstance(scaling, Scaling):
        known = ", ".join(kind.__name__ for kind in WRITERS)
        raise WrongType("scaling", f"must be one of {known}, or a Scaling of your own", type(scaling).__name__)
    scaling.frequencies(config)  # refuses what does not fit
    if legacy and isinstance(scaling, Proportional):
        raise ScalingRefused(
            "Proportional", "has no legacy form: transformers 4 has no such rope type", "use legacy=False"
        )
    rope = {"rope_theta": config.base, **WRITERS.get(type(scaling), _write_own)(config, scaling)}
    partial = config.width != config.head_dim
    if partial and rope["rope_type"] == "default":
        rope |= {"rope_type": "linear", "factor": 1.0}
    share = {"partial_rotary_factor": exact_share(config.width, config.head_dim)} if partial else {}
    if not legacy:
        return {**rope, **share}
    base = rope.pop("rope_theta")
    outer = {ORIGINAL: rope[ORIGINAL]} if rope["rope_type"] == "longrope" else {}  # where transformers 4 looks
    return {
        "rope_theta": base,
        "rope_scaling": None if rope["rope_type"] == "default" else rope,
        **share,
        **outer,
    }


def exact_share(width: int, head_dim: int) -> float:
    """Return a share p with int(p·head_dim) = width, which a rounded quotient may miss by one."""
    share = width / head_dim
    return share if int(head_dim * share) == width else math.nextafter(share, 1.0)


def _write_default(config: RopeConfig, scaling: Any) -> dict[str, Any]:
    return {"rope_type": "default"}


def _write_linear(config: RopeConfig, scaling: Any) -> dict[str, Any]:
    return {"rope_type": "linear", "factor": scaling.factor}


def _write_ntk_aware(config: RopeConfig, scaling: Any) -> dict[str, Any]:
    return {"rope_type": "default", "rope_theta": stretched_base(config, scaling.factor)}


def _write_dynamic(config: RopeConfig, scaling: Any) -> dict[str, Any]:
    reference = scaling.reference_length
    if reference is not None and reference != config.context_length:
        raise ScalingRefused(
            f"DynamicNTK with reference_length {reference}",
            f"is not said by this dictionary where context_length is {config.context_length}: transformers counts from "
            "max_position_embeddings of the model config, which is no part of it",
            f"Set it to {reference} there and pass a RopeConfig with that context_length",
        )
    return {"rope_type": "dynamic", "factor": scaling.factor}


def _write_yarn(config: RopeConfig, scaling: Any) -> dict[str, Any]:
    if scaling.ramp == "paper":
        return by_divisors(config, scaling, scaling.factor)
    by_parts = isinstance(scaling, NTKByParts)
    attention = 1.0 if by_parts else scaling.attention_factor
    return {
        "rope_type": "yarn",
        "factor": scaling.factor,
        ORIGINAL: config.context_length,
        "beta_fast": scaling.beta if by_parts else scaling.beta_fast,
        "beta_slow": scaling.alpha if by_parts else scaling.beta_slow,
        "truncate": scaling.truncate,
        **({} if attention is None else {"attention_factor": attention}),
    }


def by_divisors(config: RopeConfig, scaling: Scaling, factor: float | None) -> dict[str, Any]:
    """Return the dictionary that spells a scaling as LongRoPE's lists: one divisor per frequency pair."""
    table = scaling.frequencies(config)
    divisors = (geometric(config.base, config.width) / np.asarray(table.theta)).tolist()
    return {
        "rope_type": "longrope",
        "short_factor": divisors,
        "long_factor": list(divisors),
        **({} if factor is None else {"factor": factor}),
        "attention_factor": table.attention_factor,
        ORIGINAL: config.context_length,
    }


def _write_own(config: RopeConfig, scaling: Any) -> dict[str, Any]:
    """Write a scaling that no config has a name for, as one divisor a pair."""
    name, theta = type(scaling).__name__, scaling.frequencies(config).theta
    window = config.context_length
    for length in (1, window // 2 + 1, window, window + 1, *(times * window for times in (2, 3, 4, 6, 8, 16, 32, 64))):
        if not np.array_equal(scaling.frequencies(config, length).theta, theta):
            raise ScalingRefused(
                name, f"has another table at {length} tokens", remedy="no config says that of a method of your own"
            )
    if not theta.all():
        raise ScalingRefused(name, "has a pair with θ = 0", remedy="no config has a divisor for it")
    factor = getattr(scaling, "factor", None)  # whatever a method of one's own calls so
    usable = isinstance(factor, int | float) and 1.0 <= factor < math.inf
    written = by_divisors(config, scaling, factor if usable else None)
    divisors = np.array(written["long_factor"])
    if divisors.min() < SMALLEST_DIVISOR or divisors.max() > 1.0 / SMALLEST_DIVISOR:
        raise ScalingRefused(
            name, f"divides a pair by {divisors.min():g} or {divisors.max():g}", remedy="float32 has no such table"
        )
    return written


def _write_longrope(config: RopeConfig, scaling: Any) -> dict[str, Any]:
    return {
        "rope_type": "longrope",
        "short_factor": list(scaling.short_factor),
        "long_factor": list(scaling.long_factor),
        **({} if scaling.factor is None else {"factor": scaling.factor}),
        "attention_factor": scaling.frequencies(config).attention_factor,  # so that no reader derives another
        ORIGINAL: config.context_length,
    }


def _write_llama3(config: RopeConfig, scaling: Any) -> dict[str, Any]:
    return {
        "rope_type": "llama3",
        "factor": scaling.factor,
        "low_freq_factor": scaling.low_freq_factor,
        "high_freq_factor": scaling.high_freq_factor,
        ORIGINAL: config.context_length,
    }


def _write_proportional(config: RopeConfig, scaling: Any) -> dict[str, Any]:
    return {
        "rope_type": "proportional",
        "partial_rotary_factor": scaling.partial_rotary_factor,
        **({} if scaling.factor == 1.0 else {"factor": scaling.factor}),
    }


WRITERS: Mapping[type[Scaling], Callable[[RopeConfig, Any], dict[str, Any]]] = {
    Unscaled: _write_default,
    PositionInterpolation: _write_linear,
    NTKAware: _write_ntk_aware,
    DynamicNTK: _write_dynamic,
    NTKByParts: _write_yarn,
    YaRN: _write_yarn,
    LongRoPE: _write_longrope,
    Llama3: _write_llama3,
    Proportional: _write_proportional,
}
"""Scaling → how it is written as a RoPE dictionary."""
