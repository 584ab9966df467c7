"""Next-token losses from the last states of a model, a block of tokens at a time: logits are never held whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from rope_theory.models._modes import last_states, measuring
from rope_theory.models._packages import torch

LOGITS = 1 << 24
"""Logits held at one time."""

TRIED = 4
"""Tokens on which the output layer is compared with the model's own logits."""

CLOSE = 4
"""Largest difference of the two, in roundings of the largest logit."""


def output_layer(model: Any) -> Callable[[Any], Any] | None:
    """Return what makes logits of last states, or None where the model does something this package does not know.

    Tried on a few tokens, against the model's own logits: models may scale or cap what the output layer gives, and in
    half precision a few of them tell little apart, so the nearest candidate is taken.
    """
    head = model.get_output_embeddings()
    if head is None:
        return None
    with measuring(model):
        few = torch.arange(TRIED, device=model.device)[None] % head.weight.shape[0]
        own, states = model(input_ids=few, use_cache=False).logits, last_states(model, few)
        try:
            found = [(candidate, candidate(states)) for candidate in _candidates(head, model.config.get_text_config())]
        except RuntimeError:  # states go through other layers first, which change their width
            return None
        errors = [
            float((own.float() - logits.float()).abs().max()) if own.shape == logits.shape else float("inf")
            for _, logits in found
        ]
        if not bool(torch.isfinite(own).all()):  # whoever computes losses will say so
            return found[-1][0]
        best = min(range(len(found)), key=lambda place: (errors[place], -place))
        near = CLOSE * torch.finfo(own.dtype).eps * float(own.abs().max())
        return found[best][0] if errors[best] <= near else None


def _candidates(head: Any, config: Any) -> Iterator[Callable[[Any], Any]]:
    """Yield what the classes of transformers make of the output layer: nothing more, a cap, a factor, a divisor."""
    yield head
    if cap := getattr(config, "final_logit_softcapping", None):
        yield lambda states: (head(states) / cap).tanh() * cap
    if factor := getattr(config, "logit_scale", None):
        yield lambda states: head(states) * factor
    if divisor := getattr(config, "logits_scaling", None):
        yield lambda states: head(states) / divisor


def token_losses(project: Callable[[Any], Any], states: Any, targets: Any, vocabulary: int) -> Any:
    """Return −ln p of ``targets``, (N,), given last states, (N, hidden); in float32, in float64 for such a model."""
    wide = torch.promote_types(states.dtype, torch.float32)
    size = max(1, LOGITS // vocabulary)
    with torch.no_grad():
        losses = [
            torch.nn.functional.cross_entropy(project(state).to(wide), following, reduction="none")
            for state, following in zip(states.split(size), targets.split(size), strict=True)
        ]
    return torch.cat(losses)
