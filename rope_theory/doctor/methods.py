"""Methods that one factor decides: what the doctor compares and recommends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from rope_theory.scaling.dynamic_ntk import DynamicNTK
from rope_theory.scaling.frequencies import Scaling
from rope_theory.scaling.llama3 import Llama3
from rope_theory.scaling.ntk_aware import NTKAware
from rope_theory.scaling.position_interpolation import PositionInterpolation
from rope_theory.scaling.proportional import Proportional
from rope_theory.scaling.unscaled import Unscaled
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


def untouched(scaling: Scaling) -> Scaling:
    """Return the table of training behind a scaling: unscaled, with the share of pairs that rotate where it has one."""
    share = _partial_share(scaling)
    return Unscaled() if share is None else Proportional(share)


def methods_on(scaling: Scaling) -> Mapping[str, Callable[[float], Scaling]]:
    """Return the methods that can replace a scaling.

    Where pairs stand still, θ = 0, as in Gemma 4's full-attention layers, every method but the division of all
    frequencies would make them rotate.
    """
    share = _partial_share(scaling)
    return METHODS if share is None else {"Proportional": lambda factor: Proportional(share, factor)}


def _partial_share(scaling: Scaling) -> float | None:
    share = scaling.partial_rotary_factor if isinstance(scaling, Proportional) else 1.0
    return share if share < 1.0 else None
