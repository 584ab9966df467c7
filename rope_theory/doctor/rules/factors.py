"""Rules about the numbers inside a RoPE dictionary: factors of logits, ramps and frequencies."""

from __future__ import annotations

import math
from collections.abc import Iterator

from rope_theory.doctor.case import LITGPT, MAXIMUM, V4, V5, VLLM, Case, real, whole
from rope_theory.doctor.finding import Edit, Finding
from rope_theory.errors import InputError
from rope_theory.scaling.huggingface.reading import ORIGINAL, class_keys
from rope_theory.scaling.yarn import YaRN, attention_factor

TRANSFORMER_LENS = "TransformerLens"
NUMBERS = (
    "factor", "rope_theta", "attention_factor", "beta_fast", "beta_slow", "low_freq_factor", "high_freq_factor",
    "partial_rotary_factor", "mscale", "mscale_all_dim", ORIGINAL,
)  # fmt: skip
"""Keys whose values are numbers."""


def attn_factor_is_no_key(case: Case) -> Iterator[Finding]:
    """The attention factor stands under a key that nobody reads."""
    for found in case.dictionaries:
        given = real(found.keys.get("attn_factor"))
        if given is None or given <= 0.0:
            continue
        reading = case.of(found)
        own = 1.0 if reading is None else reading.frequencies().attention_factor
        settable = case.real_type(found) in ("yarn", "longrope") and found.keys.get("attention_factor") is None
        cancels = settable and math.isclose(given * own, 1.0, rel_tol=1e-4)
        edits: tuple[Edit, ...] = (found.remove("attn_factor"),)
        if settable:
            edits = (*edits, found.set("attention_factor", 1.0 if cancels else given))
        yield case.finding(
            "warning",
            "attn_factor_is_no_key",
            found.named("attn_factor"),
            f"attention_factor 1: {given:g} is one over the {own:.4f} of the type, so that logits stay as they are."
            if cancels
            else f"attention_factor {given:g}, or that times {own:.4f}, as older versions of vLLM read it."
            if settable
            else f"A factor of {given:g} on logits, for which type {case.real_type(found)!r} has no key, or has one.",
            f"Nobody reads attn_factor: cos and sin are multiplied by {own:.4f}, logits by {own * own:.4f}.",
            engines=(V5, V4, VLLM),
            edits=edits,
            threads=("deepseek-ai/DeepSeek-R1#684",),
        )


def attention_factor_elsewhere(case: Case) -> Iterator[Finding]:
    """Engines that do not take the attention factor from where this config has it."""
    for found in case.typed("yarn"):
        reading = case.of(found)
        if reading is None:
            continue
        applied, given = reading.frequencies().attention_factor, found.keys.get("attention_factor")
        if given is None and applied != 1.0 and not (found.keys.get("mscale") and found.keys.get("mscale_all_dim")):
            yield case.finding(
                "info",
                "attention_factor_elsewhere",
                found.named("attention_factor"),
                f"The factor of YaRN, 0.1·ln s + 1 = {applied:.4f}.",
                "TransformerLens takes 1 where the key is absent, so naming it helps there and changes no other table. "
                "litgpt takes 1 and does not read the key: there both mscale keys are needed.",
                engines=(LITGPT, TRANSFORMER_LENS),
                edits=(found.set("attention_factor", applied),),
            )
        elif given is not None and applied != 1.0:
            yield case.finding(
                "info",
                "attention_factor_elsewhere",
                found.named("attention_factor"),
                f"cos and sin times {applied:.4f}.",
                "litgpt, and older versions of vLLM and mlx-lm, do not read it.",
                engines=(LITGPT, f"older {VLLM}"),
                threads=("vllm-project/vllm#56446", "ml-explore/mlx-lm#1507"),
            )


def mscale_alone(case: Case) -> Iterator[Finding]:
    """One of mscale and mscale_all_dim is given without the other."""
    for found in case.typed("yarn"):
        upper, lower = real(found.keys.get("mscale")), real(found.keys.get("mscale_all_dim"))
        factor = real(found.keys.get("factor"))
        if bool(upper) == bool(lower) or factor is None or factor < 1.0 or real(found.keys.get("attention_factor")):
            continue
        key, value = ("mscale", upper) if upper else ("mscale_all_dim", lower)
        own = attention_factor(factor)
        kept = key in class_keys(case.model_type)  # latent attention scales its softmax by it
        try:
            meant = attention_factor(factor, upper) if upper else 1.0 / attention_factor(factor, lower or 0.0)
        except (InputError, ZeroDivisionError):
            continue
        if not math.isfinite(meant) or meant <= 0.0:
            continue
        yield case.finding(
            "info" if math.isclose(meant, own) else "warning",
            "mscale_alone",
            found.named(key),
            f"An attention factor of {meant:.4f}, as DeepSeek's own code reads {value:g} alone.",
            f"{key} counts only together with the other of the two: without it transformers applies {own:.4f}. litgpt "
            "reads one alone.",
            engines=(V5, V4, LITGPT),
            edits=(found.set("attention_factor", meant), *(() if kept else (found.remove(key),))),
            threads=("NVIDIA/Megatron-LM#1429", "ggml-org/llama.cpp#7118"),
        )


