"""Published laws about base, window and frequencies, as functions; each says whether it is arithmetic or empirical."""

from rope_theory.laws.base_bounds import AdmissibleBases, admissible_bases, asymptotic_base, first_negative_offset
from rope_theory.laws.critical import (
    ExtrapolationLimit,
    SmallBases,
    critical_base,
    critical_dimension,
    extrapolation_limit,
    small_bases,
)
from rope_theory.laws.smallest_base import SmallestBase, smallest_admissible_base
from rope_theory.laws.turns import PairTurns, turns

__all__ = [
    "AdmissibleBases",
    "ExtrapolationLimit",
    "PairTurns",
    "SmallBases",
    "SmallestBase",
    "admissible_bases",
    "asymptotic_base",
    "critical_base",
    "critical_dimension",
    "extrapolation_limit",
    "first_negative_offset",
    "small_bases",
    "smallest_admissible_base",
    "turns",
]
