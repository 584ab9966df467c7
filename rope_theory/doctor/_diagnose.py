"""The doctor: a config's tables, what is wrong with it, what engines make of it, and how far it should work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from rope_theory._core.checks import integer
from rope_theory._core.records import Record
from rope_theory.config import RopeConfig
from rope_theory.doctor._conformance import SAME, Conformance, ConformanceRow, conformance
from rope_theory.doctor._reach import PRECISION_HYPOTHESIS, ROUNDS, TOLERANCE, Reach, reach_in
from rope_theory.doctor.case import Case, opened, whole
from rope_theory.doctor.engines import ENGINES, Engine
from rope_theory.doctor.finding import SEVERITIES, Edit, Finding, edited
from rope_theory.doctor.methods import methods_on, untouched
from rope_theory.doctor.rules import RULES
from rope_theory.errors import InputError, UnreadableConfig
from rope_theory.scaling.dynamic_ntk import DynamicNTK
from rope_theory.scaling.frequencies import Frequencies, Scaling
from rope_theory.scaling.huggingface._content import content_of
from rope_theory.scaling.huggingface.reading import HuggingFaceRope
from rope_theory.scaling.longrope import LongRoPE
from rope_theory.scaling.position_interpolation import PositionInterpolation
from rope_theory.scaling.yarn import YaRN

LENGTHENING = (PositionInterpolation, DynamicNTK, YaRN, LongRoPE)
"""Scalings whose factor is that of their window."""

PAIRS_AT_FULL_EFFORT, PAIRS_COMPARED = 300, 1024
"""Frequency pairs of all tables together up to which worst cases are bounded as ``reach`` does, and up to which other
methods are compared with the config's own: released models have at most 384 (Gemma 4)."""

MEND_ROUNDS = 4
"""How often a corrected config is read again for what only then can be seen."""


@dataclass(frozen=True)
class RopeTable(Record):
    """One rotary table of a config, as transformers 5 computes it.

    Attributes
    ----------
    layer_type : str or None
        The layers, in a model with several tables.
    scaling : Scaling
        The method.
    pairing : {"half", "interleaved"}
        Which dimensions of a head make a pair.
    trained_window, extended_window : int
        The window of training, and the longest length the config speaks of, tokens.
    frequencies, frequencies_extended : Frequencies
        The table at the one and at the other, rad/token; the same but for methods that follow the length.
    notes : tuple of str
        Which key supplied what.
    """

    layer_type: str | None
    scaling: Scaling
    pairing: str
    trained_window: int
    extended_window: int
    frequencies: Frequencies
    frequencies_extended: Frequencies
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Diagnosis(Record):
    """What a config does to RoPE.

    Attributes
    ----------
    model_type : str or None
        As the config says.
    tables : tuple of RopeTable
        One a layer type that rotates; empty where ``from_hf`` refuses the config.
    findings : tuple of Finding
        Errors first.
    conformance : Conformance
        What engines make of it, at the trained window and at the target length.
    reach : tuple of Reach
        How far configured and other scalings should work, one a table.
    target_length : int or None
        The length asked for, tokens; the extended window where none was.
    corrected : mapping
        The config with every correction of errors and warnings.
    """

    model_type: str | None
    tables: tuple[RopeTable, ...]
    findings: tuple[Finding, ...]
    conformance: Conformance
    reach: tuple[Reach, ...]
    target_length: int | None
    corrected: Mapping[str, Any]

    @property
    def severity(self) -> str | None:
        """The worst severity among the findings; None without any."""
        return self.findings[0].severity if self.findings else None


