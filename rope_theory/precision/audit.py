"""Whether the rotary tables a loaded model uses are those its config describes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rope_theory._arrays import FASTEST, phasors, space_of
from rope_theory._optional import load
from rope_theory._records import Record, Table
from rope_theory.precision.formats import BFLOAT16, FLOAT16, FLOAT32, Format, largest_rounding_error, rounded
from rope_theory.scaling import DynamicNTK, LongRoPE, Unscaled
from rope_theory.scaling.huggingface import HuggingFaceRope, from_hf

TABLE_TOLERANCE = 1e-5
"""Relative difference within which a float32 table is the described one: transformers raises the base to a power
and blends tables in float32, which costs up to this much for large bases."""

FACTOR_TOLERANCE = 1e-5
"""Relative difference within which an attention scaling is the described one."""

FINDINGS: Mapping[str, str] = {
    "exact to float32": "the table is the described one, up to the rounding of float32",
    "rounded to bfloat16": "every value is the described one rounded to bfloat16, whatever dtype it is kept in",
    "rounded to float16": "every value is the described one rounded to float16, whatever dtype it is kept in",
    "wrong base": "the table of another rope_theta, see fitted_base",
    "wrong scaling factor": "every value is the described one divided by one number, see fitted_factor",
    "scaling not applied": "the table is the unscaled one, and the config describes a scaling",
    "attention scaling differs": "the frequencies are right, cos and sin are multiplied by another number",
    "uninitialised": "zeros, NaN, infinity, negative numbers or no order: memory nobody wrote a table to",
    "wrong shape": "another number of pairs than described",
    "different table": "ordinary numbers that none of the above explains",
    "half-cast": "the model's tables are kept in different dtypes: some were cast, some were not",
    "not compared": "this package reads no frequencies for this module from its config",
}
"""What an audit can find, and what it means; "half-cast" is said of the model, the others of one table."""

HEALTHY = frozenset({"exact to float32", "not compared"})
UNEXPLAINED = frozenset({"uninitialised", "different table"})

FREQUENCY_NAME = re.compile(r"(?:(?P<layer>(?!original_|long_)\w+?)_)?(?P<kind>original_|long_)?inv_freq")
"""Buffers, or plain attributes, with inverse frequencies: inv_freq, original_inv_freq, full_attention_inv_freq …"""

SINUSOID_NAMES = ("embed_positions",)
"""Tables (positions, width) of sines, then cosines, as GPT-J and CodeGen keep them."""

CACHE_NAMES = (("cos_cached", "sin_cached"), ("_cos_cached", "_sin_cached"), ("cos_cache", "sin_cache"))
"""Tables of cosines and of sines, (…, positions, width), kept by older and remote code."""


@dataclass(frozen=True)
class AuditRow(Record):
    """One table of one module.

    Attributes
    ----------
    name : str
        Path of the table in the model.
    layer_type : str or None
        The layers it belongs to, in a model with several tables.
    dtype : str
        The dtype it is kept in.
    device : str
        Where it lies.
    pairs : int
        Number of frequencies.
    reference_length : int or None
        Sequence length whose described table it was compared with, for scalings that depend on it; None is the
        trained window.
    frequency_error : float or None
        Largest relative difference of the frequencies; infinite where a pair that stands still moves; None where
        nothing could be compared.
    phase_error : float or None
        Largest phase error up to the last trained offset, L − 1, in radians; None where nothing could be compared.
    attention_scaling, described_scaling : float or None
        Factor on cos and sin in the module (None where it has none), and as the config describes it.
    fitted_base, fitted_factor : float or None
        The rope_theta that explains a wrong base, and the number the described frequencies are divided by.
    finding : str
        A key of ``FINDINGS``.
    remark : str
        What the finding means here; empty where there is nothing to add.
    """

    name: str
    layer_type: str | None
    dtype: str
    device: str
    pairs: int
    reference_length: int | None
    frequency_error: float | None
    phase_error: float | None
    attention_scaling: float | None
    described_scaling: float | None
    fitted_base: float | None
    fitted_factor: float | None
    finding: str
    remark: str = ""


@dataclass(frozen=True)
class Audit(Table):
    """The rotary tables of a model, one row a table.

    Attributes
    ----------
    rows : tuple of AuditRow
        In the order of the model's modules.
    findings : tuple of str
        Keys of ``FINDINGS`` that are no healthy ones, each once; "half-cast" among them where dtypes differ.
    """

    rows: tuple[AuditRow, ...]
    findings: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether every table that could be compared is the described one."""
        return not self.findings

    @property
    def verdict(self) -> str:
        """One sentence: what was found, where, and what it costs at the last trained offset."""
        compared = [row for row in self.rows if row.finding != "not compared"]
        left = len(self.rows) - len(compared)
        count = f"{len(compared)} rotary table{'s' if len(compared) != 1 else ''} compared"
        if left:
            count += f" ({left} not compared)"
        if self.ok:
            return f"{count}: all exact to float32."
        parts = []
        for finding in self.findings:
            where = [row for row in self.rows if row.finding == finding]
            if finding == "half-cast":
                parts.append(f"half-cast ({', '.join(sorted({row.dtype for row in compared}))})")
                continue
            worst = max((row.phase_error for row in where if row.phase_error is not None), default=None)
            cost = "" if worst is None else f", {worst:.2g} rad off at the last trained offset"
            parts.append(f"{finding} ({len(where)} of {len(compared)}, first {where[0].name}{cost})")
        return f"{count}: {'; '.join(parts)}."


