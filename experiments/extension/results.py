"""What the runs at hand say: means and spreads over seeds, beside the paper's numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments import files
from experiments.columns import as_columns
from experiments.extension import runs
from experiments.extension.runs import Settings

KEYS = ("model", "method", "factor", "step", "quantity", "corpus", "window")
"""What a number is of."""


def digest(settings: Iterable[Any], data: Path = runs.DATA) -> dict[str, str]:
    """Return a hash of the file of every run; an empty one where it is missing."""
    paths = {one.name: runs.path_of(one, data) for one in settings}
    return {name: files.digest(path.read_bytes())[:16] if path.is_file() else "" for name, path in paths.items()}


def at_hand(settings: Iterable[Any], data: Path = runs.DATA) -> list[Any]:
    """Return the runs whose files exist."""
    return [one for one in settings if runs.path_of(one, data).is_file()]


def columns_of(settings: Sequence[Settings], data: Path = runs.DATA) -> dict[str, list[Any]]:
    """Return a row a number: what it is of, how many seeds, their mean and spread, and its error over documents.

    ``spread`` is the standard deviation over seeds, nan for one; ``error`` is the mean over seeds of the bootstrap
    standard error over documents, nan where there is none.
    """
    found: dict[tuple[Any, ...], dict[int, tuple[float, float]]] = {}
    for one in settings:
        for row in runs.read(one, data)["rows"]:
            of_run = {"model": one.model, "method": one.method, "factor": one.factor, **row}
            error = row["error"]
            numbers = (float(row["value"]), math.nan if error is None else float(error))
            seeds = found.setdefault(tuple(of_run[key] for key in KEYS), {})
            seeds.setdefault(one.seed, numbers)  # two runs of one seed are the same up to the shorter one's end
    rows = []
    for key in sorted(found, key=_order):
        values, errors = np.array(list(found[key].values())).T
        spread = float(values.std(ddof=1)) if len(values) > 1 else math.nan
        rows.append((*key, len(values), float(values.mean()), spread, float(errors.mean())))
    return as_columns((*KEYS, "seeds", "mean", "spread", "error"), rows)


def _order(key: tuple[Any, ...]) -> tuple[Any, ...]:
    model, method, factor, step, *rest = key
    return (model, factor, runs.METHODS.index(method), step, *rest)
