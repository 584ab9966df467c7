"""Checkpoints: what a model rotates, what its heads do, how far it reads. The only importer of transformers."""

from rope_theory.models.capture import Captured, capture
from rope_theory.models.check import check
from rope_theory.models.extend import extend
from rope_theory.models.finetune import Example, FineTuning, finetune
from rope_theory.models.installed import installed_engine
from rope_theory.models.measurements import AttentionRow, BoundRow, Check, HeadRow, LossRow, Rows, ScoreRow
from rope_theory.models.passkey import Passkey, PasskeyRow, ReachRow, passkey
from rope_theory.models.perplexity import DocumentRow, Perplexity, perplexity

__all__ = [
    "AttentionRow",
    "BoundRow",
    "Captured",
    "Check",
    "DocumentRow",
    "Example",
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
    "extend",
    "finetune",
    "installed_engine",
    "passkey",
    "perplexity",
]
