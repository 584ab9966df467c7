"""Where Position Interpolation beats direct fine-tuning: what is measured, and that the picture shows it."""

import math

import matplotlib as mpl
import numpy as np
import pytest
from pinned_text import needs_pinned_text

import rope_theory as rt
from experiments import extension_boundary as boundary
from experiments import pretrain
from experiments.columns import rows_of
from experiments.extension import heads, plan, results, runs, texts, variants
from paper_repro import extension_pages

pytest.importorskip("torch")
pytest.importorskip("transformers")

from rope_theory.models.loading import load_model

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


def test_the_command_makes_it():
    from paper_repro.command import PARTS

    assert boundary.PART in PARTS


def test_a_case_says_what_its_runs_say(data):
    (case,) = rows_of(data.tables["cases"], model="small_512", factor=4.0)
    nll = {}
    for method in plan.COMPARED:
        one = next(one for one in plan.BOUNDARY if (one.model, one.method) == ("small_512", method))
        rows = {(row["step"], row["quantity"], row["window"]): row["value"] for row in runs.read(one)["rows"]}
        nll[method] = rows[200, "nll", 2048]
        assert case[f"{method}_found_200"] == rows[200, "found", 2048]
    assert case["advantage_200"] == nll["direct"] - nll["PI"]
    assert case["PI_ratio_200"] == pytest.approx(math.exp(nll["PI"]) / case["perplexity"])
    measured = runs.read(next(one for one in plan.HEADS if (one.model, one.factor) == ("small_512", 4.0)))
    assert case["balance"] == pytest.approx(sum(measured["far"]) / sum(measured["moved"]))


@needs_pinned_text
def test_far_and_moved_are_what_a_check_says():
    settings = plan.HEADS[0]  # of the reference model, whose weights are at hand
    model, tokenizer = load_model(pretrain.REFERENCE)
    ids = texts.held_out("code", tokenizer, documents=2, tokens=1024)[1]
    check = rt.models.check(
        model, ids, scalings=[rt.scaling.PositionInterpolation(4)], length=1024, pairs=heads.QUERIES, seed=1
    )
    rows = check.attention
    stored = runs.read(settings)
    assert len(stored["far"]) == len(stored["moved"]) == heads.DOCUMENTS
    assert stored["far"][1] == pytest.approx(np.mean([row.far for row in rows if row.region == "beyond"]), rel=1e-4)
    moved = [row.moved for row in rows if row.region == "inside" and row.scaling == rt.scaling.PositionInterpolation(4)]
    assert stored["moved"][1] == pytest.approx(np.mean(moved), rel=1e-4)


CASES = [  # far / moved, its error, nats gained early: right, right, wrong, close to the line and wrong
    {"balance": 2.0, "balance_error": 0.1, "advantage_20": 0.3},
    {"balance": 1.0, "balance_error": 0.1, "advantage_20": -0.3},
    {"balance": 1.9, "balance_error": 0.1, "advantage_20": -0.1},
    {"balance": 1.4, "balance_error": 0.1, "advantage_20": 0.2},
]


def test_how_the_rule_did_is_counted():
    found = boundary._judged(CASES)
    assert found == {"cases": 4, "ahead": 2, "right": 2, "undecided": 1, "right_of_decided": 2}


def test_ranks():
    assert boundary._rank(CASES, "balance", "advantage_20") == pytest.approx(0.8)  # 1 − 6 · 2 / (4 · 15)
    assert boundary._rank(CASES, "balance_error", "advantage_20") is None
    assert boundary._rank([], "balance", "advantage_20") is None


def test_errors_over_documents():
    far, moved = np.random.default_rng(0).normal(2.0, 0.1, (2, 10_000))
    found = boundary._quotient(far, moved)
    assert found["balance"] == pytest.approx(1.0, abs=3e-3)
    assert found["balance_error"] == pytest.approx(math.sqrt(2) * 0.05 / 100, rel=0.05)
    assert boundary._error(far) == pytest.approx(1e-3, rel=0.05)


def test_missing_runs_leave_a_sentence_and_no_picture(monkeypatch):
    monkeypatch.setattr(results, "at_hand", lambda settings: [])
    empty = boundary.compute(boundary.INPUTS)
    assert extension_pages.boundary_sentence(empty, 1.45) == "0 of 16 cases are measured; what is missing is left out."


def test_runs_of_several_models_are_refused(monkeypatch):
    read = runs.read

    def mixed(settings, data=runs.DATA):
        content = read(settings, data)
        return {**content, "model": "other"} if settings.name.startswith("small_1024_pi") else content

    monkeypatch.setattr(runs, "read", mixed)
    with pytest.raises(ValueError, match="The runs of small_1024 at 4L are of several models"):
        boundary.compute(boundary.INPUTS)


def test_what_is_counted(data):
    table, facts = data.tables["cases"], data.facts
    assert facts["cases"] == len(table["model"]) <= facts["planned"] == len(plan.HEADS)
    for step, ahead in facts["ahead"].items():
        assert ahead == sum(value > 0.0 for value in table[f"advantage_{step}"])
    assert sum(found["cases"] for found in facts["rule"].values()) == facts["cases"]


def test_the_picture_shows_the_cases(data):
    figure = boundary.draw(data)
    lines = {line.get_label(): line for line in figure.axes[0].get_lines()}
    for case in rows_of(data.tables["cases"]):
        line = lines[boundary.label(case)]
        assert list(line.get_xdata()) == list(boundary.STEPS)
        assert list(line.get_ydata()) == [case[f"advantage_{step}"] for step in boundary.STEPS]
        assert (line.get_markerfacecolor() == "none") == case["foretold"]
    mpl.pyplot.close(figure)
