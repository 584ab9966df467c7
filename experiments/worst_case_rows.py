"""Rows of worst cases as sweeps store them: V(s)/A between two numbers proved in ball arithmetic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from experiments.sweeps import rounded_down, rounded_up
from rope_theory.certificates import worst_case
from rope_theory.config import RopeConfig
from rope_theory.scaling import Frequencies, Unscaled

ROWS = 8
"""Offsets in a chunk at most: each is solved from the one before, and ``worst_case`` starts no workers for so few."""

ABOUT = (
    "lower and upper enclose V(s)/A = max { a(s)/A : |a(n)| ≤ A at n = 0 … window − 1, |h_j| ≤ ratio·A }, s being the "
    "offset in tokens: recomputed from a certificate's weights and witness in ball arithmetic of 256 bits, rounded "
    "outwards to ten digits. They do not depend on trust in a solver. The offsets are a sample."
)
"""What a row of worst cases is."""


def frequencies(head_dim: int, base: float, window: int) -> Frequencies:
    """Return the trained frequencies."""
    return Unscaled().frequencies(RopeConfig(head_dim, base, window))


def pieces(offsets: Sequence[float]) -> list[list[float]]:
    """Return ``offsets`` cut into chunks."""
    return [list(offsets[first : first + ROWS]) for first in range(0, len(offsets), ROWS)]


def bounds(
    theta: Frequencies, offsets: Sequence[float], window: int, ratio: float, target: Frequencies | None = None
) -> dict[str, list[float]]:
    """Return the columns lower and upper: V(s)/A for H/A = ``ratio``, proved."""
    for offset in offsets:
        if float(f"{offset:.10g}") != offset:  # the row would name another offset than the one proved
            raise ValueError(f"The offset {offset!r} has more than the ten digits that are stored; choose another.")
    certificates = worst_case(theta, offsets, np.arange(window), h_max=ratio, target_theta=target)
    proved = [certificate.verify() for certificate in certificates]
    return {
        "lower": [rounded_down(enclosure.lower) for enclosure in proved],
        "upper": [rounded_up(enclosure.upper) for enclosure in proved],
    }


def enclosed(chunk: Mapping[str, Any], names: Sequence[str], **columns: Sequence[Any]) -> dict[str, Sequence[Any]]:
    """Return a row an offset of a chunk: its settings ``names``, further ``columns``, the offset and its bounds."""
    theta = frequencies(chunk["head_dim"], chunk["base"], chunk["window"])
    return {
        **constant(chunk, names, len(chunk["offsets"])),
        **columns,
        "offset": chunk["offsets"],
        **bounds(theta, chunk["offsets"], chunk["window"], chunk["ratio"]),
    }


def constant(chunk: Mapping[str, Any], names: Sequence[str], count: int) -> dict[str, list[Any]]:
    """Return columns that repeat settings of a chunk."""
    return {name: [chunk[name]] * count for name in names}


def shown(lower: float, upper: float, digits: int = 3) -> str:
    """Return what ``lower`` and ``upper`` agree on when rounded to significant digits; both where they do not."""
    below, above = (_plain(value, digits) for value in (lower, upper))
    return below if below == above else f"{below} to {above}"


def _plain(value: float, digits: int) -> str:
    """Return ``value`` with so many significant digits, zeros kept, without a power of ten."""
    places = max(0, digits - 1 - int(np.floor(np.log10(abs(value)))))
    return f"{value:.{places}f}"
