"""Standard deviation of a ridge fit to unit noise, inside and outside the window, in closed form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from experiments.columns import as_columns
from experiments.parts import Data, Part
from experiments.settings import CONFIG, config_of, theta
from rope_theory.regression import prediction_std

INPUTS = {
    "head_dim": CONFIG.head_dim, "base": CONFIG.base, "window": CONFIG.context_length,
    "alphas": [1e-3, 1.0, 10.0, 100.0], "offsets": [1024, 1024.5, 2048, 2560, 3072, 4095],
}  # fmt: skip


def compute(inputs: Mapping[str, Any]) -> Data:
    """Return a row a ridge and offset."""
    frequencies = theta(config_of(inputs))
    rows: list[tuple[Any, ...]] = []
    for alpha in inputs["alphas"]:
        values = prediction_std(frequencies, np.arange(inputs["window"]), inputs["offsets"], alpha=alpha)
        rows += [(alpha, offset, float(value)) for offset, value in zip(inputs["offsets"], values, strict=True)]
    return Data(tables={"ridge": as_columns(("alpha", "offset", "prediction_std"), rows)})


PART = Part("table_ridge", "tables", INPUTS, compute)
