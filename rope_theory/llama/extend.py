"""A model with another RoPE table: through its own config, and read back from the tables it then holds."""

from __future__ import annotations

import copy
import dataclasses
import warnings
from typing import Any

import numpy as np

from rope_theory._checks import integer
from rope_theory._optional import load
from rope_theory.config import RopeConfig
from rope_theory.llama._layer_settings import layer_settings
from rope_theory.llama._recording import checked_model
from rope_theory.precision.audit import audit
from rope_theory.scaling import (
    DynamicNTK,
    Frequencies,
    Llama3,
    LongRoPE,
    NTKAware,
    NTKByParts,
    PositionInterpolation,
    Proportional,
    Scaling,
    Unscaled,
    YaRN,
)
from rope_theory.scaling.huggingface import HuggingFaceRope, from_hf, to_hf
from rope_theory.scaling.huggingface.reading import ORIGINAL

FULL = "full_attention"
"""The layers that see the whole window, in models with a table for each type of layer."""

SAME = 1e-12
"""Largest relative difference of two frequencies that are the same real number."""

STACKED = (PositionInterpolation, NTKAware)
"""Methods that divide each frequency by a number of its own, whatever the table is."""

MULTIPLYING = (*STACKED, NTKByParts, YaRN, Llama3, Proportional)
"""Methods of which two in a row are one with the product of their factors."""

INSTEAD = "Extend the original model by the whole factor, or pass replace=True to put it in the place of what is there."


def extend(model: Any, scaling: Scaling, *, length: int | None = None, replace: bool = False) -> Any:
    """Return a copy of a model that rotates by another table, made through the keys of its own config.

    Parameters
    ----------
    model : transformers model
        Any whose config this package reads, on any device; it is left untouched, and shares no weight with the copy.
    scaling : Scaling
        What is done to the table. A model that is extended already is extended further: factors multiply, of the same
        method or of PositionInterpolation and NTKAware on any other, and a warning says so.
    length : int, optional
        The new window in tokens, ``max_position_embeddings`` of the copy; the present window times the factor when not
        given. ``Unscaled``, which changes no table, needs it: this is the model of direct fine-tuning.
    replace : bool
        Put the scaling in the place of the one that the model has, instead of on top.

    Returns
    -------
    transformers model
        Of the same class, dtype, device and mode, with ``original_max_position_embeddings`` in its config: the trained
        window. In a model with a table for each type of layer (Gemma 3) that of full attention is changed, since the
        others never see beyond their own window. DynamicNTK leaves ``max_position_embeddings`` at the trained window,
        from which transformers counts.

    Raises
    ------
    TypeError
        For something that is no transformers model, or no scaling of this package.
    ValueError
        For a model that another method has extended, a length below the trained window or missing, a quantised model,
        or when the table that the copy holds is not the one asked for.

    Notes
    -----
    Before any weight is copied, the config is read back and the tables of the copy are audited
    (``rt.precision.audit``) against it. A class that knows no such method by name, or means another by it (Phi-3), gets
    the same table as LongRoPE's lists. Source: eq. (4) of arXiv 2306.15595v2 for Position Interpolation;
    ``modeling_rope_utils.py`` of transformers 5.23.0 for the keys.
    """
    checked_model(model)
    if not isinstance(scaling, Scaling):
        raise TypeError(f"scaling must be one of rt.scaling's methods, got {type(scaling).__name__}.")
    if getattr(model.config, "is_encoder_decoder", False):
        raise ValueError(
            f"{type(model).__name__} has an encoder and a decoder, each with a table; only decoders are extended."
        )
    if getattr(model, "is_quantized", False) or getattr(model, "hf_device_map", None):
        raise ValueError(
            "This model is quantised or spread over devices by a map; load it plainly, extend it, and then quantise it."
        )
    rope = table_of(model)
    window = rope.config.context_length if replace else _present_window(model, rope)
    whole = scaling if replace else _combined(rope, scaling, window)
    reach = _window(whole, scaling, rope, window, length)
    config = _written(model, rope, whole, reach)
    if _mistake(config, model, rope, whole, reach) and not isinstance(whole, DynamicNTK | LongRoPE):
        config = _written(model, rope, _as_lists(rope, whole), reach)  # Phi-3 reads YaRN's name as LongRoPE's
    mistake = _mistake(config, model, rope, whole, reach)
    if mistake:
        raise ValueError(f"{type(model).__name__} cannot be extended by {_name(whole)}: {mistake}")
    return _copied(model, config)


def table_of(model: Any) -> HuggingFaceRope:
    """Return what the config of a model says of the table of the layers that see the whole window."""
    return from_hf(model.config.get_text_config(), layer_type=_layer_type(model))


