import numpy as np
import pytest

from rope_theory.plots import phase_errors
from rope_theory.precision import STORAGES, phase_error

POSITIONS = [1, 16, 257, 5000]
ERRORS = [phase_error([1.0, 0.3], POSITIONS, STORAGES[name]) for name in ("float32", "bfloat16")]


def test_a_measured_line_and_a_bound_each(ax):
    phase_errors(ERRORS, labels=["one", "two"], window=4096, ax=ax)
    *lines, window = ax.lines
    for error, measured, bound in zip(ERRORS, lines[::2], lines[1::2], strict=True):
        np.testing.assert_array_equal(measured.get_xydata(), np.stack([POSITIONS, error.largest_measured], -1))
        np.testing.assert_array_equal(bound.get_xydata(), np.stack([POSITIONS, error.largest_bound], -1))
        assert measured.get_color() == bound.get_color()
        assert bound.get_linewidth() < measured.get_linewidth()
    assert set(window.get_xdata()) == {4095}
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["one", "two"]
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")


def test_wrong_input_is_an_error_in_words():
    with pytest.raises(TypeError, match="put the one PhaseError in a list"):
        phase_errors(ERRORS[0], labels=["one"])
    with pytest.raises(TypeError, match="errors must hold PhaseError, got int"):
        phase_errors([3], labels=["one"])
    with pytest.raises(ValueError, match="errors is empty; give one"):
        phase_errors([], labels=[])
    with pytest.raises(ValueError, match="labels has 1 names for 2"):
        phase_errors(ERRORS, labels=["one"])
    with pytest.raises(TypeError, match="labels must be a sequence of names"):
        phase_errors(ERRORS, labels="ab")
    for positions in (3, [0, 1], [2, 1], [[1, 2]]):
        with pytest.raises(ValueError, match="Positions must be one-dimensional, ascending and above 0"):
            phase_errors([phase_error([1.0], positions, STORAGES["float32"])], labels=["one"])
