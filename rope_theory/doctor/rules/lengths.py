"""Rules about windows: which length a config was trained at, and which one it reaches."""

from __future__ import annotations

from collections.abc import Iterator

from rope_theory.doctor.case import MAXIMUM, V4, V5, VLLM, Case, Located, real, whole
from rope_theory.doctor.finding import Edit, Finding
from rope_theory.laws import small_bases
from rope_theory.scaling.huggingface.reading import ORIGINAL, WITH_ORIGINAL

EXTENDING = ("linear", "dynamic", "yarn", "longrope", "llama3")


LLAMA_3_WINDOW = 8192
"""Of every released model with type "llama3", tokens."""


def original_length_missing(case: Case) -> Iterator[Finding]:
    """A type that counts from the original window does not say which it is."""
    for found in case.typed(*WITH_ORIGINAL):
        top = None if found.layer_type is not None else case.raw.get(ORIGINAL)
        given = top is not None or found.keys.get(ORIGINAL) is not None
        maximum, factor = case.maximum, real(found.keys.get("factor"))
        if given or case.facts.original_length is not None or maximum is None:
            continue
        kind = case.real_type(found)
        meant, edits = _probable_window(case, found, maximum, factor)
        happens = {
            "yarn": f"transformers 5 silently counts from {MAXIMUM} = {maximum}, as if the model had been trained "
            "there; transformers 4.57 says that it does.",
            "longrope": f"transformers silently counts from {MAXIMUM} = {maximum}, so that the long list is never used "
            "up to there and the attention factor is 1 without a factor.",
            "llama3": f"transformers 5 counts from {MAXIMUM} = {maximum} and warns that it is not below it; "
            "transformers 4.57 raises KeyError.",
        }[kind]
        yield case.finding(
            "warning",
            "original_length_missing",
            found.named(ORIGINAL),
            meant,
            happens + case.difference(edits, found.layer_type),
            engines=(V5, V4, VLLM),
            edits=edits,
            threads=("NVIDIA-NeMo/Automodel#2652", "NVIDIA/Megatron-LM#1418"),
        )


def _probable_window(
    case: Case, found: Located, maximum: int, factor: float | None
) -> tuple[str, tuple[Edit, ...]]:  # fmt: skip
    """Return what was probably meant by a config without its original window, and the edits that say so."""
    reading, trained = case.of(found), None if factor is None or factor <= 1.0 else whole(maximum / factor)
    if case.real_type(found) == "llama3" and maximum > LLAMA_3_WINDOW:
        meant = f"{LLAMA_3_WINDOW}, the trained window of every released model with this type."
        return meant, (found.set(ORIGINAL, LLAMA_3_WINDOW),)
    if trained is None or factor is None or reading is None:
        return f"The model was trained at {MAXIMUM} = {maximum} tokens.", (found.set(ORIGINAL, maximum),)
    base, extended = reading.config.base, round(maximum * factor)
    if base < small_bases(maximum).quarter_turn:
        meant = (
            f"{MAXIMUM} = {maximum} is the extended window and the trained one is {maximum} / {factor:g} = {trained} "
            f"tokens: no model is trained at {maximum} with base {base:g}, whose slowest pair turns by more than a "
            f"quarter there. If this one is, write {ORIGINAL} = {maximum} and {MAXIMUM} = {extended}."
        )
        return meant, (found.set(ORIGINAL, trained),)
    meant = (
        f"{MAXIMUM} = {maximum} is the trained window, which base {base:g} allows, and the extended one is {extended}. "
        f"If {maximum} is the extended window, write {ORIGINAL} = {trained} instead and leave {MAXIMUM}."
    )
    return meant, (found.set(ORIGINAL, maximum), case.set(case.length_key, extended))


