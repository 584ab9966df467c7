"""Published laws about base, window and frequencies, as functions; each says whether it is arithmetic or empirical."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rope_theory._core.arrays import numpy_angular, phasors, real, runs, space_of
from rope_theory._core.balls import working_precision
from rope_theory._core.checks import LARGEST_NUMBER, above, even_width, instance_of, integer
from rope_theory._core.progress import watched
from rope_theory._core.records import Record, Table
from rope_theory.config import RopeConfig
from rope_theory.errors import NotReached, OutOfRange, TooFewBits, WrongValue
from rope_theory.scaling import Frequencies, Unscaled
from rope_theory.scaling._exact_form import REAL, frequency_balls, kind_of_frequencies

__all__ = [
    "AdmissibleBases",
    "ExtrapolationLimit",
    "PairTurns",
    "SmallBases",
    "SmallestBase",
    "admissible_bases",
    "asymptotic_base",
    "critical_base",
    "critical_dimension",
    "extrapolation_limit",
    "first_negative_offset",
    "small_bases",
    "smallest_admissible_base",
    "turns",
]


# --- full rotations inside a window ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class PairTurnsRow(Record):
    """One pair.

    Attributes
    ----------
    pair : int
        Its index j.
    theta : float
        Angular frequency, rad/token.
    wavelength : float
        2π/θ in tokens; infinite where θ = 0.
    turns : float
        Lθ/2π.
    covered : bool
        Whether it makes at least one whole turn.
    """

    pair: int
    theta: float
    wavelength: float
    turns: float
    covered: bool


@dataclass(frozen=True)
class PairTurns(Table):
    """One row per pair, with the window they were counted in.

    Attributes
    ----------
    rows : tuple of PairTurnsRow
        In the order of theta.
    length : int
        The window in tokens.
    covered : int
        How many pairs make at least one whole turn.
    """

    rows: tuple[PairTurnsRow, ...]
    length: int
    covered: int


def turns(theta: Any, length: int) -> PairTurns:
    """Return how many turns each pair makes within a window.

    Pair j turns by Lθ_j; it is covered where that is at least 2π, so that training has shown it every angle.

    Parameters
    ----------
    theta : array (P,) or Frequencies
        Angular frequencies, rad/token.
    length : int
        Window L in tokens.

    Returns
    -------
    PairTurns
        One row per pair.

    Raises
    ------
    ValueError
        For frequencies that are negative or not finite, and a length below 1 or beyond 2**53.

    Notes
    -----
    Source: definition of wavelength, arXiv 2309.00071 v2, section 3.2. ``critical_dimension`` is twice the number of
    covered pairs of an unscaled table.
    """
    frequencies = numpy_angular(theta).tolist()
    length = integer(length, "length", 1, "It is a window in tokens.")
    rows = tuple(
        PairTurnsRow(pair, value, math.tau / value if value else math.inf, length * value / math.tau,
                     length * value >= math.tau)
        for pair, value in enumerate(frequencies)
    )  # fmt: skip
    return PairTurns(rows, length, sum(row.covered for row in rows))


# --- the critical dimension, and fine-tuning with another base ------------------------------------------------------


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
    window = config.context_length if length is None else integer(length, "length", 1, "It is a window in tokens.")
    return _critical_dimension(config.width, config.base, window)


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
        raise NotReached(
            f"The critical base exceeds {LARGEST_NUMBER:g} for tuned_length {tuned_length} and a trained window of "
            f"{config.context_length}",
            "ask for windows that are closer together",
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
    return instance_of(config, "config", RopeConfig, "from_hf reads a model's config.json")


def _tuned(config: RopeConfig, tuned_length: int) -> int:
    if config.context_length < SHORTEST_WINDOW:
        raise OutOfRange(
            "config.context_length",
            config.context_length,
            low=SHORTEST_WINDOW,
            remedy="the law divides by log(L/2π), and a shorter window shows no pair a whole turn",
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


# --- where Σ_j cos(mθ_j) is first negative --------------------------------------------------------------------------


UNIT = 2.0**-53
"""Rounding unit of float64."""

FIRST_STAGE, GROWTH = 1024, 16
"""Offsets of the first stage, and how much longer the next one ends: whoever fails early costs little."""

LONGEST_ROW, ANCHORS_AT_ONCE, TABLE_ELEMENTS = 1024, 128, 1 << 21
"""Offsets that share an anchor, anchors multiplied at a time, and elements of a table of phasors (16 MiB)."""

MOST_BITS = 1 << 14
"""Precision at which an undecided sign would be given up; see ``_is_negative`` for why none is."""


def first_negative(theta: NDArray[np.float64], exact: Any, last: int) -> int | None:
    """Return the first m = 0 … last with Σ_j cos(mθ_j) < 0, or None.

    Parameters
    ----------
    theta : ndarray, shape (P,)
        Frequencies in float64.
    exact : array or Frequencies
        The same, as ``frequency_balls`` understands them: what is decided is the sign for these.
    last : int
        Last offset, tokens.
    """
    for offsets, sums in sums_in_blocks(theta, last):
        error = doubt(theta, exact, int(offsets[-1]))
        if sums.min() > error:
            continue
        for at in np.flatnonzero(sums <= error).tolist():
            if sums[at] < -error or _is_negative(exact, int(offsets[at])):
                return int(offsets[at])
    return None


def sums_in_blocks(theta: NDArray[np.float64], last: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Yield consecutive offsets 0 … last and their sums, by cos((A + b)θ) = cos Aθ cos bθ − sin Aθ sin bθ."""
    space, start, stop = space_of(), 0, FIRST_STAGE
    while start <= last:
        longest = min(LONGEST_ROW, max(1, TABLE_ELEMENTS // (2 * len(theta))))
        row = min(longest, 1 << (math.isqrt(stop).bit_length() - 1))
        cos, sin = phasors(theta, np.arange(row, dtype=np.float64), space)
        fine = np.concatenate([cos, -sin], axis=1).T
        for first in range(start, min(stop, last + 1), row * ANCHORS_AT_ONCE):
            anchors = np.arange(first, min(stop, last + 1, first + row * ANCHORS_AT_ONCE), row, dtype=np.int64)
            cos, sin = phasors(theta, anchors.astype(np.float64), space)
            count = min(last + 1 - first, len(anchors) * row)
            sums = (np.concatenate([cos, sin], axis=1) @ fine).reshape(-1)[:count]
            yield np.arange(first, first + count, dtype=np.int64), sums
        start, stop = stop, stop * GROWTH


def doubt(theta: NDArray[np.float64], exact: Any, last: int) -> float:
    """Return a bound on the error of a float64 sum at any offset up to ``last``.

    Phasors of float64 frequencies are good to 8 units (Dekker's product, cos and sin of the library), so that a term
    of two products errs by at most 40; the matrix product of 2P terms adds 2P units of Σ(abs + abs) ≤ 2P. Where θ
    stands for powers of a base, each is a rounded power: 16 units and 8 log(1/θ) for the roundings in its exponent,
    relative to θ, and its phase is m times as wrong. That leaves room for one rounding of mθ.
    """
    pairs = len(theta)
    error = (40.0 * pairs + 4.0 * pairs**2) * UNIT
    if kind_of_frequencies(exact) == REAL:
        error += last * float(theta.sum()) * (16.0 + 8.0 * math.log(1.0 / float(theta.min()))) * UNIT
    return error


def _is_negative(exact: Any, offset: int) -> bool:
    """Tell the sign in ball arithmetic, doubling the precision until it is certain.

    The sum is never 0 for m ≥ 1: base and frequencies given as floats are rational, so the angles ±mθ_j are algebraic,
    and by Lindemann and Weierstrass exponentials of distinct algebraic numbers, here with coefficients above 0, have no
    vanishing combination. At m = 0 it is P.
    """
    bits = 128
    while bits <= MOST_BITS:
        with working_precision(bits) as flint:
            total = sum(((ball * offset).cos() for ball in frequency_balls(exact, flint)), flint.arb(0))
            if total > 0 or total < 0:
                return bool(total < 0)
        bits *= 2
    raise TooFewBits(
        MOST_BITS, f"do not decide the sign of the sum of cosines at offset {offset}", "shorten the window"
    )


# --- admissible bases -----------------------------------------------------------------------------------------------


LONG = 1 << 30
"""Candidates × offsets × width from which a progress bar is worth its import: about a second."""

FIRST_ZERO = 0.6165054856207162
"""First positive zero of the cosine integral Ci."""


def first_negative_offset(theta: Any, length: int) -> int | None:
    """Return the first integer offset at which the sum of the pairs' cosines is negative.

    min{m = 0 … L : Σ_j cos(mθ_j) < 0}. Every sign is certain: where float64 is closer to zero than its error bound,
    ball arithmetic decides.

    Parameters
    ----------
    theta : array (P,) or Frequencies
        Angular frequencies, rad/token; tables of powers of a base (``Unscaled``, ``PositionInterpolation``,
        ``NTKAware``) stand for the real numbers, anything else for its float64 values.
    length : int
        Last offset L looked at, tokens.

    Returns
    -------
    int or None
        The offset m in tokens; None where no sum up to L is negative.

    Raises
    ------
    ValueError
        For frequencies that are negative or not finite, and a length below 1 or beyond 2**53.
    ModuleNotFoundError
        Where a sign needs ball arithmetic, which is seldom, and python-flint is not installed.

    Notes
    -----
    Source: arXiv 2405.14591 v1, B_{m,θ}; numpy only.
    """
    values = numpy_angular(theta)
    return first_negative(values, theta, integer(length, "length", 1, "It is the last offset, tokens."))


@dataclass(frozen=True)
class AdmissibleBasesRow(Record):
    """One candidate: its base, whether it is admissible, and the first offset with a negative sum (−1: none)."""

    base: float
    admissible: bool
    first_negative: int


@dataclass(frozen=True, eq=False)
class AdmissibleBases(Table):
    """Which of several bases are admissible for a window.

    Attributes
    ----------
    head_dim, length : int
        Rotary width d and last offset L, tokens.
    candidates : ndarray, shape (n,)
        The bases asked about, increasing.
    admissible : ndarray of bool, shape (n,)
        Whether Σ_j cos(mθ_j) ≥ 0 for all m = 0 … L.
    first_negative : ndarray of int64, shape (n,)
        First m with a negative sum, −1 where there is none.
    intervals : tuple of (float, float)
        First and last candidate of every run of admissible ones; bases between candidates were not looked at.
    smallest : float or None
        Smallest admissible candidate; ``smallest_admissible_base`` finds the smallest base.
    """

    head_dim: int
    length: int
    candidates: NDArray[np.float64]
    admissible: NDArray[np.bool_]
    first_negative: NDArray[np.int64]
    intervals: tuple[tuple[float, float], ...]
    smallest: float | None

    @property
    def rows(self) -> tuple[AdmissibleBasesRow, ...]:
        """One row per candidate."""
        columns = (self.candidates.tolist(), self.admissible.tolist(), self.first_negative.tolist())
        return tuple(AdmissibleBasesRow(*row) for row in zip(*columns, strict=True))


def admissible_bases(head_dim: int, length: int, candidates: Any) -> AdmissibleBases:
    """Return which candidates for the base keep the sum of cosines from being negative inside a window.

    {b : Σ_j cos(m b^(−2j/d)) ≥ 0 for all integers 0 ≤ m ≤ L}. The set is no half-line and no interval: bisection on it
    finds one of its many ends. Every sign is certain, for the real powers of the float64 candidate.

    Parameters
    ----------
    head_dim : int
        Rotary width d, even.
    length : int
        Last offset L, tokens: T − 1 for a window of T tokens, T in the published tables.
    candidates : array (n,)
        Bases b above 1, strictly increasing: ``numpy.geomspace(1e3, 1e6, 400)``. Nothing is said about bases between
        them: runs narrower than a step are missed.

    Returns
    -------
    AdmissibleBases
        The verdict on every candidate, and the runs of admissible ones. A million offsets of 400 candidates take
        seconds, and time grows with both; candidates that fail early take less. A terminal shows a progress bar.

    Raises
    ------
    ValueError
        For an odd width, a length below 1 or beyond 2**53, candidates that are missing, not finite, at most 1, beyond
        1e100 or not increasing.
    ModuleNotFoundError
        Where a sign needs ball arithmetic, which is seldom, and python-flint is not installed.

    Notes
    -----
    Source: arXiv 2405.14591 v1, lower bound on the base; necessary there under a model of random queries and keys, a
    definition here.
    """
    width = even_width(head_dim, "head_dim")
    last = integer(length, "length", 1, "It is the last offset, tokens.")
    bases = _candidates(candidates)
    tables = (Unscaled().frequencies(RopeConfig(width, base)) for base in bases.tolist())
    each: Iterable[int | None] = (first_negative(table.theta, table, last) for table in tables)
    if len(bases) * last * width > LONG:
        each = watched(each, "admissible bases", len(bases))
    found = np.fromiter((-1 if offset is None else offset for offset in each), dtype=np.int64, count=len(bases))
    admissible = found < 0
    for array in (bases, admissible, found):
        array.setflags(write=False)
    intervals = tuple((float(bases[begin]), float(bases[end - 1])) for begin, end in runs(admissible))
    smallest = intervals[0][0] if intervals else None
    return AdmissibleBases(width, last, bases, admissible, found, intervals, smallest)


def asymptotic_base(length: int) -> float:
    """Return the smallest admissible base of an infinitely wide head, for long windows.

    L/x0, with x0 = 0.6165… the first zero of Ci: for d → ∞ the mean of the cosines tends to
    (Ci(m) − Ci(m/b))/ln b, and for large m only the second term counts.

    Parameters
    ----------
    length : int
        Window L, tokens, at least 1.

    Returns
    -------
    float
        About 1.622 L. Heads of width 128 need more: 5.7 L at 2048, 62 L at 2**20.

    Raises
    ------
    ValueError
        For a length below 1 or beyond 2**53.

    Notes
    -----
    Source: Su Jianlin, kexue.fm/archives/10122.
    """
    return integer(length, "length", 1, "It is the last offset, tokens.") / FIRST_ZERO


def _candidates(candidates: Any) -> NDArray[np.float64]:
    result = np.array(real(candidates, "candidates", space_of()), dtype=np.float64)
    if result.ndim != 1:
        raise WrongValue("candidates", "must be one-dimensional, a base each", f"shape {result.shape}", "use ravel")
    if (low := result <= 1.0).any():
        raise OutOfRange(
            "candidates", result[low][0], low=1, remedy="frequencies base^(−2j/d) must fall with j", open=True
        )
    if (np.diff(result) <= 0.0).any():
        raise WrongValue(
            "candidates", "must increase strictly, so that runs of them mean something", remedy="use numpy.unique"
        )
    assert result[-1] <= LARGEST_NUMBER  # checked by ``real``
    return result


# --- the smallest admissible base -----------------------------------------------------------------------------------


FINEST, COARSEST = 1e-12, 1e-3
"""Relative steps accepted; float64 bases are no closer than 2e-16."""

WITNESSES = 64
"""Offsets with negative sums kept from one look at the whole window to the next."""


@dataclass(frozen=True)
class SmallestBase(Record):
    """The smallest admissible base in a range, and what was excluded.

    Attributes
    ----------
    base : float or None
        An admissible base; no smaller one from ``start`` on is, outside ``undecided``. None: there is none in the
        range, outside ``undecided``.
    undecided : tuple of (float, float)
        Stretches jumped over, in steps of ``resolution``; the last one ends at ``base`` unless that is ``start``.
    start, end : float
        The range.
    head_dim, length : int
        Rotary width d and window L, tokens.
    resolution : float
        Relative length of a jump.
    """

    base: float | None
    undecided: tuple[tuple[float, float], ...]
    start: float
    end: float
    head_dim: int
    length: int
    resolution: float


def smallest_admissible_base(
    head_dim: int, length: int, *, start: float | None = None, end: float = 1e12, resolution: float = 1e-8
) -> SmallestBase:
    """Return the smallest base in a range that keeps the sum of cosines from being negative inside a window.

    S_b(m) = Σ_j cos(m b^(−2j/d)) changes with ln b by at most m Σ_j (2j/d) θ_j, which falls as b grows. Where
    S_b(m) = −δ < 0, all bases up to b·exp(δ/(m Σ_j (2j/d) θ_j)) are therefore excluded: the walk goes on from there,
    and ends where the whole window has no negative sum.

    Parameters
    ----------
    head_dim : int
        Rotary width d, even, at least 6.
    length : int
        Last offset L, tokens, at least 2.
    start : float, optional
        First base looked at, above 1; all bases above 1 when not given.
    end : float
        Last base looked at, at most 1e100.
    resolution : float
        Where a step would be shorter than this, relative to b, the walk jumps by it and says so: 1e-12 … 1e-3.

    Returns
    -------
    SmallestBase
        The base, and the stretches not decided. Width 128 takes 0.1 s at 2048 tokens, minutes at a million.

    Raises
    ------
    ValueError
        For an odd width or one below 6, a length below 2 or beyond 2**53, a start of 1 or less or not below the end.
    ModuleNotFoundError
        Where a sign needs ball arithmetic, which is seldom, and python-flint is not installed.

    Notes
    -----
    Source: docs/theory.md, section 8, for the condition of arXiv 2405.14591 v1.
    """
    width = even_width(head_dim, "head_dim")
    if width < 6:  # cos(355) is −1 + 5e-10: one more cosine makes up for that at bases only that are out of reach
        raise OutOfRange(
            "head_dim",
            width,
            low=6,
            remedy="for fewer than three pairs and 355 tokens or more no base within reach is "
            "admissible. For shorter windows admissible_bases takes candidates of any width",
        )
    last = integer(length, "length", 2, "At offset 1 the sum is above zero for every base.")
    # below these, 2θ_j or 3θ_j of every pair lies between π/2 and 3π/2, where the cosine is negative
    excluded = 1.27 if last == 2 else 1.9
    first = 1.0 if start is None else above(start, "start", 1.0, "Frequencies base^(−2j/d) must fall with j.")
    end = above(end, "end", first, "It is the largest base of the range.")
    resolution = above(resolution, "resolution", 0.0)
    if not FINEST <= resolution <= COARSEST:
        raise WrongValue("resolution", f"must be {FINEST:g} … {COARSEST:g}", f"{resolution:g}", "1e-8 is the default")
    base, undecided = _walk(width, last, max(first, excluded), end, resolution)
    return SmallestBase(base, tuple(undecided), first, end, width, last, resolution)


def _walk(
    width: int, last: int, base: float, end: float, resolution: float
) -> tuple[float | None, list[tuple[float, float]]]:
    slopes = 2.0 * np.arange(width // 2) / width
    witnesses, trusted = np.empty(0), 0.0
    undecided: list[tuple[float, float]] = []
    while base <= end:
        table = Unscaled().frequencies(RopeConfig(width, base))
        steepest = float((table.theta * slopes).sum()) * (1.0 + 1e-12)  # rounded up
        reach = float(_reaches(table, witnesses, steepest).max()) if witnesses.size else 0.0
        if reach < max(0.5 * trusted, resolution):
            witnesses, reach = _best_witnesses(table, last, steepest)
            trusted = reach
            if not witnesses.size and first_negative(table.theta, table, last) is None:
                return base, undecided
        beyond = base * math.exp(max(reach, resolution)) * (1.0 - 1e-15)  # rounded down
        if reach < resolution:
            beyond = base * (1.0 + resolution)
            joined = undecided.pop()[0] if undecided and undecided[-1][1] == base else base
            undecided.append((joined, min(beyond, end)))
        base = beyond
    return None, undecided


def _reaches(table: Frequencies, offsets: NDArray[np.float64], steepest: float) -> NDArray[np.float64]:
    """Return by how much ln b may grow before the sum at each offset can stop being negative; below 0 it is not."""
    sums = np.cos(offsets[:, None] * table.theta).sum(axis=1)
    reaches: NDArray[np.float64] = (-sums - doubt(table.theta, table, int(offsets.max()))) / (offsets * steepest)
    return reaches


def _best_witnesses(table: Frequencies, last: int, steepest: float) -> tuple[NDArray[np.float64], float]:
    """Return the offsets up to ``last`` with the longest reaches, and the longest; none where no sum is negative."""
    pairs, best = len(table.theta), 0.0
    places, reaches = [np.empty(0)], [np.empty(0)]
    for offsets, sums in sums_in_blocks(table.theta, last):
        if pairs <= best * max(1, int(offsets[0])) * steepest:  # no sum is below −P: nothing later reaches further
            break
        found = (-sums - doubt(table.theta, table, int(offsets[-1]))) / (np.maximum(offsets, 1) * steepest)
        if (longest := float(found.max())) > best / 4.0:
            best = max(best, longest)
            kept = np.flatnonzero(found > best / 4.0)
            kept = kept[np.argsort(found[kept])[-WITNESSES:]]
            places.append(offsets[kept].astype(np.float64))
            reaches.append(found[kept])
    order = np.argsort(np.concatenate(reaches))[-WITNESSES:]
    return np.concatenate(places)[order], best
