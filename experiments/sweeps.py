"""Sweeps: rows that take minutes to compute, kept in ``experiments/data/`` and read by every run.

``python -m paper_repro all --rebuild`` computes them again, chunk by chunk on all cores; a stopped rebuild goes on
where it was.
"""

from __future__ import annotations

import csv
import decimal
import importlib.metadata
import inspect
import platform
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from experiments import files
from rope_theory._core.files import check_folder_place
from rope_theory._core.json_files import parse_json
from rope_theory._core.optional import load
from rope_theory._core.progress import closing
from rope_theory._core.records import json_ready
from rope_theory._core.workers import tied

HERE = Path(__file__).resolve().parent

PACKAGES = ("clarabel", "joblib", "numpy", "python-flint", "scipy", "torch", "transformers", "rope_theory")
"""Packages whose version is stored with a sweep."""

PATIENCE = 20
"""Seconds without work after which a worker goes, if a killed run left it behind."""

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
            stored = parse_json(facts.read_bytes(), facts.name)
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

        Every finished chunk is kept until all sweeps are done, so that the next rebuild after a stop begins with them.

        Parameters
        ----------
        sweeps : sequence of Sweep
            What to compute.
        report : callable
            Called with a sweep's name and the number of chunks just finished.
        """
        for sweep in sweeps:
            self._compute(sweep, report)
        for sweep in sweeps:
            shutil.rmtree(self.cache / sweep.name, ignore_errors=True)

    def clear_leftovers(self) -> None:
        """Delete half-written files of a killed rebuild, and raise where nothing can be written: before any work."""
        for folder in (self.data, self.cache):
            check_folder_place(folder)
        for folder in (self.data, *self.cache.glob("*")):
            if folder.is_dir():
                files.remove_leftovers(folder)

    def _compute(self, sweep: Sweep, report: Callable[[str, int], None]) -> None:
        joblib = load("joblib", "certify")
        chunks = [json_ready(dict(chunk)) for chunk in sweep.chunks(sweep.inputs)]
        places = [self.cache / sweep.name / f"{files.digest(_recipe(sweep, chunk))[:24]}.json" for chunk in chunks]
        found = {number: rows for number, place in enumerate(places) if (rows := _kept(place)) is not None}
        report(sweep.name, len(found))
        missing = [number for number in range(len(chunks)) if number not in found]
        with joblib.parallel_config(backend="loky", inner_max_num_threads=1, idle_worker_timeout=PATIENCE):
            workers = joblib.Parallel(n_jobs=-1, return_as="generator_unordered")
            work = [joblib.delayed(tied(_work))(sweep.compute, number, chunks[number]) for number in missing]
            with closing(workers(work)) as finished:
                for number, rows in finished:
                    files.write(places[number], files.as_json(rows))
                    found[number] = rows
                    report(sweep.name, 1)
        names = list(found[0])
        columns = {name: [value for n in range(len(chunks)) for value in found[n][name]] for name in names}
        content = files.as_csv(columns)
        files.write(self._rows(sweep), content)
        facts = {
            "name": sweep.name, "about": sweep.about, "inputs": sweep.inputs, "rows": len(columns[names[0]]),
            "sha256": files.digest(content), "versions": versions(), "made_by": sweep.command,
        }  # fmt: skip
        files.write(self._facts(sweep), files.as_json(facts))

    def _rows(self, sweep: Sweep) -> Path:
        return self.data / f"{sweep.name}.csv"

    def _facts(self, sweep: Sweep) -> Path:
        return self.data / f"{sweep.name}.json"


def _work(compute: Callable[[Mapping[str, Any]], Columns], number: int, chunk: Any) -> tuple[int, Any]:
    return number, json_ready(dict(compute(chunk)))


def _kept(place: Path) -> dict[str, list[Any]] | None:
    """Return the rows of a chunk finished before a stop."""
    try:
        rows = parse_json(place.read_bytes(), place.name)
    except (OSError, ValueError):
        return None
    return rows if isinstance(rows, dict) and rows else None


def _recipe(sweep: Sweep, chunk: Any) -> bytes:
    """Return what decides the rows of a chunk: its settings, the versions, and the code that makes rows of them."""
    return files.as_json({"chunk": chunk, "versions": versions(), "code": _code(inspect.getfile(sweep.compute))})


@cache
def _code(module: str) -> str:
    sources = [Path(module), *(HERE.parent / "rope_theory").rglob("*.py")]
    return files.digest(b"".join(path.read_bytes() for path in sorted(sources)))


@cache
def versions() -> dict[str, str]:
    """Return the versions stored with a sweep."""
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
