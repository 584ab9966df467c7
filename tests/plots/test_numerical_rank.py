import numpy as np
import pytest

from rope_theory.plots import numerical_rank

DIMENSIONS = np.array([4, 8, 16])
RANKS = np.array([[5, 8, 14], [6, 10, 16]])


def test_a_mark_a_design_and_the_line_of_agreement(ax):
    assert numerical_rank(DIMENSIONS, RANKS, labels=["a", "b"], ax=ax) is ax
    *marks, line = ax.lines
    for found, row in zip(marks, RANKS, strict=True):
        np.testing.assert_array_equal(found.get_xydata(), np.stack([DIMENSIONS, row], -1))
        assert found.get_linestyle() == "None"
    np.testing.assert_array_equal(line.get_xdata(), line.get_ydata())
    assert len({mark.get_marker() for mark in marks}) == len({mark.get_color() for mark in marks}) == 2
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "b"]


def test_one_row(ax):
    numerical_rank(DIMENSIONS, RANKS[0], labels=["a"], ax=ax)
    assert len(ax.lines) == 2


@pytest.mark.parametrize(
    ("dimensions", "ranks", "labels", "words"),
    [
        (DIMENSIONS, RANKS[:, :2], ["a", "b"], r"ranks must have shape \(3,\) or \(k, 3\).*got \(2, 2\)"),
        (DIMENSIONS, -RANKS, ["a", "b"], "must be 0 or above: they are counts"),
        (DIMENSIONS, RANKS, ["a"], r"labels has 1 names for 2 row\(s\)"),
        (DIMENSIONS, np.ones((9, 3)), list("abcdefghi"), "9 rows are more than can be told apart, 7"),
        (DIMENSIONS, RANKS * np.nan, ["a", "b"], "ranks contains 6 NaN"),
        (RANKS, RANKS, ["a", "b"], "dimensions must be one-dimensional"),
    ],
)
def test_wrong_values_are_errors_in_words(dimensions, ranks, labels, words):
    with pytest.raises(ValueError, match=words):
        numerical_rank(dimensions, ranks, labels=labels)


def test_one_label_as_text_is_an_error_in_words():
    with pytest.raises(TypeError, match="put 'a' in a list"):
        numerical_rank(DIMENSIONS, RANKS[0], labels="a")
