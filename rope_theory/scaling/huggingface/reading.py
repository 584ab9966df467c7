"""From a model's config.json to RopeConfig and Scaling."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rope_theory._core.checks import above, even_width, integer, number, scaling_factor, shown
from rope_theory._core.records import Record
from rope_theory.config import RopeConfig
from rope_theory.errors import (
    Conflict,
    MissingKey,
    NeedsLayerType,
    NoRotaryTable,
    UnknownChoice,
    UnknownModel,
    UnreadableConfig,
    WrongType,
    WrongValue,
)
from rope_theory.scaling.dynamic_ntk import DynamicNTK
from rope_theory.scaling.frequencies import Frequencies, Scaling
from rope_theory.scaling.huggingface._content import content_of
from rope_theory.scaling.huggingface._several_tables import (
    MOST_LAYERS,
    completed_tables,
    declared_layers,
    head_dims_of_layers,
    layer_head_dim,
    tables_as_given,
)
from rope_theory.scaling.huggingface.facts import (
    FACTS,
    INTERLEAVED,
    RESCALES_SOFTMAX,
    SEVERAL_AXES,
    UNKNOWN,
    ModelFacts,
    TableFacts,
)
from rope_theory.scaling.llama3 import Llama3
from rope_theory.scaling.longrope import LongRoPE
from rope_theory.scaling.ntk_aware import NTKAware
from rope_theory.scaling.position_interpolation import PositionInterpolation
from rope_theory.scaling.proportional import Proportional
from rope_theory.scaling.unscaled import Unscaled
from rope_theory.scaling.yarn import YaRN
from rope_theory.scaling.yarn import attention_factor as yarn_attention_factor

HIDDEN_KEYS = ("hidden_size", "n_embd", "d_model", "model_dim", "dim")
HEADS_KEYS = ("num_attention_heads", "n_head", "n_heads", "num_heads")
HEAD_DIM_KEYS = ("head_dim", "kv_channels", "attention_head_dim")
LENGTH_KEYS = (
    "max_position_embeddings",
    "n_positions",
    "max_seq_len",
    "max_sequence_length",
    "seq_length",
    "n_ctx",
)
ORIGINAL = "original_max_position_embeddings"
ROPE_KEYS = (
    "rope_parameters", "rope_scaling", "rope_theta", "partial_rotary_factor", "rotary_pct", "rotary_dim",
    "rotary_emb_base", "rope_local_base_freq", "global_rope_theta", "local_rope_theta", "qk_rope_head_dim",
)  # fmt: skip
"""Top-level keys of which any one shows that the model rotates."""

COMMON_KEYS = frozenset({"rope_type", "type", "rope_theta", "partial_rotary_factor", ORIGINAL})
TYPE_KEYS: Mapping[str, frozenset[str]] = {
    "default": frozenset(),
    "linear": frozenset({"factor"}),
    "dynamic": frozenset({"factor"}),
    "yarn": frozenset({"factor", "attention_factor", "beta_fast", "beta_slow", "mscale", "mscale_all_dim", "truncate"}),
    "longrope": frozenset({"factor", "attention_factor", "short_factor", "long_factor"}),
    "llama3": frozenset({"factor", "low_freq_factor", "high_freq_factor"}),
    "proportional": frozenset({"factor"}),
}
"""Rope type → the keys that enter its table, besides the common ones."""

CLASS_KEYS: Mapping[str, tuple[str, ...]] = {
    "phimoe": ("short_mscale", "long_mscale"),
    "hunyuan_v1_dense": ("alpha",),
    "hunyuan_v1_moe": ("alpha",),
    **dict.fromkeys(RESCALES_SOFTMAX, ("mscale_all_dim",)),
    "ministral3": ("llama_4_scaling_beta",),
    "mistral4": ("llama_4_scaling_beta", "mscale_all_dim"),
}
"""Keys that only these model types read: for a factor or list of their own, a softmax scale, a query temperature."""


def class_keys(model_type: str | None) -> tuple[str, ...]:
    """Return the keys of RoPE dictionaries that only this model type's class reads, for its table or its softmax."""
    return CLASS_KEYS.get(model_type or "", ())


WITH_ORIGINAL = frozenset({"yarn", "longrope", "llama3"})
"""Rope types whose table depends on the original window."""

ALIASES = {"su": "longrope"}
ALIBI = "This config says alibi: attention biases instead of RoPE, so there is no rotary table"
MOST_KEYS = 1024
"""Keys of a RoPE dictionary."""