def diagnose(source: Any, target_length: int | None = None, *, engines: Sequence[Engine] | None = None) -> Diagnosis:
    """Say what a config does to RoPE, what was probably meant, and how far it should work.

    Parameters
    ----------
    source : str, Path, mapping, PretrainedConfig or model
        A config.json, a folder that holds one, its content, or anything with ``to_dict()``. A loaded model, with
        ``.config``, has the tables in its memory audited too.
    target_length : int, optional
        Length of interest, tokens; the window the config extends to when not given.
    engines : sequence of Engine, optional
        Whose tables are compared; the first is the reference. ``ENGINES`` when not given.
        ``rope_theory.models.installed_engine()`` executes the installed transformers.

    Returns
    -------
    Diagnosis
        For any mapping, whatever it holds, within about a second and 500 MB: what ``from_hf`` refuses, more than 2^17
        values or 64 levels, and heads of more than 1024 dimensions are findings of severity "error".

    Raises
    ------
    FileNotFoundError
        When there is no file at ``source``.
    TypeError
        When ``source`` is none of the above.
    ValueError
        For a file that is no JSON object in UTF-8, gives a key twice, is nested too deeply to be read or is larger than
        16 MiB, and a target length below 2.

    Notes
    -----
    Source: configuration classes and ``modeling_rope_utils.py`` of transformers 5.23.0 and 4.57.6, RoPE code of the
    other engines, and the threads each finding names.

    Examples
    --------
    >>> import rope_theory as rt
    >>> config = {
    ...     "model_type": "llama", "hidden_size": 4096, "num_attention_heads": 32, "max_position_embeddings": 32768,
    ...     "rope_theta": 10000.0, "rope_scaling": {"rope_type": "yarn", "factor": 8.0},
    ... }
    >>> found = rt.doctor.diagnose(config).findings[0]
    >>> found.severity, found.name, found.corrected["rope_scaling"]["original_max_position_embeddings"]
    ('warning', 'original_length_missing', 4096)
    """
    if target_length is not None:
        target_length = integer(target_length, "target_length", 2, "It is a length in tokens.")
    audited: tuple[Finding, ...] = ()
    if hasattr(source, "named_buffers") and hasattr(source, "config"):
        audited = tuple(_audited(source))
        source = source.config
    case = _opened(source)
    tables = tuple(_table(case, name, reading) for name, reading in case.readings.items())
    length = target_length or max((table.extended_window for table in tables), default=None)
    configs = [case.widths(name) for name in dict.fromkeys([*case.readings, *case.refusals])]
    windows = {config.context_length for config in configs if config is not None}
    lengths = sorted({*windows, *([length] if length else [])})
    compared = conformance(case, lengths, longest=max(lengths, default=2), engines=engines or ENGINES)
    reaches = tuple(_reach(case, name, length) for name in case.readings if length is not None)
    about_keys = examined(case)
    findings = [*audited, *about_keys, *_engine_findings(compared), *_reach_findings(case, reaches, target_length)]
    findings.sort(key=lambda finding: -SEVERITIES.index(finding.severity))
    return Diagnosis(case.model_type, tables, tuple(findings), compared, reaches, length, corrected(case, about_keys))


def examined(case: Case) -> list[Finding]:
    """Return what the rules find, and an error a table that cannot be read where none of them says why."""
    found = [finding for rule in RULES.values() for finding in rule(case)]
    if not any(finding.severity == "error" for finding in found):
        for name, refusal in case.refusals.items():
            where = "" if name is None else f" for the layers {name!r}"
            found.append(
                Finding(
                    "error", "no_table", "rope", f"A config with a rotary table{where}, if it has one.", str(refusal)
                )
            )
    return found


def corrected(case: Case, findings: Sequence[Finding]) -> dict[str, Any]:
    """Return the config with the corrections of errors and warnings, and of what these bring to light."""
    for _ in range(MEND_ROUNDS):
        changed = edited(case.content, _wanted(findings))
        if changed == case.content:
            break
        after = opened(changed)
        if case.readings and not after.readings:  # a guess that leaves no table is none
            break
        case, findings = after, examined(after)
    return dict(case.content)


def _wanted(findings: Sequence[Finding]) -> tuple[Edit, ...]:
    """Return the edits of errors, or where there are none of warnings: those may change with the former."""
    for severity in ("error", "warning"):
        edits = tuple(edit for finding in findings if finding.severity == severity for edit in finding.edits)
        if edits:
            return edits
    return ()


def _opened(source: Any) -> Case:
    """Return the case of a source, with a refusal where what it holds is no content of a config."""
    try:
        return opened(content_of(source))
    except UnreadableConfig as error:
        return replace(opened({}), refusals={None: error.with_traceback(None)})


def _table(case: Case, name: str | None, reading: HuggingFaceRope) -> RopeTable:
    window = reading.config.context_length
    extended = max(window, case.maximum or 0)
    if extended == window and isinstance(reading.scaling, LENGTHENING):
        extended = min(max(window, round((reading.scaling.factor or 1.0) * window)), 2**53)
    return RopeTable(
        name, reading.scaling, reading.pairing, window, extended, reading.frequencies(window),
        reading.frequencies(window if case.model_type == "phimoe" else extended), reading.notes,
    )  # fmt: skip


