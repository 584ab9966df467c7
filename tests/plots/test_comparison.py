import numpy as np
import pytest

import rope_theory as rt
from rope_theory.plots import comparison

CONFIG = rt.RopeConfig(head_dim=16, context_length=64)
SCALINGS = [rt.scaling.Unscaled(), rt.scaling.PositionInterpolation(2), rt.scaling.YaRN(2)]
H = rt.coefficients.random_phase(8, seed=5, count=3)


def test_one_dot_a_row_and_ratio(ax):
    result = rt.compare(CONFIG, SCALINGS, H, length=128)
    comparison(result, ax=ax)
    one, inside, beyond = ax.lines
    assert set(one.get_xdata()) == {1.0}
    np.testing.assert_array_equal(inside.get_xdata(), [row.inside_ratio for row in result.rows])
    np.testing.assert_array_equal(beyond.get_xdata(), [row.beyond_ratio for row in result.rows])
    np.testing.assert_array_equal(np.round(inside.get_ydata()), np.repeat([0, 1, 2], 3))
    np.testing.assert_array_equal(np.round(beyond.get_ydata()), np.repeat([0, 1, 2], 3))
    names = [text.get_text() for text in ax.get_yticklabels()]
    assert names == ["Unscaled", "PositionInterpolation(2)", "YaRN(2)"]


def test_nothing_beyond_a_length_of_the_window(ax):
    comparison(rt.compare(CONFIG, SCALINGS, H, length=64), ax=ax)
    assert len(ax.lines) == 2
    assert all("beyond" not in text.get_text() for text in ax.get_legend().get_texts())


def test_wrong_input_is_an_error_in_words():
    with pytest.raises(TypeError, match="result must be a Comparison, got list"):
        comparison([1.0])
