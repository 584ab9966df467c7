"""A part of the reproduction: what it is computed from, how, and the files it leaves behind."""

from __future__ import annotations

import importlib.metadata
import inspect
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from experiments import files
from experiments.sweeps import Store, Sweep
from rope_theory._core.files import check_folder_place
from rope_theory._core.json_files import parse_json
from rope_theory._core.records import Record, json_ready

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROOT = Path(__file__).resolve().parent.parent
"""The project folder: figures/, docs/ and the cache lie in it."""

PACKAGES = ("numpy", "scipy", "numba", "matplotlib", "scikit-learn")
"""Packages whose version decides what a part looks like."""

STORE = Store()
"""The sweeps of the project."""


@dataclass(frozen=True, eq=False)
class Data(Record):
    """What a part computed: tables of equally long columns, and single facts quoted in prose."""

    tables: Mapping[str, Mapping[str, Any]]
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Part:
    """One figure or table.

    Attributes
    ----------
    name : str
        Stem of its files.
    kind : {"figures", "tables"}
        Which command makes it.
    inputs : mapping
        Everything it is computed from but the code and the versions: settings and seeds.
    compute : callable
        inputs, and the columns of each of ``sweeps`` → Data.
    draw : callable or None
        Data → Figure; tables have none.
    sweeps : tuple of Sweep
        Stored rows it is computed from.
    """

    name: str
    kind: Literal["figures", "tables"]
    inputs: Mapping[str, Any]
    compute: Callable[..., Data]
    draw: Callable[[Data], Figure] | None = None
    sweeps: tuple[Sweep, ...] = ()

    @property
    def sentence(self) -> str:
        """What it shows: the first line of its module."""
        module = inspect.getmodule(self.compute)
        assert module is not None
        assert module.__doc__ is not None
        return module.__doc__.splitlines()[0]

    def data(self, store: Store = STORE) -> Data:
        """Return what the part computes, from the sweeps in ``store`` where it has some."""
        return self.compute(self.inputs, *(store.read(sweep) for sweep in self.sweeps))

    def make(self, folder: Path, store: Store = STORE) -> list[Path]:
        """Compute, draw and write the part's files to ``folder``; return their paths."""
        data = self.data(store)
        written = []
        for table, columns in data.tables.items():
            path = folder / (f"{self.name}.{table}.csv" if len(data.tables) > 1 else f"{self.name}.csv")
            files.write(path, files.as_csv(columns))
            written.append(path)
        if data.facts:
            path = folder / f"{self.name}.json"
            files.write(path, files.as_json(files.rounded(data.facts)))
            written.append(path)
        if self.draw is not None:
            figure = self.draw(data)
            for ending in ("png", "svg"):
                path = folder / f"{self.name}.{ending}"
                files.write(path, _rendered(figure, ending))
                written.append(path)
            _close(figure)
        return written


def _rendered(figure: Figure, ending: str) -> bytes:
    import io

    import matplotlib as mpl

    buffer = io.BytesIO()
    # no dates and no program versions in the file, so that the same picture has the same bytes
    metadata = {"Software": None} if ending == "png" else {"Date": None, "Creator": None}
    with mpl.rc_context({"svg.hashsalt": "rope_theory", "svg.fonttype": "path"}):
        figure.savefig(buffer, format=ending, dpi=150, metadata=metadata, bbox_inches="tight")
    return buffer.getvalue()


def _close(figure: Figure) -> None:
    from matplotlib import pyplot as plt

    plt.close(figure)


