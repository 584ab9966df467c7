"""What results have in common: a plain dictionary of themselves, and a table where they have rows."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

from rope_theory._core.optional import load


def plain(value: Any) -> Any:
    """Return ``value`` made of dict, list, str, int, float, bool and None only (complex becomes [re, im])."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        content = {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {"type": type(value).__name__, **content}
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):  # arrays, their scalars, tensors
        return plain(value.tolist())
    if isinstance(value, complex):
        return [value.real, value.imag]
    return value if value is None or isinstance(value, str | bool | int | float) else str(value)


def json_ready(value: Any) -> Any:
    """Return anything as what JSON can hold, infinities and NaN as strings, since JSON has no name for them.

    Parameters
    ----------
    value : object
        A record, or anything made of records, arrays, tensors, mappings and sequences.

    Returns
    -------
    dict, list, str, int, float, bool or None
        Made of the same.
    """
    value = plain(value)
    if isinstance(value, dict):
        return {key: json_ready(item) for key, item in value.items()}
    if isinstance(value, list):
        return [json_ready(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


class Record:
    """Base of every result with more than one number."""

    def to_dict(self) -> dict[str, Any]:
        """Return the record as a dictionary of plain Python values."""
        return dict(plain(self))


class Table(Record):
    """A record with tidy ``rows``, one dataclass each."""

    if TYPE_CHECKING:

        @property
        def rows(self) -> tuple[Any, ...]:
            """One record each: a field in most results, computed in others."""

    def to_pandas(self) -> Any:
        """Return the rows as a pandas DataFrame, one column a field."""
        pandas = load("pandas", "notebooks")
        return pandas.DataFrame(
            [{field.name: getattr(row, field.name) for field in dataclasses.fields(row)} for row in self.rows]
        )
