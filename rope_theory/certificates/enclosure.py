"""Numbers that are certain: intervals computed in ball arithmetic and rounded outwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rope_theory._records import Record


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

    def __contains__(self, value: float) -> bool:
        """Tell whether ``value`` lies in the interval, in all of them where there are several."""
        inside = (self.lower <= value) & (value <= self.upper)
        return bool(inside.all() if hasattr(inside, "all") else inside)