def audit(model: Any) -> Audit:
    """Compare the rotary tables a loaded model holds with the frequencies its config describes.

    Parameters
    ----------
    model : transformers model
        Any loaded model with rotary positions, on any device; nothing in it is changed.

    Returns
    -------
    Audit
        One row a table, ``.findings``, ``.ok`` and ``.verdict``.

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
    torch = load("torch", "llama")
    if not isinstance(model, torch.nn.Module):
        raise TypeError(
            f"model must be a loaded transformers model, got {type(model).__name__}; from_pretrained makes one."
        )
    if not hasattr(getattr(model, "config", None), "to_dict"):
        raise TypeError(
            f"{type(model).__name__} is a torch module without a transformers config; give the whole model, so that "
            "there is something to compare its tables with."
        )
    _refuse_half_precision(model, torch)
    reading = _Reading({})
    rows = tuple(_row(found, reading) for found in _found(model, torch))
    _refuse_nothing_compared(rows, model, reading)
    dtypes = {row.dtype for row in rows if row.finding != "not compared"}
    findings = dict.fromkeys(row.finding for row in rows if row.finding not in HEALTHY)
    if len(dtypes) > 1:
        findings["half-cast"] = None
    return Audit(rows, tuple(findings))


def _refuse_half_precision(model: Any, torch: Any) -> None:
    for parameter in model.parameters():
        if parameter.dtype == torch.float16 and parameter.device.type == "cpu":
            raise ValueError(
                "This model is in float16 on a CPU, where it does not run as it would on a GPU, so its tables cannot "
                "be audited as it would use them. Load it in float32 or bfloat16, or move it to a GPU before the audit."
            )


def _refuse_nothing_compared(rows: tuple[AuditRow, ...], model: Any, reading: _Reading) -> None:
    if any(row.finding != "not compared" for row in rows):
        return
    described, reason = reading.described(model.config, None)
    if described is None and "one table a layer type" not in reason:
        raise ValueError(f"{type(model).__name__} cannot be audited. {reason}")
    raise ValueError(
        f"{type(model).__name__} holds no rotary table this package knows: no buffer named inv_freq, "
        f"{', '.join(SINUSOID_NAMES)} or cos_cached was found that its config describes. Give the whole model as "
        "from_pretrained returns it."
        + (f" The first that was not compared: {rows[0].name}. {rows[0].remark}" if rows else "")
    )


@dataclass
class _Found:
    """A table in a model: where it is, its values, and the config and module it belongs to."""

    name: str
    kind: str
    layer_type: str | None
    module: Any
    config: Any
    tensors: tuple[Any, ...]

    @property
    def first(self) -> Any:
        return self.tensors[0]

    def numbers(self) -> list[NDArray[np.float64]]:
        return [tensor.detach().double().cpu().numpy() for tensor in self.tensors]


@dataclass
class _Reading:
    """Configs already read: (its identity, layer type) → the description, or why there is none."""

    known: dict[tuple[int, str | None], tuple[HuggingFaceRope | None, str]]

    def described(self, config: Any, layer_type: str | None) -> tuple[HuggingFaceRope | None, str]:
        key = (id(config), layer_type)
        if key not in self.known:
            try:
                self.known[key] = from_hf(config, layer_type=layer_type), ""
            except (TypeError, ValueError) as error:
                self.known[key] = None, str(error)
        return self.known[key]


def _found(model: Any, torch: Any) -> Iterator[_Found]:
    """Yield every rotary table of a model, module by module."""
    configs: dict[str, Any] = {}
    for path, module in model.named_modules(remove_duplicate=True):
        own = getattr(module, "config", None)
        above = configs.get(path.rpartition(".")[0], model.config)
        configs[path] = own if hasattr(own, "to_dict") else above
        # a plain attribute with a tensor (long_inv_freq, tables put in by hand) counts as much as a buffer
        plain = {key: value for key, value in vars(module).items() if torch.is_tensor(value)}
        held = {**dict(module.named_buffers(recurse=False)), **dict(module.named_parameters(recurse=False)), **plain}
        for name, kind, layer_type, tensors in _tables_among(held):
            full = f"{path}.{name}" if path else name
            for tensor in tensors:
                if tensor.device.type == "meta":
                    raise ValueError(
                        f"{full} lies on the meta device: it has a shape and no values, nothing to compare. "
                        "Load the model with from_pretrained, or give it memory (to_empty) and initialise it."
                    )
            yield _Found(full, kind, layer_type, module, configs[path], tensors)


def _tables_among(held: Mapping[str, Any]) -> Iterator[tuple[str, str, str | None, tuple[Any, ...]]]:
    for name, tensor in held.items():
        match = FREQUENCY_NAME.fullmatch(name)
        if match and tensor.is_floating_point():
            yield name, f"{match['kind'] or ''}inv_freq", match["layer"], (tensor,)
        elif name in SINUSOID_NAMES and tensor.ndim == 2 and tensor.is_floating_point():
            yield name, "sinusoids", None, (tensor[:, tensor.shape[1] // 2 :], tensor[:, : tensor.shape[1] // 2])
    for cos, sin in CACHE_NAMES:
        pair = [held[name] for name in (cos, sin) if name in held]
        if len(pair) == 2 and all(tensor.is_floating_point() and tensor.ndim >= 2 for tensor in pair):
            yield f"{cos}, {sin}", "cache", None, tuple(tensor.reshape(-1, tensor.shape[-1]) for tensor in pair)


def _row(found: _Found, reading: _Reading) -> AuditRow:
    described, reason = reading.described(found.config, found.layer_type)
    layer_type = found.layer_type
    if described is None and layer_type is None and "one table a layer type" in reason:
        described, layer_type, reason = _by_path(found, reading, reason)
    row = AuditRow(
        name=found.name,
        layer_type=layer_type,
        dtype=str(found.first.dtype).removeprefix("torch."),
        device=str(found.first.device),
        pairs=int(found.first.shape[-1]),
        reference_length=None,
        frequency_error=None,
        phase_error=None,
        attention_scaling=None,
        described_scaling=None,
        fitted_base=None,
        fitted_factor=None,
        finding="not compared",
        remark=reason,
    )
    if described is None:
        return row
    examined = _of_frequencies if found.kind.endswith("inv_freq") else _of_phasors
    return examined(row, found, described)


def _by_path(found: _Found, reading: _Reading, reason: str) -> tuple[HuggingFaceRope | None, str | None, str]:
    """Find the layer type in the module's path, where each has a module of its own."""
    for part in reversed(found.name.split(".")):
        described, _ = reading.described(found.config, part)
        if described is not None:
            return described, part, ""
    return None, None, reason


