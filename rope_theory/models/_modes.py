"""A model while it is measured: evaluation mode, no gradients, initial rotary frequencies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from rope_theory.errors import WrongValue
from rope_theory.models._packages import torch, transformers


def what_ran(model: Any) -> dict[str, str]:
    """Return what records say of a model: its class, the dtype of its weights, and its device."""
    dtype = str(model.dtype).removeprefix("torch.")
    return {"model": type(model).__name__, "dtype": dtype, "device": str(model.device)}


def body_of(model: Any) -> Any:
    """Return the part of a causal model that makes the last states.

    It is what the class names as its base model, else its decoder, else the one model inside it; a part that has an
    output layer of its own is looked into again.
    """
    inside = [part for part in model.children() if isinstance(part, transformers.PreTrainedModel)]
    named = getattr(model, model.base_model_prefix, None)
    decoder = model.get_decoder() if hasattr(model, "get_decoder") else None
    for body in (named, decoder, inside[0] if len(inside) == 1 else None):
        if body is not None and body is not model:
            head = getattr(body, "get_output_embeddings", lambda: None)()
            return body if head is None else body_of(body)
    return model


def last_states(model: Any, ids: Any) -> Any:
    """Return the states (n, T, hidden) that the output layer is given, of tokens (n, T).

    Raises
    ------
    ValueError
        When the model has no part that returns them.
    """
    body = body_of(model)
    states = getattr(body(input_ids=ids, use_cache=False), "last_hidden_state", None)
    if states is None:
        raise WrongValue(
            type(model).__name__,
            f"cannot be measured: its part {type(body).__name__} returns no last_hidden_state, "
            "from which logits are made a block at a time",
            remedy="Pass the causal language model inside it",
        )
    return states


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
def restoring_tables(model: Any) -> Iterator[None]:
    """Put back all that a pass inside does to rotary modules: tables that grew, lengths seen, attributes added."""
    with ExitStack() as stack:
        for part in _with_frequencies(model):
            buffers = dict(part._buffers)
            plain = {name: value for name, value in vars(part).items() if name[0] != "_"}
            stack.callback(_put_back, part, buffers, plain)
            for name, table in buffers.items():  # a pass may write into a table in place
                part._buffers[name] = None if table is None else table.clone()
        yield


@contextmanager
def starting_anew(model: Any) -> Iterator[None]:
    """Give rotary modules the tables they were made with, as before any pass, and put back those they have after.

    A dynamic table grows with the longest sequence seen, and does not shrink again for one of the trained window.
    """
    with restoring_tables(model):
        for part in _with_frequencies(model):
            for name in [name for name in part._buffers if name.endswith("original_inv_freq")]:
                prefix = name.removesuffix("original_inv_freq")
                setattr(part, name.replace("original_", ""), getattr(part, name).clone())
                if hasattr(part, f"{prefix}max_seq_len_cached") and hasattr(part, "original_max_seq_len"):
                    setattr(part, f"{prefix}max_seq_len_cached", part.original_max_seq_len)
        yield


@contextmanager
def measuring(model: Any) -> Iterator[None]:
    """Both of these, without gradients."""
    with torch.no_grad(), evaluating(model), starting_anew(model):
        yield


def _with_frequencies(model: Any) -> list[Any]:
    """Return the modules that keep inverse frequencies."""
    return [
        part for part in model.modules()
        if any(name.endswith("inv_freq") for name in (*vars(part).get("_buffers", {}), *vars(part)))
    ]  # fmt: skip


def _put_back(part: Any, buffers: dict[str, Any], plain: dict[str, Any]) -> None:
    part._buffers.clear()
    part._buffers.update(buffers)
    for name in [name for name in vars(part) if name[0] != "_" and name not in plain]:
        delattr(part, name)
    vars(part).update(plain)
