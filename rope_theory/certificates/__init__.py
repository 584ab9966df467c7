"""The exact worst case of a score, proved without trusting a solver, and closed forms in ball arithmetic."""

from rope_theory.certificates.enclosure import Enclosure

__all__ = ["Enclosure"]
