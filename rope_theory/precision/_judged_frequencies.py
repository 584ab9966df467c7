"""What is the matter with a table of frequencies: the first explanation that fits, plain ones before far-fetched."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rope_theory._core.arrays import FASTEST
from rope_theory.errors import InputError
from rope_theory.precision._model_tables import FREQUENCIES, Found
from rope_theory.precision._table_rounding import close, kept_in, relative
from rope_theory.precision.findings import AuditRow
from rope_theory.precision.formats import FLOAT32, Format
from rope_theory.scaling import DynamicNTK, Frequencies, LongRoPE, Unscaled
from rope_theory.scaling.huggingface import HuggingFaceRope
from rope_theory.scaling.huggingface.facts import FACTS

FACTOR_TOLERANCE = 1e-5
"""Relative difference within which an attention scaling is the described one."""

UNEXPLAINED = frozenset({"uninitialised", "different table"})


def of_frequencies(row: AuditRow, found: Found, described: HuggingFaceRope) -> AuditRow:
    """Return the row with the finding on a table of frequencies."""
    (given,) = found.numbers()
    lengths = lengths_of(found, described)
    scaling, remark = _attention_scaling(found, row.layer_type, described)
    row = replace(row, attention_scaling=scaling, described_scaling=described.frequencies().attention_factor)
    tables = {length: described.frequencies(length) for length in lengths}
    pairs = len(tables[lengths[0]])
    if given.shape != (pairs,):
        return wrong_shape(row, found, given.shape, pairs)
    if not np.isfinite(given).all():
        count = int((~np.isfinite(given)).sum())
        return replace(row, finding="uninitialised", remark=f"{count} of {len(given)} values are NaN or infinite.")
    last = described.config.context_length - 1
    verdicts = []
    for length in sorted(lengths, key=lambda candidate: relative(given, tables[candidate].theta)):
        theta = tables[length].theta
        against = replace(
            row,
            reference_length=length,
            frequency_error=relative(given, theta),
            phase_error=float(np.abs(given - theta).max() * last),
        )
        verdicts.append(judged(against, given, tables[length], described, length, kept_in(given), remark))
    return next((verdict for verdict in verdicts if verdict.finding not in UNEXPLAINED), verdicts[0])


def wrong_shape(row: AuditRow, found: Found, shape: tuple[int, ...], pairs: int) -> AuditRow:
    """Return the row of a table of another shape, an accusation only where the model's class was read."""
    kind = getattr(found.config, "model_type", None)
    remark = f"The table has shape {shape}; {pairs} pairs are described."
    if kind not in FACTS:
        remark += f" Which keys of its config the class of model type {kind!r} reads, this package does not know."
    return replace(row, finding="wrong shape" if kind in FACTS else "not compared", remark=remark)


def judged(
    row: AuditRow, given: NDArray[np.float64], table: Frequencies, described: HuggingFaceRope,
    length: int | None, coarse: list[Format], multiplied: str = "",
) -> AuditRow:  # fmt: skip
    """Return the row with what explains its finite frequencies.

    ``coarse`` are the formats they may be rounded to, ``multiplied`` is what is wrong with the attention scaling.
    """
    if close(given, table, FLOAT32):
        if multiplied:
            return replace(row, finding="attention scaling differs", remark=multiplied)
        state = "" if length is None else f"It is the table of sequences of {length} tokens."
        return replace(row, finding="exact to float32", remark=state)
    for target in coarse:
        if close(given, table, target):
            kept = "" if row.dtype == target.name else f"The values were rounded before they were kept in {row.dtype}."
            return replace(row, finding=f"rounded to {target.name}", remark=f"{kept} {multiplied}".strip())
    if (reversal := _reversal(given, table)) is not None:
        return replace(row, finding="different table", remark=f"The values are the described ones, {reversal}.")
    if (given < 0.0).any() or given.max() > FASTEST or given.max() < 1e-12:
        kind = "all zero" if not given.any() else "no frequencies in rad/token"
        return replace(row, finding="uninitialised", remark=f"The values are {kind}: {few(given)}.")
    for target in (*coarse, FLOAT32):
        explained = _explained(row, given, table, described, length, target)
        if explained is not None:
            return explained
    if (np.diff(given) > 0.0).any() and not (np.diff(table.theta) > 0.0).any():
        return replace(row, finding="uninitialised", remark=f"The values do not fall from pair to pair: {few(given)}.")
    return replace(row, finding="different table", remark=f"No base and no factor explains it: {few(given)}.")


def _reversal(given: NDArray[np.float64], table: Frequencies) -> str | None:
    if close(given[::-1], table, FLOAT32):
        return "last pair first"
    if (given > 0.0).all():
        with np.errstate(over="ignore"):
            inverse = 1.0 / given
        return "as 1/θ" if np.isfinite(inverse).all() and close(inverse, table, FLOAT32) else None
    return None