MOST_NAMED = 16
"""Keys, or layer types, that one sentence names."""

MULTI_DIMENSIONAL = frozenset({"mrope", "xdrope", "axial", "bailing_mrope"})
SECTION_KEYS = ("mrope_section", "xdrope_section")


@dataclass(frozen=True)
class HuggingFaceRope(Record):
    """What a Hugging Face config says about RoPE.

    Attributes
    ----------
    config : RopeConfig
        Widths, base and trained window in tokens.
    scaling : Scaling
        The context-extension method.
    pairing : {"half", "interleaved"}
        Which dimensions of a head make a pair: j and j + d/2, or 2j and 2j + 1.
    notes : tuple of str
        Which key supplied what, what a default supplied, and what was ignored.
    layer_type : str or None
        The layers this table belongs to, in a model with several tables.
    """

    config: RopeConfig
    scaling: Scaling
    pairing: str
    notes: tuple[str, ...]
    layer_type: str | None = None

    def frequencies(self, length: int | None = None) -> Frequencies:
        """Return the table at a current sequence length in tokens (the trained window when not given)."""
        return self.scaling.frequencies(self.config, length)


def from_hf(source: Any, *, layer_type: str | None = None) -> HuggingFaceRope:
    """Read the rotary part of a Hugging Face model config.

    Parameters
    ----------
    source : str, Path, mapping or PretrainedConfig
        A config.json, a folder that holds one, its content, or anything with ``to_dict()``.
    layer_type : str, optional
        Which layers, such as "full_attention": required for models with one table per layer type (Gemma 3 and 4,
        OLMo 3, ModernBERT), not allowed for the others.

    Returns
    -------
    HuggingFaceRope
        ``.config``, ``.scaling``, ``.pairing``, ``.notes`` and ``.layer_type``.

    Raises
    ------
    FileNotFoundError
        When there is no file at ``source``.
    TypeError
        When ``source``, or a value in it, has the wrong type.
    ValueError
        When the config has no RoPE, a rope type that is unknown or rotates by several positions per token, a
        required key missing, or a value out of range; for a file that is no JSON object in UTF-8 or gives a key
        twice, and for more than 2^17 values or 64 levels of nesting.

    Notes
    -----
    The trained window is ``original_max_position_embeddings`` where given, else ``max_position_embeddings``.
    Source: ``modeling_rope_utils.py`` and the configuration classes of transformers 5.23.0.

    Examples
    --------
    >>> import rope_theory as rt
    >>> keys = {"model_type": "llama", "hidden_size": 4096, "num_attention_heads": 32, "max_position_embeddings": 4096}
    >>> rt.from_hf(keys).config
    RopeConfig(head_dim=128, base=10000.0, context_length=4096, rotary_dim=128)
    """
    return read(content_of(source), layer_type)


def read(content: Mapping[Any, Any], layer_type: str | None) -> HuggingFaceRope:
    """Return what ``from_hf`` does for the content of a config, as ``content_of`` returns it."""
    if layer_type is not None and not isinstance(layer_type, str):
        raise WrongType("layer_type", "must be a string or None", shown(layer_type))
    reading = _open(content)
    reading.refuse_without_rope()
    tables, nested = _tables(reading, layer_type)
    name = _chosen(tables, nested, layer_type)
    rope = tables[name]
    if rope is None:
        raise NoRotaryTable(
            f"layer_type {name!r} has no RoPE in this config (its entry is null): nothing rotates there"
        )
    rope = reading.complete(dict(rope), name, nested)
    rope_type = _rope_type(rope, reading)
    head_dim, width = _widths(reading, rope, rope_type, name)
    maximum = reading.maximum_length()
    if rope_type not in WITH_ORIGINAL:
        _borrow_original(reading, rope, tables)
    original = _original_length(reading, rope, rope_type, nested, maximum)
    table = _Table(reading, rope, maximum, original, nested, width)
    scaling = BUILDERS[rope_type](table)
    reading.say_ignored(rope, rope_type)
    config = RopeConfig(
        head_dim=head_dim,
        base=above(rope["rope_theta"], "rope_theta", 1.0, "Frequencies base^(−2j/d) must fall with j."),
        context_length=original,
        rotary_dim=width,
    )
    scaling.frequencies(config)  # what does not fit the widths is refused here, not at first use
    return HuggingFaceRope(config, scaling, reading.pairing(), tuple(reading.notes), name)


