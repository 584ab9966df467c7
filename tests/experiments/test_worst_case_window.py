"""The figure by window is drawn from the stored rows; first and last trained cells agree."""

import pytest

from experiments import worst_case_rows as rows
from experiments.columns import chosen
from experiments.worst_case_window import CELLS, INPUTS, PART, chunks, draw


@pytest.fixture(scope="module")
def data():
    return PART.data()


def test_windows_of_the_tables_and_powers_of_two_are_there():
    assert {2**power for power in range(7, 16)} | {257, 2049} <= set(INPUTS["windows"])


def test_cells_are_the_first_the_middle_and_the_one_past_the_last():
    by_window = {chunk["window"]: chunk["offsets"] for chunk in chunks(INPUTS)}
    assert by_window[2049] == [0.5, 1024.5, 2048.5]
    assert by_window[256] == [0.5, 127.5, 255.5]


@pytest.mark.parametrize("window", [128, 256, 257])
def test_the_first_trained_cell_and_the_last_agree(data, window):
    theta = rows.frequencies(INPUTS["head_dim"], INPUTS["base"], window)
    for ratio in (1.0, 100.0):
        last = rows.bounds(theta, [window - 1.5], window, ratio)
        first = chosen(data.tables["window"], window=window, ratio=ratio, cell="first")
        assert first["offset"].item() == 0.5
        assert last["lower"][0] <= first["upper"].item()
        assert first["lower"].item() <= last["upper"][0]


def test_more_trained_offsets_and_smaller_coefficients_never_hurt_at_the_first_cell(data):
    for cell in ("first", "beyond"):
        for ratio in INPUTS["ratios"]:
            found = chosen(data.tables["window"], cell=cell, ratio=ratio)
            assert (found["lower"][1:] <= found["upper"][:-1]).all(), "a longer window has more constraints"
    for window in INPUTS["windows"]:
        for cell in CELLS:
            found = chosen(data.tables["window"], cell=cell, window=window)
            assert (found["lower"][:-1] <= found["upper"][1:]).all()


def test_the_picture_says_what_it_shows(data):
    figure = draw(data)
    first, middle, beyond = figure.axes
    assert "N = L − 1, H/A = 1, 10, 100, d = 128, c = 10000" in figure.get_suptitle()
    for ax, cell in zip((first, middle, beyond), CELLS, strict=True):
        extremes = data.facts["extremes"][cell]
        *_, low, _, high, _ = ax.get_title().split()
        assert float(low) <= extremes["smallest"]["value"] < float(low) + 1e-3
        assert float(high) - 1e-3 < extremes["largest"]["value"] <= float(high)
        assert [line.get_label() for line in ax.lines[:3]] == ["H/A = 1", "H/A = 10", "H/A = 100"]
        assert "[tokens]" in ax.get_xlabel()
    assert first.get_ylim() == middle.get_ylim()
    assert beyond.get_legend() is not None
