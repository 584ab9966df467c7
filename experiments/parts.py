"""A part of the reproduction: what it is computed from, how, and the files it leaves behind."""

from __future__ import annotations

import importlib.metadata
import inspect
import json
import math
import platform
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from experiments import files
from experiments.compared import Comparison, Difference, Tolerance, compare
from experiments.sweeps import Store, Sweep
from rope_theory.reports import Record, check_folder_place, json_ready, remove_leftovers

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROOT = Path(__file__).resolve().parent.parent
"""The project folder: figures/, docs/, build/ and the cache lie in it."""

PACKAGES = ("numpy", "scipy", "numba", "matplotlib", "scikit-learn")
"""Packages whose version decides what a part looks like."""

STORE = Store()
"""The sweeps of the project."""


@dataclass(frozen=True, eq=False)
class Data(Record):
    """What a part computed: tables of equally long columns, and single facts quoted in prose."""

    tables: Mapping[str, Mapping[str, Any]]
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
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
    tolerance : Tolerance
        How far its files may lie from the committed ones, and what depends on rounding.
    """

    name: str
    kind: Literal["figures", "tables"]
    inputs: Mapping[str, Any]
    compute: Callable[..., Data]
    draw: Callable[[Data], Figure] | None = None
    sweeps: tuple[Sweep, ...] = ()
    tolerance: Tolerance = field(default_factory=Tolerance)

    @property
    def sentence(self) -> str:
        """What it shows: the first line of its module."""
        module = inspect.getmodule(self.compute)
        assert module is not None
        assert module.__doc__ is not None
        return module.__doc__.splitlines()[0]

    @cache  # noqa: B019 - parts live as long as the process; claims and pages quote the same data
    def data(self, store: Store = STORE) -> Data:
        """Return what the part computes, from the sweeps in ``store`` where it has some."""
        return self.compute(self.inputs, *(store.read(sweep) for sweep in self.sweeps))

    def make(self, folder: Path, store: Store = STORE, formats: Sequence[str] = ("png",)) -> list[Path]:
        """Compute, draw and write the part's files to ``folder``; return their paths."""
        data = self.data(store)
        contents = {
            f"{self.name}.{table}.csv" if len(data.tables) > 1 else f"{self.name}.csv": files.as_csv(columns)
            for table, columns in data.tables.items()
        }
        if data.facts:
            contents[f"{self.name}.json"] = files.as_json(files.rounded(data.facts))
        if self.draw is not None:
            from matplotlib import pyplot as plt

            figure = self.draw(data)
            contents |= {f"{self.name}.{ending}": _rendered(figure, ending) for ending in formats}
            plt.close(figure)
        for name, content in contents.items():
            files.write(folder / name, content)
        return [folder / name for name in contents]


def _rendered(figure: Figure, ending: str) -> bytes:
    import io

    import matplotlib as mpl

    buffer = io.BytesIO()
    # no dates and no program versions in the file, so that the same picture has the same bytes
    metadata = {"Software": None} if ending == "png" else {"Date": None, "Creator": None}
    with mpl.rc_context({"svg.hashsalt": "rope_theory", "svg.fonttype": "path"}):
        figure.savefig(buffer, format=ending, dpi=150, metadata=metadata, bbox_inches="tight")
    return buffer.getvalue()


