"""The ridge path: its numbers are those of fits, the bound holds along it, and the picture says what it shows."""

import json

import numpy as np
import pytest

from experiments.files import as_json
from experiments.settings import theta
from paper_repro import claims
from paper_repro.ridge_path import INPUTS, PART, compute, draw
from rope_theory.regression import RotaryRidge, effective_dof, ridge_strength

FEW = {**INPUTS, "window": 256, "decades": [-2, 2], "per_decade": 1, "draws": 40}


@pytest.fixture(scope="module")
def data():
    return compute(FEW)


def test_the_inputs_hold_every_setting():
    assert PART.inputs is INPUTS
    assert set(FEW) == {"head_dim", "base", "window", "factor", "decades", "per_decade", "draws", "seed", "quantiles",
                        "tolerances"}  # fmt: skip
    assert compute({**FEW, "seed": 1}).tables["path"]["unscaled_mean"] != compute(FEW).tables["path"]["unscaled_mean"]


def test_the_bound_holds_and_interpolation_needs_no_ridge(data):
    path = {name: np.asarray(values) for name, values in data.tables["path"].items()}
    for name in ("unscaled", "interpolated"):
        assert (path[f"{name}_mean"] <= path[f"{name}_bound"] + 4 * path[f"{name}_standard_error"]).all()
        assert (path[f"{name}_quantile_0.05"] <= path[f"{name}_quantile_0.95"]).all()
    assert path["unscaled_bound"][0] > 10 * path["interpolated_bound"][0]
    assert path["interpolated_bound"].max() < 2.5


def test_residual_and_degrees_of_freedom_are_those_of_fits(data):
    offsets = np.arange(FEW["window"])
    targets = np.random.default_rng(0).standard_normal((len(offsets), 400))
    for place, alpha in enumerate(data.tables["path"]["alpha"]):
        left = targets - RotaryRidge(theta(), alpha).fit(offsets, targets).predict(offsets)
        squares = (left**2).mean(axis=0)
        error = squares.std() / 20
        assert abs(data.tables["path"]["residual"][place] ** 2 - squares.mean()) < 4 * error
        dof = effective_dof(theta(), offsets, alpha=alpha)
        assert data.tables["path"]["effective_dof"][place] == pytest.approx(dof, rel=1e-10)
    assert (np.diff(data.tables["path"]["residual"]) > 0).all()


def test_the_marked_strength_is_the_one_of_the_ledger():
    strength = ridge_strength(theta(), window=2048, length=4096, tolerance=2.0).alpha
    entry = next(entry for entry in claims.recorded() if entry["id"] == "ridge_remark")
    finding = claims.recompute(entry).finding
    assert finding.verdict == "holds"
    assert f"2 from α = {strength:.1f}" in finding.number
    assert "0.5 by none" in finding.number
    assert "6.48 at α = 1, 2.19 at 10, 1.24 at 100" in finding.number


def test_a_ridge_out_of_reach_refutes_the_remark(monkeypatch):
    def nothing(*args, **kwargs):
        raise ValueError("No ridge")

    monkeypatch.setattr(claims, "ridge_strength", nothing)
    entry = next(entry for entry in claims.recorded() if entry["id"] == "ridge_remark")
    finding = claims.recompute(entry).finding
    assert finding.verdict == "refuted"
    assert "2 by none" in finding.number


def test_the_picture_says_what_it_shows(data):
    figure = draw(data)
    left, right, *_ = figure.axes
    assert "s = 256 … 511" in left.get_title()
    assert "κ = 2" in right.get_title()
    assert "40 draws" in figure.get_suptitle()
    assert "5 to 95 % and 25 to 75 %" in figure.get_suptitle()
    assert [text.get_text() for text in left.texts] == [
        f"α* = {data.facts['strengths']['2']['alpha']:.1f}: std ≤ 2 × inside"
    ]
    assert json.loads(as_json(data.facts))["strengths"]["2"]["intervals"][0][1] == "inf"
