"""Files and folders that are whole or absent: written under a temporary name, forced to disk, then renamed."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rope_theory._core.checks import path_of, shown
from rope_theory.errors import FileInTheWay, FileProblem, MissingFile, NotAFile, NotAFolder, WrongType, unwritten

try:
    import fcntl
except ImportError:  # no such locks on Windows: process ids alone must do
    fcntl = None  # type: ignore[assignment]

TEMPORARY = ".partial"
"""Ending of names under which something is still being written."""

TRIAL = bytes(4096)
"""What is written to test a place: one block, since an empty file fits on a full disk."""

ROOM = 1 << 20
"""Bytes that must fit onto a disk where a library could not write and does not say why; with less it is full."""

_NAME = re.compile(r"\.(?P<name>.+)\.(?P<pid>\d+)(?:-\d+)?" + re.escape(TEMPORARY), re.DOTALL)
_NUMBERS = itertools.count()
_BEING_WRITTEN: set[Path] = set()


def write_bytes(path: str | Path, content: bytes) -> None:
    """Write a file whole or not at all; an error names it, and leaves what was there before.

    What a killed process left of the same file is removed.

    Parameters
    ----------
    path : str or Path
        In a folder that exists. A link is followed.
    content : bytes
        The new content.

    Returns
    -------
    None

    Raises
    ------
    OSError
        When the file cannot be written there; the message names it and says what to do.
    """
    path = path_of(path, "path")
    if not isinstance(content, bytes | bytearray | memoryview):
        raise WrongType("content", "must be bytes", shown(content), "write_text writes a str")
    with named(path):
        path = _file_at(path)
        remove_leftovers(path.parent, path.name)
        with _temporary_file(path, content) as temporary:
            with contextlib.suppress(OSError):
                shutil.copymode(path, temporary)
            temporary.replace(path)
        sync_folder(path.parent)


def write_text(path: str | Path, text: str) -> None:
    """Write a text in UTF-8, whole or not at all, as ``write_bytes`` does.

    Parameters
    ----------
    path : str or Path
        In a folder that exists. A link is followed.
    text : str
        The new content.

    Returns
    -------
    None
    """
    if not isinstance(text, str):
        raise WrongType("text", "must be a str", shown(text), "write_bytes writes bytes")
    write_bytes(path, text.encode())


def check_place(path: str | Path) -> None:
    """Raise when no file can be written at ``path``: asked before minutes of work, not after.

    A block is written beside it and removed again; an existing file is opened for writing and left as it is.

    Parameters
    ----------
    path : str or Path
        Where a file is to be written.

    Returns
    -------
    None

    Raises
    ------
    OSError
        For a folder, a device, a missing folder, one that cannot be written to, and a full disk.
    """
    path = path_of(path, "path")
    with named(path):
        path = _file_at(path)
        if path.exists():
            os.close(os.open(path, os.O_WRONLY | os.O_APPEND))
        with contextlib.suppress(FileNotFoundError):  # but not a name that is too long
            os.lstat(_temporary_name(path))
        _try(path.parent)


def check_folder_place(folder: str | Path) -> None:
    """Raise when files cannot be written into ``folder``, which may be missing as its parents may.

    Parameters
    ----------
    folder : str or Path
        Where files are to be written.

    Returns
    -------
    None

    Raises
    ------
    OSError
        As ``check_place``.
    """
    folder = path_of(folder, "folder")
    with named(folder):
        place = _standing(folder)
        if not place.is_dir():
            raise NotAFolder(str(place), "is a file, not a folder", "give the name of a folder")
        _try(place)


@contextlib.contextmanager
def whole_folder(folder: str | Path, *, replace: bool = False) -> Iterator[Path]:
    """Yield a temporary folder, which takes the place of ``folder`` at the end of the block or vanishes.

    Parameters
    ----------
    folder : str or Path
        In a folder that exists; missing, or empty unless ``replace``. A link is followed.
    replace : bool
        Whether a folder that holds something is replaced. It is moved aside for a moment; if the process is killed in
        that moment, the next call puts it back.

    Yields
    ------
    Path
        The temporary folder, empty.
    """
    folder = path_of(folder, "folder")
    with named(folder):
        folder = Path(os.path.realpath(folder))
        before = folder.with_name(f".{folder.name}.before{TEMPORARY}")
        if replace and before.is_dir() and not folder.exists():
            before.replace(folder)
        remove(before)
        remove_leftovers(folder.parent, folder.name)
        temporary = _temporary_name(folder)
        _BEING_WRITTEN.add(temporary)
        temporary.mkdir()
        handle = os.open(temporary, os.O_RDONLY)
        try:
            _lock(handle)
            with written_by_others(temporary, folder):
                yield temporary
            sync_tree(temporary)
            if folder.is_dir() and replace:
                folder.replace(before)
            elif folder.is_dir():
                folder.rmdir()
            temporary.replace(folder)
            sync_folder(folder.parent)
            remove(before)
        except BaseException:
            remove(temporary)
            raise
        finally:
            os.close(handle)
            _BEING_WRITTEN.discard(temporary)


def remove_leftovers(folder: str | Path, name: str | None = None) -> None:
    """Delete what killed processes left half-written of ``name`` in ``folder``, or of anything there.

    Nothing is deleted that a living process may still be writing: its process id is in the name, and it holds a lock.

    Parameters
    ----------
    folder : str or Path
        Where to look.
    name : str, optional
        The file or folder whose leftovers go; all of them when not given.

    Returns
    -------
    None
    """
    with contextlib.suppress(OSError), os.scandir(path_of(folder, "folder")) as entries:
        for entry in entries:
            found, path = _NAME.fullmatch(entry.name), Path(entry.path)
            if found and name in (None, found["name"]) and _is_abandoned(path, int(found["pid"])):
                remove(path)


def remove(path: Path) -> None:
    """Delete a file or a folder with all it holds, as far as possible."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


