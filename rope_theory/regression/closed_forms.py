"""What a ridge fit does, without drawing a single target."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rope_theory._core.arrays import in_kind, offsets, over_blocks, space_of
from rope_theory._core.checks import above
from rope_theory._core.design import FLOAT64, design, frequencies, one_dimensional
from rope_theory.regression._spectrum import Spectrum, spectrum


def prediction_std(theta: Any, train: Any, s: Any, *, alpha: float, sigma: float = 1.0) -> NDArray[np.float64]:
    """Return the standard deviation of a ridge fit's prediction at s, over targets of independent noise.

    With y ~ N(0, sigma²·I) on the training offsets and Φ their design,
    std(s) = sigma·‖Φ(ΦᵀΦ + αI)⁻¹ φ(s)‖, computed from the singular value decomposition of Φ.

    Parameters
    ----------
    theta : array (P,) or Frequencies
        Angular frequencies, rad/token.
    train : array, shape (n,)
        Training offsets in tokens.
    s : array, any shape S
        Offsets in tokens at which to predict.
    alpha : float
        Ridge strength, at least 0; not so small that the rounding of the design decides. Zero needs a design of full
        numerical rank.
    sigma : float
        Standard deviation of the targets, above 0.

    Returns
    -------
    ndarray, shape S
        float64, numpy only.

    Raises
    ------
    ValueError
        For negative alpha, empty or non-finite offsets, alpha = 0 with a rank-deficient design, or an alpha so
        small that the value would be the rounding of the solver, not a property of the fit.

    Notes
    -----
    Source: docs/theory.md, section 6; the experiment is figure 2 of arXiv 2306.15595 v2.

    Examples
    --------
    >>> import numpy as np
    >>> import rope_theory as rt
    >>> theta = rt.scaling.Unscaled().frequencies(rt.RopeConfig(head_dim=128))
    >>> rt.regression.prediction_std(theta, np.arange(2048), [1024, 2300], alpha=10.0).round(2)
    array([0.18, 0.33])
    """
    space = space_of()
    s, sigma = offsets(s, "s", space), above(sigma, "sigma", 0.0)
    known = spectrum(theta, train)
    flat = sigma * unit_stds(known, s.reshape(-1), known.strength(alpha))
    result: NDArray[np.float64] = in_kind(flat.reshape(s.shape), space)
    return result


def unit_stds(known: Spectrum, s: NDArray[np.float64], alpha: float) -> NDArray[np.float64]:
    """Return the standard deviations at one-dimensional s for sigma = 1 and a strength that was checked."""
    gains = known.gains(alpha)
    lengths: NDArray[np.float64] = over_blocks(
        lambda piece: np.linalg.norm(known.coordinates(piece) * gains, axis=1), s, 4 * len(known.theta), space_of()
    )
    return lengths


def effective_dof(theta: Any, train: Any, *, alpha: float) -> float:
    """Return the effective degrees of freedom of a ridge fit: the trace of the matrix that takes targets to fits.

    tr Φ(ΦᵀΦ + αI)⁻¹Φᵀ = Σ_k σ_k²/(σ_k² + alpha), σ_k the singular values of Φ: between 0 and their number.

    Parameters
    ----------
    theta : array (P,) or Frequencies
        Angular frequencies, rad/token.
    train : array, shape (n,)
        Training offsets in tokens.
    alpha : float
        Ridge strength, at least 0; not so small that the rounding of the design decides.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        For negative alpha, empty or non-finite offsets, or an alpha below what float64 can answer for.

    Notes
    -----
    Source: docs/theory.md, section 6.
    """
    known = spectrum(theta, train)
    return float(known.kept(known.strength(alpha)).sum())


def design_matrix(theta: Any, s: Any) -> NDArray[np.float64]:
    """Return the design matrix of least squares, [cos sθ, sin sθ], in float64.

    Its singular values say how many directions a set of offsets trains, and what a ridge costs.

    Parameters
    ----------
    theta : array_like, shape (P,), or Frequencies
        Angular frequencies, rad/token.
    s : array_like, shape (n,)
        Offsets in tokens.

    Returns
    -------
    ndarray, shape (n, 2P)
        One row per offset; cosines first.

    Raises
    ------
    ValueError, TypeError
        For frequencies that are negative or not finite, and offsets of another shape.

    Notes
    -----
    Source: arXiv 2306.15595, appendix C.1.
    """
    return design(frequencies(theta), one_dimensional(s, "s"), FLOAT64)
