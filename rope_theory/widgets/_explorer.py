"""Sliders for a notebook: a choice of model and scaling, and a picture that follows it.

ipywidgets and matplotlib load when a function is called (``pip install 'rope_theory[notebooks,plots]'``).
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from rope_theory._core.optional import load
from rope_theory.config import RopeConfig
from rope_theory.plots._style import style
from rope_theory.widgets._exploration import METHODS, explore
from rope_theory.widgets._picture import exploration_lines

__all__ = ["explorer"]

WIDTHS = (16, 32, 64, 128, 256)
WINDOWS = (128, 256, 512, 1024, 2048, 4096, 8192)
SIZE, DPI = (13.5, 3.7), 80
"""Of the picture, inches and dots per inch."""

PLACES = ((0.05, 0.27, 0.27, 0.65), (0.385, 0.27, 0.27, 0.65), (0.715, 0.27, 0.27, 0.65))
"""Left, bottom, width and height of the three Axes."""


def explorer() -> Any:
    """Return sliders for width, base, window, factor, method and H/A above a picture that is redrawn as they move.

    Returns
    -------
    ipywidgets.VBox
        To be shown by a notebook, as the last line of a cell.

    Raises
    ------
    ModuleNotFoundError
        Without ipywidgets or matplotlib; the message names the pip command.

    Notes
    -----
    The picture is ``widgets.exploration`` of ``explore``.
    """
    widgets = load("ipywidgets", "notebooks")
    controls = {
        "head_dim": widgets.SelectionSlider(options=WIDTHS, value=128, description="width d"),
        "base": widgets.FloatLogSlider(value=1e4, min=2, max=7, step=0.05, readout_format=".3g", description="base c"),
        "window": widgets.SelectionSlider(options=WINDOWS, value=2048, description="window L"),
        "factor": widgets.FloatSlider(value=4.0, min=1.0, max=32.0, step=0.5, description="factor"),
        "method": widgets.Dropdown(options=list(METHODS), description="method"),
        "ratio": widgets.FloatLogSlider(value=10, min=-1, max=3, step=0.1, readout_format=".3g", description="H/A"),
    }
    picture = widgets.Image(format="png")
    canvas = _Canvas()

    def redraw(_: Any = None) -> None:
        picture.value = canvas.png(**{name: control.value for name, control in controls.items()})

    for control in controls.values():
        control.observe(redraw, names="value")
    redraw()
    sliders = widgets.GridBox(
        list(controls.values()), layout=widgets.Layout(grid_template_columns="repeat(auto-fit, minmax(300px, 1fr))")
    )
    return widgets.VBox([sliders, picture])


class _Canvas:
    """A figure whose axes, ticks and legends are drawn once; only lines are drawn again."""

    def __init__(self) -> None:
        figures, backend = load("matplotlib.figure", "plots"), load("matplotlib.backends.backend_agg", "plots")
        with style():
            self.figure = figures.Figure(figsize=SIZE, dpi=DPI, layout="none")
            self.canvas = backend.FigureCanvasAgg(self.figure)
            self.axes = [self.figure.add_axes(place) for place in PLACES]
            self.lines = exploration_lines(self.axes)
            for line in self.lines:
                line.set_animated(True)  # left out of the background
            self.canvas.draw()
        self.background = self.canvas.copy_from_bbox(self.figure.bbox)

    def png(self, *, head_dim: int, base: float, window: int, factor: float, method: str, ratio: float) -> bytes:
        """Return the picture of a choice."""
        self.lines.show(explore(RopeConfig(head_dim, base=base, context_length=window), method, factor, ratio))
        self.canvas.restore_region(self.background)
        for axes in self.axes:
            for line in axes.lines:
                axes.draw_artist(line)
        image = load("PIL.Image", "plots").fromarray(np.asarray(self.canvas.buffer_rgba()))
        content = io.BytesIO()
        image.convert("RGB").save(content, format="png", compress_level=1)
        return content.getvalue()
