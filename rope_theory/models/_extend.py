"""A model with another RoPE table: through its own config, and read back from the tables it then holds."""

from __future__ import annotations

import copy
import dataclasses
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import zip_longest
from threading import RLock
from typing import Any

import numpy as np

from rope_theory._core.checks import flag, integer
from rope_theory.config import RopeConfig
from rope_theory.errors import (
    CannotExtend,
    CopyRefused,
    InputError,
    MissingArgument,
    NoRotaryTable,
    RunRefused,
    ScalingRefused,
    WrongType,
    WrongValue,
)
from rope_theory.models._copying import changed_numbers, filled, one_line, without_weights
from rope_theory.models._executed import (
    TOKENS,
    Execution,
    Rotation,
    angles_off,
    executed,
    same_but_for_angles,
)
from rope_theory.models._layer_settings import layer_settings
from rope_theory.models._packages import torch
from rope_theory.models._recording import checked_model
from rope_theory.precision._audit import audit
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
from rope_theory.scaling.huggingface.other_keys import keeping_other_keys, rescales_softmax
from rope_theory.scaling.huggingface.reading import ORIGINAL
from rope_theory.scaling.huggingface.writing import exact_share

FULL = "full_attention"
"""The layers that see the whole window, in models with a table for each type of layer."""

SAME = 1e-12
"""Largest relative difference of two frequencies that are the same real number."""

STACKED = (PositionInterpolation, NTKAware)
"""Methods that divide each frequency by a number of its own, whatever the table is."""

MULTIPLYING = (*STACKED, NTKByParts, YaRN, Llama3, Proportional)
"""Methods of which two in a row are one with the product of their factors."""

LONG, LONG_OF_OWN_CLASS = 512, 4096
"""Longest trained windows past which a model is run whole, tokens: of a class of transformers, or of another."""

_one_at_a_time = RLock()
"""Copies are built one after the other: making modules without memory changes PyTorch for all threads meanwhile."""

