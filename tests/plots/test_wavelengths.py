import numpy as np
import pytest

import rope_theory as rt
from rope_theory.plots import wavelengths

CONFIG = rt.RopeConfig(head_dim=16, context_length=64)


def legend(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_one_line_a_table_and_the_window(ax):
    tables = [kind.frequencies(CONFIG) for kind in (rt.scaling.Unscaled(), rt.scaling.PositionInterpolation(4))]
    wavelengths(tables, window=64, ax=ax)
    *lines, window = ax.lines
    for line, table in zip(lines, tables, strict=True):
        np.testing.assert_array_equal(line.get_xdata(), np.arange(8))
        np.testing.assert_array_equal(line.get_ydata(), table.wavelength)
    assert set(window.get_ydata()) == {64}
    assert ax.get_yscale() == "log"
    assert legend(ax) == ["Unscaled", "PositionInterpolation(4)"]
    assert "[tokens]" in ax.get_ylabel()


def test_pairs_that_stand_still_are_marked_apart(ax):
    wavelengths([rt.scaling.Proportional(0.5).frequencies(CONFIG)], ax=ax)
    line, still = ax.lines
    np.testing.assert_array_equal(line.get_xdata(), [0, 1, 2, 3])
    np.testing.assert_array_equal(still.get_xdata(), [4, 5, 6, 7])
    assert np.isfinite(still.get_ydata()).all()
    ax.figure.canvas.draw()


def test_tables_of_one_scaling_are_told_apart_by_length(ax):
    dynamic = rt.scaling.DynamicNTK(2)
    wavelengths([dynamic.frequencies(CONFIG, n) for n in (None, 128, 256)], ax=ax)
    assert legend(ax) == [f"DynamicNTK(2), length {n}" for n in (64, 128, 256)]


def test_wrong_input_is_an_error_in_words():
    table = rt.scaling.Unscaled().frequencies(CONFIG)
    with pytest.raises(TypeError, match="put the one Frequencies in a list"):
        wavelengths(table)
    with pytest.raises(TypeError, match="tables must hold Frequencies, got ndarray"):
        wavelengths([table.theta])
    with pytest.raises(ValueError, match="tables is empty"):
        wavelengths([])
    with pytest.raises(ValueError, match="window must be at least 2"):
        wavelengths([table], window=0)
