"""Queries and keys of a forward pass, layer by layer, as they enter the rotation.

The model runs under an attention function of its own, which hands everything on to the one it had and shows the
rotated queries and keys to a visitor; dividing by the cosines and sines that the same attention module was given undoes
the rotation. No class is patched, and what comes out is checked: every visited layer rotates a few tokens once more by
nothing at all.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from rope_theory._checks import integer
from rope_theory._optional import load
from rope_theory.llama._layer_settings import layer_settings
from rope_theory.llama._modes import body_of, evaluating, starting_anew
from rope_theory.scaling.huggingface import HuggingFaceRope, from_hf

IMPLEMENTATION = "rope_theory_capture"
"""Name of the attention function in transformers' registry."""

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
    options : mapping
        What else its attention function was given by name: scaling, softcap, sliding_window, s_aux and others.
    """

    layer: int
    query: Any
    key: Any
    phasors: Any
    rope: HuggingFaceRope
    options: Mapping[str, Any]


def visit(
    model: Any, input_ids: Any, visitor: Callable[[VisitedLayer], None], *, layers: Sequence[int] | None = None
) -> Any:
    """Run the body of ``model`` over one sequence, show every chosen layer to ``visitor``, return the last states.

    Nothing of a layer is kept once the visitor returns, but the cosines and sines. Arguments and errors are those of
    ``capture``; the rotation of the layers is checked at the end.
    """
    torch = load("torch", "llama")
    ids = checked_tokens(input_ids, model)
    modules = _attention_modules(model)
    chosen = _chosen(layers, sorted(modules))
    described = {layer: _described(modules[layer], layer) for layer in chosen}
    recorder = _Recorder(model, {id(modules[layer]): layer for layer in chosen}, described, visitor)
    with torch.no_grad(), _recording(model, recorder, [modules[layer] for layer in chosen]):
        output = body_of(model)(input_ids=ids, use_cache=False)  # logits of all tokens would cost more than attention
        for layer in chosen:
            if layer not in recorder.few:
                raise ValueError(
                    f"{type(model).__name__} cannot be captured: layer {layer} did not attend through transformers' "
                    "registry of attention functions."
                )
            _check_rotation(modules[layer], recorder, layer)
    return output.last_hidden_state


def described_layers(model: Any) -> dict[int, HuggingFaceRope]:
    """Return what the config of ``model`` says of every layer that can be visited."""
    return {layer: _described(module, layer) for layer, module in sorted(_attention_modules(model).items())}


@dataclass
class _Recorder:
    """What the attention modules are given, by layer: cosines and sines, and a few tokens of what is undone."""

    model: Any
    layers: dict[int, int]
    described: dict[int, HuggingFaceRope]
    visitor: Callable[[VisitedLayer], None]
    few: dict[int, tuple[Any, Any]] = field(default_factory=dict)
    phasors: dict[int, Any] = field(default_factory=dict)
    tables: dict[int, tuple[Any, Any]] = field(default_factory=dict)
    calls: dict[int, dict[str, Any]] = field(default_factory=dict)
    implementations: dict[int, str] = field(default_factory=dict)

    def show(self, layer: int, query: Any, key: Any, options: dict[str, Any]) -> None:
        """Undo the rotation at once, so that nothing rotated is kept, and let the visitor see it."""
        rope = self.described[layer]
        _check_shapes(self.model, layer, rope, self.tables[layer], (query, key))
        plain = self.undone(layer, query, key)
        _refuse_infinite(plain, layer)
        self.few[layer] = (plain[0][:, :CHECKED_TOKENS].clone(), plain[1][:, :CHECKED_TOKENS].clone())
        self.visitor(VisitedLayer(layer, *plain, self.phasors[layer], rope, options))

    def undone(self, layer: int, query: Any, key: Any) -> tuple[Any, Any]:
        """Return query and key without the rotation that the layer's table describes."""
        table, rope = self.tables[layer], self.described[layer]
        same = next((other for other, known in self.tables.items() if known[0] is table[0] and other != layer), None)
        self.phasors[layer] = self.phasors[same] if same in self.phasors else _phasors(table, len(rope.frequencies()))
        return _undone(query[0], self.phasors[layer], rope), _undone(key[0], self.phasors[layer], rope)


