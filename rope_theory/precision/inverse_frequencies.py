"""How far inverse frequencies computed in float32, as transformers computes them, can lie from the exact ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rope_theory._core.checks import instance_of, one_of
from rope_theory.precision.formats import FLOAT32, rounded
from rope_theory.scaling import (
    DynamicNTK,
    Frequencies,
    Llama3,
    LongRoPE,
    NTKAware,
    NTKByParts,
    PositionInterpolation,
    Proportional,
    Unscaled,
    YaRN,
)
from rope_theory.scaling.frequencies import geometric
from rope_theory.scaling.ntk_aware import stretched_base
from rope_theory.scaling.ntk_by_parts import ramp_ends

POW_ULPS: Mapping[str, float] = MappingProxyType({"cpu": 1.0, "cuda": 4.5})
"""Assumed error of pow in float32, in units in the last place of the exact power.

"cpu": SLEEF's ``pow_u10``, which torch calls, documents 1.0. "cuda": NVIDIA observed at most 4 between powf and the
correctly rounded power, and gives no guarantee; half a unit is the rounding."""

NOTHING_KNOWN = math.pi
"""Error in rad/token that makes every bound on a phasor say nothing."""

_MARGIN = 1.0 + 2.0**-20
"""This module computes in float64, with relative errors below 1e-12: a float32 unit is taken a little above."""

_FLOAT64_SHARE = 2.0**-44
"""Relative error allowed for frequencies that are float64 powers themselves."""


class _Computed(NamedTuple):
    """Numbers that float32 computes: the exact values, and how far the computed ones can lie from them."""

    value: NDArray[np.float64]
    error: NDArray[np.float64]


# The derivation of the bound is a running error analysis (Higham, Accuracy and Stability of Numerical Algorithms,
# section 3.3), and each function below is one of its steps. Let â, b̂ be computed, |â − a| ≤ α, |b̂ − b| ≤ β, and let
# fl(x) = x + ρ with |ρ| at most half a float32 unit of the largest |x| in question.
#
#   â ± b̂ = (a ± b) + η, |η| ≤ α + β
#   â·b̂   = ab + η,      |η| ≤ |a|β + |b|α + αβ
#   â/b̂   = a/b + η,     |η| ≤ (α + |a/b|β)/(|b| − β)          since â/b̂ − a/b = ((â − a) − (a/b)(b̂ − b))/b̂
#   â^x̂   = a^x·e^λ,     |λ| ≤ (|x| + ξ)·(−ln(1 − α/a)) + ξ|ln a|, |x̂ − x| ≤ ξ, since ln â^x̂ = x̂ ln(â/a) + x̂ ln a
#
# then rounded once, unless all of it is exact; a power is right to ``pow_ulps`` units instead, and a⁰ = 1 exactly, as
# C's pow has it.
# For an unscaled table whose base is a float32 number this comes to
#
#   |inv_freq − θ| ≲ θ·u·(ln(1/θ)·[d is no power of two] + 2·pow_ulps + 1), u = 2^−24:
#
# the exponent 2j/d, rounded, moves base^(2j/d) by the factor e^(ln(base)·(2j/d)·u) = e^(ln(1/θ)·u).


def _half_unit(magnitude: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return half a unit in the last place of float32 numbers up to ``magnitude``."""
    _, exponent = np.frexp(np.abs(magnitude) * _MARGIN)
    result: NDArray[np.float64] = np.ldexp(
        1.0, np.maximum(exponent, FLOAT32.smallest_exponent + 1) - FLOAT32.digits - 1
    )
    return result


def _rounded_once(value: NDArray[np.float64], error: NDArray[np.float64]) -> _Computed:
    exact = (error == 0.0) & (rounded(value, FLOAT32) == value)
    return _Computed(value, np.where(exact, 0.0, (error + _half_unit(np.abs(value) + error)) * _MARGIN))


def _numbers(values: Any) -> _Computed:
    """Numbers of a config, converted to float32."""
    exact = np.asarray(values, dtype=np.float64)
    return _Computed(exact, np.abs(rounded(exact, FLOAT32) - exact))


