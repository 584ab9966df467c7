"""Queries and keys of a forward pass, layer by layer, as they enter the rotation.

The model runs as it is; what its attention functions are given and return is heard on the way, and shown to a visitor.
Dividing rotated queries and keys by the cosines and sines that the same attention module was given undoes the rotation.
What comes out is checked: every visited layer rotates a few tokens once more by nothing at all.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from rope_theory._core.arrays import phasors, space_of
from rope_theory._core.checks import integer
from rope_theory.coefficients import pair_parts
from rope_theory.errors import CannotCapture, InputError, WrongType, WrongValue
from rope_theory.models._layer_settings import layer_settings
from rope_theory.models._listening import Heard, listening
from rope_theory.models._masks import Attended
from rope_theory.models._modes import evaluating, last_states, starting_anew
from rope_theory.models._packages import torch, transformers
from rope_theory.scaling import Frequencies
from rope_theory.scaling.huggingface import HuggingFaceRope, from_hf

ARGUMENTS = ("hidden_states", "position_embeddings", "attention_mask")
"""What an attention module is given by name."""

CHECKED_TOKENS = 4
"""Tokens that every captured layer rotates by nothing, to compare with what was undone."""


@dataclass(frozen=True, eq=False)
class VisitedLayer:
    """One layer of a forward pass.

    Attributes
    ----------
    layer : int
        From 0.
    query : tensor, (heads, T, head_dim)
        Before rotation.
    key : tensor, (kv_heads, T, head_dim)
        Before rotation.
    phasors : complex tensor, (T, P)
        cos + i sin of the layer's table, attention factor included.
    rope : HuggingFaceRope
        What the config says of the layer.
    attended : Attended
        What else its attention function was given, and what it returned.
    """

    layer: int
    query: Any
    key: Any
    phasors: Any
    rope: HuggingFaceRope
    attended: Attended


def visit(
    model: Any, input_ids: Any, visitor: Callable[[VisitedLayer], None], *, layers: Sequence[int] | None = None
) -> Any:
    """Run the body of ``model`` over one sequence, show every chosen layer to ``visitor``, return the last states.

    Nothing of a layer is kept once the visitor returns, but the cosines and sines. Arguments and errors are those of
    ``capture``; the rotation of the layers is checked at the end.
    """
    ids = checked_tokens(input_ids, model)
    modules = _attention_modules(model)
    chosen = _chosen(layers, sorted(modules))
    described = {layer: _described(model, modules[layer][0], layer) for layer in chosen}
    numbered = {id(module): layer for layer in chosen for module in modules[layer]}
    recorder = _Recorder(model, numbered, described, visitor)
    with torch.no_grad(), _recording(model, recorder, [module for layer in chosen for module in modules[layer]]):
        states = last_states(model, ids)  # logits of all tokens would cost more than attention
        for layer in chosen:
            if layer not in recorder.few:
                reason = f"layer {layer} did not attend through transformers' registry of attention functions"
                raise _refused(model, reason)
            _check_rotation(recorder.attending[layer], recorder, layer)
    return states


def described_layers(model: Any) -> dict[int, HuggingFaceRope]:
    """Return what the config of ``model`` says of every layer that can be visited."""
    return {layer: _described(model, parts[0], layer) for layer, parts in sorted(_attention_modules(model).items())}


@dataclass
class _Recorder:
    """What attention modules are given: cosines and sines, and a few tokens of what is undone.

    ``layers``, ``tables`` and ``calls`` are by id of a module, the others by layer.
    """

    model: Any
    layers: dict[int, int]
    described: dict[int, HuggingFaceRope]
    visitor: Callable[[VisitedLayer], None]
    tables: dict[int, Any] = field(default_factory=dict)
    calls: dict[int, dict[str, Any]] = field(default_factory=dict)
    few: dict[int, tuple[Any, Any]] = field(default_factory=dict)
    phasors: dict[int, Any] = field(default_factory=dict)
    shown: dict[int, Any] = field(default_factory=dict)
    attending: dict[int, Any] = field(default_factory=dict)
    replaying: bool = False

    def keep_call(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Keep what a module is given: its table, and a few tokens of the rest."""
        if id(module) in self.calls:  # the call that checks the rotation
            return
        bound = inspect.signature(module.forward).bind(*args, **kwargs).arguments
        call = {**bound, **bound.get("kwargs", {})}
        call.pop("kwargs", None)
        if "position_embeddings" not in call:
            return
        self.tables[id(module)] = call["position_embeddings"]
        # copies of a few rows, so that no layer's input or mask is kept alive
        length = call["hidden_states"].shape[1]
        self.calls[id(module)] = {name: _few_tokens(value, length) for name, value in call.items()}

    def attend(
        self, heard: Heard, module: Any, query: Any, key: Any, value: Any, attention_mask: Any = None, *rest: Any,
        **kwargs: Any,
    ) -> Any:  # fmt: skip
        """Let an attention function do its work, and show what it was given and returned, where that is asked for."""
        layer = self.layers.get(id(module)) if id(module) in self.tables else None
        if layer is not None:
            table = self.tables[id(module)]
            _check_shapes(self.model, layer, self.described[layer], table, (query, key))
        result = heard.function(module, query, key, value, attention_mask, *rest, **kwargs)
        if layer is not None:
            output = result[0] if isinstance(result, tuple) else result
            causal = bool(getattr(module, "is_causal", True))
            tensors = (query[0], key[0], value[0])
            attended = Attended(*tensors, attention_mask, kwargs, causal, heard.name.removeprefix("paged|"), output[0])
            self.show(layer, module, query, key, attended)
        return result

    def show(self, layer: int, module: Any, query: Any, key: Any, attended: Attended) -> None:
        """Undo the rotation at once, so that nothing rotated is kept, and let the visitor see it."""
        plain = self.undone(layer, self.tables[id(module)], query, key)
        _refuse_infinite(plain, layer)
        few, before = tuple(x[:, :CHECKED_TOKENS].clone() for x in plain), self.few.get(layer)
        self.few[layer] = (few[0], few[1])
        if self.replaying:
            return
        if before is None:
            self.attending[layer] = module
            self.visitor(VisitedLayer(layer, *plain, self.phasors[layer], self.described[layer], attended))
        elif not all(bool((one == other).all()) for one, other in zip(before, few, strict=True)):
            raise _refused(self.model, f"layer {layer} attends with several queries and keys in one pass")

    def undone(self, layer: int, table: Any, query: Any, key: Any) -> tuple[Any, Any]:
        """Return query and key without the rotation that the table describes."""
        rope = self.described[layer]
        same = next((other for other, known in self.shown.items() if other != layer and _same(known, table)), None)
        self.shown[layer] = table
        self.phasors[layer] = self.phasors[same] if same is not None else _phasors(table, len(rope.frequencies()))
        return _undone(query[0], self.phasors[layer], rope), _undone(key[0], self.phasors[layer], rope)


