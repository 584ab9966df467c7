"""Numerical ranks: of the paper's setting, against the critical dimension, and what interpolation leaves alone."""

import numpy as np
import pytest
import twins

from experiments.numerical_rank import INPUTS, PART, compute, draw
from rope_theory.config import RopeConfig
from rope_theory.scaling import Unscaled

FEW = {**INPUTS, "head_dims": [16, 32], "bases": [1e4], "windows": [64, 256]}


@pytest.fixture(scope="module")
def data():
    return compute(FEW)


def test_a_rank_is_that_of_the_design_entry_by_entry(data):
    table = data.tables["ranks"]
    for place, (head_dim, window) in enumerate(zip(table["head_dim"], table["window"], strict=True)):
        phi = twins.design(Unscaled().frequencies(RopeConfig(head_dim, 1e4, window)).theta, range(window))
        for tolerance in INPUTS["tolerances"][:3]:
            assert table[f"trained_{tolerance:g}"][place] == np.linalg.matrix_rank(phi, rtol=tolerance)


def test_the_papers_setting():
    row = compute({**FEW, "head_dims": [128], "windows": [2048]}).tables["ranks"]
    assert row["critical_dimension"] == [82]
    assert 70 <= row["trained_0.0001"][0] < row["trained_1e-12"][0] <= 95


def test_interpolation_adds_no_direction_and_no_scaling_does(data):
    assert data.facts["interpolated_less_trained"] == [0, 0]
    assert data.facts["new_directions"][1] > 0


def test_the_picture_says_what_it_shows(data):
    left, right = draw(data).axes
    gap = data.facts["rank_less_critical"]["0.0001"]
    assert f"{gap['smallest']:+d} to {gap['largest']:+d}" in left.get_title()
    assert f"by PI 0, by no scaling {data.facts['new_directions'][0]} to" in right.get_title()
    assert len(left.get_legend().get_texts()) == len(INPUTS["tolerances"])
    assert PART.draw is draw
