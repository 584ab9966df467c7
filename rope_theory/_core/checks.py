"""Checks of scalar arguments: each raises early and says what came and what to do."""

from __future__ import annotations

import math
import operator
import os
from pathlib import Path
from reprlib import Repr
from typing import Any, TypeVar

import numpy as np

from rope_theory.errors import OutOfRange, UnknownChoice, WrongType, WrongValue

T = TypeVar("T")

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
        raise WrongType(name, "must be a number", shown(value), "give an int or a float")
    try:
        result = float(value)
    except (TypeError, ValueError, RuntimeError) as error:  # RuntimeError: a tensor with several elements
        raise WrongType(
            name, "must be a number", f"{type(value).__name__} {shown(value)}", "give an int or a float"
        ) from error
    except OverflowError as error:
        raise WrongValue(
            name, f"must be within ±{LARGEST_NUMBER:g}", "a larger integer", "give a smaller number"
        ) from error
    if not math.isfinite(result):
        raise WrongValue(name, "must be finite", result, "give an ordinary number")
    if abs(result) > LARGEST_NUMBER:
        raise WrongValue(name, f"must be within ±{LARGEST_NUMBER:g}", f"{result:g}", "give a smaller number")
    return result


def at_least(value: Any, name: str, low: float, remedy: str = "") -> float:
    """Return ``value`` as a float not below ``low``."""
    result = number(value, name)
    if result < low:
        raise OutOfRange(name, result, low=low, remedy=remedy)
    return result


def above(value: Any, name: str, low: float, remedy: str = "") -> float:
    """Return ``value`` as a float strictly above ``low``."""
    result = number(value, name)
    if result <= low:
        raise OutOfRange(name, result, low=low, remedy=remedy, open=True)
    if low == 0.0 and result < 1.0 / LARGEST_NUMBER:
        raise OutOfRange(name, result, low=1 / LARGEST_NUMBER, remedy="give a larger number")
    return result


def integer(value: Any, name: str, low: int, remedy: str = "") -> int:
    """Return ``value`` as an int not below ``low``; a float with an integer value is accepted."""
    if isinstance(value, bool | np.bool_ | str | bytes) or value is None:
        raise WrongType(name, "must be an integer", shown(value), "give an int")
    try:
        result = operator.index(value)
    except TypeError:
        as_float = number(value, name)
        if as_float != int(as_float):
            raise WrongValue(name, "must be an integer", f"{as_float!r}", "round it") from None
        result = int(as_float)
    if result < low:
        raise OutOfRange(name, result, low=low, remedy=remedy)
    return int(at_most(result, name, 2**53, "give a smaller integer"))


def at_most(result: Any, name: str, high: float, remedy: str) -> Any:
    """Return a checked number that is not above ``high``."""
    if result > high:
        raise OutOfRange(name, result, high=high, remedy=remedy)
    return result


def even_width(value: Any, name: str) -> int:
    """Return a positive even integer: rotary widths are made of pairs."""
    result = integer(value, name, 2, "A rotary width counts two dimensions a pair.")
    if result % 2:
        raise WrongValue(name, "must be even", result, "rotary dimensions come in pairs")
    return int(at_most(result, name, WIDEST, "it is the width of one head"))


def scaling_factor(value: Any, name: str = "factor") -> float:
    """Return a context-extension factor: extended window / trained window, at least 1."""
    result = at_least(
        value, name, 1.0, "It is the extended window divided by the trained one; 1 leaves the model as it is."
    )
    return float(at_most(result, name, 2**53, "no window is that much longer"))


def attention_multiplier(value: Any, name: str = "attention_factor") -> float:
    """Return a factor on cos and sin, above 0 and at most 1e6; its square multiplies scores."""
    result = above(value, name, 0.0, "It multiplies cos and sin.")
    return float(at_most(result, name, 1e6, "its square multiplies every score"))


def sequence(value: Any, name: str, of: str) -> tuple[Any, ...]:
    """Return the members of ``value``, which should be ``of`` one kind, or raise where it has none."""
    try:
        return tuple(value)
    except TypeError:
        raise WrongType(name, f"must be a sequence of {of}", type(value).__name__, "put one in a list") from None


def instance_of(value: Any, name: str, kind: type[T], maker: str = "", *, article: str = "a") -> T:
    """Return ``value`` when it is a ``kind``; ``maker`` says what makes one."""
    if not isinstance(value, kind):
        raise WrongType(name, f"must be {article} {kind.__name__}", type(value).__name__, maker)
    return value


def with_attributes(value: Any, name: str, attributes: tuple[str, ...], kind: str, maker: str) -> Any:
    """Return ``value`` when it has the attributes of a ``kind``, which would be slow to import."""
    if not all(hasattr(value, attribute) for attribute in attributes):
        raise WrongType(name, f"must be a {kind}", type(value).__name__, f"{maker} makes one")
    return value


def path_of(value: Any, name: str) -> Path:
    """Return ``value`` as a path when it may name a file or a folder."""
    text = os.fspath(value) if isinstance(value, str | os.PathLike) else value
    if not isinstance(text, str):
        raise WrongType(name, "must be a path, a str or a Path", shown(value))
    if not text:
        raise WrongValue(name, "must name a file or a folder", "an empty string")
    if "\0" in text or text != text.encode(errors="replace").decode():
        raise WrongValue(name, "must be a name that a file can have", shown(value))
    return Path(text)


def flag(value: Any, name: str) -> bool:
    """Return ``value`` when it is True or False."""
    if not isinstance(value, bool | np.bool_):
        raise WrongType(name, "must be True or False", shown(value))
    return bool(value)


def one_of(value: Any, name: str, choices: tuple[str, ...]) -> str:
    """Return ``value`` when it is one of ``choices``."""
    if not isinstance(value, str):
        raise WrongType(name, f"must be one of {', '.join(map(repr, choices))}", shown(value))
    if value not in choices:
        raise UnknownChoice(name, shown(value), choices)
    return value
