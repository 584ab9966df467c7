"""What finite precision does to the phasor e^{imθ} at a position m: proved bound and measured error."""

from __future__ import annotations

import bisect
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rope_theory._core.arrays import (
    BLOCK_ELEMENTS,
    _product_error,
    as_numpy,
    first,
    numpy_angular,
    offsets,
    phasors,
    real,
    space_of,
)
from rope_theory._core.checks import above, instance_of, integer
from rope_theory._core.records import Record
from rope_theory.errors import Conflict, NotEnoughMemory, OutOfRange, WrongValue
from rope_theory.precision.formats import FLOAT32, FLOAT64, FORMATS, Format, largest_rounding_error, rounded
from rope_theory.precision.storage import Storage

EVALUATION_ULPS = 3.5
"""Assumed error of cos and sin, in units in the last place: that of SLEEF's ``u35``, which torch calls on a CPU without
MKL. CUDA documents 2 for float32, MKL keeps 1."""

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
        The distance itself, every rounding carried out, for the stored frequencies where they were given and for
        correctly rounded ones otherwise.
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
        First position whose measured error exceeds the tolerance, for the stored frequencies where they were given and
        for correctly rounded ones otherwise; None where none does.
    safe_until : int
        No position before this one can exceed it, by the bound under the same hypotheses; ``length`` where none can.
    """

    storage: Storage
    tolerance: float
    length: int
    measured: int | None
    safe_until: int


class KeptFrequencies(NamedTuple):
    """Frequencies as they are stored, the largest error they are taken to have, and which are certain; (P,) each."""

    stored: NDArray[np.float64]
    error: NDArray[np.float64]
    certain: NDArray[np.bool_]
    """Where the hypothesis admits no other frequency than ``stored``."""


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


def phase_error(
    theta: Any, positions: Any, storage: Storage, *, stored: Any = None, frequency_error: Any = None
) -> PhaseError:
    """Return how far stored cosines and sines lie from e^{imθ}: proved bound, and the error itself.

    With a, b and r the errors of m, θ and the product of the two, the stored phase is off by at most

    δ = a·θ + abs(m)·b + a·b + r,

    and the stored phasor by at most 2 sin(min(δ, π)/2) + ε, where ε, one number for the whole table, counts the
    evaluation of cos and sin (3.5 units in the last place) and their rounding. a and r are 0 where nothing is lost and
    otherwise at most u/(1+u) of what is rounded. b is the hypothesis on the stored frequencies: they are θ correctly
    rounded, unless ``stored`` gives them or ``frequency_error`` bounds their error. An implementation rarely rounds
    correctly: transformers' ``inv_freq`` is several units off, and needs one of the two.

    Parameters
    ----------
    theta : array (P,) or Frequencies
        Angular frequencies, rad/token, taken as exact.
    positions : array, any shape S
        Positions in tokens, within ±2**53.
    storage : Storage
        The formats, such as ``STORAGES["bfloat16 table"]``.
    stored : array (P,), optional
        The stored frequencies themselves, rad/token, such as the buffer ``inv_freq`` of a model; b = abs(stored − θ).
    frequency_error : array (P,), optional
        The largest error b of the stored frequencies, rad/token, such as ``inv_freq_error(table)`` for float32 buffers
        that transformers computes.

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
        ends at 65504), for more than 2**26 positions × pairs, for ``stored`` and ``frequency_error`` together or of
        another shape than theta, for stored numbers that their format does not have, and for a ``frequency_error``
        smaller than that of correct rounding.

    Notes
    -----
    Measured is the error of correctly rounded operations on the stored frequencies (correctly rounded ones where
    ``stored`` is not given); a real kernel has its own cosine, within the bound as long as it is right to 3.5 units in
    the last place. Source: docs/theory.md, section 9.
    """
    theta, positions = _inputs(theta, positions, storage)
    if positions.size * theta.size > LARGEST_TABLE:
        raise NotEnoughMemory(
            f"{positions.size} positions × {theta.size} pairs are more than {LARGEST_TABLE}, all one result holds",
            "give fewer positions, or use first_broken_position, which keeps no table",
        )
    kept = kept_frequencies(theta, storage, stored, frequency_error)
    flat = positions.reshape(-1)
    bound, measured = np.empty((2, flat.size, theta.size))
    for piece in pieces(flat.size, theta.size):
        made = roundings(theta, flat[piece], storage, kept)
        bound[piece], measured[piece] = phasor_bound(made, theta, flat[piece]), np.abs(phasor_difference(made))
    shape = (*positions.shape, theta.size)
    return PhaseError(storage, positions, theta, bound.reshape(shape), measured.reshape(shape))


def first_broken_position(
    theta: Any, storage: Storage, tolerance: float, length: int, *, stored: Any = None, frequency_error: Any = None
) -> BrokenPosition:
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
    stored, frequency_error : array (P,), optional
        The stored frequencies, or the largest error they may have, rad/token, as in ``phase_error``; correctly rounded
        ones where neither is given.

    Returns
    -------
    BrokenPosition
        ``.measured`` (None where no position exceeds the tolerance) and ``.safe_until``.

    Raises
    ------
    TypeError
        When ``storage`` is not a Storage or a number is none.
    ValueError
        For a tolerance not above 0, a length below 1 or above 2**24, or one that leaves the range of a format; for
        ``stored`` and ``frequency_error`` as in ``phase_error``.

    Notes
    -----
    Source: docs/theory.md, section 9.
    """
    tolerance = above(tolerance, "tolerance", 0.0, "It is a distance between phasors.")
    length = integer(length, "length", 1, "It is the number of positions to look at.")
    if length > 2**24:
        raise OutOfRange("length", length, high=2**24, remedy="every position is computed, one by one")
    theta, _ = _inputs(theta, [0, length - 1], storage)
    kept = kept_frequencies(theta, storage, stored, frequency_error)
    measured: int | None = None
    safe_until: int | None = None
    for piece in pieces(length, theta.size):
        positions = np.arange(piece.start, min(piece.stop, length), dtype=np.float64)
        made = roundings(theta, positions, storage, kept)
        if safe_until is None:
            safe_until = _first_above(phasor_bound(made, theta, positions), tolerance, piece.start)
        measured = _first_above(np.abs(phasor_difference(made)), tolerance, piece.start)
        if measured is not None:  # the bound, being larger, was exceeded here or before
            break
    return BrokenPosition(storage, tolerance, length, measured, length if safe_until is None else safe_until)