def _difference(a: _Computed, b: _Computed) -> _Computed:
    return _rounded_once(a.value - b.value, a.error + b.error)


def _sum(a: _Computed, b: _Computed) -> _Computed:
    return _rounded_once(a.value + b.value, a.error + b.error)


def _product(a: _Computed, b: _Computed) -> _Computed:
    error = np.abs(a.value) * b.error + np.abs(b.value) * a.error + a.error * b.error
    return _rounded_once(a.value * b.value, error)


def _quotient(a: _Computed, b: _Computed) -> _Computed:
    value = a.value / b.value
    return _rounded_once(value, (a.error + np.abs(value) * b.error) / (np.abs(b.value) - b.error))


def _by_number(a: _Computed, number: float, device: str) -> _Computed:
    """Divide a tensor by a number: CUDA multiplies by the rounded reciprocal. Powers of two cost nothing."""
    divisor = _numbers(number)
    if math.frexp(number)[0] == 0.5:
        return _Computed(a.value / number, a.error / number)
    if device == "cpu":
        return _quotient(a, divisor)
    return _product(a, _inverse(divisor))


def _inverse(a: _Computed) -> _Computed:
    return _quotient(_numbers(1.0), a)


def _reciprocal_times(number: float, a: _Computed) -> _Computed:
    """Divide a number by a tensor, which torch does as a.reciprocal()·number."""
    return _product(_inverse(a), _numbers(number))


def _power(base: _Computed, exponent: _Computed, device: str) -> _Computed:
    value = base.value**exponent.value
    moved = (np.abs(exponent.value) + exponent.error) * -np.log1p(-base.error / base.value)
    moved = moved + exponent.error * np.abs(np.log(base.value))
    propagated = value * np.expm1(moved)
    error = propagated + 2.0 * POW_ULPS[device] * _half_unit(value + propagated)
    certain = (exponent.value == 0.0) & (exponent.error == 0.0)
    return _Computed(value, np.where(certain, 0.0, error * _MARGIN))


def _clipped(a: _Computed) -> _Computed:
    """Clip to [0, 1]; what lies beyond by more than its error is exact."""
    low, value, high = (np.clip(part, 0.0, 1.0) for part in (a.value - a.error, a.value, a.value + a.error))
    return _Computed(value, np.maximum(high - value, value - low))


