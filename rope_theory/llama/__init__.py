"""Checkpoints: what a transformers model rotates, and what its heads do. The only importer of transformers."""

from rope_theory.llama.capture import Captured, capture
from rope_theory.llama.check import check
from rope_theory.llama.measurements import AttentionRow, BoundRow, Check, HeadRow, LossRow, Rows, ScoreRow

__all__ = [
    "AttentionRow",
    "BoundRow",
    "Captured",
    "Check",
    "HeadRow",
    "LossRow",
    "Rows",
    "ScoreRow",
    "capture",
    "check",
]