def _of_frequencies(row: AuditRow, found: _Found, described: HuggingFaceRope) -> AuditRow:
    given = found.numbers()[0]
    lengths = _lengths(found, described)
    row = replace(
        row,
        attention_scaling=_attention_scaling(found, row.layer_type),
        described_scaling=described.frequencies().attention_factor,
    )
    tables = {length: described.frequencies(length).theta for length in lengths}
    theta = tables[lengths[0]]
    if given.shape != theta.shape:
        shape = tuple(given.shape)
        return replace(row, finding="wrong shape", remark=f"The table is {shape}, {len(theta)} pairs are described.")
    if not np.isfinite(given).all():
        count = int((~np.isfinite(given)).sum())
        return replace(row, finding="uninitialised", remark=f"{count} of {len(given)} values are NaN or infinite.")
    last = described.config.context_length - 1
    verdicts = []
    for length in sorted(lengths, key=lambda candidate: _relative(given, tables[candidate])):
        theta = tables[length]
        against = replace(
            row,
            reference_length=length,
            frequency_error=_relative(given, theta),
            phase_error=float(np.abs(given - theta).max() * last),
        )
        verdicts.append(_judged(against, given, theta, described, length, _kept_in(given)))
    return next((verdict for verdict in verdicts if verdict.finding not in UNEXPLAINED), verdicts[0])