STEPS = ("saved", "read_back", "tables", "copied", "numbers", "executed")
"""What is checked of a config, in order: the refusal of the spelling that came furthest is the one that is raised."""


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
        For a model that another method has extended, a length below the trained window or missing, a model that is
        quantised, spread over devices or has adapters, and for a class that cannot run the scaling: the message names
        the class and what came out instead.

    Notes
    -----
    What is returned was executed. Both models run on a few tokens inside the trained window and at the end of the new
    one. The rotary modules must return e^{imθ} of the scaling. With the original's angles put in, the copy must return
    the original's output, bit for bit on a CPU: on these tokens, everything else that reaches the logits (softmax
    scale, temperature, masks) is then the original's. The numbers of modules are compared between models that both
    configs make. Frequencies are computed anew in float32, also where the original was cast to a narrower format.

    Latent-attention models keep their softmax scale: ``mscale_all_dim`` is written so that its effect with the new
    factor is that of the old one. DeepSeek's recipe, which raises the softmax scale with the factor, is a change to the
    model of its own and not made here.

    The config is tried in several spellings: by name, and as LongRoPE's lists for a class that knows no such method or
    means another by its name (Phi-3). It is saved and loaded by transformers before it is used. Source: eq. (4) of
    arXiv 2306.15595v2 for Position Interpolation; ``modeling_rope_utils.py`` of transformers 5.23.0 for the keys.
    """
    checked_model(model)
    if not isinstance(scaling, Scaling):
        raise WrongType("scaling", "must be one of rt.scaling's methods", type(scaling).__name__)
    replace = flag(replace, "replace")
    refused = partial(CannotExtend, type(model).__name__, "")
    if getattr(model.config, "is_encoder_decoder", False):
        raise refused("it has an encoder and a decoder, each with a table; only decoders are extended", "architecture")
    if getattr(model, "is_quantized", False):
        raise refused("it is quantised; extend the model it was made of, then quantise it", "quantised")
    places = set((getattr(model, "hf_device_map", None) or {}).values())
    if len(places) > 1 or "disk" in places:
        raise refused("it is spread over devices (hf_device_map); load it on one, extend it, then spread it", "spread")
    try:
        rope = table_of(model)
    except InputError as error:
        raise refused(str(error), "config") from error
    window = rope.config.context_length if replace else _present_window(model, rope)
    scaling = _on_still_pairs(model, rope, scaling)
    whole = scaling if replace else _combined(model, rope, scaling, window)
    refused = partial(CannotExtend, type(model).__name__, whole.label)
    try:
        whole.frequencies(rope.config)
    except InputError as error:
        raise refused(str(error), "scaling") from error
    reach = _window(whole, scaling, rope, window, length)
    refusals: list[CannotExtend] = []
    plain: list[Any] = []
    for config in _configs(model, rope, whole, reach):
        try:
            with _one_at_a_time, torch.inference_mode(False):
                return _extended(model, config, rope, whole, reach, plain)
        except CannotExtend as error:
            error.__cause__ = error.__context__ = None
            refusals.append(error.with_traceback(None))  # whose frames would keep whole copies alive
    raise max(refusals, key=lambda refusal: STEPS.index(refusal.code))


def _extended(
    model: Any, config: Any, rope: HuggingFaceRope, whole: Scaling, reach: int, plain: list[Any]
) -> Any:  # fmt: skip
    """Return the model of a config with the weights of ``model``, each step checked; the last one is executed.

    ``plain`` holds an empty model of the present config once one was needed.
    """
    refused = partial(CannotExtend, type(model).__name__, whole.label)
    if reason := _lost_when_saved(config):
        raise refused(reason, "saved")
    if reason := _mistake(config, model, rope, whole, reach):
        raise refused(reason, "read_back")
    try:
        empty = without_weights(model, config)
        if reason := _audited(empty):
            raise refused(reason, "tables")
        if not plain:
            plain.append(without_weights(model, copy.deepcopy(model.config)))
        if reason := changed_numbers(plain[0], empty):
            raise refused(reason, "numbers")
        extended = filled(empty, model, plain[0])
    except CopyRefused as error:
        raise refused(error.reason, "copied") from error
    if reason := _difference_executed(model, extended, rope, whole, reach):
        raise refused(reason, "executed")
    return extended


def _audited(empty: Any) -> str:
    """Return what the audit finds in the tables of a copy; nothing where all are those of its config."""
    try:
        report = audit(empty)
    except InputError as error:
        return f"its tables cannot be compared. {error}"
    return "" if report.ok else f"its tables are not those of its config. {report.verdict}"


def table_of(model: Any) -> HuggingFaceRope:
    """Return what the config of a model says of the table of the layers that see the whole window."""
    return from_hf(model.config.get_text_config(), layer_type=_layer_type(model))


def _layer_type(model: Any) -> str | None:
    types = _types(model)
    if len(types) < 2:
        return types[0] if types else None
    if FULL not in types:
        raise NoRotaryTable(
            f"the config has a RoPE dictionary for each of {', '.join(types)}, and none for {FULL}: which layers see "
            "the whole window is not known"
        )
    return FULL


def _present_window(model: Any, rope: HuggingFaceRope) -> int:
    """Return the window that the model is made for now: its trained one, or what it was extended to."""
    maximum = getattr(model.config.get_text_config(), "max_position_embeddings", None) or rope.config.context_length
    return max(int(maximum), rope.config.context_length)


def _on_still_pairs(model: Any, rope: HuggingFaceRope, scaling: Scaling) -> Scaling:
    """Return the scaling in the form for a model whose last frequency pairs do not rotate (θ = 0)."""
    before = rope.scaling
    if not isinstance(before, Proportional) or before.partial_rotary_factor == 1.0:
        return scaling
    if isinstance(scaling, PositionInterpolation):
        return Proportional(before.partial_rotary_factor, scaling.factor)
    if isinstance(scaling, Unscaled | Proportional):
        return scaling
    theta = np.asarray(rope.frequencies().theta)
    raise CannotExtend(
        type(model).__name__,
        scaling.label,
        f"{int((theta == 0.0).sum())} of the {theta.size} frequency pairs of this model stand still (θ = 0), which no "
        f"divisor says, and {scaling.label} would make them rotate; PositionInterpolation divides those that rotate",
        "still_pairs",
    )


def _combined(model: Any, rope: HuggingFaceRope, scaling: Scaling, window: int) -> Scaling:
    """Return the one scaling of the original table that has the effect of both."""
    before, trained = rope.scaling, rope.config.context_length
    if isinstance(before, Proportional) and isinstance(scaling, Unscaled):
        return before
    if isinstance(before, Unscaled) or (isinstance(before, Proportional) and before.factor == 1.0):
        if window > trained and not isinstance(scaling, Unscaled):
            _say(f"this model has been extended from {trained} to {window} tokens", f"{scaling.label} goes on top")
        return scaling
    if isinstance(scaling, Unscaled):
        return before
    both = f"it is extended already, by {before.label}, and {scaling.label} on top of it"
    refused = partial(CannotExtend, type(model).__name__, scaling.label, code="extended")
    if isinstance(before, DynamicNTK) or not isinstance(scaling, MULTIPLYING):
        raise refused(f"{both} has no name in a config")
    product = _factor(before) * _factor(scaling)
    if isinstance(before, Proportional) and isinstance(scaling, PositionInterpolation):
        scaling = before  # which divides by its factor as well; pairs that stand still have no other divisor
    keys = [to_hf(rope.config, _with_factor(one, product)) for one in (before, scaling)]
    if keys[0]["rope_type"] == keys[1]["rope_type"] not in ("default", "longrope"):
        if keys[0] != keys[1]:
            raise refused(f"{both} has other settings")
        whole = _with_factor(before, product)
    elif isinstance(scaling, STACKED):
        whole = _stacked(rope, scaling, product)
    else:
        raise refused(f"{both} has no name in a config")
    _say(f"this model is extended already, by {before.label}", f"factors multiply, to {product:g} in all")
    return whole


def _with_factor(scaling: Scaling, factor: float) -> Scaling:
    known: Any = scaling  # a dataclass with a factor: _factor found one
    changed: Scaling = dataclasses.replace(known, factor=factor)
    return changed


def _factor(scaling: Scaling) -> float:
    factor = getattr(scaling, "factor", None)
    return 1.0 if factor is None else float(factor)


def _stacked(rope: HuggingFaceRope, scaling: Scaling, product: float) -> LongRoPE:
    """Return the table of ``rope`` with one more divisor per frequency pair, as LongRoPE lists."""
    config, trained = rope.config, rope.config.context_length
    more = _divisors(config, scaling.frequencies(config))
    tables = [rope.frequencies(length) for length in (trained, trained + 1)]  # LongRoPE has another beyond
    short, long = ((more * _divisors(config, table)).tolist() for table in tables)
    return LongRoPE(short, long, factor=product, attention_factor=tables[0].attention_factor)


def _as_lists(rope: HuggingFaceRope, scaling: Scaling) -> LongRoPE | None:
    """Return the same table as lists for a config; None where a pair stands still, which has no divisor."""
    table = scaling.frequencies(rope.config)
    if not np.asarray(table.theta).all():
        return None
    divisors = _divisors(rope.config, table).tolist()
    return LongRoPE(divisors, divisors, factor=_factor(scaling), attention_factor=table.attention_factor)


def _divisors(config: RopeConfig, table: Frequencies) -> Any:
    """Return what the unscaled frequencies are divided by, one number per pair."""
    if still := int((np.asarray(table.theta) == 0.0).sum()):
        raise ScalingRefused(
            table.scaling.label,
            f"lets {still} of the {len(table)} frequency pairs of this model stand still (θ = 0), which no divisor of "
            "a frequency says, so that it has no list of divisors in common with another method",
            "PositionInterpolation divides the frequencies of the pairs that rotate; use that",
        )
    return np.asarray(Unscaled().frequencies(config).theta) / np.asarray(table.theta)


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
        raise WrongValue(
            whole.label,
            "follows the length of what it reads",
            remedy=f"leave length out, or give {round(trained * whole.factor)}",
        )
    if length is not None:
        return integer(length, "length", trained, "The trained window is that long already.")
    if getattr(scaling, "factor", None) is None:
        raise MissingArgument(("length",), f"{scaling.label} does not say how long the new window is")
    return round(window * _factor(scaling))


def _configs(model: Any, rope: HuggingFaceRope, whole: Scaling, reach: int) -> Iterator[Any]:
    """Yield copies of the model's config with the keys of the new table, in every spelling a class may take.

    In order: unchanged, if only the length changes; by name; as LongRoPE lists, the only type that Phi-3 knows. The
    last two are repeated with partial_rotary_factor written out, which Phi-3's class needs even for whole heads.
    """
    before = _dictionary_of(model)
    share = {"partial_rotary_factor": exact_share(rope.config.width, rope.config.head_dim)}
    spellings: list[dict[str, Any] | None] = [None] if whole == rope.scaling else []
    softmax = rescales_softmax(model.config.get_text_config().to_dict())
    scalings = [whole] if isinstance(whole, DynamicNTK | LongRoPE) else [whole, _as_lists(rope, whole)]
    for scaling in filter(None, scalings):
        keys = keeping_other_keys(to_hf(rope.config, scaling), before, rope.config, scaling, softmax=softmax)
        spellings += [keys, {**share, **keys}]
        if "partial_rotary_factor" in before:  # which latent attention may count from another head dimension
            spellings.append({**keys, "partial_rotary_factor": before["partial_rotary_factor"]})
    for number, spelling in enumerate(spellings):
        if spelling not in spellings[:number]:
            yield _written(model, rope, spelling, whole, reach)


def _dictionary_of(model: Any) -> dict[str, Any]:
    """Return the RoPE dictionary of the layers that see the whole window, as the model's config holds it."""
    rope, name = getattr(model.config.get_text_config(), "rope_parameters", None) or {}, _layer_type(model)
    return dict(rope if name is None else rope[name])