def softmax_is_scaled_too(case: Case) -> Iterator[Finding]:
    """Latent attention with YaRN scales the softmax besides the table."""
    for found in case.typed("yarn"):
        reading, lower = case.of(found), real(found.keys.get("mscale_all_dim"))
        factor = real(found.keys.get("factor"))
        latent = case.facts.rope_width is not None or case.raw.get("qk_rope_head_dim") is not None
        if reading is None or not lower or not latent or factor is None or factor < 1.0:
            continue
        extra = attention_factor(factor, lower) ** 2
        yield case.finding(
            "info",
            "softmax_is_scaled_too",
            found.named("mscale_all_dim"),
            f"Attention logits times {extra:.4f}, besides the table.",
            "The model class multiplies its softmax scale by m(mscale_all_dim)²; a port that builds only the table "
            "misses this factor. litgpt does it in every attention class.",
            engines=(V5, V4, VLLM, LITGPT),
            threads=("NVIDIA/Megatron-LM#1429", "huggingface/transformers#47435"),
        )


def beta_of_zero(case: Case) -> Iterator[Finding]:
    """An end of YaRN's ramp is 0, which reads as absent."""
    for found in case.typed("yarn"):
        for key, default in (("beta_fast", 32.0), ("beta_slow", 1.0)):
            value = found.keys.get(key)
            if not isinstance(value, bool) and value == 0:
                yield case.finding(
                    "warning",
                    "beta_of_zero",
                    found.named(key),
                    f"No turns at all as this end of the ramp; a small number such as 1e-3 says that. Corrected to the "
                    f"{default:g} in effect.",
                    f"{key} = 0 reads as absent, which means {default:g}.",
                    engines=(V5, V4),
                    edits=(found.set(key, default),),
                )


def ramp_is_reversed(case: Case) -> Iterator[Finding]:
    """beta_fast does not lie above beta_slow."""
    for found in case.typed("yarn"):
        fast, slow = real(found.keys.get("beta_fast")) or 32.0, real(found.keys.get("beta_slow")) or 1.0
        if not 0.0 < fast <= slow or case.of(found) is not None:
            continue
        yield case.finding(
            "error",
            "ramp_is_reversed",
            found.named("beta_fast"),
            "beta_fast above beta_slow: pairs with more turns are kept.",
            f"beta_fast {fast:g} lies below beta_slow {slow:g}; transformers warns, interpolates fast pairs and keeps "
            "slow ones."
            if fast < slow
            else f"Both ends of the ramp are {fast:g}. transformers makes a step there, one pair wide; this package "
            "refuses it.",
            engines=(V5, V4),
            edits=(found.set("beta_fast", slow), found.set("beta_slow", fast))
            if fast < slow
            else (found.remove("beta_fast"), found.remove("beta_slow")),
        )


def ramp_past_the_last_pair(case: Case) -> Iterator[Finding]:
    """The slow end of YaRN's ramp lies beyond the last pair, where engines cap it differently."""
    for found in case.typed("yarn"):
        reading = case.of(found)
        if reading is None or not isinstance(reading.scaling, YaRN):
            continue
        config, turns = reading.config, reading.scaling.beta_slow
        end = config.width * math.log(config.context_length / (2.0 * math.pi * turns)) / (2.0 * math.log(config.base))
        if end <= config.pairs - 1:
            continue
        yield case.finding(
            "info",
            "ramp_past_the_last_pair",
            found.named("beta_slow"),
            f"A ramp that ends at pair {end:.1f}, of {config.pairs}: the slowest pair is not wholly interpolated.",
            f"transformers and vLLM cap the end at {config.width - 1}, litgpt and keras-hub before its PR 2981 at the "
            f"last pair, {config.pairs - 1}, which gives another ramp.",
            engines=(LITGPT, "older keras-hub"),
            threads=("keras-team/keras-hub#2981",),
        )


