"""The exact worst case of a score, proved without trusting a solver, and closed forms in ball arithmetic."""

from rope_theory.certificates.certificate import Certificate
from rope_theory.certificates.enclosure import Enclosure
from rope_theory.certificates.worst_case import worst_case

__all__ = ["Certificate", "Enclosure", "worst_case"]
