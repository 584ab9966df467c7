"""A model of another config with the weights, the modes and the buffers of a given one."""

from __future__ import annotations

import copy
from typing import Any

from rope_theory._core.optional import load
from rope_theory.errors import CopyRefused
from rope_theory.models._executed import rotary_modules
from rope_theory.models._packages import torch
from rope_theory.precision._model_tables import tables_of

STATES = ("training", "gradient_checkpointing", "_gradient_checkpointing_func")
"""Attributes of modules that users switch after a model is made."""


def without_weights(model: Any, config: Any) -> Any:
    """Return a model of ``config`` whose tables have values and whose weights have none.

    Each part gets the attention implementation of its config.
    """
    accelerate = load("accelerate", "models")
    with accelerate.init_empty_weights(include_buffers=False):
        try:
            return type(model)._from_config(config)
        except Exception as error:  # whatever a class raises for a config is the answer
            raise CopyRefused(f"its class cannot be built: {type(error).__name__}: {one_line(error)}") from error


def filled(copied: Any, model: Any, plain: Any) -> Any:
    """Fill an empty model with copies of the weights, buffers and modes of another; what is shared stays shared.

    ``plain`` is an empty model of the other one's config, which shows what was changed after that one was made.

    Tables of frequencies stay the empty model's own, also where a class keeps them among its weights.
    """
    _check_modules(copied, model)
    _share_modules(copied, model)
    tables = {found.name for found in tables_of(copied, torch)}
    kept = model.state_dict(keep_vars=True).items()
    weights = copy.deepcopy({name: one for name, one in kept if name not in tables and torch.is_tensor(one)})
    weights |= {name: value for name, value in copied.state_dict().items() if name in tables}
    _check_names("weights", set(copied.state_dict()), set(weights), model)
    for name, value in copied.state_dict().items():
        if value.shape != weights[name].shape:
            raise CopyRefused(
                f"its weight {name} has shape {tuple(weights[name].shape)}, a new one {tuple(value.shape)}"
            )
    copied.load_state_dict(weights, assign=True)
    trained = dict(model.named_parameters(remove_duplicate=False))
    for name, weight in copied.named_parameters(remove_duplicate=False):
        weight.requires_grad_(trained[name].requires_grad)
    _copy_buffers(copied, model, {*tables, *weights})
    if getattr(model, "generation_config", None) is not None:
        copied.generation_config = copy.deepcopy(model.generation_config)
    copied.to(model.device)
    _copy_states(copied, model, plain)
    return copied


def _check_modules(copied: Any, model: Any) -> None:
    """Raise when the model has other modules than its class makes, such as adapters or a new head."""
    made, given = ({path for path, _ in one.named_modules(remove_duplicate=False)} for one in (copied, model))
    _check_names("modules", made, given, model)


def _check_names(kind: str, made: set[str], given: set[str], model: Any) -> None:
    if other := sorted(made ^ given):
        raise CopyRefused(
            f"its {kind} are not those of a plain {type(model).__name__}: {other[0]} ({len(other)} in all) is in one "
            "of the two alone. Merge adapters first, where there are any"
        )


def _copy_states(copied: Any, model: Any, plain: Any) -> None:
    """Copy the modes of modules, and the numbers and switches that were changed after the model was made."""
    originals, unchanged = (dict(one.named_modules(remove_duplicate=False)) for one in (model, plain))
    rotary = {path for path, _ in rotary_modules(copied)}
    for path, module in copied.named_modules(remove_duplicate=False):
        given, made = vars(originals[path]), vars(unchanged[path])
        for name, value in given.items():
            changed = (
                path not in rotary
                and name[0] != "_"
                and isinstance(value, bool | int | float | str)
                and value != made.get(name)
            )
            if name in STATES or changed:
                setattr(module, name, value)
    if any(getattr(model, name, None) for name in ("_require_grads_hook", "_require_grads_hooks")):
        copied.enable_input_require_grads()


def _share_modules(copied: Any, model: Any) -> None:
    """Put one module in every place where the original has one."""
    first: dict[int, str] = {}
    for path, module in model.named_modules(remove_duplicate=False):
        place = first.setdefault(id(module), path)
        if place != path:
            parent, _, name = path.rpartition(".")
            copied.get_submodule(parent)._modules[name] = copied.get_submodule(place)


def _copy_buffers(copied: Any, model: Any, done: set[str]) -> None:
    """Copy buffers that are no weights, which a user may have changed; one that follows the window keeps its size."""
    originals = dict(model.named_buffers(remove_duplicate=False))
    for name, buffer in list(copied.named_buffers(remove_duplicate=False)):
        old = originals.get(name)
        if name in done or old is None:
            continue
        if old.shape == buffer.shape:
            path, _, own = name.rpartition(".")
            copied.get_submodule(path)._buffers[own] = old.detach().clone()
            continue
        both = tuple(slice(0, min(sizes)) for sizes in zip(old.shape, buffer.shape, strict=False))
        if old.ndim != buffer.ndim or not torch.equal(old[both], buffer[both].to(old.device)):
            raise CopyRefused(f"its buffer {name} has shape {tuple(old.shape)}, a new one {tuple(buffer.shape)}")


def changed_numbers(plain: Any, empty: Any) -> str:
    """Return which plain number or switch of a module another config changes; nothing where it changes none.

    Compared are models of the two configs, rotary modules and lengths of the window aside. This finds changes that a
    short pass does not reach, such as a mask that starts at a later token.
    """
    lengths = [one.config.get_text_config().max_position_embeddings for one in (plain, empty)]
    rotary = {path for path, _ in rotary_modules(empty)}
    _check_modules(empty, plain)
    parts = dict(plain.named_modules())
    for path, part in empty.named_modules():
        if path in rotary:
            continue
        before, after = vars(parts[path]), vars(part)
        for name in before.keys() | after.keys():
            old, value = before.get(name), after.get(name)
            plainly = any(isinstance(one, bool | int | float | str | list | tuple) for one in (old, value))
            if plainly and value != old and [old, value] != lengths:
                return f"{path}.{name} is {value!r} in the copy and {old!r} in the original"
    return ""


def one_line(error: BaseException) -> str:
    """Return the first 200 characters of a message, in one line."""
    return " ".join(str(error).split())[:200].rstrip(".")
