"""Checkpoints: what a model rotates, what its heads do, how far it reads. The only importer of transformers."""

from rope_theory.llama.capture import Captured, capture
from rope_theory.llama.check import check
from rope_theory.llama.extend import extend
from rope_theory.llama.finetune import Example, FineTuning, finetune
from rope_theory.llama.installed import installed_engine
from rope_theory.llama.measurements import AttentionRow, BoundRow, Check, HeadRow, LossRow, Rows, ScoreRow
from rope_theory.llama.passkey import Passkey, PasskeyRow, ReachRow, passkey
from rope_theory.llama.perplexity import DocumentRow, Perplexity, perplexity

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
