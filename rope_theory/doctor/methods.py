"""Methods that one factor decides: what the doctor compares and recommends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from rope_theory.scaling.dynamic_ntk import DynamicNTK
from rope_theory.scaling.frequencies import Scaling
from rope_theory.scaling.llama3 import Llama3
from rope_theory.scaling.ntk_aware import NTKAware
from rope_theory.scaling.position_interpolation import PositionInterpolation
from rope_theory.scaling.yarn import YaRN

METHODS: Mapping[str, Callable[[float], Scaling]] = MappingProxyType(
    {
        "PositionInterpolation": PositionInterpolation,
        "NTKAware": NTKAware,
        "DynamicNTK": DynamicNTK,
        "YaRN": YaRN,
        "Llama3": Llama3,
    }
)
"""Name, as it is imported → scaling of a factor; in the order of their papers."""
