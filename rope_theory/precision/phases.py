"""What finite precision does to the phasor e^{imθ} at a position m: proved bound and measured error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rope_theory._arrays import (
    BLOCK_ELEMENTS,
    _product_error,
    as_numpy,
    first,
    numpy_angular,
    offsets,
    phasors,
    space_of,
)
from rope_theory._checks import above, integer
from rope_theory._records import Record
from rope_theory.precision.formats import FLOAT32, FLOAT64, FORMATS, Format, largest_rounding_error, rounded
from rope_theory.precision.storage import Storage

EVALUATION_ULPS = 2.0
"""Assumed error of cos and sin, in units in the last place: what CUDA documents for float32; CPU libraries keep 1."""

LARGEST_TABLE = 1 << 26
"""Most positions × pairs in one result (512 MiB an array)."""

ROUNDING_OF_BOUNDS = 1.0 + 2.0**-45
"""The bounds are computed in float64 themselves, by a few dozen operations on positive numbers."""


@dataclass(frozen=True, eq=False)
class PhaseError(Record):
    """Errors of the stored phasors, by position and pair.

    Attributes
    ----------
    storage : Storage
        The formats.
    positions : ndarray, shape S
        Positions in tokens.
    theta : ndarray, shape (P,)
        Angular frequencies in rad/token, taken as exact.
    bound : ndarray, shape (*S, P)
        What the distance abs(ĉ + iŝ − e^{imθ}) cannot exceed.
    measured : ndarray, shape (*S, P)
        The distance itself, every rounding carried out.
    """

    storage: Storage
    positions: NDArray[np.float64]
    theta: NDArray[np.float64]
    bound: NDArray[np.float64]
    measured: NDArray[np.float64]

    @property
    def largest_bound(self) -> NDArray[np.float64]:
        """Largest bound over the pairs, shape S."""
        result: NDArray[np.float64] = self.bound.max(axis=-1)
        return result

    @property
    def largest_measured(self) -> NDArray[np.float64]:
        """Largest measured error over the pairs, shape S."""
        result: NDArray[np.float64] = self.measured.max(axis=-1)
        return result


@dataclass(frozen=True)
class BrokenPosition(Record):
    """Where the phasors of a storage first leave a tolerance.

    Attributes
    ----------
    storage : Storage
        The formats.
    tolerance : float
        Largest distance from e^{imθ} that is accepted, over all pairs.
    length : int
        Positions 0 … length − 1 were looked at, in tokens.
    measured : int or None
        First position whose measured error exceeds the tolerance; None where none does.
    safe_until : int
        No position before this one can exceed it, by the proved bound; ``length`` where none can.
    """

    storage: Storage
    tolerance: float
    length: int
    measured: int | None
    safe_until: int


class Roundings(NamedTuple):
    """Largest errors of the single roundings, and the errors that were made; (n, 1), (1, P) or (n, P) each."""

    position: NDArray[np.float64]
    frequency: NDArray[np.float64]
    phase: NDArray[np.float64]
    table: float
    phase_made: NDArray[np.float64]
    table_made: NDArray[np.complex128]
    exact: NDArray[np.complex128]
    """e^{imθ} itself."""


def phase_error(theta: Any, positions: Any, storage: Storage) -> PhaseError:
    """Return how far stored cosines and sines lie from e^{imθ}: proved bound, and the error itself.

    With a, b and r the errors of rounding m, θ and the product of the two, 0 where nothing is lost and
    otherwise at most u/(1+u) of what is rounded, the stored phase is off by at most

    δ = a·θ + abs(m)·b + a·b + r,

    and the stored phasor by at most 2 sin(min(δ, π)/2) + ε, where ε, one number for the whole table, counts the
    evaluation of cos and sin (two units in the last place) and their rounding.

    Parameters
    ----------
    theta : array (P,) or Frequencies
        Angular frequencies, rad/token, taken as exact.
    positions : array, any shape S
        Positions in tokens, within ±2**53.
    storage : Storage
        The formats, such as ``STORAGES["bfloat16 table"]``.

    Returns
    -------
    PhaseError
        ``.bound`` and ``.measured``, shape (*S, P), numpy float64 whatever came.

    Raises
    ------
    TypeError
        When ``storage`` is not a Storage, or for arrays of something else than real numbers.
    ValueError
        For NaN, infinity or empty arrays, for a position, frequency or phase beyond the end of its format (float16
        ends at 65504), and for more than 2**26 positions × pairs.

    Notes
    -----
    Measured is the error of correctly rounded operations; a real kernel has its own cosine, within the bound as
    long as it is right to two units in the last place. Source: docs/theory.md, section 9.
    """
    theta, positions = _inputs(theta, positions, storage)
    if positions.size * theta.size > LARGEST_TABLE:
        raise ValueError(
            f"{positions.size} positions × {theta.size} pairs are more than {LARGEST_TABLE}, all one result holds; "
            "give fewer positions, or use first_broken_position, which keeps no table."
        )
    flat = positions.reshape(-1)
    bound, measured = np.empty((2, flat.size, theta.size))
    for piece in _pieces(flat.size, theta.size):
        made = roundings(theta, flat[piece], storage)
        bound[piece], measured[piece] = phasor_bound(made, theta, flat[piece]), phasor_error(made)
    shape = (*positions.shape, theta.size)
    return PhaseError(storage, positions, theta, bound.reshape(shape), measured.reshape(shape))


def first_broken_position(theta: Any, storage: Storage, tolerance: float, length: int) -> BrokenPosition:
    """Return the first integer position where the stored phasors leave a tolerance.

    The smallest m in [0, length) with max_j abs(ĉ_j + iŝ_j − e^{imθ_j}) > tolerance, and the first where the bound
    of ``phase_error`` allows that.

    Parameters
    ----------
    theta : array (P,) or Frequencies
        Angular frequencies, rad/token.
    storage : Storage
        The formats.
    tolerance : float
        Accepted distance of phasors, above 0; it is at most 2 for phasors of length 1.
    length : int
        Number of positions to look at, in tokens, at most 2**24.

    Returns
    -------
    BrokenPosition
        ``.measured`` (None where no position exceeds the tolerance) and ``.safe_until``.

    Raises
    ------
    TypeError
        When ``storage`` is not a Storage or a number is none.
    ValueError
        For a tolerance not above 0, a length below 1 or above 2**24, or one that leaves the range of a format.

    Notes
    -----
    Source: docs/theory.md, section 9.
    """
    tolerance = above(tolerance, "tolerance", 0.0, "It is a distance between phasors.")
    length = integer(length, "length", 1, "It is the number of positions to look at.")
    if length > 2**24:
        raise ValueError(f"length must be at most 2**24, got {length}: every position is computed, one by one.")
    theta, _ = _inputs(theta, [0, length - 1], storage)
    measured: int | None = None
    safe_until: int | None = None
    for piece in _pieces(length, theta.size):
        positions = np.arange(piece.start, min(piece.stop, length), dtype=np.float64)
        made = roundings(theta, positions, storage)
        if safe_until is None:
            safe_until = _first_above(phasor_bound(made, theta, positions), tolerance, piece.start)
        measured = _first_above(phasor_error(made), tolerance, piece.start)
        if measured is not None:  # the bound, being larger, was exceeded here or before
            break
    return BrokenPosition(storage, tolerance, length, measured, length if safe_until is None else safe_until)


def roundings(theta: NDArray[np.float64], positions: NDArray[np.float64], storage: Storage) -> Roundings:
    """Carry out every rounding of the phasors at positions (n,)."""
    in_position, in_frequency, in_phase, in_table = formats(storage)
    m, frequency = positions[:, None], theta[None, :]
    m_stored, frequency_stored = rounded(m, in_position), rounded(frequency, in_frequency)
    position = np.where(m_stored == m, 0.0, largest_rounding_error(abs(m), in_position))
    lost = np.where(frequency_stored == frequency, 0.0, largest_rounding_error(frequency, in_frequency))

    product = m_stored * frequency_stored
    phase_stored = rounded(product, in_phase)
    refuse_overflow(phase_stored, product, "phase", in_phase)
    product_lost = _product_error(m_stored, frequency_stored, product)  # float64 rounds the product, too
    phase_exact = (phase_stored == product) & (product_lost == 0.0)
    largest = (abs(m) + position) * (frequency + lost)
    phase = np.where(phase_exact, 0.0, largest_rounding_error(largest, in_phase))
    if in_phase is not FLOAT64:
        phase = np.where(product_lost == 0.0, phase, phase + largest_rounding_error(largest, FLOAT64))

    true_product = m * frequency
    phase_made = (phase_stored - true_product) - _product_error(m, frequency, true_product)
    computed_in = evaluation_format(in_phase)
    cos, sin = np.cos(phase_stored), np.sin(phase_stored)
    table_made = np.zeros(phase_stored.shape, dtype=np.complex128)
    if computed_in is not FLOAT64 or in_table is not FLOAT64:  # float64 cannot see its own error
        table_made.real = rounded(rounded(cos, computed_in), in_table) - cos
        table_made.imag = rounded(rounded(sin, computed_in), in_table) - sin
    exact_cos, exact_sin = phasors(theta, positions, space_of())
    return Roundings(
        position, lost, phase, table_bound(computed_in, in_table), phase_made, table_made, exact_cos + 1j * exact_sin
    )


def phasor_bound(made: Roundings, theta: NDArray[np.float64], positions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 2 sin(min(δ, π)/2) + ε, shape (n, P)."""
    m = abs(positions)[:, None]
    delta = made.position * theta + m * made.frequency + made.position * made.frequency + made.phase
    return (chord(delta) + made.table) * ROUNDING_OF_BOUNDS


