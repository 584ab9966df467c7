"""What interpolation can do: the largest over the offsets each factor visits, reflection, the cell past the last."""

import numpy as np
import pytest

from experiments import table_interpolation
from experiments import worst_case_rows as rows
from experiments.columns import chosen
from experiments.parts import STORE
from experiments.table_interpolation import INPUTS, PART, SWEEP, chunks, compute, compute_chunk
from paper_repro import pages

SMALL = {**INPUTS, "head_dim": 16, "windows": [24], "ratios": [5.0], "factors": [2, 8], "checked": [0.25, 0.5]}


def swept(inputs):
    """Return the sweep of other inputs, computed here."""
    pieces = [compute_chunk(chunk) for chunk in chunks(inputs)]
    return {name: [value for piece in pieces for value in piece[name]] for name in pieces[0]}


@pytest.fixture(scope="module")
def data():
    return PART.data()


def test_each_factor_takes_the_largest_over_what_it_visits():
    table = chosen(compute(SMALL, swept(SMALL)).tables["interpolation"], ratio=5.0)
    theta, last = rows.frequencies(16, 1e4, 24), 23
    for factor in (2, 8):
        steps = np.arange(1, factor) / factor
        for cell, start in (("first or last", 0), ("middle", 11), ("beyond", last)):
            offsets = (start + steps).tolist()  # the middle cell whole, not its half
            bounds = rows.bounds(theta, offsets, 24, 5.0)
            row = chosen(table, factor=factor, cell=cell)
            assert row["lower"].item() == pytest.approx(max(bounds["lower"]), rel=1e-5)
            assert row["upper"].item() == pytest.approx(max(bounds["upper"]), rel=1e-5)
            assert row["offset"].item() in offsets
    beyond = chosen(table, cell="beyond", factor=8)
    assert beyond["offset"].item() == last + 1 - 1 / 8  # the longest offset PI reaches


def test_the_largest_new_offset_of_interpolation_is_in_the_table():
    # L tokens extended by κ: offsets up to κL − 1, interpolated (κL − 1)/κ = N + 1 − 1/κ
    for factor in INPUTS["factors"]:
        offsets = np.array([s for chunk in chunks(INPUTS) if chunk["cell"] == "beyond" for s in chunk["offsets"]])
        assert {(window * factor - 1) / factor for window in INPUTS["windows"]} <= set(offsets.tolist())


def test_the_last_cell_computed_by_itself_is_the_first_one(data):
    assert data.facts["reflection"] == {"offsets_checked": 54, "largest_contradiction": 0.0}
    sweep = {name: list(values) for name, values in STORE.read(SWEEP).items()}
    at = sweep["cell"].index("last")
    sweep["lower"][at] += 0.01  # noticed when it is not so
    assert compute(INPUTS, sweep).facts["reflection"]["largest_contradiction"] > 0.009


def test_reflection():
    theta = rows.frequencies(16, 1e4, 31)
    for s in (0.5, 3.25, -4.0):
        here, there = (rows.bounds(theta, [offset], 31, 3.0) for offset in (s, 30 - s))
        assert here["lower"][0] <= there["upper"][0]
        assert there["lower"][0] <= here["upper"][0]


def test_bigger_factors_visit_more_and_reach_further(data):
    table = data.tables["interpolation"]
    assert len(table["upper"]) == 6 * 5 * 3 * 3
    for window in INPUTS["windows"]:
        for ratio in INPUTS["ratios"]:
            for cell in table_interpolation.CELLS:
                found = chosen(table, window=window, ratio=ratio, cell=cell)
                assert found["factor"].tolist() == INPUTS["factors"]
                assert (np.diff(found["upper"]) >= 0).all()
                if cell == "beyond":
                    assert (np.diff(found["lower"]) > 0).all()


def test_windows_without_a_middle_cell_are_refused():
    with pytest.raises(ValueError, match="windows must be even, so that one cell is in the middle, got 33"):
        chunks({**SMALL, "windows": [33]})


def test_the_markdown_says_which_window_cell_factor_and_ratio(data):
    text = pages.interpolation_table(data)
    header, _, *lines = [line for line in text.splitlines() if line.startswith("|")]
    assert [line.split("|")[1].strip() for line in lines] == [str(window) for window in INPUTS["windows"]]
    for words in ("L = N + 1", "first or last trained cell", "middle cell", "(N, N + 0.5], κ = 2", "κ = 32"):
        assert words in header
    caption = " ".join(text.split())
    assert "H/A = 1 / 10 / 100" in caption
    assert "d = 128, c = 10000" in caption
