"""Next-token losses of a sequence from its last states, a block of positions at a time."""

from __future__ import annotations

from typing import Any

from rope_theory._optional import load
from rope_theory.llama._recording import evaluating

LOGITS = 1 << 24
"""Logits held at one time."""

TRIED = 4
"""Tokens on which the output layer is compared with the model's own logits."""


def token_losses(model: Any, states: Any, ids: Any) -> Any:
    """Return −ln p of ids[1:] in float64, (T − 1,), or None where the model has no plain output layer.

    Parameters
    ----------
    model : transformers model
        Its output layer is tried on a few tokens, against its own logits: a model may scale or cap them.
    states : tensor, (1, T, hidden)
        Last states of the body.
    ids : tensor of int, (T,)
        Tokens.
    """
    torch = load("torch", "llama")
    head = model.get_output_embeddings()
    if head is None:
        return None
    with torch.no_grad(), evaluating(model):
        few = ids[None, :TRIED]
        body = getattr(model, model.base_model_prefix, model)
        own, plain = model(few, use_cache=False).logits, head(body(few, use_cache=False).last_hidden_state)
        near = 64 * torch.finfo(own.dtype).eps * float(own.abs().max())
        if own.shape != plain.shape or float((own - plain).abs().max()) > near:
            return None
        size = max(1, LOGITS // own.shape[-1])
        before, after = states[0, :-1].split(size), ids[1:].split(size)
        losses = [
            torch.nn.functional.cross_entropy(head(state).double(), following, reduction="none")
            for state, following in zip(before, after, strict=True)
        ]
    return torch.cat(losses)
