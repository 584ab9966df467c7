"""Rules about keys: spellings of old versions and other engines, keys given twice, keys nobody reads."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Mapping

from rope_theory._core.checks import shown
from rope_theory.doctor.case import LITGPT, MAXIMUM, V4, V5, VLLM, Case, Located, real
from rope_theory.doctor.finding import Edit, Finding
from rope_theory.laws import small_bases
from rope_theory.scaling.huggingface.reading import (
    ALIASES,
    BUILDERS,
    COMMON_KEYS,
    MOST_NAMED,
    MULTI_DIMENSIONAL,
    ORIGINAL,
    TYPE_KEYS,
    class_keys,
)
from rope_theory.scaling.llama3 import Llama3
from rope_theory.scaling.unscaled import Unscaled

CLOSE = 0.75
"""Similarity of two words from which one is taken for a misspelling of the other."""

LONGROPE_ONLY = frozenset({"phi3", "phi4_multimodal", "phimoe"})
"""Model types whose config classes raise for other scalings."""

MOST_UNREAD = 32
"""Keys of one dictionary that are named one by one as not read."""

SPECIAL = frozenset({"attn_factor", "mrope_section", "xdrope_section", "mrope_interleaved", "alpha"})
"""Keys of RoPE dictionaries that other rules speak of, or that classes read on their own."""

MARKS: Mapping[str, frozenset[str]] = {
    "llama3": frozenset({"low_freq_factor", "high_freq_factor"}),
    "longrope": frozenset({"short_factor", "long_factor"}),
    "yarn": frozenset({ORIGINAL}),
}
"""Rope type → keys by which a dictionary without a type shows that it is meant."""

FOREIGN: Mapping[str, str] = {
    "rope_scale": "ExLlama and llama.cpp: positions are divided by it; here rope_type 'linear' with this factor",
    "compress_pos_emb": "ExLlama: positions are divided by it; here rope_type 'linear' with this factor",
    "rope_alpha": "ExLlama: the base is multiplied by alpha^(d/(d−2)); here a larger rope_theta",
    "alpha_value": "ExLlama: the base is multiplied by alpha^(d/(d−2)); here a larger rope_theta",
    "rope_freq_base": "llama.cpp: the base; here rope_theta",
    "rope_freq_scale": "llama.cpp: multiplies frequencies; here rope_type 'linear' with one over it as factor",
    "rope_scaling_factor": "LMDeploy: the factor of dynamic NTK; here rope_type 'dynamic' with this factor",
    "yarn_ext_factor": "llama.cpp: how much YaRN mixes in; here rope_type 'yarn'",
    "yarn_orig_ctx": f"llama.cpp: the trained window; here {ORIGINAL}",
}
"""Top-level keys of other engines → what they mean there, and how it is said here."""

OTHER_NAMES: Mapping[str, str] = {
    "ntk": "a larger base, b·s^(d/(d−2)), without any scaling",
    "ntk-aware": "a larger base, b·s^(d/(d−2)), without any scaling",
    "ntk_aware": "a larger base, b·s^(d/(d−2)), without any scaling",
    "dynamic_ntk": "type 'dynamic'",
    "dynamic-ntk": "type 'dynamic'",
    "pi": "type 'linear'",
    "position_interpolation": "type 'linear'",
    "dynamic-yarn": "type 'yarn' with a factor chosen by the current length, which no config has",
    "dynamic_yarn": "type 'yarn' with a factor chosen by the current length, which no config has",
    "ntk-by-parts": "type 'yarn' with attention_factor 1",
    "ntk_by_parts": "type 'yarn' with attention_factor 1",
    "telechat3-yarn": "type 'yarn' with attention_factor 1 + 0.07·ln s",
    "deepseek_yarn": "type 'yarn' with both mscale keys",
    "none": "type 'default'",
}
"""Rope types that are not transformers' → what they mean."""

SAME_AS: Mapping[str, str] = {
    "dynamic_ntk": "dynamic", "dynamic-ntk": "dynamic", "pi": "linear", "position_interpolation": "linear",
    "deepseek_yarn": "yarn", "none": "default",
}  # fmt: skip
"""Of these, the ones that are another name for a type, key by key."""