def _layer_type(model: Any) -> str | None:
    nested = getattr(model.config.get_text_config(), "rope_parameters", None) or {}
    types = [name for name, value in nested.items() if isinstance(value, dict)]
    return None if not types else FULL if FULL in types else types[0]


def _present_window(model: Any, rope: HuggingFaceRope) -> int:
    """Return the window that the model is made for now: its trained one, or what it was extended to."""
    maximum = getattr(model.config.get_text_config(), "max_position_embeddings", None) or rope.config.context_length
    return max(int(maximum), rope.config.context_length)


def _combined(rope: HuggingFaceRope, scaling: Scaling, window: int) -> Scaling:
    """Return the one scaling of the original table that has the effect of both."""
    before, trained = rope.scaling, rope.config.context_length
    if isinstance(before, Unscaled):
        if window > trained and not isinstance(scaling, Unscaled):
            _say(f"this model has been extended from {trained} to {window} tokens", f"{_name(scaling)} goes on top")
        return scaling
    if isinstance(scaling, Unscaled):
        return before
    both = f"This model is extended already, by {_name(before)}, and {_name(scaling)} on top of it"
    if isinstance(before, DynamicNTK) or not isinstance(scaling, MULTIPLYING):
        raise ValueError(f"{both} has no name in a config. {INSTEAD}")
    product = _factor(before) * _factor(scaling)
    if isinstance(before, Proportional) and isinstance(scaling, PositionInterpolation):
        scaling = before  # which divides by its factor as well; pairs that stand still have no other divisor
    keys = [to_hf(rope.config, _with_factor(one, product)) for one in (before, scaling)]
    if keys[0]["rope_type"] == keys[1]["rope_type"] not in ("default", "longrope"):
        if keys[0] != keys[1]:
            raise ValueError(f"{both} has other settings. {INSTEAD}")
        whole = _with_factor(before, product)
    elif isinstance(scaling, STACKED):
        whole = _stacked(rope, scaling, product)
    else:
        raise ValueError(f"{both} has no name in a config. {INSTEAD}")
    _say(f"this model is extended already, by {_name(before)}", f"factors multiply, to {product:g} in all")
    return whole


def _with_factor(scaling: Scaling, factor: float) -> Scaling:
    known: Any = scaling  # a dataclass with a factor: _factor found one
    changed: Scaling = dataclasses.replace(known, factor=factor)
    return changed


def _factor(scaling: Scaling) -> float:
    factor = getattr(scaling, "factor", None)
    return 1.0 if factor is None else float(factor)


def _stacked(rope: HuggingFaceRope, scaling: Scaling, product: float) -> LongRoPE:
    """Return the table of ``rope`` with one more divisor a pair, as the lists that a config can hold."""
    config, trained = rope.config, rope.config.context_length
    more = _divisors(config, scaling.frequencies(config))
    tables = [rope.frequencies(length) for length in (trained, trained + 1)]  # LongRoPE has another beyond
    short, long = ((more * _divisors(config, table)).tolist() for table in tables)
    return LongRoPE(short, long, factor=product, attention_factor=tables[0].attention_factor)


def _as_lists(rope: HuggingFaceRope, scaling: Scaling) -> LongRoPE:
    """Return the same table as the lists that a config can hold."""
    table = scaling.frequencies(rope.config)
    divisors = _divisors(rope.config, table).tolist()
    return LongRoPE(divisors, divisors, factor=_factor(scaling), attention_factor=table.attention_factor)


def _divisors(config: RopeConfig, table: Frequencies) -> Any:
    """Return what the unscaled frequencies are divided by, one number per pair."""
    still = int((np.asarray(table.theta) == 0.0).sum())
    if still:
        raise ValueError(
            f"{still} of the {len(table)} frequency pairs of this model stand still (θ = 0), which no divisor of a "
            f"frequency says, so {_name(table.scaling)} and another method have no common list of divisors. "
            "PositionInterpolation divides the frequencies of the pairs that rotate; use that."
        )
    return np.asarray(Unscaled().frequencies(config).theta) / np.asarray(table.theta)


def _name(scaling: Scaling) -> str:
    factor = getattr(scaling, "factor", None)
    return scaling.name if factor is None else f"{scaling.name}({factor:g})"


def _say(fact: str, consequence: str) -> None:
    warnings.warn(f"Note that {fact}; {consequence}.", UserWarning, stacklevel=4)


def window_of(model: Any) -> int:
    """Return the window that a model is made for, in tokens: also where its table follows the length."""
    rope = table_of(model)
    if isinstance(rope.scaling, DynamicNTK):
        return round((rope.scaling.reference_length or rope.config.context_length) * rope.scaling.factor)
    return _present_window(model, rope)