def _written(model: Any, rope: HuggingFaceRope, keys: dict[str, Any] | None, whole: Scaling, reach: int) -> Any:
    """Return a copy of the model's config with a RoPE dictionary (None leaves the one it has) and a window."""
    config = copy.deepcopy(model.config)
    text, trained = config.get_text_config(), rope.config.context_length
    if keys is not None:
        _put_dictionary(text, keys, _layer_type(model))
    if layer_settings(text, "head_dim", 0) == [None]:  # Mixtral's, which transformers then cannot compute with
        text.head_dim = rope.config.head_dim
    if isinstance(whole, DynamicNTK):
        text.max_position_embeddings = whole.reference_length or trained
    else:
        text.max_position_embeddings = reach
        setattr(text, ORIGINAL, trained)
    return config


def _put_dictionary(text: Any, keys: dict[str, Any], name: str | None) -> None:
    text.rope_parameters = keys if name is None else {**text.rope_parameters, name: keys}
    if hasattr(text, "rope_theta") and name is None:
        text.rope_theta = keys["rope_theta"]
    if getattr(text, "model_type", None) == "phimoe" and keys["rope_type"] == "longrope":
        text.rope_parameters |= dict.fromkeys(("short_mscale", "long_mscale"), keys["attention_factor"])


def _mistake(config: Any, model: Any, rope: HuggingFaceRope, whole: Scaling, reach: int) -> str:
    """Return what is wrong with the table that a config describes; nothing where it is the one asked for."""
    try:
        back = from_hf(config.get_text_config(), layer_type=_layer_type(model))
    except InputError as error:
        return f"its config would not be read: {error}"
    for length in (rope.config.context_length, reach):
        wanted, found = whole.frequencies(rope.config, length), back.frequencies(length)
        off = _difference(np.asarray(found.theta), np.asarray(wanted.theta))
        if off > SAME or abs(found.attention_factor - wanted.attention_factor) > SAME * wanted.attention_factor:
            return (
                f"its config does not carry it. Read back, it says {back.scaling.label}, whose frequencies at "
                f"{length} tokens are off by {off:.2g}"
            )
    return ""