@dataclass(frozen=True)
class Workshop:
    """Where parts are made and remembered, and the committed files beside which they are laid.

    Attributes
    ----------
    figures : Path
        Untracked folder in which parts are made.
    cache : Path
        Untracked folder with one note per finished part: the hash of its inputs and of each file it wrote.
    store : Store
        Where the sweeps lie that parts read.
    committed : Path
        Folder of the committed files and of manifest.json, which has the inputs, versions and files of each part.
    formats : tuple of str
        Endings of the pictures that are made; those but "png" are for looking at and never committed.
    """

    figures: Path = ROOT / "build" / "reproduction" / "figures"
    cache: Path = ROOT / ".cache" / "paper_repro"
    store: Store = STORE
    committed: Path = ROOT / "figures"
    formats: tuple[str, ...] = ("png",)

    def is_finished(self, part: Part) -> bool:
        """Tell whether ``part`` was made from the same inputs, code and versions, and its files are untouched."""
        note = self._note(part)
        pictures = {f"{part.name}.{ending}" for ending in self.formats if part.draw is not None}
        return (
            note.get("inputs") == fingerprint(part, self.store)
            and pictures <= set(note["files"])
            and all(_digest(self.figures / name) == sha256 for name, sha256 in note["files"].items())
        )

    def make(self, part: Part) -> None:
        """Make ``part`` and note that it is finished."""
        written = part.make(self.figures, self.store, self.formats)
        hashes = {path.name: files.digest(path.read_bytes()) for path in written}
        note = {"inputs": fingerprint(part, self.store), "files": hashes}
        files.write(self.cache / f"{part.name}.json", files.as_json(note))

    def compare(self, part: Part, *, pictures: bool = False) -> Comparison:
        """Compare the files of a finished part with the committed ones, and with what manifest.json says of them.

        Parameters
        ----------
        part : Part
            A finished part.
        pictures : bool
            Whether pictures are compared that another version of matplotlib drew, which sets text elsewhere.
        """
        entry = self.manifest().get(part.name, {})
        hashes = entry.get("files", {})
        committed = {name: self.committed / name for name in hashes if (self.committed / name).is_file()}
        computed = {name: self.figures / name for name in self._to_commit(part)}
        drawn = entry.get("versions", {}).get("matplotlib")
        if not pictures and drawn != versions()["matplotlib"]:
            for known in (committed, computed):
                known.pop(f"{part.name}.png", None)
        found = compare(part.name, computed, committed, part.tolerance)
        wrong = [
            Difference(name, "not the file that manifest.json describes", None, math.inf, False)
            for name, sha256 in hashes.items()
            if _digest(self.committed / name) != sha256
        ]
        if entry and entry.get("inputs") != json_ready(dict(part.inputs)):
            wrong.append(Difference("manifest.json", f"inputs of {part.name}", None, math.inf, False))
        return replace(found, identical=found.identical and not wrong, differences=(*wrong, *found.differences))

    def commit(self, parts: Sequence[Part], names: Collection[str]) -> None:
        """Copy the files of the named finished parts to ``committed``, and write manifest.json for ``parts``."""
        before, entries = self.manifest(), {}
        for part in parts:
            if part.name in names:
                hashes = self._to_commit(part)
                for name in hashes:
                    files.write(self.committed / name, (self.figures / name).read_bytes())
                for name in set(before.get(part.name, {}).get("files", {})) - set(hashes):
                    (self.committed / name).unlink(missing_ok=True)
                entries[part.name] = {
                    "kind": part.kind, "inputs": part.inputs, "files": hashes, "versions": versions(),
                }  # fmt: skip
            elif part.name in before:
                entries[part.name] = before[part.name]
        content = {"made_by": "python -m paper_repro --update", "parts": entries}
        files.write(self.committed / "manifest.json", files.as_json(content))

    def manifest(self) -> dict[str, Any]:
        """Return the parts of manifest.json by name; damaged entries are left out."""
        parts = _read(self.committed / "manifest.json").get("parts")
        return {name: entry for name, entry in parts.items() if _is_entry(entry)} if isinstance(parts, dict) else {}

    def clear_leftovers(self) -> None:
        """Delete half-written files of a killed run, and raise where nothing can be written: before any work."""
        for folder in (self.figures, self.cache):
            check_folder_place(folder)
        for folder in (self.figures, self.cache, self.committed, ROOT / "docs", ROOT / "docs" / "guides"):
            if folder.is_dir():
                remove_leftovers(folder)

    def files_of(self, part: Part) -> Collection[str]:
        """Return the names of a part's files, as it was made here or else committed; none where it is neither."""
        return set(self._to_commit(part)) or set(self.manifest().get(part.name, {}).get("files", {}))

    def _to_commit(self, part: Part) -> dict[str, str]:
        return {name: sha256 for name, sha256 in self._note(part)["files"].items() if not name.endswith(".svg")}

    def _note(self, part: Part) -> dict[str, Any]:
        """Return the note of a finished part; without files where it is missing or damaged."""
        note = _read(self.cache / f"{part.name}.json")
        return note if _is_entry(note) else {"files": {}}


def _is_entry(entry: Any) -> bool:
    """Tell whether ``entry`` names files with their hashes."""
    names = entry.get("files") if isinstance(entry, dict) else None
    return isinstance(names, dict) and all(isinstance(sha256, str) for sha256 in names.values())


def _digest(path: Path) -> str | None:
    return files.digest(path.read_bytes()) if path.is_file() else None


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
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
