"""What the chord bounds share: a cell [s1, s2], an offset in it, and weights on the pairs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rope_theory._core.arrays import (
    Array,
    Space,
    angular,
    as_numpy,
    coefficients,
    first,
    is_tensor,
    offsets,
    real,
)
from rope_theory._core.checks import at_least
from rope_theory.bounds import _wide_range as _wide
from rope_theory.errors import Conflict, MissingArgument, WrongValue


@dataclass(frozen=True)
class Cell:
    """Distances to both ends of the cell, tokens, each of shape S: ``left`` = s − s1, ``right`` = s2 − s."""

    left: Array
    right: Array

    @property
    def is_extreme(self) -> bool:
        """Whether an end is so near that products of distances may underflow."""
        return any(_wide.is_small(end, _wide.SMALL_FACTOR) for end in (self.left, self.right))

    @property
    def width(self) -> Array:
        """Length of the cell, s2 − s1, in tokens."""
        return self.left + self.right


def cell(s: Any, s1: Any, s2: Any, space: Space) -> Cell:
    """Check s1 < s2 and s1 ≤ s ≤ s2; the integers around s stand in for ends that are not given."""
    s = offsets(s, "s", space)
    if (s1 is None) != (s2 is None):
        raise Conflict(("s1", "s2"), "belong together: give both, or neither for the integers around s")
    if s1 is None:
        low = space.xp.floor(s)
        high = low + 1.0
        if bool((low >= high).any()):
            raise MissingArgument(("s1", "s2"), "s = 2**53 has no integer above it in float64")
    else:
        low, high = offsets(s1, "s1", space), offsets(s2, "s2", space)
    try:
        s, low, high = space.xp.broadcast_arrays(s, low, high)
    except (ValueError, RuntimeError):
        raise Conflict(
            (f"s {tuple(s.shape)}", f"s1 {tuple(low.shape)}", f"s2 {tuple(high.shape)}"),
            "do not broadcast against each other",
        ) from None
    if bool((empty := low >= high).any()):
        raise Conflict(
            ("s1", "s2"),
            f"must be in this order in every cell, got [{first(low, empty):g}, {first(high, empty):g}]",
            "exchange them or widen the cell",
        )
    if bool((outside := (s < low) | (s > high)).any()):
        raise WrongValue(
            "s",
            "must lie in its cell",
            f"{first(s, outside):g} for [{first(low, outside):g}, {first(high, outside):g}]",
            "the chord says nothing outside. Widen the cell",
        )
    return Cell(left=s - low, right=high - s)


def moduli(theta: Any, h: Any, h_max: Any, space: Space) -> tuple[Array, Array, tuple[int, ...]]:
    """Return θ (P,), abs(h_j) as rows (R, P), and the batch shape of the result."""
    frequencies = angular(theta, space)
    if h is None:
        return frequencies, largest_modulus(h_max, space) * space.xp.ones_like(frequencies)[None, :], ()
    if not isinstance(h_max, int | float) or h_max != 1.0:
        raise Conflict(("h", "h_max"), f"exclude each other, got h_max = {h_max!r} beside h", "leave one out")
    h = coefficients(h, frequencies.shape[0], space)
    return frequencies, abs(h).reshape(-1, frequencies.shape[0]), tuple(h.shape[:-1])


def wide_sizes(h: Any, h_max: Any, pairs: int) -> _wide.Wide:
    """Return abs(h_j) of arguments that ``moduli`` has checked as rows (R, P), mantissas and exponents apart."""
    if h is not None:
        rows = as_numpy(h)
        return _wide.wide_moduli(np.reshape(rows, (-1, pairs)))
    return _wide.wide(np.full((1, pairs), float(h_max)))


def largest_modulus(h_max: Any, space: Space) -> Any:
    """Return h_max as a float, or as a zero-dimensional tensor that keeps its gradient."""
    if not is_tensor(h_max):
        return at_least(h_max, "h_max", 0.0)
    size = real(h_max, "h_max", space)
    if len(size.shape) or bool(size < 0):
        raise WrongValue("h_max", "must be one number, 0 or above", f"{size.detach()}", "give h for several heads")
    return size
