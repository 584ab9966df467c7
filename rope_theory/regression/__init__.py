"""Least-squares and ridge models of scores over [cos sθ, sin sθ], their closed forms, and a penalty for training."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rope_theory.regression.catalogue import CATALOGUE
    from rope_theory.regression.closed_forms import design_matrix, effective_dof, prediction_std
    from rope_theory.regression.maximum import ExpectedMaximum, expected_maximum
    from rope_theory.regression.penalty import coefficient_penalty
    from rope_theory.regression.ridge import RotaryRidge
    from rope_theory.regression.strength import RidgeStrength, ridge_strength

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

_HOME = {
    "CATALOGUE": "catalogue",
    "ExpectedMaximum": "maximum",
    "RidgeStrength": "strength",
    "RotaryRidge": "ridge",
    "coefficient_penalty": "penalty",
    "design_matrix": "closed_forms",
    "effective_dof": "closed_forms",
    "expected_maximum": "maximum",
    "prediction_std": "closed_forms",
    "ridge_strength": "strength",
}


def __getattr__(name: str) -> Any:  # scikit-learn loads only when the estimator is asked for
    if name not in _HOME:
        raise AttributeError(f"module 'rope_theory.regression' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"rope_theory.regression.{_HOME[name]}"), name)
    globals()[name] = value
    return value