def original_length_twice(case: Case) -> Iterator[Finding]:
    """The original window stands at top level and in the dictionary, with two values."""
    top = case.top_original
    for found in case.dictionaries:
        inner = whole(found.keys.get(ORIGINAL))
        if top is None or inner is None or inner == top:
            continue
        if found.layer_type is not None:
            yield case.finding(
                "info",
                "original_length_twice",
                ORIGINAL,
                f"One trained window; the dictionary of {found.layer_type!r} says {inner}, the top level {top}.",
                "Dictionaries nested by layer type keep their own value; the one at top level is not read.",
                engines=(V5,),
            )
            continue
        factor, maximum = real(found.keys.get("factor")), case.maximum
        fitting = [window for window in (inner, top) if factor and maximum == window * factor]
        chosen = fitting[0] if fitting else None
        edits = (case.set(ORIGINAL, chosen), found.set(ORIGINAL, chosen)) if chosen is not None else ()
        yield case.finding(
            "warning" if case.real_type(found) in WITH_ORIGINAL else "info",
            "original_length_twice",
            found.named(ORIGINAL),
            f"One trained window: {chosen} tokens, as factor · {chosen} = {MAXIMUM}."
            if chosen is not None
            else f"One trained window; {MAXIMUM} and factor fit neither value.",
            f"The {top} at top level overrides the {inner} of the dictionary when transformers 5 computes the table. "
            "transformers 4 reads the dictionary, and for longrope the top level, which there overrides factor too."
            + case.difference(edits, None),
            engines=(V5, V4),
            edits=edits,
            threads=("huggingface/transformers#38224",),
        )


def factor_is_not_the_ratio(case: Case) -> Iterator[Finding]:
    """The factor is another number than the ratio of the two windows."""
    for found in case.typed("yarn", "longrope"):
        factor, maximum, original = real(found.keys.get("factor")), case.maximum, case.original(found)
        if factor is None or factor < 1.0 or maximum is None or original is None or maximum == factor * original:
            continue
        extended = round(factor * original)
        edits = (case.set(case.length_key, extended),) if extended >= 2 else ()
        if maximum == original:
            yield case.finding(
                "info",
                "factor_is_not_the_ratio",
                MAXIMUM,
                f"The window after extension, factor · {ORIGINAL} = {extended} tokens.",
                f"{MAXIMUM} is still the trained window, {original}: the table is that of factor {factor:g}, but what "
                "takes its limit from this key stops there, and versions of transformers before its PR 40320 take "
                "their ratio, 1, for the factor of YaRN.",
                engines=(V5, V4),
                threads=("vllm-project/vllm#8793", "QwenLM/Qwen3#663"),
            )
            continue
        yield case.finding(
            "warning",
            "factor_is_not_the_ratio",
            found.named("factor"),
            f"factor · {ORIGINAL} = {factor:g} · {original} = {extended} tokens as the window after extension.",
            f"{MAXIMUM} / {ORIGINAL} is {maximum / original:g}; transformers 5 warns and uses factor {factor:g}. "
            f"Versions before its PR 40320 ignore factor for YaRN and use {maximum / original:g}; transformers 4 still "
            "does for longrope with a window at top level.",
            engines=(V5, V4),
            edits=edits,
            threads=("huggingface/transformers#38224",),
        )


def dynamic_counts_from_the_maximum(case: Case) -> Iterator[Finding]:
    """Dynamic NTK counts from max_position_embeddings, and does nothing up to there."""
    for found in case.typed("dynamic"):
        original, maximum = whole(found.keys.get(ORIGINAL)) or case.top_original, case.maximum
        if (found.keys.get("alpha") and case.reads_alpha) or maximum is None:
            continue
        if original is not None and original < maximum:
            yield case.finding(
                "warning",
                "dynamic_counts_from_the_maximum",
                MAXIMUM,
                f"Scaling from the trained window on, {original} tokens.",
                f"Type 'dynamic' does not read {ORIGINAL}: it counts from {MAXIMUM}, so between {original} and "
                f"{maximum} tokens nothing is scaled. The corrected key is also the limit that servers take.",
                engines=(V5, V4),
                edits=(case.set(case.length_key, original),),
                threads=("vllm-project/vllm#41236",),
            )
        elif original is None:
            yield case.finding(
                "info",
                "dynamic_counts_from_the_maximum",
                MAXIMUM,
                f"{maximum} tokens is the trained window.",
                f"Type 'dynamic' has no key for the trained window: nothing is scaled up to {MAXIMUM}. Where that was "
                "raised to the extended window already, nothing is scaled at all.",
                engines=(V5, V4),
            )


