"""Closed-form statements about scores: plain numbers; what they mean stands in ``CATALOGUE``."""

from rope_theory.bounds.catalogue import CATALOGUE, Statement, Witness  # isort: skip  (modules before functions)
from rope_theory.bounds.abel import abel, abel_published, abel_sum
from rope_theory.bounds.attention_shift import attention_shift
from rope_theory.bounds.chord import chord_curvature, chord_published, chord_repaired, chord_sharp
from rope_theory.bounds.sampling import sampling
from rope_theory.bounds.triangle import triangle

__all__ = [
    "CATALOGUE",
    "Statement",
    "Witness",
    "abel",
    "abel_published",
    "abel_sum",
    "attention_shift",
    "chord_curvature",
    "chord_published",
    "chord_repaired",
    "chord_sharp",
    "sampling",
    "triangle",
]
