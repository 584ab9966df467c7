"""Checkpoints: what a model rotates, what its heads do, how far it reads. The only importer of transformers."""

from rope_theory.models._capture import Captured, capture
from rope_theory.models._check import check
from rope_theory.models._extend import extend
from rope_theory.models._finetune import Example, FineTuning, finetune
from rope_theory.models._passkey import Passkey, PasskeyRow, ReachRow, passkey
from rope_theory.models._perplexity import DocumentRow, Perplexity, perplexity
from rope_theory.models.exporting import Extension, export_extended
from rope_theory.models.installed import installed_engine
from rope_theory.models.measurements import AttentionRow, BoundRow, Check, HeadRow, LossRow, Rows, ScoreRow

__all__ = [
    "AttentionRow",
    "BoundRow",
    "Captured",
    "Check",
    "DocumentRow",
    "Example",
    "Extension",
    "FineTuning",
    "HeadRow",
    "LossRow",
    "Passkey",
    "PasskeyRow",
    "Perplexity",
    "ReachRow",
    "Rows",
    "ScoreRow",
    "capture",
    "check",
    "export_extended",
    "extend",
    "finetune",
    "installed_engine",
    "passkey",
    "perplexity",
]
