"""What a ridge fit does, without drawing a single target."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rope_theory._arrays import in_kind, offsets, over_blocks, space_of
from rope_theory._checks import above, at_least
from rope_theory.regression._design import design, frequencies, one_dimensional


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
        Ridge strength, at least 0. Zero needs a design of full numerical rank.
    sigma : float
        Standard deviation of the targets, above 0.

    Returns
    -------
    ndarray, shape S
        float64, numpy only.

    Raises
    ------
    ValueError
        For negative alpha, empty or non-finite offsets, or alpha = 0 with a rank-deficient design: then the
        value would be the rounding of the solver, not a property of the fit.

    Notes
    -----
    Source: docs/theory.md, section 6; the experiment is figure 2 of arXiv 2306.15595 v2.
    """
    space = space_of()
    theta, train = frequencies(theta), one_dimensional(train, "train")
    s = offsets(s, "s", space)
    alpha, sigma = at_least(alpha, "alpha", 0.0), above(sigma, "sigma", 0.0)
    phi = design(theta, train, np.dtype(np.float64))
    _, singular, right = np.linalg.svd(phi, full_matrices=False)
    if alpha == 0.0:
        rank = int((singular > singular[0] * np.finfo(float).eps * max(phi.shape)).sum())
        if rank < phi.shape[1]:
            raise ValueError(
                f"alpha = 0 needs a design of full rank, but {rank} of {phi.shape[1]} singular values stand above "
                "rounding: the result would be noise of the solver. Give alpha above 0."
            )
    gains = singular / (singular**2 + alpha)

    def kernel(piece: NDArray[np.float64]) -> NDArray[np.float64]:
        rows = design(theta, piece, np.dtype(np.float64)) @ right.T
        lengths: NDArray[np.float64] = np.linalg.norm(rows * gains, axis=1)
        return lengths

    flat = sigma * over_blocks(kernel, s.reshape(-1), 4 * len(theta), space)
    result: NDArray[np.float64] = in_kind(flat.reshape(s.shape), space)
    return result
