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

from rope_theory._arrays import phasors, space_of
from rope_theory._optional import load
from rope_theory.bounds.attention_shift import attention_shift
from rope_theory.llama._masks import Attended, RowsRefused, scale_of, seen_by, weights_of
from rope_theory.llama._means import Means
from rope_theory.llama._recording import VisitedLayer
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
        Queries, keys, table, and what its attention was given and returned.
    places : tensor of int, (rows,)
        Query positions.
    tables : sequence of Frequencies or None
        Under which tables, on the same queries and keys; the first is compared with, None is the one the model used.
    window : int
        L, tokens.

    Raises
    ------
    RowsRefused
        When the rows under the first table, times the values, are not what the model's attention returned.
    """
    torch = load("torch", "llama")
    heads, length, _ = visited.query.shape
    group = heads // visited.key.shape[0]
    _check_output(visited.attended, heads, visited.key.shape[0], length)
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
            seen = seen_by(visited.attended, of_head, places[some], length)
            own = None
            for place, (z, key) in enumerate(zip(turns, keys, strict=True)):
                rows = _rows(visited, of_head, places[some], z, key, seen)
                if own is None:
                    own = rows
                    _refuse_other_output(visited.attended, own, of_head, number, places[some])
                values[place, :, of_head, some] = _values(rows, own, window)
                largest[place, of_head] = torch.maximum(largest[place, of_head], rows.logits.amax((1, 2)))
                over, share = _shift(rows, own)
                violations[place, of_head] += over
                tightest[place, of_head] = torch.maximum(tightest[place, of_head], share)
    return [RowValues(values[i], largest[i], violations[i], tightest[i]) for i in range(len(tables))]


@dataclass(frozen=True, eq=False)
class _Rows:
    """Rows of some heads: logits and weights (heads, rows, T), distance to each key (rows, T), and norms.

    ``norms`` (heads, rows, T) is ‖q‖·‖k‖ times the scale of the logits, from which their rounding follows.
    """

    logits: Any
    weights: Any
    distance: Any
    norms: Any


def _rows(visited: VisitedLayer, heads: slice, places: Any, z: Any, key: Any, seen: tuple[Any, Any]) -> _Rows:
    """Return the rows of some heads at ``places``; ``key`` (T, head_dim) is rotated by z, queries are not yet."""
    torch = load("torch", "llama")
    hidden, bias = seen
    distance = places[:, None] - torch.arange(visited.query.shape[1], device=places.device)
    query = _rotated(visited.query[heads, places].to(torch.float64), z[places], visited)
    scale = scale_of(visited.attended, query.shape[-1])
    logits = query @ key.T * scale
    weights = weights_of(logits, hidden, bias, visited.attended, heads)
    norms = abs(scale) * query.norm(dim=-1)[..., None] * key.norm(dim=-1)
    return _Rows(logits.masked_fill(hidden, -math.inf), weights, distance, norms)


def _check_output(attended: Attended, heads: int, keys: int, length: int) -> None:
    """Refuse values and outputs that are not of one head each."""
    value, output = tuple(attended.value.shape), tuple(attended.output.shape)
    if value[:2] != (keys, length) or output != (length, heads, value[-1]):
        raise RowsRefused(f"its attention function made outputs of shape {output} of values of shape {value}")


def _refuse_other_output(attended: Attended, rows: _Rows, heads: slice, number: int, places: Any) -> None:
    """Raise where the weights times the values of one key head are not what the attention function returned.

    With unit roundoff u of the model's dtype (softmax is taken in float32 at best: u₃₂), a logit l_i of the function
    and ours differ by δ_i ≤ 4u|l_i| (product, scale, cap and mask are rounded one after the other), plus 8u‖q‖‖k_i‖ of
    the rotation undone (two divisions, two casts), plus the sum over head_dim terms, 4√d·u₃₂‖q‖‖k_i‖ at most but for
    one sum in a thousand (Higham and Mary, SIAM J. Sci. Comput. 41 (2019) A2815, λ = 4). Weights p then move by
    p_i(δ_i − Σp_kδ_k) to first order, so that an output Σp_iv_i moves by at most 2Σp_iδ_i·max|v|; rounding of p and of
    the output adds 4u·max|v|, and the sum over T keys 4√T·u₃₂·max|v|.
    """
    torch = load("torch", "llama")
    value = attended.value[number].double()
    returned = attended.output[places, heads].transpose(0, 1)
    single = torch.finfo(torch.float32).eps / 2
    unit = max(single, torch.finfo(returned.dtype).eps / 2)
    accumulated = 4.0 * math.sqrt(value.shape[-1]) * single
    size = torch.where(torch.isfinite(rows.logits), abs(rows.logits), 0.0)
    moves = (rows.weights * (4.0 * unit * size + (8.0 * unit + accumulated) * rows.norms)).sum(-1)
    allowed = (2.0 * moves + 4.0 * unit + 4.0 * math.sqrt(len(value)) * single) * abs(value).max()
    away = abs(rows.weights @ value - returned.double()).amax(-1)
    if not bool((away <= allowed).all()):  # NaN too
        worst = int((away / allowed).nan_to_num(math.inf).argmax())
        raise RowsRefused(
            f"softmax rows rebuilt from its queries, keys, mask and options give outputs off by "
            f"{float(away.flatten()[worst]):.2g} from those of the model's attention function, and rounding explains "
            f"{float(allowed.flatten()[worst]):.2g}"
        )


def _values(rows: _Rows, own: _Rows, window: int) -> Any:
    torch = load("torch", "llama")
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
