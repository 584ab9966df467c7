"""Which keys the rows of an attention function see, and what is added to their logits, as the function was told."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rope_theory.errors import RowsRefused
from rope_theory.models._packages import torch

HIDING = 0.5
"""An added number below this share of the lowest number of its dtype hides a key: masks are filled with the lowest."""


@dataclass(frozen=True, eq=False)
class Attended:
    """What an attention function was given, and what it returned.

    Attributes
    ----------
    query, key : tensor, (heads, T, head_dim) and (kv_heads, T, head_dim)
        Rotated.
    value : tensor, (kv_heads, T, value_dim)
        Values.
    mask : tensor, BlockMask or None
        As the function was given it.
    options : mapping
        Its arguments by name: scaling, softcap, s_aux and others.
    causal : bool
        Whether the module calls itself causal; what a function does that was given no mask.
    implementation : str
        Name of the function in transformers' registry.
    output : tensor, (T, heads, value_dim)
        What it returned.
    """

    query: Any
    key: Any
    value: Any
    mask: Any
    options: Mapping[str, Any]
    causal: bool
    implementation: str
    output: Any


def seen_by(attended: Attended, heads: slice, places: Any, length: int) -> tuple[Any, Any]:
    """Return which keys the rows at ``places`` do not see, and what is added to their logits.

    Parameters
    ----------
    attended : Attended
        Mask and options; only the rows at ``places`` are read, so that nothing of size T × T is made here.
    heads : slice
        Query heads.
    places : tensor of int, (rows,)
        Query positions.
    length : int
        T, tokens.

    Returns
    -------
    hidden : tensor of bool, (heads or 1, rows, T)
        True where the weight is zero.
    bias : tensor, (heads or 1, rows, T), or None
        Added after any soft cap.
    """
    mask, bias = attended.mask, attended.options.get("position_bias")
    added = None if bias is None else _rows_of(bias, heads, places, length).double()
    if mask is None:
        return _hidden_without_mask(attended, places, length)[None], added
    if hasattr(mask, "mask_mod"):
        return ~_block_mask_rows(mask.mask_mod, places, length)[None], added
    if not isinstance(mask, torch.Tensor):
        raise RowsRefused(f"the attention function was given a mask of type {type(mask).__name__}")
    if mask.ndim == 2:  # flash attention: which tokens are no padding
        return _hidden_without_mask(attended, places, length)[None] | ~mask[0, None, None, :length].bool(), added
    rows = _rows_of(mask, heads, places, length)
    if rows.dtype == torch.bool:
        return ~rows, added
    if not rows.dtype.is_floating_point:
        raise RowsRefused(f"the attention function was given a mask of {rows.dtype}")
    hidden = rows < HIDING * torch.finfo(rows.dtype).min
    rows = rows.double().masked_fill(hidden, 0.0)
    return hidden, (rows if added is None else rows + added) if bool(rows.any()) else added


def _rows_of(tensor: Any, heads: slice, places: Any, length: int) -> Any:
    """Return (heads or 1, rows, T) of a tensor (1, heads or 1, T or 1, at least T)."""
    if tensor.ndim != 4 or tensor.shape[0] != 1 or tensor.shape[2] not in (1, length) or tensor.shape[3] < length:
        raise RowsRefused(f"the attention function was given a mask or bias of shape {tuple(tensor.shape)}")
    some = tensor[0] if tensor.shape[1] == 1 else tensor[0, heads]
    some = some.expand(-1, len(places), -1) if tensor.shape[2] == 1 else some[:, places]
    return some[..., :length]


def _hidden_without_mask(attended: Attended, places: Any, length: int) -> Any:
    """Return (rows, T), what a function of transformers hides on its own.

    Without a mask, ``eager`` and ``flex_attention`` hide nothing and ``sdpa`` hides later tokens where the module is
    causal; flash attention hides those and what is outside the sliding window, on both sides where it is not causal.
    """
    distance = places[:, None] - torch.arange(length, device=places.device)
    hidden = torch.zeros_like(distance, dtype=torch.bool)
    if attended.implementation.startswith(("eager", "flex")):
        return hidden
    given = attended.options.get("is_causal")
    if attended.causal if given is None else given:
        hidden = distance < 0
    window = attended.options.get("sliding_window")
    if window is not None and attended.implementation != "sdpa":
        hidden = hidden | (abs(distance) >= int(window))
    return hidden


def _block_mask_rows(mask_mod: Any, places: Any, length: int) -> Any:
    """Return (rows, T), True where a mask of flex attention lets a row see."""
    zero = torch.zeros((), dtype=places.dtype, device=places.device)
    keys = torch.arange(length, device=places.device)
    over_keys = torch.vmap(mask_mod, in_dims=(None, None, None, 0))
    with torch._dynamo._trace_wrapped_higher_order_op.TransformGetItemToIndex():  # as torch makes block masks itself
        return torch.vmap(over_keys, in_dims=(None, None, 0, None))(zero, zero, places, keys)


def scale_of(attended: Attended, width: int) -> float:
    """Return what q·k is multiplied by."""
    scale = attended.options.get("scaling")
    try:
        return float(width**-0.5 if scale is None else scale)
    except (TypeError, ValueError, RuntimeError):  # a tensor of several numbers
        raise RowsRefused(f"the attention function was given a scaling of type {type(scale).__name__}") from None


def weights_of(logits: Any, hidden: Any, bias: Any, attended: Attended, heads: slice) -> Any:
    """Return the softmax of logits (heads, rows, T): soft cap, then bias and mask, beside a sink where there is one."""
    cap, sinks = attended.options.get("softcap"), attended.options.get("s_aux")
    capped = logits if cap is None else cap * torch.tanh(logits / cap)
    if bias is not None:
        capped = capped + bias
    capped = capped.masked_fill(hidden, -math.inf)
    if sinks is None:
        return capped.softmax(-1)
    if sinks.numel() < heads.stop:
        raise RowsRefused(f"the attention function was given {sinks.numel()} sinks, fewer than there are heads")
    column = sinks.flatten()[heads].double()[:, None, None].expand(*capped.shape[:-1], 1)
    return torch.cat([capped, column], dim=-1).softmax(-1)[..., :-1]
