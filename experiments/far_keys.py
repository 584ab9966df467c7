"""What keys beyond the trained window do to a model: attention in which they are hidden, capped or brought near."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rope_theory.scaling import Frequencies

TREATMENTS = ("plain", "capped", "hidden", "near")
"""Of keys at distances of L tokens and more: left as they are; scores cut to the row's largest score of a nearer key;
not attended to; scored as if they stood L − 1 tokens away.
"""

IMPLEMENTATION = "rope_theory_far_keys"
"""Name of the attention function in transformers' registry."""


@contextmanager
def treated(model: Any, treatment: str, table: Frequencies) -> Iterator[None]:
    """Let ``model``, a Llama with heads of the ``half`` layout, treat far keys so inside the block.

    Parameters
    ----------
    model : LlamaForCausalLM
        Put back as it was afterwards.
    treatment : str
        One of ``TREATMENTS``.
    table : Frequencies
        The model's own; its config says L.
    """
    if treatment not in TREATMENTS:
        raise ValueError(f"treatment must be one of {', '.join(TREATMENTS)}, got {treatment!r}.")
    import torch
    import transformers
    from transformers import masking_utils as masks

    window = table.config.context_length
    theta = torch.tensor(table.theta.copy(), device=model.device)

    def attend(module: Any, query: Any, key: Any, value: Any, mask: Any, **options: Any) -> Any:
        groups = query.shape[1] // key.shape[1]
        key, value = (x.repeat_interleave(groups, dim=1) for x in (key, value))
        places = torch.arange(query.shape[2], device=query.device)
        distance = places[:, None] - places
        logits = query @ key.transpose(-1, -2) * options["scaling"]
        logits = logits.masked_fill(distance < 0, -torch.inf)
        far = distance >= window
        if treatment == "hidden":
            logits = logits.masked_fill(far, -torch.inf)
        elif treatment == "capped":
            nearest = logits.masked_fill(far, -torch.inf).amax(-1, keepdim=True)
            logits = torch.where(far, torch.minimum(logits, nearest), logits)
        elif treatment == "near":
            still = _turned(query, (window - 1 - places)[:, None] * theta)
            logits = torch.where(
                far, still @ _turned(key, -places[:, None] * theta).transpose(-1, -2) * options["scaling"], logits
            )
        return (logits.softmax(-1) @ value).transpose(1, 2).contiguous(), None

    before = model.config._attn_implementation
    transformers.AttentionInterface.register(IMPLEMENTATION, attend)
    masks.AttentionMaskInterface.register(IMPLEMENTATION, lambda *args, **kwargs: None)
    model.set_attn_implementation(IMPLEMENTATION)
    try:
        yield
    finally:
        model.set_attn_implementation(before)


def _turned(x: Any, angles: Any) -> Any:
    """Return x (..., T, head_dim) turned by ``angles`` (T, P) more than it is."""
    import torch

    first, second = x.chunk(2, dim=-1)
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)
