"""Computed files beside the committed ones: identical, within the tolerance of their part, or different, and where."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from rope_theory.reports import Record

Status = Literal["identical", "within tolerance", "differs as expected", "differs"]

MOST = 3
"""Differences of a part that are printed."""


@dataclass(frozen=True)
class Tolerance(Record):
    """How far the files of a part may lie from the committed ones.

    Attributes
    ----------
    relative, absolute : float
        Largest difference of two numbers; the larger of the two counts.
    picture : float
        Largest root mean square of the differences of grey levels, of 255, after averaging over 4 × 4 dots: text may
        be drawn half a dot elsewhere.
    rounding : mapping
        File → columns or facts that depend on rounding: they are expected to differ on other processors, by any
        amount. A fact includes what lies below it; ``"picture"`` is the picture of a file.
    """

    relative: float = 1e-6
    absolute: float = 1e-12
    picture: float = 1.0
    rounding: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def expects(self, file: str, place: str) -> bool:
        """Tell whether a column or fact depends on rounding."""
        return any(re.match(re.escape(name) + r"($|[.\[])", place) for name in self.rounding.get(file, ()))

    def excess(self, computed: Any, committed: Any) -> tuple[float, bool]:
        """Return the relative difference of two values, infinite where one is not a number, and whether it is allowed.

        Texts that spell numbers count as numbers.
        """
        try:
            a, b = float(computed), float(committed)
        except (TypeError, ValueError):
            same = computed == committed
            return (0.0 if same else math.inf), same
        if a == b or (math.isnan(a) and math.isnan(b)):
            return 0.0, True
        apart = abs(a - b)
        if not math.isfinite(apart):
            return math.inf, False
        return apart / abs(b) if b else math.inf, apart <= max(self.relative * abs(b), self.absolute)


@dataclass(frozen=True)
class Difference(Record):
    """One column, fact, picture or paragraph that is beyond the tolerance.

    Attributes
    ----------
    file, place : str
        The file, and the column, fact, or line in it.
    row : int or None
        Line of the file with the largest difference, the header being line 1; None where there are no rows.
    by : float
        Largest relative difference; of pictures, the root mean square of grey levels. Infinite for other text.
    expected : bool
        Whether the part says that it depends on rounding.
    """

    file: str
    place: str
    row: int | None
    by: float
    expected: bool

    @property
    def sentence(self) -> str:
        """Where, by how much, and whether that was expected."""
        row = "" if self.row is None else f", line {self.row}"
        by = "" if math.isinf(self.by) else f", by {self.by:.2g}"
        return f"{self.file}: {self.place}{row}{by} ({'expected' if self.expected else 'not expected'})"


@dataclass(frozen=True)
class Comparison(Record):
    """The files of a part, or a document, beside the committed ones.

    Attributes
    ----------
    name : str
        The part or document.
    identical : bool
        Whether all bytes are the same.
    largest : float
        Largest relative difference of numbers within the tolerance.
    differences : tuple of Difference
        What is beyond it.
    """

    name: str
    identical: bool
    largest: float
    differences: tuple[Difference, ...]

    @property
    def status(self) -> Status:
        """The outcome, in words."""
        if self.identical:
            return "identical"
        if not self.differences:
            return "within tolerance"
        return "differs as expected" if all(one.expected for one in self.differences) else "differs"

    @property
    def where(self) -> str:
        """Where and by how much it differs, one difference per line, the first few."""
        if self.status == "within tolerance":
            return f"by at most {self.largest:.1g} of the numbers"
        lines = [one.sentence for one in self.differences[:MOST]]
        return "\n".join([*lines, f"and {len(self.differences) - MOST} more"] if self.differences[MOST:] else lines)

    @property
    def is_reworded(self) -> bool:
        """Whether more than numbers differ: then a page is not the one that the code writes on any processor."""
        return any(math.isinf(one.by) for one in self.differences)


def compare(name: str, computed: Mapping[str, bytes], committed: Mapping[str, bytes], allowed: Tolerance) -> Comparison:
    """Compare files by their names; a file that only one side has is a difference.

    Raises
    ------
    ModuleNotFoundError
        For pictures, without Pillow, which matplotlib installs.
    """
    largest, differences = 0.0, []
    changed = [file for file in sorted({*computed, *committed}) if computed.get(file) != committed.get(file)]
    for file in changed:
        if file not in computed or file not in committed:
            place = "there is no such committed file" if file in computed else "no such file was computed"
            differences.append(Difference(file, place, None, math.inf, False))
            continue
        for place, row, by, fits in _READERS[Path(file).suffix](computed[file], committed[file], allowed):
            if fits:
                largest = max(largest, by)
            else:
                differences.append(Difference(file, place, row, by, allowed.expects(file, place)))
    return Comparison(name, not changed, largest, tuple(differences))


Place = tuple[str, int | None, float, bool]
"""Column or fact, line, largest difference, whether it is within the tolerance."""


def _columns(computed: bytes, committed: bytes, allowed: Tolerance) -> Iterator[Place]:
    one, other = (list(csv.reader(content.decode().splitlines())) for content in (computed, committed))
    if len(one) != len(other) or one[:1] != other[:1]:
        yield "names or number of rows", None, math.inf, False
        return
    for place, name in enumerate(one[0]):
        cells = [allowed.excess(a[place], b[place]) for a, b in zip(one[1:], other[1:], strict=True)]
        # the largest of those beyond the tolerance, where there are any
        row = max(range(len(cells)), key=lambda at: (not cells[at][1], cells[at][0]), default=None)
        if row is not None:
            yield name, row + 2, *cells[row]


def _facts(computed: bytes, committed: bytes, allowed: Tolerance) -> Iterator[Place]:
    return facts(json.loads(computed), json.loads(committed), allowed)


def facts(one: Any, other: Any, allowed: Tolerance, place: str = "") -> Iterator[Place]:
    """Yield every value of two JSON contents of the same shape, or where their shapes part."""
    if isinstance(one, dict) and isinstance(other, dict) and set(one) == set(other):
        for key in one:
            yield from facts(one[key], other[key], allowed, f"{place}.{key}" if place else key)
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, pair in enumerate(zip(one, other, strict=True)):
            yield from facts(*pair, allowed, f"{place}[{number}]")
    elif {type(one), type(other)} <= {int, float}:  # True is not 1
        yield place, None, *allowed.excess(one, other)
    else:
        same = type(one) is type(other) and one == other
        yield place or "names of its facts", None, 0.0 if same else math.inf, same


def _picture(computed: bytes, committed: bytes, allowed: Tolerance) -> Iterator[Place]:
    import io

    from PIL import Image

    one, other = (Image.open(io.BytesIO(content)).convert("L") for content in (computed, committed))
    if one.size != other.size:
        yield "picture", None, math.inf, False
        return
    small = [np.asarray(picture.reduce(4), dtype=float) for picture in (one, other)]
    apart = float(np.sqrt(np.mean((small[0] - small[1]) ** 2)))
    yield "picture", None, apart, apart <= allowed.picture


NUMBER = re.compile(r"[-+−]?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
ROUNDED = "†"
"""Mark of a line whose numbers depend on rounding."""


def _paragraphs(computed: bytes, committed: bytes, allowed: Tolerance) -> Iterator[Place]:
    # a paragraph, a list item, a row of a table: lines of prose break elsewhere where a number is longer
    one, other = (re.split(r"\n\n+|\n(?=\||- |#)", content.decode()) for content in (computed, committed))
    if len(one) != len(other):
        yield "number of paragraphs", None, math.inf, False
        return
    line = 1
    for a, b in zip(one, other, strict=True):
        if a != b:
            rounding, words = ROUNDED in a and ROUNDED in b, " ".join(b.split())
            yield ROUNDED if rounding else f"“{words[:40]} …”", line, *apart(" ".join(a.split()), words)
        line += b.count("\n") + 1  # not exact behind blank lines, but near


def apart(one: str, other: str) -> tuple[float, bool]:
    """Return the largest relative difference of numbers in two texts, and whether all are the same as printed.

    Numbers are the same as printed when they differ by at most one in the last digit of either.
    """
    if NUMBER.sub("#", one) != NUMBER.sub("#", other):
        return math.inf, False
    largest, fits = 0.0, True
    for a, b in zip(NUMBER.findall(one), NUMBER.findall(other), strict=True):
        apart, unit = abs(_value(a) - _value(b)), max(_unit(a), _unit(b))
        fits &= apart <= 1.000001 * unit
        largest = max(largest, apart / abs(_value(b)) if _value(b) else (math.inf if apart else 0.0))
    return largest, fits


def _value(text: str) -> float:
    return float(text.replace("−", "-"))


def _unit(text: str) -> float:
    digits, _, exponent = text.partition("e")
    decimals = len(digits.partition(".")[2])
    return float(10.0 ** (int(exponent or 0) - decimals)) if decimals or exponent else 0.0


_READERS = {".csv": _columns, ".json": _facts, ".png": _picture, ".md": _paragraphs}


def document(path: str) -> Tolerance:
    """Return the tolerance of a generated page: numbers as printed, but on marked lines."""
    return Tolerance(rounding={path: (ROUNDED,)})
