"""Sliders and the picture that follows them."""

import io

import numpy as np
import pytest

widgets = pytest.importorskip("ipywidgets")
pytest.importorskip("matplotlib")
Image = pytest.importorskip("PIL.Image")

from rope_theory.widgets import METHODS  # noqa: E402
from rope_theory.widgets._explorer import DPI, SIZE, explorer  # noqa: E402


def pixels(content):
    return np.asarray(Image.open(io.BytesIO(content)), dtype=float)


@pytest.fixture(scope="module")
def shown():
    box = explorer()
    sliders, picture = box.children
    return {control.description: control for control in sliders.children}, picture


def test_the_picture_has_its_size(shown):
    _, picture = shown
    assert pixels(picture.value).shape == (round(SIZE[1] * DPI), round(SIZE[0] * DPI), 3)


@pytest.mark.parametrize(
    ("name", "value"),
    [("width d", 64), ("base c", 5e5), ("window L", 256), ("factor", 9.5), ("method", "YaRN"), ("H/A", 300.0)],
)
def test_every_slider_redraws(shown, name, value):
    controls, picture = shown
    before, old = picture.value, controls[name].value
    controls[name].value = value
    assert np.abs(pixels(picture.value) - pixels(before)).max() > 100.0
    controls[name].value = old
    assert picture.value == before


def test_every_method_is_offered(shown):
    assert tuple(shown[0]["method"].options) == tuple(METHODS)


@pytest.mark.parametrize("ends", [min, max])
def test_no_end_of_a_slider_fails(shown, ends):
    controls, picture = shown
    old = {name: control.value for name, control in controls.items()}
    for name, control in controls.items():
        if name != "method":
            exponent = isinstance(control, widgets.FloatLogSlider)
            limits = getattr(control, "options", None) or [control.min, control.max]
            control.value = 10.0 ** ends(limits) if exponent else ends(limits)
    assert picture.value
    for name, value in old.items():
        controls[name].value = value
