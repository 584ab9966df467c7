"""Rules about windows: which length a config was trained at, and which one it reaches."""

from __future__ import annotations

from collections.abc import Iterator

from rope_theory.doctor.case import MAXIMUM, V4, V5, VLLM, Case, real, whole
from rope_theory.doctor.finding import Edit, Finding
from rope_theory.scaling.huggingface.reading import ORIGINAL, WITH_ORIGINAL

EXTENDING = ("linear", "dynamic", "yarn", "longrope", "llama3")


def original_length_missing(case: Case) -> Iterator[Finding]:
    """A type that counts from the original window does not say which it is."""
    for found in case.typed(*WITH_ORIGINAL):
        top = None if found.layer_type is not None else case.raw.get(ORIGINAL)
        given = top is not None or found.keys.get(ORIGINAL) is not None
        maximum, factor = case.maximum, real(found.keys.get("factor"))
        if given or case.facts.original_length is not None or maximum is None:
            continue
        trained = whole(maximum / factor) if factor is not None and factor > 1.0 else None
        edits: tuple[Edit, ...] = (found.set(ORIGINAL, trained or maximum),)
        meant = f"The model was trained at {MAXIMUM} = {maximum} tokens."
        if trained is not None and factor is not None:
            meant = (
                f"{MAXIMUM} = {maximum} is the extended window, so the trained one is {maximum} / {factor:g} = "
                f"{trained} tokens (corrected so). If it was trained at {maximum}, write {ORIGINAL} = {maximum} and "
                f"{MAXIMUM} = {maximum * factor:.0f} instead."
            )
        yield case.finding(
            "warning",
            "original_length_missing",
            found.named(ORIGINAL),
            meant,
            f"Type {case.real_type(found)!r} silently counts from {MAXIMUM} = {maximum}, as if the model had been "
            f"trained there.{case.difference(edits, found.layer_type)}",
            engines=(V5, V4, VLLM),
            edits=edits,
            threads=("NVIDIA-NeMo/Automodel#2652", "NVIDIA/Megatron-LM#1418"),
        )


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
        ratio_is_right = factor is not None and maximum is not None and maximum == top * factor
        chosen = top if ratio_is_right else inner
        edits = (case.set(ORIGINAL, chosen), found.set(ORIGINAL, chosen))
        yield case.finding(
            "warning" if case.real_type(found) in WITH_ORIGINAL else "info",
            "original_length_twice",
            found.named(ORIGINAL),
            f"One trained window: {chosen} tokens"
            + (f", as factor · {chosen} = {MAXIMUM}." if ratio_is_right else "."),
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
                "takes its limit from this key stops there.",
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
            "transformers 4 uses the ratio for longrope with a window at top level.",
            engines=(V5, V4),
            edits=edits,
            threads=("huggingface/transformers#38224",),
        )


def dynamic_counts_from_the_maximum(case: Case) -> Iterator[Finding]:
    """Dynamic NTK counts from max_position_embeddings, and does nothing up to there."""
    for found in case.typed("dynamic"):
        original, maximum = whole(found.keys.get(ORIGINAL)) or case.top_original, case.maximum
        if found.keys.get("alpha") or maximum is None:
            continue
        if original is not None and original < maximum:
            yield case.finding(
                "warning",
                "dynamic_counts_from_the_maximum",
                MAXIMUM,
                f"Scaling from the trained window on, {original} tokens.",
                f"Type 'dynamic' does not read {ORIGINAL}: it counts from {MAXIMUM}, so between {original} and "
                f"{maximum} tokens nothing is scaled.",
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
        window = reading.config.context_length
        yield case.finding(
            "info",
            "longrope_switches_at_the_window",
            found.named("long_factor"),
            f"The short list up to {window} tokens, the long one beyond.",
            f"The current length decides, and {window} tokens exactly still use the short list. vLLM chooses once, by "
            "the longest sequence it may serve, and then uses the long list for short ones too. Decoding token by "
            f"token across {window} leaves keys in the cache that the short list rotated, so that scores differ from "
            "those of one full forward pass.",
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
