"""Attention scores a(s) = Re Σ_j h_j e^{isθ_j}: anywhere, and fast on regular grids."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from rope_theory._core.arrays import (
    Array,
    Space,
    _product_error,
    angular,
    coefficients,
    in_kind,
    is_tensor,
    offsets,
    over_blocks,
    phasors,
    space_of,
    values_behind,
)
from rope_theory._core.checks import above, flag, number
from rope_theory.errors import NotEnoughMemory, WrongType, WrongValue

__all__ = ["attention_score", "score_curve"]

LONGEST_ROW = 4096
"""Most offsets that share one anchor in ``score_curve``; a matrix product of this width runs at full speed."""

LARGEST_RESULT = 1 << 37
"""Most scores returned in one array (1 TiB of float64)."""

ANCHOR_ELEMENTS = 1 << 21
"""Elements of the anchor matrix held at one time in ``score_curve`` (16 MiB of float64)."""


def attention_score(h: Array, theta: Any, s: Array, *, keep_dtype: bool = False) -> Array:
    """Return the attention score at offsets s, before the 1/√head_dim and any attention factor.

    a(s) = Re Σ_j h_j e^{isθ_j}

    Parameters
    ----------
    h : array or tensor, complex, shape (..., P)
        Score coefficients.
    theta : array (P,) or Frequencies
        Angular frequencies, rad/token.
    s : array or tensor, any shape S
        Offsets in tokens (query position minus key position), real, within ±2**53.
    keep_dtype : bool
        Return the precision of a tensor h (numpy arrays are computed in float64); phases are computed in
        float64 either way.

    Returns
    -------
    array or tensor, shape (..., *S)
        Exact to a few ulps of Σ abs(h_j). Differentiable in h, theta and s under torch.

    Raises
    ------
    ValueError
        For NaN, infinity, empty arrays, shapes that do not match, offsets beyond 2**53.

    Notes
    -----
    Source: arXiv 2306.15595 v2, equation (3). For a whole curve on a regular grid use ``score_curve``.

    Examples
    --------
    >>> import rope_theory as rt
    >>> float(rt.attention_score([1.0, 1.0j], [1.0, 0.01], 0.0))
    1.0
    """
    space = _space(h, theta, s, flag(keep_dtype, "keep_dtype"))
    frequencies = angular(theta, space)
    h = coefficients(h, frequencies.shape[0], space)
    s = offsets(s, "s", space)
    h_real, h_imag = _rows(h)

    def kernel(piece: Array) -> Array:
        cos, sin = phasors(frequencies, piece, space)
        return h_real @ cos.T - h_imag @ sin.T

    flat = over_blocks(kernel, s.reshape(-1), 2 * frequencies.shape[0], space)
    return in_kind(flat.reshape(tuple(h.shape[:-1]) + tuple(s.shape)), space)


def score_curve(
    h: Array,
    theta: Any,
    start: float,
    stop: float,
    step: float = 1.0,
    *,
    out: Array | None = None,
    keep_dtype: bool = False,
) -> Array:
    """Return the score at start, start + step, … < stop, by angle addition in one matrix product.

    e^{i(A+b)θ} = e^{iAθ} e^{ibθ}: with anchors A every few thousand offsets and b between them,
    a(A + b) = Σ_j Re(h_j e^{iAθ_j}) cos(bθ_j) − Im(h_j e^{iAθ_j}) sin(bθ_j).

    Parameters
    ----------
    h : array or tensor, complex, shape (..., P)
        Score coefficients.
    theta : array (P,) or Frequencies
        Angular frequencies, rad/token.
    start, stop, step : float
        Offsets in tokens; stop is excluded, step is above 0.
    out : array or tensor, of the result's dtype, shape (..., n), optional
        Where to write, C-contiguous.
    keep_dtype : bool
        Multiply in the precision of a tensor h (numpy arrays are computed in float64); phases are computed
        in float64 either way.

    Returns
    -------
    array or tensor, shape (..., n)
        ``out`` when it was given. Differentiable in h and theta under torch when ``out`` is not given. As in
        ``attention_score`` neither 1/√head_dim nor an attention factor is applied, also when theta is a
        ``Frequencies`` that has one. Exact to a few ulps of Σ abs(h_j) at the real numbers start + step·k, which
        differ from ``start + step * np.arange(n)`` by the rounding of the latter.

    Raises
    ------
    ValueError
        For start ≥ stop, a step of zero or below the spacing of floats there, shapes that do not match, NaN,
        infinity, offsets beyond 2**53.

    Notes
    -----
    Source: arXiv 2306.15595 v2, equation (3).

    Examples
    --------
    >>> import rope_theory as rt
    >>> theta = rt.scaling.Unscaled().frequencies(rt.RopeConfig(head_dim=4))
    >>> rt.score_curve([1.0, 0.0], theta, 0, 3).round(4)
    array([ 1.    ,  0.5403, -0.4161])
    """
    space = _space(h, theta, out if is_tensor(out) else None, flag(keep_dtype, "keep_dtype"))
    frequencies = angular(theta, space)
    pairs = frequencies.shape[0]
    h = coefficients(h, pairs, space)
    count = grid_length(start, stop, step)
    start, step = float(start), float(step)
    h_real, h_imag = _rows(h)
    rows, shape = h_real.shape[0], (*tuple(h.shape[:-1]), count)
    if out is None and rows * count > LARGEST_RESULT:
        raise _too_large(rows, count)
    target = _target(out, shape, space)

    row = min(LONGEST_ROW, count, 1 << math.ceil(math.log2(max(1.0, math.sqrt(count * rows)))))
    cos, sin = _grid_phasors(frequencies, 0.0, step, _arange(row, space), space)
    fine = space.xp.concat([cos, sin], axis=-1).T  # (2P, row)

    def block(first: int, last: int) -> Array:  # anchors first … last−1 → scores (rows, last − first, row)
        cos, sin = _grid_phasors(frequencies, start, step * row, _arange(last, space)[first:], space)
        real = h_real[:, None, :] * cos - h_imag[:, None, :] * sin
        imag = h_real[:, None, :] * sin + h_imag[:, None, :] * cos
        return space.xp.concat([real, -imag], axis=-1)

    anchors = math.ceil(count / row)
    chunk = max(1, ANCHOR_ELEMENTS // (2 * pairs * rows))
    pieces = []
    for first in range(0, anchors, chunk):
        last = min(anchors, first + chunk)
        begin, end = first * row, min(count, last * row)
        weights = block(first, last)
        if target is None:
            pieces.append((weights @ fine).reshape(rows, -1)[:, : end - begin])
        else:
            _multiply_into(target, weights, fine, begin, end, space)
    if target is not None:
        return out if out is not None else target.reshape(shape)
    return space.xp.concat(pieces, axis=-1).reshape(shape)


def _grid_phasors(theta: Array, start: float, step: float, index: Array, space: Space) -> tuple[Array, Array]:
    """Return cos and sin of (start + step·k)·θ, (n, P), for the real numbers start + step·k.

    step·k = product + lost and start + product = rounded + dropped, both without error (Dekker, Knuth), so that
    e^{i(start + step·k)θ} is the product of the phasors of rounded, dropped and lost. On grids of integers and dyadic
    steps the last two are 0 and cost nothing.
    """
    wide = Space(space.xp, space.device, space.xp.float64, space.xp.complex128)  # rounded once, at the end
    product = step * index
    lost = _product_error(step * space.xp.ones_like(index), index, product)
    rounded = start + product
    back = rounded - start
    dropped = (start - (rounded - back)) + (product - back)
    cos, sin = phasors(theta, rounded, wide)
    for rest in (dropped, lost):
        if bool((rest != 0.0).any()):
            cos_rest, sin_rest = phasors(theta, rest, wide)
            cos, sin = cos * cos_rest - sin * sin_rest, sin * cos_rest + cos * sin_rest
    return space.xp.astype(cos, space.dtype, copy=False), space.xp.astype(sin, space.dtype, copy=False)


def grid_length(start: float, stop: float, step: float) -> int:
    """Return how many of start, start + step, … lie below stop."""
    start, stop, step = number(start, "start"), number(stop, "stop"), above(step, "step", 0.0)
    if start >= stop:
        raise WrongValue("start", f"({start:g}) must be below stop ({stop:g})", remedy="exchange them")
    offsets(start, "start", space_of())
    offsets(stop, "stop", space_of())
    spacing = math.ulp(max(abs(start), abs(stop)))
    if step < spacing:
        raise WrongValue(
            "step", f"({step:g}) must be at least {spacing:g}, the spacing of floats at the far end of the grid"
        )
    count = max(1, math.ceil((stop - start) / step))
    if count > 1 and start + step * (count - 1) >= stop:  # the quotient was rounded up
        count -= 1
    elif start + step * count < stop:
        count += 1
    return count


def _space(h: Array, theta: Any, other: Any, keep_dtype: bool) -> Space:
    """Return the space of all three; to keep the dtype means that of h, since phases are float64 anyway."""
    space = space_of(h, values_behind(theta), other)
    return space_of(h, keep_dtype=True) if keep_dtype and is_tensor(h) else space


def _rows(h: Array) -> tuple[Array, Array]:
    flat = h.reshape(-1, h.shape[-1])
    return flat.real, flat.imag


def _arange(count: int, space: Space) -> Array:
    if space.is_numpy:
        return np.arange(count, dtype=np.float64)
    return space.xp.arange(count, dtype=space.xp.float64, device=space.device)


def _target(out: Array | None, shape: tuple[int, ...], space: Space) -> Array | None:
    """Return a (rows, n) view of where scores go, or None when torch should keep its graph."""
    rows = int(np.prod(shape[:-1], dtype=np.int64))
    if out is None:
        return _empty(rows, shape[-1]) if space.is_numpy else None
    kind = "array" if space.is_numpy else "tensor"
    dtype = np.dtype(space.dtype) if space.is_numpy else space.dtype
    if is_tensor(out) == space.is_numpy or not hasattr(out, "shape"):
        raise WrongType(
            "out", f"must be a {('numpy array' if space.is_numpy else 'torch tensor')} like h", type(out).__name__
        )
    if tuple(out.shape) != shape or out.dtype != space.dtype:
        raise WrongValue(
            "out", f"must be a {dtype} {kind} of shape {shape}", f"{out.dtype} of shape {tuple(out.shape)}"
        )
    if not space.is_numpy and out.requires_grad:
        raise WrongValue(
            "out", "requires a gradient, which writing into it would cut", remedy="leave out= away instead"
        )
    if space.is_numpy and not out.flags.writeable:
        raise WrongValue("out", "is read-only", remedy="pass a writeable array")
    if not (out.flags.c_contiguous if space.is_numpy else out.is_contiguous()):
        raise WrongValue("out", "must be C-contiguous, so that scores can be written into it directly")
    return out.reshape(rows, shape[-1])


def _empty(rows: int, count: int) -> Array:
    try:
        return np.empty((rows, count))
    except MemoryError:
        raise _too_large(rows, count) from None


def _too_large(rows: int, count: int) -> NotEnoughMemory:
    return NotEnoughMemory(f"{rows} × {count} scores need {rows * count / 2**27:.3g} GiB", "ask for a shorter stretch")


def _multiply_into(target: Array, weights: Array, fine: Array, begin: int, end: int, space: Space) -> None:
    """Write weights @ fine, (rows, anchors, row), to target[:, begin:end], whole rows without a copy."""
    rows, anchors, row = weights.shape[0], weights.shape[1], fine.shape[1]
    whole = (end - begin) // row  # the last row of anchors may be cut short
    if whole and space.is_numpy:
        view = target[:, begin : begin + whole * row].reshape(rows, whole, row)  # splitting a contiguous axis: a view
        if view.flags.c_contiguous:  # one product instead of one per row of h
            np.matmul(weights[:, :whole].reshape(rows * whole, -1), fine, out=view.reshape(rows * whole, row))
        else:
            np.matmul(weights[:, :whole], fine, out=view)
    elif whole:
        target[:, begin : begin + whole * row] = (weights[:, :whole] @ fine).reshape(rows, -1)
    if whole < anchors:
        tail = end - begin - whole * row
        target[:, begin + whole * row : end] = weights[:, whole] @ fine[:, :tail]
