import matplotlib
import numpy as np
import pytest

from rope_theory.plots import worst_case_curves
from rope_theory.plots._style import DASHES, PALETTE

S = np.array([0.5, 1.5, 3.0, 9.0])
LOWER = np.array([[1.1, 1.2, 2.0, 40.0], [1.1, 1.3, 3.0, 50.0]])
UPPER = LOWER * 1.01
LABELS = ["H/A = 1", "H/A = 10"]


def test_a_line_of_upper_bounds_with_a_marker_a_sample_and_a_band_down_to_the_lower_ones(ax):
    assert worst_case_curves(S, LOWER, UPPER, labels=LABELS, window=3, ax=ax) is ax
    *curves, mark = ax.lines
    for curve, upper in zip(curves, UPPER, strict=True):
        np.testing.assert_array_equal(curve.get_xydata(), np.stack([S, upper], -1))
        assert curve.get_marker() not in ("", "None", None)
    for band, lower, upper in zip(ax.collections, LOWER, UPPER, strict=True):
        corners = {tuple(corner) for corner in band.get_paths()[0].vertices}
        assert set(zip(S, lower, strict=True)) | set(zip(S, upper, strict=True)) <= corners
    assert set(mark.get_xdata()) == {2}
    assert ax.get_yscale() == "log"
    assert ax.get_xscale() == "linear"
    assert "[tokens]" in ax.get_xlabel()
    assert "V(s) / A" in ax.get_ylabel()
    assert [text.get_text() for text in ax.get_legend().get_texts()] == LABELS


def test_curves_differ_in_colour_dashes_and_markers():
    count = len(PALETTE)
    axes = worst_case_curves(S, np.ones((count, 4)), np.ones((count, 4)), labels=[str(k) for k in range(count)])
    looks = [(line.get_color(), line.get_marker()) for line in axes.lines]
    assert len({colour for colour, _ in looks}) == len({marker for _, marker in looks}) == count == len(DASHES)
    with pytest.raises(ValueError, match=f"{count + 1} curves are more than can be told apart, {count}"):
        worst_case_curves(S, np.ones((count + 1, 4)), np.ones((count + 1, 4)), labels=["x"] * (count + 1))


def test_one_curve_and_logarithmic_offsets(ax):
    worst_case_curves(S, LOWER[0], UPPER[0], labels=["one"], log=True, ax=ax)
    assert len(ax.lines) == 1
    assert ax.get_xscale() == "log"
    with pytest.raises(ValueError, match=r"log=True needs offsets above 0, got -0\.5"):
        worst_case_curves(S - 1.0, LOWER, UPPER, labels=LABELS, log=True)


def test_house_rules():
    axes = worst_case_curves(S, LOWER, UPPER, labels=LABELS, window=4)
    assert not axes.spines["top"].get_visible()
    axes.figure.canvas.draw()
    assert not axes.get_legend().get_window_extent().overlaps(axes.get_window_extent())
    assert axes.get_legend().get_window_extent().x1 <= axes.figure.bbox.x1
    with pytest.raises(TypeError, match="ax must be a matplotlib Axes, got Figure"):
        worst_case_curves(S, LOWER, UPPER, labels=LABELS, ax=matplotlib.figure.Figure())


def test_numbers_of_certificates(ax):
    import rope_theory as rt

    config = rt.RopeConfig(16, context_length=16)
    theta = rt.scaling.Unscaled().frequencies(config)
    found = rt.certificates.worst_case(theta, [3.5, 20.0], np.arange(16), h_max=1.0)
    proved = [certificate.verify() for certificate in found]
    worst_case_curves([3.5, 20.0], [e.lower for e in proved], [e.upper for e in proved], labels=["V"], ax=ax)
    assert ax.lines[0].get_ydata().tolist() == [e.upper for e in proved]


@pytest.mark.parametrize(
    ("offsets", "lower", "upper", "labels", "message"),
    [
        (S, LOWER[:, :3], UPPER[:, :3], LABELS, r"shape \(4,\) or \(k, 4\) to go with the 4 offsets, got \(2, 3\)"),
        (S, LOWER, UPPER[0], LABELS, r"got \(2, 4\) and \(4,\)"),
        (S, UPPER, LOWER, LABELS, "lower exceeds upper at offsets 0.5; are they swapped"),
        (S, LOWER - 1.1, UPPER, LABELS, "lower must be above 0, got 0"),
        (S, LOWER, UPPER, ["one"], r"labels has 1 names for 2 curve\(s\)"),
        (S, LOWER * np.nan, UPPER, LABELS, "lower contains 8 NaN"),
        (LOWER, LOWER, UPPER, LABELS, "offsets must be one-dimensional"),
    ],
)
def test_wrong_values_are_errors_in_words(offsets, lower, upper, labels, message):
    with pytest.raises(ValueError, match=message):
        worst_case_curves(offsets, lower, upper, labels=labels)


def test_one_label_as_text_is_an_error_in_words():
    with pytest.raises(TypeError, match="put 'H' in a list"):
        worst_case_curves(S, LOWER[0], UPPER[0], labels="H")
