"""Phrases and numbers that several reports share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from rope_theory.config import RopeConfig
from rope_theory.scaling import Scaling


def described(config: RopeConfig, scaling: Scaling | None = None) -> str:
    """Return the widths, base and trained window of a config, and a scaling."""
    rotated = "" if config.width == config.head_dim else f", of which {config.width} rotate"
    return (
        f"head width {config.head_dim}{rotated}; base {config.base:.10g}; "
        f"trained window {config.context_length} tokens" + (f"; {scaling.label}" if scaling else "")
    )


def grouped(items: Iterable[Any], key: Callable[[Any], Any]) -> dict[Any, list[Any]]:
    """Return items of equal key together, in the order in which they come first."""
    groups: dict[Any, list[Any]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups


def aligned(value: float | None, digits: int) -> str:
    """Return a number with its decimals under each other; very small and very large ones with an exponent."""
    if value is None:
        return "–"
    ordinary = value == 0.0 or 0.5 * 10.0**-digits <= abs(value) < 1e8 or abs(value) == float("inf")
    return f"{value:.{digits}f}" if ordinary else f"{value:.2e}"