def _lost_when_saved(config: Any) -> str:
    """Return why a config is another one when transformers has saved it and loaded it again; nothing if it is not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with tempfile.TemporaryDirectory() as folder:
                config.save_pretrained(folder)
                loaded = type(config).from_pretrained(folder)
        except Exception as error:  # whatever a config class raises is the answer
            return f"transformers cannot save and load its config: {type(error).__name__}: {one_line(error)}"
    before, after = (_flat(one.get_text_config().to_dict().get("rope_parameters") or {}) for one in (config, loaded))
    if key := min((key for key in before.keys() | after.keys() if before.get(key) != after.get(key)), default=""):
        return f"saved and loaded again, its {key} is {after.get(key)!r}, and {before.get(key)!r} was written"
    return ""


def _flat(rope: Mapping[str, Any], prefix: str = "rope_parameters") -> dict[str, Any]:
    """Return a RoPE dictionary with the keys of nested ones spelled out."""
    flat: dict[str, Any] = {}
    for key, value in rope.items():
        flat |= _flat(value, f"{prefix}.{key}") if isinstance(value, Mapping) else {f"{prefix}.{key}": value}
    return flat


def _difference_executed(model: Any, extended: Any, rope: HuggingFaceRope, whole: Scaling, reach: int) -> str:
    """Run both models inside the trained window and at the end of the new one; return what differs unasked.

    Where it is cheap, one pass goes from the first token past the trained window. Classes of transformers are tested
    that way with small windows; a class of somebody's own is not, so more of it is run.
    """
    trained = rope.config.context_length
    passes = [(start, TOKENS) for start in sorted({max(0, trained - TOKENS), max(0, reach - TOKENS)})]
    if trained <= (LONG if type(model).__module__.startswith("transformers.") else LONG_OF_OWN_CLASS):
        passes.append((0, trained + TOKENS))
    for start, tokens in passes:
        if reason := _difference_at(start, tokens, model, extended, rope, whole):
            return reason
    return ""


def _difference_at(start: int, tokens: int, model: Any, extended: Any, rope: HuggingFaceRope, whole: Scaling) -> str:
    """Return what differs at positions from ``start`` besides the angles that were asked for."""
    before: Execution | None = None
    try:
        before = executed(model, start, tokens)
    except RunRefused as error:
        if start + tokens <= rope.config.context_length:  # else a class may end where it was trained
            return f"it does not run on {tokens} tokens, so that nothing can be compared. {one_line(error)}"
    try:
        after = executed(extended, start, tokens)
        twin = None if before is None else executed(extended, start, tokens, before)
    except RunRefused as error:
        return f"extended, it does not run on {tokens} tokens from position {start}. {one_line(error)}"
    if whole != rope.scaling and not after.rotations:
        return "none of its rotary modules is called in a forward pass, so that its angles cannot be compared"
    chosen, types = _layer_type(model), _types(model)
    alike = before.rotations if before is not None and len(before.rotations) == len(after.rotations) else []
    for new, old in zip_longest(after.rotations, alike):
        name = _type_of(new, types)
        equal = old is not None and _same_output(old.output, new.output)
        if equal and (whole == rope.scaling or (types and name != chosen)):
            continue
        if types and name is None:
            return f"the angles of {new.path} changed, and its config does not say whose they are"
        # a model cast to a narrow format has rounded frequencies, the copy has those of its config
        described = from_hf(model.config.get_text_config(), layer_type=name) if types and name != chosen else None
        table = described.frequencies(new.length) if described else whole.frequencies(rope.config, new.length)
        if reason := angles_off(new, table):
            return reason
    if before is None or twin is None:
        return ""
    if len(before.rotations) != len(after.rotations):
        return f"rotary modules are called {len(after.rotations)} times, and {len(before.rotations)} in the original"
    return same_but_for_angles(before, twin)


def _types(model: Any) -> tuple[str, ...]:
    """Return the layer types that have a RoPE dictionary of their own."""
    nested = getattr(model.config.get_text_config(), "rope_parameters", None) or {}
    return tuple(name for name, value in nested.items() if isinstance(value, dict))


def _type_of(rotation: Rotation, types: tuple[str, ...]) -> str | None:
    """Return the layer type that a rotary module was called for: its argument, or a part of its path."""
    named = (rotation.layer_type, *reversed(rotation.path.split(".")))
    return next((name for name in named if name in types), None)


def _same_output(given: Any, found: Any) -> bool:
    pairs = zip(given, found, strict=True) if isinstance(given, tuple) else ((given, found),)
    return all(torch.equal(one, other) for one, other in pairs)


def _difference(found: Any, wanted: Any) -> float:
    """Return the largest relative difference of two arrays of frequencies, infinite for other shapes."""
    if found.shape != wanted.shape:
        return float("inf")
    scale = np.where(wanted == 0.0, 1.0, wanted)
    return float(np.max(np.abs(found - wanted) / scale))
