"""Files that are either whole or absent: written under a temporary name, then renamed."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from rope_theory.reports import check_folder_place, json_ready, write_bytes


def write(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path`` whole or not at all; an existing file of the same content is left alone."""
    if path.is_file() and path.read_bytes() == content:
        return
    if not path.parent.is_dir():
        check_folder_place(path.parent)
        path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, content)


def as_json(value: Any) -> bytes:
    """Return ``value`` as indented JSON, keys in order, ending in a newline."""
    return (json.dumps(json_ready(value), indent=2, ensure_ascii=False, sort_keys=True) + "\n").encode()


def rounded(value: Any) -> Any:
    """Return ``value`` with its floats at ten significant digits: the last ones differ between processors."""
    value = json_ready(value)
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return float(f"{value:.10g}") if isinstance(value, float) else value


def as_csv(columns: Mapping[str, Any]) -> bytes:
    """Return equally long columns as CSV, floats at ten significant digits."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*(rounded(column) for column in columns.values()), strict=True))
    return text.getvalue().encode()


def as_npy(array: Any) -> bytes:
    """Return a NumPy array as the content of an .npy file."""
    content = io.BytesIO()
    np.save(content, array)
    return content.getvalue()


def digest(content: bytes) -> str:
    """Return the SHA-256 of ``content`` in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def digest_of(paths: Iterable[Path]) -> str:
    """Return the SHA-256 of what is in some files, one after the other."""
    return digest(b"".join(path.read_bytes() for path in paths))


def present(folder: Path, names: Iterable[str]) -> dict[str, bytes]:
    """Return the content of those files of ``folder`` that are there, by name."""
    return {name: (folder / name).read_bytes() for name in names if (folder / name).is_file()}
