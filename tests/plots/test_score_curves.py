import numpy as np
import pytest

from rope_theory.plots import score_curves

S = np.arange(5.0)
CURVES = np.array([S, S**2, -S])


def test_one_curve(ax):
    score_curves(S, S**2, ax=ax)
    (line,) = ax.lines
    np.testing.assert_array_equal(line.get_xydata(), np.stack([S, S**2], -1))
    assert ax.get_xlabel() == "offset s [tokens]"
    assert "score a(s)" in ax.get_ylabel()
    assert ax.get_legend() is None


def test_several_curves_with_labels_and_the_trained_window(ax):
    score_curves(S, CURVES, labels=["a", "b", "c"], window=3, ax=ax)
    *lines, mark = ax.lines
    for line, curve in zip(lines, CURVES, strict=True):
        np.testing.assert_array_equal(line.get_ydata(), curve)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "b", "c"]
    assert mark.get_linestyle() == "--"
    assert set(mark.get_xdata()) == {2}  # a window of 3 tokens has offsets 0, 1, 2
    assert [text.get_text() for text in ax.texts] == ["last trained offset, 2"]


def test_tensors():
    torch = pytest.importorskip("torch")
    axes = score_curves(torch.arange(5.0), torch.tensor(CURVES, requires_grad=True))
    assert len(axes.lines) == 3


def test_curves_drawn_twice_stand_in_one_legend(ax):
    score_curves(S, S, labels=["a"], ax=ax)
    score_curves(S, -S, labels=["b"], ax=ax)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "b"]


@pytest.mark.parametrize(
    ("offsets", "scores", "options", "message"),
    [
        (S, S[:4], {}, r"shape \(5,\) or \(k, 5\) to go with the 5 offsets, got \(4,\)"),
        (S, CURVES.T, {}, r"got \(5, 3\)"),
        (S, CURVES[None], {}, r"got \(1, 3, 5\)"),
        (S, 1.0, {}, r"got \(\)"),
        (CURVES, CURVES, {}, r"offsets must be one-dimensional, got shape \(3, 5\)"),
        (S, CURVES, {"labels": ["a", "b"]}, r"labels has 2 names for 3 curve\(s\)"),
        (S, S * np.nan, {}, "scores contains 5 NaN"),
        (S, S, {"window": 1}, "window must be at least 2"),
        ([], [], {}, "offsets is empty"),
    ],
)
def test_wrong_values_are_errors_in_words(offsets, scores, options, message):
    with pytest.raises(ValueError, match=message):
        score_curves(offsets, scores, **options)


@pytest.mark.parametrize(
    ("scores", "options", "message"),
    [
        (S * 1j, {}, "scores must be real"),
        (S, {"labels": "a"}, "put 'a' in a list"),
        (["x"] * 5, {}, "scores must be an array of numbers"),
    ],
)
def test_wrong_types_are_errors_in_words(scores, options, message):
    with pytest.raises(TypeError, match=message):
        score_curves(S, scores, **options)
