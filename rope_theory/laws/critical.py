"""Which pairs finish a turn inside the trained window, and what was published about fine-tuning with another base."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Any

from rope_theory._core.checks import LARGEST_NUMBER, above, integer
from rope_theory._core.records import Record
from rope_theory.config import RopeConfig

SHORTEST_WINDOW = 7
"""Fewest tokens above 2π: in a shorter window not even the fastest pair turns once."""

DIGITS_OF_PI = "3.14159265358979323846264338327950288419716939937510582097494459230781640628620899862803482534211706798"
CLOSE = 1e-9
"""Relative distance below which float64 is not trusted to tell which of two logarithms is larger."""


def critical_dimension(config: RopeConfig, length: int | None = None) -> int:
    """Return how many of the rotated dimensions belong to pairs that turn at least once within a window.

    d_extra = 2⌈(d/2) log_c(L/2π)⌉, at least 0 and at most d; equally twice the number of pairs whose wavelength
    2πc^(2j/d) is below L. The two sides are never equal, π being transcendental, so no tie has to be broken.

    Parameters
    ----------
    config : RopeConfig
        Rotated width d, base c and trained window, in tokens.
    length : int, optional
        Window L in tokens; the trained one when not given.

    Returns
    -------
    int
        Even, 0 … d.

    Raises
    ------
    TypeError
        When ``config`` is not a RopeConfig.
    ValueError
        For a length below 1 or beyond 2**53.

    Notes
    -----
    Source: arXiv 2310.05209 v2, critical dimension for extrapolation; clamped to [0, d] here.

    Examples
    --------
    >>> import rope_theory as rt
    >>> rt.laws.critical_dimension(rt.RopeConfig(head_dim=128, base=10000.0, context_length=2048))
    82
    """
    config = _config(config)
    return _critical_dimension(config.width, config.base, _window(config, length))


def critical_base(config: RopeConfig, tuned_length: int) -> float:
    """Return the base above which fine-tuning at ``tuned_length`` is said to extrapolate past it.

    β0 = c^(log_{L/2π}(T/2π)): with it T covers as many pairs by a whole turn as L does with c, before rounding.

    Parameters
    ----------
    config : RopeConfig
        The pre-trained model: base c and trained window L, at least 7 tokens.
    tuned_length : int
        Window T of the fine-tuning in tokens, at least L.

    Returns
    -------
    float
        At least c, and c where T = L.

    Raises
    ------
    TypeError
        When ``config`` is not a RopeConfig.
    ValueError
        For a trained window below 7 tokens, T below it or beyond 2**53, or a result above 1e100.

    Notes
    -----
    Source: arXiv 2310.05209 v2, critical base for extrapolation; an empirical law about perplexity.
    """
    config = _config(config)
    tuned_length = _tuned(config, tuned_length)
    if tuned_length == config.context_length:
        return config.base
    exponent = math.log(tuned_length / math.tau) / math.log(config.context_length / math.tau)
    if exponent * math.log(config.base) > math.log(LARGEST_NUMBER):
        raise ValueError(
            f"The critical base exceeds {LARGEST_NUMBER:g} for tuned_length {tuned_length} and a trained window of "
            f"{config.context_length}; ask for windows that are closer together."
        )
    return math.exp(exponent * math.log(config.base))


@dataclass(frozen=True)
class ExtrapolationLimit(Record):
    """How far a model fine-tuned with another base is said to reach.

    Attributes
    ----------
    length : float
        The limit in tokens.
    critical_dimension : int
        That of the pre-trained model where ``above_critical``, else that of the new base at the tuned window.
    critical_base : float
        Base above which the limit exceeds what the fine-tuning saw.
    above_critical : bool
        Whether the new base is above it.
    base : float
        The new base.
    tuned_length : int
        Window of the fine-tuning, tokens.
    """

    length: float
    critical_dimension: int
    critical_base: float
    above_critical: bool
    base: float
    tuned_length: int


def extrapolation_limit(config: RopeConfig, base: float, tuned_length: int | None = None) -> ExtrapolationLimit:
    """Return how far a model reaches that was fine-tuned with another base.

    T_extra = 2πβ^(d_extra/d) where β is above the critical base, with d_extra of the pre-trained model: the
    wavelength, under the new base, of the first pair that pre-training did not see a whole turn of. Else T_tune.

    Parameters
    ----------
    config : RopeConfig
        The pre-trained model, trained window at least 7 tokens.
    base : float
        New base β, above 1.
    tuned_length : int, optional
        Window T_tune of the fine-tuning in tokens, at least the trained window; that window when not given.

    Returns
    -------
    ExtrapolationLimit
        The limit, and which of the two cases it is.

    Raises
    ------
    TypeError
        When ``config`` is not a RopeConfig.
    ValueError
        For a base of 1 or less, and as in ``critical_base``.

    Notes
    -----
    Source: arXiv 2310.05209 v2, scaling law of RoPE-based extrapolation; an empirical law about perplexity.
    """
    config = _config(config)
    base = above(base, "base", 1.0, "Frequencies base^(−2j/d) must fall with j.")
    tuned = _tuned(config, config.context_length if tuned_length is None else tuned_length)
    threshold = critical_base(config, tuned)
    if base > threshold:
        dimension = critical_dimension(config)
        length = math.tau * base ** (dimension / config.width)
    else:
        dimension, length = _critical_dimension(config.width, base, tuned), float(tuned)
    return ExtrapolationLimit(length, dimension, threshold, base > threshold, base, tuned)


@dataclass(frozen=True)
class SmallBases(Record):
    """Bases below which fine-tuning shows every pair a quarter, half or whole turn.

    Attributes
    ----------
    quarter_turn, half_turn, whole_turn : float
        2T/π, T/π and T/2π.
    tuned_length : int
        Window T of the fine-tuning, tokens.
    """

    quarter_turn: float
    half_turn: float
    whole_turn: float
    tuned_length: int


def small_bases(tuned_length: int) -> SmallBases:
    """Return the bases below which even the slowest pair makes a quarter, half or whole turn in fine-tuning.

    β1 = 2T/π, β2 = T/π, β3 = T/2π, from T/β = π/2, π, 2π: the slowest frequency β^(−(d−2)/d) is taken as 1/β, its
    limit for wide heads; being faster, it turns a little further than that.

    Parameters
    ----------
    tuned_length : int
        Window T of the fine-tuning in tokens, at least 1.

    Returns
    -------
    SmallBases
        The three bases; those of short windows can be below 1, where no RoPE has its base.

    Raises
    ------
    ValueError
        For a length below 1 or beyond 2**53.

    Notes
    -----
    Source: arXiv 2310.05209 v2, smaller bases at 16K and 4K.
    """
    tuned = integer(tuned_length, "tuned_length", 1, "It is the window of the fine-tuning in tokens.")
    return SmallBases(2.0 * tuned / math.pi, tuned / math.pi, tuned / math.tau, tuned)


def _config(config: Any) -> RopeConfig:
    if not isinstance(config, RopeConfig):
        raise TypeError(
            f"config must be a RopeConfig, got {type(config).__name__}; from_hf reads a model's config.json."
        )
    return config


def _window(config: RopeConfig, length: int | None) -> int:
    return config.context_length if length is None else integer(length, "length", 1, "It is a window in tokens.")


def _tuned(config: RopeConfig, tuned_length: int) -> int:
    if config.context_length < SHORTEST_WINDOW:
        raise ValueError(
            f"config.context_length must be at least {SHORTEST_WINDOW}, got {config.context_length}: the law divides "
            "by log(L/2π), and a shorter window shows no pair a whole turn."
        )
    return integer(
        tuned_length,
        "tuned_length",
        config.context_length,
        "Fine-tuning at less than the trained window extends nothing.",
    )


def _critical_dimension(width: int, base: float, length: int) -> int:
    """Return twice the number of pairs j with 2j·ln c < d·ln(L/2π)."""
    rotation = width * math.log(length / math.tau)
    if rotation < 0.0:  # L ≤ 6: never close to zero
        return 0
    step = 2.0 * math.log(base)
    if not step * width > rotation:  # every pair, and no overflow for bases next to 1
        return width
    pairs = round(rotation / step)  # the tie to watch: the integer next to the quotient
    if abs(rotation - pairs * step) > CLOSE * max(rotation, 1.0):
        return min(width, 2 * math.ceil(rotation / step))
    with localcontext() as context:
        context.prec = 90
        exact = width * (Decimal(length) / (2 * Decimal(DIGITS_OF_PI))).ln() - 2 * pairs * Decimal(base).ln()
    return min(width, 2 * (pairs + (exact > 0)))
