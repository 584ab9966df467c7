"""Rules about which dimensions rotate, and about keys that hold for one layer type only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rope_theory.doctor.case import LITGPT, V4, V5, VLLM, Case, real
from rope_theory.doctor.finding import Edit, Finding
from rope_theory.scaling.huggingface.facts import FACTS


def partial_rotary_ignored(case: Case) -> Iterator[Finding]:
    """A share of the head is given, and the whole head rotates."""
    top = real(case.raw.get("partial_rotary_factor"))
    for name, reading in case.readings.items():
        inner = next((found for found in case.dictionaries if found.layer_type == name), None)
        share = real(inner.keys.get("partial_rotary_factor")) if inner is not None else None
        share = top if share is None else share
        config = reading.config
        if share is None or not 0.0 < share < 1.0 or config.width != config.head_dim:
            continue
        if reading.scaling.name == "Proportional" or int(share * config.head_dim) % 2 or share * config.head_dim < 2:
            continue
        edits: tuple[Edit, ...] = ()
        if name is None and inner is None:
            edits = (case.set("rope_scaling", {"rope_type": "linear", "factor": 1.0}),)
        elif inner is not None:
            edits = (inner.set("rope_type", "linear"), inner.set("factor", 1.0))
        yield case.finding(
            "warning",
            "partial_rotary_ignored",
            "partial_rotary_factor" if inner is None else inner.named("partial_rotary_factor"),
            f"{int(share * config.head_dim)} of {config.head_dim} dimensions rotate; type 'linear' with factor 1 says "
            "so to every class.",
            f"Type 'default' of this model class rotates all {config.head_dim} in transformers 5, without a message; "
            "types other than 'default' honour the share, and so do transformers 4, vLLM and litgpt.",
            engines=(V5,),
            edits=edits,
            threads=("huggingface/transformers#48652", "AI-Hypercomputer/maxtext#4616"),
        )


def pairing_is_a_guess(case: Case) -> Iterator[Finding]:
    """Which dimensions make a pair stands in code, not in a config."""
    if case.model_type not in FACTS and case.readings:
        pairing = next(iter(case.readings.values())).pairing
        yield case.finding(
            "info",
            "pairing_is_a_guess",
            "model_type",
            "Pairs of dimensions j and j + d/2, or 2j and 2j + 1.",
            f"Model type {case.model_type!r} is not in the table of known classes; {pairing!r} is assumed. The wrong "
            "layout loads without an error and costs quality: permute the weights or change the code.",
            engines=(V5, V4, VLLM, LITGPT),
            threads=("karpathy/nanochat#264", "vllm-project/vllm#49323"),
        )


def nested_truncate(case: Case) -> Iterator[Finding]:
    """Truncate inside a dictionary nested by layer type is not read there."""
    for found in case.typed("yarn"):
        if found.layer_type is None or found.keys.get("truncate") is not False:
            continue
        outer = case.raw.get(found.path[-2])
        if isinstance(outer, Mapping) and outer.get("truncate") is False:
            continue
        edits = (Edit((*found.path[:-1], "truncate"), False),)
        yield case.finding(
            "warning",
            "nested_truncate",
            found.named("truncate"),
            "Ends of the ramp that are not rounded to whole pairs.",
            "transformers 5 looks for truncate beside the layer types, not inside them, and rounds."
            + case.difference(edits, found.layer_type),
            engines=(V5,),
            edits=edits,
        )


def layers_left_unscaled(case: Case) -> Iterator[Finding]:
    """A legacy rope_scaling reaches only some layers of a model with several tables."""
    scaling = case.raw.get("rope_scaling")
    if not isinstance(scaling, Mapping) or not case.facts.tables or not scaling:
        return
    left = [name for name, table in case.facts.tables.items() if not table.legacy_scaling and name in case.readings]
    if left:
        yield case.finding(
            "info",
            "layers_left_unscaled",
            "rope_scaling",
            "Scaling for the layers that see the whole window.",
            f"It does not apply to the layers {', '.join(map(repr, left))}. A loader that builds one table for all "
            "layers scales those too, or none.",
            engines=(V5, V4),
            threads=("NVIDIA-NeMo/Automodel#2103",),
        )


def rope_parameters_unread(case: Case) -> Iterator[Finding]:
    """rope_parameters are read by transformers 5 alone."""
    scaled = [found for found in case.dictionaries if case.real_type(found) != "default"]
    if "rope_scaling" in case.raw and case.raw["rope_scaling"] is not None:
        return
    if any("rope_parameters" in found.path for found in scaled):
        yield case.finding(
            "info",
            "rope_parameters_unread",
            "rope_parameters",
            "The same scaling for every reader.",
            "transformers 4, and model classes that were written for it, look for rope_scaling and find none: they "
            "rotate unscaled.",
            engines=(V4, "code that reads config.rope_scaling"),
            threads=("sgl-project/sglang#26187", "ml-explore/mlx-lm#953"),
        )


def nested_for_one_table(case: Case) -> Iterator[Finding]:
    """Dictionaries nested by layer type, for a class that has one table."""
    nested = [found for found in case.dictionaries if found.layer_type is not None]
    if not nested or case.model_type not in FACTS or case.facts.tables:
        return
    same = all(found.keys == nested[0].keys for found in nested)
    yield case.finding(
        "error",
        "nested_for_one_table",
        ".".join(nested[0].path[:-1]),
        "One table for all layers.",
        f"The class of model type {case.model_type!r} does not read {nested[0].named('rope_type')}: it takes the "
        "dictionary for one without a type, and rotates unscaled.",
        engines=(V5,),
        edits=(Edit(nested[0].path[:-1], dict(nested[0].keys)),) if same else (),
    )


RULES = (
    partial_rotary_ignored,
    pairing_is_a_guess,
    nested_truncate,
    nested_for_one_table,
    layers_left_unscaled,
    rope_parameters_unread,
)