def old_type_key(case: Case) -> Iterator[Finding]:
    """The rope type stands under the key of old versions."""
    for found in case.dictionaries:
        if found.keys.get("type") is None or "rope_type" in found.keys:
            continue
        unread = bool(case.facts.tables) and "rope_scaling" in found.path
        yield case.finding(
            "warning" if unread else "info",
            "old_type_key",
            found.named("type"),
            f"rope_type {found.keys['type']!r}.",
            f"The model class {case.model_type!r} does not read the old key in transformers 5: nothing is scaled."
            if unread
            else '"type" is the spelling before transformers 4.43, and is still read.',
            engines=(V5,) if unread else (),
            edits=(found.set("rope_type", found.keys["type"]), found.remove("type")),
            threads=("vllm-project/vllm#6897",),
        )


def null_type(case: Case) -> Iterator[Finding]:
    """The new type key is null, and the old one holds the type."""
    for found in case.dictionaries:
        if "rope_type" in found.keys and found.keys["rope_type"] is None and found.keys.get("type") is not None:
            yield case.finding(
                "warning",
                "null_type",
                found.named("rope_type"),
                f"rope_type {found.keys['type']!r}.",
                "A null rope_type is taken as it is: transformers 5.23 raises KeyError: None when the model is built.",
                engines=(V5,),
                edits=(found.set("rope_type", found.keys["type"]), found.remove("type")),
            )


def two_type_keys(case: Case) -> Iterator[Finding]:
    """The rope type is given under both keys, differently."""
    for found in case.dictionaries:
        old, new = found.keys.get("type"), found.keys.get("rope_type")
        if isinstance(old, str) and isinstance(new, str) and old != new and (ALIASES.get(old, old) != new):
            yield case.finding(
                "warning",
                "two_type_keys",
                found.named("type"),
                f"rope_type {new!r}.",
                f"rope_type {new!r} is used and type {old!r} is not; vLLM refuses the pair.",
                engines=(V5, V4, VLLM),
                edits=(found.remove("type"),),
            )


def type_missing(case: Case) -> Iterator[Finding]:
    """A dictionary has a factor, and no type."""
    for found in case.dictionaries:
        factor = real(found.keys.get("factor"))
        if found.given_type is None and factor is not None and factor != 1.0:
            given = {key for key, value in found.keys.items() if value is not None}
            guess = next((kind for kind, marks in MARKS.items() if marks <= given), "linear")
            yield case.finding(
                "warning",
                "type_missing",
                found.named("rope_type"),
                f"rope_type {guess!r}, by the keys that are there.",
                "Without rope_type the table is the unscaled one, and factor is ignored. vLLM refuses the dictionary.",
                engines=(V5, V4, VLLM),
                edits=(found.set("rope_type", guess),),
            )


def alias_of_a_type(case: Case) -> Iterator[Finding]:
    """The rope type has a name that only some classes know."""
    for found in case.dictionaries:
        name = found.given_type
        if name == "su" and case.model_type in ("phi3", "phi4_multimodal") and found.keys.get(ORIGINAL) is None:
            top = case.top_original or case.facts.original_length
            yield case.finding(
                "warning",
                "alias_of_a_type",
                found.named("rope_type"),
                "rope_type 'longrope'.",
                f"'su' without {ORIGINAL} in the same dictionary raises KeyError in transformers 5.23, although the "
                "window stands at top level: the type is renamed after the keys are completed.",
                engines=("transformers 5.23",),
                edits=(found.remove("type"), found.set("rope_type", "longrope"), found.set(ORIGINAL, top)),
            )
        elif name is not None and (name in ALIASES or name in case.facts.aliases):
            real_name = case.real_type(found)
            yield case.finding(
                "info",
                "alias_of_a_type",
                found.named("rope_type"),
                f"rope_type {real_name!r}.",
                f"{name!r} is an older name that this model class reads as {real_name!r}.",
                edits=(found.remove("type"), found.set("rope_type", real_name)),
            )
        elif name in MULTI_DIMENSIONAL:
            yield case.finding(
                "info",
                "alias_of_a_type",
                found.named("rope_type"),
                "Positions in several dimensions: 'mrope' is 'default' with mrope_section, 'xdrope' is 'dynamic' with "
                "alpha and sections.",
                f"Only the model's own class reads {name!r}; generic code raises KeyError.",
                engines=(V5, V4),
            )


