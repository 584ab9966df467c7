"""Which method and factor for a length: options with their configs, ranked by reach and by what they cost inside."""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from rope_theory._core.checks import integer
from rope_theory._core.records import Table
from rope_theory.config import RopeConfig
from rope_theory.doctor._diagnose import examined
from rope_theory.doctor._reach import ReachRow, predicted_length, reach
from rope_theory.doctor.case import Case, opened
from rope_theory.doctor.finding import Edit, edited
from rope_theory.doctor.methods import methods_on, untouched
from rope_theory.errors import InputError, WrongValue
from rope_theory.scaling.dynamic_ntk import DynamicNTK
from rope_theory.scaling.frequencies import Frequencies, Scaling
from rope_theory.scaling.huggingface._content import content_of
from rope_theory.scaling.huggingface.facts import UNKNOWN
from rope_theory.scaling.huggingface.other_keys import (
    FREQUENCY_KEYS,
    keeping_other_keys,
    rescales_softmax,
    softmax_multiplier,
)
from rope_theory.scaling.huggingface.reading import ORIGINAL, class_keys
from rope_theory.scaling.huggingface.writing import to_hf

LARGEST_FACTOR = 2.0**20
RANKING = (
    "options whose predicted length reaches the target; among them those with one table for every length, since keys "
    "in a cache keep the table of their time; then by how much pairs seen in training are slowed inside the trained "
    "window, and at the target length"
)
"""How options are ordered. Tested against untuned perplexities of a small model, and no guarantee."""


@dataclass(frozen=True)
class Option:
    """One method with one factor.

    Attributes
    ----------
    method : str
        Its name, as it is imported.
    factor : float
        The smallest factor, to four digits, whose predicted length is the target length, or the power of two above it.
    reach : ReachRow
        What theory says of it at the target length.
    config : mapping
        The whole config, ready to use.
    remark : str
        What else to know; often empty.
    """

    method: str
    factor: float
    reach: ReachRow
    config: Mapping[str, Any]
    remark: str


@dataclass(frozen=True)
class Recommendation(Table):
    """Options for a config and a length, best first.

    Attributes
    ----------
    rows : tuple of Option
        Best first by ``ranking``.
    trained_window, target_length : int
        Tokens.
    layer_type : str or None
        The layers, in a model with several tables.
    rule, ranking : str
        How lengths are predicted, and options ordered.
    notes : tuple of str
        What was assumed.
    """

    rows: tuple[Option, ...]
    trained_window: int
    target_length: int
    layer_type: str | None
    rule: str
    ranking: str
    notes: tuple[str, ...]


def recommend(source: Any, length: int, *, layer_type: str | None = None) -> Recommendation:
    """Rank context-extension methods and factors for a config and a length.

    Parameters
    ----------
    source : str, Path, mapping or PretrainedConfig
        As ``from_hf``.
    length : int
        Target length, tokens, above the trained window.
    layer_type : str, optional
        Which layers, in a model with several tables; the others keep theirs.

    Returns
    -------
    Recommendation
        Options, best first, each with its whole config.

    Raises
    ------
    FileNotFoundError, TypeError
        As ``from_hf``.
    ValueError
        As ``from_hf``, and for a length that the trained window already holds.

    Notes
    -----
    Source: ``doctor.reach``. Options replace a scaling that the config has: factors are relative to the window of
    pre-training. Whether a model must be fine-tuned for an option is not said; one whose pairs are slowed much, as by
    Position Interpolation, must.
    """
    length = integer(length, "length", 2, "It is the target length in tokens.")
    case = opened(content_of(source))
    reading = case.reading(layer_type)
    config = reading.config
    if length <= config.context_length:
        raise WrongValue(
            "length",
            f"{length} lies inside the trained window of {config.context_length} tokens: nothing is to be extended",
            remedy="leave the scaling out",
        )
    if case.facts.fixed:
        raise WrongValue(
            f"The class of model type {case.model_type!r}",
            "computes its table from base and width alone: it reads no scaling from its config, so that none can be "
            "recommended",
        )
    trained = untouched(reading.scaling).frequencies(config)
    chosen = [
        (method, scaling)
        for method, make in methods_on(reading.scaling).items()
        for scaling in _factors(trained, make, length)
    ]
    table = reach(config, [scaling for _, scaling in chosen], length, configured=reading.scaling)
    rows: list[Option] = []
    left_out: list[str] = []
    for (method, scaling), row in zip(chosen, table.rows, strict=True):
        own = _config(case, layer_type, config, scaling, length)
        if own is not None and _says(own, layer_type, scaling.frequencies(config, length), length):
            rows.append(Option(method, _factor(scaling), row, own, _remark(method)))
        else:
            left_out.append(method)
    rows.sort(key=_rank)
    notes = [f"Trained window {config.context_length} tokens, base {config.base:.10g}."]
    if reading.scaling != untouched(reading.scaling):
        notes.append(f"Options replace {reading.scaling.label}, which the config has.")
    if case.facts is UNKNOWN:
        notes.append(
            f"model_type {case.model_type!r} is not in the table of known classes: whether its class reads these keys "
            "was not checked. rope_theory.models.extend runs the model and says."
        )
    if left_out:
        names = ", ".join(dict.fromkeys(left_out))
        notes.append(f"Left out, as no config of model type {case.model_type!r} says them and keeps the rest: {names}.")
    return Recommendation(tuple(rows), config.context_length, length, layer_type, table.rule, RANKING, tuple(notes))


def _factor(scaling: Any) -> float:
    return float(scaling.factor)


def _rank(option: Option) -> tuple[bool, bool, float, float]:
    reach = option.reach
    return not reach.reaches, option.method == "DynamicNTK", float(f"{reach.slowing_inside:.3g}"), reach.slowing