def _judged(
    row: AuditRow, given: NDArray[np.float64], theta: NDArray[np.float64], described: HuggingFaceRope,
    length: int | None, coarse: list[Format],
) -> AuditRow:  # fmt: skip
    """Return the row with what explains its finite frequencies; ``coarse`` are the formats they may be rounded to."""
    scaling, described_scaling = row.attention_scaling, row.described_scaling
    multiplied = ""
    if scaling is not None and not np.isclose(scaling, described_scaling or 1.0, rtol=FACTOR_TOLERANCE, atol=0.0):
        multiplied = f"cos and sin are multiplied by {scaling:g}, {described_scaling:g} is described."
    if _close(given, theta, FLOAT32):
        if multiplied:
            return replace(row, finding="attention scaling differs", remark=multiplied)
        state = "" if length is None else f"It is the table of sequences of {length} tokens."
        return replace(row, finding="exact to float32", remark=state)
    for target in coarse:
        if _close(given, theta, target):
            kept = "" if row.dtype == target.name else f"The values were rounded before they were kept in {row.dtype}."
            return replace(row, finding=f"rounded to {target.name}", remark=f"{kept} {multiplied}".strip())
    if (given < 0.0).any() or given.max() > FASTEST or given.max() < 1e-12:
        kind = "all zero" if not given.any() else "no frequencies in rad/token"
        return replace(row, finding="uninitialised", remark=f"The values are {kind}: {_few(given)}.")
    for target in (*coarse, FLOAT32):
        explained = _explained(row, given, theta, described, length, target)
        if explained is not None:
            return explained
    if (np.diff(given) > 0.0).any() and not (np.diff(theta) > 0.0).any():
        return replace(row, finding="uninitialised", remark=f"The values do not fall from pair to pair: {_few(given)}.")
    return replace(row, finding="different table", remark=f"No base and no factor explains it: {_few(given)}.")


def _explained(
    row: AuditRow, given: NDArray[np.float64], theta: NDArray[np.float64], described: HuggingFaceRope,
    length: int | None, target: Format,
) -> AuditRow | None:  # fmt: skip
    moving = theta > 0.0
    scaled = not isinstance(described.scaling, Unscaled)
    if moving.any() and (given[moving] > 0.0).all():
        ratio = theta[moving] / given[moving]
        factor = _shortest(float(np.exp(np.log(ratio).mean())), lambda value: _close(given, theta / value, target))
        if factor is not None:
            config = described.config
            plain = Unscaled().frequencies(config).theta
            bare = scaled and len(plain) == len(given) and _close(given, plain, target)
            return replace(
                row,
                finding="wrong scaling factor",
                fitted_factor=factor,
                remark=f"Every frequency is the described one divided by {factor:g}"
                + (f": {described.scaling.name} was not applied." if bare else "."),
            )
    plain = Unscaled().frequencies(described.config).theta
    if scaled and len(plain) == len(given) and _close(given, plain, target):
        return replace(
            row, finding="scaling not applied", remark=f"{described.scaling.name} is described, the table is unscaled."
        )
    base = _base(given, described, length, target)
    if base is not None:
        return replace(
            row,
            finding="wrong base",
            fitted_base=base,
            remark=f"The table is that of rope_theta {base:g}, {described.config.base:g} is described.",
        )
    return None


def _base(given: NDArray[np.float64], described: HuggingFaceRope, length: int | None, target: Format) -> float | None:
    """Return the base whose table, scaled as described, is the given one; None where there is none."""

    def table(base: float) -> NDArray[np.float64] | None:
        if not 1.0 < base < 1e30:
            return None
        try:
            return described.scaling.frequencies(replace(described.config, base=base), length).theta
        except ValueError:
            return None

    def fits(base: float) -> bool:
        candidate = table(base)
        return candidate is not None and _close(given, candidate, target)

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
            moving = (here > 0.0) & (beside > 0.0) & (given > 0.0)
            slope = np.log(beside[moving] / here[moving]) / 1e-6
            if not moving.any() or not slope.any():
                break
            step = float(slope @ np.log(given[moving] / here[moving]) / (slope @ slope))
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