def _explained(
    row: AuditRow, given: NDArray[np.float64], table: Frequencies, described: HuggingFaceRope,
    length: int | None, target: Format,
) -> AuditRow | None:  # fmt: skip
    def by_factor() -> AuditRow | None:
        factor = _factor(given, table, target)
        if factor is None:
            return None
        more = f": {described.scaling.name} was not applied." if _is_unscaled(given, described, target) else "."
        remark = f"Every frequency is the described one divided by {factor:g}{more}"
        return replace(row, finding="wrong scaling factor", fitted_factor=factor, remark=remark)

    def by_scaling() -> AuditRow | None:
        if not _is_unscaled(given, described, target):
            return None
        remark = f"{described.scaling.name} is described, the table is unscaled."
        return replace(row, finding="scaling not applied", remark=remark)

    def by_base() -> AuditRow | None:
        base = _base(given, described, length, target)
        if base is None:
            return None
        remark = f"The table is that of rope_theta {base:g}, {described.config.base:g} is described."
        return replace(row, finding="wrong base", fitted_base=base, remark=remark)

    # no factor leaves θ_0 as it is; rounding could still hide one close to 1 there
    untouched = abs(given[0] - table.theta[0]) <= 1e-6 * table.theta[0]
    order = (by_scaling, by_base, by_factor) if untouched else (by_factor, by_scaling, by_base)
    return next((explained for explain in order if (explained := explain()) is not None), None)


def _is_unscaled(given: NDArray[np.float64], described: HuggingFaceRope, target: Format) -> bool:
    """Tell whether a config that describes a scaling has the table without it."""
    scaled = not isinstance(described.scaling, Unscaled)
    return scaled and close(given, Unscaled().frequencies(described.config), target)


def _factor(given: NDArray[np.float64], table: Frequencies, target: Format) -> float | None:
    """Return the number the described frequencies are divided by; None where it is not one for all."""
    moving = table.theta > 0.0
    if not moving.any() or not (given[moving] > 0.0).all():
        return None
    ratio = table.theta[moving] / given[moving]
    return _shortest(float(np.exp(np.log(ratio).mean())), lambda value: close(given, table, target, value))


def _base(given: NDArray[np.float64], described: HuggingFaceRope, length: int | None, target: Format) -> float | None:
    """Return the base whose table, scaled as described, is the given one; None where there is none."""

    def table(base: float) -> Frequencies | None:
        if not 1.0 < base < 1e30:
            return None
        try:
            return described.scaling.frequencies(replace(described.config, base=base), length)
        except InputError:
            return None

    def fits(base: float) -> bool:
        candidate = table(base)
        return candidate is not None and close(given, candidate, target)

    config, pairs = described.config, len(given)
    if pairs < 2 or given[0] <= 0.0:
        return None
    for pair in (1, pairs // 2, pairs - 1):  # scalings keep the first pairs and divide the last ones evenly
        if given[pair] <= 0.0 or given[pair] >= given[0]:
            continue
        with np.errstate(over="ignore"):
            base = float((given[0] / given[pair]) ** (config.width / (2.0 * pair)))
        for _ in range(6):  # Newton's steps on the logarithms, least squares over the pairs
            here, beside = table(base), table(base * (1.0 + 1e-6))
            if here is None or beside is None:
                break
            moving = (here.theta > 0.0) & (beside.theta > 0.0) & (given > 0.0)
            slope = np.log(beside.theta[moving] / here.theta[moving]) / 1e-6
            if not moving.any() or not slope.any():
                break
            step = float(slope @ np.log(given[moving] / here.theta[moving]) / (slope @ slope))
            base *= float(np.exp(np.clip(step, -1.0, 1.0)))
        found = _shortest(base, fits)
        if found is not None:
            return found
    return None


def _shortest(value: float, fits: Callable[[float], bool]) -> float | None:
    """Return the number with fewest digits near ``value`` that still fits; None where ``value`` itself does not."""
    if not fits(value):
        return None
    return next((short for digits in range(1, 8) if fits(short := float(f"{value:.{digits}g}"))), value)


def lengths_of(found: Found, described: HuggingFaceRope) -> list[int | None]:
    """Return the sequence lengths whose table may stand here, the trained window first."""
    window = described.config.context_length
    if found.kind == f"original_{FREQUENCIES}":
        return [None]
    if found.kind == f"long_{FREQUENCIES}":
        return [window + 1]
    if isinstance(described.scaling, LongRoPE):
        return [None, window + 1]
    longest = max(map(int, _in_module(found, found.layer_type, "max_seq_len_cached")), default=0)
    return [None, longest] if isinstance(described.scaling, DynamicNTK) and longest > window else [None]


def _in_module(found: Found, layer_type: str | None, name: str) -> list[Any]:
    """Return what the module of a table keeps under a name, that of its layers first."""
    names = (name,) if layer_type is None else (f"{layer_type}_{name}", name)
    return [value for each in names if (value := getattr(found.module, each, None)) is not None]


def _attention_scaling(
    found: Found, layer_type: str | None, described: HuggingFaceRope
) -> tuple[float | None, str]:  # fmt: skip
    """Return the module's factor on cos and sin, None where it has none, and what is wrong with it."""
    expected = described.frequencies().attention_factor
    value = next(map(float, _in_module(found, layer_type, "attention_scaling")), None)
    if value is None or np.isclose(value, expected, rtol=FACTOR_TOLERANCE, atol=0.0):
        return value, ""
    return (
        value if math.isfinite(value) else None,
        f"cos and sin are multiplied by {value:g}, {expected:g} is described.",
    )


def few(given: NDArray[np.float64]) -> str:
    """Return the first three values, for a remark."""
    shown = ", ".join(f"{value:.4g}" for value in given[:3])
    return f"{shown}{', …' if len(given) > 3 else ''}"
