"""Published lower bounds on the base, and the sets of bases they are about.

Both tables ask for Σ_j cos(m b^(−2j/d)) ≥ 0 up to a window. Admissible bases do not form a half-line: for every printed
value the ledger says whether an admissible base rounds to it, whether a smaller one exists, and which larger base is
not admissible.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np

from experiments.columns import records_as_columns, rows_of
from experiments.parts import Data, Part
from experiments.sweeps import Columns, Sweep
from rope_theory.laws import admissible_bases, smallest_admissible_base

PUBLISHED: dict[str, Any] = tomllib.loads(Path(__file__).with_name("published_bases.toml").read_text())
SOURCES: dict[str, str] = {source["id"]: source["place"] for source in PUBLISHED["source"]}

INPUTS: dict[str, Any] = {
    "head_dim": PUBLISHED["head_dim"],
    "windows": PUBLISHED["windows"],
    "printed": {source["id"]: source["printed"] for source in PUBLISHED["source"]},
    "resolution": 1e-8,
    "step": 1e-3,
    "top": 1e10,
    "at_once": 64,
}
"""``step``, ``top``: the grid searched from above for a base that is not admissible, ``at_once`` candidates a time."""


def chunks(inputs: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a piece a window, the longest first: it takes half of the time."""
    settings = {name: inputs[name] for name in ("head_dim", "resolution", "step", "top", "at_once")}
    return [
        {**settings, "window": window, "printed": {name: row[place] for name, row in inputs["printed"].items()}}
        for place, window in reversed(list(enumerate(inputs["windows"])))
    ]


def interval(printed: str) -> tuple[float, float]:
    """Return the smallest and the largest number that round to ``printed``."""
    value = Decimal(printed)
    half = Decimal(5).scaleb(int(value.as_tuple().exponent) - 1)
    return float(value - half), float(value + half)


def compute_chunk(chunk: Mapping[str, Any]) -> Columns:
    """Return a row a printed value; bases of 0 stand for "none"."""
    width, window = chunk["head_dim"], chunk["window"]
    smallest = smallest_admissible_base(width, window, resolution=chunk["resolution"])
    assert smallest.base is not None  # large bases are admissible
    last = last_inadmissible(width, window, chunk["step"], chunk["top"], chunk["at_once"])
    rows = []
    for source, printed in chunk["printed"].items():
        low, high = interval(printed)
        if low <= smallest.base <= high:
            inside, undecided = smallest.base, 0
        else:
            found = smallest_admissible_base(width, window, start=low, end=high, resolution=chunk["resolution"])
            # the last stretch left open before a base ends at it
            open_ = [stretch for stretch in found.undecided if stretch[1] != found.base]
            inside, undecided = found.base or 0.0, len(open_)
        negative = int(admissible_bases(width, window, [float(printed)]).first_negative[0])
        rows.append(
            {
                "window": window, "source": source, "printed": printed, "printed_first_negative": negative,
                "inside": inside, "inside_undecided": undecided, "smallest": smallest.base,
                "excluded_below": smallest.undecided[0][0] if smallest.undecided else smallest.base,
                "undecided": len(smallest.undecided), "last_inadmissible": last,
            }
        )  # fmt: skip
    return records_as_columns(rows)


def last_inadmissible(width: int, window: int, step: float, top: float, at_once: int) -> float:
    """Return the largest base of a geometric grid down from ``top`` that is not admissible."""
    first = 0
    while (highest := top * float(np.exp(-step * first))) > 1.0:
        grid = np.sort(top * np.exp(-step * np.arange(first, first + at_once)))
        found = admissible_bases(width, window, grid[grid > 1.0])
        if not found.admissible.all():
            return float(found.candidates[~found.admissible][-1])
        first += at_once
    raise ValueError(f"Every base of the grid from 1 to {highest:g} is admissible at {window}.")


SWEEP = Sweep(
    "base_bounds",
    "tables",
    "A printed lower bound on the base a row: smallest is an admissible base, and no base from 1 to excluded_below is "
    "one (undecided counts the stretches left open, the last of them between the two); inside is the smallest "
    "admissible base that rounds to the printed value, 0 where there is none (inside_undecided counts stretches left "
    "open); printed_first_negative is the first offset at which the printed value itself fails, −1 for none; "
    "last_inadmissible is the largest base of the grid that fails. Signs are certain (float64 with error bounds, ball "
    "arithmetic within them).",
    INPUTS,
    chunks,
    compute_chunk,
)


NONE_ROUNDS = "no admissible base rounds to it"


def verdict(row: Mapping[str, Any]) -> str:
    """Return what a printed value is, in words."""
    low, _ = interval(row["printed"])
    if not row["inside"]:
        return NONE_ROUNDS if not row["inside_undecided"] else "undecided"
    if row["inside"] > row["smallest"]:
        return "not the smallest"
    assert low <= row["smallest"]
    return "the smallest, rounded"


def compute(inputs: Mapping[str, Any], sweep: Columns) -> Data:
    """Return the rows by window with their verdicts."""
    rows = sorted(rows_of(sweep), key=itemgetter("window"))
    for row in rows:
        row["printed"] = inputs["printed"][row["source"]][inputs["windows"].index(row["window"])]  # text, as printed
        row["verdict"] = verdict(row)
    counted = Counter((row["source"], row["verdict"]) for row in rows)
    words = sorted({row["verdict"] for row in rows})
    counts = {source: {word: counted[source, word] for word in words} for source in inputs["printed"]}
    facts = {"sources": SOURCES, "verdicts": counts, "in_thousands": _in_thousands(inputs, rows)}
    return Data(tables={"bases": records_as_columns(rows)}, facts=facts)


def _in_thousands(inputs: Mapping[str, Any], rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return, for printed values to which no admissible base rounds, whether one does where k means 1000, not 1024."""
    found = []
    for row in rows:
        if row["verdict"] == NONE_ROUNDS:
            shorter, (low, high) = row["window"] * 1000 // 1024, interval(row["printed"])
            inside = smallest_admissible_base(
                inputs["head_dim"], shorter, start=low, end=high, resolution=inputs["resolution"]
            )
            known = {name: row[name] for name in ("source", "printed")}
            found.append({**known, "window": shorter, "inside": inside.base})
    return found


def lines(data: Data) -> list[tuple[str, ...]]:
    """Return the rows of the ledger as text: window, smallest, a cell a source, the last base that fails."""
    found = []
    for window in INPUTS["windows"]:
        cells = {row["source"]: row for row in rows_of(data.tables["bases"], window=window)}
        first = next(iter(cells.values()))
        printed = (
            f"{cells[source]['printed']}: {cells[source]['verdict']}{_itself(cells[source])}"
            f"{_otherwise(data.facts['in_thousands'], cells[source])}"
            for source in SOURCES
        )
        found.append((str(window), f"{first['smallest']:.6g}", *printed, f"{first['last_inadmissible']:.4g}"))
    return found


def _itself(row: Mapping[str, Any]) -> str:
    negative = row["printed_first_negative"]
    return "" if negative < 0 else f"; itself fails at m = {negative}"


def _otherwise(in_thousands: list[dict[str, Any]], row: Mapping[str, Any]) -> str:
    for other in in_thousands:
        if (other["source"], other["printed"]) == (row["source"], row["printed"]):
            base = other["inside"]
            return f"; for L = {other['window']} " + (f"{base:.6g} does" if base else "none does either")
    return ""


PART = Part("base_bounds", "tables", INPUTS, compute, sweeps=(SWEEP,))
