"""The house style: colours and dashes that survive colour blindness and a black-and-white printer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rope_theory._core.optional import load

BLUE, ORANGE, BLACK, PURPLE = "#0072B2", "#E69F00", "#000000", "#CC79A7"
GREEN, SKY, VERMILION = "#009E73", "#56B4E9", "#D55E00"
GREY = "#595959"
"""For reference lines and their labels; no curve has it."""

PALETTE = (BLUE, ORANGE, BLACK, PURPLE, VERMILION, SKY, GREEN)
"""Okabe and Ito's colours, dark and light in turn; their yellow is left out, too pale for a line on white."""

DASHES = (
    "-",
    (0, (6, 2)),
    (0, (6, 2, 1, 2)),
    (0, (1, 1.5)),
    (0, (3, 1)),
    (0, (6, 1, 1, 1, 1, 1)),
    (0, (9, 2)),
)
"""One line style per colour, so that curves differ in greyscale as well."""

MARKERS = ("o", "s", "D", "^", "v", "P", "X")
"""One marker per colour, for the same reason."""


@contextmanager
def style() -> Iterator[None]:
    """Apply the house style to figures made inside the ``with`` block.

    SVG files are the same byte for byte on every run when saved with ``metadata={"Date": None}``.

    Yields
    ------
    None

    Raises
    ------
    ModuleNotFoundError
        Without matplotlib; the message names the pip command.
    """
    plt = load("matplotlib.pyplot", "plots")
    settings = {
        "axes.axisbelow": True,
        "axes.edgecolor": GREY,
        "axes.grid": True,
        "axes.labelsize": 10,
        "axes.linewidth": 0.8,
        "axes.prop_cycle": plt.cycler(color=PALETTE) + plt.cycler(linestyle=DASHES),
        "axes.spines.right": False,
        "axes.spines.top": False,
        "axes.titlesize": 11,
        "figure.constrained_layout.use": True,
        "figure.dpi": 100,
        "figure.figsize": (8.0, 3.6),
        "font.size": 10,
        "grid.color": "#d9d9d9",
        "grid.linewidth": 0.5,
        "image.cmap": "cividis",
        "legend.fontsize": 9,
        "legend.frameon": False,
        "legend.handlelength": 2.8,  # long enough to tell the dashes apart
        "lines.linewidth": 1.4,
        "savefig.dpi": 150,
        "svg.fonttype": "path",  # text as outlines: θ and κ look the same on machines without the font
        "svg.hashsalt": "rope_theory",
        "xtick.labelsize": 9,
        "ytick.labelsize": 9,
    }
    with plt.rc_context(settings):
        yield
