"""Stored sweeps say what they came from, a stopped rebuild goes on, stored rows come out again."""

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from toy_sweep import thirds

from experiments import files, sweeps
from experiments import worst_case_rows as rows
from experiments.parts import ROOT, Data, Part, Workshop, fingerprint
from experiments.sweeps import Store, rounded_down, rounded_up
from paper_repro.command import PARTS

SWEEPS = list(dict.fromkeys(sweep for part in PARTS for sweep in part.sweeps))
WORST_CASES = [sweep for sweep in SWEEPS if sweep.name.startswith("worst_case")]
"""Those of certificates; the others are tested beside their parts."""


@pytest.fixture
def sweep(tmp_path):
    return thirds(tmp_path)[0]


@pytest.fixture
def computed(tmp_path):
    """Return a function that tells how many chunks were computed so far."""
    log = tmp_path / "computed.txt"
    return lambda: len(log.read_text().split()) if log.is_file() else 0


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """Return the sweep with the files of a whole rebuild, for tests that only read them."""
    folder = tmp_path_factory.mktemp("stored")
    sweep, _ = thirds(folder)
    store = Store(folder / "data", folder / "cache")
    store.rebuild([sweep])
    return sweep, store


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "data", tmp_path / "cache")


def test_rows_come_back_in_order_with_their_types(sweep, store, computed):
    seen = []
    store.rebuild([sweep], lambda name, count: seen.append((name, count)))
    columns = store.read(sweep)
    assert columns["n"] == [0, 0, 1, 1, 2, 2, 3, 3]
    assert columns["value"][::2] == pytest.approx([0, 1 / 3, 2 / 3, 1], rel=1e-9)
    assert columns["name"][:2] == ["third", "minus one"]
    assert sum(count for _, count in seen) == store.work([sweep]) == 4
    facts = json.loads((store.data / "thirds.json").read_text())
    assert facts["rows"] == 8
    assert facts["inputs"] == sweep.inputs
    assert set(facts["versions"]) >= {"clarabel", "python-flint", "numpy", "python"}
    store.rebuild([sweep])  # finished: the next rebuild computes everything again
    assert computed() == 8


def stop_after(store, sweep, count):
    """Stop a rebuild once so many chunks are finished."""
    finished = []

    def report(name, chunks):
        finished.extend([name] * chunks)
        if len(finished) == count:
            raise ArithmeticError("stopped here")

    with pytest.raises(ArithmeticError, match="stopped here"):
        store.rebuild([sweep], report)


def test_a_stopped_rebuild_keeps_its_chunks_and_the_next_one_begins_with_them(sweep, store, computed):
    store.rebuild([sweep])
    before = store.read(sweep)
    assert computed() == 4
    stop_after(store, sweep, 2)
    assert store.read(sweep) == before  # what was there is still whole
    seen = []
    store.rebuild([sweep], lambda name, count: seen.append(count))
    assert sum(seen) == 4
    assert computed() < 4 + 4 + 4  # two at least were remembered
    assert computed() >= 4 + 4
    assert store.read(sweep) == before


def test_damaged_chunks_and_changed_code_are_computed_again(sweep, store, computed, monkeypatch):
    stop_after(store, sweep, 4)
    assert computed() == 4
    for place in store.cache.rglob("output.pkl"):
        place.write_bytes(b"half")
    stop_after(store, sweep, 4)
    assert computed() == 8
    stop_after(store, sweep, 4)
    assert computed() == 8
    monkeypatch.setattr(sweeps, "_code", lambda module: "other")
    store.rebuild([sweep])
    assert computed() == 12
    assert len(store.read(sweep)["n"]) == 8


def test_another_question_than_the_stored_one_is_an_error_that_names_the_command(stored):
    sweep, store = stored
    asked = replace(sweep, inputs={**sweep.inputs, "count": 5})
    with pytest.raises(ValueError, match=r"other inputs .*\(count\).* `python -m paper_repro tables --rebuild`"):
        store.read(asked)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("thirds.csv", None, "lacks its file"),
        ("thirds.json", None, "lacks its file"),
        ("thirds.csv", "n,value\n1,2\n", "is not the file that thirds.json describes"),
        ("thirds.json", "{", "does not describe the sweep thirds"),
        ("thirds.json", "[]", "does not describe the sweep thirds"),
        ("thirds.json", '{"inputs": 3}', "does not describe the sweep thirds"),
    ],
)
def test_missing_or_damaged_files_are_errors_that_name_the_command(stored, tmp_path, name, content, message):
    sweep, whole = stored
    store = Store(tmp_path / "data", tmp_path / "cache")
    shutil.copytree(whole.data, store.data)
    path = store.data / name
    if content is None:
        path.unlink()
    else:
        path.write_text(content)
    with pytest.raises(ValueError, match=message) as caught:
        store.read(sweep)
    assert "python -m paper_repro tables --rebuild" in str(caught.value)