def _engine_findings(compared: Conformance) -> Iterator[Finding]:
    """Yield one finding an engine that makes another table of a config."""
    worst: dict[str, ConformanceRow] = {}
    for row in compared.rows:
        before = worst.get(row.engine)
        if not row.agrees and (before is None or _apart(row) > _apart(before)):
            worst[row.engine] = row
    for engine, row in worst.items():
        runs_and_raises = row.origin == "executed" and row.outcome == "refused"
        yield Finding(
            "warning" if runs_and_raises else "info", "engine_differs", "rope",
            "The table of transformers 5 in every engine.",
            f"{engine} ({row.origin}): {_in_words(row)}", (engine,),
        )  # fmt: skip


def _in_words(row: ConformanceRow) -> str:
    if row.outcome == "refused":
        return f"no table; it {row.note}."
    where = f"at {row.length} tokens" + (f", layers {row.layer_type!r}" if row.layer_type else "")
    said = []
    if row.theta_difference is None or np.isinf(row.theta_difference):
        said.append(f"another set of frequencies {where}")
    elif row.theta_difference > SAME:
        said.append(f"frequencies differ by up to {row.theta_difference:.3g} of themselves {where}")
    if row.attention_difference is not None and row.attention_difference > SAME:
        said.append(f"the attention factor differs by {row.attention_difference:.3g} of itself")
    return "; ".join([*said, *([row.note] if row.note else [])]) + "."


def _apart(row: ConformanceRow) -> float:
    if row.outcome == "refused" or row.theta_difference is None:
        return np.inf
    return max(row.theta_difference, row.attention_difference or 0.0)


def _reach(case: Case, name: str | None, length: int) -> Reach:
    """Return how far the table of one layer type should work."""
    reading = case.readings[name]
    config = reading.config
    if name is not None and "sliding" in name:  # such layers see no offset past their own window
        length = min(length, whole(case.raw.get("sliding_window")) or length)
    factor = max(1.0, length / config.context_length)
    others: list[Scaling] = [untouched(reading.scaling)]
    pairs = sum(reading.config.pairs for reading in case.readings.values())
    if factor > 1.0 and pairs <= PAIRS_COMPARED:
        methods = methods_on(reading.scaling).values()
        others += [scaling for make in methods for scaling in _fitting(config, make(factor))]
    rounds = max(1, min(ROUNDS, ROUNDS * PAIRS_AT_FULL_EFFORT // pairs))
    found = reach_in(config, [reading.scaling, *others], length, configured=reading.scaling, rounds=rounds)
    return replace(found, layer_type=name)


def _fitting(config: RopeConfig, scaling: Scaling) -> Iterator[Scaling]:
    try:
        scaling.frequencies(config)
    except InputError:
        return
    yield scaling


def _reach_findings(case: Case, reaches: Sequence[Reach], target: int | None) -> Iterator[Finding]:
    for found in reaches:
        own = next(row for row in found.rows if row.configured)
        layers = f" Layers {found.layer_type!r}." if found.layer_type else ""
        if target is not None and not own.reaches:
            promised = case.maximum is not None and target <= case.maximum
            yield Finding(
                "info" if promised else "warning", "beyond_the_phases_seen", case.length_key,
                f"A table that works at {target} tokens.",
                f"{own.pairs_beyond} of {own.pairs} pairs leave the phases they were trained on, from "
                f"{own.predicted_length} tokens on (a rule of thumb, no guarantee"
                + ("; the config promises this length, and the model may have been trained for it)." * promised or ").")
                + f"{layers} rope-theory recommend lists options.",
            )  # fmt: skip
        if own.float32_until < found.target_length:
            yield Finding(
                "info", "precision", case.length_key,
                f"cos and sin that are right at {found.target_length} tokens.",
                f"In float32, cos and sin are off by at most {TOLERANCE:g} below position {own.float32_until}. This is "
                f"proved for {PRECISION_HYPOTHESIS}, and before any cast to the dtype of the activations. With "
                "positions, frequencies and phases rounded to bfloat16 it is proved below position "
                f"{own.bfloat16_until} only.{layers}",
                threads=("huggingface/transformers#29285", "ml-explore/mlx-lm#1076"),
            )  # fmt: skip


def _audited(model: Any) -> Iterator[Finding]:
    from rope_theory.precision._audit import audit

    report = audit(model)
    if not report.ok:
        for said in report.findings:
            yield Finding(
                "error", "table_in_memory", "inv_freq", "The table that the config describes.", said,
                ("the loaded model",), threads=("huggingface/transformers#45902", "pytorch/torchtitan#4783"),
            )  # fmt: skip
