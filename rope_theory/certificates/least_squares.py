"""The least-squares fit over [cos sθ, sin sθ] as it is, not as a solver rounds it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rope_theory._core.arrays import numpy_angular, offsets, real, space_of
from rope_theory._core.balls import FEWEST_BITS, largest, working_precision
from rope_theory._core.checks import at_least, integer
from rope_theory._core.design import check_regular, one_dimensional
from rope_theory._core.records import Record
from rope_theory.certificates._design import Design
from rope_theory.certificates.enclosure import Enclosure, enclosed
from rope_theory.errors import OutOfRange, TooFewBits, WrongValue
from rope_theory.scaling._exact_form import REAL, frequency_balls, kind_of_frequencies

MOST_BITS = 1 << 15
"""Precision at which a design is given up as singular, or too close to it."""

MOST_DIGITS = 1000
"""Decimal digits that can be asked for."""

PIECE = 4096
"""Offsets predicted at one time; more would only fill memory."""

GUARD_BITS = 64
"""Extra bits of phases in predictions: offsets reach 2**53."""


@dataclass(frozen=True, eq=False)
class ExactFit(Record):
    """A least-squares or ridge fit whose every number is enclosed.

    Attributes
    ----------
    theta : Frequencies or ndarray (P,)
        Angular frequencies it was fitted with, rad/token.
    train : ndarray, shape (n,)
        Training offsets, tokens.
    alpha : float
        Ridge strength.
    bits : int
        Working precision that was needed.
    coefficients : Enclosure
        Coefficients of the cosines, then of the sines, shape (2P,). They may be far too large for float64 to predict
        with: use ``predict``, which keeps all their digits.
    largest_coefficient : Enclosure
        The largest of their absolute values.
    largest_modulus : Enclosure
        The largest abs(h_j), h_j = α_j − iβ_j.
    exact : tuple of (str, int, str, int)
        Midpoint and radius of each coefficient, each as m, e, which stand for m·2^e, with m in hexadecimal.
    """

    theta: Any
    train: NDArray[np.float64]
    alpha: float
    bits: int
    coefficients: Enclosure
    largest_coefficient: Enclosure
    largest_modulus: Enclosure
    exact: tuple[tuple[str, int, str, int], ...] = field(repr=False)

    @property
    def h(self) -> NDArray[np.complex128]:
        """Score coefficients α_j − iβ_j, shape (P,), rounded to float64: for their sizes, not for predictions."""
        middle = self.coefficients.middle
        rounded = np.empty(len(middle) // 2, np.complex128)
        rounded.real, rounded.imag = middle[: len(rounded)], -middle[len(rounded) :]
        return rounded

    def predict(self, s: Any) -> Enclosure:
        """Return enclosures of the fit at offsets s.

        Parameters
        ----------
        s : array, any shape S, or float
            Offsets in tokens; evenly spaced ones are fast.

        Returns
        -------
        Enclosure
            Ends of shape S.

        Raises
        ------
        ValueError
            For NaN, infinity, empty arrays or offsets beyond 2**53.
        """
        s = offsets(s, "s", space_of())
        flat = s.reshape(-1)
        with working_precision(self.bits + GUARD_BITS) as flint:
            theta, coefficients = frequency_balls(self.theta, flint), [_restored(ball, flint) for ball in self.exact]
            balls: list[Any] = []
            for first in range(0, len(flat), PIECE):
                balls += Design(theta, flat[first : first + PIECE], flint).values(coefficients)
            return enclosed(balls, s.shape, self.bits, kind_of_frequencies(self.theta))


def exact_least_squares(
    theta: Any, s: Any, y: Any, *, alpha: float = 0.0, digits: int = 15, bits: int | None = None
) -> ExactFit:
    """Return the least-squares or ridge fit to targets, in ball arithmetic.

    w = argmin ‖Φw − y‖² + alpha·‖w‖², Φ = [cos sθ_j, sin sθ_j], from the normal equations
    (ΦᵀΦ + alpha·I) w = Φᵀy. The precision is doubled until every coefficient is known to ``digits`` digits and their
    radii together stay below 10^−digits·max abs(y), so that the fit is known as well at every offset.

    Parameters
    ----------
    theta : array (P,) or Frequencies
        Angular frequencies, rad/token: real numbers for tables made of powers of a base, else float64 taken as exact.
    s : array, shape (n,)
        Training offsets in tokens. Exactly even ones are fast; others cost n·P² products.
    y : array, shape (n,)
        Targets, float64 taken as exact.
    alpha : float
        Ridge strength, at least 0.
    digits : int
        Decimal digits wanted; coefficients below 10^−digits times the largest count as zero.
    bits : int, optional
        Precision to begin with; a guess from the size of the problem when not given.

    Returns
    -------
    ExactFit

    Raises
    ------
    ValueError
        For shapes that do not match, NaN or infinity, negative alpha, and with alpha = 0 a singular design: fewer
        distinct offsets than coefficients, a frequency 0, equal frequencies, or one that 32768 bits cannot tell
        from singular.

    Notes
    -----
    Source: docs/theory.md, section 6; the experiment is figure 2 of arXiv 2306.15595 v2.
    """
    s, y = one_dimensional(s, "s"), real(y, "y", space_of())
    if y.shape != s.shape:
        raise WrongValue(
            "y", f"must have shape {s.shape} to match s", f"{y.shape}", "several targets need several calls"
        )
    return exact_fits(theta, s, y[:, None], alpha=alpha, digits=digits, bits=bits)[0]


def exact_fits(
    theta: Any, s: Any, y: Any, *, alpha: float, digits: int = 15, bits: int | None = None
) -> tuple[ExactFit, ...]:
    """Return one ``exact_least_squares`` a column of y, (n, targets), with one Gram matrix and one solve for all.

    The precision is that of the target that needs most.
    """
    angles, s = numpy_angular(theta), one_dimensional(s, "s")
    y = real(y, "y", space_of())
    if y.ndim != 2 or len(y) != len(s):
        raise WrongValue("y", f"must have shape ({len(s)}, targets) to match s", f"{y.shape}")
    alpha = at_least(alpha, "alpha", 0.0)
    digits = integer(digits, "digits", 1, "It counts decimal digits.")
    if digits > MOST_DIGITS:
        raise OutOfRange("digits", digits, high=MOST_DIGITS, remedy="float64 ends show 16 of them")
    kind = kind_of_frequencies(theta)
    if alpha == 0.0:
        check_regular(angles, s, powers_of_a_base=kind == REAL)
    theta = theta if hasattr(theta, "scaling") else angles.copy()
    precision = _first_guess(len(angles), len(s), alpha, digits)
    if bits is not None:
        precision = integer(bits, "bits", FEWEST_BITS, "It is the working precision to begin with.")
    while True:
        with working_precision(precision) as flint:
            solved = _solved(theta, s, y, alpha, digits, flint)
            if solved is not None:
                return tuple(_recorded(theta, s, alpha, coefficients, precision, flint) for coefficients in solved)
        if precision >= MOST_BITS:
            raise TooFewBits(
                precision,
                f"do not determine the coefficients to {digits} digits: the design is singular or too close to it",
                "Give more distinct offsets, fewer frequencies, fewer digits, or alpha above 0",
            )
        precision *= 2


def _recorded(
    theta: Any, s: NDArray[np.float64], alpha: float, coefficients: list[Any], bits: int, flint: Any
) -> ExactFit:
    kind, half = kind_of_frequencies(theta), len(coefficients) // 2
    pairs = zip(coefficients[:half], coefficients[half:], strict=True)
    return ExactFit(
        theta=theta,
        train=s.copy(),
        alpha=alpha,
        bits=bits,
        coefficients=enclosed(coefficients, (len(coefficients),), bits, kind),
        largest_coefficient=enclosed([largest(map(abs, coefficients))], (), bits, kind),
        largest_modulus=enclosed([largest(abs(flint.acb(*pair)) for pair in pairs)], (), bits, kind),
        exact=tuple(_stored(ball) for ball in coefficients),
    )


def _first_guess(pairs: int, count: int, alpha: float, digits: int) -> int:
    """Return a precision to begin with: a power of two, so that runs of one problem share theirs."""
    wanted = 4.0 * digits + 64.0
    if alpha > 0.0:  # the condition number of ΦᵀΦ + αI is at most 1 + nP/α
        wanted += 2.0 * np.logaddexp2(0.0, np.log2(count * pairs) - np.log2(alpha))
    else:
        wanted += 8.0 * 2 * pairs  # below that, designs over one window fail
    return min(MOST_BITS, 1 << int(np.ceil(np.log2(wanted))))


def _solved(
    theta: Any, s: NDArray[np.float64], y: NDArray[np.float64], alpha: float, digits: int, flint: Any
) -> list[list[Any]] | None:
    """Return the 2P coefficients of every target, or None where this precision does not determine them."""
    design = Design(frequency_balls(theta, flint), s, flint)
    matrix = design.gram()
    for j in range(matrix.nrows()):
        matrix[j, j] += flint.arb(alpha)
    moments = zip(*(design.moments(target).entries() for target in y.T), strict=True)
    try:
        # "precond" verifies an approximate inverse: radii do not grow with the number of eliminations
        solution = matrix.solve(flint.arb_mat([list(row) for row in moments]), algorithm="precond")
    except ZeroDivisionError:
        return None
    columns = [list(column) for column in zip(*solution.table(), strict=True)]
    determined = all(_determined(column, target, digits, flint) for column, target in zip(columns, y.T, strict=True))
    return columns if determined else None


def _determined(coefficients: list[Any], y: NDArray[np.float64], digits: int, flint: Any) -> bool:
    if not all(ball.is_finite() for ball in coefficients):
        return False
    small = flint.arb(10) ** -digits
    floor = largest(abs(ball) for ball in coefficients).upper() * small
    if any(2 * ball.rad() > small * abs(ball).lower().max(floor) for ball in coefficients):
        return False
    return bool(sum(ball.rad() for ball in coefficients) <= small * (float(np.abs(y).max()) or 1.0))


def _stored(ball: Any) -> tuple[str, int, str, int]:
    (middle, shift), (radius, power) = ball.mid().man_exp(), ball.rad().man_exp()
    return hex(int(middle)), int(shift), hex(int(radius)), int(power)


def _restored(stored: tuple[str, int, str, int], flint: Any) -> Any:
    middle, shift, radius, power = stored
    return flint.arb((int(middle, 16), shift), (int(radius, 16), power))
