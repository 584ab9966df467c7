"""The paper's setting, shared by its figures, tables and claims."""

from __future__ import annotations

from rope_theory.config import LLAMA_1
from rope_theory.scaling import Frequencies, Unscaled

CONFIG = LLAMA_1
"""d = 128, c = 10000, L = 2048: appendix C of arXiv 2306.15595 v2."""

SEEDS = tuple(range(20))
"""Seeds of numpy's default generator for the random curves; the paper gives none."""


def theta() -> Frequencies:
    """Return the paper's frequencies."""
    return Unscaled().frequencies(CONFIG)
