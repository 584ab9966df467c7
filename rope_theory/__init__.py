"""What is actually true about extending the context window of RoPE language models.

Two entrances, one path::

    model config ─► scaling ─► frequencies θ ─┐
                                              ├─► scores a(s) ─► bounds, certificates ─► comparisons ─► plots, figures
    q, k ─► coefficients h ───────────────────┘

From ``scores`` on nobody can tell whether h came from a checkpoint, a fit or a random draw.

Here: ``RopeConfig``, ``from_hf``, ``to_hf``, ``score_coefficients``, ``position_free_term``, ``attention_score``,
``score_curve``, ``compare``, ``Frequencies``, ``Comparison``. In submodules, loaded when first used: ``scaling`` (ways
to make frequencies), ``coefficients`` (synthetic h), ``bounds`` (and their ``CATALOGUE``), ``certificates``
(``worst_case``: the exact largest score, proved; closed forms and fits in ball arithmetic), ``comparison``
(``chord_cells``), ``regression`` (``RotaryRidge``, ``prediction_std``, ``effective_dof``, ``expected_maximum``,
``ridge_strength``, ``coefficient_penalty``), ``laws`` (``critical_dimension``, ``admissible_bases``), ``precision``
(``phase_error``; ``audit``: the tables a loaded model uses), ``models`` (``capture``: queries and keys of a forward
pass), ``plots``, ``reports`` (what the command line prints, as records, JSON and pages), ``widgets`` (``explore``: one
choice from three sides; ``explorer``: sliders for it), ``testing`` (hypothesis strategies).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rope_theory import (
        bounds,
        certificates,
        coefficients,
        comparison,
        config,
        doctor,
        errors,
        laws,
        models,
        plots,
        precision,
        regression,
        reports,
        scaling,
        scores,
        testing,
        widgets,
    )
    from rope_theory.coefficients import position_free_term, score_coefficients
    from rope_theory.comparison import Comparison, compare
    from rope_theory.config import RopeConfig
    from rope_theory.scaling.frequencies import Frequencies
    from rope_theory.scaling.huggingface import from_hf, to_hf
    from rope_theory.scores import attention_score, score_curve

__version__ = "0.2.0"

_HOME = {
    "Comparison": "rope_theory.comparison",
    "Frequencies": "rope_theory.scaling.frequencies",
    "RopeConfig": "rope_theory.config",
    "attention_score": "rope_theory.scores",
    "compare": "rope_theory.comparison",
    "from_hf": "rope_theory.scaling.huggingface",
    "position_free_term": "rope_theory.coefficients",
    "score_coefficients": "rope_theory.coefficients",
    "score_curve": "rope_theory.scores",
    "to_hf": "rope_theory.scaling.huggingface",
}
"""Where each public name is defined; everything loads when it is first asked for."""

_SUBMODULES = (
    "bounds", "certificates", "coefficients", "comparison", "config", "doctor", "errors", "laws", "models",
    "plots", "precision", "regression", "reports", "scaling", "scores", "testing", "widgets",
)  # fmt: skip

__all__ = [
    "Comparison",
    "Frequencies",
    "RopeConfig",
    "attention_score",
    "bounds",
    "certificates",
    "coefficients",
    "compare",
    "comparison",
    "config",
    "doctor",
    "errors",
    "from_hf",
    "laws",
    "models",
    "plots",
    "position_free_term",
    "precision",
    "regression",
    "reports",
    "scaling",
    "score_coefficients",
    "score_curve",
    "scores",
    "testing",
    "to_hf",
    "widgets",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(importlib.import_module(_HOME[name]), name)
    elif name in _SUBMODULES:
        value = importlib.import_module(f"rope_theory.{name}")
    else:
        raise AttributeError(f"module 'rope_theory' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