def layer_types(content: Mapping[Any, Any]) -> tuple[str | None, ...]:
    """Return the layer types that ``from_hf`` takes for a config's content: (None,) where one table serves all layers.

    Layers whose entry is null do not rotate and are left out. Raises as ``from_hf``.
    """
    reading = _open(content)
    reading.refuse_without_rope()
    tables, _ = _tables(reading, None)
    return tuple(name for name, rope in tables.items() if rope is not None)


@dataclass
class _Reading:
    """A config being read: its content, what its class implies, and the notes so far."""

    raw: Mapping[str, Any]
    model_type: str | None
    facts: ModelFacts
    notes: list[str]

    @property
    def layers(self) -> tuple[str, ...] | None:
        """Each layer's type, where the class has several tables and the config, or the class, says so."""
        return declared_layers(self.raw, self.facts) if self.facts.tables else None

    def say(self, sentence: str) -> None:
        if sentence and sentence not in self.notes:
            self.notes.append(sentence)

    def first(self, keys: tuple[str, ...]) -> tuple[str, Any]:
        """Return the first key with a value, and the value; ("", None) where there is none."""
        return next(((key, self.raw[key]) for key in keys if self.raw.get(key) is not None), ("", None))

    def refuse_without_rope(self) -> None:
        raw, kind = self.raw, self.model_type
        if raw.get("alibi") is True or raw.get("position_embedding_type") == "alibi":
            raise NoRotaryTable(ALIBI)
        if kind in SEVERAL_AXES:
            raise NoRotaryTable(
                f"model_type {kind!r} rotates by several positions a token (time, height, width), not by one offset s; "
                "give the config of a text-only model"
            )
        if kind not in FACTS and not self.first(ROPE_KEYS)[0]:
            raise UnknownModel(kind, ROPE_KEYS)
        if kind not in FACTS:
            self.say(
                f"model_type {kind!r} is not in the table of known classes: only the config's keys are used. Where the "
                "class has widths, a base or a pairing of its own that no key shows, this table is a guess: pairing is "
                f'taken to be "{self.pairing()}".'
            )
        self.say(self.facts.remark)

    def complete(self, rope: dict[str, Any], name: str | None, nested: bool) -> dict[str, Any]:
        """Fill in the base where the dictionary does not hold it."""
        if rope.get("rope_theta") is not None:
            self.say("rope_theta comes from the RoPE dictionary.")
            return rope
        table = self.facts.tables.get(name or "")
        if not self.facts.completes_tables and (self.raw.get("rope_parameters") or self.raw.get("rope_scaling")):
            raise MissingKey(
                "rope_theta",
                f"the class of {self.owner()} has a base of its own only where the config gives no dictionaries, and "
                "raises",
                f"in the dictionary of {name!r}",
                "Add rope_theta to this dictionary",
            )
        keys = self.facts.base_keys if table is None else (table.base_key,) if table.base_key else ()
        default = self.facts.base if table is None else table.base
        key, value = self.first(keys)
        rope["rope_theta"] = value if key else default
        self.say(
            f"The base comes from the top-level {key}." if key
            else f"The config gives no base for this table; {self.owner()} uses {default:g}."
        )  # fmt: skip
        if not key and self.raw.get("rope_theta") is not None:
            self.say(f"The top-level rope_theta ({shown(self.raw['rope_theta'])}) is ignored, as the class does.")
        return rope

    def owner(self) -> str:
        return f"model_type {self.model_type!r}" if self.model_type in FACTS else "transformers"

    def maximum_length(self) -> int:
        key, value = self.first(LENGTH_KEYS)
        if not key and self.facts.max_length:
            self.say(f"max_position_embeddings is absent; {self.owner()} uses {self.facts.max_length}.")
            return self.facts.max_length
        if not key:
            raise MissingKey(
                "max_position_embeddings", "without it the trained window is unknown", remedy="Add it in tokens"
            )
        return integer(value, key, 2, "It is the window in tokens.")

    def pairing(self) -> str:
        unknown = self.facts is UNKNOWN
        key = "rope_interleave" if unknown else self.facts.pairing_key
        if key is not None and self.raw.get(key) is not None:
            return "interleaved" if self.raw[key] else "half"
        if unknown and (self.model_type in INTERLEAVED or self.raw.get("qk_rope_head_dim") is not None):
            return "interleaved"  # latent attention follows DeepSeek's layout
        return self.facts.pairing

    def say_unread_keys(self, where: str, keys: Mapping[Any, Any]) -> None:
        odd = [key for key in keys if not isinstance(key, str)]
        if odd:
            named = ", ".join(map(shown, odd[:MOST_NAMED]))
            self.say(f"{where} has keys that are not strings, which nothing reads: {named}.")

    def say_ignored(self, rope: Mapping[str, Any], rope_type: str) -> None:
        self.say_unread_keys("The RoPE dictionary", rope)
        ignored = sorted(
            key for key in rope.keys() - COMMON_KEYS - TYPE_KEYS[rope_type]
            if isinstance(key, str) and rope[key] is not None
        )  # fmt: skip
        used = class_keys(self.model_type)
        ignored = [key for key in ignored if key not in used]
        if ignored:
            named = ", ".join(
                [shown(key).strip("'") for key in ignored[:MOST_NAMED]] + ["…"] * (len(ignored) > MOST_NAMED)
            )
            self.say(f"Ignored in the RoPE dictionary, as by rope type {rope_type!r}: {named}.")


