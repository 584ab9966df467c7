"""Least-squares and ridge models of scores over [cos sθ, sin sθ], their closed forms, and a penalty for training."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from rope_theory.regression.catalogue import CATALOGUE
from rope_theory.regression.closed_forms import design_matrix, effective_dof, prediction_std
from rope_theory.regression.maximum import ExpectedMaximum, expected_maximum
from rope_theory.regression.penalty import coefficient_penalty
from rope_theory.regression.strength import RidgeStrength, ridge_strength

if TYPE_CHECKING:
    from rope_theory.regression.ridge import RotaryRidge

__all__ = [
    "CATALOGUE",
    "ExpectedMaximum",
    "RidgeStrength",
    "RotaryRidge",
    "coefficient_penalty",
    "design_matrix",
    "effective_dof",
    "expected_maximum",
    "prediction_std",
    "ridge_strength",
]


def __getattr__(name: str) -> Any:  # scikit-learn loads only when the estimator is asked for
    if name != "RotaryRidge":
        raise AttributeError(f"module 'rope_theory.regression' has no attribute {name!r}")
    value = globals()[name] = importlib.import_module("rope_theory.regression.ridge").RotaryRidge
    return value
