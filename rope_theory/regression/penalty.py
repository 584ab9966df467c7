"""A penalty on score coefficients for training: what ridge regression does to h, done to queries and keys."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from rope_theory._core.arrays import Array, Space, angular, in_kind, real, space_of, values_behind
from rope_theory._core.checks import flag, integer
from rope_theory.coefficients import score_coefficients
from rope_theory.errors import Conflict, OutOfRange, WrongType, WrongValue

MOST_PAIRS = 1 << 24
"""Most pairs sampled in one call."""


def coefficient_penalty(
    q: Array,
    k: Array,
    *,
    pairing: str,
    theta: Any = None,
    order: float = 2,
    pairs: int | None = None,
    seed: int = 0,
    causal: bool = False,
    rotary_dim: int | None = None,
    keep_dtype: bool = False,
) -> Array:
    """Return the mean over queries m and keys n of the size of their score coefficients, one number to add to a loss.

    mean_{m,n} Σ_j (w_j·abs(h_j(m, n)))^order, or mean_{m,n} max_j w_j·abs(h_j(m, n)) for order = inf; w_j = 1, or
    θ_j² where theta is given. Since abs(h_j(m, n)) = abs(q_j(m))·abs(k_j(n)), orders 1 and 2 take every query and
    key into account in time and memory proportional to T + S; no table of T·S pairs is made.

    Parameters
    ----------
    q : array or tensor, shape (..., T, head_dim)
        Queries before rotation, after any query norm. The axis before the last is that of tokens, as transformers has
        it; tensors (batch, tokens, heads, head_dim) want ``.transpose(-2, -3)`` first, and nothing can notice.
    k : array or tensor, shape (..., S, head_dim)
        Keys before rotation; leading axes broadcast against those of q, and the mean is over them too. With
        grouped-query attention q as (..., key heads, group, T, head_dim) and k[..., None, :, :] need no copies.
    pairing : {"half", "interleaved"}
        Layout of the pairs, as in ``score_coefficients``.
    theta : array (P,) or Frequencies, optional
        Angular frequencies, rad/token: weights abs(h_j) by θ_j², as the curvature bound does.
    order : 1, 2 or inf
        Power of the moduli. inf takes the largest modulus, the H of the bounds; it does not factorise and needs
        ``pairs``.
    pairs : int, optional
        Estimate from so many pairs (m, n), drawn uniformly with replacement, the same ones for every leading index:
        right in the mean over seeds.
    seed : int
        Seed of numpy's default generator for ``pairs``, so that every device draws the same ones; give each
        training step its own.
    causal : bool
        Count only n ≤ m, which needs T = S.
    rotary_dim : int, optional
        Width of the rotated part, the first dimensions of the head; all of it when not given.
    keep_dtype : bool
        Compute in the tensors' own float32 instead of float64; numpy arrays are computed in float64.

    Returns
    -------
    tensor of no dimensions, or numpy scalar
        Differentiable under torch; where a modulus is zero its subgradient is 0.

    Raises
    ------
    ValueError
        For shapes that do not match, an order other than 1, 2 and inf, inf without ``pairs``, NaN, infinity, or
        numbers so large that the penalty overflows.

    Notes
    -----
    Scores are meant before 1/√head_dim: the penalty grows with head_dim and with the square of that scale, so look at
    strength·penalty beside the loss. Padding is to be left out before the call. Source: docs/theory.md, section 6. That
    h should be regularised in training is a suggestion of arXiv 2306.15595 v2, section 2.3, without an experiment.
    """
    power = _order(order)
    causal, keep_dtype = flag(causal, "causal"), flag(keep_dtype, "keep_dtype")
    seed = integer(seed, "seed", 0)
    if pairs is None and power == math.inf:
        raise WrongValue(
            "order",
            "= inf does not factorise into queries and keys",
            remedy="give pairs=N to estimate it from N sampled pairs",
        )
    space = _space(q, k, theta, keep_dtype)
    q, k = real(q, "q", space), real(k, "k", space)
    _check_shapes(q, k, causal)
    layout: dict[str, Any] = {"pairing": pairing, "rotary_dim": rotary_dim, "keep_dtype": keep_dtype}
    with np.errstate(over="ignore", invalid="ignore"):  # a penalty that overflows is refused below
        if pairs is None:
            measure = _moduli if power == 1 else _squares
            means = _mean_over_pairs(measure(q, layout), measure(k, layout), causal)
            result = (_weights(theta, means.shape[-1], space) ** power * means).sum(-1).mean()
        else:
            m, n = _draw(_count(pairs), q.shape[-2], k.shape[-2], seed, causal, space)
            moduli = abs(score_coefficients(q[..., m, :], k[..., n, :], **layout))
            moduli = _weights(theta, moduli.shape[-1], space) * moduli
            result = (space.xp.max(moduli, axis=-1) if power == math.inf else (moduli**power).sum(-1)).mean()
    if not bool(space.xp.isfinite(result)):
        raise WrongValue(
            "The penalty",
            f"overflows {result.dtype}: q reaches {float(abs(q).max()):g} and k {float(abs(k).max()):g}",
            remedy="scale them down" + (", or take order=1" if power == 2 else ""),
        )
    return in_kind(result, space)


def _order(order: Any) -> float:
    if isinstance(order, bool | np.bool_) or not isinstance(order, int | float | np.integer | np.floating):
        raise WrongType("order", "must be 1, 2 or inf", f"{order!r}")
    if order not in (1, 2, math.inf):
        raise WrongValue("order", "must be 1, 2 or inf", f"{order:g}", "other powers are not offered")
    return math.inf if order == math.inf else int(order)


def _space(q: Array, k: Array, theta: Any, keep_dtype: bool) -> Space:
    """Return the space of all three, in the dtype of q and k where that is kept: theta is float64 anyway."""
    space = space_of(q, k, values_behind(theta))
    kept = space_of(q, k, keep_dtype=keep_dtype)
    return space if kept.is_numpy else kept


def _check_shapes(q: Array, k: Array, causal: bool) -> None:
    for value, name in ((q, "q"), (k, "k")):
        if len(value.shape) < 2:
            raise WrongValue(
                name,
                "must have a token axis and a head axis, (..., tokens, head_dim)",
                f"shape {tuple(value.shape)}",
                f"{name}[None, :] makes one token of a vector",
            )
    try:
        np.broadcast_shapes(tuple(q.shape[:-2]), tuple(k.shape[:-2]))
    except ValueError:
        raise WrongValue(
            f"The leading axes of q {tuple(q.shape)} and k {tuple(k.shape)}",
            "do not broadcast",
            remedy="with grouped-query attention repeat the key heads first: "
            "k.repeat_interleave(query_heads // key_heads, dim=-3) in torch, numpy.repeat(k, "
            "query_heads // key_heads, axis=-3)",
        ) from None
    if q.shape[-1] != k.shape[-1]:
        raise Conflict(
            ("q", "k"), f"must share their last axis, the head width: got shapes {tuple(q.shape)} and {tuple(k.shape)}"
        )
    if causal and q.shape[-2] != k.shape[-2]:
        raise WrongValue(
            "causal=True",
            "pairs each query with the keys up to its own place and needs as many queries as keys",
            f"{q.shape[-2]} and {k.shape[-2]}",
            "pass those of one sequence, or leave causal out",
        )


def _squares(x: Array, layout: dict[str, Any]) -> Array:
    """Return abs(x_j)², shape (..., T, P): the coefficients of x with itself, so that the layout stays in one place."""
    return score_coefficients(x, x, **layout).real


def _moduli(x: Array, layout: dict[str, Any]) -> Array:
    """Return abs(x_j), shape (..., T, P): coefficients with (1 + i) in every pair, whatever the layout.

    Not the root of the squares: those vanish where float32 is far from it.
    """
    return abs(score_coefficients(x, x * 0 + 1, **layout)) / 2**0.5


def _mean_over_pairs(q: Array, k: Array, causal: bool) -> Array:
    """Return the mean over pairs of products, one factor from (..., T, P) and one from (..., S, P); shape (..., P)."""
    if not causal:
        return q.mean(-2) * k.mean(-2)
    tokens = q.shape[-2]
    return (q * k.cumsum(-2)).sum(-2) / (tokens * (tokens + 1) / 2)


def _weights(theta: Any, count: int, space: Space) -> Array | float:
    """Return w_j, shape (P,), or 1 where there are none."""
    if theta is None:
        return 1.0
    frequencies = angular(theta, space)
    if frequencies.shape[0] != count:
        raise WrongValue(
            "theta",
            f"must have one angular frequency a rotated pair of q and k: {count}",
            f"{frequencies.shape[0]}",
            "Give rotary_dim where only part of the head rotates",
        )
    return space.xp.astype(frequencies**2, space.dtype, copy=False)


def _count(pairs: Any) -> int:
    count = integer(pairs, "pairs", 1, "It is the number of sampled pairs.")
    if count > MOST_PAIRS:
        raise OutOfRange("pairs", count, high=MOST_PAIRS, remedy="orders 1 and 2 take all pairs without it")
    return count


def _draw(count: int, queries: int, keys: int, seed: int, causal: bool, space: Space) -> tuple[Array, Array]:
    """Return indices of ``count`` queries and keys, uniform over all pairs or over those with n ≤ m."""
    rng = np.random.default_rng(seed)
    m = rng.integers(queries, size=count)
    n = rng.integers(keys + 1 if causal else keys, size=count)
    if causal:  # a T × (T + 1) rectangle is two triangles: the upper one, turned by half, covers the lower one
        upper = n > m
        m, n = np.where(upper, queries - 1 - m, m), np.where(upper, keys - n, n)
    if space.is_numpy:
        return m, n
    return space.xp.asarray(m, device=space.device), space.xp.asarray(n, device=space.device)
