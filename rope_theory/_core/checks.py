"""Checks of scalar arguments: each raises early and says what came and what to do."""

from __future__ import annotations

import math
import operator
import os
from pathlib import Path
from reprlib import Repr
from typing import Any

import numpy as np

LARGEST_OFFSET = 2.0**53
"""Largest offset or length in tokens: beyond it float64 no longer tells neighbouring integers apart."""

LARGEST_NUMBER = 1e100
"""Largest magnitude of a scalar argument, and one over the smallest positive one: no formula here overflows."""

WIDEST = 1 << 20
"""Largest head width, dimensions."""


class _Short(Repr):
    def repr_int(self, x: int, level: int) -> str:
        return repr(x) if x.bit_length() <= 256 else f"an integer of {x.bit_length()} bits"


_SHORT = _Short()
_SHORT.maxlevel, _SHORT.maxstring, _SHORT.maxother = 3, 80, 80


def shown(value: Any) -> str:
    """Return a value as messages show it: its repr, cut short where it is long or deep, whatever it holds."""
    try:
        return _SHORT.repr(value)
    except Exception:  # a repr of its own that raises
        return f"an object of type {type(value).__name__}"


def number(value: Any, name: str) -> float:
    """Return ``value`` as a finite float, or raise naming it."""
    if isinstance(value, bool | np.bool_ | str | bytes) or value is None:
        raise TypeError(f"{name} must be a number, got {shown(value)}; give an int or a float.")
    try:
        result = float(value)
    except (TypeError, ValueError, RuntimeError) as error:  # RuntimeError: a tensor with several elements
        raise TypeError(
            f"{name} must be a number, got {type(value).__name__} {shown(value)}; give an int or a float."
        ) from error
    except OverflowError as error:
        raise ValueError(
            f"{name} must be within ±{LARGEST_NUMBER:g}, got a larger integer; give a smaller number."
        ) from error
    if not math.isfinite(result):
        raise ValueError(f"{name} must be finite, got {result}; give an ordinary number.")
    if abs(result) > LARGEST_NUMBER:
        raise ValueError(f"{name} must be within ±{LARGEST_NUMBER:g}, got {result:g}; give a smaller number.")
    return result


def at_least(value: Any, name: str, low: float, remedy: str = "") -> float:
    """Return ``value`` as a float not below ``low``."""
    result = number(value, name)
    if result < low:
        raise ValueError(f"{name} must be at least {low:g}, got {result:g}.{' ' + remedy if remedy else ''}")
    return result


def above(value: Any, name: str, low: float, remedy: str = "") -> float:
    """Return ``value`` as a float strictly above ``low``."""
    result = number(value, name)
    if result <= low:
        raise ValueError(f"{name} must be above {low:g}, got {result:g}.{' ' + remedy if remedy else ''}")
    if low == 0.0 and result < 1.0 / LARGEST_NUMBER:
        raise ValueError(f"{name} must be at least {1 / LARGEST_NUMBER:g}, got {result:g}; give a larger number.")
    return result


def integer(value: Any, name: str, low: int, remedy: str = "") -> int:
    """Return ``value`` as an int not below ``low``; a float with an integer value is accepted."""
    if isinstance(value, bool | np.bool_ | str | bytes) or value is None:
        raise TypeError(f"{name} must be an integer, got {shown(value)}; give an int.")
    try:
        result = operator.index(value)
    except TypeError:
        as_float = number(value, name)
        if as_float != int(as_float):
            raise ValueError(f"{name} must be an integer, got {as_float!r}; round it.") from None
        result = int(as_float)
    if result < low:
        raise ValueError(f"{name} must be at least {low}, got {shown(result)}.{' ' + remedy if remedy else ''}")
    if result > LARGEST_OFFSET:
        raise ValueError(f"{name} must be at most 2**53, got {float(min(result, 10**300)):g}; give a smaller integer.")
    return result


def even_width(value: Any, name: str) -> int:
    """Return a positive even integer: rotary widths are made of pairs."""
    result = integer(value, name, 2, "A rotary width counts two dimensions a pair.")
    if result % 2:
        raise ValueError(f"{name} must be even, got {result}: rotary dimensions come in pairs.")
    if result > WIDEST:
        raise ValueError(f"{name} must be at most {WIDEST}, got {result}: it is the width of one head.")
    return result


def scaling_factor(value: Any, name: str = "factor") -> float:
    """Return a context-extension factor: extended window / trained window, at least 1."""
    result = at_least(
        value, name, 1.0, "It is the extended window divided by the trained one; 1 leaves the model as it is."
    )
    if result > LARGEST_OFFSET:
        raise ValueError(f"{name} must be at most 2**53, got {result:g}: no window is that much longer.")
    return result


def attention_multiplier(value: Any, name: str = "attention_factor") -> float:
    """Return a factor on cos and sin, above 0 and at most 1e6; its square multiplies scores."""
    result = above(value, name, 0.0, "It multiplies cos and sin.")
    if result > 1e6:
        raise ValueError(f"{name} must be at most 1e6, got {result:g}: its square multiplies every score.")
    return result


def sequence(value: Any, name: str, of: str) -> tuple[Any, ...]:
    """Return the members of ``value``, which should be ``of`` one kind, or raise where it has none."""
    try:
        return tuple(value)
    except TypeError:
        raise TypeError(f"{name} must be a sequence of {of}, got {type(value).__name__}; put one in a list.") from None


def with_attributes(value: Any, name: str, attributes: tuple[str, ...], kind: str, maker: str) -> Any:
    """Return ``value`` when it has the attributes of a ``kind``, which would be slow to import."""
    if not all(hasattr(value, attribute) for attribute in attributes):
        raise TypeError(f"{name} must be a {kind}, got {type(value).__name__}; {maker} makes one.")
    return value


def path_of(value: Any, name: str) -> Path:
    """Return ``value`` as a path when it may name a file or a folder."""
    text = os.fspath(value) if isinstance(value, str | os.PathLike) else value
    if not isinstance(text, str):
        raise TypeError(f"{name} must be a path, a str or a Path, got {shown(value)}.")
    if not text:
        raise ValueError(f"{name} must name a file or a folder, got an empty string.")
    try:
        text.encode()
    except UnicodeEncodeError:
        text = "\0"
    if "\0" in text:
        raise ValueError(f"{name} must be a name that a file can have, got {shown(value)}.")
    return Path(text)


def flag(value: Any, name: str) -> bool:
    """Return ``value`` when it is True or False."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, got {shown(value)}.")
    return bool(value)


def one_of(value: Any, name: str, choices: tuple[str, ...]) -> str:
    """Return ``value`` when it is one of ``choices``."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be one of {', '.join(map(repr, choices))}, got {shown(value)}.")
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, got {shown(value)}.")
    return value
