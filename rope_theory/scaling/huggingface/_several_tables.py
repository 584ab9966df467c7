"""RoPE dictionaries of model classes with one table per layer type, completed as their config classes complete them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rope_theory._core.checks import integer, shown
from rope_theory.errors import Conflict, MissingKey, OutOfRange, WrongType, WrongValue
from rope_theory.scaling.huggingface.facts import ModelFacts, TableFacts

Ropes = dict[str | None, dict[str, Any] | None]
"""Layer type → its RoPE dictionary; None where the config says null."""

NEEDS_ITS_BASE = frozenset({"proportional", "llama3"})
"""Rope types whose validation in transformers 5.23 wants rope_theta inside the dictionary."""


MOST_LAYERS = 4096
"""Layers of a model, beyond which num_hidden_layers is not taken for a number of layers."""


def declared_layers(raw: Mapping[str, Any], facts: ModelFacts) -> tuple[str, ...] | None:
    """Return each layer's type, in order; None where the config names none and the class completes its tables."""
    given = raw.get("layer_types")
    if given is None and facts.completes_tables:
        return None
    if given is None:
        layers = _by_pattern(raw, facts)
    elif isinstance(given, list | tuple) and given and all(isinstance(name, str) for name in given):
        layers = list(given)
    else:
        raise WrongType("layer_types", "must be a list with one string per layer", shown(given))
    if not facts.completes_tables:  # such classes force their last layer
        layers[-1] = "full_attention"
    return tuple(layers)


def _by_pattern(raw: Mapping[str, Any], facts: ModelFacts) -> list[str]:
    """Return the layer types of a class that makes every sixth layer see everything."""
    count = integer(raw.get("num_hidden_layers", facts.layer_count), "num_hidden_layers", 1)
    period = integer(raw.get("sliding_window_pattern", 6), "sliding_window_pattern", 1) if facts.reads_pattern else 6
    if count > MOST_LAYERS:
        raise OutOfRange("num_hidden_layers", count, high=MOST_LAYERS)
    return ["sliding_attention" if (index + 1) % period else "full_attention" for index in range(count)]


def completed_tables(
    facts: ModelFacts, new: Mapping[Any, Any], legacy: Mapping[Any, Any], chosen: str | None,
    say: Callable[[str], None], *, given: bool,
) -> Ropes:  # fmt: skip
    """Return the dictionaries of a class that adds missing ones and lays a legacy ``rope_scaling`` over some of them.

    Gemma 3, Gemma 3n, T5Gemma 2, OLMo 3 and ModernBERT: ``convert_rope_params_to_dict`` of their config classes.
    ``given``: whether the config has ``rope_parameters`` at all, empty or not.
    """
    tables: Ropes = {}
    for name, table in facts.tables.items():
        own = new.get(name)
        if own is not None and not isinstance(own, Mapping):
            raise WrongType(f"rope_parameters.{name}", "must be a dictionary or null", shown(own))
        rope = dict(own) if own is not None else {"rope_type": "default", **table.rope}
        if legacy and table.legacy_scaling:
            if given and own is None and name == chosen:
                raise Conflict(
                    ("rope_scaling", "rope_parameters"),
                    f"are given together, and the latter has no dictionary for {name!r}: the config class lays the one "
                    "over the other and raises",
                    "Give rope_parameters alone",
                )
            if name == chosen and "type" in legacy and not {"rope_type"} & {*legacy, *rope}:
                say('rope_scaling names its type under the old key "type", which this class reads here.')
            elif name == chosen and "type" in legacy and "rope_type" not in legacy:
                say(
                    'rope_scaling names its type under the old key "type", which transformers 5.23 does not '
                    "read for this class: the table stays unscaled."
                )
            rope.update(legacy)
        elif legacy and name == chosen:
            say(f"rope_scaling does not apply to {name!r}.")
        tables[name] = rope
    return tables


