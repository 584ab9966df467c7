"""Least-squares and ridge models of scores over [cos sθ, sin sθ], and their closed forms."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rope_theory.regression.closed_forms import prediction_std
    from rope_theory.regression.ridge import RotaryRidge

__all__ = ["RotaryRidge", "prediction_std"]

_HOME = {"RotaryRidge": "ridge", "prediction_std": "closed_forms"}


def __getattr__(name: str) -> Any:  # scikit-learn loads only when the estimator is asked for
    if name not in _HOME:
        raise AttributeError(f"module 'rope_theory.regression' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"rope_theory.regression.{_HOME[name]}"), name)
    globals()[name] = value
    return value