def _of_phasors(row: AuditRow, found: _Found, described: HuggingFaceRope) -> AuditRow:
    """Judge tables of cosines and sines: length 1 (times the attention factor), and the described phases."""
    cos, sin = found.numbers()
    pairs = len(described.frequencies())
    if cos.shape[1] == 2 * pairs:  # both members of a pair stand in the table, in one layout or the other
        halves = np.array_equal(cos[:, :pairs], cos[:, pairs:], equal_nan=True)
        cos, sin = (table[:, :pairs] if halves else table[:, ::2] for table in (cos, sin))
    row = replace(row, pairs=int(cos.shape[1]), described_scaling=described.frequencies().attention_factor)
    if cos.shape[1] != pairs or len(cos) < 2 or sin.shape[0] != len(cos):
        return replace(
            row, finding="wrong shape", remark=f"The table has shape {cos.shape}; {pairs} pairs are described."
        )
    stored = cos + 1j * sin
    length = np.abs(stored)
    scaling = float(length[0, 0])
    if not np.isfinite(stored).all() or scaling <= 0.0 or not np.allclose(length, scaling, rtol=0.02, atol=0.0):
        return replace(row, finding="uninitialised", remark="cos² + sin² is not one number throughout the table.")
    row = replace(row, attention_scaling=scaling)
    theta, table_lengths = described.frequencies().theta, _lengths(found, described)
    given = np.angle(stored[1])  # θ itself: no pair turns by half a turn a token
    reference = min(table_lengths, key=lambda candidate: _relative(given, described.frequencies(candidate).theta))
    theta = described.frequencies(reference).theta
    positions = np.arange(min(len(cos), described.config.context_length), dtype=np.float64)
    exact_cos, exact_sin = phasors(theta, positions, space_of())
    turned = np.abs(np.angle(stored[: len(positions)] * (exact_cos - 1j * exact_sin))).max(axis=1)
    row = replace(
        row,
        reference_length=reference,
        frequency_error=_relative(given, theta),
        phase_error=float(turned.max()),
    )
    coarse = _kept_in(np.concatenate([cos.ravel(), sin.ravel()]))
    step = max((target.roundoff for target in coarse), default=FLOAT32.roundoff)
    # angles of a table are right to its rounding; its phases, computed in float32, to that of float32
    off = np.nonzero(turned > 2.0 * step + 4e-7 * positions)[0]
    if len(off):
        exact = np.where(np.abs(given) < 1e-12, 0.0, given)
        judged = _judged(replace(row, attention_scaling=None), exact, theta, described, reference, coarse)
        if judged.finding in HEALTHY or judged.finding.startswith("rounded"):
            remark = f"Its phases are those described at position 1, and not at position {off[0]}."
            judged = replace(judged, finding="different table", remark=remark)
        return replace(judged, attention_scaling=scaling)
    if not np.isclose(scaling, row.described_scaling or 1.0, rtol=2.0 * step + FACTOR_TOLERANCE, atol=0.0):
        remark = f"cos and sin are multiplied by {scaling:g}, {row.described_scaling:g} is described."
        return replace(row, finding="attention scaling differs", remark=remark)
    return replace(row, finding=f"rounded to {coarse[0].name}" if coarse else "exact to float32")


def _lengths(found: _Found, described: HuggingFaceRope) -> list[int | None]:
    """Return the sequence lengths whose table may stand here, the trained window first."""
    window = described.config.context_length
    if found.kind == "original_inv_freq":
        return [None]
    if found.kind == "long_inv_freq":
        return [window + 1]
    if isinstance(described.scaling, LongRoPE):
        return [None, window + 1]
    seen = [getattr(found.module, name, None) for name in _with_layer(found.layer_type, "max_seq_len_cached")]
    longest = max((int(value) for value in seen if value is not None), default=0)
    return [None, longest] if isinstance(described.scaling, DynamicNTK) and longest > window else [None]


def _with_layer(layer_type: str | None, name: str) -> tuple[str, ...]:
    return (name,) if layer_type is None else (f"{layer_type}_{name}", name)


def _attention_scaling(found: _Found, layer_type: str | None) -> float | None:
    for name in _with_layer(layer_type, "attention_scaling"):
        value = getattr(found.module, name, None)
        if value is not None:
            return float(value)
    return None


def _kept_in(given: NDArray[np.float64]) -> list[Format]:
    """Return the narrow formats that hold every value."""
    return [target for target in (BFLOAT16, FLOAT16) if np.array_equal(rounded(given, target), given)]


def _close(given: NDArray[np.float64], theta: NDArray[np.float64], target: Format) -> bool:
    """Tell whether ``given`` is ``theta``, computed in float32 and rounded to ``target``."""
    allowed = TABLE_TOLERANCE * theta
    if target is not FLOAT32:
        allowed = allowed + largest_rounding_error(theta, target) * (theta > 0.0)
    return bool((np.abs(given - theta) <= allowed).all())


def _relative(given: NDArray[np.float64], theta: NDArray[np.float64]) -> float:
    if given.shape != theta.shape:
        return np.inf
    difference = np.abs(given - theta)
    with np.errstate(divide="ignore", over="ignore"):
        return float(np.divide(difference, theta, out=np.zeros_like(theta), where=difference > 0.0).max())


def _few(given: NDArray[np.float64]) -> str:
    shown = ", ".join(f"{value:.4g}" for value in given[:3])
    return f"{shown}{', …' if len(given) > 3 else ''}"