_active: ContextVar[_Recorder | None] = ContextVar("rope_theory_capture", default=None)


def _attention(module: Any, query: Any, key: Any, *rest: Any, **kwargs: Any) -> Any:
    """Keep query and key where they are asked for, and let the model's own attention function do the work."""
    recorder = _active.get()
    assert recorder is not None, "this attention function runs inside capture only"
    layer = recorder.layers.get(id(module))
    if layer is not None:
        recorder.show(layer, query, key, kwargs)
    return _original(module, recorder)(module, query, key, *rest, **kwargs)


def _original(module: Any, recorder: _Recorder) -> Callable[..., Any]:
    registry = load("transformers.modeling_utils", "llama").ALL_ATTENTION_FUNCTIONS
    eager = getattr(sys.modules[type(module).__module__], "eager_attention_forward", None)
    function: Callable[..., Any] = registry.get_interface(recorder.implementations[id(module.config)], eager)
    return function


def _mask(*args: Any, **kwargs: Any) -> Any:
    recorder = _active.get()
    assert recorder is not None, "this mask function runs inside capture only"
    masks = load("transformers.masking_utils", "llama").ALL_MASK_ATTENTION_FUNCTIONS
    return masks[next(iter(recorder.implementations.values()))](*args, **kwargs)


@contextmanager
def _recording(model: Any, recorder: _Recorder, modules: list[Any]) -> Iterator[None]:
    """Run ``model`` under the recording attention function inside, in evaluation mode; put everything back after."""
    transformers = load("transformers", "llama")
    transformers.AttentionInterface.register(IMPLEMENTATION, _attention)
    load("transformers.masking_utils", "llama").AttentionMaskInterface.register(IMPLEMENTATION, _mask)
    configs = {id(part.config): part.config for part in model.modules() if hasattr(part, "config")}
    before = {key: getattr(config, "_attn_implementation", None) for key, config in configs.items()}
    recorder.implementations.update({key: name or "eager" for key, name in before.items()})
    with ExitStack() as stack:
        for module in modules:
            handle = module.register_forward_pre_hook(
                lambda module, args, kwargs: _keep_call(recorder, module, args, kwargs), with_kwargs=True
            )
            stack.callback(handle.remove)
        token = _active.set(recorder)
        stack.callback(_active.reset, token)
        stack.enter_context(evaluating(model))
        stack.enter_context(starting_anew(model))
        for config in configs.values():
            if hasattr(config, "_attn_implementation_internal"):
                stack.callback(setattr, config, "_attn_implementation_internal", config._attn_implementation_internal)
        model.set_attn_implementation(IMPLEMENTATION)
        yield


