"""A model while it is measured: nothing trains, nothing is drawn at random, and tables are those it was made with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from rope_theory._optional import load


def body_of(model: Any) -> Any:
    """Return the part of a causal model that makes the last states."""
    body = getattr(model, model.base_model_prefix, None)
    if body is None and hasattr(model, "get_decoder"):
        body = model.get_decoder()
    return model if body is None else body


@contextmanager
def evaluating(model: Any) -> Iterator[None]:
    """Put a model into evaluation mode inside, and every module back into the one it was in."""
    training = [(part, part.training) for part in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for part, flag in training:
            part.training = flag


@contextmanager
def starting_anew(model: Any) -> Iterator[None]:
    """Give rotary modules the tables they were made with, as before any pass, and put back those they have after.

    A dynamic table grows with the longest sequence seen, and does not shrink again for one of the trained window.
    """
    with ExitStack() as stack:
        for part in model.modules():
            _start_anew(part, stack)
        yield


@contextmanager
def measuring(model: Any) -> Iterator[None]:
    """Both of these, without gradients."""
    torch = load("torch", "llama")
    with torch.no_grad(), evaluating(model), starting_anew(model):
        yield


def _start_anew(part: Any, stack: ExitStack) -> None:
    for name in [name for name in vars(part).get("_buffers", {}) if name.endswith("original_inv_freq")]:
        current, first = name.replace("original_", ""), getattr(part, name).clone()  # tables are written in place
        prefix = name.removesuffix("original_inv_freq")
        for attribute, value in (
            (current, first),
            (f"{prefix}max_seq_len_cached", part.__dict__.get("original_max_seq_len")),
        ):
            if hasattr(part, attribute) and value is not None:
                stack.callback(setattr, part, attribute, getattr(part, attribute))
                setattr(part, attribute, value)
