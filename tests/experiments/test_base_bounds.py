"""The ledger of published base bounds: what a row says is so, and its words follow from its numbers."""

import numpy as np
import pytest

from experiments import base_bounds
from experiments.base_bounds import INPUTS, PART, chunks, compute, compute_chunk, interval, verdict
from experiments.parts import STORE
from paper_repro import pages
from rope_theory.laws import admissible_bases, smallest_admissible_base

SMALL = {**INPUTS, "head_dim": 16, "windows": [32, 64], "step": 0.01, "top": 1e5,
         "printed": {"paper": ["7.0e1", "9e9"], "note": ["2.0", "1.9e2"]}}  # fmt: skip


@pytest.fixture(scope="module")
def rows():
    stored = STORE.read(base_bounds.SWEEP)
    return [dict(zip(stored, values, strict=True)) for values in zip(*stored.values(), strict=True)]


def test_what_rounds_to_a_printed_value():
    assert interval("4.3e3") == (4250.0, 4350.0)
    assert interval("2e6") == (1.5e6, 2.5e6)
    assert interval("431") == (430.5, 431.5)


def test_every_printed_value_has_a_row(rows):
    assert {len(printed) for printed in INPUTS["printed"].values()} == {len(INPUTS["windows"])} == {11}
    assert sorted((row["window"], row["source"]) for row in rows) == sorted(
        (window, source) for window in INPUTS["windows"] for source in INPUTS["printed"]
    )
    assert [chunk["window"] for chunk in chunks(INPUTS)] == INPUTS["windows"][::-1]


def test_a_small_ledger_is_what_dense_grids_say():
    for chunk in chunks(SMALL):
        columns = compute_chunk(chunk)
        grid = np.geomspace(1.001, SMALL["top"], 3000)
        found = admissible_bases(16, chunk["window"], grid)
        for at, printed in enumerate(columns["printed"]):
            low, high = interval(printed)
            assert columns["smallest"][at] <= found.smallest <= 1.005 * columns["smallest"][at]
            inside = found.admissible & (grid >= low) & (grid <= high)
            assert not inside.any() or columns["inside"][at] > 0
            if columns["inside"][at]:
                assert low <= columns["inside"][at] <= high
                assert admissible_bases(16, chunk["window"], [columns["inside"][at]]).admissible.all()
            last = columns["last_inadmissible"][at]
            assert not admissible_bases(16, chunk["window"], [last]).admissible.any()
            assert not found.admissible[:-1][~found.admissible[1:]].size or last >= grid[~found.admissible][-1] * 0.98


@pytest.mark.parametrize("window", [1024, 4096, 16384])
def test_stored_rows_are_computed_again(rows, window):
    for row in (row for row in rows if row["window"] == window):
        smallest = smallest_admissible_base(128, window)
        assert row["smallest"] == pytest.approx(smallest.base, rel=1e-8)
        assert row["undecided"] == len(smallest.undecided) == 1
        printed = float(row["printed"])
        assert row["printed_first_negative"] == admissible_bases(128, window, [printed]).first_negative[0]
        assert not admissible_bases(128, window, [row["last_inadmissible"]]).admissible.any()
        above = row["last_inadmissible"] * np.exp(INPUTS["step"] * np.arange(1, 20))
        assert admissible_bases(128, window, above).admissible.all()


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"printed": "4.3e3", "inside": 4293.0, "inside_undecided": 0, "smallest": 4293.0}, "the smallest, rounded"),
        ({"printed": "4.3e3", "inside": 4293.0, "inside_undecided": 0, "smallest": 4000.0}, "not the smallest"),
        ({"printed": "4.3e3", "inside": 0, "inside_undecided": 0, "smallest": 1.0}, "no admissible base rounds to it"),
        ({"printed": "4.3e3", "inside": 0.0, "inside_undecided": 2, "smallest": 4000.0}, "undecided"),
    ],
)  # fmt: skip
def test_verdicts(row, words):
    assert verdict(row) == words


def test_the_table_says_what_the_rows_say(rows):
    data = compute(INPUTS, STORE.read(base_bounds.SWEEP))
    assert data.facts["verdicts"]["note"]["the smallest, rounded"] == sum(
        row["smallest"] == row["inside"] for row in rows if row["source"] == "note"
    )
    text = pages.base_bounds_table(data)
    header, _, *lines = [line for line in text.splitlines() if line.startswith("|")]
    assert [line.split("|")[1].strip() for line in lines] == [str(window) for window in INPUTS["windows"]]
    assert "arXiv 2405.14591" in header
    assert "1.6e4: not the smallest" in lines[1]
    assert "1.2e4: the smallest, rounded; itself fails at m = " in lines[1]
    assert "d = 128" in text


def test_values_that_fail_are_asked_about_with_k_a_thousand_too():
    data = PART.data()
    first, second = data.facts["in_thousands"]
    assert (first["printed"], first["window"]) == ("3.1e5", 16000)
    assert admissible_bases(128, 16000, [first["inside"]]).admissible.all()
    assert 3.05e5 <= first["inside"] <= 3.15e5
    assert (second["printed"], second["window"], second["inside"]) == ("6.4e5", 32000, None)
    assert not admissible_bases(128, 32000, np.linspace(6.35e5, 6.45e5, 500)).admissible.any()
    cells = [line[2] for line in base_bounds.lines(data)]
    assert cells[4].endswith("no admissible base rounds to it; itself fails at m = 12223; for L = 16000 311439 does")
    assert cells[5].endswith("for L = 32000 none does either")


def test_a_grid_without_a_failing_base_is_an_error():
    with pytest.raises(ValueError, match=r"Every base of the grid from 1 to .* is admissible at 1"):
        base_bounds.last_inadmissible(16, 1, 0.5, 100.0, 8)


def test_the_part_is_in_the_command():
    from paper_repro.command import PARTS

    assert PART in PARTS
    assert "base_bounds" in pages.DOCUMENTS["docs/theory.md"]