@contextmanager
def _recording(model: Any, recorder: _Recorder, modules: list[Any]) -> Iterator[None]:
    """Let ``recorder`` hear how ``model`` attends inside, in evaluation mode; put everything back after."""
    with ExitStack() as stack, listening(recorder.attend), evaluating(model), starting_anew(model):
        for module in modules:
            stack.enter_context(module.register_forward_pre_hook(recorder.keep_call, with_kwargs=True))
        yield


def _few_tokens(value: Any, length: int) -> Any:
    """Return an argument of an attention module cut to the first tokens, where it has an axis of T = ``length``.

    That axis is the first of a vector, the second of (1, T, …), and the third of (1, heads, T, …), whose last may be
    one too.
    """
    if type(value) in (tuple, list):
        return type(value)(_few_tokens(one, length) for one in value)
    if type(value) is dict:
        return {name: _few_tokens(one, length) for name, one in value.items()}
    if not isinstance(value, torch.Tensor) or value.ndim == 0:
        return None if hasattr(value, "mask_mod") else value  # flex attention hides nothing without a mask
    axes = {1: [0], 2: [1], 3: [1]}.get(value.ndim) or ([2, 3] if value.shape[2] == length else [1])
    if value.ndim == 4 and value.shape[2] == 1:  # a row of a mask for all queries
        axes = [3]
    for axis in axes:
        if value.shape[axis] >= length:
            value = value.narrow(axis, 0, min(CHECKED_TOKENS, length))
    return value.clone()


def _attention_modules(model: Any) -> dict[int, list[Any]]:
    """Return the modules that are given cosines and sines and have a number, by layer.

    Of one layer there may be several, one inside the other: a decoder layer, its attention, an indexer of keys. Which
    of them attends is seen when it does.
    """
    found: dict[int, list[Any]] = {}
    for module in model.modules():
        number = getattr(module, "layer_idx", None)
        if number is not None and hasattr(module, "config") and _takes(module, *ARGUMENTS):
            found.setdefault(int(number), []).append(module)
    if not found:
        raise _refused(
            model,
            "none of its attention modules is given cosines and sines as position_embeddings, as "
            "transformers' Llama is. It may have no rotary positions",
        )
    return found