def _remark(method: str) -> str:
    if method == "DynamicNTK":
        return "Unscaled up to the trained window; keys in a cache keep the table of their time."
    if method == "NTKAware":
        return "A larger base and no scaling, which every engine has."
    return ""


def _factors(trained: Frequencies, make: Callable[[float], Scaling], length: int) -> Iterator[Scaling]:
    """Yield the method at the smallest factor that reaches, and at the power of two above it."""

    def reaches(factor: float) -> bool:
        found = predicted_length(trained, make(factor).frequencies(trained.config, length))
        return found is None or found >= length

    try:
        if not reaches(LARGEST_FACTOR):
            return
        steps = math.ceil(math.log(LARGEST_FACTOR) / 1e-6)  # factors a millionth apart
        high = LARGEST_FACTOR ** (
            bisect.bisect_left(range(steps), True, key=lambda step: reaches(LARGEST_FACTOR ** (step / steps))) / steps
        )
        smallest = next(value for value in (_rounded_up(high), high) if reaches(value))
    except InputError:  # the method does not fit these widths
        return
    yield make(smallest)
    power = 1.0
    while power < smallest:
        power *= 2.0
    if power != smallest and reaches(power):
        yield make(power)


def _rounded_up(value: float) -> float:
    """Return a number to four digits, not below the value but for its last ones."""
    rounded = float(f"{value:.4g}")
    return rounded if rounded >= value * (1.0 - 1e-6) else float(f"{value * 1.0005:.4g}")


def _says(own: dict[str, Any], layer_type: str | None, table: Frequencies, length: int) -> bool:
    """Return whether a config is read as a table; some classes have other names for types, or keys of their own."""
    case = opened(own)
    if layer_type not in case.readings or any(finding.severity == "error" for finding in examined(case)):
        return False
    found = case.readings[layer_type].frequencies(length)
    same = found.theta.shape == table.theta.shape and np.allclose(found.theta, table.theta, rtol=1e-9, atol=0.0)
    return bool(same) and abs(found.attention_factor - table.attention_factor) < 1e-9


def _config(
    case: Case, layer_type: str | None, config: RopeConfig, scaling: Scaling, length: int
) -> dict[str, Any] | None:
    """Return the whole config with a scaling, in the spelling that it has now; several tables in the new one.

    None where the config cannot say the scaling and keep what else the class reads from the same dictionary.
    """
    new = bool(case.raw.get("rope_parameters")) and not case.raw.get("rope_scaling")
    edits: list[Edit] = [case.remove("rope_scaling"), case.remove("rope_parameters")]
    if layer_type is not None:
        rope = _with_kept_keys(case, layer_type, to_hf(config, scaling), config, scaling)
        edits.append(case.set("rope_parameters", {**_present_tables(case), layer_type: rope}))
    elif new:
        rope = _with_kept_keys(case, None, to_hf(config, scaling), config, scaling)
        edits += [case.set("rope_parameters", rope), case.remove(ORIGINAL)]
        if rope is not None and case.raw.get("rope_theta") is not None:
            edits += case.base_edits(rope["rope_theta"])
    else:
        keys = to_hf(config, scaling, legacy=True)
        base = keys.pop("rope_theta")
        written = keys.pop("rope_scaling") or {"rope_type": "default"}
        rope = _with_kept_keys(case, None, written, config, scaling)
        if rope == {"rope_type": "default"}:  # the dictionary of the class would come back where it has one
            edits.append(case.set("rope_scaling", {**rope, "rope_theta": base} if case.facts.rope else None))
        else:
            edits.append(case.set("rope_scaling", rope))
        edits += [case.remove(ORIGINAL), *case.base_edits(base)]
        edits += [
            case.set(key, value) for key, value in keys.items() if key not in case.facts.share_keys or value != 1.0
        ]
    if rope is None:
        return None
    if "head_dim" in case.raw and case.raw["head_dim"] is None:  # Mixtral's, which transformers cannot compute with
        edits.append(case.set("head_dim", config.head_dim))
    counts_from_the_trained = isinstance(scaling, DynamicNTK)
    edits.append(case.set(case.length_key, config.context_length if counts_from_the_trained else length))
    return edited(case.content, edits)


def _present_tables(case: Case) -> dict[str, Any]:
    """Return the dictionaries that a config with several tables has now, with every key that it gives."""
    given = case.raw.get("rope_parameters") if case.raw.get("rope_scaling") is None else None
    tables: dict[str, Any] = {}
    for name, reading in case.readings.items():
        own = given.get(name) if isinstance(given, Mapping) else None
        tables[str(name)] = {**to_hf(reading.config, reading.scaling), **(own if isinstance(own, Mapping) else {})}
    return tables


def _with_kept_keys(
    case: Case, layer_type: str | None, rope: dict[str, Any], config: RopeConfig, scaling: Scaling
) -> dict[str, Any] | None:
    """Return a new RoPE dictionary with the keys of the present one that the class reads for something else.

    None where it cannot say the scaling and leave the softmax scale of latent attention as it is: that follows the
    factor of the dictionary, and rope type "default" has none.
    """
    present = next((found for found in case.dictionaries if found.layer_type in (None, layer_type)), None)
    if present is None:
        return rope
    before = {
        key: value for key, value in present.keys.items()
        if case.facts is UNKNOWN or key in FREQUENCY_KEYS or key in class_keys(case.model_type)
    }  # fmt: skip
    softmax = rescales_softmax(case.raw)
    try:
        if softmax and softmax_multiplier(before) != 1.0 and not (rope.get("factor") or 1.0) > 1.0:
            return None
        return keeping_other_keys(rope, before, config, scaling, softmax=softmax)
    except (InputError, OverflowError):  # numbers that are none; from_hf does not read all of them
        return None
