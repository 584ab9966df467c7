"""JSON files of the package's own formats, read strictly: any file gives its content or an error in words."""

from __future__ import annotations

import json
import os
import stat
from collections import Counter
from pathlib import Path
from typing import Any

MOST_DIGITS = 1000
"""Digits of the longest integer that is read, three times those of the largest float64."""

DEEPEST = 32
"""Levels of lists and objects that are read; no format of the package has half as many."""


def read_json(path: str | os.PathLike[str], what: str, most_bytes: int) -> Any:
    """Return the content of a JSON file, in which no key comes twice and every number is finite.

    Parameters
    ----------
    path : str or path
        The file.
    what : str
        What it should be, with its article, for messages.
    most_bytes : int
        Size beyond which the file is not read.

    Raises
    ------
    OSError
        When there is no such file, or it cannot be read; the message names it.
    ValueError
        When it is no file of bytes, too long, or not strict JSON; the message names it.
    """
    return parse_json(_bytes_of(Path(path), what, most_bytes), f"{path} is not {what}")


def parse_json(content: bytes, refusal: str) -> Any:
    """Return what strict JSON in UTF-8 says, or raise a ValueError that begins with ``refusal``."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise ValueError(f"{refusal}: it is binary, or a text that is not in UTF-8.") from None
    try:
        value = json.loads(
            text, object_pairs_hook=_once, parse_int=_integer, parse_float=_real, parse_constant=_no_constant
        )
        _check_depth(value)
    except json.JSONDecodeError as error:
        raise ValueError(f"{refusal}: it is no JSON ({error}).") from None
    except RecursionError:
        raise ValueError(f"{refusal}: it is nested deeper than {DEEPEST} levels.") from None
    except ValueError as error:
        raise ValueError(f"{refusal}: {error}") from None
    return value


def _bytes_of(path: Path, what: str, most_bytes: int) -> bytes:
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))  # a pipe without a writer would wait
    except FileNotFoundError:
        raise FileNotFoundError(f"There is no file {path}; it should be {what}.") from None
    except OSError as error:
        raise type(error)(f"{path} cannot be read ({error.strerror}); it should be {what}.") from None
    try:
        mode = os.fstat(handle).st_mode
        if not stat.S_ISREG(mode):
            kind = "a folder" if stat.S_ISDIR(mode) else "a device or a pipe"
            raise ValueError(f"{path} is not {what}: it is {kind}; give the name of a file.")
        with open(handle, "rb", closefd=False) as file:
            content = file.read(most_bytes + 1)
    except OSError as error:
        raise type(error)(f"{path} cannot be read ({error.strerror}).") from None
    finally:
        os.close(handle)
    if len(content) > most_bytes:
        raise ValueError(f"{path} is not {what}: it has more than {most_bytes} bytes, the longest that is read.")
    return content


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if (twice := repeated_key(pairs)) is not None:
        raise ValueError(f"the key {twice[:60]!r} comes twice, so that it does not say which value holds.")
    return dict(pairs)


def repeated_key(pairs: list[tuple[str, Any]]) -> str | None:
    """Return the first key of a JSON object that it gives more than once; None where there is none."""
    counts = Counter(key for key, _ in pairs)
    return next((key for key, count in counts.items() if count > 1), None)


def _integer(text: str) -> int:
    if len(text) > MOST_DIGITS:
        raise ValueError(f"it holds an integer of {len(text)} digits; {MOST_DIGITS} are the most that are read.")
    return int(text)


def _real(text: str) -> float:
    value = float(text)
    if value in (float("inf"), -float("inf")):
        raise ValueError(f"it holds {text[:40]}, which is beyond float64.")
    return value


def _no_constant(name: str) -> Any:
    raise ValueError(f"it holds {name}, which JSON has no name for; numbers must be finite.")


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(DEEPEST):
        parts = [part.values() if isinstance(part, dict) else part for part in level if isinstance(part, dict | list)]
        level = [item for part in parts for item in part]
        if not level:
            return
    raise RecursionError
