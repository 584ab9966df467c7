"""Figure 2's inputs decide what is computed, each as the theory says."""

import numpy as np
import pytest

from paper_repro import figure_1, figure_2, figure_2_exact, figure_5, table_ridge
from paper_repro.figure_2 import compute
from rope_theory import RopeConfig
from rope_theory.regression import RotaryRidge
from rope_theory.scaling import Unscaled

FEW = {
    "head_dim": 16, "base": 100.0, "window": 64, "cells": [10, 20], "alphas": [0.0, 1.0], "seeds": [0, 1, 2],
    "routes": [["normal", "float32"], ["svd", "float64"]], "solver": "svd", "dtype": "float64",
}  # fmt: skip


def fitted(**changes):
    """Return the curve that RotaryRidge fits for the same inputs, and its number of coefficients."""
    inputs = {**FEW, "alpha": 0.0, "seed": 0, **changes}
    theta = Unscaled().frequencies(RopeConfig(inputs["head_dim"], inputs["base"]))
    targets = np.random.default_rng(inputs["seed"]).standard_normal(inputs["window"])
    fit = RotaryRidge(theta, inputs["alpha"], inputs["solver"], inputs["dtype"]).fit(
        np.arange(inputs["window"]), targets
    )
    return fit.predict(np.arange(2 * inputs["window"])), 2 * fit.h_.shape[-1]


@pytest.mark.parametrize(
    "changes",
    [
        {}, {"head_dim": 32}, {"base": 1e4}, {"window": 96}, {"seed": 5}, {"alpha": 1.0},
        {"solver": "normal", "dtype": "float32"}, {"solver": "cholesky"},
    ],
    ids=str,
)  # fmt: skip
def test_every_input_is_honoured(changes):
    data = compute(FEW, **{"seed": 0, **changes})
    curve, coefficients = fitted(**changes)
    assert np.array_equal(data.tables["curve"]["fit"], curve)
    assert coefficients == changes.get("head_dim", 16)  # a cosine and a sine per frequency
    assert data.facts["rank"] <= coefficients
    assert len(data.tables["targets"]["target"]) == changes.get("window", 64)
    if changes:
        assert not np.array_equal(curve, fitted()[0])


def test_without_a_seed_the_median_one_is_drawn():
    data = compute(FEW)
    largest = {seed: np.abs(fitted(seed=seed)[0][64:]).max() for seed in FEW["seeds"]}
    assert data.facts["seed"] == sorted(largest, key=largest.get)[1]
    with pytest.raises(ValueError, match="no cholesky, float64, ridge 0; give a seed"):
        compute(FEW, solver="cholesky")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"width": 64}, "'width' is not among the inputs: head_dim, base, window"),
        ({"head_dim": 15}, "head_dim"),
        ({"base": 1.0}, "base"),
        ({"window": 16}, r"cells must lie between 0 and 15"),
        ({"solver": "qr", "seed": 0}, "solver"),
        ({"dtype": "float16", "seed": 0}, "dtype"),
        ({"window": 12, "cells": [2, 3]}, "offsets"),
    ],
    ids=str,
)
def test_other_inputs_are_refused_in_words(changes, message):
    with pytest.raises(ValueError, match=message):
        compute(FEW, **changes)


def test_other_parts_honour_the_model_too():
    small = {"head_dim": 32, "base": 100.0, "window": 64}
    one = figure_1.compute({**figure_1.INPUTS, **small, "pair": 3})
    assert one.facts["wavelength_tokens"] == pytest.approx(2 * np.pi * 100.0 ** (6 / 32))
    five = figure_5.compute({**figure_5.INPUTS, "head_dim": 32, "longest": 2**13})
    assert five.facts["at_zero"] == pytest.approx(16 * 17 / 2 / 32)  # B(0) = 1 + 2 + … + d/2
    ridge = table_ridge.compute({**table_ridge.INPUTS, **small, "alphas": [1e9]}).tables["ridge"]["prediction_std"]
    angles = 100.0 ** (-np.arange(0, 32, 2) / 32)
    kernel = np.cos(np.outer(1024 - np.arange(64), angles)).sum(1)  # under a large ridge the fit is kernel · noise / α
    assert ridge[0] == pytest.approx(np.sqrt((kernel**2).sum()) / 1e9, rel=1e-6)
    exact = figure_2_exact.compute(
        {
            **figure_2_exact.INPUTS,
            **small,
            "head_dim": 8,
            "quoted": [70],
            "routes": [["svd", "float64"]],
            "claimed": 10.0,
        }
    )
    assert len(exact.tables["curve"]["exact"]) == 128
    assert exact.tables["curve"]["exact"] == pytest.approx(exact.tables["curve"]["svd_float64"], rel=1e-6, abs=1e-9)


def test_the_part_and_its_compute_share_their_inputs():
    assert figure_2.PART.inputs == figure_2.INPUTS
