"""Rows of attention of sampled queries, rebuilt from unrotated queries and keys, and where their mass goes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rope_theory._arrays import phasors, space_of
from rope_theory._optional import load
from rope_theory.bounds.attention_shift import attention_shift
from rope_theory.llama._means import Means
from rope_theory.llama._recording import VisitedLayer
from rope_theory.scaling import Frequencies

LAST = 16
"""Tokens counted as the nearest."""

QUANTITIES = ("entropy", "first", "last", "far", "moved")
"""What is averaged over rows, in this order."""

BLOCK = {"cpu": 1 << 21, "cuda": 1 << 26}
"""Logits held at one time, by device; about eight tensors of that size live together."""

ROUNDING = 1e-9
"""What the rounding of a softmax may add to a total variation."""


@dataclass(eq=False)
class AttentionMass:
    """What is gathered of one layer, table and region.

    Attributes
    ----------
    means : Means
        Of ``QUANTITIES``, (5, heads).
    queries : int
        Rows a head.
    largest_logit, violations, tightest : ndarray, (heads,)
        As in ``RowValues``, over all rows.
    """

    means: Means = field(default_factory=Means)
    queries: int = 0
    largest_logit: Any = -math.inf
    violations: Any = 0.0
    tightest: Any = 0.0

    def add(self, values: RowValues, batch: Any, batches: int) -> None:
        """Add rows, of which ``batch`` says which belong together."""
        self.means.add(values.values, batch, batches)
        self.queries += values.values.shape[-1]
        self.largest_logit = np.maximum(self.largest_logit, values.largest_logit.cpu().numpy())
        self.violations = self.violations + values.violations.cpu().numpy()
        self.tightest = np.maximum(self.tightest, values.tightest.cpu().numpy())


@dataclass(frozen=True, eq=False)
class RowValues:
    """What rows of attention come to under one table.

    Attributes
    ----------
    values : tensor, (5, heads, rows)
        ``QUANTITIES``.
    largest_logit : tensor, (heads,)
        Before any soft cap.
    violations : tensor, (heads,)
        Rows that moved further from those of the model's own table than tanh(δ/2), δ the largest move of a logit.
    tightest : tensor, (heads,)
        Largest total variation over that bound.
    """

    values: Any
    largest_logit: Any
    violations: Any
    tightest: Any


def reduced_rows(
    visited: VisitedLayer, places: Any, tables: Sequence[Frequencies | None], window: int
) -> list[RowValues]:
    """Return what the rows of queries at ``places`` come to, by table.

    Parameters
    ----------
    visited : VisitedLayer
        Queries, keys, table, and the options of its attention.
    places : tensor of int, (rows,)
        Query positions.
    tables : sequence of Frequencies or None
        Under which tables, on the same queries and keys; the first is compared with, None is the one the model used.
    window : int
        L, tokens.
    """
    torch = load("torch", "llama")
    heads, length, _ = visited.query.shape
    group = heads // visited.key.shape[0]
    turns = [_turns(visited, table, length) for table in tables]
    size = max(1, BLOCK.get(visited.query.device.type, BLOCK["cpu"]) // (group * length))
    shape = (len(tables), len(QUANTITIES), heads, len(places))
    values = torch.zeros(shape, dtype=torch.float64, device=places.device)
    others = torch.zeros((3, len(tables), heads), dtype=torch.float64, device=places.device)
    largest, violations, tightest = others
    largest -= math.inf
    for number in range(visited.key.shape[0]):
        of_head = slice(number * group, (number + 1) * group)
        key = visited.key[number].to(torch.float64)
        keys = [_rotated(key, z, visited) for z in turns]
        for first in range(0, len(places), size):
            some = slice(first, first + size)
            own = None
            for place, (z, key) in enumerate(zip(turns, keys, strict=True)):
                rows = _rows(visited, of_head, places[some], z, key)
                own = rows if own is None else own
                values[place, :, of_head, some] = _values(rows, own, window)
                largest[place, of_head] = torch.maximum(largest[place, of_head], rows.logits.amax((1, 2)))
                over, share = _shift(rows, own)
                violations[place, of_head] += over
                tightest[place, of_head] = torch.maximum(tightest[place, of_head], share)
    return [RowValues(values[i], largest[i], violations[i], tightest[i]) for i in range(len(tables))]


@dataclass(frozen=True, eq=False)
class _Rows:
    """Rows of some heads: logits and weights (heads, rows, T), and the distance to each key (rows, T)."""

    logits: Any
    weights: Any
    distance: Any


def _rows(visited: VisitedLayer, heads: slice, places: Any, z: Any, key: Any) -> _Rows:
    """Return the rows of some heads at ``places``; ``key`` (T, head_dim) is rotated by z, queries are not yet."""
    torch = load("torch", "llama")
    distance = places[:, None] - torch.arange(visited.query.shape[1], device=places.device)
    hidden = distance < 0
    sliding = visited.options.get("sliding_window")
    if sliding is not None:
        hidden = hidden | (distance >= int(sliding))
    query = _rotated(visited.query[heads, places].to(torch.float64), z[places], visited)
    logits = (query @ key.T * _scale(visited.options, query.shape[-1])).masked_fill(hidden, -math.inf)
    sinks = visited.options.get("s_aux")
    return _Rows(logits, _weights(logits, visited.options, None if sinks is None else sinks[heads].double()), distance)


def _values(rows: _Rows, own: _Rows, window: int) -> Any:
    torch = load("torch", "llama")
    p = rows.weights
    return torch.stack(
        [
            -torch.special.xlogy(p, p).sum(-1),
            p[..., 0],
            (p * (rows.distance < LAST)).sum(-1),
            (p * (rows.distance >= window)).sum(-1),
            _variation(rows, own),
        ]
    )


def _shift(rows: _Rows, own: _Rows) -> tuple[Any, Any]:
    torch = load("torch", "llama")
    visible = torch.isfinite(own.logits)
    moves = torch.where(visible, rows.logits, 0.0) - torch.where(visible, own.logits, 0.0)
    bound = attention_shift(abs(moves).amax(-1))
    value = _variation(rows, own)
    share = torch.where(bound > ROUNDING, (value - ROUNDING) / torch.clamp(bound, min=ROUNDING), 0.0)
    return (value > bound + ROUNDING).sum(-1), torch.clamp(share, min=0.0).amax(-1)


def _variation(rows: _Rows, own: _Rows) -> Any:
    """Return the total variation between rows; what does not go to keys goes to a sink."""
    difference = rows.weights - own.weights
    return 0.5 * (abs(difference).sum(-1) + abs(difference.sum(-1)))


def _turns(visited: VisitedLayer, table: Frequencies | None, length: int) -> Any:
    """Return cos + i sin times the attention factor, (T, P) complex128."""
    torch = load("torch", "llama")
    if table is None:
        return visited.phasors.to(torch.complex128)
    theta = torch.as_tensor(np.array(table.theta), dtype=torch.float64, device=visited.query.device)
    positions = torch.arange(length, dtype=torch.float64, device=theta.device)
    cos, sin = phasors(theta, positions, space_of(theta))
    return table.attention_factor * torch.complex(cos, sin)


def _rotated(x: Any, z: Any, visited: VisitedLayer) -> Any:
    """Return x (..., T, head_dim) rotated by z (T, P), its pairs side by side as in the ``half`` layout."""
    torch = load("torch", "llama")
    width = visited.rope.config.width
    if visited.rope.pairing == "half":
        pairs = torch.complex(x[..., : width // 2], x[..., width // 2 : width])
    else:
        pairs = torch.complex(x[..., 0:width:2], x[..., 1:width:2])
    pairs = pairs * z
    return torch.cat([pairs.real, pairs.imag, x[..., width:]], dim=-1)


def _scale(options: Mapping[str, Any], width: int) -> float:
    scale = options.get("scaling")
    return float(width**-0.5 if scale is None else scale)


def _weights(logits: Any, options: Mapping[str, Any], sinks: Any) -> Any:
    """Return the softmax of logits (heads, rows, T), after the soft cap, beside a sink (heads,) where there is one."""
    torch = load("torch", "llama")
    cap = options.get("softcap")
    capped = logits if cap is None else cap * torch.tanh(logits / cap)
    capped = capped.masked_fill(torch.isinf(logits), -math.inf)
    if sinks is None:
        return capped.softmax(-1)
    column = sinks[:, None, None].expand(*capped.shape[:-1], 1)
    return torch.cat([capped, column], dim=-1).softmax(-1)[..., :-1]
