"""What finite precision does to a score: both positions are rounded, so their difference alone no longer decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rope_theory._core.arrays import as_numpy, coefficients, space_of
from rope_theory._core.records import Record
from rope_theory.errors import WrongValue
from rope_theory.precision.phases import (
    ROUNDING_OF_BOUNDS,
    KeptFrequencies,
    checked_positions,
    checked_storage,
    checked_theta,
    chord,
    kept_frequencies,
    phasor_difference,
    pieces,
    roundings,
)
from rope_theory.precision.storage import Storage


@dataclass(frozen=True, eq=False)
class ScoreError(Record):
    """Errors of scores made of stored phasors.

    Attributes
    ----------
    storage : Storage
        The formats.
    query_positions, key_positions : ndarray, shape S
        Positions in tokens, broadcast together.
    bound : ndarray, shape (..., *S)
        What the error of the score cannot exceed.
    measured : ndarray, shape (..., *S)
        The error itself, every rounding of the phasors carried out, with its sign: stored minus true; for the stored
        frequencies where they were given and for correctly rounded ones otherwise.
    """

    storage: Storage
    query_positions: NDArray[np.float64]
    key_positions: NDArray[np.float64]
    bound: NDArray[np.float64]
    measured: NDArray[np.float64]


def score_error(
    h: Any, theta: Any, query_positions: Any, key_positions: Any, storage: Storage, *,
    stored: Any = None, frequency_error: Any = None,
) -> ScoreError:  # fmt: skip
    """Return how far a score made of stored cosines and sines lies from a(m − n): proved bound, and the error itself.

    With ẑ(m) the stored phasor, the score is Re Σ_j h_j ẑ_j(m) conj ẑ_j(n); its error is at most
    Σ_j abs(h_j)·(2 sin(min(Δ_j, π)/2) + 2ε + ε²) with

    Δ = abs(m − n)·b + (a(m) + a(n))·(θ + b) + r(m) + r(n)

    and a, b, r and ε as in ``phase_error``; b too depends on what is known of the stored frequencies. A rounded
    frequency (b) still gives a function of m − n; rounded positions and phases (a, r) do not.

    Parameters
    ----------
    h : array, complex, shape (..., P)
        Score coefficients, taken as exact.
    theta : array (P,) or Frequencies
        Angular frequencies, rad/token, taken as exact.
    query_positions, key_positions : array, shapes that broadcast to S
        Positions m and n in tokens, within ±2**53.
    storage : Storage
        The formats.
    stored, frequency_error : array (P,), optional
        The stored frequencies, or the largest error they may have, rad/token, as in ``phase_error``; correctly rounded
        ones where neither is given.

    Returns
    -------
    ScoreError
        ``.bound`` and ``.measured``, shape (..., *S), numpy float64 whatever came.

    Raises
    ------
    TypeError
        When ``storage`` is not a Storage, or for arrays of something else than numbers.
    ValueError
        For NaN, infinity, empty arrays, shapes that do not match, or a number beyond the end of its format; for
        ``stored`` and ``frequency_error`` as in ``phase_error``.

    Notes
    -----
    The rounding of the rotated q and k, of their product, and of any attention factor is not counted: it
    does not grow with the position. Source: docs/theory.md, section 9.
    """
    storage = checked_storage(storage)
    theta = checked_theta(theta, storage)
    h = coefficients(as_numpy(h), theta.size, space_of())
    query = checked_positions(query_positions, "query_positions", storage)
    key = checked_positions(key_positions, "key_positions", storage)
    try:
        query, key = (np.array(array) for array in np.broadcast_arrays(query, key))
    except ValueError:
        raise WrongValue(
            "query_positions",
            f"{query.shape} and key_positions {key.shape} do not broadcast together",
            remedy="give equal shapes, or a column and a row",
        ) from None
    kept = kept_frequencies(theta, storage, stored, frequency_error)
    m, n = query.reshape(-1), key.reshape(-1)
    rows = h.reshape(-1, theta.size)
    bound, measured = np.empty((2, len(rows), m.size))
    for piece in pieces(m.size, 2 * theta.size):
        largest, difference = _factors(theta, m[piece], n[piece], storage, kept)
        bound[:, piece] = abs(rows) @ largest.T * ROUNDING_OF_BOUNDS
        measured[:, piece] = (rows @ difference.T).real
    shape = (*h.shape[:-1], *query.shape)
    return ScoreError(storage, query, key, bound.reshape(shape), measured.reshape(shape))


def _factors(
    theta: NDArray[np.float64], m: NDArray[np.float64], n: NDArray[np.float64], storage: Storage, kept: KeptFrequencies
) -> tuple[NDArray[np.float64], NDArray[np.complex128]]:
    """Return the bound on abs(ẑ(m) conj ẑ(n) − e^{i(m−n)θ}), and that difference, shape (n, P) each."""
    of_m, of_n = roundings(theta, m, storage, kept), roundings(theta, n, storage, kept)
    delta = (
        abs(m - n)[:, None] * of_m.frequency
        + (of_m.position + of_n.position) * (theta + of_m.frequency)
        + of_m.phase
        + of_n.phase
    )
    largest = chord(delta) + 2.0 * of_m.table + of_m.table**2
    d_m, d_n = phasor_difference(of_m), phasor_difference(of_n)
    difference = d_m * of_n.exact.conj() + of_m.exact * d_n.conj() + d_m * d_n.conj()
    return largest, difference
