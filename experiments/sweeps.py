"""Sweeps: rows that take minutes to compute, kept in ``experiments/data/`` and read by every run.

``python -m paper_repro all --rebuild`` computes them again, chunk by chunk on all cores; a stopped rebuild resumes.
"""

from __future__ import annotations

import csv
import decimal
import importlib.metadata
import inspect
import json
import platform
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import joblib

from experiments import files
from rope_theory.reports import check_folder_place, in_workers, json_ready, remove_leftovers

HERE = Path(__file__).resolve().parent

PACKAGES = (
    "clarabel", "joblib", "matplotlib", "numba", "numpy", "python-flint", "rope_theory", "scikit-learn", "scipy",
    "torch", "transformers",
)  # fmt: skip
"""Packages whose version decides what is computed and drawn."""

Columns = Mapping[str, Any]
"""Equally long columns by name."""


@dataclass(frozen=True, eq=False)
class Sweep:
    """Rows too slow to compute in every run.

    Attributes
    ----------
    name : str
        Stem of its two files.
    kind : {"figures", "tables"}
        Which command rebuilds it.
    about : str
        What a row is, stored beside the rows.
    inputs : mapping
        Every setting it is computed from.
    chunks : callable
        inputs → sequence of mappings, each a piece of work of seconds that knows its settings.
    compute : callable
        chunk → columns, the same ones for every chunk; a function of a module, so that it travels to a worker.
    """

    name: str
    kind: Literal["figures", "tables"]
    about: str
    inputs: Mapping[str, Any]
    chunks: Callable[[Mapping[str, Any]], Sequence[Mapping[str, Any]]]
    compute: Callable[[Mapping[str, Any]], Columns]

    @property
    def command(self) -> str:
        """The command that computes it again."""
        return f"python -m paper_repro {self.kind} --rebuild"


