import io
import itertools

import matplotlib
import matplotlib.pyplot as plt
import pytest

from rope_theory.plots import style
from rope_theory.plots._style import DASHES, PALETTE


def luminance(colour):
    red, green, blue = matplotlib.colors.to_rgb(colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_settings_end_with_the_block():
    before = dict(matplotlib.rcParams)
    with style():
        assert matplotlib.rcParams["savefig.dpi"] == 150
        assert matplotlib.rcParams["axes.prop_cycle"].by_key()["color"] == list(PALETTE)
    assert dict(matplotlib.rcParams) == before


def test_settings_end_when_the_block_fails():
    before = dict(matplotlib.rcParams)
    with pytest.raises(ZeroDivisionError), style():
        raise ZeroDivisionError
    assert dict(matplotlib.rcParams) == before


def test_successive_colours_differ_in_greyscale_and_in_dashes():
    assert len(set(PALETTE)) == len(PALETTE) == len(set(DASHES)) == len(DASHES)
    for here, following in itertools.pairwise(PALETTE):
        assert abs(luminance(here) - luminance(following)) > 0.1, (here, following)


def test_svg_is_the_same_on_every_run():
    def drawn():
        file = io.BytesIO()
        with style():
            figure, axes = plt.subplots()
            axes.plot([0, 1], [0, 1], label="θ")
            axes.legend()
            figure.savefig(file, format="svg", metadata={"Date": None})
        return file.getvalue()

    assert drawn() == drawn()
