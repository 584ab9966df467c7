"""A part of the reproduction: what it is computed from, how, and the files it leaves behind."""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import joblib

from experiments import files
from experiments.compared import Comparison, Difference, Tolerance, compare
from experiments.sweeps import Store, Sweep, versions
from rope_theory.reports import Record, check_folder_place, json_ready, remove_leftovers

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROOT = Path(__file__).resolve().parent.parent
"""The project folder: figures/, docs/, build/ and the cache lie in it."""

REMEMBERED = "256M"
"""Most that is remembered of parts; what was used longest ago is forgotten first."""

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


def _contents(part: Part, store: Store, formats: Sequence[str], recipe: str) -> dict[str, bytes]:
    """Return the files of a part by name; ``recipe`` is there to be remembered with them."""
    data = part.data(store)
    contents = {
        f"{part.name}.{table}.csv" if len(data.tables) > 1 else f"{part.name}.csv": files.as_csv(columns)
        for table, columns in data.tables.items()
    }
    if data.facts:
        contents[f"{part.name}.json"] = files.as_json(files.rounded(data.facts))
    if part.draw is not None:
        from matplotlib import pyplot as plt

        figure = part.draw(data)
        contents |= {f"{part.name}.{ending}": _rendered(figure, ending) for ending in formats}
        plt.close(figure)
    return contents


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
        Untracked folder in which the files of each part are remembered, by what they were made from.
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

    def make(self, part: Part) -> dict[str, bytes]:
        """Lay the files of ``part`` into ``figures``, and return those that may be committed.

        They are computed once for the same inputs, code and versions, and remembered.
        """
        contents = self._memory().cache(_contents, ignore=["part", "store"])
        made: dict[str, bytes] = contents(
            part, self.store, self.formats if part.draw is not None else (), fingerprint(part, self.store)
        )
        for name, content in made.items():
            files.write(self.figures / name, content)
        return {name: content for name, content in made.items() if not name.endswith(".svg")}

    def compare(self, part: Part, made: Mapping[str, bytes], *, pictures: bool = False) -> Comparison:
        """Compare the files of a part with the committed ones, and those with what manifest.json says of them.

        Parameters
        ----------
        part : Part
            A part.
        made : mapping
            Its files.
        pictures : bool
            Whether pictures are compared that another version of matplotlib drew, which sets text elsewhere.
        """
        entry = self.manifest().get(part.name, {})
        hashes = entry.get("files", {})
        committed = files.present(self.committed, hashes)
        wrong = [
            Difference(name, "not the file that manifest.json describes", None, math.inf, False)
            for name, sha256 in hashes.items()
            if name not in committed or files.digest(committed[name]) != sha256
        ]
        if entry and entry.get("inputs") != json_ready(dict(part.inputs)):
            wrong.append(Difference("manifest.json", f"inputs of {part.name}", None, math.inf, False))
        if not pictures and entry.get("versions", {}).get("matplotlib") != versions()["matplotlib"]:
            made, committed = (
                {name: content for name, content in known.items() if not name.endswith(".png")}
                for known in (made, committed)
            )
        found = compare(part.name, made, committed, part.tolerance)
        return replace(found, identical=found.identical and not wrong, differences=(*wrong, *found.differences))

    def commit(self, parts: Sequence[Part], made: Mapping[str, Mapping[str, bytes]]) -> None:
        """Write the files of the parts that ``made`` names to ``committed``, and manifest.json for all ``parts``."""
        before = self.manifest()
        entries = {part.name: before[part.name] for part in parts if part.name in before}
        for part in parts:
            if part.name not in made:
                continue
            contents = made[part.name]
            for name, content in contents.items():
                files.write(self.committed / name, content)
            for name in set(entries.get(part.name, {}).get("files", {})) - set(contents):
                (self.committed / name).unlink(missing_ok=True)
            hashes = {name: files.digest(content) for name, content in contents.items()}
            entries[part.name] = {"kind": part.kind, "inputs": part.inputs, "files": hashes, "versions": versions()}
        manifest = {"made_by": "python -m paper_repro --update", "parts": entries}
        files.write(self.committed / "manifest.json", files.as_json(manifest))

    def manifest(self) -> dict[str, Any]:
        """Return the parts of manifest.json by name; damaged entries are left out."""
        try:
            parts = json.loads((self.committed / "manifest.json").read_bytes())["parts"]
            whole = (name for name, entry in parts.items() if isinstance(entry, dict))
            return {name: parts[name] for name in whole if isinstance(parts[name].get("files"), dict)}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return {}

    def clear_leftovers(self) -> None:
        """Delete half-written files of a killed run, and raise where nothing can be written: before any work."""
        for folder in (self.figures, self.cache):
            check_folder_place(folder)
        for folder in (self.figures, self.committed, ROOT / "docs", ROOT / "docs" / "guides"):
            remove_leftovers(folder)
        self._memory().reduce_size(bytes_limit=REMEMBERED)

    def _memory(self) -> joblib.Memory:
        return joblib.Memory(self.cache, verbose=0)


def fingerprint(part: Part, store: Store = STORE) -> str:
    """Return a hash of what decides the part's files: inputs, sweeps, versions, code and kind of processor."""
    recipe = {
        "name": part.name,
        "inputs": dict(part.inputs),
        "sweeps": {sweep.name: store.digest(sweep) for sweep in part.sweeps},
        "versions": versions(),
        "code": _code(),
    }
    return files.digest(files.as_json(recipe))


@cache
def _code() -> str:
    folders = (ROOT / name for name in ("rope_theory", "experiments", "paper_repro"))
    return files.digest_of(path for folder in folders for path in sorted(folder.rglob("*.py")))
