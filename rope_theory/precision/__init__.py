"""What finite precision does to rotary phases, and whether a loaded model's tables are those its config describes.

``phase_error``, ``score_error``, ``first_broken_position`` and ``inv_freq_error`` need numpy only; ``audit`` takes a
torch model.
"""

from rope_theory.precision._audit import audit
from rope_theory.precision.catalogue import CATALOGUE
from rope_theory.precision.findings import FINDINGS, Audit, AuditRow
from rope_theory.precision.formats import FORMATS, Format
from rope_theory.precision.inverse_frequencies import inv_freq_error
from rope_theory.precision.phases import BrokenPosition, PhaseError, first_broken_position, phase_error
from rope_theory.precision.scores import ScoreError, score_error
from rope_theory.precision.storage import STORAGES, Storage

__all__ = [
    "CATALOGUE",
    "FINDINGS",
    "FORMATS",
    "STORAGES",
    "Audit",
    "AuditRow",
    "BrokenPosition",
    "Format",
    "PhaseError",
    "ScoreError",
    "Storage",
    "audit",
    "first_broken_position",
    "inv_freq_error",
    "phase_error",
    "score_error",
]
