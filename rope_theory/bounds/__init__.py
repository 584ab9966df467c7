"""Closed-form statements about scores: plain numbers; what they mean stands in ``CATALOGUE``."""

from rope_theory.bounds._abel import abel, abel_published, abel_sum
from rope_theory.bounds._attention_shift import attention_shift
from rope_theory.bounds._sampling import sampling
from rope_theory.bounds._triangle import triangle
from rope_theory.bounds.catalogue import CATALOGUE, Statement, Witness
from rope_theory.bounds.chord import chord_curvature, chord_published, chord_repaired, chord_sharp

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
