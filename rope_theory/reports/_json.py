"""Records as JSON, as the command line prints them."""

from __future__ import annotations

import json
from typing import Any

from rope_theory._core.records import Record, json_ready
from rope_theory.errors import Conflict, WrongType

SCHEMA = 1
"""Version of the JSON; one more whenever a key of any record goes, is renamed or changes its meaning."""


def as_json_dict(record: Record, **about: Any) -> dict[str, Any]:
    """Return a record as ``rope-theory VERB --json`` prints it: ``to_dict()`` and the version of the schema.

    Parameters
    ----------
    record : Record
        Any result with ``to_dict``.
    **about : object
        What else the command says: ``source``, ``text`` or ``texts``, ``folder``, ``checkpoints``.

    Returns
    -------
    dict
        ``schema``, ``type`` (the name of the record's class), the fields of the record, and what else was given.
        Infinities and NaN are strings, since JSON has no name for them.

    Raises
    ------
    TypeError
        For something that is no record, and a name in ``about`` that is a field of the record.
    """
    if not isinstance(record, Record):
        raise WrongType("record", "must be a result of rope_theory, with to_dict()", type(record).__name__)
    content = {"schema": SCHEMA, **json_ready(record.to_dict())}
    if taken := content.keys() & about:
        raise Conflict(tuple(sorted(taken)), f"would hide what the {content['type']} says", "give other names")
    return {**content, **json_ready(about)}


def as_json(record: Record, **about: Any) -> str:
    """Return the text that ``rope-theory VERB --json`` prints.

    Parameters
    ----------
    record : Record
        Any result with ``to_dict``.
    **about : object
        As ``as_json_dict``.

    Returns
    -------
    str
        Standard JSON, two spaces deep, without a newline at its end.
    """
    return json.dumps(as_json_dict(record, **about), indent=2, allow_nan=False)
