"""Rows of attention of sampled queries, rebuilt from unrotated queries and keys, and where their mass goes.

The rows are those of the model's own mask and options. What they make of the values is compared with what the model's
attention function returned; a layer whose function does anything that is not rebuilt here is refused.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rope_theory._core.arrays import slices
from rope_theory.bounds._attention_shift import attention_shift
from rope_theory.coefficients import pair_parts
from rope_theory.errors import RowsRefused
from rope_theory.models._masks import Attended, scale_of, seen_by, weights_of
from rope_theory.models._means import Means
from rope_theory.models._packages import torch
from rope_theory.models._recording import VisitedLayer, cos_sin
from rope_theory.scaling import Frequencies

LAST = 16
"""Tokens counted as the last: the query's own and those before it."""

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
        Rows per head.
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


def reduced_rows(visited: VisitedLayer, places: Any, tables: Sequence[Frequencies], window: int) -> list[RowValues]:
    """Return what the rows of queries at ``places`` come to: under the model's own table, then under ``tables``.

    Parameters
    ----------
    visited : VisitedLayer
        Queries, keys, table, and what its attention was given and returned.
    places : tensor of int, (rows,)
        Query positions.
    tables : sequence of Frequencies
        Other tables, on the same queries and keys before rotation.
    window : int
        L, tokens.

    Raises
    ------
    RowsRefused
        When the model's own rows, times the values, are not what its attention function returned.
    """
    heads, length, _ = visited.query.shape
    group = heads // visited.key.shape[0]
    _check_output(visited.attended, heads, visited.key.shape[0], length)
    turns = [_turns(visited, table, length) for table in (None, *tables)] if tables else []
    size = max(1, BLOCK.get(visited.query.device.type, BLOCK["cpu"]) // (group * length))
    count = 1 + len(tables)
    values = torch.zeros((count, len(QUANTITIES), heads, len(places)), dtype=torch.float64, device=places.device)
    others = torch.zeros((3, count, heads), dtype=torch.float64, device=places.device)
    largest, violations, tightest = others
    largest -= math.inf
    for number in range(visited.key.shape[0]):
        of_head = slice(number * group, (number + 1) * group)
        key = visited.key[number].to(torch.float64)
        keys = [_rotated(key, z, visited) for z in turns]
        for some in slices(len(places), size):
            seen = seen_by(visited.attended, of_head, places[some], length)
            given = _given_rows(visited.attended, of_head, number, places[some], seen)
            _refuse_other_output(visited.attended, given, of_head, number, places[some])
            values[0, :, of_head, some] = _values(given, given, window)
            largest[0, of_head] = torch.maximum(largest[0, of_head], given.logits.amax((1, 2)))
            query = visited.query[of_head, places[some]].to(torch.float64)
            own = None  # rotated anew, as under the other tables, so that the rounding of one is that of the other
            for place, (z, key) in enumerate(zip(turns, keys, strict=True)):
                rotated = _rotated(query, z[places[some]], visited)
                rows = _rows(visited.attended, of_head, rotated, key, places[some], seen)
                if own is None:
                    own = rows
                    continue
                values[place, :, of_head, some] = _values(rows, own, window)
                largest[place, of_head] = torch.maximum(largest[place, of_head], rows.logits.amax((1, 2)))
                over, share = _shift(rows, own)
                violations[place, of_head] += over
                tightest[place, of_head] = torch.maximum(tightest[place, of_head], share)
    return [RowValues(values[i], largest[i], violations[i], tightest[i]) for i in range(count)]


@dataclass(frozen=True, eq=False)
class _Rows:
    """Rows of some heads: logits and weights (heads, rows, T), and the distance to each key (rows, T)."""

    logits: Any
    weights: Any
    distance: Any


def _rows(attended: Attended, heads: slice, query: Any, key: Any, places: Any, seen: tuple[Any, Any]) -> _Rows:
    """Return the rows of rotated queries (heads, rows, head_dim) over rotated keys (T, head_dim), in float64."""
    hidden, bias = seen
    logits = query @ key.T * scale_of(attended, query.shape[-1])
    weights = weights_of(logits, hidden, bias, attended, heads)
    distance = places[:, None] - torch.arange(len(key), device=places.device)
    return _Rows(logits.masked_fill(hidden, -math.inf), weights, distance)


def _given_rows(attended: Attended, heads: slice, number: int, places: Any, seen: tuple[Any, Any]) -> _Rows:
    """Return the rows of the queries and keys that the attention function was given, of key head ``number``."""
    query, key = attended.query[heads, places].double(), attended.key[number].double()
    return _rows(attended, heads, query, key, places, seen)


def _check_output(attended: Attended, heads: int, keys: int, length: int) -> None:
    """Refuse values and outputs that are not of one head each."""
    value, output = tuple(attended.value.shape), tuple(attended.output.shape)
    if value[:2] != (keys, length) or output != (length, heads, value[-1]):
        raise RowsRefused(f"its attention function made outputs of shape {output} of values of shape {value}")


def _refuse_other_output(attended: Attended, rows: _Rows, heads: slice, number: int, places: Any) -> None:
    """Raise where the weights times the values of one key head are not what the attention function returned."""
    value, returned = attended.value[number].double(), attended.output[places, heads].transpose(0, 1)
    away = abs(rows.weights @ value - returned.double()).amax(-1)
    allowed = _rounding(attended, rows, heads, number, places) * abs(value).max()
    if not bool((away <= allowed).all()):  # NaN too
        worst = int((away / allowed).nan_to_num(math.inf).argmax())
        raise RowsRefused(
            "softmax rows rebuilt from queries, keys, mask and options give other outputs than the model's attention "
            "function",
            (float(away.flatten()[worst]), float(allowed.flatten()[worst])),
        )


# What rounding may add to an output Σ p_i v_i, in units of max|v|. Let u be the unit roundoff of the outputs' dtype,
# u₃₂ that of float32, f that of a factor in a matrix product, d the head dimension, T the tokens. f is 0 on a CPU,
# 2⁻¹¹ where CUDA may use TF32, and 2⁻²⁰ elsewhere on CUDA, whose kernels split a float32 into TF32 parts.
# A logit errs by δ_i ≤ 4w|l_i| + (2f + 4√d·u₃₂)·‖q‖‖k_i‖. It is rounded after the product, the scale, the cap and the
# mask in precision w: u in eager attention, u₃₂ in fused kernels. A sum of d terms errs by at most 4√d·u₃₂ but for
# rare cases (Higham and Mary, SIAM J. Sci. Comput. 41 (2019) A2815, λ = 4).
# To first order p_i moves by p_i(δ_i − Σ p_k δ_k), and the output by at most 2 Σ p_i δ_i. Weights, values in a product
# and the output itself are rounded: 4u + 2f. The sums over keys, of the softmax and the output, err by 4√T·u₃₂ each.
def _rounding(attended: Attended, rows: _Rows, heads: slice, number: int, places: Any) -> Any:
    """Return (heads, rows), the error that rounding explains, relative to the largest value."""
    single = torch.finfo(torch.float32).eps / 2
    unit = max(single, torch.finfo(attended.output.dtype).eps / 2)
    fused = attended.implementation.startswith(("sdpa", "flash", "flex"))
    logit = single if fused else unit
    factor = 0.0
    if attended.query.device.type == "cuda":
        factor = 2.0**-20 if torch.get_float32_matmul_precision() == "highest" else 2.0**-11
    width, length = attended.query.shape[-1], attended.key.shape[1]
    query, key = attended.query[heads, places].double(), attended.key[number].double()
    norms = abs(scale_of(attended, width)) * query.norm(dim=-1)[..., None] * key.norm(dim=-1)
    size = torch.where(torch.isfinite(rows.logits), abs(rows.logits), 0.0)
    moves = 4.0 * logit * size + (2.0 * factor + 4.0 * math.sqrt(width) * single) * norms
    sums = 8.0 * math.sqrt(length) * single
    return 2.0 * (rows.weights * moves).sum(-1) + 4.0 * unit + 2.0 * factor + sums


def _values(rows: _Rows, own: _Rows, window: int) -> Any:
    p = rows.weights
    return torch.stack(
        [
            -torch.special.xlogy(p, p).sum(-1),
            p[..., 0],
            (p * ((rows.distance >= 0) & (rows.distance < LAST))).sum(-1),
            (p * (abs(rows.distance) >= window)).sum(-1),
            _variation(rows, own),
        ]
    )


def _shift(rows: _Rows, own: _Rows) -> tuple[Any, Any]:
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
    if table is None:
        return visited.phasors.to(torch.complex128)
    return table.attention_factor * torch.complex(*cos_sin(table, 0, length, visited.query.device))


def _rotated(x: Any, z: Any, visited: VisitedLayer) -> Any:
    """Return x (..., T, head_dim) rotated by z (T, P), its pairs side by side as in the ``half`` layout."""
    width = visited.rope.config.width
    pairs = torch.complex(*pair_parts(x, width, visited.rope.pairing)) * z
    return torch.cat([pairs.real, pairs.imag, x[..., width:]], dim=-1)
