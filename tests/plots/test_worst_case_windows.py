import matplotlib
import numpy as np
import pytest

from rope_theory.plots import worst_case_windows

L = np.array([128, 256, 300, 512])
LOWER = np.array([[1.2, 1.15, 1.14, 1.13], [1.3, 1.2, 1.15, 1.13]])
UPPER = LOWER + 1e-6
LABELS = ["H/A = 1", "H/A = 10"]


def test_a_curve_a_row_over_lengths_in_powers_of_two(ax):
    assert worst_case_windows(L, LOWER, UPPER, labels=LABELS, ax=ax) is ax
    for curve, upper in zip(ax.lines, UPPER, strict=True):
        np.testing.assert_array_equal(curve.get_xydata(), np.stack([L, upper], -1))
    assert ax.get_xscale() == "log"
    assert ax.get_yscale() == "linear"
    assert [text.get_text() for text in ax.get_xticklabels()] == ["128", "256", "512"]
    assert "[tokens]" in ax.get_xlabel()
    assert [text.get_text() for text in ax.get_legend().get_texts()] == LABELS


def test_house_rules():
    axes = worst_case_windows(L, LOWER[0], UPPER[0], labels=["one"])
    assert not axes.spines["top"].get_visible()
    axes.figure.canvas.draw()
    assert not axes.get_legend().get_window_extent().overlaps(axes.get_window_extent())
    with pytest.raises(TypeError, match="ax must be a matplotlib Axes, got Figure"):
        worst_case_windows(L, LOWER, UPPER, labels=LABELS, ax=matplotlib.figure.Figure())


@pytest.mark.parametrize(
    ("windows", "lower", "message"),
    [
        (L - 128, LOWER, "windows must be above 0, got 0"),
        (L[:2], LOWER, r"to go with the 2 windows, got \(2, 4\)"),
        (L, LOWER + 1.0, "lower exceeds upper at windows 128"),
    ],
)
def test_wrong_values_are_errors_in_words(windows, lower, message):
    with pytest.raises(ValueError, match=message):
        worst_case_windows(windows, lower, UPPER, labels=LABELS)
