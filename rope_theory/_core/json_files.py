"""JSON files of the package's own formats, read strictly: any file gives its content or an error in words."""

from __future__ import annotations

import errno
import json
import os
import stat
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rope_theory.errors import DamagedFile, MissingFile, unread

MOST_DIGITS = 1000
"""Digits of the longest integer that is read, three times those of the largest float64."""

DEEPEST = 32
"""Levels of lists and objects that are read; no format of the package has half as many."""


def read_json(
    path: str | os.PathLike[str], what: str, most_bytes: int, *, finite: bool = True, deepest: int | None = DEEPEST
) -> Any:
    """Return the content of a JSON file, in which no key comes twice.

    Parameters
    ----------
    path : str or path
        The file.
    what : str
        What it should be, with its article, for messages.
    most_bytes : int
        Size beyond which the file is not read.
    finite : bool
        Whether every number must be finite; released model configs hold infinities.
    deepest : int, optional
        Levels of lists and objects that are read; None for as many as Python's reader takes.

    Raises
    ------
    FileProblem
        When there is no such file, or it cannot be read; the message names it.
    DamagedFile
        When it is no file of bytes, too long, or not strict JSON; the message names it.
    """
    return parse_json(_bytes_of(Path(path), what, most_bytes), path, what, finite=finite, deepest=deepest)


def parse_json(
    content: bytes, path: str | os.PathLike[str], what: str = "what it should be", *, finite: bool = True,
    deepest: int | None = DEEPEST,
) -> Any:  # fmt: skip
    """Return what strict JSON in UTF-8 says, or raise a ``DamagedFile`` of ``path``; see ``read_json``."""
    reader = _Reader(partial(DamagedFile, os.fspath(path), what))
    try:
        text = content.decode()
        if not text.strip():
            raise reader.refusal("it is empty")
        reals: dict[str, Any] = {"parse_float": reader.real, "parse_constant": reader.constant} if finite else {}
        value = json.loads(text, object_pairs_hook=reader.once, parse_int=reader.integer, **reals)
    except UnicodeDecodeError:
        raise reader.refusal("it is not UTF-8 text") from None
    except json.JSONDecodeError as error:
        raise reader.refusal(f"it is not valid JSON ({error})") from None
    except RecursionError:
        raise reader.refusal("it is nested too deeply to be read") from None
    if deepest is not None and _is_deeper(value, deepest):
        raise reader.refusal(f"it is nested deeper than {deepest} levels")
    return value


@dataclass(frozen=True)
class _Reader:
    """What becomes of the parts of a JSON file; ``refusal`` makes an error of what is wrong, which names the file."""

    refusal: Callable[[str], DamagedFile]

    def once(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        counts = Counter(key for key, _ in pairs)
        if (twice := next((key for key, count in counts.items() if count > 1), None)) is not None:
            raise self.refusal(f"the key {twice[:60]!r} comes twice, so that it does not say which value holds")
        return dict(pairs)

    def integer(self, text: str) -> int:
        if len(text) > MOST_DIGITS:
            raise self.refusal(f"it holds an integer of {len(text)} digits; {MOST_DIGITS} are the most that are read")
        return int(text)

    def real(self, text: str) -> float:
        value = float(text)
        if value in (float("inf"), -float("inf")):
            raise self.refusal(f"it holds {text[:40]}, which is beyond float64")
        return value

    def constant(self, name: str) -> Any:
        raise self.refusal(f"it holds {name}, which JSON has no name for; numbers must be finite")


def _bytes_of(path: Path, what: str, most_bytes: int) -> bytes:
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))  # a pipe without a writer would wait
    except FileNotFoundError:
        raise MissingFile(str(path), "does not exist", f"it should be {what}", errno.ENOENT) from None
    except OSError as error:
        raise unread(error.errno, path, what) from None
    try:
        mode = os.fstat(handle).st_mode
        if not stat.S_ISREG(mode):
            kind = "a folder" if stat.S_ISDIR(mode) else "a device or a pipe"
            raise DamagedFile(str(path), what, f"it is {kind}", "give the name of a file")
        with open(handle, "rb", closefd=False) as file:
            content = file.read(most_bytes + 1)
    except OSError as error:
        raise unread(error.errno, path) from None
    finally:
        os.close(handle)
    if len(content) > most_bytes:
        raise DamagedFile(str(path), what, f"it has more than {most_bytes} bytes, the longest that is read")
    return content


def _is_deeper(value: Any, deepest: int) -> bool:
    level = [value]
    for _ in range(deepest):
        parts = [part.values() if isinstance(part, dict) else part for part in level if isinstance(part, dict | list)]
        level = [item for part in parts for item in part]
        if not level:
            return False
    return True
