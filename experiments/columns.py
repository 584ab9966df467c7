"""Tables as rows, which are easy to make, and as columns, which is how parts hold them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np


def as_columns(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> dict[str, list[Any]]:
    """Return rows of values as named columns; without rows the columns are empty."""
    columns: dict[str, list[Any]] = {name: [] for name in names}
    for row in rows:
        for name, value in zip(names, row, strict=True):
            columns[name].append(value)
    return columns


def records_as_columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Return rows by name, which all have the names of the first one, as columns; none without rows."""
    return {name: [row[name] for row in rows] for name in rows[0]} if rows else {}


def chosen(columns: Mapping[str, Any], **wanted: Any) -> dict[str, np.ndarray[Any, Any]]:
    """Return the rows in which each named column has the value given for it, as arrays."""
    arrays = {name: np.asarray(values) for name, values in columns.items()}
    keep = np.ones(len(next(iter(arrays.values()))), dtype=bool)
    for name, value in wanted.items():
        keep &= arrays[name] == value
    return {name: array[keep] for name, array in arrays.items()}


def rows_of(columns: Mapping[str, Any], **wanted: Any) -> Iterator[dict[str, Any]]:
    """Yield the rows whose columns have the wanted values."""
    for values in zip(*columns.values(), strict=True):
        row = dict(zip(columns, values, strict=True))
        if all(row[name] == value for name, value in wanted.items()):
            yield row


def one_of(columns: Mapping[str, Any], **wanted: Any) -> dict[str, Any] | None:
    """Return the row with the wanted values, or None."""
    return next(rows_of(columns, **wanted), None)
