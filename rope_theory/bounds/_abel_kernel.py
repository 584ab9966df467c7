"""Compiled loop of ``abel_sum``; imported, and compiled on its first call, only when it is needed."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray


def _accumulate(
    anchor_cos: NDArray[np.float64],  # (rows, P): e^{iAθ_j} of each row's anchor A
    anchor_sin: NDArray[np.float64],
    fine_cos: NDArray[np.float64],  # (P, row): e^{ibθ_j} of the offsets b within a row
    fine_sin: NDArray[np.float64],
    result: NDArray[np.float64],  # (rows · row,) or fewer: written
) -> None:
    """Write B(A + b) = Σ_k abs(Σ_{j<k} e^{i(A+b)θ_j}) for every anchor A and every b."""
    rows, pairs = anchor_cos.shape
    row = fine_cos.shape[1]
    x = np.empty(row)
    y = np.empty(row)
    total = np.empty(row)
    for a in range(rows):
        size = min(row, result.shape[0] - a * row)
        x[:] = 0.0
        y[:] = 0.0
        total[:] = 0.0
        for j in range(pairs):
            c, d = anchor_cos[a, j], anchor_sin[a, j]
            for b in range(row):
                x[b] += c * fine_cos[j, b] - d * fine_sin[j, b]
                y[b] += c * fine_sin[j, b] + d * fine_cos[j, b]
                total[b] += math.sqrt(x[b] * x[b] + y[b] * y[b])
        result[a * row : a * row + size] = total[:size]


def _compiled(function: Callable[..., None]) -> Any:
    options: dict[str, Any] = {"nogil": True, "fastmath": {"contract", "nnan", "ninf", "nsz"}}
    try:
        return numba.njit(function, cache=True, **options)
    except RuntimeError:  # neither the package's folder nor the user's cache can be written to
        return numba.njit(function, **options)


accumulate = _compiled(_accumulate)
