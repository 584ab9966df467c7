"""Turns of every pair within a window."""

import math

import numpy as np
import pytest

import rope_theory as rt
from rope_theory import laws

TABLE = rt.scaling.Unscaled().frequencies(rt.RopeConfig(128))


def test_llama_1_leaves_23_of_64_pairs_without_a_whole_turn():
    found = laws.turns(TABLE, 2048)
    assert (len(found.rows) - found.covered, found.length) == (23, 2048)
    assert [row.covered for row in found.rows] == [row.wavelength <= 2048 for row in found.rows]
    assert [row.turns for row in found.rows] == pytest.approx(TABLE.turns(2048), rel=1e-14)
    assert [row.wavelength for row in found.rows] == pytest.approx(TABLE.wavelength, rel=1e-14)
    assert round(found.rows[40].wavelength) == 1987
    assert round(found.rows[41].wavelength) == 2294


def test_a_frequency_of_zero_has_no_wavelength_and_no_turn():
    row = laws.turns([0.0], 2**53).rows[0]
    assert (row.wavelength, row.turns, row.covered) == (math.inf, 0.0, False)


def test_rows_become_a_frame():
    frame = laws.turns(TABLE, 2048).to_pandas()
    assert list(frame.columns) == ["pair", "theta", "wavelength", "turns", "covered"]
    assert int(frame.covered.sum()) == 41


@pytest.mark.parametrize(
    ("theta", "length", "error", "words"),
    [
        (TABLE, 0, ValueError, "length must be at least 1, got 0"),
        (TABLE, 2**53 + 1, ValueError, r"length must be at most 2\*\*53"),
        ([-1.0], 8, ValueError, "theta contains negative frequencies"),
        ([np.nan], 8, ValueError, "theta contains 1 NaN"),
        (rt.RopeConfig(8), 8, TypeError, "theta must be an array or a Frequencies, got RopeConfig"),
    ],
)
def test_bad_input(theta, length, error, words):
    with pytest.raises(error, match=words):
        laws.turns(theta, length)