def _powers(table: Frequencies, base: _Computed, device: str) -> _Computed:
    """Return base^(2j/d), as every class computes it."""
    width = table.config.width
    exponent = _by_number(_numbers(2.0 * np.arange(width // 2)), float(width), device)
    return _power(base, exponent, device)


def _unscaled(table: Frequencies, device: str) -> _Computed:
    return _inverse(_powers(table, _numbers(table.config.base), device))


def _ntk_aware(table: Frequencies, device: str) -> _Computed:
    scaling: Any = table.scaling
    return _inverse(_powers(table, _numbers(stretched_base(table.config, scaling.factor)), device))


def _linear(table: Frequencies, device: str) -> _Computed:
    scaling: Any = table.scaling
    return _by_number(_unscaled(table, device), scaling.factor, device)


def _proportional(table: Frequencies, device: str) -> _Computed:
    result = _linear(table, device)
    moving = table.theta > 0.0
    return _Computed(np.where(moving, result.value, 0.0), np.where(moving, result.error, 0.0))


def _dynamic(table: Frequencies, device: str) -> _Computed:
    """Beyond the window the base itself is computed in float32: the length is a tensor there."""
    scaling: Any = table.scaling
    width, factor = table.config.width, scaling.factor
    reference = scaling.reference_length or table.config.context_length
    current = max(table.length or table.config.context_length, reference)
    if current == reference:
        return _unscaled(table, device)
    times = _by_number(_product(_numbers(factor), _numbers(float(current))), float(reference), device)
    stretch = _difference(times, _numbers(factor - 1.0))
    base = _product(_numbers(table.config.base), _power(stretch, _numbers(width / (width - 2)), device))
    return _inverse(_powers(table, base, device))


def _divided(table: Frequencies, divisors: NDArray[np.float64], device: str) -> _Computed:
    """One divisor per pair, as in "longrope"."""
    return _inverse(_product(_numbers(divisors), _powers(table, _numbers(table.config.base), device)))


def _longrope(table: Frequencies, device: str) -> _Computed:
    scaling: Any = table.scaling
    is_long = table.length is not None and table.length > table.config.context_length
    return _divided(table, np.array(scaling.long_factor if is_long else scaling.short_factor), device)


def _yarn(table: Frequencies, device: str) -> _Computed:
    scaling: Any = table.scaling
    if scaling.ramp == "paper":  # which transformers lacks: such a table is written as one divisor per pair
        return _own(table, device)
    fast, slow = (
        (scaling.beta, scaling.alpha) if isinstance(scaling, NTKByParts) else (scaling.beta_fast, scaling.beta_slow)
    )
    low, high = ramp_ends(table.config, fast, slow, scaling.truncate)
    powers = _powers(table, _numbers(table.config.base), device)
    index = _numbers(np.arange(table.config.width // 2, dtype=np.float64))
    ramp = _clipped(_by_number(_difference(index, _numbers(low)), high - low, device))
    kept = _difference(_numbers(1.0), ramp)
    slowed = _inverse(_product(_numbers(scaling.factor), powers))
    return _sum(_product(slowed, _difference(_numbers(1.0), kept)), _product(_inverse(powers), kept))


def _llama3(table: Frequencies, device: str) -> _Computed:
    """Float32 decides by the wavelength which of three formulas a pair gets: close to an end, any that it may be."""
    scaling: Any = table.scaling
    low, high, window = scaling.low_freq_factor, scaling.high_freq_factor, float(table.config.context_length)
    inverse = _unscaled(table, device)
    wavelength = _reciprocal_times(2.0 * math.pi, inverse)
    longest, shortest = _numbers(window / low), _numbers(window / high)
    slowed = _by_number(inverse, scaling.factor, device)
    away = wavelength.error + longest.error
    may_be_slow = wavelength.value + away >= longest.value
    may_be_between = wavelength.value - away <= longest.value
    away = wavelength.error + shortest.error
    may_be_fast = wavelength.value - away <= shortest.value
    may_be_between &= wavelength.value + away >= shortest.value
    candidates = [(may_be_slow, slowed), (may_be_fast, inverse)]
    if low == high:  # the formula between divides by zero
        nothing = np.full_like(table.theta, NOTHING_KNOWN)
        candidates.append((may_be_between, _Computed(table.theta, nothing)))
    else:
        turns = _difference(_reciprocal_times(window, wavelength), _numbers(low))
        share = _by_number(turns, high - low, device)
        rest = _product(_difference(_numbers(1.0), share), inverse)
        between = _sum(_by_number(rest, scaling.factor, device), _product(share, inverse))
        candidates.append((may_be_between, between))
    apart = [np.where(may_be, np.abs(it.value - table.theta) + it.error, 0.0) for may_be, it in candidates]
    return _Computed(table.theta, np.max(apart, axis=0))


def _own(table: Frequencies, device: str) -> _Computed:
    """Divisors of the unscaled frequencies; a pair that stands still is stored as 0."""
    moving = table.theta > 0.0
    divisors = geometric(table.config.base, table.config.width) / np.where(moving, table.theta, 1.0)
    result = _divided(table, divisors, device)
    return _Computed(np.where(moving, result.value, 0.0), np.where(moving, result.error, 0.0))


_FORMULAS: Mapping[type, Callable[[Frequencies, str], _Computed]] = MappingProxyType(
    {
        Unscaled: _unscaled,
        PositionInterpolation: _linear,
        NTKAware: _ntk_aware,
        DynamicNTK: _dynamic,
        NTKByParts: _yarn,
        YaRN: _yarn,
        LongRoPE: _longrope,
        Llama3: _llama3,
        Proportional: _proportional,
    }
)


def inv_freq_error(table: Frequencies, *, device: str = "cpu") -> NDArray[np.float64]:
    """Return how far ``inv_freq``, computed in float32 as transformers computes it, can lie from the exact θ.

    The proved bound on abs(inv_freq_j − θ_j) under the assumptions below: the rounding of the exponent 2j/d, which
    costs ln(1/θ) unit roundoffs, the error of pow, the reciprocal, and what the scaling adds. It is what
    ``phase_error`` takes as ``frequency_error``.

    Parameters
    ----------
    table : Frequencies
        Rotary frequencies of one of this package's scalings. Those of your own are taken to be computed as ``to_hf``
        writes them: one divisor per pair.
    device : {"cpu", "cuda"}
        Where ``inv_freq`` is computed. transformers computes it on a CPU when it builds a model, and on the device of
        the activations where it follows the length ("dynamic" beyond the window, "longrope").

    Returns
    -------
    ndarray, shape (P,)
        Bounds in rad/token, float64.

    Raises
    ------
    TypeError
        When ``table`` is not a Frequencies.
    ValueError
        For another device.

    Notes
    -----
    Assumed: float32 operations are rounded correctly; pow is right to 1 unit in the last place on a CPU (documented by
    SLEEF, which torch uses) and to 4.5 on CUDA (observed by NVIDIA, without a guarantee), and base⁰ = 1; CUDA divides
    by a number as it multiplies by the rounded reciprocal. Source: the operations of ``modeling_rope_utils.py``,
    transformers 5.23.0, in their order; docs/theory.md, section 9.

    Examples
    --------
    >>> import rope_theory as rt
    >>> table = rt.scaling.Unscaled().frequencies(rt.RopeConfig(head_dim=96, base=5e5))
    >>> bool(rt.precision.inv_freq_error(table).max() < 3e-7)
    True
    """
    remedy = (
        "the bound follows how the frequencies are computed. Give "
        "scaling.frequencies(config), or phase_error the buffer itself, as stored=inv_freq"
    )
    instance_of(table, "table", Frequencies, remedy)
    one_of(device, "device", tuple(POW_ULPS))
    formula = _FORMULAS.get(type(table.scaling), _own)
    with np.errstate(all="ignore"):  # a power beyond the end of float32 is infinite, and so is its error
        value, error = formula(table, device)
        # the float64 frequencies differ from the real numbers, and from the formula here, by their own rounding
        bound = error + np.abs(value - table.theta) + _FLOAT64_SHARE * table.theta
    # the reciprocal of infinity is 0, off by θ
    return np.where(np.isfinite(bound), bound, 2.0 * table.theta)


def dynamic_error(table: Frequencies, *, device: str = "cpu") -> NDArray[np.float64]:
    """Return one bound on the error of DynamicNTK's ``inv_freq`` for every length from the window to the table's.

    With s = f·n/N − (f − 1) at length n, float32 has s off by at most (4(s + f − 1) + s + f − 1)u, which is 5fu of s
    at most, s being at least 1; base·s^(d/(d−2)) by ρ = (d/(d−2))·(5f + ln s)u + 2·pow_ulps·u + 2u, relative; and
    inv_freq at length n by θ(n)·u·(x·ρ/u + c·ln(1/θ(n)) + 2·pow_ulps + 1), x = 2j/d, with c = 1 on a CPU and 2 on CUDA
    the roundings of x. That grows with θ(n), so the largest, unscaled θ stands for every n.
    """
    scaling: Any = table.scaling
    config = table.config
    reference = scaling.reference_length or config.context_length
    longest = max(scaling.factor * max(table.length or 0, reference) / reference - (scaling.factor - 1.0), 1.0)
    theta = geometric(config.base, config.width)
    x = 2.0 * np.arange(config.pairs) / config.width
    pow_units = 2.0 * POW_ULPS[device]
    of_base = config.width / (config.width - 2.0) * (5.0 * scaling.factor + math.log(longest)) + pow_units + 2.0
    of_power = (1.0 if device == "cpu" else 2.0) * -np.log(theta) + pow_units + 1.0
    units = np.where(x > 0.0, x * of_base + of_power, 0.0)
    return theta * (1.001 * FLOAT32.roundoff * units + _FLOAT64_SHARE)
