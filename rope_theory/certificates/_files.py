"""Certificates as JSON files: every field with its hash, so that a changed one is named."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Callable, Collection
from functools import partial
from os import PathLike
from reprlib import repr as short
from typing import Any

import numpy as np

from rope_theory import scaling as _scaling
from rope_theory._core.checks import LARGEST_OFFSET, path_of
from rope_theory._core.files import write_bytes
from rope_theory._core.json_files import read_json
from rope_theory._core.records import plain
from rope_theory.certificates._design import even_step
from rope_theory.certificates._sizes import MOST_BYTES, check_count, check_grid
from rope_theory.certificates._stored import Stored
from rope_theory.config import RopeConfig
from rope_theory.errors import CertificateRejected, DamagedFile, InputError, OutOfRange, WrongValue
from rope_theory.scaling import Frequencies

FORMAT = "rope_theory certificate 1"

PLAIN = ("s", "h_max", "score_max", "lower", "upper", "status", "rounds", "notes")
"""Fields that JSON can hold as they are."""


def write(certificate: Stored, path: str | PathLike[str]) -> None:
    """Write a certificate; see ``Certificate.save``."""
    path = path_of(path, "path")
    check_grid(certificate.grid, len(certificate.residual))
    fields: dict[str, Any] = {name: plain(getattr(certificate, name)) for name in PLAIN}
    fields["theta"] = _table_out(certificate.theta)
    fields["target_theta"] = None if certificate.target_theta is None else _table_out(certificate.target_theta)
    fields["grid"] = _grid_out(certificate.grid)
    used = np.flatnonzero(certificate.weights)
    fields["weights"] = {"index": used.tolist(), "value": certificate.weights[used].tolist()}
    for name in ("residual", "witness"):
        fields[name] = plain(getattr(certificate, name))
    content = {"format": FORMAT, "fields": fields, "sha256": {name: _hash(value) for name, value in fields.items()}}
    written = (json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()
    if len(written) > MOST_BYTES:
        raise WrongValue(
            str(path), f"would have {len(written)} bytes", remedy=f"{MOST_BYTES} are the most that are read again"
        )
    write_bytes(path, written)


def read(path: str | PathLike[str], expected: Collection[str]) -> dict[str, Any]:
    """Return the fields of a certificate that was written; see ``Certificate.load``."""
    path = path_of(path, "path")
    content = read_json(path, "a certificate", MOST_BYTES)
    refused = partial(CertificateRejected, owner=str(path))
    if not isinstance(content, dict) or "format" not in content:
        raise DamagedFile(str(path), "a certificate", "the field format is missing")
    if content["format"] != FORMAT:
        raise refused("format", f"is {short(content['format'])}; this version reads {FORMAT!r}")
    for part in ("fields", "sha256"):
        if not isinstance(content.get(part), dict):
            raise refused(part, "is missing or damaged")
    fields, hashes = content["fields"], content["sha256"]
    if extra := sorted(set(content) - {"format", "fields", "sha256"}):
        raise refused(extra[0][:60], "is no field of a certificate")
    for name in sorted({*expected, *fields, *hashes}):
        if name not in expected:
            raise refused(name[:60], "is no field of a certificate")
        if name not in fields or name not in hashes:
            raise refused(name, "is missing")
        if _hash(fields[name]) != hashes[name]:
            raise refused(name, "was changed after the certificate was written: its hash differs")
    return _built(fields, refused)


def _built(fields: dict[str, Any], refused: Callable[[str, str], CertificateRejected]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    readers: dict[str, Any] = {
        "theta": _table_in, "target_theta": lambda value: None if value is None else _table_in(value),
        "residual": _complex_in, "witness": _complex_in,
        "s": _number_in, "h_max": _number_in, "score_max": _number_in, "lower": _number_in, "upper": _number_in,
        "status": _text_in, "rounds": _count_in, "notes": lambda value: tuple(_text_in(note) for note in _list(value)),
        "grid": lambda value: _grid_in(value, len(made["residual"])),
        "weights": lambda value: _weights_in(value, len(made["grid"])),
    }  # fmt: skip
    for name, reader in readers.items():
        try:
            made[name] = reader(fields[name])
        except InputError as error:
            raise refused(name, f"cannot be read: {error}") from None
    return made


def _hash(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def _grid_out(grid: Any) -> Any:
    step = even_step(grid)
    if step is not None:
        start, count = float(grid[0]), len(grid)
        if np.array_equal(_even(start, step, count), grid):
            return {"start": start, "step": step, "count": count}
    return {"offsets": grid.tolist()}


def _grid_in(value: Any, pairs: int) -> Any:
    listed = isinstance(value, dict) and "offsets" in value
    given = _keys(value, ("offsets",) if listed else ("start", "step", "count"))
    if listed:
        offsets = _list(given["offsets"])
        check_count(len(offsets), pairs, even=False)
        return np.array([_number_in(offset) for offset in offsets], dtype=np.float64)
    start, step, count = _number_in(given["start"]), _number_in(given["step"]), _count_in(given["count"])
    if count < 1:
        raise OutOfRange("count", count, low=1)
    check_count(count, pairs, even=True)
    if not (abs(start) <= LARGEST_OFFSET and 0.0 < step <= 2.0 * LARGEST_OFFSET):
        raise WrongValue("start", "must lie within ±2**53 tokens and step be above 0", f"{start:g} and {step:g}")
    return _even(start, step, count)


def _even(start: float, step: float, count: int) -> Any:
    return start + step * np.arange(count)


def _weights_in(value: Any, count: int) -> Any:
    given = _keys(value, ("index", "value"))
    index = [_count_in(place) for place in _list(given["index"])]
    values = [_number_in(weight) for weight in _list(given["value"])]
    if len(index) != len(values):
        raise WrongValue("index", f"has {len(index)} places and value {len(values)} weights")
    if len(set(index)) != len(index):
        raise WrongValue("index", "is repeated")
    if index and max(index) >= count:
        raise WrongValue(f"index {short(max(index))}", f"is beyond the grid of {count} offsets")
    weights = np.zeros(count)
    weights[index] = values
    return weights


def _complex_in(value: Any) -> Any:
    parts = [[_number_in(part) for part in _list(pair)] for pair in _list(value)]
    if any(len(pair) != 2 for pair in parts):
        raise WrongValue("it", "must hold pairs of real and imaginary part")
    return np.array([complex(*pair) for pair in parts], dtype=np.complex128)


def _number_in(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise WrongValue(short(value), "is not a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise WrongValue(f"the number {short(value)}", "is beyond float64")
    return number


def _count_in(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise WrongValue(short(value), "is no count")
    return value


def _keys(value: Any, names: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(value, dict) or set(value) != set(names):
        raise WrongValue("it", f"must hold {', '.join(names)} and nothing else", short(value))
    return value


def _text_in(value: Any) -> str:
    if not isinstance(value, str):
        raise WrongValue(short(value), "is not a text")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise WrongValue("its text", "holds half a character, which UTF-8 cannot hold") from None
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise WrongValue(short(value), "is not a list")
    return value


def _table_out(theta: Any) -> dict[str, Any]:
    if not isinstance(theta, Frequencies):
        return {"theta": theta.tolist()}
    made: dict[str, Any] = plain(theta)
    del made["type"]
    return made


def _table_in(value: Any) -> Any:
    bare = isinstance(value, dict) and "scaling" not in value
    given = _keys(value, ("theta",) if bare else ("theta", "attention_factor", "scaling", "config", "length"))
    angles = _list(given["theta"])
    check_count(1, len(angles), even=True)
    theta = np.array([_number_in(angle) for angle in angles], dtype=np.float64)
    if not len(theta) or not (theta >= 0.0).all():
        raise WrongValue("it", "must hold angular frequencies, 0 or above")
    if bare:
        return theta
    config = _rebuilt(RopeConfig, given["config"])
    if config.pairs != len(theta):
        raise WrongValue("it", f"has {len(theta)} frequencies, and its config {config.pairs}")
    method = _method(given["scaling"])
    factor, length = _number_in(given["attention_factor"]), given["length"]
    made = Frequencies(theta, factor, method, config, None if length is None else _count_in(length))
    again = made.scaling.frequencies(config, made.length)
    if not np.allclose(again.theta, theta, rtol=1e-12, atol=0.0) or again.attention_factor != made.attention_factor:
        raise WrongValue("its numbers", "do not follow from its config and scaling")
    return made


def _method(value: Any) -> Any:
    kind = value.get("type") if isinstance(value, dict) else None
    found = getattr(_scaling, kind, None) if isinstance(kind, str) else None
    known = isinstance(found, type) and issubclass(found, _scaling.Scaling) and dataclasses.is_dataclass(found)
    if not known:
        raise WrongValue("scaling", "names no method of rope_theory.scaling")
    return _rebuilt(found, value)


def _rebuilt(kind: Any, value: Any) -> Any:
    """Return the object of a dataclass that ``plain`` wrote."""
    names = {"type", *(field.name for field in dataclasses.fields(kind))}
    if not isinstance(value, dict) or set(value) != names or value["type"] != kind.__name__:
        raise WrongValue(short(value), f"does not describe a {kind.__name__}")
    return kind(**{name: item for name, item in value.items() if name != "type"})