def factor_below_one(case: Case) -> Iterator[Finding]:
    """The factor lies below one."""
    for found in case.dictionaries:
        factor, kind = real(found.keys.get("factor")), case.real_type(found)
        if factor is None or not 0.0 < factor < 1.0 or kind == "default":
            continue
        happens = f"transformers only warns, and computes with {factor:g}."
        if kind in ("linear", "yarn", "llama3"):
            happens = (
                f"transformers only warns; frequencies are then up to {1.0 / factor:g} times faster, and the trained "
                f"window shrinks to {factor:g} of itself."
            )
        yield case.finding(
            "error",
            "factor_below_one",
            found.named("factor"),
            f"factor {1.0 / factor:g}: some engines give the scale of positions, one over the factor.",
            f"{happens} This package refuses it.",
            engines=(V5, V4),
            edits=(found.set("factor", 1.0 / factor),) if 1.0 / factor < 1e6 else (),
        )


def factor_missing(case: Case) -> Iterator[Finding]:
    """A type that needs a factor has none."""
    for found in case.typed("linear", "dynamic", "yarn", "llama3"):
        if found.keys.get("factor") is not None or case.of(found) is not None or found.keys.get("alpha") is not None:
            continue
        original, maximum = case.original(found) or whole(found.keys.get(ORIGINAL)), case.maximum
        ratio = maximum / original if original and maximum and maximum > original else None
        yield case.finding(
            "error",
            "factor_missing",
            found.named("factor"),
            f"{MAXIMUM} / {ORIGINAL} = {ratio:g}." if ratio else "A factor, at least 1.",
            f"Type {case.real_type(found)!r} without factor raises KeyError when the model is built.",
            engines=(V5, V4, VLLM),
            edits=(found.set("factor", ratio),) if ratio else (),
        )


def number_as_text(case: Case) -> Iterator[Finding]:
    """A number is written as text."""
    places = [(found.named(key), found.set, key, found.keys.get(key)) for found in case.dictionaries for key in NUMBERS]
    places += [(key, case.set, key, case.raw.get(key)) for key in (*NUMBERS, MAXIMUM)]
    for shown, setter, key, value in places:
        try:
            number = float(value) if isinstance(value, str) and len(value) < 40 else math.nan
        except ValueError:
            continue
        if math.isfinite(number):
            exact: float | int = int(number) if number == int(number) and key in (ORIGINAL, MAXIMUM) else number
            yield case.finding(
                "error",
                "number_as_text",
                shown,
                f"{exact:g}.",
                f"{value!r} is text, which no formula takes: transformers warns, and raises when the model is built.",
                engines=(V5, V4),
                edits=(setter(key, exact),),
            )


def static_scaling_costs_inside(case: Case) -> Iterator[Finding]:
    """A scaling without a length of its own acts on short inputs too."""
    for found in case.typed("linear", "yarn", "llama3"):
        reading, factor = case.of(found), real(found.keys.get("factor"))
        if reading is None or factor is None or factor <= 1.0:
            continue
        yield case.finding(
            "info",
            "static_scaling_costs_inside",
            found.named("factor"),
            f"Factor {factor:g} at every length.",
            f"Type {case.real_type(found)!r} has one table for every length: inputs inside the trained window are "
            "rotated by it too. A model that was trained or tuned with the table needs it there; one that was not pays "
            "for it, and does better without where only short inputs come.",
            engines=(V5, V4, VLLM),
            threads=("vllm-project/vllm#18728", "ggml-org/llama.cpp#1967"),
        )


def dynamic_has_a_memory(case: Case) -> Iterator[Finding]:
    """Dynamic NTK depends on what came before."""
    for found in case.typed("dynamic"):
        if case.of(found) is None or (found.keys.get("alpha") and case.reads_alpha):
            continue
        yield case.finding(
            "info",
            "dynamic_has_a_memory",
            found.named("rope_type"),
            "A table for the current length.",
            "transformers keeps the largest base it has seen until an input is strictly shorter than "
            "max_position_embeddings: one of exactly that length after a longer one still uses the longer one's table. "
            "In a cache, keys stay rotated with the base of their time, so decoding differs from one full forward "
            "pass. vLLM leaves the base as it is unless max_trained_positions is given, and litgpt has no such type.",
            engines=(V5, V4, VLLM, LITGPT, TRANSFORMER_LENS),
            threads=("huggingface/transformers#25104", "vllm-project/vllm#41236"),
        )


RULES = (
    attn_factor_is_no_key,
    attention_factor_elsewhere,
    mscale_alone,
    softmax_is_scaled_too,
    beta_of_zero,
    ramp_is_reversed,
    ramp_past_the_last_pair,
    factor_below_one,
    factor_missing,
    number_as_text,
    static_scaling_costs_inside,
    dynamic_has_a_memory,
)
