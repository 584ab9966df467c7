"""How far a table computed in float32 may lie from the described one, and which narrower formats a table fits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rope_theory.precision.formats import BFLOAT16, FLOAT16, FLOAT32, Format, largest_rounding_error, rounded
from rope_theory.precision.inverse_frequencies import NOTHING_KNOWN, inv_freq_error
from rope_theory.scaling import Frequencies, Llama3, NTKByParts, Unscaled, YaRN

BLENDED_TOLERANCE = 1e-5
"""Relative difference accepted in pairs between scaled and unscaled ones: the ramp, a difference of rounded numbers,
is worth up to 62 unit roundoffs there (Llama3, factor 128, transformers 5.23)."""


def allowed(table: Frequencies, divisor: float = 1.0) -> NDArray[np.float64]:
    """Return by how much frequencies computed in float32 may differ from a described table divided by a number.

    base^(−2j/d) in float32 rounds the exponent, which costs ln(1/θ) unit roundoffs, and a few operations more. Over
    five widths, bases from 1e4 to 1e9 and every scaling, transformers 5.23 stays below 0.3 of what is accepted, in
    blended pairs below 0.4. Nothing below the bound of ``inv_freq_error`` for CUDA is ever refused.
    """
    theta = table.theta
    with np.errstate(divide="ignore"):
        share = 2.0 * FLOAT32.roundoff * (4.0 + np.maximum(0.0, -np.log(np.where(theta > 0.0, theta, 1.0))))
    if isinstance(table.scaling, Llama3 | NTKByParts | YaRN):
        ratio = theta / Unscaled().frequencies(table.config).theta
        between = (ratio < 1.0 - 1e-12) & (ratio > (1.0 + 1e-12) / table.scaling.factor)
        share = np.where(between, BLENDED_TOLERANCE, share)
    proved = inv_freq_error(table, device="cuda")
    proved = np.where(proved < NOTHING_KNOWN, proved, 0.0)
    return np.maximum(share * theta, proved) / divisor


def close(given: NDArray[np.float64], table: Frequencies, target: Format, divisor: float = 1.0) -> bool:
    """Tell whether ``given`` is ``table`` divided by a number, computed in float32 and rounded to ``target``."""
    theta = table.theta / divisor
    if given.shape != theta.shape:
        return False
    limit = allowed(table, divisor)
    if target is not FLOAT32:
        limit = limit + largest_rounding_error(theta, target) * (theta > 0.0)
    return bool((np.abs(given - theta) <= limit).all())


def kept_in(given: NDArray[np.float64]) -> list[Format]:
    """Return the narrow formats that hold every value."""
    return [target for target in (BFLOAT16, FLOAT16) if np.array_equal(rounded(given, target), given)]


def relative(given: NDArray[np.float64], theta: NDArray[np.float64]) -> float:
    """Return the largest relative difference; infinite where a pair that stands still moves."""
    if given.shape != theta.shape:
        return np.inf
    difference = np.abs(given - theta)
    with np.errstate(divide="ignore", over="ignore"):
        return float(np.divide(difference, theta, out=np.zeros_like(theta), where=difference > 0.0).max())