@dataclass(frozen=True)
class Store:
    """Where the rows of sweeps lie, and those of an unfinished rebuild.

    Attributes
    ----------
    data : Path
        Folder with NAME.csv, the rows, and NAME.json, what they were computed from.
    cache : Path
        Untracked folder with the finished chunks of a rebuild that is not.
    """

    data: Path = HERE / "data"
    cache: Path = HERE.parent / ".cache" / "sweeps"

    def read(self, sweep: Sweep) -> dict[str, list[Any]]:
        """Return the stored columns of ``sweep``: text, integers or floats.

        Raises
        ------
        ValueError
            When files are missing or damaged, or the rows were computed from other inputs; the message names the
            command that helps.
        """
        rows, facts = self._rows(sweep), self._facts(sweep)
        remedy = f"Compute the sweep with `{sweep.command}`, or restore its files."
        for path in (rows, facts):
            if not path.is_file():
                raise ValueError(f"The sweep {sweep.name} lacks its file {path}. {remedy}")
        content = rows.read_bytes()
        try:
            stored = json.loads(facts.read_bytes())
            inputs, sha256 = stored["inputs"], stored["sha256"]
        except (ValueError, KeyError, TypeError):
            raise ValueError(f"{facts} does not describe the sweep {sweep.name}. {remedy}") from None
        if sha256 != files.digest(content):
            raise ValueError(f"{rows} is not the file that {facts.name} describes. {remedy}")
        asked = json_ready(dict(sweep.inputs))
        if inputs != asked:
            names = sorted(set(inputs) | set(asked)) if isinstance(inputs, dict) else []
            other = [name for name in names if inputs.get(name) != asked.get(name)] or ["all of them"]
            raise ValueError(
                f"The sweep {sweep.name} was computed from other inputs than the code asks for now "
                f"({', '.join(other)}). Compute it again with `{sweep.command}`."
            )
        lines = list(csv.reader(content.decode().splitlines()))
        return {name: _typed([line[place] for line in lines[1:]]) for place, name in enumerate(lines[0])}

    def digest(self, sweep: Sweep) -> str:
        """Return a hash of the sweep's files; missing ones count as empty."""
        places = (self._rows(sweep), self._facts(sweep))
        return files.digest(b"\0".join(path.read_bytes() if path.is_file() else b"" for path in places))

    def work(self, sweeps: Iterable[Sweep]) -> int:
        """Return how many chunks ``sweeps`` have together."""
        return sum(len(sweep.chunks(sweep.inputs)) for sweep in sweeps)

    def rebuild(self, sweeps: Sequence[Sweep], report: Callable[[str, int], None] = lambda name, chunks: None) -> None:
        """Compute ``sweeps`` on all cores and write their files.

        Finished chunks are remembered until all sweeps are done, so that the next rebuild after a stop resumes.

        Parameters
        ----------
        sweeps : sequence of Sweep
            What to compute.
        report : callable
            Called with a sweep's name and 1 for each of its chunks, remembered ones too.
        """
        memory = joblib.Memory(self.cache, verbose=0)
        work = memory.cache(_chunk_rows)
        for sweep in sweeps:
            chunks = [(sweep.compute, json_ready(dict(chunk)), _recipe(sweep)) for chunk in sweep.chunks(sweep.inputs)]
            found = []
            for columns in in_workers(work, chunks):
                found.append(columns)
                report(sweep.name, 1)
            self._write(sweep, found)
        memory.clear(warn=False)

    def clear_leftovers(self) -> None:
        """Delete half-written files of a killed rebuild, and raise where nothing can be written: before any work."""
        for folder in (self.data, self.cache):
            check_folder_place(folder)
        remove_leftovers(self.data)

    def _write(self, sweep: Sweep, found: Sequence[Columns]) -> None:
        columns = {name: [value for rows in found for value in rows[name]] for name in found[0]}
        content = files.as_csv(columns)
        files.write(self._rows(sweep), content)
        facts = {
            "name": sweep.name, "about": sweep.about, "inputs": sweep.inputs, "rows": len(next(iter(columns.values()))),
            "sha256": files.digest(content), "versions": versions(), "made_by": sweep.command,
        }  # fmt: skip
        files.write(self._facts(sweep), files.as_json(facts))

    def _rows(self, sweep: Sweep) -> Path:
        return self.data / f"{sweep.name}.csv"

    def _facts(self, sweep: Sweep) -> Path:
        return self.data / f"{sweep.name}.json"


def _chunk_rows(compute: Callable[[Mapping[str, Any]], Columns], chunk: Mapping[str, Any], recipe: str) -> Columns:
    """Return the rows of a chunk; ``recipe`` is there to be remembered with them."""
    rows: Columns = json_ready(dict(compute(chunk)))
    return rows


def _recipe(sweep: Sweep) -> str:
    """Return a hash of the versions and the code that decide the rows of a chunk."""
    return files.digest(files.as_json({"versions": versions(), "code": _code(inspect.getfile(sweep.compute))}))


@cache
def _code(module: str) -> str:
    return files.digest_of(sorted([Path(module), *(HERE.parent / "rope_theory").rglob("*.py")]))


@cache
def versions() -> dict[str, str]:
    """Return the versions that decide what is computed and drawn: stored with sweeps, parts and runs."""
    found = {name: importlib.metadata.version(name) for name in PACKAGES}
    return {**found, "python": platform.python_version(), "machine": platform.machine()}


def _typed(texts: list[str]) -> list[Any]:
    for kind in (int, float):
        try:
            return [kind(text) for text in texts]
        except ValueError:
            continue
    return texts


def rounded_down(value: float) -> float:
    """Return ``value`` at ten significant digits, rounded towards minus infinity: what ``files.as_csv`` prints."""
    return _rounded(value, decimal.ROUND_FLOOR)


def rounded_up(value: float) -> float:
    """Return ``value`` at ten significant digits, rounded towards infinity."""
    return _rounded(value, decimal.ROUND_CEILING)


def _rounded(value: float, direction: str) -> float:
    return float(decimal.Context(prec=10, rounding=direction).create_decimal_from_float(value))
