"""What the doctor says about a config: one fact, where it stands, and the keys that would mend it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rope_theory._core.records import Record

Severity = Literal["info", "warning", "error"]
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "error")
"""From a fact worth knowing, over a table other than the one probably meant, to no table at all."""


class _Removed:
    """The value of a key that a correction takes away."""

    def __repr__(self) -> str:
        return "REMOVED"


REMOVED = _Removed()


@dataclass(frozen=True)
class Edit(Record):
    """One key of a config to set, or to take away.

    Attributes
    ----------
    path : tuple of str
        Keys from the top of the config to the place.
    value : object
        What stands there then; ``REMOVED`` where nothing does.
    """

    path: tuple[str, ...]
    value: Any


@dataclass(frozen=True)
class Finding(Record):
    """One thing a config does to RoPE that its author may not know.

    Attributes
    ----------
    severity : {"info", "warning", "error"}
        A fact worth knowing; a table, or a limit, other than the one probably meant; no table at all.
    name : str
        The rule that found it, as in ``RULES``.
    key : str
        The key concerned, with the dictionaries it stands in, such as "rope_scaling.attn_factor".
    meant : str
        What was probably meant.
    happens : str
        What happens instead.
    engines : tuple of str
        Where it happens.
    edits : tuple of Edit
        What the corrected config changes; empty where nothing is to be corrected.
    corrected : mapping or None
        The RoPE keys of the corrected config, ready to paste; None without edits.
    threads : tuple of str
        Public threads in which users met it, as owner/repository#number.
    """

    severity: Severity
    name: str
    key: str
    meant: str
    happens: str
    engines: tuple[str, ...] = ()
    edits: tuple[Edit, ...] = ()
    corrected: Mapping[str, Any] | None = None
    threads: tuple[str, ...] = ()


def edited(config: Mapping[str, Any], edits: Sequence[Edit]) -> dict[str, Any]:
    """Return a config with some keys set or taken away; what is not on the way to them is shared with the given one."""
    changed = dict(config)
    for edit in edits:
        place: dict[Any, Any] = changed
        for key in edit.path[:-1]:
            inner = place.get(key)
            place[key] = dict(inner) if isinstance(inner, Mapping) else {}
            place = place[key]
        if edit.value is REMOVED:
            place.pop(edit.path[-1], None)
        else:
            place[edit.path[-1]] = edit.value
    return changed
