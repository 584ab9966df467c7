"""Bounds across a cell, as they are drawn."""

import numpy as np
import pytest

from rope_theory import plots

pytest.importorskip("matplotlib")


def test_a_line_a_bound():
    s = np.linspace(0.0, 1.0, 5)
    axes = plots.chord_bounds(s, {"one": s, "two": 2 * s})
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["one", "two"]
    assert axes.lines[1].get_ydata() == pytest.approx(2 * s)
    assert axes.get_ylim()[0] == 0.0


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ({}, "bounds is empty"),
        ({"one": [1.0, 2.0]}, "The bound 'one' has shape"),
        ({"one": [np.nan] * 3}, "one contains 3 NaN"),
        ({str(n): [1.0] * 3 for n in range(9)}, "more than can be told apart"),
    ],
)
def test_wrong_input_is_told_in_words(bounds, message):
    with pytest.raises(ValueError, match=message):
        plots.chord_bounds([0.0, 0.5, 1.0], bounds)
