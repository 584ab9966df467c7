"""How long the picture of ``rt.widgets.explorer`` takes to follow a slider."""

from __future__ import annotations

from itertools import product
from typing import Any

from benchmarks.measure import Measurement, best
from rope_theory.widgets import METHODS, explorer

WIDTHS, WINDOWS = (64, 128, 256), (512, 2048, 8192)


def run() -> Measurement:
    controls = {control.description: control for control in explorer().children[0].children}
    times = {choice: _seconds(controls, *choice) for choice in product(WIDTHS, WINDOWS, METHODS)}
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


def _seconds(controls: dict[str, Any], width: int, window: int, method: str) -> float:
    """Return the time that a move of the factor's slider takes, the picture included."""
    for name, value in (("width d", width), ("window L", window), ("method", method), ("H/A", 10.0)):
        controls[name].value = value
    factor = controls["factor"]

    def move() -> None:
        factor.value = 4.5 if factor.value == 4.0 else 4.0  # the same value again would draw nothing

    return best(move, 3)