def unknown_type(case: Case) -> Iterator[Finding]:
    """The rope type does not exist."""
    for found in case.dictionaries:
        name = found.given_type
        if name is None or case.real_type(found) in BUILDERS or name in MULTI_DIMENSIONAL:
            continue
        meaning = OTHER_NAMES.get(name.lower())
        close = SAME_AS.get(name.lower()) or _closest(name.lower(), [*BUILDERS, *ALIASES])
        edits: tuple[Edit, ...] = ()
        if close is not None and (meaning is None or name.lower() in SAME_AS):
            edits = (found.set("rope_type", close), *([found.remove("type")] if "type" in found.keys else []))
        elif name.lower() in ("ntk", "ntk-aware", "ntk_aware"):
            edits = _larger_base(case, found)
        elif (
            name.lower() == "telechat3-yarn"
            and (factor := real(found.keys.get("factor"))) is not None
            and factor >= 1.0
        ):
            edits = (found.set("rope_type", "yarn"), found.set("attention_factor", 1.0 + 0.07 * math.log(factor)))
        elif name.lower() in ("ntk-by-parts", "ntk_by_parts"):
            edits = (found.set("rope_type", "yarn"), found.set("attention_factor", 1.0))
        yield case.finding(
            "error",
            "unknown_type",
            found.named("rope_type"),
            f"{meaning[0].upper()}{meaning[1:]}." if meaning
            else f"rope_type {close!r}." if close else f"One of {', '.join(BUILDERS)}.",
            f"transformers has no type {name!r}: it warns when the config is read and raises KeyError when the model "
            "is built.",
            engines=(V5, V4),
            edits=edits,
            threads=("allenai/molmo2#22",) if name == "default" else (),
        )  # fmt: skip


def _larger_base(case: Case, found: Located) -> tuple[Edit, ...]:
    """Return the edits that turn an NTK-aware factor into the base it stands for."""
    plain = case.without(found)
    reading, factor = plain.of(found), real(found.keys.get("factor"))
    if reading is None or factor is None or factor < 1.0 or reading.config.width < 4:
        return ()
    width = reading.config.width
    base = reading.config.base * factor ** (width / (width - 2))
    drop = tuple(found.remove(key) for key in ("factor", "type"))
    if "rope_parameters" in found.path or case.facts.rope:  # without a dictionary that of the class would come back
        return (*drop, found.set("rope_type", "default"), found.set("rope_theta", base))
    return (Edit(found.path, None), *case.base_edits(base))


def _closest(word: str, known: list[str]) -> str | None:
    return next(iter(difflib.get_close_matches(word, known, 1, CLOSE)), None)


def type_refused_by_the_class(case: Case) -> Iterator[Finding]:
    """The model class takes fewer types than transformers has."""
    if case.model_type not in LONGROPE_ONLY:
        return
    for found in case.dictionaries:
        kind = case.real_type(found)
        if kind in BUILDERS and kind not in ("default", "longrope"):
            yield case.finding(
                "error",
                "type_refused_by_the_class",
                found.named("rope_type"),
                "rope_type 'longrope', with two lists of divisors, or a larger rope_theta without any scaling.",
                f"The config class of model type {case.model_type!r} takes type 'longrope' only: transformers raises "
                "when the config is read.",
                engines=(V5, V4),
            )


def both_dictionaries(case: Case) -> Iterator[Finding]:
    """rope_parameters and rope_scaling are both given, and differ."""
    new, old = case.raw.get("rope_parameters"), case.raw.get("rope_scaling")
    if isinstance(new, Mapping) and isinstance(old, Mapping) and new and old and new != old:
        yield case.finding(
            "warning",
            "both_dictionaries",
            "rope_scaling",
            "One description of RoPE; which of the two cannot be told.",
            "transformers 5 uses rope_scaling, and so does transformers 4, which does not know rope_parameters.",
            engines=(V5, V4),
            edits=(case.remove("rope_parameters"),),
        )


def unread_key(case: Case) -> Iterator[Finding]:
    """A key of the dictionary does not enter the table of its type."""
    for found in case.dictionaries:
        kind = case.real_type(found)
        if kind not in TYPE_KEYS:
            continue
        known = COMMON_KEYS | TYPE_KEYS[kind]
        readable = {*known, *class_keys(case.model_type), *SPECIAL}
        unread = {key for key, value in found.keys.items() if isinstance(key, str) and value is not None}
        for key in sorted(unread - readable)[:MOST_UNREAD]:
            close = _closest(key, [name for name in known if found.keys.get(name) is None])
            if (
                close is not None
                and close not in ("type", "rope_type")
                and not any(key in keys for keys in TYPE_KEYS.values())
            ):
                yield case.finding(
                    "warning",
                    "unread_key",
                    found.named(key),
                    f"{close}.",
                    f"Nobody reads {key!r}; the table is that without it.",
                    engines=(V5, V4, VLLM),
                    edits=(found.remove(key), found.set(close, found.keys[key])),
                )
            else:
                yield case.finding(
                    "info",
                    "unread_key",
                    found.named(key),
                    f"A key of {_owners(key)}." if _owners(key) else "Unknown; a note, or a key of code of its own.",
                    f"Type {kind!r} does not read it.",
                    engines=(V5, V4),
                )
        if kind in ("default", "linear", "dynamic") and found.keys.get(ORIGINAL) is not None:
            yield case.finding(
                "info",
                "unread_key",
                found.named(ORIGINAL),
                "The trained window.",
                f"Type {kind!r} does not read it, and some versions call it unrecognized; it is harmless.",
                engines=(V5, V4),
                threads=("sgl-project/sglang#2943", "sgl-project/sglang#4145"),
            )


