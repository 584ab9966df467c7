import numpy as np
import pytest

from rope_theory.plots import ridge_path

ALPHAS = np.array([1e-2, 1.0, 100.0])
BANDS = np.array([[1.0, 0.5, 0.2], [2.0, 1.0, 0.3], [4.0, 2.0, 0.5]])
BOUND = 2 * BANDS[2]


def test_a_median_line_bands_of_the_outer_quantiles_and_the_bound(ax):
    assert ridge_path(ALPHAS, BANDS, BOUND, error=ALPHAS / 100, strength=3.0, ax=ax) is ax
    bound, median, mark, *_ = ax.lines
    np.testing.assert_array_equal(median.get_xydata(), np.stack([ALPHAS, BANDS[1]], -1))
    np.testing.assert_array_equal(bound.get_ydata(), BOUND)
    assert set(mark.get_xdata()) == {3.0}
    (band,) = ax.collections
    corners = {tuple(corner) for corner in band.get_paths()[0].vertices}
    assert set(zip(ALPHAS, BANDS[0], strict=True)) | set(zip(ALPHAS, BANDS[2], strict=True)) <= corners
    assert ax.get_xscale() == ax.get_yscale() == "log"
    (right,) = (other for other in ax.figure.axes if other is not ax)
    np.testing.assert_array_equal(right.lines[0].get_ydata(), ALPHAS / 100)
    assert "error" in right.get_ylabel()
    curves = (bound, median, right.lines[0])
    assert len({line.get_color() for line in curves}) == 3
    assert len({(line.get_linestyle(), line.get_linewidth()) for line in curves}) == 3  # in greyscale too


def test_without_error_and_mark_there_is_one_axis(ax):
    ridge_path(ALPHAS, BANDS[:1], BOUND, ax=ax)
    assert ax.figure.axes == [ax]
    assert len(ax.lines) == 2
    assert not ax.collections


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"alphas": ALPHAS[::-1]}, "alphas must increase and be above 0"),
        ({"alphas": ALPHAS - 1e-2}, "alphas must increase and be above 0"),
        ({"quantiles": BANDS[:2]}, r"quantiles must have shape \(k, 3\) with k odd.*got \(2, 3\)"),
        ({"quantiles": BANDS[:, :2]}, r"got \(3, 2\)"),
        ({"quantiles": BANDS[::-1]}, "quantiles must be sorted, lowest first"),
        ({"quantiles": BANDS - 0.2}, "must be above 0: they are sizes"),
        ({"bound": BOUND[:2]}, r"bound must have shape \(3,\)"),
        ({"bound": BOUND * np.nan}, "bound contains 3 NaN"),
        ({"error": [1.0]}, r"error must have shape \(3,\)"),
        ({"strength": 0.0}, "strength must be above 0"),
    ],
)
def test_wrong_values_are_errors_in_words(change, words):
    given = {"alphas": ALPHAS, "quantiles": BANDS, "bound": BOUND} | change
    with pytest.raises(ValueError, match=words):
        ridge_path(**given)