def _keep_call(recorder: _Recorder, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    layer = recorder.layers[id(module)]
    if layer in recorder.calls:  # the call that checks the rotation
        return
    bound = inspect.signature(module.forward).bind(*args, **kwargs).arguments
    call = {**bound, **bound.get("kwargs", {})}
    call.pop("kwargs", None)
    recorder.tables[layer] = call["position_embeddings"]
    # a copy of a few rows, so that no layer's input is kept alive
    recorder.calls[layer] = {**call, "hidden_states": call["hidden_states"][:, :CHECKED_TOKENS].clone()}


def _attention_modules(model: Any) -> dict[int, Any]:
    """Return the modules that are given cosines and sines and have a number, by layer."""
    found: dict[int, Any] = {}
    for module in model.modules():
        number = getattr(module, "layer_idx", None)
        if number is not None and hasattr(module, "config") and _takes(module, *ARGUMENTS) and not _is_layer(module):
            found[int(number)] = module
    if not found:
        raise ValueError(
            f"{type(model).__name__} cannot be captured: none of its attention modules is given cosines and sines as "
            "position_embeddings, as transformers' Llama is. It may have no rotary positions."
        )
    return found


def _takes(module: Any, *names: str) -> bool:
    return inspect.signature(module.forward).parameters.keys() >= set(names)


def _is_layer(module: Any) -> bool:
    """Tell a decoder layer, which holds an attention module with the same arguments, from the attention itself."""
    return any(_takes(part, "position_embeddings") for part in module.children())


def _described(module: Any, layer: int) -> HuggingFaceRope:
    types = getattr(module.config, "layer_types", None)
    nested = getattr(module.config, "rope_parameters", None) or {}
    name = types[layer] if types is not None and types[layer] in nested else None
    return from_hf(module.config, layer_type=name)


def _chosen(layers: Sequence[int] | None, known: list[int]) -> list[int]:
    if layers is None:
        return known
    if isinstance(layers, int) or not len(layers):
        raise TypeError(f"layers must be a sequence of layer numbers, got {layers!r}; [0] is the first layer alone.")
    chosen = [integer(layer, "layers", 0, "Layers count from 0.") for layer in layers]
    unknown = [layer for layer in chosen if layer not in known]
    if unknown:
        raise ValueError(f"layers has {unknown[0]}, and this model's attention layers are {known[0]} … {known[-1]}.")
    return sorted(set(chosen))


def checked_model(model: Any) -> None:
    """Raise when ``model`` is no loaded transformers model."""
    transformers = load("transformers", "llama")
    if not isinstance(model, transformers.PreTrainedModel):
        raise TypeError(
            f"model must be a loaded transformers model, got {type(model).__name__}; from_pretrained makes one."
        )
    if model.device.type == "meta":
        raise ValueError("model has no weights (it is on the meta device); load it with from_pretrained.")


def checked_tokens(input_ids: Any, model: Any) -> Any:
    """Return the tokens of one sequence as (1, T), on the device of the model."""
    torch = load("torch", "llama")
    checked_model(model)
    if isinstance(input_ids, str | bytes):
        raise TypeError("input_ids must be integers, got a text; the model's tokenizer makes them of it.")
    try:
        ids = torch.as_tensor(input_ids)
    except (TypeError, ValueError, RuntimeError):
        raise TypeError(
            f"input_ids must be integers, got {type(input_ids).__name__}; a tokenizer makes them."
        ) from None
    if ids.numel() == 0:
        raise ValueError("input_ids must hold at least two tokens, got none.")
    if ids.dtype.is_floating_point or ids.dtype.is_complex or ids.dtype == torch.bool:
        raise TypeError(f"input_ids must be integers, got {ids.dtype}; a tokenizer makes them of a text.")
    if ids.ndim == 2 and ids.shape[0] != 1:
        raise ValueError(f"input_ids must be one sequence, got {ids.shape[0]}; capture them one after the other.")
    if ids.ndim not in (1, 2):
        raise ValueError(f"input_ids must have shape (T,) or (1, T), got {tuple(ids.shape)}.")
    ids = ids.reshape(1, -1)
    if ids.shape[1] < 2:
        raise ValueError(f"input_ids must hold at least two tokens, got {ids.shape[1]}: one has no distance.")
    ids = ids.long()
    size = model.get_input_embeddings().weight.shape[0]
    if int(ids.min()) < 0 or int(ids.max()) >= size:
        raise ValueError(f"input_ids must lie in 0 … {size - 1}, the vocabulary of this model; is it its tokenizer?")
    return ids.to(model.device)


def _check_shapes(model: Any, layer: int, rope: HuggingFaceRope, table: Any, rotated: tuple[Any, Any]) -> None:
    pairs, width = len(rope.frequencies()), rope.config.head_dim
    if not isinstance(table, tuple) or len(table) != 2:
        raise ValueError(
            f"{type(model).__name__} cannot be captured: layer {layer} is given a table of {type(table).__name__}, not "
            "cosines and sines."
        )
    latent = next((width for width in layer_settings(model.config, "qk_rope_head_dim") if width), None)
    if latent:
        raise ValueError(
            f"{type(model).__name__} cannot be captured: its latent attention rotates {latent} "
            "dimensions behind the others and shares one rotated key among the heads."
        )
    for x in rotated:
        if x.shape[-1] != width or table[0].shape[-1] not in (pairs, 2 * pairs):
            raise ValueError(
                f"{type(model).__name__} cannot be captured: the heads of layer {layer} are {x.shape[-1]} wide with "
                f"{table[0].shape[-1]} cosines, and its config describes heads {width} wide of {pairs} pairs."
            )


def _phasors(table: tuple[Any, Any], pairs: int) -> Any:
    """Return cos + i sin, (T, P), from tables that hold each pair once, or twice: one behind the other, or in turns."""
    torch = load("torch", "llama")
    cos, sin = (x[0] for x in table)
    in_turns = cos.shape[-1] == 2 * pairs and not torch.equal(cos[:, :pairs], cos[:, pairs:])
    cos, sin = (x[:, ::2] if in_turns else x[:, :pairs] for x in (cos, sin))
    wide = torch.float64 if cos.dtype == torch.float64 else torch.float32
    return torch.complex(cos.to(wide), sin.to(wide))


def _undone(x: Any, z: Any, rope: HuggingFaceRope) -> Any:
    """Return (heads, T, head_dim) with the rotation of the first dimensions undone."""
    torch = load("torch", "llama")
    wide = torch.float64 if x.dtype == torch.float64 else torch.float32
    width = rope.config.width
    turned, rest = x[..., :width].to(wide), x[..., width:]
    if rope.pairing == "half":
        pairs = torch.complex(*turned.chunk(2, dim=-1)) / z
        plain = torch.cat([pairs.real, pairs.imag], dim=-1)
    else:
        pairs = torch.view_as_complex(turned.unflatten(-1, (-1, 2)).contiguous()) / z
        plain = torch.view_as_real(pairs).flatten(-2)
    return torch.cat([plain.to(x.dtype), rest], dim=-1)


def _refuse_infinite(captured: tuple[Any, Any], layer: int) -> None:
    torch = load("torch", "llama")
    for name, x in zip(("queries", "keys"), captured, strict=True):
        finite = torch.isfinite(x).flatten(1).all(1)
        if not bool(finite.all()):
            head = int((~finite).nonzero()[0, 0])
            raise ValueError(f"The {name} of layer {layer}, head {head}, contain NaN or infinity.")


def _check_rotation(module: Any, recorder: _Recorder, layer: int) -> None:
    """Let the module rotate a few of its tokens by nothing, and compare: this sees layouts and layers without RoPE."""
    torch = load("torch", "llama")
    few, arguments, before = slice(0, CHECKED_TOKENS), recorder.calls[layer], recorder.few[layer]
    cos, sin = (x[:, few] for x in recorder.tables[layer])
    recorder.tables[layer] = (torch.ones_like(cos), torch.zeros_like(sin))
    unused = dict.fromkeys({"attention_mask", "past_key_values", "position_ids"} & arguments.keys())
    recorder.visitor = lambda visited: None
    module(**{**arguments, **unused, "position_embeddings": recorder.tables[layer]})
    for name, given, other in zip(("queries", "keys"), before, recorder.few[layer], strict=True):
        error = float((given.double() - other.double()).abs().max())
        size = float(other.abs().max())
        if error > max(32 * torch.finfo(given.dtype).eps, 1e-4) * size:  # another layout is off by the size itself
            raise ValueError(
                f"{type(recorder.model).__name__} cannot be captured: layer {layer} does not rotate its {name} as its "
                f"config describes (off by {error:.2g}, the largest is {size:.2g}). It may have no rotation there."
            )