def sync_tree(folder: Path) -> None:
    """Force every file below ``folder`` to disk, so that a power loss after a rename cannot cut one short."""
    for place, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(place, name), "rb") as file:
                os.fsync(file.fileno())
        sync_folder(Path(place))


def sync_folder(folder: Path) -> None:
    """Force the names in ``folder`` to disk, where the file system can."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextlib.contextmanager
def named(path: Path) -> Iterator[None]:
    """Let errors of the operating system inside the block name ``path``, in words and with what to do."""
    try:
        yield
    except OSError as error:
        if isinstance(error, FileProblem) or error.errno is None:  # said in words already
            raise
        raise unwritten(error.errno, path) from error


@contextlib.contextmanager
def written_by_others(folder: Path, path: Path) -> Iterator[None]:
    """Name ``path`` where a library that writes into ``folder`` by itself fails on a full disk.

    safetensors and torch raise exceptions of their own, whose words change. They are not read: the place is tried.
    """
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        try:
            _try(_standing(folder), bytes(ROOM))
        except OSError as failure:
            raise unwritten(failure.errno or errno.ENOSPC, path) from error
        raise


def _standing(folder: Path) -> Path:
    """Return a folder, or the nearest one above it that exists."""
    whole = folder.absolute()
    return next((place for place in (whole, *whole.parents) if os.path.lexists(place)), Path(whole.anchor))


def _file_at(path: Path) -> Path:
    """Return where a file is written, behind links; raise where none can be."""
    place = Path(os.path.realpath(path))
    if not path.name or place.is_dir():
        raise NotAFile(str(path), "is a folder", "give the name of a file")
    if place.exists() and not stat.S_ISREG(place.stat().st_mode):
        raise FileInTheWay(str(path), "is a device or a pipe, which would be replaced", "give the name of a file")
    if place.parent.exists() and not place.parent.is_dir():
        raise NotAFolder(str(path.parent), "is a file, not a folder", "give another place")
    if not place.parent.is_dir():
        raise MissingFile(str(path.parent), "does not exist", "make the folder first")
    return place


def _try(folder: Path, content: bytes = TRIAL) -> None:
    """Write something into ``folder``, in a file without a name, of which a killed process leaves nothing."""
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


@contextlib.contextmanager
def _temporary_file(path: Path, content: bytes) -> Iterator[Path]:
    """Yield a new file beside ``path`` with some content, on disk; it is removed unless the block renames it."""
    temporary = _temporary_name(path)
    _BEING_WRITTEN.add(temporary)
    try:
        with temporary.open("xb") as file:
            _lock(file.fileno())
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            yield temporary
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
        _BEING_WRITTEN.discard(temporary)


def _temporary_name(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}-{next(_NUMBERS)}{TEMPORARY}")  # runs side by side keep apart


def _lock(handle: int) -> None:
    """Hold a lock that ends with the process; some file systems have none."""
    if fcntl is not None:
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _is_abandoned(path: Path, pid: int) -> bool:
    """Tell whether nobody writes a temporary file any more; a process of before may have had the id of this one."""
    return not (path in _BEING_WRITTEN or (pid != os.getpid() and is_running(pid)) or _is_locked(path))


def _is_locked(path: Path) -> bool:
    if fcntl is None:
        return False
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:  # blocked by a process of another container, for one, whose ids are not those here
        return isinstance(error, BlockingIOError)
    finally:
        os.close(handle)
    return False


def is_running(pid: int) -> bool:
    """Tell whether there is a process of that id."""
    try:
        with contextlib.suppress(PermissionError):
            os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    return True