def safe_positions(
    theta: NDArray[np.float64], storage: Storage, tolerance: float, length: int, frequency_error: NDArray[np.float64]
) -> int:
    """Return a number n ≤ length such that no integer position below n can leave the tolerance, by bisection.

    The bound of ``phase_error`` itself falls again where a position or a product happens to be exact, at powers of two
    above all. Bisected is its envelope, which grows with the position: every product is taken to be rounded, and every
    position beyond the last one up to which its format has all integers.
    """
    in_position, _, in_phase, _ = formats(storage)

    def envelope(m: int) -> float:
        a = 0.0 if m <= 2**in_position.digits else float(largest_rounding_error(m, in_position))
        largest = (m + a) * (theta + frequency_error)
        r = largest_rounding_error(largest, in_phase)
        if in_phase is not FLOAT64:
            r = r + largest_rounding_error(largest, FLOAT64)
        delta = a * theta + m * frequency_error + a * frequency_error + r
        table = table_bound(evaluation_format(in_phase), FORMATS[storage.table])
        return float((chord(delta).max() + table) * ROUNDING_OF_BOUNDS)

    return bisect.bisect_right(range(length), tolerance, key=envelope)


def kept_frequencies(
    theta: NDArray[np.float64], storage: Storage, stored: Any = None, frequency_error: Any = None
) -> KeptFrequencies:
    """Return the stored frequencies and the largest error b they are taken to have, by the hypothesis in force."""
    target = FORMATS[storage.frequency]
    nearest = rounded(theta, target)
    if stored is not None and frequency_error is not None:
        raise Conflict(
            ("stored", "frequency_error"),
            "are both given",
            remedy="give the stored frequencies alone, whose error is then known, or a bound on their error alone",
        )
    if stored is not None:
        given = _one_per_pair(stored, theta, "stored")
        if not np.array_equal(rounded(given, target), given):
            index = int(np.argmax(rounded(given, target) != given))
            raise WrongValue(
                f"stored[{index}]",
                f"= {float(given[index])!r} is not a number of {target.name}, the format of "
                "frequencies in this Storage",
                remedy="give the buffer in that format, or the Storage of the buffer's dtype",
            )
        return KeptFrequencies(given, np.abs(given - theta), np.full(theta.shape, True))
    if frequency_error is None:
        error = np.where(nearest == theta, 0.0, largest_rounding_error(theta, target))
        return KeptFrequencies(nearest, error, np.full(theta.shape, True))
    error = _one_per_pair(frequency_error, theta, "frequency_error")
    if (error < 0.0).any():
        raise WrongValue(
            "frequency_error",
            "must not be negative",
            f"{first(error, error < 0.0):g}",
            "give the largest absolute error of each stored frequency, in rad/token",
        )
    if (small := error < np.abs(nearest - theta)).any():
        index = int(np.argmax(small))
        raise WrongValue(
            f"frequency_error[{index}]",
            f"= {error[index]:g} rad/token, but no number of {target.name} lies so close to θ = "
            f"{theta[index]:g}: correct rounding alone costs {abs(nearest - theta)[index]:g}",
            remedy="Give a larger error, or the buffer itself as stored",
        )
    return KeptFrequencies(nearest, error, error == 0.0)


