"""Scalings side by side on the same coefficients, and one score curve cell by cell beside its chord bounds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rope_theory._core.arrays import as_numpy, coefficients, numpy_angular, space_of
from rope_theory._core.checks import instance_of, integer
from rope_theory._core.records import Record, Table
from rope_theory.bounds.chord import chord_curvature, chord_sharp
from rope_theory.config import RopeConfig
from rope_theory.errors import WrongType, WrongValue
from rope_theory.scaling import Scaling, Unscaled
from rope_theory.scores import attention_score, score_curve

__all__ = ["ChordCells", "Comparison", "ComparisonRow", "chord_cells", "compare"]

BETWEEN = 16
"""Offsets looked at per token when the largest score between integers is sought."""

ROWS_AT_ONCE = 1 << 22
"""Scores held at one time (32 MiB of float64)."""


@dataclass(frozen=True)
class ComparisonRow(Record):
    """One scaling on one set of coefficients; scores are those of the rotated part, times ``logit_factor``.

    Attributes
    ----------
    scaling : Scaling
        The method.
    h_index : int
        Which row of h (0 when h is one-dimensional).
    logit_factor : float
        μ², the square of the attention factor; contained in every score and bound of this row.
    inside, between_inside : float
        Largest abs(score) at offsets 0 … L − 1: at integers, and on a grid of 1/16 token that contains them.
    beyond, between_beyond : float
        The same past the last trained offset L − 1, up to length − 1; 0 when length is L.
    inside_ratio, beyond_ratio : float
        ``between_inside`` and ``between_beyond`` over ``trained_maximum``.
    trained_maximum : float
        Largest abs(a(n)) of the unscaled model at the trained offsets n = 0 … L − 1: the A of every bound.
    triangle : float
        Bound on abs(score) at any offset.
    """

    scaling: Scaling
    h_index: int
    logit_factor: float
    inside: float
    between_inside: float
    beyond: float
    between_beyond: float
    inside_ratio: float
    beyond_ratio: float
    trained_maximum: float
    triangle: float


@dataclass(frozen=True)
class Comparison(Table):
    """Rows of ``compare``, with what they were computed for.

    Maxima between integers are observed on a grid of 1/16 token, not certified.

    Attributes
    ----------
    rows : tuple of ComparisonRow
        One row per scaling and row of h.
    config : RopeConfig
        The model before extension.
    length : int
        Extended window, tokens.
    """

    rows: tuple[ComparisonRow, ...]
    config: RopeConfig
    length: int


def compare(config: RopeConfig, scalings: Sequence[Scaling], h: Any, *, length: int) -> Comparison:
    """Return how large scores get under each scaling, inside and beyond the trained window.

    One row per scaling and row of h, all on the same h: what is compared is the frequencies and the attention
    factor alone.

    Parameters
    ----------
    config : RopeConfig
        The model before extension.
    scalings : sequence of Scaling
        Methods to compare; ``Unscaled()`` is plain extrapolation.
    h : array or tensor, complex, shape (P,) or (N, P)
        Score coefficients; computed with numpy, without gradients.
    length : int
        Extended window in tokens, at least ``config.context_length``; offsets reach length − 1.

    Returns
    -------
    Comparison
        ``.rows``, in the order of scalings, h varying fastest.

    Raises
    ------
    ValueError
        For no scalings, a length below the trained window, h that does not match config.
    TypeError
        For something in scalings that is not one.

    Examples
    --------
    >>> import rope_theory as rt
    >>> config = rt.RopeConfig(head_dim=64, context_length=512)
    >>> h = rt.coefficients.random_phase(config.pairs, seed=0)
    >>> found = rt.compare(config, [rt.scaling.PositionInterpolation(4)], h, length=2048)
    >>> found.rows[0].beyond <= found.rows[0].triangle
    True
    """
    instance_of(config, "config", RopeConfig)
    if isinstance(scalings, Scaling | str) or not isinstance(scalings, Iterable):
        raise WrongType("scalings", "must be a sequence", f"{scalings!r}", "put a single scaling in a list")
    scalings = tuple(scalings)
    if not scalings:
        raise WrongValue(
            "scalings", "is empty", remedy="give at least one, for example [Unscaled(), PositionInterpolation(4)]"
        )
    for scaling in scalings:
        if not isinstance(scaling, Scaling):
            raise WrongType(
                "scalings",
                "must hold Scaling objects, such as rt.scaling.YaRN(4)",
                f"{scaling!r}",
                "a class still needs its parameters",
            )
    window = config.context_length
    length = integer(length, "length", window, f"It is the extended window; the trained one is {window}.")
    space = space_of()
    unscaled = Unscaled().frequencies(config)
    h = coefficients(as_numpy(h), len(unscaled), space)
    if h.ndim > 2:
        raise WrongValue("h", "must have shape (P,) or (N, P)", f"{h.shape}", f"reshape it to (-1, {len(unscaled)})")
    h = h.reshape(-1, len(unscaled))
    trained = _largest(h, unscaled, 0, window, 1)
    if not trained.all():
        raise WrongValue(
            "h", "has a row of zeros: ratios to its trained maximum have no meaning", remedy="Leave it out"
        )
    return Comparison(tuple(_rows(config, scalings, h, trained, length)), config, length)


def _rows(
    config: RopeConfig, scalings: Sequence[Scaling], h: Any, trained: NDArray[np.float64], length: int
) -> Iterator[ComparisonRow]:
    window = config.context_length
    for scaling in scalings:
        table = scaling.frequencies(config, length)
        gain = table.attention_factor**2
        inside = gain * _largest(h, table, 0, window, 1)
        between_inside = np.maximum(inside, gain * _largest(h, table, 0, window - 1, BETWEEN))
        beyond = between_beyond = np.zeros(len(h))
        if length > window:
            beyond = gain * _largest(h, table, window, length, 1)
            just_past = window - 1 + 1 / BETWEEN  # the last trained offset is not beyond
            between_beyond = np.maximum(beyond, gain * _largest(h, table, just_past, length - 1, BETWEEN))
        triangle = gain * np.abs(h).sum(-1)
        ratios = (between_inside / trained, between_beyond / trained)
        columns = (inside, between_inside, beyond, between_beyond, *ratios, trained, triangle)  # the record's order
        for index, numbers in enumerate(np.transpose(columns).tolist()):
            yield ComparisonRow(scaling, index, gain, *numbers)


def _largest(h: Any, theta: Any, start: float, stop: float, per_token: int) -> NDArray[np.float64]:
    """Return the largest abs(score) over start … stop (excluded) of each row of h, (N,)."""
    span = max(1, ROWS_AT_ONCE // (len(h) * per_token))
    largest = np.zeros(len(h))
    first = start
    while first < stop:
        scores = score_curve(h, theta, first, min(stop, first + span), 1.0 / per_token)
        largest = np.maximum(largest, np.abs(scores).max(-1))
        first += span
    return largest


@dataclass(frozen=True, eq=False)
class ChordCells(Record):
    """A score curve with, at every offset, the chord of its unit cell and the bounds on the distance from it.

    Attributes
    ----------
    offsets : ndarray, shape (n,)
        Offsets in tokens.
    scores, chords : ndarray, shape (n,)
        The score, and the straight line between its values at the integers around.
    sharp, curvature : ndarray, shape (n,)
        ``bounds.chord_sharp`` and ``bounds.chord_curvature`` for the moduli of this h.
    """

    offsets: NDArray[np.float64]
    scores: NDArray[np.float64]
    chords: NDArray[np.float64]
    sharp: NDArray[np.float64]
    curvature: NDArray[np.float64]


def chord_cells(h: Any, theta: Any, first: int, last: int, *, per_token: int = 32) -> ChordCells:
    """Return the score between two integer offsets, cell by cell beside its chord and the chord bounds.

    Parameters
    ----------
    h : array, complex, shape (P,)
        Score coefficients.
    theta : array (P,) or Frequencies
        Angular frequencies, rad/token.
    first, last : int
        Offsets in tokens, first < last; both are included.
    per_token : int
        Offsets per cell, at least 2.

    Returns
    -------
    ChordCells

    Raises
    ------
    ValueError
        For first ≥ last, h that is not one-dimensional or does not match theta.
    """
    space = space_of()
    theta = numpy_angular(theta)
    h = coefficients(as_numpy(h), len(theta), space)
    if h.ndim != 1:
        raise WrongValue("h", "must be one-dimensional", f"shape {h.shape}", "draw one curve at a time")
    if integer(first, "first", -(2**53)) >= integer(last, "last", -(2**53)):
        raise WrongValue("first", f"({first}) must be below last ({last})")
    per_token = integer(per_token, "per_token", 2)
    offsets = first + np.arange((last - first) * per_token + 1) / per_token
    low = np.minimum(np.floor(offsets), last - 1.0)
    at_integers = attention_score(h, theta, np.arange(first, last + 1))
    left = (low - first).astype(int)
    share = offsets - low
    return ChordCells(
        offsets=offsets,
        scores=attention_score(h, theta, offsets),
        chords=(1.0 - share) * at_integers[left] + share * at_integers[left + 1],
        sharp=chord_sharp(theta, offsets, low, low + 1.0, h=h),
        curvature=chord_curvature(theta, offsets, low, low + 1.0, h=h),
    )