def _takes(module: Any, *names: str) -> bool:
    return inspect.signature(module.forward).parameters.keys() >= set(names)


def _described(model: Any, module: Any, layer: int) -> HuggingFaceRope:
    types = getattr(module.config, "layer_types", None)
    nested = getattr(module.config, "rope_parameters", None) or {}
    name = types[layer] if types is not None and types[layer] in nested else None
    try:
        return from_hf(module.config, layer_type=name)
    except InputError as error:
        raise _refused(model, str(error)) from error


def _chosen(layers: Sequence[int] | None, known: list[int]) -> list[int]:
    if layers is None:
        return known
    if isinstance(layers, int) or not len(layers):
        raise WrongType("layers", "must be a sequence of layer numbers", f"{layers!r}", "[0] is the first layer alone")
    chosen = [integer(layer, "layers", 0, "Layers count from 0.") for layer in layers]
    if unknown := [layer for layer in chosen if layer not in known]:
        raise WrongValue("layers", f"has {unknown[0]}, and this model's attention layers are {known[0]} … {known[-1]}")
    return sorted(set(chosen))


def checked_model(model: Any) -> None:
    """Raise when ``model`` is no loaded transformers model."""
    if not isinstance(model, transformers.PreTrainedModel):
        raise WrongType(
            "model", "must be a loaded transformers model", type(model).__name__, "from_pretrained makes one"
        )
    if model.device.type == "meta":
        raise WrongValue("model", "has no weights (it is on the meta device)", remedy="load it with from_pretrained")


def checked_tokens(input_ids: Any, model: Any, name: str = "input_ids") -> Any:
    """Return the tokens of one sequence, called ``name`` in errors, as (1, T), on the device of the model."""
    checked_model(model)
    if isinstance(input_ids, str | bytes):
        raise WrongType(name, "must be integers", "a text", "the model's tokenizer makes them of it")
    try:
        ids = torch.as_tensor(input_ids)
    except (TypeError, ValueError, RuntimeError):
        raise WrongType(name, "must be integers", type(input_ids).__name__, "a tokenizer makes them") from None
    if ids.numel() == 0:
        raise WrongValue(name, "must hold at least two tokens", "none")
    if ids.dtype.is_floating_point or ids.dtype.is_complex or ids.dtype == torch.bool:
        raise WrongType(name, "must be integers", f"{ids.dtype}", "a tokenizer makes them of a text")
    if ids.ndim == 2 and ids.shape[0] != 1:
        raise WrongValue(name, "must be one sequence", f"{ids.shape[0]}", "capture them one after the other")
    if ids.ndim not in (1, 2):
        raise WrongValue(name, "must have shape (T,) or (1, T)", f"{tuple(ids.shape)}")
    ids = ids.reshape(1, -1)
    if ids.shape[1] < 2:
        raise WrongValue(name, "must hold at least two tokens", f"{ids.shape[1]}", "one has no distance")
    ids = ids.long()
    size = model.get_input_embeddings().weight.shape[0]
    if int(ids.min()) < 0 or int(ids.max()) >= size:
        raise WrongValue(
            name, f"must lie in 0 … {size - 1}, the vocabulary of this model", remedy="is it its tokenizer?"
        )
    return ids.to(model.device)


def _refused(model: Any, reason: str) -> CannotCapture:
    return CannotCapture(type(model).__name__, reason)


def _is_complex(table: Any) -> bool:
    """Tell cos + i sin in one tensor, as Llama 4 has it, from cosines and sines."""
    return isinstance(table, torch.Tensor) and table.is_complex()


def _same(one: Any, other: Any) -> bool:
    """Tell whether two layers were given the same tensors."""
    pairs = isinstance(one, tuple) and isinstance(other, tuple)
    return one is other or (pairs and one[0] is other[0])


def _cos_sin(table: Any) -> tuple[Any, Any]:
    return (table.real, table.imag) if _is_complex(table) else (table[0], table[1])


def _without_rotation(table: Any, tokens: int) -> Any:
    """Return a table of the same kind for the first tokens that rotates by nothing."""
    if _is_complex(table):
        return torch.ones_like(table[:, :tokens])
    return torch.ones_like(table[0][:, :tokens]), torch.zeros_like(table[1][:, :tokens])


