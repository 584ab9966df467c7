"""Score curves of query-key pairs, reduced in blocks on the model's device: only sums and maxima are kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rope_theory._arrays import phasors, space_of
from rope_theory._optional import load
from rope_theory.bounds.abel import abel_sum
from rope_theory.bounds.chord import chord_published, chord_repaired, chord_sharp
from rope_theory.coefficients import position_free_term, score_coefficients
from rope_theory.config import RopeConfig
from rope_theory.llama._means import Means
from rope_theory.scaling import Frequencies, Unscaled

PER_TOKEN = 16
"""Offsets a token on the fine grid."""

REGIONS = ("inside", "beyond")

BOUNDS = {
    "triangle": "proved",
    "chord_sharp": "proved",
    "chord_curvature": "proved",
    "chord_repaired": "proved",
    "chord_published": "refuted",
    "abel": "proved",
    "abel_published": "proved",
    "master_inequality": "proved",
}
"""Bounds on single pairs, with their evidence."""

ROUNDING = 1e-12
"""Share of Σ abs(h_j) + abs(C) that the rounding of float64 may add to a value."""

BLOCK = {"cpu": 1 << 21, "cuda": 1 << 26}
"""Scores held at one time, by device: 16 MiB and 512 MiB; about eight tensors of that size live together."""

RIDGE = 1e-6
"""Strength of the least squares that choose the weights of the master inequality, relative to the trained offsets."""


@dataclass(frozen=True, eq=False)
class Asked:
    """A table of frequencies under which scores are asked for.

    Attributes
    ----------
    label : str
        Name of the scaling.
    table : Frequencies
        θ' and its attention factor.
    """

    label: str
    table: Frequencies


@dataclass(eq=False)
class PairScores:
    """Reducer of one layer.

    Attributes
    ----------
    config : RopeConfig
        Its context_length is L.
    asked : sequence of Asked
        The model's own table first.
    length : int
        Offsets reach length − 1.
    """

    config: RopeConfig
    asked: Sequence[Asked]
    length: int
    sizes: Means = field(default_factory=Means)
    ratios: Means = field(default_factory=Means)
    shares: Means = field(default_factory=Means)
    largest_sizes: NDArray[np.float64] | None = None
    largest_ratios: NDArray[np.float64] | None = None
    largest_scores: NDArray[np.float64] | None = None
    bounds: dict[str, list[NDArray[np.float64]]] = field(default_factory=dict)
    pairs: int = 0

    def add(self, query: Any, key: Any, pairing: str, batch: Any, batches: int) -> None:
        """Reduce pairs of unrotated queries and keys (heads, n, head_dim), of which ``batch`` (n,) belong together."""
        torch = load("torch", "llama")
        width = self.config.width
        h = score_coefficients(query, key, pairing=pairing, rotary_dim=width)
        free = position_free_term(query, key, rotary_dim=width)
        heads, count = free.shape
        curves = _Curves(self, h.reshape(-1, h.shape[-1]), free.reshape(-1))
        largest = curves.largest().reshape(len(self.asked), len(REGIONS), 2, heads, count)
        trained = largest[0, 0, 0]
        gain = self.asked[0].table.attention_factor ** 2
        moduli = gain * abs(h)
        maximum, total = moduli.amax(-1), moduli.sum(-1)
        reachable = total + abs(free)
        sizes = [trained, maximum, total, abs(free), _over(maximum, trained), _over(reachable, trained)]
        ratios = _over(largest, trained)
        self.sizes.add(torch.stack(sizes), batch, batches)
        self.ratios.add(ratios, batch, batches)
        self.shares.add(_over(moduli, total[..., None]).movedim(-1, 0), batch, batches)
        self.largest_sizes = _larger(self.largest_sizes, torch.stack(sizes))
        self.largest_ratios = _larger(self.largest_ratios, ratios)
        self.largest_scores = _larger(self.largest_scores, largest)
        for name, (evaluations, violations, tightest) in curves.held(trained.reshape(-1)).items():
            by_head = [
                evaluations * np.full(heads, count, dtype=float),
                violations.reshape(heads, count).sum(-1).cpu().numpy().astype(float),
                tightest.reshape(heads, count).amax(-1).cpu().numpy(),
            ]
            known = self.bounds.setdefault(name, [np.zeros(heads) for _ in range(3)])
            self.bounds[name] = [known[0] + by_head[0], known[1] + by_head[1], np.maximum(known[2], by_head[2])]
        self.pairs += count


def _over(value: Any, by: Any) -> Any:
    """Return value / by, and 0 where ``by`` is 0: such a pair scores nothing anywhere."""
    torch = load("torch", "llama")
    return torch.where(by > 0, value / torch.where(by > 0, by, 1.0), 0.0)


def _larger(known: NDArray[np.float64] | None, values: Any) -> NDArray[np.float64]:
    new: NDArray[np.float64] = values.amax(-1).cpu().numpy()
    return new if known is None else np.maximum(known, new)


@dataclass(eq=False)
class _Curves:
    """Curves of pairs h (n, P) with position-free terms (n,); a block of pairs by offsets at a time."""

    owner: PairScores
    h: Any
    free: Any
    counts: dict[str, tuple[float, Any, Any]] = field(default_factory=dict)

    def largest(self) -> Any:
        """Return the largest abs(score) by table, region, grid (integers, fine) and pair: (tables, 2, 2, n)."""
        torch = load("torch", "llama")
        result = torch.zeros((len(self.owner.asked), 2, 2, len(self.h)), dtype=torch.float64, device=self.h.device)
        for number, asked in enumerate(self.owner.asked):
            gain = asked.table.attention_factor**2
            features = gain * torch.cat([self.h.real, -self.h.imag], dim=-1)
            for first, last, region in self._cells():
                grid = _table(asked.table, first, last, self.h.device)
                for rows in self._rows(grid.shape[1]):
                    rotated = features[rows] @ grid
                    whole = abs(rotated + self.free[rows, None])
                    begin = 1 if region and first == self.owner.config.context_length - 1 else 0  # L − 1 is inside
                    target = result[number, region]
                    fine = whole[:, begin:]
                    if fine.shape[1]:
                        target[1, rows] = torch.maximum(target[1, rows], fine.amax(-1))
                    integers = whole[:, PER_TOKEN * begin :: PER_TOKEN]
                    if integers.shape[1]:
                        target[0, rows] = torch.maximum(target[0, rows], integers.amax(-1))
                    if number == 0:
                        self._hold_block(rows, rotated, whole, gain, first, last)
        return result

    def held(self, trained: Any) -> dict[str, tuple[float, Any, Any]]:
        """Return per bound the evaluations a pair, and by pair the violations and the largest value over bound."""
        self._hold_master(trained)
        return self.counts

    def _cells(self) -> Iterator[tuple[int, int, int]]:
        """Yield stretches of unit cells [first, last] and their region; none crosses the end of the window."""
        block = BLOCK.get(self.h.device.type, BLOCK["cpu"])
        span = max(1, min(512, block // (4 * 2 * self.h.shape[1] * PER_TOKEN)))
        window, length = self.owner.config.context_length, self.owner.length
        edges = [(0, window - 1, 0), (window - 1, length - 1, 1)] if window > 1 else [(0, length - 1, 1)]
        for begin, end, region in edges:
            for first in range(begin, end, span):
                yield first, min(end, first + span), region

    def _rows(self, columns: int) -> Iterator[slice]:
        size = max(1, BLOCK.get(self.h.device.type, BLOCK["cpu"]) // columns)
        for first in range(0, len(self.h), size):
            yield slice(first, min(len(self.h), first + size))

    def _hold_block(self, rows: slice, rotated: Any, whole: Any, gain: float, first: int, last: int) -> None:
        """Hold the scores of cells first … last under the model's own table against the bounds of single pairs."""
        config, own = self.owner.config, self.owner.asked[0].table
        moduli = gain * abs(self.h[rows])
        total, maximum = moduli.sum(-1), moduli.amax(-1)
        slack = ROUNDING * (total + abs(self.free[rows]))
        self._count("triangle", rows, whole.amax(-1), total + abs(self.free[rows]), slack, rotated.shape[1])
        cells = last - first
        fine = rotated[:, :-1].unflatten(-1, (cells, PER_TOKEN))
        ends = rotated[:, ::PER_TOKEN]
        share = np.arange(1, PER_TOKEN) / PER_TOKEN
        weight = _on(share, self.h)
        chord = (1.0 - weight) * ends[:, :-1, None] + weight * ends[:, 1:, None]
        away = abs(fine[..., 1:] - chord)
        furthest = away.amax(1)  # over the cells: the bounds are the same in each
        parabola = _on(0.5 * share * (1.0 - share), self.h)
        theta = _on(own.theta, self.h)
        unit = _on(_unit_deviations(own, share), self.h)
        held = {"chord_sharp": moduli @ unit.T, "chord_curvature": (moduli @ theta**2)[:, None] * parabola}
        if isinstance(own.scaling, Unscaled):
            for name, formula in (("chord_repaired", chord_repaired), ("chord_published", chord_published)):
                held[name] = maximum[:, None] * _on(formula(config, share, 0.0, 1.0), self.h)
        for name, bound in held.items():
            evaluations = away.shape[1] * away.shape[2]
            exceeded = None
            if name == "chord_published":
                exceeded = (away > bound[:, None, :] + slack[:, None, None]).sum((1, 2))
            self._count(name, rows, furthest, bound, slack[:, None], evaluations, exceeded)
        steps = gain * abs(self._following(rows) - self.h[rows]).amax(-1)
        sums = _on(abel_sum(own, np.arange(first, last + 1, dtype=float)), self.h)
        size = abs(ends)
        self._count("abel", rows, size, steps[:, None] * sums, slack[:, None], size.shape[1])
        self._count("abel_published", rows, size, 2.0 * maximum[:, None] * sums, slack[:, None], size.shape[1])

    def _following(self, rows: slice) -> Any:
        torch = load("torch", "llama")
        h = self.h[rows]
        return torch.cat([h[:, 1:], torch.zeros_like(h[:, :1])], dim=-1)

    def _hold_master(self, trained: Any) -> None:
        """Hold |a(s)| ≤ ‖w‖₁A + Σ|h_j||ρ_j| in the middle, at the edge and far beyond, w from least squares."""
        own, window = self.owner.asked[0].table, self.owner.config.context_length
        gain = own.attention_factor**2
        for s in ((window - 1) // 2 + 0.5, window - 0.5, self.owner.length - 1.0):
            norm, missed = _weights(own.theta, window, s)
            value = abs(gain * (self.h @ _on(np.exp(1j * s * own.theta), self.h)).real + self.free)
            # a position-free term is a column of frequency 0: its residual is |1 − Σ w|
            bound = norm * trained + gain * (abs(self.h) @ _on(missed[:-1], self.h)) + abs(self.free) * missed[-1]
            slack = ROUNDING * (gain * abs(self.h).sum(-1) + abs(self.free)) * max(1.0, norm)
            self._count("master_inequality", slice(None), value, bound, slack, 1)

    def _count(
        self, name: str, rows: slice, value: Any, bound: Any, slack: Any, evaluations: int, exceeded: Any = None
    ) -> None:
        """Add values and bounds of some pairs, (n,) or (n, …) each, to the counts of a bound."""
        torch = load("torch", "llama")
        if name not in self.counts:
            zeros = torch.zeros(len(self.h), dtype=torch.float64, device=self.h.device)
            self.counts[name] = (0.0, zeros, zeros.clone())
        total, violations, tightest = self.counts[name]
        over = value > bound + slack
        share = _over(value - slack, bound)
        if value.ndim > 1:
            over, share = over.sum(-1), share.amax(-1)
        violations[rows] += over if exceeded is None else exceeded
        tightest[rows] = torch.maximum(tightest[rows], share)
        self.counts[name] = (total + evaluations * (len(value) / len(self.h)), violations, tightest)


def _on(array: NDArray[Any], like: Any) -> Any:
    torch = load("torch", "llama")
    dtype = torch.complex128 if np.iscomplexobj(array) else torch.float64
    return torch.tensor(array, dtype=dtype, device=like.device)


def _table(table: Frequencies, first: int, last: int, device: Any) -> Any:
    """Return cos and sin of sθ at first, first + 1/16, … last: (2P, (last − first)·16 + 1)."""
    torch = load("torch", "llama")
    theta = torch.as_tensor(np.array(table.theta), dtype=torch.float64, device=device)
    s = first + torch.arange((last - first) * PER_TOKEN + 1, dtype=torch.float64, device=device) / PER_TOKEN
    cos, sin = phasors(theta, s, space_of(theta))
    return torch.cat([cos, sin], dim=-1).T


def _unit_deviations(table: Frequencies, share: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return |e^{iλθ_j} − (1 − λ) − λe^{iθ_j}|, (λ, P): the sharp chord bound, a pair at a time."""
    unit = np.eye(len(table), dtype=complex)
    result: NDArray[np.float64] = chord_sharp(table, share, 0.0, 1.0, h=unit).T
    return result


def _weights(theta: NDArray[np.float64], window: int, s: float) -> tuple[float, NDArray[np.float64]]:
    """Return ‖w‖₁ and |ρ_j| (P + 1,), frequency 0 last, of weights w on 0 … window − 1 that rebuild e^{isθ}."""
    frequencies = np.append(theta, 0.0)
    grid = np.exp(1j * np.outer(frequencies, np.arange(window)))
    target = np.exp(1j * s * frequencies)
    real, wanted = np.vstack([grid.real, grid.imag]), np.concatenate([target.real, target.imag])
    small = real @ real.T + RIDGE * window * np.eye(len(real))
    weights = real.T @ np.linalg.solve(small, wanted)
    return float(np.abs(weights).sum()), np.abs(target - grid @ weights)
