"""What a config really does to RoPE, in which engine, and how far it should work."""

from rope_theory.doctor._conformance import Conformance, ConformanceMatrix, ConformanceRow, MatrixRow
from rope_theory.doctor._diagnose import Diagnosis, RopeTable, diagnose
from rope_theory.doctor._reach import Reach, ReachRow, predicted_length, reach
from rope_theory.doctor._recommend import Option, Recommendation, recommend
from rope_theory.doctor.engines import ENGINES, Engine, EngineTable, Request
from rope_theory.doctor.finding import Edit, Finding
from rope_theory.doctor.rules import RULES

__all__ = [
    "ENGINES", "RULES", "Conformance", "ConformanceMatrix", "ConformanceRow", "Diagnosis", "Edit", "Engine",
    "EngineTable", "Finding", "MatrixRow", "Option", "Reach", "ReachRow", "Recommendation",
    "Request", "RopeTable", "diagnose", "predicted_length", "reach", "recommend",
]  # fmt: skip
