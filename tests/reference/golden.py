"""Tables to hold an engine against: float64 values from fifty digits, of released configs and of class defaults."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rope_theory._core.records import Record

FILE = Path(__file__).with_name("golden_tables.json")


@dataclass(frozen=True)
class GoldenTable(Record):
    """One table.

    Attributes
    ----------
    name : str
        The released config, or the model class whose defaults it has.
    config : mapping
        The keys of the config.
    layer_type : str or None
        The layers, in a model with several tables.
    length : int
        Current sequence length, tokens.
    theta : array, shape (P,)
        Frequencies, rad/token.
    attention_factor : float
        Multiplies cos and sin.
    """

    name: str
    config: Mapping[str, Any]
    layer_type: str | None
    length: int
    theta: NDArray[np.float64]
    attention_factor: float


@cache
def golden_tables() -> tuple[GoldenTable, ...]:
    """Return the tables.

    Returns
    -------
    tuple of GoldenTable
        Five released configs at their trained and extended windows, and the defaults of the model classes with RoPE of
        transformers 5.23 for a model of 8 heads of width 80 where the class has none of its own.

    Raises
    ------
    FileNotFoundError
        When the package was installed without its data.

    Notes
    -----
    Source: formulas of ``modeling_rope_utils.py`` of transformers 5.23.0 evaluated with fifty digits by
    ``tests/reference/golden_tables.py``; released configs as named there.
    """
    content = json.loads(FILE.read_text(encoding="utf-8"))
    return tuple(
        GoldenTable(
            row["name"],
            row["config"],
            row["layer_type"],
            row["length"],
            np.array(row["theta"]),
            row["attention_factor"],
        )
        for row in content["tables"]
    )