def tables_as_given(
    raw: Mapping[str, Any], facts: ModelFacts, given: Mapping[Any, Any] | None, layers: tuple[str, ...],
    say: Callable[[str], None],
) -> Ropes:  # fmt: skip
    """Return the dictionaries of a class that takes a config's as they are, or its own where there are none.

    Gemma 4: nothing is completed when the config is read. The first rope type other than "default" that is computed
    completes every dictionary with the top-level ``rope_theta`` and ``partial_rotary_factor``, its own and those of
    later layer types; layer types are computed in alphabetical order.
    """
    own = given is None
    dictionaries = {name: {"rope_type": "default", **table.rope} for name, table in facts.tables.items()}
    tables: Ropes = {}
    completed = False
    for name in sorted(set(layers)):
        rope = _dictionary_of(name, dictionaries if given is None else given)
        tables[name] = rope
        if rope is None:
            continue
        kind = rope.get("rope_type", rope.get("type", "default"))
        completed = completed or kind != "default"
        if not completed:
            continue
        if raw.get("partial_rotary_factor") is not None:
            rope.setdefault("partial_rotary_factor", raw["partial_rotary_factor"])
        if own or "rope_theta" in rope or kind in NEEDS_ITS_BASE or raw.get("rope_theta") is None:
            continue
        rope["rope_theta"] = raw["rope_theta"]
        say(f"The base of {name!r} comes from the top-level rope_theta, which completes this dictionary.")
    return tables


def _dictionary_of(name: str, given: Mapping[Any, Any]) -> dict[str, Any] | None:
    """Return the dictionary that a class takes as it is; None where the config says null."""
    if name not in given:
        raise MissingKey(
            name,
            "layers of this model have that type, and its class completes nothing and raises KeyError",
            "in the RoPE dictionaries",
            "Give one dictionary for each layer type, or leave rope_parameters out",
        )
    if given[name] is None:
        return None
    if not isinstance(given[name], Mapping):
        raise WrongType(f"rope_parameters.{name}", "must be a dictionary or null", shown(given[name]))
    return dict(given[name])


def layer_head_dim(raw: Mapping[str, Any], table: TableFacts, layers: tuple[str, ...], name: str) -> tuple[str, Any]:
    """Return the key and the head dimension that one layer type has of its own; ("", None) where it has the common one.

    ``per_layer_config``, where the key is there at all, replaces ``global_head_dim`` and its default.
    """
    if "per_layer_config" not in raw:
        if table.head_dim_key is None:
            return "", None
        return table.head_dim_key, raw.get(table.head_dim_key, table.head_dim)
    common, own = raw.get("head_dim"), head_dims_of_layers(raw, len(layers))
    widths = [own.get(number, common) for number, kind in enumerate(layers) if kind == name]
    if any(width != widths[0] for width in widths):
        raise WrongValue(
            "per_layer_config",
            f"gives the layers {name!r} several head dimensions ({shown(widths)})",
            remedy="their class has one table for all of them and raises. Give these layers one head_dim",
        )
    return ("", None) if not widths or widths[0] == common else ("per_layer_config", widths[0])


def head_dims_of_layers(raw: Mapping[str, Any], count: int) -> dict[int, Any]:
    """Return layer number → the head dimension that ``per_layer_config`` gives it, where it gives one."""
    settings = raw.get("per_layer_config")
    if settings is None:
        return {}
    if not isinstance(settings, Mapping):
        raise WrongType("per_layer_config", "must map layer numbers to settings", shown(settings))
    own: dict[int, Any] = {}
    for index, layer in settings.items():
        number = int(str(index)) if str(index).isdecimal() and len(str(index)) < 10 else -1
        if not 0 <= number < count or not isinstance(layer, Mapping):
            raise WrongValue(
                "per_layer_config",
                f"must map a layer's number, 0 … {count - 1} here, to its settings",
                shown(index),
                shown(layer),
            )
        if layer.get("head_dim") is not None:
            own[number] = layer["head_dim"]
    return own
