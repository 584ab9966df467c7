"""How long the picture of ``rt.widgets.explorer`` takes to follow a slider."""

from __future__ import annotations

from functools import partial
from itertools import product

from benchmarks.measure import Measurement, best
from rope_theory.widgets import METHODS
from rope_theory.widgets._explorer import _Canvas

WIDTHS, WINDOWS = (64, 128, 256), (512, 2048, 8192)


def run() -> Measurement:
    canvas = _Canvas()
    times = {choice: best(partial(_redraw, canvas, *choice), 3) for choice in product(WIDTHS, WINDOWS, METHODS)}
    slowest = max(times, key=lambda choice: times[choice])
    return Measurement(
        question=f"a redraw of the explorer's picture, slowest of {len(times)} choices",
        value=1e3 * times[slowest],
        unit="ms",
        aim=150.0,
        better="below",
        details=(
            f"best of 3 each; slowest at d = {slowest[0]}, L = {slowest[1]}, {slowest[2]}; "
            f"{1e3 * times[128, 2048, 'YaRN']:.0f} ms at d = 128, L = 2048, YaRN"
        ),
    )


def _redraw(canvas: _Canvas, width: int, window: int, method: str) -> None:
    canvas.png(head_dim=width, base=1e4, window=window, factor=4.0, method=method, ratio=10.0)
