"""Certificates as JSON files: every field with its hash, so that a changed one is named."""

from __future__ import annotations

import hashlib
import json
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from rope_theory import scaling as _scaling
from rope_theory._records import plain
from rope_theory._whole_files import write_text
from rope_theory.certificates._design import even_step
from rope_theory.certificates._verification import check_form
from rope_theory.certificates.certificate import Certificate
from rope_theory.config import RopeConfig
from rope_theory.scaling import Frequencies

FORMAT = "rope_theory certificate 1"

MOST_OFFSETS = 1 << 24
"""Longest even grid read from a file."""

PLAIN = ("s", "h_max", "score_max", "lower", "upper", "status", "rounds", "notes")
"""Fields that JSON can hold as they are."""


def save(certificate: Certificate, path: str | PathLike[str]) -> None:
    """Write a certificate; see ``Certificate.save``."""
    fields: dict[str, Any] = {name: plain(getattr(certificate, name)) for name in PLAIN}
    fields["theta"] = _table_out(certificate.theta)
    fields["target_theta"] = None if certificate.target_theta is None else _table_out(certificate.target_theta)
    fields["grid"] = _grid_out(certificate.grid)
    used = np.flatnonzero(certificate.weights)
    fields["weights"] = {"index": used.tolist(), "value": certificate.weights[used].tolist()}
    for name in ("residual", "witness"):
        fields[name] = plain(getattr(certificate, name))
    content = {"format": FORMAT, "fields": fields, "sha256": {name: _hash(value) for name, value in fields.items()}}
    write_text(Path(path), json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def load(path: str | PathLike[str]) -> Certificate:
    """Read a certificate; see ``Certificate.load``."""
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"{path} is not a certificate: it is no JSON ({error}).") from None
    if not isinstance(content, dict) or "format" not in content:
        raise ValueError(f"{path} is not a certificate: the field format is missing.")
    if content["format"] != FORMAT:
        raise ValueError(f"format of {path} is {content['format']!r}; this version reads {FORMAT!r}.")
    fields, hashes = content.get("fields"), content.get("sha256")
    if not isinstance(fields, dict):
        raise ValueError(f"fields of {path} is missing or damaged.")
    if not isinstance(hashes, dict):
        raise ValueError(f"sha256 of {path} is missing or damaged.")
    if extra := sorted(set(content) - {"format", "fields", "sha256"}):
        raise ValueError(f"{extra[0]} of {path} is no field of a certificate.")
    expected = set(Certificate.__dataclass_fields__)
    for name in sorted(expected | set(fields) | set(hashes)):
        if name not in expected:
            raise ValueError(f"{name} of {path} is no field of a certificate.")
        if name not in fields or name not in hashes:
            raise ValueError(f"{name} of {path} is missing.")
        if _hash(fields[name]) != hashes[name]:
            raise ValueError(f"{name} of {path} was changed after the certificate was written: its hash differs.")
    certificate = _built(fields, path)
    check_form(certificate)
    return certificate


def _built(fields: dict[str, Any], path: Any) -> Certificate:
    made: dict[str, Any] = {}
    readers: dict[str, Any] = {
        "theta": _table_in, "target_theta": lambda value: None if value is None else _table_in(value),
        "grid": _grid_in, "residual": _complex_in, "witness": _complex_in,
        "s": _number_in, "h_max": _number_in, "score_max": _number_in, "lower": _number_in, "upper": _number_in,
        "status": _text_in, "rounds": _count_in, "notes": lambda value: tuple(_text_in(note) for note in _list(value)),
    }  # fmt: skip
    for name, reader in readers.items():
        try:
            made[name] = reader(fields[name])
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise ValueError(f"{name} of {path} cannot be read: {error}") from None
    try:
        weights = np.zeros(len(made["grid"]))
        index = [_count_in(place) for place in _list(fields["weights"]["index"])]
        if len(set(index)) != len(index):
            raise ValueError("an index is repeated.")
        for place, value in zip(index, _list(fields["weights"]["value"]), strict=True):
            weights[place] = _number_in(value)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise ValueError(f"weights of {path} cannot be read: {error}") from None
    return Certificate(weights=weights, **made)


def _hash(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _grid_out(grid: Any) -> Any:
    step = even_step(grid)
    if step is not None:
        short = {"start": float(grid[0]), "step": step, "count": len(grid)}
        if np.array_equal(_grid_in(short), grid):
            return short
    return {"offsets": grid.tolist()}


def _grid_in(value: dict[str, Any]) -> Any:
    if "offsets" in value:
        return np.array([_number_in(offset) for offset in _list(value["offsets"])], dtype=np.float64)
    count = _count_in(value["count"])
    if not 1 <= count <= MOST_OFFSETS:
        raise ValueError(f"count must be between 1 and {MOST_OFFSETS}, got {count}.")
    return _number_in(value["start"]) + _number_in(value["step"]) * np.arange(count)


def _complex_in(value: list[list[float]]) -> Any:
    return np.array([complex(*(_number_in(part) for part in pair)) for pair in _list(value)], dtype=np.complex128)


def _number_in(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{value!r} is no number.")
    return float(value)


def _count_in(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{value!r} is no count.")
    return value


def _text_in(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no text.")
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"{value!r} is no list.")
    return value


def _table_out(theta: Any) -> dict[str, Any]:
    if not isinstance(theta, Frequencies):
        return {"theta": theta.tolist()}
    made: dict[str, Any] = plain(theta)
    del made["type"]
    return made


def _table_in(value: dict[str, Any]) -> Any:
    theta = np.array([_number_in(angle) for angle in _list(value["theta"])], dtype=np.float64)
    if not len(theta) or not (theta >= 0.0).all():
        raise ValueError("it must hold angular frequencies, 0 or above.")
    if "scaling" not in value:
        return theta
    config = RopeConfig(**{name: item for name, item in value["config"].items() if name != "type"})
    given = dict(value["scaling"])
    method = getattr(_scaling, given.pop("type"))
    if not (isinstance(method, type) and issubclass(method, _scaling.Scaling)):
        raise ValueError("scaling names no method of rope_theory.scaling.")
    made = Frequencies(theta, value["attention_factor"], method(**given), config, value["length"])
    again = made.scaling.frequencies(config, value["length"])
    if not np.allclose(again.theta, theta, rtol=1e-12, atol=0.0) or again.attention_factor != made.attention_factor:
        raise ValueError("its numbers do not follow from its config and scaling.")
    return made
