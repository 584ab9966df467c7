"""The design matrix Φ(s) = [cos sθ_j, sin sθ_j] and its singular value decomposition."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rope_theory._core.arrays import angular, is_tensor, offsets, phasors, space_of, values_behind
from rope_theory.errors import SingularDesign, WrongType, WrongValue

FLOAT64 = np.dtype(np.float64)


def frequencies(theta: Any) -> NDArray[np.float64]:
    """Return θ as a float64 numpy array, (P,), from an array or a ``Frequencies``."""
    values = values_behind(theta)
    if is_tensor(values):
        raise WrongType("theta", "must be a numpy array or a Frequencies here: fits are computed by LAPACK on the CPU")
    checked: NDArray[np.float64] = angular(values, space_of())
    return checked


def one_dimensional(s: Any, name: str) -> NDArray[np.float64]:
    """Return offsets (n,) in float64; a column (n, 1) is accepted, as scikit-learn passes it."""
    checked: NDArray[np.float64] = offsets(s, name, space_of())
    if checked.ndim == 2 and checked.shape[1] == 1:
        checked = checked[:, 0]
    if checked.ndim != 1:
        raise WrongValue(name, "must be one-dimensional, offsets in tokens", f"shape {checked.shape}")
    return checked


def check_regular(theta: NDArray[np.float64], s: NDArray[np.float64], *, powers_of_a_base: bool) -> None:
    """Raise when least squares without a ridge has many solutions, whatever the precision.

    Powers of a base differ, even where their float64 values do not.
    """
    distinct, needed = len(np.unique(s)), 2 * len(theta)
    if distinct < needed:
        raise SingularDesign(
            0.0,
            f"s has {distinct} distinct offset(s) for {needed} coefficients, a cosine and a sine a "
            "frequency: many fits are equally good",
            remedy="Give as many offsets as coefficients at least, or alpha above 0",
        )
    if powers_of_a_base:
        return
    ordered = np.sort(theta)
    if ordered[0] == 0.0:
        raise SingularDesign(
            0.0,
            "theta contains a frequency 0, whose sine is zero at every offset: its coefficient could be anything",
            remedy="Leave the pair out, or give alpha above 0",
        )
    if len(equal := ordered[1:][np.diff(ordered) == 0.0]):
        raise SingularDesign(
            0.0,
            f"theta contains equal frequencies, such as {equal[0]:g}: only the sum of their coefficients is determined",
            remedy="Leave all but one out, or give alpha above 0",
        )


def design(theta: NDArray[np.float64], s: NDArray[np.float64], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return [cos sθ, sin sθ], shape (n, 2P).

    In float32 everything is float32, the phases too, as in the paper's appendix C.1; in float64 the phases are
    right to a few ulps.
    """
    if dtype == np.float32:
        phases = np.outer(s.astype(np.float32), theta.astype(np.float32))
        return np.concatenate([np.cos(phases), np.sin(phases)], axis=1)
    cos, sin = phasors(theta, s, space_of())
    return np.concatenate([cos, sin], axis=1)