def _one_per_pair(values: Any, theta: NDArray[np.float64], name: str) -> NDArray[np.float64]:
    """Return finite numbers, one per frequency."""
    result: NDArray[np.float64] = real(as_numpy(values), name, space_of())
    if result.shape != theta.shape:
        raise WrongValue(
            name,
            f"must have one number per frequency: theta has {theta.size}, {name} has shape {result.shape}",
            remedy="Give both of the same model",
        )
    return result


def roundings(
    theta: NDArray[np.float64], positions: NDArray[np.float64], storage: Storage, kept: KeptFrequencies
) -> Roundings:
    """Carry out every rounding of the phasors at positions (n,)."""
    in_position, _, in_phase, in_table = formats(storage)
    m, frequency = positions[:, None], theta[None, :]
    m_stored, frequency_stored, lost = rounded(m, in_position), kept.stored[None, :], kept.error[None, :]
    position = np.where(m_stored == m, 0.0, largest_rounding_error(abs(m), in_position))

    product = m_stored * frequency_stored
    phase_stored = rounded(product, in_phase)
    refuse_overflow(phase_stored, product, "m·θ", in_phase)
    product_lost = _product_error(m_stored, frequency_stored, product)  # float64 rounds the product, too
    # a product that happens to be exact says nothing of another frequency that the hypothesis admits
    known = kept.certain[None, :] | (m == 0.0)
    product_exact = (product_lost == 0.0) & known
    largest = (abs(m) + position) * (frequency + lost)
    phase = np.where(product_exact & (phase_stored == product), 0.0, largest_rounding_error(largest, in_phase))
    if in_phase is not FLOAT64:
        phase = np.where(product_exact, phase, phase + largest_rounding_error(largest, FLOAT64))

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


def phasor_difference(made: Roundings) -> NDArray[np.complex128]:
    """Return ĉ + iŝ − e^{imθ}, shape (n, P), without subtracting nearly equal phasors.

    e^{i(φ+δ)} − e^{iφ} = e^{iφ}(i sin δ − 2 sin²(δ/2)).
    """
    turn = 1j * np.sin(made.phase_made) - 2.0 * np.sin(0.5 * made.phase_made) ** 2
    return made.exact * turn + made.table_made


def chord(delta: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the largest distance of two phasors whose phases differ by at most δ."""
    return 2.0 * np.sin(0.5 * np.minimum(delta, np.pi))


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
    return instance_of(storage, "storage", Storage, 'such as Storage(table="bfloat16") or one of STORAGES')


def checked_positions(positions: Any, name: str, storage: Storage) -> NDArray[np.float64]:
    """Return positions as numpy's, or raise where their format ends before them."""
    return _held_by(FORMATS[storage.position], offsets(as_numpy(positions), name, space_of()), name)


def checked_theta(theta: Any, storage: Storage) -> NDArray[np.float64]:
    """Return frequencies as numpy's, or raise where their format ends before them."""
    return _held_by(FORMATS[storage.frequency], numpy_angular(theta), "theta")


def _held_by(target: Format, values: NDArray[np.float64], name: str) -> NDArray[np.float64]:
    refuse_overflow(rounded(values, target), values, name, target)
    return values


def refuse_overflow(stored: NDArray[np.float64], given: NDArray[np.float64], name: str, target: Format) -> None:
    """Raise when a stored number is infinite."""
    if not np.isfinite(stored).all():
        raise WrongValue(
            name,
            f"reaches {first(given, ~np.isfinite(stored)):g}, and {target.name} ends at "
            f"{target.largest:g}: it would be stored as infinity",
            remedy="Use a wider format for it in Storage, or smaller positions",
        )


def _inputs(theta: Any, positions: Any, storage: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    storage = checked_storage(storage)
    return checked_theta(theta, storage), checked_positions(positions, "positions", storage)


def pieces(count: int, width: int) -> list[slice]:
    """Return slices of ``count`` positions whose tables, ``width`` columns each, are held at one time."""
    length = max(1, BLOCK_ELEMENTS // (4 * width))  # a dozen tables are alive at a time
    return [slice(start, start + length) for start in range(0, count, length)]


def _first_above(table: NDArray[np.float64], tolerance: float, start: int) -> int | None:
    beyond = (table > tolerance).any(axis=-1)
    return start + int(beyond.argmax()) if beyond.any() else None