def _open(whole: Mapping[Any, Any]) -> _Reading:
    raw = text_part(whole)
    notes = []
    if raw is not whole:
        notes.append("The rotary table is that of text_config; vision and audio parts are not read.")
    kind = raw.get("model_type")
    if kind is not None and not isinstance(kind, str):
        raise WrongType("model_type", "must be a string", shown(kind))
    reading = _Reading(raw, kind, FACTS.get(kind or "", UNKNOWN), notes)
    reading.say_unread_keys("The config", raw)
    return reading


def text_part(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return ``text_config`` of a model with several parts, with the model type that it has; else the whole."""
    if not isinstance(content.get("text_config"), Mapping):
        return content
    outer, inner = content.get("model_type"), dict(content["text_config"])
    if inner.get("model_type") is None and isinstance(outer, str):
        inner["model_type"] = f"{outer}_text" if f"{outer}_text" in FACTS.keys() | SEVERAL_AXES else outer
    return inner


def _dictionary(reading: _Reading, key: str) -> dict[str, Any]:
    value = reading.raw.get(key)
    if value is not None and not isinstance(value, Mapping):
        raise WrongType(key, "must be a dictionary or null", shown(value))
    if value is not None and len(value) > MOST_KEYS:
        raise UnreadableConfig(
            f"{key} holds {len(value)} keys; a RoPE dictionary has a dozen, and at most {MOST_KEYS} here"
        )
    return dict(value or {})


def _tables(reading: _Reading, layer_type: str | None) -> tuple[dict[str | None, dict[str, Any] | None], bool]:
    """Return layer type → RoPE dictionary (None → the only one), and whether the model has several tables."""
    facts = reading.facts
    new, legacy = _dictionary(reading, "rope_parameters"), _dictionary(reading, "rope_scaling")
    if facts.tables:
        return _known_tables(reading, new, legacy, layer_type), True
    if _nested(legacy) and not new:
        new, legacy = legacy, {}
    nested = _nested(new)
    if nested and reading.model_type in FACTS:
        inner = ", ".join(shown(key) for key, value in new.items() if isinstance(value, Mapping))
        raise WrongValue(
            "model_type",
            f"{reading.model_type!r} has one table for all layers",
            remedy=f"its class does not read dictionaries nested by layer type ({inner}) and would "
            "rotate unscaled. Give their keys flat",
        )
    if nested:
        outer = {key: value for key, value in new.items() if not (isinstance(value, Mapping) or value is None)}
        names = [key for key in new if key not in outer and isinstance(key, str)]
        return {key: None if new[key] is None else _inner(new[key], outer, reading) for key in names}, True
    if new and legacy and new != legacy:
        reading.say("rope_parameters and rope_scaling are both given; rope_scaling is used, as transformers does.")
    rope = legacy or new or dict(facts.rope)
    if not (legacy or new) and facts.rope:
        reading.say(f"The config gives no RoPE dictionary; {reading.owner()} has one of its own, and it is used.")
    return {None: rope}, False


def _nested(rope: Mapping[Any, Any]) -> bool:
    return any(isinstance(value, Mapping) for value in rope.values())


def _known_tables(
    reading: _Reading, new: Mapping[Any, Any], legacy: Mapping[Any, Any], chosen: str | None
) -> dict[str | None, dict[str, Any] | None]:
    """Return the dictionaries of a class that is known to have several tables."""
    facts, layers = reading.facts, reading.layers
    if not facts.completes_tables:
        assert layers is not None
        return tables_as_given(reading.raw, facts, _as_given(reading), layers, reading.say)
    _refuse_flat(reading, new)
    if _nested(legacy):
        raise WrongValue(
            "rope_scaling",
            f"of model_type {reading.model_type!r} holds dictionaries for each layer type",
            remedy="its class takes it for one flat dictionary and rotates unscaled. Give them as rope_parameters",
        )
    given = reading.raw.get("rope_parameters") is not None
    tables = completed_tables(facts, new, legacy, chosen, reading.say, given=given)
    others: dict[str | None, dict[str, Any] | None] = {
        name: dict(value) for name, value in new.items()
        if isinstance(value, Mapping) and isinstance(name, str) and name not in facts.tables
    }  # fmt: skip
    tables = {**tables, **others}
    if layers is None:
        return tables
    if not any(name in layers for name in tables):
        raise WrongValue(
            "layer_types",
            f"names none of the layer types that rotate in model_type {reading.model_type!r} "
            f"({', '.join(map(repr, facts.tables))})",
            shown(sorted(set(layers))),
        )
    return {name: rope for name, rope in tables.items() if name in layers}


def _as_given(reading: _Reading) -> Mapping[Any, Any] | None:
    """Return the RoPE dictionaries of a config whose class completes none: rope_scaling replaces rope_parameters."""
    raw = reading.raw
    key = "rope_scaling" if "rope_scaling" in raw else "rope_parameters"
    if key == "rope_scaling" and raw[key] is None:
        raise WrongValue(
            "rope_scaling",
            f"is null, which the config class of {reading.model_type!r} takes for "
            "rope_parameters: the model then cannot be built",
            remedy="Remove the key",
        )
    if raw.get(key) is None:
        return None
    given = _dictionary(reading, key)
    _refuse_flat(reading, given, key)
    return given


def _refuse_flat(reading: _Reading, rope: Mapping[Any, Any], key: str = "rope_parameters") -> None:
    if rope and not _nested(rope) and not all(value is None for value in rope.values()):
        names = ", ".join(map(repr, reading.facts.tables))
        raise WrongValue(
            f"{key} of model_type {reading.model_type!r}",
            f"must hold one dictionary for each layer type ({names})",
            f"the flat keys {', '.join(shown(name) for name in list(rope)[:MOST_NAMED])}",
        )


def _inner(rope: Mapping[str, Any], outer: Mapping[str, Any], reading: _Reading) -> dict[str, Any]:
    for key in [key for key in outer if key not in ("rope_type", "truncate")][:MOST_NAMED]:
        reading.say(f"{shown(key)} next to the layer types in rope_parameters is ignored: it belongs inside them.")
    return dict(rope)


def _chosen(tables: Mapping[str | None, Any], nested: bool, layer_type: str | None) -> str | None:
    exist = tuple([shown(name) for name in tables][:MOST_NAMED] + ["…"] * (len(tables) > MOST_NAMED))
    if not nested and layer_type is not None:
        raise WrongValue(
            "layer_type",
            f"{layer_type!r} does not exist: this model has one table for all layers",
            remedy="leave it out",
        )
    if nested and layer_type is None:
        raise NeedsLayerType(exist)
    if layer_type not in tables:
        raise WrongValue(
            "layer_type", f"{layer_type!r} does not exist in this model", remedy=f"give one of {', '.join(exist)}"
        )
    return layer_type


def _rope_type(rope: Mapping[str, Any], reading: _Reading) -> str:
    name = rope.get("rope_type") or rope.get("type") or "default"
    if not isinstance(name, str):
        raise WrongType("rope_type", "must be a string", shown(name))
    sections = [key for key in SECTION_KEYS if rope.get(key) is not None or reading.raw.get(key) is not None]
    if name in MULTI_DIMENSIONAL or sections:
        raise NoRotaryTable(
            f"{sections[0] if sections else f'rope_type {name!r}'} means positions in several dimensions "
            "(mrope, axial): a token has no single offset s there, so no table of this package describes it. "
            "Give a text-only config"
        )
    real = reading.facts.aliases.get(name, ALIASES.get(name, name))
    if real != name:
        reading.say(f"rope_type {name!r} means {real!r} here.")
    if real not in BUILDERS:
        raise UnknownChoice("rope_type", repr(name), (*BUILDERS, *ALIASES))
    return real


def _widths(reading: _Reading, rope: Mapping[str, Any], rope_type: str, name: str | None) -> tuple[int, int]:
    """Return head width and rotated width, in dimensions."""
    latent = _latent_width(reading)
    head = latent or _head_dim(reading, reading.facts.tables.get(name or ""), name)
    if rope_type == "proportional" or (latent is not None and reading.facts is UNKNOWN):
        return head, head
    key, share = _share(reading, rope)
    if key == "rotary_dim":
        width = integer(share, key, 2, "It is the rotated width of a head.")
    else:
        share = number(share, key)
        if not 0.0 < share <= 1.0:
            raise WrongValue(key, "must lie in (0, 1]", f"{share:g}", "it is the rotated share of a head")
        width = int(head * share)
    if width == head or (rope_type == "default" and not reading.facts.default_reads_share):
        if width != head:
            reading.say(f"{key} is ignored: this class's default type rotates the whole head.")
        return head, head
    if width > head or width < 2 or width % 2:
        raise WrongValue(
            f"{key} {shown(share)}",
            f"of head_dim {head} rotates {width} dimensions",
            remedy="it must be an even number up to head_dim, since dimensions come in pairs",
        )
    reading.say(f"{key} makes {width} of {head} dimensions rotate.")
    return head, width


def _latent_width(reading: _Reading) -> int | None:
    """Return the width of the rotated part that latent attention keeps beside the rest; None elsewhere."""
    key, value = reading.first(("qk_rope_head_dim",))
    value = value if key else reading.facts.rope_width
    if value is None:
        return None
    width = even_width(value, "qk_rope_head_dim")
    reading.say(f"Latent attention: head_dim is the rotated part alone, qk_rope_head_dim = {width}.")
    return width


def _share(reading: _Reading, rope: Mapping[str, Any]) -> tuple[str, Any]:
    if rope.get("partial_rotary_factor") is not None:
        return "partial_rotary_factor", rope["partial_rotary_factor"]
    if not reading.facts.completes_tables:  # the dictionary already holds a top-level share that counts
        return "partial_rotary_factor", 1.0
    key, value = reading.first(reading.facts.share_keys)
    if key:
        return key, value
    if reading.facts.rotary_dim is not None:
        reading.say(f"rotary_dim is absent; {reading.owner()} uses {reading.facts.rotary_dim}.")
        return "rotary_dim", reading.facts.rotary_dim
    if reading.facts.share != 1.0:
        reading.say(f"{reading.facts.share_keys[0]} is absent; {reading.owner()} uses {reading.facts.share:g}.")
    return reading.facts.share_keys[0], reading.facts.share


def _head_dim(reading: _Reading, table: TableFacts | None, name: str | None) -> int:
    key, value = _own_head_dim(reading, table, name)
    if not key:  # a class that is known reads no other key
        key, value = reading.first(HEAD_DIM_KEYS if reading.facts is UNKNOWN else HEAD_DIM_KEYS[:1])
    if not key and reading.facts.head_dim is not None:
        reading.say(f"head_dim is absent; {reading.owner()} uses {reading.facts.head_dim}.")
        return reading.facts.head_dim
    if not key:
        hidden_key, hidden = reading.first(HIDDEN_KEYS)
        heads_key, heads = reading.first(HEADS_KEYS)
        if not hidden_key or not heads_key:
            raise MissingKey(
                "head_dim",
                "the head dimension is unknown",
                remedy=f"Give it, or hidden_size and num_attention_heads (got hidden_size {shown(hidden)}, "
                f"num_attention_heads {shown(heads)})",
            )
        key = f"{hidden_key} // {heads_key}"
        value = integer(hidden, hidden_key, 2) // integer(heads, heads_key, 1)
        reading.say(f"head_dim = {key} = {value}.")
    head = integer(value, key, 2, "It is the width of an attention head.")
    if head % 2:
        raise WrongValue(key, "must be an even head width", head, "rotary dimensions come in pairs")
    return head


def _own_head_dim(reading: _Reading, table: TableFacts | None, name: str | None) -> tuple[str, Any]:
    """Return the key and the head dimension of these layers alone; ("", None) where all layers have one."""
    raw, facts, types = reading.raw, reading.facts, reading.raw.get("layer_types")
    if facts.completes_tables and "per_layer_config" not in raw:
        return "", None
    if not facts.completes_tables:
        layers = reading.layers
    elif facts is UNKNOWN and name is not None and isinstance(types, list):
        layers = tuple(str(kind) for kind in types)
    else:
        layers = None
    if layers is not None:
        key, value = layer_head_dim(raw, table or TableFacts(0.0), layers, name or "")
        if key and key not in raw:
            reading.say(f"{key} is absent; {reading.owner()} uses {value}.")
        return key, value
    if any(width != raw.get("head_dim") for width in head_dims_of_layers(raw, MOST_LAYERS).values()):
        raise WrongValue(
            "per_layer_config",
            f"gives some layers a head dimension of their own, which {reading.owner()} has no rotary table for",
            remedy="Give all layers one head_dim",
        )
    return "", None


def _borrow_original(reading: _Reading, rope: dict[str, Any], tables: Mapping[str | None, Any]) -> None:
    """Take the trained window from the model's other tables: a model was trained on one."""
    others = [table[ORIGINAL] for table in tables.values() if table and table.get(ORIGINAL) is not None]
    if rope.get(ORIGINAL) is None and others and all(window == others[0] for window in others):
        rope[ORIGINAL] = others[0]
        reading.say(f"{ORIGINAL} stands in the table of other layers of this model.")


def _original_length(reading: _Reading, rope: Mapping[str, Any], rope_type: str, nested: bool, maximum: int) -> int:
    """Return the trained window in tokens."""
    top, inner = reading.raw.get(ORIGINAL), rope.get(ORIGINAL)
    if top is None and rope_type in WITH_ORIGINAL and reading.facts.original_length is not None:
        top = reading.facts.original_length
        reading.say(f"{ORIGINAL} is {top} at top level, the default of {reading.owner()}.")
    if nested and rope_type in WITH_ORIGINAL and top is not None:
        reading.say(f"The top-level {ORIGINAL} ({shown(top)}) is not read by tables nested by layer type.")
        top = None
    if top is not None and inner is not None and top != inner:
        reading.say(
            f"{ORIGINAL} is {shown(top)} at top level and {shown(inner)} in the RoPE dictionary; the former wins."
        )
    value = top if top is not None else inner
    if value is None:
        if rope_type in WITH_ORIGINAL and not reading.facts.completes_tables:
            raise MissingKey(
                ORIGINAL,
                f"the config class of {reading.owner()} completes nothing and raises KeyError",
                f"in a dictionary of rope type {rope_type!r}",
                "Add it in tokens",
            )
        if rope_type in WITH_ORIGINAL:
            reading.say(f"{ORIGINAL} is absent for rope type {rope_type!r}; max_position_embeddings takes its place.")
        return maximum
    window = integer(value, ORIGINAL, 2, "It is the trained window in tokens.")
    reading.say(f"The trained window is {ORIGINAL}, {window} tokens.")
    return window


@dataclass(frozen=True)
class _Table:
    """One RoPE dictionary with both lengths, in tokens, and the rotated width, in dimensions."""

    reading: _Reading
    rope: Mapping[str, Any]
    maximum: int
    original: int
    nested: bool
    width: int

    def required(self, key: str) -> Any:
        if self.rope.get(key) is None:
            kind = self.rope.get("rope_type") or self.rope.get("type")
            raise MissingKey(key, f"rope type {shown(kind)} needs it in the RoPE dictionary")
        return self.rope[key]

    def factor(self) -> float:
        return scaling_factor(self.required("factor"))

    def say_disagreement(self, factor: float, implied: float) -> None:
        if implied not in (1.0, factor):
            ratio = f"max_position_embeddings / {ORIGINAL}"
            self.reading.say(f"factor is {factor:g} while {ratio} is {implied:g}; factor is used.")

    def attention_factor(self) -> float | None:
        value = self.rope.get("attention_factor")
        return None if value is None else above(value, "attention_factor", 0.0, "It multiplies cos and sin.")


def _default(table: _Table) -> Scaling:
    return Unscaled()


def _linear(table: _Table) -> Scaling:
    return PositionInterpolation(table.factor())


def _dynamic(table: _Table) -> Scaling:
    if table.rope.get("alpha") and (table.reading.model_type or "").startswith("hunyuan"):
        table.reading.say("Rope type 'dynamic' with alpha stretches the base once, at every length: NTK-aware scaling.")
        return NTKAware(scaling_factor(table.rope["alpha"], "alpha"))
    if table.original == table.maximum:
        return DynamicNTK(table.factor())
    if table.original > table.maximum:
        raise Conflict(
            (f"{ORIGINAL} ({table.original})", f"max_position_embeddings ({table.maximum})"),
            "contradict each other: rope type 'dynamic' counts from the latter, so the trained window cannot lie "
            "beyond it",
            "Correct one of them",
        )
    table.reading.say(
        f"Rope type 'dynamic' counts from max_position_embeddings ({table.maximum}), not the trained window."
    )
    return DynamicNTK(table.factor(), reference_length=table.maximum)


def _yarn(table: _Table) -> Scaling:
    rope, say = table.rope, table.reading.say
    if "factor" not in rope:
        table.required("factor")
    implied = table.maximum / table.original
    if rope["factor"] is None:
        say(f"factor is null; max_position_embeddings / {ORIGINAL} = {implied:g} takes its place.")
        factor = scaling_factor(implied)
    else:
        factor = table.factor()
        table.say_disagreement(factor, implied)
    ends = {}
    for key, default in (("beta_fast", 32.0), ("beta_slow", 1.0)):
        ends[key] = number(rope.get(key) or default, key)
        if rope.get(key) == 0:
            say(f"{key} is 0, which transformers reads as absent: {default:g}.")
    attention, upper, lower = table.attention_factor(), rope.get("mscale"), rope.get("mscale_all_dim")
    if attention is None and upper and lower:
        upper, lower = number(upper, "mscale"), number(lower, "mscale_all_dim")
        attention = yarn_attention_factor(factor, upper) / yarn_attention_factor(factor, lower)
        say(f"The attention factor comes from mscale and mscale_all_dim: {attention:g}.")
    elif upper or lower:
        reason = "attention_factor is given" if attention is not None else "they count only together"
        say(f"mscale and mscale_all_dim are ignored: {reason}.")
    truncate = rope.get("truncate", True)
    if table.nested:
        if not truncate:
            say("transformers 5.23 does not read truncate inside a table nested by layer type; it stays true.")
        outer = table.reading.raw.get("rope_parameters")  # where it does look
        truncate = outer.get("truncate", True) if isinstance(outer, Mapping) else True
    return YaRN(factor, ends["beta_fast"], ends["beta_slow"], truncate=bool(truncate), attention_factor=attention)


def _longrope(table: _Table) -> Scaling:
    say, implied = table.reading.say, table.maximum / table.original
    short, long = table.required("short_factor"), table.required("long_factor")
    for values in (short, long):
        if isinstance(values, list | tuple) and len(values) > MOST_KEYS and len(values) != table.width // 2:
            raise Conflict(
                ("short_factor", "long_factor"),
                f"have {len(values)} entries, but rotary_dim {table.width} has {table.width // 2} pairs",
                remedy="give one divisor a pair",
            )
    attention = table.attention_factor()
    if table.reading.model_type == "phimoe":
        attention = _phimoe_attention_factor(table)
    factor: float | None = None
    if table.rope.get("factor") is not None:
        factor = table.factor()
        table.say_disagreement(factor, implied)
    else:
        factor = implied if implied > 1.0 else None
        say(f"factor is absent; max_position_embeddings / {ORIGINAL} = {implied:g} takes its place.")
    return LongRoPE(short, long, factor=factor, attention_factor=attention)


def _phimoe_attention_factor(table: _Table) -> float:
    short, long = table.required("short_mscale"), table.required("long_mscale")
    if short != long:
        raise Conflict(
            (f"short_mscale ({shown(short)})", f"long_mscale ({shown(long)})"),
            "differ: an attention factor that depends on the length has no Scaling here",
            "Make one config a length, with both equal",
        )
    table.reading.say("The attention factor comes from short_mscale and long_mscale, which are equal.")
    return above(short, "short_mscale", 0.0)


def _llama3(table: _Table) -> Scaling:
    return Llama3(table.factor(), table.required("low_freq_factor"), table.required("high_freq_factor"))


def _proportional(table: _Table) -> Scaling:
    _, share = _share(table.reading, table.rope)
    return Proportional(share, 1.0 if table.rope.get("factor") is None else table.factor())


BUILDERS: Mapping[str, Callable[[_Table], Scaling]] = {
    "default": _default,
    "linear": _linear,
    "dynamic": _dynamic,
    "yarn": _yarn,
    "longrope": _longrope,
    "llama3": _llama3,
    "proportional": _proportional,
}
"""Rope type → how its Scaling is read off a RoPE dictionary."""