def phasor_error(made: Roundings) -> NDArray[np.float64]:
    """Return abs(ĉ + iŝ − e^{imθ}), shape (n, P)."""
    return np.abs(phasor_difference(made))


def phasor_difference(made: Roundings) -> NDArray[np.complex128]:
    """Return ĉ + iŝ − e^{imθ}, shape (n, P), without subtracting nearly equal phasors.

    e^{i(φ+δ)} − e^{iφ} = e^{iφ}(i sin δ − 2 sin²(δ/2)).
    """
    turn = 1j * np.sin(made.phase_made) - 2.0 * np.sin(0.5 * made.phase_made) ** 2
    result: NDArray[np.complex128] = made.exact * turn + made.table_made
    return result


def chord(delta: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the largest distance of two phasors whose phases differ by at most δ."""
    result: NDArray[np.float64] = 2.0 * np.sin(0.5 * np.minimum(delta, np.pi))
    return result


def table_bound(computed_in: Format, kept_in: Format) -> float:
    """Return ε: the largest distance of a stored pair of cosine and sine from e^{iφ}, φ the stored phase.

    A unit in the last place of a number below 1 is at most u, so two of them in each of the two numbers make
    √2·2·u; rounding to a narrower table costs u/(1+u) of the pair's length, and η/2 in each near zero.
    """
    evaluation = np.sqrt(2.0) * EVALUATION_ULPS * computed_in.roundoff
    if kept_in.digits >= computed_in.digits:
        return float(evaluation)
    share = kept_in.roundoff / (1.0 + kept_in.roundoff)
    return float(evaluation + share * (1.0 + evaluation) + np.sqrt(0.5) * kept_in.spacing_at_zero)


def evaluation_format(phase: Format) -> Format:
    """Return the format cos and sin are evaluated in: float32 at least, as kernels do."""
    return phase if phase.digits > FLOAT32.digits else FLOAT32


def formats(storage: Storage) -> tuple[Format, Format, Format, Format]:
    """Return the four formats of a storage."""
    return FORMATS[storage.position], FORMATS[storage.frequency], FORMATS[storage.phase], FORMATS[storage.table]


def checked_storage(storage: Any) -> Storage:
    """Return ``storage`` when it is one."""
    if not isinstance(storage, Storage):
        raise TypeError(
            f'storage must be a Storage, got {type(storage).__name__}; such as Storage(table="bfloat16") or one of '
            "STORAGES."
        )
    return storage


def checked_positions(positions: Any, name: str, storage: Storage) -> NDArray[np.float64]:
    """Return positions as numpy's, or raise where their format ends before them."""
    result: NDArray[np.float64] = offsets(as_numpy(positions), name, space_of())
    target = FORMATS[storage.position]
    refuse_overflow(rounded(result, target), result, name, target)
    return result


def checked_theta(theta: Any, storage: Storage) -> NDArray[np.float64]:
    """Return frequencies as numpy's, or raise where their format ends before them."""
    result: NDArray[np.float64] = numpy_angular(theta)
    target = FORMATS[storage.frequency]
    refuse_overflow(rounded(result, target), result, "theta", target)
    return result


def refuse_overflow(stored: NDArray[np.float64], given: NDArray[np.float64], name: str, target: Format) -> None:
    """Raise when a stored number is infinite."""
    if not np.isfinite(stored).all():
        what = "m·θ" if name == "phase" else name
        raise ValueError(
            f"{what} reaches {first(given, ~np.isfinite(stored)):g}, and {target.name} ends at {target.largest:g}: it "
            f"would be stored as infinity. Use a wider format for it in Storage, or smaller positions."
        )


def _inputs(theta: Any, positions: Any, storage: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    storage = checked_storage(storage)
    return checked_theta(theta, storage), checked_positions(positions, "positions", storage)


def _pieces(count: int, width: int) -> list[slice]:
    length = max(1, BLOCK_ELEMENTS // (4 * width))  # a dozen tables are alive at a time
    return [slice(start, start + length) for start in range(0, count, length)]


def _first_above(table: NDArray[np.float64], tolerance: float, start: int) -> int | None:
    beyond = (table > tolerance).any(axis=-1)
    return start + int(beyond.argmax()) if beyond.any() else None
