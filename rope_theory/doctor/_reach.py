"""How far a table should work: what theory says of a scaling at a length, and a rule that turns it into a number."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rope_theory._core.checks import above, integer, shown
from rope_theory._core.records import Table
from rope_theory.certificates.quick import quick_bound
from rope_theory.config import RopeConfig
from rope_theory.doctor.methods import untouched
from rope_theory.errors import WrongType, WrongValue
from rope_theory.laws import critical_dimension, first_negative_offset
from rope_theory.precision.formats import FLOAT32, FORMATS, largest_rounding_error
from rope_theory.precision.inverse_frequencies import dynamic_error, inv_freq_error
from rope_theory.precision.phases import evaluation_format, safe_positions
from rope_theory.precision.storage import STORAGES
from rope_theory.scaling.dynamic_ntk import DynamicNTK
from rope_theory.scaling.frequencies import Frequencies, Scaling
from rope_theory.scaling.longrope import LongRoPE
from rope_theory.scaling.unscaled import Unscaled

RULE = (
    "phases seen: the longest n for which no pair that turns less than once over the trained window L leaves the "
    "phases it was trained on, θ'_j n ≤ θ_j L"
)
"""What ``predicted_length`` is; tested against published perplexities, and no guarantee."""

RATIO = 1.0
"""Largest abs(h_j) over the largest trained score, for the worst case."""

MOST_OFFSETS = 1 << 17
"""Trained offsets on which scores are taken as known; a part of them leaves the worst case an upper bound."""

SEARCHED = 1 << 26
"""Cosines summed in the search for a negative sum, offsets × pairs: 2^20 offsets for a head of 128 dimensions."""

ROUNDS = 5
"""Rounds of least squares for the worst case."""

TOLERANCE = 0.01
"""Largest error of cos and sin, as one complex number, that is accepted."""

PRECISION_HYPOTHESIS = (
    "inv_freq computed in float32 on a CPU by the formulas of transformers 5, pow right to 1 ulp, cos and sin to "
    "3.5 ulp"
)
"""What ``float32_until`` assumes; theory.md, section 9."""


@dataclass(frozen=True)
class ReachRow:
    """What theory says of one scaling at the target length.

    Attributes
    ----------
    scaling : Scaling
        The method.
    configured : bool
        Whether it is the config's own.
    pairs : int
        Rotated pairs.
    pairs_beyond : int
        Pairs that turn less than once over the trained window and leave the trained phases before the target length.
    slowing, slowing_inside : float
        Geometric mean of θ_j/θ'_j over the pairs that turn at least once in the trained window, by the table at the
        target length and by the one at the trained window: resolution that a model not tuned to the table loses.
    logit_factor : float
        Square of the attention factor.
    first_negative : int or None
        Smallest offset below the target length with Σ cos(sθ_j) < 0. None: there is none among those searched, the
        first ``SEARCHED``/pairs, so that up to there the base bound of Men et al. holds.
    worst_inside, worst_at_end : float
        Upper bounds on V(s; θ → θ'), the largest score in units of the largest trained one, at half the trained window
        and at the last offset of the target length, for abs(h_j) up to ``RATIO`` trained maxima.
    float32_until, bfloat16_until : int
        No position below this one, up to the target length, can have cos and sin off by more than the tolerance, in
        absolute terms and relative to the attention factor; proved for ``inv_freq`` as transformers computes it in
        float32 on a CPU (``precision.inv_freq_error``) and phases in that format, at every sequence length up to the
        target. bfloat16: positions, frequencies, phases and the result are rounded to it. A cast of float32 cos and sin
        to the dtype of the activations is not counted; to bfloat16 it adds up to 0.004.
    predicted_length : int or None
        Tokens, by ``RULE``; None: the rule gives no limit.
    reaches : bool
        Whether the predicted length is at least the target length.
    """

    scaling: Scaling
    configured: bool
    pairs: int
    pairs_beyond: int
    slowing: float
    slowing_inside: float
    logit_factor: float
    first_negative: int | None
    worst_inside: float
    worst_at_end: float
    float32_until: int
    bfloat16_until: int
    predicted_length: int | None
    reaches: bool


@dataclass(frozen=True)
class Reach(Table):
    """Scalings at a target length.

    Attributes
    ----------
    rows : tuple of ReachRow
        One per scaling.
    trained_window, target_length : int
        Tokens.
    critical_dimension : int
        Dimensions whose pairs turn at least once over the trained window (Liu et al., arXiv 2310.05209).
    rule : str
        How ``predicted_length`` comes about.
    layer_type : str or None
        The layers, in a model with several tables.
    """

    rows: tuple[ReachRow, ...]
    trained_window: int
    target_length: int
    critical_dimension: int
    rule: str = RULE
    layer_type: str | None = None


def predicted_length(trained: Frequencies, table: Frequencies) -> int | None:
    """Return how far a table stays within the phases of training.

    n = min_j L θ_j/θ'_j over the pairs with θ_j L < 2π; the others have seen every phase.

    Parameters
    ----------
    trained : Frequencies
        The table of training, with its window L, tokens.
    table : Frequencies
        The table in use, of the same pairs.

    Returns
    -------
    int or None
        Tokens; None where every pair has seen every phase, or no slow pair turns.

    Raises
    ------
    TypeError, ValueError
        For something that is no table, and for tables of different widths.

    Notes
    -----
    Source: the necessary condition behind Position Interpolation (arXiv 2306.15595, section 2.2) and the critical
    dimension (arXiv 2310.05209). A rule of thumb: it says nothing of what a model does with phases it has seen.
    """
    for name, given in (("trained", trained), ("table", table)):
        if not isinstance(given, Frequencies):
            raise WrongType(name, "must be the frequencies of a config and a scaling", shown(given))
    if len(trained) != len(table):
        raise WrongValue(
            "tables", f"of {len(trained)} and {len(table)} pairs cannot be compared", remedy="give two of one model"
        )
    window = trained.config.context_length
    slow = (trained.theta * window < 2.0 * math.pi) & (table.theta > 0.0)
    if not slow.any():
        return None
    ratio = float((trained.theta[slow] / table.theta[slow]).min())
    return math.floor(window * ratio * (1.0 + 1e-12))


def reach(
    config: RopeConfig, scalings: Sequence[Scaling], length: int, *, configured: Scaling | None = None,
    tolerance: float = TOLERANCE,
) -> Reach:  # fmt: skip
    """Return what theory says of some scalings at a target length.

    Parameters
    ----------
    config : RopeConfig
        Widths, base and trained window.
    scalings : sequence of Scaling
        The methods.
    length : int
        Target length, tokens.
    configured : Scaling, optional
        Which of them is the config's own; where it is ``Proportional``, its pairs that stand still did so in training.
    tolerance : float
        Largest error of cos and sin, as one complex number, for the precision limits.

    Returns
    -------
    Reach
        One row per scaling.

    Raises
    ------
    TypeError, ValueError
        For a length below 2, a tolerance not above 0, and for scalings that do not fit the config.

    Notes
    -----
    Sources: ``predicted_length``; ``certificates.quick_bound`` for the worst case, on a part of the trained offsets
    where there are many, which keeps it an upper bound; ``laws`` and ``precision``. Base bound: arXiv 2405.14591.
    """
    return reach_in(config, scalings, length, configured=configured, tolerance=tolerance)


def reach_in(
    config: RopeConfig, scalings: Sequence[Scaling], length: int, *, configured: Scaling | None = None,
    tolerance: float = TOLERANCE, rounds: int = ROUNDS,
) -> Reach:  # fmt: skip
    """Return what ``reach`` does, with so many rounds for the worst case: fewer take less time, for a bound above."""
    if not isinstance(config, RopeConfig):
        raise WrongType("config", "must be a RopeConfig", shown(config))
    if isinstance(scalings, Scaling) or not isinstance(scalings, Iterable):
        raise WrongType("scalings", "must be a sequence of scalings", shown(scalings), "put a single one in a list")
    methods = list(scalings)
    for scaling in (*methods, Unscaled() if configured is None else configured):
        if not isinstance(scaling, Scaling):
            raise WrongType("scalings", "must hold scalings, such as rt.scaling.YaRN(4)", shown(scaling))
    length = integer(length, "length", 2, "It is the target length in tokens.")
    tolerance = above(tolerance, "tolerance", 0.0, "It is a distance between phasors.")
    trained = untouched(configured or Unscaled()).frequencies(config)
    rows = tuple(
        _row(trained, scaling, length, scaling == configured, tolerance, rounds) for scaling in dict.fromkeys(methods)
    )
    return Reach(rows, config.context_length, length, critical_dimension(config))


def _row(
    trained: Frequencies, scaling: Scaling, length: int, configured: bool, tolerance: float, rounds: int
) -> ReachRow:
    table = scaling.frequencies(trained.config, length)
    window = trained.config.context_length
    turning = trained.theta * window >= 2.0 * math.pi
    beyond = ~turning & (table.theta * length > trained.theta * window * (1.0 + 1e-12))
    worst = [_worst(trained, table, s, rounds) for s in (window // 2, length - 1)]
    predicted = predicted_length(trained, table)
    return ReachRow(
        scaling=scaling,
        configured=configured,
        pairs=len(table),
        pairs_beyond=int(beyond.sum()),
        slowing=_slowing(trained, table, turning),
        slowing_inside=_slowing(trained, scaling.frequencies(trained.config, window), turning),
        logit_factor=table.attention_factor**2,
        first_negative=first_negative_offset(table, min(length, SEARCHED // len(table))),
        worst_inside=worst[0],
        worst_at_end=worst[1],
        float32_until=_precise_until(scaling, trained, "float32", tolerance, length),
        bfloat16_until=_precise_until(scaling, trained, "bfloat16", tolerance, length),
        predicted_length=predicted,
        reaches=predicted is None or predicted >= length,
    )


def _slowing(trained: Frequencies, table: Frequencies, turning: NDArray[np.bool_]) -> float:
    seen = turning & (table.theta > 0.0)
    return float(np.exp(np.log(trained.theta[seen] / table.theta[seen]).mean())) if seen.any() else 1.0


def _worst(trained: Frequencies, table: Frequencies, s: int, rounds: int) -> float:
    """Return an upper bound on V(s), attention factor included."""
    grid = np.arange(min(trained.config.context_length, MOST_OFFSETS))
    found = quick_bound(trained, float(s), grid, h_max=RATIO, target_theta=table, rounds=rounds)
    return float(found) * table.attention_factor**2


def _precise_until(scaling: Scaling, trained: Frequencies, name: str, tolerance: float, length: int) -> int:
    """Return the position up to which the error bound holds, whatever the length of the sequence up to ``length``."""
    config = trained.config
    table = scaling.frequencies(config, length)
    if isinstance(scaling, DynamicNTK):  # the frequencies only fall as a sequence grows
        return _positions(trained.theta, dynamic_error(table), 1.0, name, tolerance, length)
    until = _positions(table.theta, inv_freq_error(table), table.attention_factor, name, tolerance, length)
    if isinstance(scaling, LongRoPE) and length > config.context_length:  # shorter sequences have another table
        short = scaling.frequencies(config, config.context_length)
        inside = config.context_length
        found = _positions(short.theta, inv_freq_error(short), short.attention_factor, name, tolerance, inside)
        until = until if found == inside else min(until, found)
    return until


def _positions(
    theta: NDArray[np.float64], error: NDArray[np.float64], attention_factor: float, name: str, tolerance: float,
    length: int,
) -> int:  # fmt: skip
    """Return how many positions keep the tolerance with frequencies computed in float32, then rounded to a format."""
    storage = STORAGES[name]
    kept_in = FORMATS[storage.frequency]
    if kept_in is not FLOAT32:
        error = error + largest_rounding_error(theta + error, kept_in)
    if attention_factor != 1.0:  # cos and sin are multiplied by it, rounded, in the format they are evaluated in
        tolerance = tolerance / max(1.0, attention_factor)
        tolerance -= 2.001 * evaluation_format(FORMATS[storage.phase]).roundoff
    return safe_positions(theta, storage, tolerance, length, error)