def _check_shapes(model: Any, layer: int, rope: HuggingFaceRope, table: Any, rotated: tuple[Any, Any]) -> None:
    pairs, width = len(rope.frequencies()), rope.config.head_dim
    if not _is_complex(table) and (not isinstance(table, tuple) or len(table) != 2):
        raise _refused(model, f"layer {layer} is given a table of {type(table).__name__}, not cosines and sines")
    if latent := next((width for width in layer_settings(model.config, "qk_rope_head_dim") if width), None):
        raise _refused(
            model,
            f"its latent attention rotates {latent} dimensions behind the others and shares one "
            "rotated key among the heads",
        )
    table = _cos_sin(table)
    for x in rotated:
        if x.shape[0] != 1 or x.shape[2] != table[0].shape[1]:
            raise _refused(
                model,
                f"layer {layer} attends with {x.shape[2]} queries or keys in {x.shape[0]} sequences, "
                f"and was given cosines of {table[0].shape[1]} positions in one",
            )
        if x.shape[-1] != width or table[0].shape[-1] not in (pairs, 2 * pairs):
            raise _refused(
                model,
                f"the heads of layer {layer} are {x.shape[-1]} wide with {table[0].shape[-1]} "
                f"cosines, and its config describes heads {width} wide of {pairs} pairs",
            )


def cos_sin(table: Frequencies, first: int, last: int, device: Any) -> tuple[Any, Any]:
    """Return cos and sin of nθ at n = first … last − 1, without the attention factor: (last − first, P) each."""
    theta = torch.tensor(table.theta.copy(), dtype=torch.float64, device=device)
    n = torch.arange(first, last, dtype=torch.float64, device=device)
    return phasors(theta, n, space_of(theta))


def _phasors(table: Any, pairs: int) -> Any:
    """Return cos + i sin, (T, P), from tables that hold each pair once, or twice: one behind the other, or in turns."""
    cos, sin = (x[0] for x in _cos_sin(table))
    in_turns = cos.shape[-1] == 2 * pairs and not torch.equal(cos[:, :pairs], cos[:, pairs:])
    cos, sin = (x[:, ::2] if in_turns else x[:, :pairs] for x in (cos, sin))
    wide = torch.float64 if cos.dtype == torch.float64 else torch.float32
    return torch.complex(cos.to(wide), sin.to(wide))


def _undone(x: Any, z: Any, rope: HuggingFaceRope) -> Any:
    """Return (heads, T, head_dim) with the rotation of the first dimensions undone."""
    wide = torch.float64 if x.dtype == torch.float64 else torch.float32
    width = rope.config.width
    pairs = torch.complex(*pair_parts(x.to(wide), width, rope.pairing)) / z
    parts = [pairs.real, pairs.imag]
    plain = torch.cat(parts, dim=-1) if rope.pairing == "half" else torch.stack(parts, dim=-1).flatten(-2)
    return torch.cat([plain.to(x.dtype), x[..., width:]], dim=-1)


def _refuse_infinite(captured: tuple[Any, Any], layer: int) -> None:
    for name, x in zip(("queries", "keys"), captured, strict=True):
        finite = torch.isfinite(x).flatten(1).all(1)
        if not bool(finite.all()):
            head = int((~finite).nonzero()[0, 0])
            raise WrongValue(f"The {name} of layer {layer}, head {head},", "contain NaN or infinity")


def _check_rotation(module: Any, recorder: _Recorder, layer: int) -> None:
    """Let the module rotate a few of its tokens by nothing, and compare: this sees layouts and layers without RoPE."""
    arguments, before = recorder.calls[id(module)], recorder.few[layer]
    recorder.tables[id(module)] = _without_rotation(recorder.tables[id(module)], CHECKED_TOKENS)
    recorder.replaying = True
    unused = dict.fromkeys({"past_key_values"} & arguments.keys())
    try:
        module(**{**arguments, **unused, "position_embeddings": recorder.tables[id(module)]})
    except (TypeError, AttributeError, RuntimeError, IndexError, KeyError) as error:
        raise _refused(
            recorder.model,
            f"layer {layer} could not be run once more on its first {before[0].shape[1]} tokens, "
            f"which checks its rotation ({type(error).__name__}: {error})",
        ) from error
    finally:
        recorder.replaying = False
    for name, given, other in zip(("queries", "keys"), before, recorder.few[layer], strict=True):
        away = float((given.double() - other.double()).abs().max())
        size = float(other.abs().max())
        if away > max(32 * torch.finfo(given.dtype).eps, 1e-4) * size:  # another layout is off by the size itself
            raise _refused(
                recorder.model,
                f"layer {layer} does not rotate its {name} as its config describes (off by "
                f"{away:.2g}, the largest is {size:.2g}). It may have no rotation there",
            )
