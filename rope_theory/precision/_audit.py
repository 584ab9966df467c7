"""Whether the rotary tables a loaded model uses are those its config describes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rope_theory._core.optional import load
from rope_theory.errors import CannotAudit, NeedsLayerType, WrongType
from rope_theory.precision._judged_frequencies import of_frequencies
from rope_theory.precision._judged_phasors import of_phasors
from rope_theory.precision._model_tables import FREQUENCIES, MISSING, SINUSOID_NAMES, Found, Reading, tables_of
from rope_theory.precision.findings import HEALTHY, NARROW, Audit, AuditRow
from rope_theory.scaling import Unscaled


def audit(model: Any) -> Audit:
    """Compare the rotary tables a loaded model holds with the frequencies its config describes.

    Parameters
    ----------
    model : transformers model
        Any loaded model with rotary positions, on any device; nothing in it is changed.

    Returns
    -------
    Audit
        One row per table, ``.findings``, ``.ok`` and ``.verdict``.

    Raises
    ------
    TypeError
        For something that is no torch module with a config.
    ValueError
        For a model without RoPE, one whose tables hold no values (meta device), or one in float16 on a CPU.

    Notes
    -----
    Read are buffers and attributes named ``inv_freq`` (also with a prefix: original, long, a layer type),
    ``embed_positions`` (GPT-J, CodeGen) and cached cosines and sines; each belongs to the nearest config above
    it. A table that follows the sequence length (dynamic, longrope) may be that of any length the module has seen.
    Source: the classes of transformers 5.23.0, and docs/theory.md, section 9.
    """
    torch = load("torch", "models")
    if not isinstance(model, torch.nn.Module):
        raise WrongType(
            "model", "must be a loaded transformers model", type(model).__name__, "from_pretrained makes one"
        )
    if not hasattr(getattr(model, "config", None), "to_dict"):
        raise WrongType(
            type(model).__name__,
            "is a torch module without a transformers config",
            remedy="give the whole model, so that there is something to compare its tables with",
        )
    _refuse_half_precision(model, torch)
    reading = Reading({})
    rows = tuple(_row(found, reading) for found in tables_of(model, torch))
    _refuse_nothing_compared(rows, model, reading)
    dtypes = {dtype for row in rows if row.finding != "not compared" for dtype in row.dtype.split(" and ") if dtype}
    findings = dict.fromkeys(row.finding for row in rows if row.finding not in HEALTHY)
    if len(dtypes) > 1 and dtypes & NARROW:
        findings["half-cast"] = None
    return Audit(rows, tuple(findings))


def _refuse_half_precision(model: Any, torch: Any) -> None:
    if any(parameter.dtype == torch.float16 and parameter.device.type == "cpu" for parameter in model.parameters()):
        raise CannotAudit(
            type(model).__name__,
            "it is in float16 on a CPU, where it does not run as it would on a GPU. Load it in float32 or "
            "bfloat16, or move it to a GPU before the audit",
        )


def _refuse_nothing_compared(rows: tuple[AuditRow, ...], model: Any, reading: Reading) -> None:
    if any(row.finding != "not compared" for row in rows):
        return
    described, refusal = reading.described(model.config, None)
    if described is None and not isinstance(refusal, NeedsLayerType):
        reason = f"{refusal} If it has rotary positions all the same, they are not in a form this package reads"
    elif rows:
        reason = (
            f"none of its {len(rows)} rotary table(s) could be compared with its config. The first, {rows[0].name}: "
            f"{rows[0].remark}"
        )
    else:
        reason = (
            f"it holds no rotary table this package knows: no buffer named inv_freq, {', '.join(SINUSOID_NAMES)} or "
            "cos_cached. Give the whole model as from_pretrained returns it"
        )
    raise CannotAudit(type(model).__name__, reason)


def _row(found: Found, reading: Reading) -> AuditRow:
    described, layer_type, refusal = reading.of(found)
    row = AuditRow(
        name=found.name,
        layer_type=layer_type,
        dtype=found.dtype,
        device=found.device,
        pairs=int(found.tensors[0].shape[-1]) if found.tensors and found.tensors[0].ndim else 0,
        reference_length=None,
        frequency_error=None,
        phase_error=None,
        attention_scaling=None,
        described_scaling=None,
        fitted_base=None,
        fitted_factor=None,
        finding="not compared",
        remark="" if refusal is None else str(refusal),
    )
    if described is None:
        return row
    if found.kind == MISSING:
        return replace(row, finding="missing", remark="What stands beside it in the module is no table to run with.")
    if "unscaled" in found.name:  # Molmo 2 keeps such a table beside the scaled one
        described = replace(described, scaling=Unscaled())
    examined = of_frequencies if found.kind.endswith(FREQUENCIES) else of_phasors
    return examined(row, found, described)