def test_a_part_is_made_again_when_its_sweep_changes(stored, tmp_path):
    sweep, whole = stored
    store = Store(tmp_path / "data", tmp_path / "cache")

    def table(inputs, columns):
        return Data(tables={"thirds": columns})

    part = Part("thirds", "tables", {}, table, sweeps=(sweep,))
    workshop = Workshop(tmp_path / "figures", tmp_path / "notes", store)
    with pytest.raises(ValueError, match="lacks its file"):
        workshop.make(part)
    shutil.copytree(whole.data, store.data)
    made = workshop.make(part)
    assert workshop.make(replace(part)) == made
    before = fingerprint(part, store)
    content = (store.data / "thirds.csv").read_bytes().replace(b"minus one", b"-1")
    (store.data / "thirds.csv").write_bytes(content)
    assert fingerprint(part, store) != before
    with pytest.raises(ValueError, match="is not the file that"):  # it is read again
        workshop.make(replace(part))


RUN = """
import sys
from pathlib import Path
sys.path[:0] = [{root!r}, {here!r}]
import slow
from experiments.sweeps import Store
if __name__ == "__main__":
    store = Store(Path({folder!r}) / "data", Path({folder!r}) / "cache")
    store.rebuild([slow.SWEEP], lambda name, count: print(count, flush=True))
"""
SLOW = """
import os, time
from pathlib import Path
from experiments.sweeps import Sweep
def chunks(inputs):
    return [{"n": n} for n in range(6)]
def compute(chunk):
    while chunk["n"] > 0 and "GO" not in os.environ:  # which workers of a killed run never see
        time.sleep(0.05)
    with (Path(__file__).parent / "computed").open("a") as log:
        log.write(f"{chunk['n']}\\n")
    return {"n": [chunk["n"]]}
SWEEP = Sweep("slow", "figures", "", {}, chunks, compute)
"""


def test_kill_9_in_the_middle_loses_only_what_was_being_computed(tmp_path):
    (tmp_path / "slow.py").write_text(SLOW)
    script = tmp_path / "run.py"
    script.write_text(RUN.format(root=str(ROOT), here=str(tmp_path), folder=str(tmp_path)))
    command = [sys.executable, str(script)]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert run.stdout.readline() == "1\n"  # one chunk is finished
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    run.stdout.close()
    kept = len(list((tmp_path / "cache").rglob("output.pkl")))
    assert kept >= 1
    assert not (tmp_path / "data").exists()
    (tmp_path / "computed").unlink()
    subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, "GO": "1"})
    assert len((tmp_path / "computed").read_text().split()) == 6 - kept
    store = Store(tmp_path / "data", tmp_path / "cache")
    assert (store.data / "slow.csv").read_text().split() == ["n", *"012345"]


@pytest.mark.parametrize("value", [1.12335190049, -1.12335190051, 2e-300, 3025.7387879999, 64.0])
def test_rounding_goes_outwards_and_survives_the_csv(value):
    below, above = rounded_down(value), rounded_up(value)
    for rounded, side in ((below, 1), (above, -1)):
        text = files.as_csv({"x": [rounded]}).decode().splitlines()[1]
        assert float(text) == rounded
        assert side * (Decimal(value) - Decimal(text)) >= 0
    assert above - below <= 2e-9 * abs(value)


# what is committed ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sweep", WORST_CASES, ids=lambda sweep: sweep.name)
def test_committed_rows_are_those_the_code_asks_for(sweep):
    columns = Store().read(sweep)
    asked = sweep.chunks(sweep.inputs)
    assert columns["offset"] == [s for chunk in asked for s in chunk["offsets"]]
    assert {len(values) for values in columns.values()} == {len(columns["offset"])}
    lower, upper = np.array(columns["lower"]), np.array(columns["upper"])
    assert (lower <= upper).all()
    assert ((upper - lower) / upper).max() < 1e-4


@pytest.mark.parametrize("sweep", WORST_CASES, ids=lambda sweep: sweep.name)
def test_a_few_committed_rows_come_out_again(sweep):
    columns = Store().read(sweep)
    asked = sweep.chunks(sweep.inputs)
    starts = np.cumsum([0, *(len(chunk["offsets"]) for chunk in asked)])
    rng = np.random.default_rng(0)
    for number in rng.choice([n for n, chunk in enumerate(asked) if chunk["window"] <= 2049], 2, replace=False):
        first, stop = starts[number], starts[number + 1]
        chunk = asked[number]
        if sweep.name != "worst_case_window":  # whose chunks are a row a cell
            first += rng.integers(stop - first)
            stop = first + 1
            chunk = {**chunk, "offsets": [columns["offset"][first]]}
        for name, values in sweep.compute(chunk).items():
            stored = columns[name][first:stop]
            tolerance = 1e-4 if name in ("lower", "upper") else 1e-9
            numeric = not isinstance(stored[0], str)
            assert list(values) == (pytest.approx(stored, rel=tolerance) if numeric else stored), name


def test_offsets_are_stored_as_they_were_proved():
    with pytest.raises(ValueError, match="more than the ten digits"):
        rows.bounds(rows.frequencies(16, 1e4, 16), [1 / 3], 16, 1.0)


def test_shown_digits_are_those_both_bounds_agree_on():
    assert rows.shown(1.1234, 1.1236) == "1.12"
    assert rows.shown(1.1234, 1.1236, 4) == "1.123 to 1.124"
    assert rows.shown(34.53665738, 34.53667434, 4) == "34.54"
    assert rows.shown(3025.738788, 3025.741951, 4) == "3026"
    assert rows.shown(1.0, 1.0) == "1.00"