def _window(whole: Scaling, scaling: Scaling, rope: HuggingFaceRope, window: int, length: int | None) -> int:
    """Return the new window in tokens."""
    trained = rope.config.context_length
    if isinstance(whole, DynamicNTK) and length not in (None, round(trained * whole.factor)):
        raise ValueError(
            f"{_name(whole)} follows the length of what it reads; leave length out, or give "
            f"{round(trained * whole.factor)}."
        )
    if length is not None:
        return integer(length, "length", trained, "The trained window is that long already.")
    if getattr(scaling, "factor", None) is None:
        raise ValueError(f"{_name(scaling)} does not say how long the new window is; give length, in tokens.")
    return round(window * _factor(scaling))


def _written(model: Any, rope: HuggingFaceRope, whole: Scaling, reach: int) -> Any:
    """Return a copy of the model's config with the keys of the new table."""
    config = copy.deepcopy(model.config)
    text, trained = config.get_text_config(), rope.config.context_length
    keys = to_hf(rope.config, whole)
    name = _layer_type(model)
    text.rope_parameters = keys if name is None else {**text.rope_parameters, name: keys}
    if hasattr(text, "rope_theta") and name is None:
        text.rope_theta = keys["rope_theta"]
    if layer_settings(text, "head_dim", 0) == [None]:  # Mixtral's, which transformers then cannot compute with
        text.head_dim = rope.config.head_dim
    if getattr(text, "model_type", None) == "phimoe" and keys["rope_type"] == "longrope":
        text.rope_parameters |= dict.fromkeys(("short_mscale", "long_mscale"), keys["attention_factor"])
    if isinstance(whole, DynamicNTK):
        text.max_position_embeddings = whole.reference_length or trained
    else:
        text.max_position_embeddings = reach
        setattr(text, ORIGINAL, trained)
    return config


def _mistake(config: Any, model: Any, rope: HuggingFaceRope, whole: Scaling, reach: int) -> str:
    """Return what is wrong with the table that a config describes; nothing where it is the one asked for."""
    try:
        back = from_hf(config.get_text_config(), layer_type=_layer_type(model))
    except (ValueError, TypeError) as error:
        return f"its config would not be read: {error}"
    for length in (rope.config.context_length, reach):
        wanted, found = whole.frequencies(rope.config, length), back.frequencies(length)
        off = _difference(np.asarray(found.theta), np.asarray(wanted.theta))
        if off > SAME or abs(found.attention_factor - wanted.attention_factor) > SAME * wanted.attention_factor:
            return (
                f"its config does not carry it. Read back, it says {_name(back.scaling)}, whose frequencies at "
                f"{length} tokens are off by {off:.2g}."
            )
    return ""


def _copied(model: Any, config: Any) -> Any:
    """Return a model of ``config`` with copies of the weights of ``model``; its tables are audited before."""
    accelerate = load("accelerate", "llama")
    with accelerate.init_empty_weights(include_buffers=False):  # tables with values, weights without
        copied = type(model)._from_config(config, attn_implementation=model.config._attn_implementation)
    report = audit(copied)
    if not report.ok:
        raise ValueError(
            f"{type(model).__name__} cannot be extended: its tables are not those of its config. {report.verdict}"
        )
    weights = {name: value.detach().clone() for name, value in model.state_dict().items()}
    other = sorted(set(copied.state_dict()) ^ set(weights))
    if other:
        raise ValueError(
            f"The weights of this model are not those of a plain {type(model).__name__}: {other[0]} "
            f"({len(other)} in all). Merge adapters first."
        )
    copied.load_state_dict(weights, assign=True)
    if _tied(model):
        copied.tie_weights()
    before = dict(model.named_parameters())
    for name, weight in copied.named_parameters():
        weight.requires_grad_(before[name].requires_grad)
    if getattr(model, "generation_config", None) is not None:
        copied.generation_config = copy.deepcopy(model.generation_config)
    copied.to(model.device)
    for new, old in zip(copied.modules(), model.modules(), strict=True):
        new.training = old.training
    return copied


def _tied(model: Any) -> bool:
    """Tell whether the output layer is the embedding, whatever the config says."""
    output = model.get_output_embeddings() if hasattr(model, "get_output_embeddings") else None
    return output is not None and output.weight is model.get_input_embeddings().weight


def _difference(found: Any, wanted: Any) -> float:
    """Return the largest relative difference of two arrays of frequencies, infinite for other shapes."""
    if found.shape != wanted.shape:
        return float("inf")
    scale = np.where(wanted == 0.0, 1.0, wanted)
    return float(np.max(np.abs(found - wanted) / scale))
