"""Score curves of query-key pairs, reduced in blocks on the model's device: only sums and maxima are kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rope_theory._core.arrays import slices
from rope_theory.bounds._abel import abel_sum
from rope_theory.bounds.chord import chord_published, chord_repaired, chord_sharp
from rope_theory.coefficients import position_free_term, score_coefficients
from rope_theory.config import RopeConfig
from rope_theory.models._means import Means, batch_sums
from rope_theory.models._packages import torch
from rope_theory.models._recording import VisitedLayer, cos_sin
from rope_theory.scaling import Frequencies, Unscaled

PER_TOKEN = 16
"""Offsets per token on the fine grid."""

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

BLOCK = {"cpu": 1 << 18, "cuda": 1 << 26}
"""Scores held at one time, by device: 2 MiB, which a cache holds, and 512 MiB; a few such live at a time."""

HELD = {"cpu": 1 << 21, "cuda": 1 << 26}
"""Numbers of queries, and of keys, whose pairs are looked at together, by device: 16 MiB of coefficients, and 512."""

SPAN = 1024
"""Offsets of a stretch of the table."""

CELL = (4, 8, 12)
"""Points of a cell, in sixteenths, at which scores are held against the chord."""

SIZES = 6
"""Numbers per pair and head that are averaged: A, H, Σ abs(h_j), abs(C), and two ratios to A."""

PER_PAIR = ("chord_sharp", "chord_curvature")
"""Chord bounds that take every modulus of h; the others take the largest."""

RIDGE = 1e-6
"""Strength of the least squares that choose the weights of the master inequality, relative to the trained offsets."""


@dataclass(frozen=True, eq=False)
class Asked:
    """A table of frequencies under which scores are asked for.

    Attributes
    ----------
    inside, beyond : Frequencies
        θ' and its attention factor, in either region; they differ where the table depends on the length.
    """

    inside: Frequencies
    beyond: Frequencies


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
    largest_sizes: Any = 0.0
    largest_ratios: Any = 0.0
    largest_scores: Any = 0.0
    bounds: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    pairs: int = 0

    def add(self, visited: VisitedLayer, query: Any, key: Any, batch: Any, batches: int) -> None:
        """Reduce pairs of tokens ``query`` and ``key`` (n,) in every head; those of a ``batch`` belong together.

        Only some heads and pairs are copied at a time.
        """
        heads, _, width = visited.query.shape
        group = heads // visited.key.shape[0]
        held = max(1, HELD.get(query.device.type, HELD["cpu"]) // width)
        span, pairs = max(1, held // len(query)), min(held, len(query))
        grids = (len(self.asked), len(REGIONS), 2, heads)
        sums = [np.zeros((*shape, batches)) for shape in ((SIZES, heads), grids, (self.config.width // 2, heads))]
        largest = [np.zeros(shape) for shape in ((SIZES, heads), grids, grids)]
        for some in slices(heads, span):
            keys = [head // group for head in range(some.start, some.stop)]
            for part in slices(len(query), pairs):
                of_heads = visited.query[some, query[part]], visited.key[keys][:, key[part]]
                added, most, counts = self._reduced(*of_heads, visited.rope.pairing, batch[part], batches)
                for total, values in zip(sums, added, strict=True):
                    total[..., some, :] += values
                for known, values in zip(largest, most, strict=True):
                    known[..., some] = np.maximum(known[..., some], values)
                for name, (evaluations, violations, tightest) in counts.items():
                    known = self.bounds.setdefault(name, np.zeros((3, heads)))
                    known[:2, some] += evaluations, violations
                    known[2, some] = np.maximum(known[2, some], tightest)
        for means, values in zip((self.sizes, self.ratios, self.shares), sums, strict=True):
            means.add_sums(values, batch, batches)
        before = (self.largest_sizes, self.largest_ratios, self.largest_scores)
        self.largest_sizes, self.largest_ratios, self.largest_scores = map(np.maximum, before, largest)
        self.pairs += len(query)

    def _reduced(self, query: Any, key: Any, pairing: str, batch: Any, batches: int) -> tuple[Any, Any, Any]:
        """Return of some heads: sums by batch (..., heads, batches), largest (..., heads), and counts of each bound."""
        width = self.config.width
        h = score_coefficients(query, key, pairing=pairing, rotary_dim=width)
        free = position_free_term(query, key, rotary_dim=width)
        heads, count = free.shape
        curves = _Curves(self, h.reshape(-1, h.shape[-1]), free.reshape(-1))
        largest = curves.largest().reshape(len(self.asked), len(REGIONS), 2, heads, count)
        trained = largest[0, 0, 0]
        moduli = self.asked[0].inside.attention_factor ** 2 * abs(h)
        maximum, total = moduli.amax(-1), moduli.sum(-1)
        reachable = total + abs(free)
        sizes = torch.stack([trained, maximum, total, abs(free), _over(maximum, trained), _over(reachable, trained)])
        ratios, shares = _over(largest, trained), _over(moduli, total[..., None]).movedim(-1, 0)
        curves.hold_master(trained.reshape(-1))
        counts = {
            name: (
                evaluations * np.full(heads, count, dtype=float),
                violations.reshape(heads, count).sum(-1).cpu().numpy(),
                tightest.reshape(heads, count).amax(-1).cpu().numpy(),
            )
            for name, (evaluations, violations, tightest) in curves.counts.items()
        }
        sums = tuple(batch_sums(values, batch, batches) for values in (sizes, ratios, shares))
        return sums, tuple(values.amax(-1).cpu().numpy() for values in (sizes, ratios, largest)), counts


def _over(value: Any, by: Any) -> Any:
    """Return value / by, and 0 where ``by`` is 0: such a pair scores nothing anywhere."""
    return torch.where(by > 0, value / torch.where(by > 0, by, 1.0), 0.0)


@dataclass(eq=False)
class _Curves:
    """Curves of pairs h (n, P) with position-free terms (n,); a block of pairs by offsets at a time.

    The score at n + λ is that of h·e^{iλθ} at n, so that a table at integers is enough: a block of scores has the axes
    pair, λ and n.
    """

    owner: PairScores
    h: Any
    free: Any
    counts: dict[str, tuple[float, Any, Any]] = field(default_factory=dict)
    """Per bound the evaluations a pair, and by pair the violations and the largest value over bound."""

    def largest(self) -> Any:
        """Return the largest abs(score) by table, region, grid (integers, fine) and pair: (tables, 2, 2, n)."""
        result = self.h.real.new_zeros((len(self.owner.asked), 2, 2, len(self.h)))
        window = self.owner.config.context_length
        cells = [self._cell_limits(table) for table in (self.owner.asked[0].inside, self.owner.asked[0].beyond)]
        for number, asked in enumerate(self.owner.asked):
            for first, last, region in self._stretches():
                table = asked.beyond if region else asked.inside
                gain = table.attention_factor**2
                between = _on(np.exp(1j * np.outer(np.arange(PER_TOKEN) / PER_TOKEN, table.theta)), self.h)
                grid = torch.cat(cos_sin(table, first, last + 1, self.h.device), dim=-1).T.contiguous()
                sums = _on(abel_sum(table, np.arange(first, last + 1, dtype=float)), self.h) if number == 0 else None
                begin = int(region == 1 and first == window - 1)  # offset L − 1 itself is inside
                size = BLOCK.get(self.h.device.type, BLOCK["cpu"]) // (PER_TOKEN * grid.shape[1])
                for rows in slices(len(self.h), max(1, size)):
                    moved = gain * self.h[rows, None, :] * between
                    scores = torch.cat([moved.real, -moved.imag], dim=-1) @ grid
                    free, target = self.free[rows], result[number, region]
                    if begin < scores.shape[-1]:
                        target[0, rows] = torch.maximum(target[0, rows], _extreme(scores[:, 0, begin:], free))
                    fine = torch.maximum(target[1, rows], target[0, rows])
                    if last > first:
                        fine = torch.maximum(fine, _extreme(scores[:, 1:, :-1], free[:, None]).amax(-1))
                    target[1, rows] = fine
                    if number == 0:
                        self._hold_block(rows, scores, table, sums, cells[region])
        return result

    def _stretches(self) -> Iterator[tuple[int, int, int]]:
        """Yield stretches of offsets [first, last] and their region; they share ends, none crosses the last trained."""
        window, length = self.owner.config.context_length, self.owner.length
        for begin, end, region in ((0, window - 1, 0), (window - 1, length - 1, 1)):
            for first in range(begin, end, SPAN):
                yield first, min(end, first + SPAN), region
        if window == 1:
            yield 0, 0, 0

    def _cell_limits(self, own: Frequencies) -> dict[str, Any]:
        """Return the chord bounds at ``CELL``: (P, λ) for the moduli of h, or (1, λ) for the largest of them."""
        share = np.array(CELL) / PER_TOKEN
        limits = {
            "chord_sharp": chord_sharp(own, share, 0.0, 1.0, h=np.eye(len(own), dtype=complex)),  # a pair at a time
            "chord_curvature": np.outer(own.theta**2, 0.5 * share * (1.0 - share)),
        }
        if isinstance(own.scaling, Unscaled):
            for name, formula in (("chord_repaired", chord_repaired), ("chord_published", chord_published)):
                limits[name] = formula(self.owner.config, share, 0.0, 1.0)[None]
        return {name: _on(limit, self.h) for name, limit in limits.items()}

    def _hold_block(self, rows: slice, scores: Any, own: Frequencies, sums: Any, cell: dict[str, Any]) -> None:
        """Hold the scores (pairs, λ, n) of a stretch under the model's own table against the bounds of single pairs."""
        gain = own.attention_factor**2
        moduli, free = gain * abs(self.h[rows]), self.free[rows]
        total, maximum = moduli.sum(-1), moduli.amax(-1)
        slack = ROUNDING * (total + abs(free))
        everywhere = _extreme(scores.flatten(1), free)
        self._count("triangle", rows, everywhere, total + abs(free), slack, scores[0].numel())
        size = abs(scores[:, 0])
        following = torch.cat([self.h[rows, 1:], torch.zeros_like(self.h[rows, :1])], dim=-1)
        steps = gain * abs(following - self.h[rows]).amax(-1)
        self._count("abel", rows, size, steps[:, None] * sums, slack[:, None], size.shape[1])
        self._count("abel_published", rows, size, 2.0 * maximum[:, None] * sums, slack[:, None], size.shape[1])
        if scores.shape[-1] == 1:
            return
        share = np.array(CELL) / PER_TOKEN
        weight = _on(share, self.h)[:, None]
        chord = (1.0 - weight) * scores[:, :1, :-1] + weight * scores[:, :1, 1:]
        away = abs(scores[:, list(CELL), :-1] - chord)
        furthest = away.amax(-1)  # over the cells: the bounds are the same in each
        for name, limit in cell.items():
            bound, exceeded = (moduli if name in PER_PAIR else maximum[:, None]) @ limit, None
            if name == "chord_published":  # the one that is not expected to hold: counted cell by cell
                exceeded = (away > bound[:, :, None] + slack[:, None, None]).sum((1, 2))
            self._count(name, rows, furthest, bound, slack[:, None], away[0].numel(), exceeded)

    def hold_master(self, trained: Any) -> None:
        """Hold |a(s)| ≤ ‖w‖₁A + Σ|h_j||ρ_j| in the middle, at the edge and far beyond, w from least squares."""
        own, window = self.owner.asked[0].inside, self.owner.config.context_length
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
        if name not in self.counts:
            self.counts[name] = (0.0, *self.h.real.new_zeros((2, len(self.h))))
        total, violations, tightest = self.counts[name]
        over = value > bound + slack
        share = _over(value - slack, bound)
        if value.ndim > 1:
            over, share = over.sum(-1), share.amax(-1)
        violations[rows] += over if exceeded is None else exceeded
        tightest[rows] = torch.maximum(tightest[rows], share)
        self.counts[name] = (total + evaluations * (len(value) / len(self.h)), violations, tightest)


def _on(array: NDArray[Any], like: Any) -> Any:
    dtype = torch.complex128 if np.iscomplexobj(array) else torch.float64
    return torch.tensor(array, dtype=dtype, device=like.device)


def _extreme(scores: Any, free: Any) -> Any:
    """Return the largest abs(score + free) along the last axis, without a copy of the scores."""
    low, high = scores.aminmax(dim=-1)
    return torch.maximum(abs(high + free), abs(low + free))


def _weights(theta: NDArray[np.float64], window: int, s: float) -> tuple[float, NDArray[np.float64]]:
    """Return ‖w‖₁ and |ρ_j| (P + 1,), frequency 0 last, of weights w on 0 … window − 1 that rebuild e^{isθ}."""
    frequencies = np.append(theta, 0.0)
    grid = np.exp(1j * np.outer(frequencies, np.arange(window)))
    target = np.exp(1j * s * frequencies)
    real, wanted = np.vstack([grid.real, grid.imag]), np.concatenate([target.real, target.imag])
    small = real @ real.T + RIDGE * window * np.eye(len(real))
    weights = real.T @ np.linalg.solve(small, wanted)
    return float(np.abs(weights).sum()), np.abs(target - grid @ weights)