@dataclass(frozen=True)
class Workshop:
    """Where parts are made, and the memory of which are finished.

    Attributes
    ----------
    figures : Path
        Folder of the outputs.
    cache : Path
        Untracked folder with one note a finished part: the hash of its inputs and of each file it wrote.
    store : Store
        Where the sweeps lie that parts read.
    """

    figures: Path = ROOT / "figures"
    cache: Path = ROOT / ".cache" / "paper_repro"
    store: Store = STORE

    def is_finished(self, part: Part) -> bool:
        """Tell whether ``part`` was made from the same inputs, code and versions, and its files are untouched."""
        return self._finished(part) is not None

    def make(self, part: Part) -> None:
        """Make ``part`` and note that it is finished."""
        written = part.make(self.figures, self.store)
        hashes = {path.name: files.digest(path.read_bytes()) for path in written}
        files.write(self._place(part), files.as_json({"inputs": fingerprint(part, self.store), "files": hashes}))

    def write_manifest(self, parts: Sequence[Part]) -> Mapping[str, Any]:
        """Write figures/manifest.json: inputs, versions and files of every part whose files are there; return these.

        Parts that were not made here keep the entry they have, as long as it is that of their files.
        """
        path = self.figures / "manifest.json"
        before = _read(path).get("parts")
        before = before if isinstance(before, dict) else {}
        entries = {}
        for part in parts:
            note = self._finished(part)
            if note is not None:
                entries[part.name] = {
                    "kind": part.kind, "inputs": part.inputs, "files": note["files"], "versions": versions(),
                }  # fmt: skip
            elif _is_entry(before.get(part.name)) and self._untouched(before[part.name]["files"]):
                entries[part.name] = before[part.name]
        files.write(path, files.as_json({"made_by": "python -m paper_repro", "parts": entries}))
        return entries

    def _untouched(self, hashes: Mapping[str, str]) -> bool:
        return all(
            (self.figures / name).is_file() and files.digest((self.figures / name).read_bytes()) == sha256
            for name, sha256 in hashes.items()
        )

    def clear_leftovers(self) -> None:
        """Delete half-written files of a killed run, and raise where nothing can be written: before any work."""
        for folder in (self.figures, self.cache):
            check_folder_place(folder)
        for folder in (self.figures, self.cache, ROOT / "docs", ROOT / "docs" / "guides"):  # pages lie in the last two
            if folder.is_dir():
                files.remove_leftovers(folder)

    def _place(self, part: Part) -> Path:
        return self.cache / f"{part.name}.json"

    def _finished(self, part: Part) -> dict[str, Any] | None:
        """Return the note of a part that is finished, None for others."""
        note = self._note(part)
        same = note is not None and note["inputs"] == fingerprint(part, self.store) and self._untouched(note["files"])
        return note if same else None

    def _note(self, part: Part) -> dict[str, Any] | None:
        """Return the note of a finished part; a missing or damaged one means that it is not."""
        note = _read(self._place(part))
        return note if "inputs" in note and _is_entry(note) else None


def _is_entry(entry: Any) -> bool:
    """Tell whether ``entry`` names files with their hashes."""
    names = entry.get("files") if isinstance(entry, dict) else None
    return isinstance(names, dict) and all(isinstance(sha256, str) for sha256 in names.values())


def _read(path: Path) -> dict[str, Any]:
    try:
        content = parse_json(path.read_bytes(), path.name)
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def fingerprint(part: Part, store: Store = STORE) -> str:
    """Return a hash of what decides the part's files: inputs, sweeps, versions, code and kind of processor."""
    return files.digest(
        files.as_json(
            {
                "name": part.name,
                "inputs": json_ready(dict(part.inputs)),
                "sweeps": {sweep.name: store.digest(sweep) for sweep in part.sweeps},
                "versions": versions(),
                "code": _code_hash(),
                "machine": platform.machine(),
            }
        )
    )


@cache
def _code_hash() -> str:
    return files.digest(b"".join(path.read_bytes() for path in _sources()))


def _sources() -> Iterator[Path]:
    for package in ("rope_theory", "experiments", "paper_repro"):
        yield from sorted((ROOT / package).rglob("*.py"))


@cache
def versions() -> dict[str, str]:
    """Return the versions that decide what is computed and drawn."""
    found = {name: importlib.metadata.version(name) for name in PACKAGES}
    found["python"] = ".".join(platform.python_version_tuple()[:2])
    found["rope_theory"] = importlib.metadata.version("rope_theory")
    return found
