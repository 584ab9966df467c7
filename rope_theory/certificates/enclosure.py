"""Numbers that are certain: intervals computed in ball arithmetic and rounded outwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rope_theory._core.balls import floats_around
from rope_theory._core.records import Record


@dataclass(frozen=True, eq=False)
class Enclosure(Record):
    """An interval that contains the number asked for, with what was taken as given.

    Attributes
    ----------
    lower, upper : float or ndarray
        Ends of the interval, float64 rounded outwards; arrays where several numbers were asked for.
    bits : int
        Working precision.
    frequencies : {"real", "float64"}
        Whether θ stands for the real numbers c^(−2j/d) or for float64 values taken as exact.
    target_frequencies : {"real", "float64"}
        The same for the frequencies asked about, where they differ from the trained ones.
    """

    lower: Any
    upper: Any
    bits: int
    frequencies: str
    target_frequencies: str

    @property
    def width(self) -> Any:
        """Length of the interval."""
        return self.upper - self.lower

    @property
    def middle(self) -> Any:
        """Middle of the interval in float64, without the overflow of a sum of its ends."""
        return self.lower / 2 + self.upper / 2

    def __contains__(self, value: float) -> bool:
        """Tell whether ``value`` lies in the interval, in all of them where there are several."""
        inside = (self.lower <= value) & (value <= self.upper)
        return bool(inside.all() if hasattr(inside, "all") else inside)


def enclosed(balls: Any, shape: tuple[int, ...], bits: int, frequencies: str) -> Enclosure:
    """Return the Enclosure of real balls, in C order of ``shape``; floats where the shape is ().

    Parameters
    ----------
    balls : sequence or array of arb
        As many as ``shape`` has elements.
    shape : tuple of int
        Shape of the ends.
    bits : int
        Working precision they were computed with.
    frequencies : {"real", "float64"}
        What θ stood for.

    Returns
    -------
    Enclosure
    """
    ends = np.array([floats_around(ball) for ball in np.ravel(balls)]).reshape((*shape, 2))
    lower, upper = (ends[..., 0], ends[..., 1]) if shape else (float(ends[0]), float(ends[1]))
    return Enclosure(lower, upper, int(bits), frequencies, frequencies)
