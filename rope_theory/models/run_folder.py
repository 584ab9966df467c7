"""The folder of a training run: one run at a time, checkpoints that are whole and its own, settings beside them."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from rope_theory._core.files import (
    TEMPORARY,
    named,
    remove,
    sync_folder,
    sync_tree,
    write_text,
    written_by_others,
)  # fmt: skip
from rope_theory._core.json_files import read_json
from rope_theory._core.optional import load
from rope_theory.errors import DamagedFile, FileProblem, OtherRun

SETTINGS, MANIFEST, STATE, LOCK = "settings.json", "rope_theory.json", "trainer_state.json", ".lock"
"""Files: the run's settings; in each checkpoint whose it is and what it holds, and what transformers writes last;
the lock."""

SAVING = f".saving{TEMPORARY}"
"""Folder in which a checkpoint is written before it gets its name."""

KEPT = 2
"""Checkpoints kept, the newest: one more than is needed, in case the last is damaged."""

MOST_BYTES = 1 << 20
"""Longest settings or manifest that are read, bytes."""

REMEDY = "give another folder, or empty it"
"""What to do with a folder that cannot be continued."""

PUT_BACK = f"Put it back, {REMEDY}"
"""What to do where the settings of a run are missing or damaged."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold ``folder``, made where it is missing, for one run; what a killed run left half-written is removed.

    The lock is the operating system's and ends with the process, however that ends.

    Raises
    ------
    ValueError
        When another run holds it.
    OSError
        When it cannot be written to.
    """
    filelock = load("filelock", "models")
    with named(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with named(folder / LOCK):
        lock = filelock.FileLock(folder / LOCK, timeout=0)
        try:
            lock.acquire()
        except filelock.Timeout:
            raise OtherRun(str(folder), "is used by another run", "wait for its end, or give another folder") from None
    try:
        for leftover in folder.glob(f".*{TEMPORARY}"):
            remove(leftover)
        yield
    finally:
        lock.release()


def identity(settings: dict[str, Any]) -> str:
    """Return a name of a run: runs of the same settings, model and texts make the same checkpoints."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


def keep_settings(folder: Path, settings: dict[str, Any]) -> None:
    """Write the settings beside the checkpoints, or raise when those there are of another run, damaged or missing.

    Settings of a run that ended before its first checkpoint are replaced.
    """
    path, found = folder / SETTINGS, checkpoints(folder)
    if os.path.lexists(path):
        try:
            stored = read_json(path, "the settings of a run", MOST_BYTES)
        except FileProblem as error:
            raise OtherRun(error.path, error.problem, PUT_BACK) from error
        except DamagedFile as error:
            raise OtherRun(error.path, f"is not {error.what}: {error.reason}", PUT_BACK) from error
        if not isinstance(stored, dict) or set(stored) != set(settings):
            raise OtherRun(str(path), "is not the settings of a run: it has other names", PUT_BACK)
        other = sorted(name for name in settings if stored[name] != settings[name])
        if not other:
            return
        if found:
            before, now = (repr(values[other[0]])[:80] for values in (stored, settings))
            raise OtherRun(
                str(folder), f"holds a run with another {other[0]} ({before}, now {now}), as {path.name} says", REMEDY
            )
    elif found:
        raise OtherRun(
            str(path),
            f"is missing, and {folder} holds checkpoints ({found[-1].name}): nothing says which run they are of",
            PUT_BACK,
        )
    write_text(path, json.dumps(settings, indent=2) + "\n")


def checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints in ``folder``, the newest last."""
    found = [path for path in folder.glob("checkpoint-*") if path.name.removeprefix("checkpoint-").isdecimal()]
    return sorted(found, key=step_of)


def step_of(path: Path) -> int:
    """Return the step of a checkpoint."""
    return int(path.name.removeprefix("checkpoint-"))


def newest_whole(folder: Path, run: str, steps: int) -> Path | None:
    """Return the newest checkpoint no further than ``steps`` that is whole; damaged ones are skipped with a warning.

    Raises
    ------
    ValueError
        For a checkpoint of another run.
    """
    for path in reversed([path for path in checkpoints(folder) if step_of(path) <= steps]):
        if (damage := damage_of(path, run, STATE)) is None:
            return path
        warn_of(damage, path)
    return None


def warn_of(damage: str, path: Path) -> None:
    """Say that a damaged checkpoint is not used."""
    warnings.warn(f"{damage}; {path.name} is skipped, and an earlier one taken if there is one.", stacklevel=4)


def damage_of(path: Path, run: str, last: str) -> str | None:
    """Return what is wrong with a checkpoint, in words, and None for a whole one of this run.

    Parameters
    ----------
    path : Path
        Its folder.
    run : str
        Name of the run.
    last : str
        The file that is written last into a checkpoint, JSON.

    Raises
    ------
    ValueError
        For a whole checkpoint of another run, or one that does not say of which.
    """
    manifest = path / MANIFEST
    if not manifest.exists():
        if _is_whole_json(path / last):
            raise OtherRun(str(path), f"was not written by this run: it has no {MANIFEST}", f"remove it, {REMEDY}")
        return f"{path / last} is missing or damaged"
    try:
        stored = read_json(manifest, "the list of a checkpoint's files", MOST_BYTES)
        files = {str(name): (int(size), str(sha)) for name, (size, sha) in stored["files"].items()}
        owner = stored["run"]
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return f"{manifest} is damaged"
    if owner != run:
        raise OtherRun(str(path), f"is of another run, as its {MANIFEST} says", f"remove it, {REMEDY}")
    if last not in files:
        return f"{manifest} is damaged: it does not list {last}"
    for name, (size, sha256) in files.items():
        place = path / name
        if not _is_file(place):
            return f"{place} is missing"
        if place.stat().st_size != size:
            return f"{place} is damaged: it has {place.stat().st_size} bytes of {size}"
        if _sha256(place) != sha256:
            return f"{place} is damaged: its content is not what was written"
    return None


def _is_file(path: Path) -> bool:
    with suppress(OSError, ValueError):  # a name that no file can have
        return path.is_file()
    return False


def _is_whole_json(path: Path) -> bool:
    with suppress(OSError, ValueError, RecursionError):
        json.loads(path.read_bytes())
        return True
    return False


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def publish(written: Path, target: Path, run: str) -> None:
    """Give a checkpoint written under a temporary name its list of files and its name, once all is on disk."""
    files = {
        str(path.relative_to(written)): [path.stat().st_size, _sha256(path)]
        for path in sorted(written.rglob("*"))
        if path.is_file()
    }
    write_text(written / MANIFEST, json.dumps({"run": run, "files": files}, indent=1) + "\n")
    sync_tree(written)
    drop(target)
    written.replace(target)
    sync_folder(target.parent)


def drop_old(folder: Path, step: int) -> None:
    """Delete all but the newest checkpoints up to ``step``; those of a longer run stay."""
    for old in [path for path in checkpoints(folder) if step_of(path) <= step][:-KEPT]:
        drop(old)


def drop(path: Path) -> None:
    """Delete a checkpoint under a temporary name, so that none is ever half there under its own."""
    if path.is_symlink():
        path.unlink()
    if path.exists():
        trash = path.with_name(f".{path.name}.old{TEMPORARY}")
        remove(trash)
        path.replace(trash)
        remove(trash)


@contextmanager
def saving(written: Path, target: Path) -> Iterator[None]:
    """Name the checkpoint in errors of writing it, and leave nothing of it then."""
    try:
        with named(target), written_by_others(written, target):
            yield
    except Exception:
        remove(written)
        raise
