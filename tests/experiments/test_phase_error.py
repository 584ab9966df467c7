import json
from itertools import pairwise

import numpy as np
import pytest

from experiments.parts import ROOT
from experiments.phase_error import INPUTS, PART, compute, draw
from rope_theory.config import LLAMA_3
from rope_theory.precision import STORAGES, first_broken_position
from rope_theory.scaling import Unscaled

SMALL = {**INPUTS, "longest": 2**13, "points_an_octave": 1, "storages": ["bfloat16 table", "bfloat16 positions"]}


def test_the_part_is_made():
    from paper_repro.command import PARTS

    assert PART in PARTS


def test_bounds_contain_and_only_grow_and_the_facts_fit_the_columns():
    data = compute(SMALL)
    columns = data.tables["errors"]
    assert list(columns["position"]) == [2**k for k in range(14)]
    for name in SMALL["storages"]:
        measured, bound = columns[f"{name}, measured"], columns[f"{name}, bound"]
        assert (measured <= bound).all()
        assert all(before <= after for before, after in pairwise(measured))
        assert data.facts[name]["largest_measured"] == measured[-1]
    assert data.facts["bfloat16 positions"]["first_position_beyond_tolerance"] == 257
    assert data.facts["bfloat16 table"]["first_position_beyond_tolerance"] is None
    assert columns["bfloat16 positions, measured"][8] < 0.01 < columns["bfloat16 positions, measured"][9]


def test_what_theory_md_says_of_it():
    facts = json.loads((ROOT / "figures" / "phase_error.json").read_text())
    found = {
        name: (fact["first_position_beyond_tolerance"], fact["safe_until"])
        for name, fact in facts.items()
        if name != "inputs"
    }
    expected = {
        "bfloat16": (33, 17), "bfloat16 frequencies": (56, 31), "bfloat16 positions": (257, 257),
        "float16 frequencies": (610, 251),
    }  # fmt: skip
    assert {name: found[name] for name in expected} == expected
    assert found["float32"] == found["bfloat16 table"] == (None, 2**17)
    table = Unscaled().frequencies(LLAMA_3)
    for name, numbers in expected.items():
        broken = first_broken_position(table, STORAGES[name], INPUTS["tolerance"], 1024)
        assert (broken.measured, broken.safe_until) == numbers


def test_the_picture_shows_what_was_computed():
    pytest.importorskip("matplotlib")
    data = compute(SMALL)
    (axes,) = draw(data).axes
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), data.tables["errors"]["bfloat16 table, measured"])
    np.testing.assert_array_equal(axes.lines[3].get_ydata(), data.tables["errors"]["bfloat16 positions, bound"])
