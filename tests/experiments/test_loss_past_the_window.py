"""The first picture of README.md: the losses of real_heads, alone, and the share of the rise that is undone."""

import numpy as np
import pytest

from experiments import far_keys, loss_past_the_window, real_heads


@pytest.fixture(scope="module")
def data():
    return loss_past_the_window.PART.data()


def test_its_numbers_are_those_of_the_heads(data):
    heads = real_heads.PART.data()
    assert data.facts["losses"] == heads.facts["losses"]
    assert data.tables["losses"].keys() == heads.tables["losses"].keys()
    for name, column in heads.tables["losses"].items():
        np.testing.assert_array_equal(data.tables["losses"][name], column)


def test_what_is_undone_is_a_share_of_the_rise(data):
    undone, losses = data.facts["undone"], data.facts["losses"]
    assert undone["plain"] == 0.0
    assert set(undone) == set(far_keys.TREATMENTS)
    for name, share in undone.items():
        rise = losses["plain"]["beyond"] - losses["plain"]["inside"]
        assert losses[name]["beyond"] == pytest.approx(losses["plain"]["beyond"] - share * rise)
    assert undone["capped"] < 0.5 < 1.0 <= min(undone["hidden"], undone["near"])


def test_the_picture_is_one_panel_with_every_treatment(data):
    pytest.importorskip("matplotlib")
    figure = loss_past_the_window.draw(data)
    (axes,) = figure.axes
    for line, treatment in zip(axes.lines, far_keys.TREATMENTS, strict=False):
        np.testing.assert_array_equal(line.get_ydata(), data.tables["losses"][f"{treatment}, mean"])
    named = {text.get_text() for text in axes.get_legend().get_texts()}
    assert named == {*real_heads.NAMES.values(), f"trained context length L = {data.facts['window']}"}
    assert axes.get_xlabel() == "position [tokens]"
    assert axes.get_ylabel() == "loss [nats per token]"
    figure.clear()
