"""Passkeys by distance while a model is fine-tuned: the mean of the runs, and a picture that shows it."""

import matplotlib as mpl
import numpy as np
import pytest

from experiments import passkeys_by_step
from experiments.columns import rows_of
from experiments.extension import plan, results, runs

mpl.use("Agg")


@pytest.fixture(scope="module")
def data():
    return passkeys_by_step.PART.data()


def test_the_command_makes_it():
    from paper_repro.command import PARTS

    assert passkeys_by_step.PART in PARTS


def test_shares_are_means_over_the_runs_that_kept_them(data):
    kept = [
        {
            row["distance"]: row["share"]
            for row in runs.read(one)["passkeys"]
            if (row["step"], row["window"]) == (100, 1024)
        }
        for one in results.at_hand(passkeys_by_step.RUNS)
        if one.method == "PI" and "passkeys" in runs.read(one)
    ]
    rows = list(rows_of(data.tables["shares"], method="PI", step=100))
    assert [row["distance"] for row in rows] == sorted(kept[0])
    for row in rows:
        assert row["seeds"] == len(kept)
        assert row["share"] == pytest.approx(np.mean([one[row["distance"]] for one in kept]))


def test_the_mean_over_distances_is_the_share_found(data):
    rows = list(rows_of(data.tables["shares"], method="direct", step=200))
    found = [
        row["value"]
        for one in results.at_hand(passkeys_by_step.RUNS)
        if one.method == "direct" and "passkeys" in runs.read(one)
        for row in runs.read(one)["rows"]
        if (row["step"], row["quantity"], row["window"]) == (200, "found", 1024)
    ]
    assert np.mean([row["share"] for row in rows]) == pytest.approx(np.mean(found))


def test_the_picture_has_a_row_a_step(data):
    figure = passkeys_by_step.draw(data)
    for axes, method in zip(figure.axes, plan.COMPARED, strict=False):
        fields = axes.collections
        assert len(fields) == len(plan.STAGES)
        for mesh, step in zip(fields, plan.STAGES, strict=True):
            shares = [row["share"] for row in rows_of(data.tables["shares"], method=method, step=step)]
            assert np.asarray(mesh.get_array()).ravel().tolist() == shares
    mpl.pyplot.close(figure)


def test_without_runs_it_says_what_is_missing(monkeypatch):
    monkeypatch.setattr(results, "at_hand", lambda settings: [])
    with pytest.raises(ValueError, match="No run has kept passkeys by distance"):
        passkeys_by_step.compute({})
