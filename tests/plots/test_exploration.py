"""Three sides of a choice in one figure."""

import pytest

import rope_theory as rt
from rope_theory import plots
from rope_theory.exploration import explore

matplotlib = pytest.importorskip("matplotlib")

FOUND = explore(rt.RopeConfig(32, context_length=128), "YaRN", 4.0, 10.0)


def test_three_axes_of_one_figure():
    axes = plots.exploration(FOUND)
    assert len({one.figure for one in axes}) == 1
    assert axes[2].get_title() == "Over the extended window, H/A = 10"
    assert [text.get_text() for text in axes[2].get_legend().get_texts()] == ["Unscaled", "YaRN(4)"]
    assert plots.exploration(FOUND, axes=axes) == axes


def test_wrong_input_is_told_in_words():
    with pytest.raises(TypeError, match="found must be an Exploration, got str"):
        plots.exploration("YaRN")
    with pytest.raises(ValueError, match="axes must be three matplotlib Axes, got 1"):
        plots.exploration(FOUND, axes=[matplotlib.figure.Figure().subplots()])
