"""Hypothesis strategies for property tests of one's own: configs, scalings, coefficients, offsets.

For example::

    from hypothesis import given, settings
    from rope_theory import testing

    @settings(deadline=None)
    @given(h=testing.coefficients(64), s=testing.offsets())
    def test_my_bound(h, s): ...

The first call of ``bounds.abel_sum`` in a process loads compiled code and takes longer than hypothesis' default
deadline of 200 ms, hence ``deadline=None``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rope_theory._core.checks import LARGEST_OFFSET, above, at_least, flag, instance_of, integer, number, sequence
from rope_theory._core.optional import load
from rope_theory.coefficients import decaying
from rope_theory.config import LLAMA_1, RopeConfig
from rope_theory.errors import Conflict, WrongValue
from rope_theory.scaling import (
    DynamicNTK,
    Llama3,
    LongRoPE,
    NTKAware,
    NTKByParts,
    PositionInterpolation,
    Proportional,
    Scaling,
    Unscaled,
    YaRN,
)

st = load("hypothesis.strategies", "dev")
_numpy_strategies = load("hypothesis.extra.numpy", "dev")

LARGEST_FACTOR = 64.0
"""Largest context-extension factor drawn."""

__all__ = ["coefficients", "configs", "offsets", "scalings"]


def configs(
    *,
    min_rotary_dim: int = 2,
    max_head_dim: int = 128,
    max_base: float = 1e7,
    max_context_length: int = 8192,
    partial: bool = True,
) -> Any:
    """Return a strategy of valid model configs.

    Parameters
    ----------
    min_rotary_dim, max_head_dim : int
        Smallest rotated width and largest head width, dimensions; both even. Methods that enlarge the base
        need a rotated width of 4.
    max_base : float
        Largest RoPE base, at least 2; bases are drawn from 1.5 up.
    max_context_length : int
        Longest trained window, tokens, at least 2.
    partial : bool
        Whether some heads rotate in part only, ``rotary_dim`` < ``head_dim``.

    Returns
    -------
    SearchStrategy of RopeConfig

    Raises
    ------
    ValueError
        For bounds that leave nothing to draw.
    """
    low, high = integer(min_rotary_dim, "min_rotary_dim", 2), integer(max_head_dim, "max_head_dim", 2)
    smallest, largest = -(-low // 2), high // 2  # in pairs
    if smallest > largest:
        raise WrongValue("min_rotary_dim", f"({low}) must not exceed max_head_dim ({high})")
    highest, partial = at_least(max_base, "max_base", 2.0), flag(partial, "partial")
    bases = st.one_of(
        st.sampled_from([base for base in (1e2, 1e4, 5e5, 1e6) if base <= highest] or [2.0]),
        st.floats(1.5, highest),
    )
    windows = st.integers(2, integer(max_context_length, "max_context_length", 2))

    def with_rotary_dim(pairs: int) -> Any:
        widths = st.integers(smallest, pairs).map(lambda rotated: 2 * rotated) if partial else st.none()
        return st.builds(
            RopeConfig,
            head_dim=st.just(2 * pairs),
            base=bases,
            context_length=windows,
            rotary_dim=st.one_of(st.none(), widths),
        )

    return st.integers(smallest, largest).flatmap(with_rotary_dim)


def scalings(config: RopeConfig | None = None) -> Any:
    """Return a strategy of context-extension methods that can be applied to a config.

    Every method of ``rope_theory.scaling`` is drawn, but for those the config rules out: NTKAware and
    DynamicNTK need a rotated width of 4, Proportional a head that rotates whole. Factors reach 64.

    Parameters
    ----------
    config : RopeConfig, optional
        The model before extension; LLaMA's (128 dimensions, base 10000, 2048 tokens) when not given.

    Returns
    -------
    SearchStrategy of Scaling

    Raises
    ------
    TypeError
        When config is not a RopeConfig.
    """
    model = LLAMA_1 if config is None else config
    instance_of(model, "config", RopeConfig, "draw one from testing.configs()")
    factors = st.one_of(st.sampled_from([1.0, 2.0, 4.0, 8.0]), st.floats(1.0, LARGEST_FACTOR))
    gains = st.one_of(st.none(), st.floats(0.5, 2.0))
    divisors = _numpy_strategies.arrays(np.float64, model.pairs, elements=st.floats(0.5, LARGEST_FACTOR))
    lists = divisors.map(lambda values: tuple(values.tolist()))
    methods = [
        st.just(Unscaled()),
        st.builds(PositionInterpolation, factors),
        _ramps().flatmap(lambda ends: st.builds(_by_parts, factors, st.just(ends), _RAMP_NAMES, st.booleans())),
        _ramps().flatmap(lambda ends: st.builds(_yarn, factors, st.just(ends), _RAMP_NAMES, st.booleans(), gains)),
        _ramps().flatmap(lambda ends: st.builds(Llama3, factors, st.just(ends[0]), st.just(ends[1]))),
        st.builds(LongRoPE, lists, lists, factor=st.one_of(st.none(), factors), attention_factor=gains),
    ]
    if model.width >= 4:
        references = st.one_of(st.none(), st.integers(2, 4 * model.context_length))
        methods += [st.builds(NTKAware, factors), st.builds(DynamicNTK, factors, references)]
    if model.width == model.head_dim:
        methods.append(st.builds(Proportional, st.floats(0.01, 1.0), factors))
    return st.one_of(methods)


def coefficients(pairs: int, *, batch: Sequence[int] = (), h_max: float = 1.0, h_min: float = 0.0) -> Any:
    """Return a strategy of score coefficients h, numpy arrays of shape batch + (pairs,).

    Half of the draws are made entry by entry and shrink towards h_min; the others are random phases with flat
    or falling moduli, as in ``coefficients.decaying``.

    Parameters
    ----------
    pairs : int
        Number of frequencies P.
    batch : sequence of int
        Leading shape.
    h_max, h_min : float
        Largest and smallest abs(h_j) (up to rounding in the last digit), 0 ≤ h_min ≤ h_max, h_max > 0.
        Falling moduli are lifted to h_min.

    Returns
    -------
    SearchStrategy of ndarray, complex128

    Raises
    ------
    ValueError
        For no pairs, a batch with an empty axis, h_min above h_max or below 0.
    """
    pairs = integer(pairs, "pairs", 1)
    largest, smallest = above(h_max, "h_max", 0.0), number(h_min, "h_min")
    if not 0.0 <= smallest <= largest:
        raise WrongValue("h_min", f"must lie between 0 and h_max ({largest:g})", f"{smallest:g}")
    shape = (*(integer(size, "batch", 1) for size in sequence(batch, "batch", "sizes")), pairs)
    count = int(np.prod(shape[:-1], dtype=np.int64))

    def family(seed: int, exponent: float) -> NDArray[np.complex128]:
        h = decaying(pairs, exponent=exponent, seed=seed, count=count, h_max=largest)
        moduli = np.maximum(np.abs(h), smallest)
        return (h / np.abs(h) * moduli).reshape(shape)

    moduli = st.floats(smallest, largest, allow_subnormal=False)
    phases = st.floats(0.0, 2.0 * np.pi, allow_subnormal=False)
    by_entry = st.tuples(
        _numpy_strategies.arrays(np.float64, shape, elements=moduli),
        _numpy_strategies.arrays(np.float64, shape, elements=phases),
    ).map(lambda polar: polar[0] * np.exp(1j * polar[1]))
    return st.one_of(by_entry, st.builds(family, st.integers(0, 2**32 - 1), st.floats(0.0, 2.0)))


def offsets(min_value: float = 0.0, max_value: float = 4096.0, *, whole: bool = False) -> Any:
    """Return a strategy of single offsets, in tokens.

    Parameters
    ----------
    min_value, max_value : float
        Smallest and largest offset, tokens, within ±2**53.
    whole : bool
        Draw integers only, as floats; otherwise half of the draws are real numbers.

    Returns
    -------
    SearchStrategy of float

    Raises
    ------
    ValueError
        For min_value above max_value, offsets beyond 2**53, or no integer between them when ``whole``.
    """
    low, high = number(min_value, "min_value"), number(max_value, "max_value")
    if low > high:
        raise WrongValue("min_value", f"({low:g}) must not exceed max_value ({high:g})")
    if max(abs(low), abs(high)) > LARGEST_OFFSET:
        raise Conflict(("min_value", "max_value"), "must stay within ±2**53 tokens")
    first, last = int(np.ceil(low)), int(np.floor(high))
    whole = flag(whole, "whole")
    if whole and first > last:
        raise Conflict((f"min_value ({low:g})", f"max_value ({high:g})"), "have no integer between them")
    integers = [st.integers(first, last).map(float)] if first <= last else []
    return st.one_of(integers if whole else [*integers, st.floats(low, high, allow_subnormal=False)])


_RAMP_NAMES = st.sampled_from(["paper", "transformers"])


def _ramps() -> Any:
    """Return a strategy of the two ends of a ramp in turns, low < high."""
    return st.tuples(st.floats(0.25, 4.0), st.floats(1.5, 16.0)).map(lambda ends: (ends[0], ends[0] * ends[1]))


def _by_parts(factor: float, ends: tuple[float, float], ramp: str, truncate: bool) -> Scaling:
    return NTKByParts(factor, alpha=ends[0], beta=ends[1], ramp=ramp, truncate=truncate)


def _yarn(factor: float, ends: tuple[float, float], ramp: str, truncate: bool, gain: float | None) -> Scaling:
    return YaRN(factor, beta_fast=ends[1], beta_slow=ends[0], ramp=ramp, truncate=truncate, attention_factor=gain)