def longrope_switches_at_the_window(case: Case) -> Iterator[Finding]:
    """LongRoPE has two tables, and the sequence length chooses."""
    for found in case.typed("longrope"):
        reading = case.of(found)
        if reading is None or found.keys.get("short_factor") == found.keys.get("long_factor"):
            continue
        if case.model_type == "phimoe":  # never switches, as its remark says
            continue
        window = reading.config.context_length
        cached = (
            f"Decoding token by token across {window} leaves keys in the cache that the short list rotated, so that "
            "scores differ from those of one full forward pass."
        )
        if case.model_type == "phi3":
            cached = f"At {window} tokens transformers drops the cache of this class and computes every key again."
        yield case.finding(
            "info",
            "longrope_switches_at_the_window",
            found.named("long_factor"),
            f"The short list up to {window} tokens, the long one beyond.",
            f"The current length decides, and {window} tokens exactly still use the short list. vLLM chooses once, by "
            f"the longest sequence it may serve, and then uses the long list for short ones too. {cached}",
            engines=(V5, V4, VLLM),
            threads=("unslothai/unsloth#10681", "ggml-org/llama.cpp#24875"),
        )


def llama3_without_extension(case: Case) -> Iterator[Finding]:
    """Type llama3 with an original window that is not below the window."""
    for found in case.typed("llama3"):
        original, maximum, factor = case.original(found), case.maximum, real(found.keys.get("factor"))
        if original is None or maximum is None or original < maximum or factor is None or factor <= 1.0:
            continue
        yield case.finding(
            "warning",
            "llama3_without_extension",
            MAXIMUM,
            f"A window above the trained one, up to factor · {original} = {factor * original:.0f} tokens.",
            f"{ORIGINAL} = {original} is not below {MAXIMUM} = {maximum}: slow pairs are scaled for a window that the "
            "config does not allow, and transformers warns.",
            engines=(V5, V4),
            edits=(case.set(case.length_key, round(factor * original)),),
        )


def what_the_lengths_mean(case: Case) -> Iterator[Finding]:
    """Which key is the trained window, which the extended one, and what the factor is relative to."""
    for found in case.typed(*EXTENDING):
        reading, factor, maximum = case.of(found), real(found.keys.get("factor")), case.maximum
        if reading is None or maximum is None:
            continue
        if case.real_type(found) == "linear" and case.original(found) is None and factor:
            happens = (
                f"Type 'linear' has no key for the trained window: {MAXIMUM} = {maximum} is read as the trained one, "
                f"which makes {maximum * factor:.0f} the extended one. Where it was raised already, the model was "
                f"trained at {maximum / factor:.0f}. The table is the same."
            )
        else:
            happens = (
                f"Trained window {reading.config.context_length} tokens, {MAXIMUM} {maximum}. A factor is relative to "
                "the window of pre-training, not to that of the checkpoint one starts from: successive factors "
                "multiply."
            )
        yield case.finding(
            "info",
            "what_the_lengths_mean",
            MAXIMUM,
            "A window in tokens, before or after extension.",
            happens,
            threads=("NVIDIA/Megatron-LM#1418", "dvlab-research/LongLoRA#81"),
        )


RULES = (
    original_length_missing,
    original_length_twice,
    factor_is_not_the_ratio,
    dynamic_counts_from_the_maximum,
    longrope_switches_at_the_window,
    llama3_without_extension,
    what_the_lengths_mean,
)
