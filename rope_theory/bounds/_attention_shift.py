"""From moved logits to moved attention weights."""

from __future__ import annotations

import numpy as np

from rope_theory._core.arrays import Array, as_numpy, first, in_kind, real, space_of
from rope_theory.bounds import _wide_range as _wide
from rope_theory.errors import WrongValue


def attention_shift(delta: Array) -> Array:
    """Return the largest total-variation distance of a softmax row whose logits each move by at most delta.

    tanh(delta/2); each single weight changes by a factor within e^{±2·delta}.

    Parameters
    ----------
    delta : array or tensor, any shape, or float
        Largest move of a logit, at least 0: the score's deviation divided by √head_dim, times μ² where an
        attention factor μ applies.

    Returns
    -------
    array or tensor of the same shape
        Attained by two logits whose log-odds go from −delta to delta: one rises by delta, one falls by it.

    Raises
    ------
    ValueError
        For negative, NaN or infinite delta.

    Notes
    -----
    Source: docs/theory.md, section 3.
    """
    space = space_of(delta)
    delta = real(delta, "delta", space)
    if bool((negative := delta < 0).any()):
        raise WrongValue(
            "delta", "must be 0 or above", f"{first(delta, negative):g}", "it is the largest absolute move of a logit"
        )
    result = space.xp.tanh(delta / 2.0)
    if _wide.is_small(delta, _wide.SMALL_RESULT):  # half of an odd subnormal number rounds, to 0 for the smallest
        moves = as_numpy(delta)
        half = np.where(moves < _wide.SMALL_RESULT, np.maximum(moves / 2.0, moves - moves / 2.0), as_numpy(result))
        result = _wide.in_place_of(result, half, space)
    return in_kind(result, space)
