"""Rotary frequencies in ball arithmetic: as the real numbers they stand for, where their scaling has a formula."""

from __future__ import annotations

from typing import Any

from rope_theory._core.arrays import numpy_angular
from rope_theory.scaling.frequencies import Frequencies
from rope_theory.scaling.ntk_aware import NTKAware
from rope_theory.scaling.position_interpolation import PositionInterpolation
from rope_theory.scaling.unscaled import Unscaled

REAL, FLOAT64 = "real", "float64"
"""What balls of frequencies stand for: the real numbers c^(−2j/d), or float64 values taken as exact."""


def kind_of_frequencies(theta: Any) -> str:
    """Tell what ``frequency_balls`` will enclose: REAL for the tables that are powers of a base, else FLOAT64."""
    known = isinstance(theta, Frequencies) and isinstance(theta.scaling, Unscaled | PositionInterpolation | NTKAware)
    return REAL if known else FLOAT64


def frequency_balls(theta: Any, flint: Any) -> list[Any]:
    """Return angular frequencies as balls, at the working precision.

    For ``Frequencies`` of Unscaled, PositionInterpolation and NTKAware they enclose the real numbers
    c^(−2j/d), c^(−2j/d)/κ and (c·κ^(d/(d−2)))^(−2j/d); for anything else the float64 values are taken as exact.
    """
    if kind_of_frequencies(theta) == FLOAT64:
        return [flint.arb(value) for value in numpy_angular(theta).tolist()]
    width, base, slower = theta.config.width, flint.arb(theta.config.base), flint.arb(1)
    if isinstance(theta.scaling, NTKAware):
        base *= flint.arb(theta.scaling.factor) ** (flint.arb(width) / (width - 2))
    elif isinstance(theta.scaling, PositionInterpolation):
        slower = flint.arb(theta.scaling.factor)
    log_base = base.log()
    return [(log_base * (-2 * j) / width).exp() / slower for j in range(width // 2)]
