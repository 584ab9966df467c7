"""From queries and keys to score coefficients h, and synthetic families of h. The pair layout lives here only."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rope_theory._core.arrays import Array, in_kind, numpy_angular, offsets, phasors, real, space_of
from rope_theory._core.checks import above, at_least, even_width, integer, one_of
from rope_theory.errors import Conflict, WrongType, WrongValue

__all__ = ["PAIRINGS", "adversarial", "aligned", "decaying", "position_free_term", "random_phase", "score_coefficients"]

PAIRINGS = ("half", "interleaved")


def score_coefficients(
    q: Array, k: Array, *, pairing: str, rotary_dim: int | None = None, keep_dtype: bool = False
) -> Array:
    """Return the score coefficients of queries and keys as they are before rotation.

    h_j = q_j · conj(k_j), with q_j = q[first of pair j] + i·q[second of pair j], so that the rotated score at
    offset s = m − n is Re Σ_j h_j e^{isθ_j} (and ``position_free_term`` where part of the head does not rotate).

    Parameters
    ----------
    q, k : array or tensor, shapes (..., head_dim), broadcast against each other
        Queries and keys before rotation, after any query or key norm.
    pairing : {"half", "interleaved"}
        "half" pairs (j, j + rotary_dim/2), the layout of Hugging Face checkpoints; "interleaved" pairs
        (2j, 2j + 1), that of Meta's, GPT-J and GLM.
    rotary_dim : int, optional
        Width of the rotated part, the first dimensions of the head; all of it when not given.
    keep_dtype : bool
        Compute in the tensors' own float32 instead of float64; numpy arrays are computed in float64.

    Returns
    -------
    array or tensor, complex, shape (..., P)
        Differentiable under torch.

    Raises
    ------
    ValueError
        For an unknown pairing, an odd or too large rotary_dim, shapes that do not match, NaN or infinity.

    Notes
    -----
    Source: arXiv 2306.15595 v2, equation (3).

    Examples
    --------
    >>> import numpy as np
    >>> import rope_theory as rt
    >>> rt.score_coefficients(np.ones(4), np.array([1.0, 2.0, 3.0, 4.0]), pairing="half")
    array([4.-2.j, 6.-2.j])
    """
    one_of(pairing, "pairing", PAIRINGS)
    space = space_of(q, k, keep_dtype=keep_dtype)
    q, k = real(q, "q", space), real(k, "k", space)
    width = _rotated_width(q, k, rotary_dim)
    (q_real, q_imag), (k_real, k_imag) = pair_parts(q, width, pairing), pair_parts(k, width, pairing)
    h_real = q_real * k_real + q_imag * k_imag
    h_imag = q_imag * k_real - q_real * k_imag
    return h_real + 1j * h_imag if space.is_numpy else space.xp.complex(h_real, h_imag)


def position_free_term(q: Array, k: Array, *, rotary_dim: int, keep_dtype: bool = False) -> Array:
    """Return the part of the score that does not rotate: C = Σ_{i ≥ rotary_dim} q_i k_i.

    Parameters
    ----------
    q, k : array or tensor, shapes (..., head_dim), broadcast against each other
        Queries and keys before rotation.
    rotary_dim : int
        Width of the rotated part; equal to head_dim, C is zero.
    keep_dtype : bool
        Compute in the tensors' own float32 instead of float64; numpy arrays are computed in float64.

    Returns
    -------
    array or tensor, real, shape (...)

    Raises
    ------
    ValueError
        For an odd or too large rotary_dim, shapes that do not match, NaN or infinity.

    Notes
    -----
    Source: docs/theory.md, section 1.
    """
    space = space_of(q, k, keep_dtype=keep_dtype)
    q, k = real(q, "q", space), real(k, "k", space)
    if rotary_dim is None:
        raise WrongType(
            "rotary_dim", "must be an integer", "None", "a head that rotates whole has no position-free term"
        )
    width = _rotated_width(q, k, rotary_dim)
    return in_kind((q[..., width:] * k[..., width:]).sum(-1), space)


def _rotated_width(q: Array, k: Array, rotary_dim: int | None) -> int:
    if len(q.shape) == 0 or len(k.shape) == 0 or q.shape[-1] != k.shape[-1]:
        raise Conflict(
            ("q", "k"), f"must share their last axis, the head width: got shapes {tuple(q.shape)} and {tuple(k.shape)}"
        )
    try:
        np.broadcast_shapes(tuple(q.shape), tuple(k.shape))
    except ValueError:
        raise WrongValue(
            "q",
            f"{tuple(q.shape)} and k {tuple(k.shape)} do not broadcast",
            remedy="for every query against every key pass q[..., :, None, :] and k[..., None, :, :]",
        ) from None
    head_dim = q.shape[-1]
    width = even_width(
        head_dim if rotary_dim is None else rotary_dim,
        "the last axis of q and k" if rotary_dim is None else "rotary_dim",
    )
    if width > head_dim:
        raise WrongValue("rotary_dim", f"({width}) exceeds the head width of q and k ({head_dim})")
    return width


def pair_parts(x: Array, width: int, pairing: str) -> tuple[Array, Array]:
    """Return the first number of every pair of x (..., head_dim), and the second, (..., width / 2) each."""
    if pairing == "half":
        return x[..., : width // 2], x[..., width // 2 : width]
    return x[..., 0:width:2], x[..., 1:width:2]


def aligned(theta: Any, at: float = 0.0, *, h_max: float = 1.0) -> NDArray[np.complex128]:
    """Return coefficients of equal modulus whose score reaches the triangle bound at one offset.

    h_j = h_max·e^{−i·at·θ_j}, so a(at) = P·h_max.

    Parameters
    ----------
    theta : array (P,) or Frequencies
        Angular frequencies, rad/token.
    at : float
        Offset of the peak, in tokens.
    h_max : float
        Modulus of every coefficient, above 0.

    Returns
    -------
    ndarray, complex, shape (P,)
    """
    space = space_of()
    frequencies = numpy_angular(theta)
    peak = offsets(at, "at", space)
    if peak.ndim:
        raise WrongValue("at", "must be one offset", f"shape {peak.shape}")
    cos, sin = phasors(frequencies, peak, space)
    family: NDArray[np.complex128] = above(h_max, "h_max", 0.0) * (cos - 1j * sin)
    return family


def random_phase(pairs: int, *, seed: int, count: int | None = None, h_max: float = 1.0) -> NDArray[np.complex128]:
    """Return coefficients of equal modulus and independent uniform phases, h_j = h_max·e^{iu_j}.

    Parameters
    ----------
    pairs : int
        Number of frequencies P.
    seed : int
        Seed of numpy's default generator.
    count : int, optional
        Number of draws; without it one, of shape (P,).
    h_max : float
        Modulus of every coefficient, above 0.

    Returns
    -------
    ndarray, complex, shape (P,) or (count, P)
    """
    return decaying(pairs, exponent=0.0, seed=seed, count=count, h_max=h_max)


def decaying(
    pairs: int, *, exponent: float = 1.0, seed: int, count: int | None = None, h_max: float = 1.0
) -> NDArray[np.complex128]:
    """Return coefficients of falling modulus and uniform phases, h_j = h_max·(j + 1)^(−exponent)·e^{iu_j}.

    Parameters
    ----------
    pairs : int
        Number of frequencies P.
    exponent : float
        How fast moduli fall with the pair index, at least 0.
    seed : int
        Seed of numpy's default generator.
    count : int, optional
        Number of draws; without it one, of shape (P,).
    h_max : float
        Modulus of the first coefficient, above 0.

    Returns
    -------
    ndarray, complex, shape (P,) or (count, P)
    """
    pairs = integer(pairs, "pairs", 1)
    shape = (pairs,) if count is None else (integer(count, "count", 1), pairs)
    phases = np.random.default_rng(integer(seed, "seed", 0)).uniform(0.0, 2.0 * np.pi, shape)
    moduli = above(h_max, "h_max", 0.0) * np.arange(1.0, pairs + 1.0) ** -at_least(exponent, "exponent", 0.0)
    family: NDArray[np.complex128] = moduli * np.exp(1j * phases)
    return family


def adversarial(
    theta: Any, s: float, grid: Any = None, weights: Any = None, *, h_max: float = 1.0
) -> NDArray[np.complex128]:
    """Return the coefficients that make the score miss a weighted sum of its values by the most.

    With ρ_j = e^{isθ_j} − Σ_n w_n e^{i·n·θ_j}, h_j = h_max·conj(ρ_j)/abs(ρ_j) attains
    a(s) − Σ w_n a(n) = h_max·Σ abs(ρ_j), the largest possible value. Where ρ_j = 0 the phase is 0.

    Parameters
    ----------
    theta : array (P,) or Frequencies
        Angular frequencies, rad/token.
    s : float
        Offset in tokens.
    grid, weights : array (G,), optional
        Offsets in tokens and real weights; the integers around s and the chord between them when not given,
        which attains ``bounds.chord_sharp``.
    h_max : float
        Modulus of every coefficient, above 0.

    Returns
    -------
    ndarray, complex, shape (P,)

    Raises
    ------
    ValueError
        When only one of grid and weights is given, or their lengths differ.

    Notes
    -----
    Source: docs/theory.md, section 2: equality in the one inequality.
    """
    space = space_of()
    frequencies = numpy_angular(theta)
    at = offsets(s, "s", space)
    if at.ndim:
        raise WrongValue("s", "must be one offset", f"shape {at.shape}")
    offset = float(at)
    if (grid is None) != (weights is None):
        raise Conflict(("grid", "weights"), "belong together: give both or neither")
    if grid is None:
        low = np.floor(offset)
        nodes, shares = np.array([low, low + 1.0]), np.array([1.0 - (offset - low), offset - low])
    else:
        nodes, shares = offsets(grid, "grid", space), real(weights, "weights", space)
        if nodes.shape != shares.shape or nodes.ndim != 1:
            raise Conflict(
                ("grid", "weights"), f"must be one-dimensional and equally long: {nodes.shape}, {shares.shape}"
            )
    # measured from s, so that near nodes lose no digits at large offsets
    cos, sin = phasors(frequencies, nodes - offset, space)
    residual = 1.0 - shares @ (cos + 1j * sin)
    modulus = np.abs(residual)
    present = modulus > 1e-300  # below, the quotient would overflow; its share is nothing
    direction = np.where(present, residual / np.where(present, modulus, 1.0), 1.0)
    cos, sin = phasors(frequencies, at, space)
    family: NDArray[np.complex128] = above(h_max, "h_max", 0.0) * np.conj(direction) * (cos - 1j * sin)
    return family
