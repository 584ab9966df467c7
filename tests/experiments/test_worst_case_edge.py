"""The figure of the window's edge is drawn from the stored rows, and says what it shows."""

import numpy as np
import pytest

from experiments import worst_case_edge
from experiments.parts import STORE
from experiments.worst_case_edge import INPUTS, PART, SWEEP, compute, draw
from rope_theory.bounds import chord_curvature, chord_sharp


@pytest.fixture(scope="module")
def data():
    return PART.data()


def test_every_ratio_has_the_same_offsets(data):
    sweep = data.tables["sweep"]
    for place in ("inside", "beyond"):
        seen = [sweep["offset"][(sweep["place"] == place) & (sweep["ratio"] == ratio)] for ratio in INPUTS["ratios"]]
        assert all(np.array_equal(seen[0], other) for other in seen)
    assert 40 <= len(sweep["offset"]) / 3 <= 65


def test_sampled_cells_agree_with_their_reflections(data):
    sweep = data.tables["sweep"]
    for ratio in INPUTS["ratios"]:
        inside = (sweep["place"] == "inside") & (sweep["ratio"] == ratio)
        rows = {s: (low, high) for s, low, high in zip(*(sweep[n][inside] for n in ("offset", "lower", "upper")),
                                                       strict=True)}  # fmt: skip
        pairs = [(s, 2048 - s) for s in rows if 2048 - s in rows]
        assert len(pairs) > 10
        for s, twin in pairs:
            assert rows[s][0] <= rows[twin][1]


def test_one_cell_between_its_bounds(data):
    cell = data.tables["cell"]
    assert cell["offset"][[0, -1]].tolist() == [1024, 1025]
    assert cell["upper"][[0, -1]].tolist() == [1.0, 1.0]
    assert (cell["lower"] >= 1.0).all()
    assert (cell["upper"] <= cell["chord_sharp"] + 1e-9).all()
    assert (cell["chord_sharp"] <= cell["chord_curvature"] + 1e-12).all()
    assert cell["upper"].max() < data.facts["sampling"] == pytest.approx(1.1394939, abs=5e-8)
    theta = worst_case_edge.rows.frequencies(128, 1e4, 2049)
    assert cell["chord_sharp"].max() == pytest.approx(1 + chord_sharp(theta, 0.5), rel=1e-9)
    assert cell["chord_curvature"].max() == pytest.approx(1 + chord_curvature(theta, 0.5), rel=1e-9)


def test_sizes_quoted_are_those_of_theory_md(data):
    beyond = data.facts["beyond"]  # computed independently of this code
    quoted = {"0.5": "1.610 1.629 1.669", "1": "2.180 2.230 2.320", "8": "5.433 6.466 7.598"}
    for step, values in quoted.items():
        assert [f"{beyond[step][ratio][1]:.3f}" for ratio in ("1", "10", "100")] == values.split()
    assert data.facts["triangle"] == {"1": 64.0, "10": 640.0, "100": 6400.0}
    for ratio in ("1", "10", "100"):
        assert data.facts["largest_inside"][ratio]["upper"] < 1.125


def test_drawing_computes_nothing_and_names_its_setting(data, monkeypatch):
    for name in ("chord_sharp", "chord_curvature", "sampling"):
        monkeypatch.setattr(worst_case_edge, name, None)
    figure = draw(data)
    left, right = figure.axes[:2]
    assert "N = 2048, H/A = 1, 10, 100" in figure.get_suptitle()
    assert "V ≤ 1.125 A at 25 sampled mid-cells" in left.get_title()
    assert "last cell included" in left.get_title()
    assert "1.61 to 1.67 A half a token past" in right.get_title()
    assert left.get_yscale() == right.get_yscale() == right.get_xscale() == "log"
    assert "[tokens]" in left.get_xlabel()
    assert "2048" in right.get_xlabel()
    triangles = {line.get_ydata()[0] for line in right.lines if line.get_linestyle() == ":"}
    assert triangles == {64.0, 640.0, 6400.0}


def test_the_sweep_alone_makes_the_figure(data):
    assert compute(INPUTS, STORE.read(SWEEP)).facts == data.facts
