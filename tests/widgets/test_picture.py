"""Three sides of a choice in one figure."""

import numpy as np
import pytest

import rope_theory as rt
from rope_theory import widgets
from rope_theory.widgets import explore

matplotlib = pytest.importorskip("matplotlib")
pytest.importorskip("matplotlib.pyplot")

FOUND = explore(rt.RopeConfig(32, context_length=128), "YaRN", 4.0, 10.0)


def test_three_axes_of_one_figure():
    axes = widgets.exploration(FOUND)
    assert len({one.figure for one in axes}) == 1
    legends = [[text.get_text() for text in one.get_legend().get_texts()] for one in axes]
    assert legends[0] == ["trained", "extended", "trained window"]
    assert legends[1] == list(FOUND.chord_bounds)
    for line, table in zip(axes[0].lines, FOUND.tables, strict=False):
        assert line.get_ydata() == pytest.approx(table.wavelength)
    assert axes[2].lines[1].get_ydata() == pytest.approx(FOUND.worst[1])
    assert axes[1].lines[2].get_ydata().max() == 1.0
    assert axes[2].lines[-1].get_xdata()[0] * FOUND.offsets[-1] == pytest.approx(127)
    assert widgets.exploration(FOUND, axes=axes) == axes


def test_wrong_input_is_told_in_words():
    with pytest.raises(TypeError, match="found must be an Exploration, got str"):
        widgets.exploration("YaRN")
    with pytest.raises(ValueError, match="axes must be three matplotlib Axes, got 1"):
        widgets.exploration(FOUND, axes=[matplotlib.figure.Figure().subplots()])


def test_no_curve_leaves_its_axes():
    for config in (
        rt.RopeConfig(16, base=100.0, context_length=128),
        rt.RopeConfig(256, base=1e7, context_length=2048),
    ):
        for factor, ratio in ((1.0, 0.1), (32.0, 1000.0)):
            for axes in widgets.exploration(explore(config, "Position Interpolation", factor, ratio)):
                low, high = axes.get_ylim()
                for line in [line for line in axes.lines if "trained " not in line.get_label()]:
                    assert (np.asarray(line.get_ydata()) <= high).all()
                    assert (np.asarray(line.get_ydata()) >= low).all() or axes.get_yscale() == "linear"
            matplotlib.pyplot.close("all")
