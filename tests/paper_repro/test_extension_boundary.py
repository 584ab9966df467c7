"""Where Position Interpolation beats direct fine-tuning: what is measured, and that the picture shows it."""

import math

import matplotlib as mpl
import numpy as np
import pytest

import rope_theory as rt
from paper_repro import extension_boundary as boundary
from paper_repro import readme
from paper_repro.extension import plan, results, runs, variants
from paper_repro.parts import ROOT

mpl.use("Agg")


@pytest.fixture(scope="module")
def data():
    return boundary.PART.data()


@pytest.mark.parametrize("factor", [2.0, 4.0])
def test_phases_met_for_the_first_time_are_those_that_no_offset_inside_has(factor):
    config = rt.RopeConfig(head_dim=16, base=10000.0, context_length=64)
    theta = np.asarray(rt.scaling.Unscaled().frequencies(config).theta)
    fields = 500  # no pair jumps over one between two of the offsets tried
    for one, share in zip(theta, boundary.unseen(config, factor), strict=True):
        entered = [
            set((np.arange(0.0, last, 0.005) * one % (2 * np.pi) / (2 * np.pi) * fields).astype(int))
            for last in (63, factor * 64 - 1)
        ]
        assert share == pytest.approx(len(entered[1] - entered[0]) / fields, abs=2 / fields)


def test_models_are_as_their_recipes_say():
    assert boundary.recipe_of("reference") == (256, 256, 6, 256 * 32 * 1068)
    assert boundary.recipe_of("small_256_early") == (256, 128, 4, variants.A_STEP * 250)


def test_a_case_says_what_its_runs_say(data):
    cases = list(results.rows_of(data.tables["cases"], model="small_512"))
    assert [case["factor"] for case in cases] == [4.0]
    nll = {}
    for method in plan.COMPARED:
        one = next(one for one in plan.BOUNDARY if (one.model, one.method) == ("small_512", method))
        rows = {(row["step"], row["quantity"], row["window"]): row["value"] for row in runs.read(one)["rows"]}
        nll[method] = rows[200, "nll", 2048]
        assert cases[0][f"{method}_found_200"] == rows[200, "found", 2048]
    assert cases[0]["advantage_200"] == nll["direct"] - nll["PI"]
    assert cases[0]["PI_ratio_200"] == math.exp(nll["PI"] - math.log(cases[0]["perplexity"]))


def test_what_is_counted(data):
    table = data.tables["cases"]
    assert data.facts["cases"] == len(table["model"]) <= data.facts["planned"] == len(boundary.CASES)
    for step, ahead in data.facts["ahead"].items():
        assert ahead == sum(value > 0.0 for value in table[f"advantage_{step}"])
    order = [np.argsort(np.argsort(table[name])) for name in ("moved", "advantage_200")]
    if len(set(table["moved"])) == len(table["moved"]):  # no ties: ranks' own correlation
        assert data.facts["rank_correlation"]["moved"]["200"] == pytest.approx(np.corrcoef(*order)[0, 1])


def test_the_picture_shows_the_cases(data):
    figure = boundary.draw(data)
    lines = figure.axes[0].get_lines()[: data.facts["cases"]]
    for line, case in zip(lines, results.rows_of(data.tables["cases"]), strict=True):
        assert line.get_label() == boundary.label(case)
        assert list(line.get_ydata()) == [case[f"advantage_{step}"] for step in plan.STAGES]
    mpl.pyplot.close(figure)


def test_the_page_is_todays():
    text = (ROOT / "docs" / "extension.md").read_text()
    assert readme.between(text, "extension_boundary") == readme.TABLES["extension_boundary"]().strip()