def key_is_no_string(case: Case) -> Iterator[Finding]:
    """Keys that are not strings, which JSON does not have."""
    places = [("the config", case.raw), *((".".join(found.path), found.keys) for found in case.dictionaries)]
    for where, keys in places:
        odd = [key for key in keys if not isinstance(key, str)]
        if odd:
            yield case.finding(
                "warning",
                "key_is_no_string",
                where,
                "Keys that are strings, as JSON has no others.",
                f"Nothing reads {', '.join(map(shown, odd[:MOST_NAMED]))}.",
                engines=(V5, V4, VLLM),
            )


def _owners(key: str) -> str:
    return ", ".join(f"type {kind!r}" for kind, keys in TYPE_KEYS.items() if key in keys)


def alpha_of_another_class(case: Case) -> Iterator[Finding]:
    """Dynamic NTK has alpha, which few classes read."""
    for found in case.typed("dynamic"):
        alpha = real(found.keys.get("alpha"))
        if alpha is not None and not case.reads_alpha:
            yield case.finding(
                "warning",
                "alpha_of_another_class",
                found.named("alpha"),
                f"A base stretched once by {alpha:g}^(d/(d−2)), as HunYuan's classes and vLLM read alpha.",
                "This class does not read it: type 'dynamic' takes factor, and stretches the base beyond "
                f"{MAXIMUM} only.",
                engines=(V5, V4),
            )


def foreign_key(case: Case) -> Iterator[Finding]:
    """A top-level key belongs to another engine."""
    for key, meaning in FOREIGN.items():
        if case.raw.get(key) is not None and case.raw[key] != 1:
            yield case.finding(
                "warning",
                "foreign_key",
                key,
                f"{meaning}.",
                f"A Hugging Face config has no key {key!r}: nobody reads it.",
                engines=(V5, V4, VLLM),
                threads=("theroyallab/tabbyAPI#239", "InternLM/lmdeploy#2235"),
            )


def integer_factor(case: Case) -> Iterator[Finding]:
    """The factor is a whole number, which old versions refuse."""
    for found in case.dictionaries:
        value = found.keys.get("factor")
        if (
            isinstance(value, int)
            and not isinstance(value, bool)
            and 1 <= value < 10**6
            and "rope_scaling" in found.path
        ):
            yield case.finding(
                "info",
                "integer_factor",
                found.named("factor"),
                f"{value}.0.",
                f"Versions before transformers 5 warn that factor must be a float, got {value}; older than 4.43 raise.",
                engines=("transformers before 5",),
                edits=(found.set("factor", float(value)),),
                threads=("meta-llama/llama3#299",),
            )


def two_field_dictionary(case: Case) -> Iterator[Finding]:
    """Types that versions before 4.43 refuse altogether."""
    for found in case.dictionaries:
        if case.real_type(found) in ("llama3", "yarn", "longrope") and "rope_scaling" in found.path:
            yield case.finding(
                "info",
                "two_field_dictionary",
                found.named("rope_type"),
                f"Type {case.real_type(found)!r}.",
                "Before 4.43 transformers takes only {type, factor} and raises that rope_scaling must be a dictionary "
                "with two fields. Other loaders have dropped such a dictionary without a word: compare the table in "
                "memory, rope_theory.precision.audit(model).",
                engines=("transformers before 4.43",),
                threads=("meta-llama/llama3#319", "unslothai/unsloth#6197"),
            )


def base_given_twice(case: Case) -> Iterator[Finding]:
    """The base stands at top level and in the dictionary, with two values."""
    top = real(case.raw.get("rope_theta"))
    for found in case.dictionaries:
        inner = real(found.keys.get("rope_theta"))
        if top is None or inner is None or top == inner or found.layer_type is not None:
            continue
        yield case.finding(
            "warning",
            "base_given_twice",
            found.named("rope_theta"),
            f"One base: {inner:.10g}, as transformers 5 reads it.",
            f"transformers 5 takes {inner:.10g} from the dictionary; what reads the old key takes {top:.10g}.",
            engines=(V4, f"{VLLM} with transformers 4"),
            edits=(case.set("rope_theta", found.keys["rope_theta"]),),
            threads=("vllm-project/vllm#28542", "sgl-project/sglang#14745"),
        )


