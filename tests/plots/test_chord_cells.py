import numpy as np
import pytest

import rope_theory as rt
from rope_theory.comparison import chord_cells as cells_of
from rope_theory.plots import chord_cells

CONFIG = rt.RopeConfig(head_dim=16, context_length=64)
CELLS = cells_of(
    rt.coefficients.random_phase(8, seed=3), rt.scaling.Unscaled().frequencies(CONFIG), 7, 10, per_token=10
)


@pytest.mark.parametrize("bound", ["sharp", "curvature"])
def test_curve_chords_points_and_band(ax, bound):
    chord_cells(CELLS, bound=bound, ax=ax)
    lines = {line.get_label(): line for line in ax.lines}
    np.testing.assert_array_equal(lines["score"].get_xydata(), np.stack([CELLS.offsets, CELLS.scores], -1))
    np.testing.assert_array_equal(lines["chord"].get_ydata(), CELLS.chords)
    assert lines["chord"].get_linestyle() == "--"
    np.testing.assert_array_equal(lines["at integers"].get_xdata(), [7, 8, 9, 10])
    np.testing.assert_array_equal(lines["at integers"].get_ydata(), CELLS.scores[::10])
    (band,) = ax.collections
    reach = getattr(CELLS, bound)
    corners = {tuple(corner) for corner in band.get_paths()[0].vertices}
    for sign in (-1, 1):
        assert set(zip(CELLS.offsets, CELLS.chords + sign * reach, strict=True)) <= corners
    assert bound in band.get_label()


def test_wrong_input_is_an_error_in_words():
    with pytest.raises(ValueError, match="bound must be one of 'sharp', 'curvature', got 'published'"):
        chord_cells(CELLS, bound="published")
    with pytest.raises(TypeError, match="cells must be a ChordCells, got tuple"):
        chord_cells((CELLS.offsets, CELLS.scores))
