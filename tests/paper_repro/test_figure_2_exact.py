"""The exact curve is the one of theory.md; the picture is drawn from what was computed, and says what it shows."""

import numpy as np
import pytest

from paper_repro import figure_2_exact
from paper_repro.figure_2_exact import INPUTS, PART, compute, draw


@pytest.fixture(scope="module")
def data():
    return compute(INPUTS)


def test_the_exact_curve_is_the_reference(data):
    # computed independently of this code, at 3000 bits by other means
    exact = data.tables["curve"]["exact"]
    assert exact[[2049, 2100, 4095]] == pytest.approx([-11.97888538, -4.06079561e10, 3.44548646e61], rel=1e-9)
    assert data.facts["largest_coefficient"] == pytest.approx(1.71988e122, rel=1e-5)
    assert data.facts["largest_modulus"] == pytest.approx(1.74040e122, rel=1e-5)
    assert data.facts["exact_largest_inside_at"] == 12
    assert data.facts["largest_inside"]["exact"] == pytest.approx(1.100833, abs=5e-7)
    assert data.facts["exact_at"]["4095"] == exact[4095]
    assert data.facts["widest_enclosure"] < 1e-14


def test_the_ridge_curve_is_the_reference(data):
    ridge = data.tables["curve"]["ridge"]
    assert ridge[[2049, 2500, 4095]] == pytest.approx([0.239824, 0.274127, -0.253690], abs=5e-7)


def test_solvers_agree_inside_the_window_only(data):
    curve, facts = data.tables["curve"], data.facts
    for solver, dtype in INPUTS["routes"]:
        drawn = curve[f"{solver}_{dtype}"]
        assert np.corrcoef(drawn[:2048], curve["exact"][:2048])[0, 1] > 0.5
        assert np.abs(drawn[2048:]).max() == facts["largest_outside"][f"{solver}_{dtype}"]
        assert facts["largest_outside"]["exact"] > 1e40 * facts["largest_outside"][f"{solver}_{dtype}"]
    first = facts["exact_first_above_claimed"]
    assert abs(curve["exact"][first - 1]) <= facts["claimed"] < abs(curve["exact"][first])


def test_drawing_computes_nothing_and_tells_the_numbers(data, monkeypatch):
    for name in ("exact_least_squares", "regression", "noise"):
        monkeypatch.setattr(figure_2_exact, name, None)
    left, right = draw(data).axes
    assert left.get_title() == r"The fit itself reaches $3.4\cdot10^{61}$ beyond its window"
    assert right.get_title().startswith("Solvers stop")
    for ax in (left, right):
        assert ax.get_yscale() == "log"
        assert "[tokens]" in ax.get_xlabel()
        assert "tokens" in ax.get_ylabel()
        looks = {(line.get_color(), line.get_linestyle()) for line in ax.lines[:5]}
        assert len(looks) == 5
    assert right.get_legend().get_title().get_text().endswith("seed 0")
    words = [text.get_text() for text in right.get_legend().get_texts()]
    assert r"the fit itself: $3.4\cdot10^{61}$" in words
    assert "caption of the paper's figure 2: 8000" in words
    assert "exact, with ridge α = 1: 1.3" in words


def test_it_is_a_part_of_the_figures():
    from paper_repro.command import PARTS

    assert PART in PARTS
    assert PART.name == "figure_2_exact"