def base_only_in_the_new_place(case: Case) -> Iterator[Finding]:
    """The base stands where only transformers 5 looks."""
    if case.raw.get("rope_theta") is not None:
        return
    for found in case.dictionaries:
        inner = real(found.keys.get("rope_theta"))
        if (
            inner is not None
            and "rope_parameters" in found.path
            and found.layer_type is None
            and inner != case.facts.base
        ):
            yield case.finding(
                "info",
                "base_only_in_the_new_place",
                found.named("rope_theta"),
                f"Base {inner:.10g} for every reader.",
                "Whatever reads the top-level rope_theta of transformers 4 finds none and falls back to a default, "
                "most often 10000, without a word.",
                engines=(V4, "code that reads config.rope_theta"),
                edits=(case.set("rope_theta", found.keys["rope_theta"]),),
                threads=("deepspeedai/DeepSpeed#8345", "vllm-project/vllm#28542", "InternLM/lmdeploy#4303"),
            )


def base_missing(case: Case) -> Iterator[Finding]:
    """No key gives a base, so that the class, or 10000, decides."""
    given = any(case.raw.get(key) is not None for key in ("rope_theta", *case.facts.base_keys))
    several = bool(case.facts.tables) or any(found.layer_type is not None for found in case.dictionaries)
    if given or several or any(found.keys.get("rope_theta") is not None for found in case.dictionaries):
        return
    for reading in case.readings.values():
        base, window = reading.config.base, reading.config.context_length
        own = real(case.facts.rope.get("rope_theta")) or case.facts.base
        llama3, plain = (isinstance(reading.scaling, kind) for kind in (Llama3, Unscaled))
        window = max(window, case.maximum or window) if plain else window
        short = base < small_bases(window).quarter_turn
        lost = base == own == 10000.0 and (llama3 or short)
        meant = f"The default, {base:g}."
        if lost and llama3:
            meant = "A base of its own: the released models with type 'llama3' have 500000."
        elif lost:
            meant = (
                f"A base of its own: with {base:g} the slowest pair turns by more than a quarter within {window} "
                "tokens, which models of this window avoid."
            )
        yield case.finding(
            "warning" if lost else "info",
            "base_missing",
            "rope_theta",
            meant,
            f"The config gives no base, and {base:g} is used.",
            engines=(V5, V4, VLLM, LITGPT),
            threads=("deepspeedai/DeepSpeed#8345", "NovaSky-AI/SkyRL#690"),
        )


def base_instead_of_scaling(case: Case) -> Iterator[Finding]:
    """The window was extended, if at all, by its base."""
    for name, reading in case.readings.items():
        if reading.scaling.name == "Unscaled" and reading.config.base > 10000.0 and name is None:
            yield case.finding(
                "info",
                "base_instead_of_scaling",
                "rope_theta",
                f"A base of {reading.config.base:.10g}, with which the model was trained or extended.",
                f"There is no scaling: {MAXIMUM} = {reading.config.context_length} is taken as trained with this base. "
                "A config cannot tell whether an earlier, shorter stage used a smaller one.",
                threads=("FranxYao/Long-Context-Data-Engineering#6", "FlagOpen/FlagEmbedding#849"),
            )


def default_type_of_remote_code(case: Case) -> Iterator[Finding]:
    """Code that comes with a checkpoint may look up a type that transformers 5 took away."""
    if case.raw.get("auto_map") and all(case.real_type(found) == "default" for found in case.dictionaries):
        yield case.finding(
            "info",
            "default_type_of_remote_code",
            "rope_parameters.rope_type",
            "An unscaled table.",
            "transformers 5 took 'default' out of ROPE_INIT_FUNCTIONS: code of the checkpoint (auto_map) that looks it "
            "up there raises KeyError: 'default'.",
            engines=(V5,),
            threads=("allenai/molmo2#22", "KRLabsOrg/LettuceDetect#33"),
        )


RULES = (
    old_type_key,
    null_type,
    two_type_keys,
    type_missing,
    alias_of_a_type,
    unknown_type,
    type_refused_by_the_class,
    both_dictionaries,
    unread_key,
    key_is_no_string,
    alpha_of_another_class,
    foreign_key,
    integer_factor,
    two_field_dictionary,
    base_given_twice,
    base_only_in_the_new_place,
    base_missing,
    base_instead_of_scaling,
    default_type_of_remote_code,
)
