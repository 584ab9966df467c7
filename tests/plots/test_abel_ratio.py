import numpy as np
import pytest

from rope_theory.plots import abel_ratio

S = np.arange(6.0)
RATIO = np.array([4.0, 2.0, 1.0, 0.9, 1.5, 0.5])


def test_curve_line_at_one_and_first_offset_below(ax):
    abel_ratio(S, RATIO, window=3, ax=ax)
    curve, one, marker, window = ax.lines
    np.testing.assert_array_equal(curve.get_xydata(), np.stack([S, RATIO], -1))
    assert set(one.get_ydata()) == {1.0}
    assert one.get_linestyle() == ":"
    np.testing.assert_array_equal(marker.get_xydata(), [[3.0, 0.9]])
    assert set(window.get_xdata()) == {2}
    assert [text.get_text() for text in ax.texts] == ["first below 1: s = 3", "last trained offset, 2"]


def test_first_means_smallest_offset(ax):
    abel_ratio(S[::-1], RATIO[::-1], ax=ax)
    np.testing.assert_array_equal(ax.lines[2].get_xydata(), [[3.0, 0.9]])


def test_nothing_is_marked_when_nothing_lies_below(ax):
    abel_ratio(S, RATIO + 1.0, ax=ax)
    assert len(ax.lines) == 2
    assert not ax.texts


def test_log_offsets(ax):
    abel_ratio(S[1:], RATIO[1:], log=True, ax=ax)
    assert ax.get_xscale() == "log"
    with pytest.raises(ValueError, match="log=True needs offsets above 0, got 0"):
        abel_ratio(S, RATIO, log=True)


@pytest.mark.parametrize(
    ("offsets", "ratio", "message"),
    [
        (S, RATIO[:3], "offsets has 6 entries and ratio 3"),
        (S, RATIO[None], "ratio must be one-dimensional"),
        (S + np.inf, RATIO, "offsets contains"),
    ],
)
def test_wrong_values_are_errors_in_words(offsets, ratio, message):
    with pytest.raises(ValueError, match=message):
        abel_ratio(offsets, ratio)
