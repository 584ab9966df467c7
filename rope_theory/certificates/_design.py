"""The least-squares design [cos sθ_j, sin sθ_j] in ball arithmetic: its Gram matrix, moments and values.

Offsets are float64 taken as exact. Where they are exactly even, s_n = s_0 + n·step, everything is cheap: phasors are
products of two short tables, and Gram entries have closed forms.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Balls = Sequence[Any]

FEW = 256
"""Offsets for each that carries a weight from which sums go over these alone."""


def even_step(s: NDArray[np.float64]) -> float | None:
    """Return the step of offsets that are even without any rounding, None for others and for a single one."""
    if len(s) < 2:
        return None
    if (s == np.rint(s)).all() and np.abs(s).max() <= 2.0**52:  # differences of such integers are exact
        step = float(s[1] - s[0])
        return step if step and (np.diff(s) == step).all() else None
    ratios = [value.as_integer_ratio() for value in s.tolist()]
    scale = max(denominator for _, denominator in ratios)  # powers of two: each divides the largest
    whole = [numerator * (scale // denominator) for numerator, denominator in ratios]
    step = whole[1] - whole[0]
    if step == 0 or any(after - before != step for before, after in itertools.pairwise(whole)):
        return None
    rounded = step / scale
    return rounded if Fraction(rounded) == Fraction(step, scale) else None


@dataclass(frozen=True, eq=False)
class Design:
    """The design Φ of offsets s, (n, 2P), cosines first; computed at the precision that is set when it is used.

    Attributes
    ----------
    theta : sequence of arb, length P
        Angular frequencies, rad/token.
    s : ndarray, shape (n,)
        Offsets in tokens.
    flint : module
        Ball arithmetic.
    """

    theta: Balls
    s: NDArray[np.float64]
    flint: Any

    @cached_property
    def step(self) -> float | None:
        """Distance of neighbouring offsets where they are even."""
        return even_step(self.s)

    @cached_property
    def tables(self) -> tuple[Any, Any]:
        """Matrices giant (A, P) and baby (B, P) such that e^{i·s_n·θ_j} = giant[a, j]·baby[b, j] at n = aB + b.

        Even offsets are cut into A ≈ √n rows of B; others are their own rows, with B = 1.
        """
        flint = self.flint
        if self.step is None:
            return self._phasors(self.s.tolist()), flint.acb_mat([[flint.acb(1)] * len(self.theta)])
        row = 1 << round(np.log2(len(self.s)) / 2)
        anchors = [flint.arb(float(self.s[0])) + flint.arb(self.step) * n for n in range(0, len(self.s), row)]
        turns = [flint.acb(0, self.step * angle).exp() for angle in self.theta]
        return self._phasors(anchors), flint.acb_mat(_powers(turns, row, flint))

    def _phasors(self, offsets: Sequence[Any]) -> Any:
        flint = self.flint
        return flint.acb_mat([[flint.acb(0, flint.arb(s) * angle).exp() for angle in self.theta] for s in offsets])

    def moments(self, y: NDArray[np.float64]) -> Any:
        """Return Φᵀy, (2P, 1)."""
        flint, (giant, baby) = self.flint, self.tables
        rows, row = giant.nrows(), baby.nrows()
        used = np.flatnonzero(y).tolist()
        if len(used) * FEW < len(y):
            phasors = [(float(y[n]), n // row, n % row) for n in used]
            sums = [
                sum((giant[a, j] * baby[b, j] * flint.arb(value) for value, a, b in phasors), flint.acb(0))
                for j in range(len(self.theta))
            ]
        else:
            padded = np.zeros(rows * row)
            padded[: len(y)] = y
            inner = flint.acb_mat(rows, row, [flint.acb(value) for value in padded.tolist()]) * baby
            sums = [sum((giant[a, j] * inner[a, j] for a in range(rows)), flint.acb(0)) for j in range(len(self.theta))]
        return flint.arb_mat([[total.real] for total in sums] + [[total.imag] for total in sums])

    def values(self, coefficients: Balls) -> list[Any]:
        """Return Φw: a(s) = Σ_j α_j cos sθ_j + β_j sin sθ_j at every offset; w is α, then β."""
        flint, pairs, (giant, baby) = self.flint, len(self.theta), self.tables
        h = [flint.acb(coefficients[j], -coefficients[pairs + j]) for j in range(pairs)]
        turned = flint.acb_mat([[giant[a, j] * h[j] for j in range(pairs)] for a in range(giant.nrows())])
        table = (turned * baby.transpose()).entries()  # entry (a, b) belongs to offset aB + b
        return [entry.real for entry in table[: len(self.s)]]

    def gram(self) -> Any:
        """Return ΦᵀΦ, (2P, 2P): in closed form for even offsets, multiplied out for others.

        The entries are real and imaginary parts of Σ_n e^{i·s_n·x} at x = θ_i ± θ_j, a geometric sum:
        e^{i·s_0·x}·(e^{i·n·step·x} − 1)/(e^{i·step·x} − 1).
        """
        flint, pairs = self.flint, len(self.theta)
        if self.step is None:
            return self._multiplied_out()
        count, nothing = len(self.s), flint.arb(0)
        lengths = (flint.arb(float(self.s[0])), flint.arb(self.step), flint.arb(self.step) * count)
        marks = [[flint.acb(0, length * angle).exp() for length in lengths] for angle in self.theta]
        mirrored = [[z.conjugate() for z in mark] for mark in marks]

        def total(x: Any, left: Balls, right: Balls) -> Any:
            if x.is_zero():  # the quotient's limit
                return flint.acb(count)
            start, turn, span = (a * b for a, b in zip(left, right, strict=True))
            return start * (span - 1) / (turn - 1)

        result = flint.arb_mat(2 * pairs, 2 * pairs)
        for i in range(pairs):
            for j in range(i + 1):
                plus = total(self.theta[i] + self.theta[j], marks[i], marks[j])
                minus = total(self.theta[i] - self.theta[j] if i != j else nothing, marks[i], mirrored[j])
                result[i, j] = result[j, i] = (minus.real + plus.real) / 2
                result[pairs + i, pairs + j] = result[pairs + j, pairs + i] = (minus.real - plus.real) / 2
                # Σ sin sθ_i cos sθ_j and Σ cos sθ_i sin sθ_j
                result[pairs + i, j] = result[j, pairs + i] = (plus.imag + minus.imag) / 2
                result[i, pairs + j] = result[pairs + j, i] = (plus.imag - minus.imag) / 2
        return result

    def _multiplied_out(self) -> Any:
        flint, (phasors, _) = self.flint, self.tables
        cos = flint.arb_mat([[z.real for z in row] for row in phasors.table()])
        sin = flint.arb_mat([[z.imag for z in row] for row in phasors.table()])
        mixed = cos.transpose() * sin
        tops = zip((cos.transpose() * cos).table(), mixed.table(), strict=True)
        bottoms = zip(mixed.transpose().table(), (sin.transpose() * sin).table(), strict=True)
        return flint.arb_mat([[*left, *right] for left, right in itertools.chain(tops, bottoms)])


def _powers(turns: Balls, count: int, flint: Any) -> list[list[Any]]:
    """Return z^0 … z^(count − 1), one row per power, each from its half: radii grow with log n products, not with n."""
    powers = [[flint.acb(1)] * len(turns), list(turns)]
    for n in range(2, count):
        powers.append([low * high for low, high in zip(powers[n // 2], powers[n - n // 2], strict=True)])
    return powers[:count]
