"""Context-extension methods: a config in, angular frequencies and an attention factor out."""

from rope_theory.scaling.dynamic_ntk import DynamicNTK
from rope_theory.scaling.frequencies import Frequencies, Scaling
from rope_theory.scaling.llama3 import Llama3
from rope_theory.scaling.longrope import LongRoPE
from rope_theory.scaling.ntk_aware import NTKAware
from rope_theory.scaling.ntk_by_parts import NTKByParts
from rope_theory.scaling.position_interpolation import PositionInterpolation
from rope_theory.scaling.proportional import Proportional
from rope_theory.scaling.unscaled import Unscaled
from rope_theory.scaling.yarn import YaRN

__all__ = [
    "DynamicNTK",
    "Frequencies",
    "Llama3",
    "LongRoPE",
    "NTKAware",
    "NTKByParts",
    "PositionInterpolation",
    "Proportional",
    "Scaling",
    "Unscaled",
    "YaRN",
]
