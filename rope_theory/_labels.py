"""Short names of scalings for legends and headers: ``YaRN(4)`` instead of six fields."""

from __future__ import annotations

import ast
import dataclasses
from typing import Any

from rope_theory import scaling as _scaling


def short_label(scaling: Any) -> str:
    """Return the method and what it was given beyond its defaults; long lists are left out.

    Parameters
    ----------
    scaling : Scaling or str
        A scaling, or its repr as it stands in a ``ComparisonRow``.

    Returns
    -------
    str
        For example ``PositionInterpolation(4)`` or ``YaRN(4, ramp='paper')``; text that is no repr of a
        scaling comes back as it is.
    """
    text = scaling if isinstance(scaling, str) else repr(scaling)
    try:
        call = ast.parse(text, mode="eval").body
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.args:
            return text
        given = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in call.keywords}
    except (SyntaxError, ValueError):
        return text
    method = getattr(_scaling, call.func.id, None)
    if not dataclasses.is_dataclass(method):
        return text
    defaults = {field.name: field.default for field in dataclasses.fields(method)}
    shown = [
        _number(value) if name == "factor" else f"{name}={_number(value)}"
        for name, value in given.items()
        if value is not None and not isinstance(value, tuple | list) and value != defaults.get(name)
    ]
    return f"{call.func.id}({', '.join(shown)})" if shown else call.func.id


def _number(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else repr(value)
