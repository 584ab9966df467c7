"""The largest score that trained scores and bounded coefficients allow at an offset, trained or not."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from rope_theory._core.arrays import as_numpy, offsets, space_of
from rope_theory._core.progress import watched
from rope_theory._core.workers import in_workers, worker_count
from rope_theory.certificates import _cone_program
from rope_theory.certificates._question import Question, asked_table
from rope_theory.certificates._sizes import check_grid
from rope_theory.certificates._verification import evaluate, notes_on, phasors_at
from rope_theory.certificates.certificate import Certificate
from rope_theory.errors import WrongValue
from rope_theory.scaling._exact_form import kind_of_frequencies

CHUNK, FEW = 8, 3
"""Most offsets solved in a row by one worker, each starting from the constraints that were tight at the one before,
and fewest that are worth starting workers for, less one."""

BITS = 128
"""Precision at which the numbers of a certificate are computed."""


@overload
def worst_case(
    theta: Any, s: float, grid: Any, *, h_max: float, score_max: float = ..., target_theta: Any = ...
) -> Certificate: ...
@overload
def worst_case(
    theta: Any, s: Sequence[float], grid: Any, *, h_max: float, score_max: float = ..., target_theta: Any = ...
) -> list[Certificate]: ...
def worst_case(theta: Any, s: Any, grid: Any, *, h_max: float, score_max: float = 1.0, target_theta: Any = None) -> Any:
    """Return the best possible bound on the score at s, given its size on trained offsets and that of h.

    V(s) = max { Re Σ h_j e^{isθ'_j} : |Re Σ h_j e^{inθ_j}| ≤ A for n in grid, |h_j| ≤ H }
    = min_w A‖w‖₁ + H Σ_j |e^{isθ'_j} − Σ_n w_n e^{inθ_j}|, a second-order cone program solved by Clarabel on the
    active part of the grid, exchanging constraints until the whole grid is obeyed. The bounds in the result are
    computed from its weights and its witness in ball arithmetic, rounded outwards; the solver is not trusted.

    Parameters
    ----------
    theta : array (P,) or Frequencies
        Trained frequencies, rad/token.
    s : float, or a sequence of them
        Offsets asked about, tokens. Four and more are solved in parallel through joblib, on all cores unless
        ``joblib.parallel_config`` says otherwise; its Dask backend spreads them over a cluster. How they are shared
        out may move bounds within their gap.
    grid : array (G,)
        Trained offsets in increasing order, tokens: ``np.arange(L)`` for a window of L.
    h_max : float
        H, bound on every abs(h_j), above 0.
    score_max : float
        A, bound on abs(a(n)) for every n in grid, above 0.
    target_theta : array (P,) or Frequencies, optional
        Frequencies of the extended model, rad/token, at which s is asked; the trained ones when not given.
        Without its attention factor μ: multiply by μ².

    Returns
    -------
    Certificate, or a list of them
        For a sequence a list, in its order. numpy only. At a trained offset V = min(A, H·P), exactly: ``lower`` and
        ``upper`` are that number where float64 has it, and its two neighbours where H·P rounds.

    Raises
    ------
    ValueError
        For a grid that is empty, not finite, not in increasing order or repeats an offset, h_max or score_max not
        above 0, target_theta of another length than theta; for more than 2^20 even offsets, 2^16 others or 1024
        frequencies, and for more than 2^25 (2^18) products of both.

    Notes
    -----
    Source: docs/theory.md, section 7. A search that ends early still gives valid bounds; ``gap`` says how far apart.

    Examples
    --------
    >>> import numpy as np
    >>> import rope_theory as rt
    >>> theta = rt.scaling.Unscaled().frequencies(rt.RopeConfig(head_dim=32))
    >>> found = rt.certificates.worst_case(theta, 70.5, np.arange(64), h_max=3.0)
    >>> proved = found.verify()
    >>> proved.lower <= found.upper and proved.upper - proved.lower < 1e-4
    True
    """
    offset = offsets(as_numpy(s), "s", space_of())
    if offset.ndim > 1:
        raise WrongValue("s", "must be one offset or a sequence of them", f"shape {offset.shape}", "flatten it")
    problem = _Problem.of(theta, target_theta, grid, h_max, score_max)
    check_grid(problem.grid, len(problem.frequencies))
    if offset.ndim == 0:
        return problem.solve([float(offset)])[0]
    return list(_in_parallel(problem, offset.tolist()))


@dataclass(frozen=True, eq=False)
class _Problem(Question):
    """One set of trained offsets and limits, asked about at many offsets; what travels to a worker."""

    def solve(self, offsets_asked: list[float]) -> list[Certificate]:
        """Return one certificate per offset, passing on where constraints were tight."""
        certificates: list[Certificate] = []
        tight: NDArray[np.intp] = np.array([], dtype=np.intp)
        for s in offsets_asked:
            turned = phasors_at(asked_table(self.theta, self.target_theta), s)
            row = np.concatenate([turned.real, -turned.imag])
            answer = self._exact(s, row)
            if answer is None:
                place = _cone_program.window(self.frequencies.tobytes(), self.grid.tobytes(), self.ratio)
                answer = _cone_program.maximise(place, row, self.ratio, tight, s if self._same else None)
                tight = answer.support
            certificates.append(self._certificate(s, answer))
        return certificates

    @property
    def _same(self) -> bool:
        """Whether s lies on the curve whose values on the grid are known."""
        if self.target_theta is None:
            return True
        alike = kind_of_frequencies(self.theta) == kind_of_frequencies(self.target_theta)
        return alike and np.array_equal(self.target, self.frequencies)

    def _exact(self, s: float, row: NDArray[np.float64]) -> _cone_program.Answer | None:
        """Return the answer where it needs no solver: caps that no score can feel, or a trained offset."""
        pairs = len(self.frequencies)
        weights = np.zeros(len(self.grid))
        at = np.flatnonzero(self.grid == s) if self._same else np.array([], dtype=np.intp)
        if self.ratio * pairs <= 1.0:  # no h with these moduli reaches A anywhere
            value = self.ratio * pairs
        elif len(at):
            value = 1.0
            weights[at[0]] = 1.0
        else:
            return None
        return _cone_program.Answer(value, value, weights, (value / pairs) * row, "exact", 0)

    def _certificate(self, s: float, answer: _cone_program.Answer) -> Certificate:
        """Return the certificate; its numbers are those ball arithmetic proves, rounded outwards."""
        pairs = len(self.frequencies)
        scaled = self.score_max * answer.witness
        witness = scaled[:pairs] + 1j * scaled[pairs:]
        found = evaluate(self, s, answer.weights, witness, BITS)
        lower, upper = found.lower, found.upper
        return Certificate(
            s=s,
            h_max=self.h_max,
            score_max=self.score_max,
            lower=lower,
            upper=upper,
            grid=self.grid,
            weights=answer.weights,
            residual=found.residual,
            witness=witness,
            theta=self.theta,
            target_theta=self.target_theta,
            status=answer.status,
            rounds=answer.rounds,
            notes=notes_on(self.theta, self.target_theta, len(self.grid), (upper - lower) / upper),
        )


def _in_parallel(problem: _Problem, asked: list[float]) -> Iterator[Certificate]:
    """Yield certificates in the order asked; whatever backend joblib was told to use does the work."""
    if len(asked) <= FEW:
        yield from problem.solve(asked)
        return
    size = min(CHUNK, math.ceil(len(asked) / worker_count()))
    chunks = [(asked[first : first + size],) for first in range(0, len(asked), size)]
    for certificates in watched(in_workers(problem.solve, chunks), "worst cases", len(chunks)):
        yield from certificates
