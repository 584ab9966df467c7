"""kill -9 at random moments of fine-tuning and the reproduction: nothing half-written, and the same results after."""

import contextlib
import csv
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("accelerate")

ROOT = Path(__file__).resolve().parents[2]
KILLS = 20
FRACTIONS = [random.Random(number).random() for number in range(KILLS)]
"""Moments of the kills, as shares of the time that an unbroken run takes."""

SERVER = """
import json, os, sys, time
from pathlib import Path
sys.path[:0] = {paths!r}
import warnings; warnings.simplefilter("ignore")
{imports}
main = __name__ == "__main__"  # workers import this script again
if main:
    print("ready", flush=True)
for line in sys.stdin if main else ():  # a process for each run, forked where torch is loaded already
    child = os.fork()
    if not child:
        try:
            work(Path(line.strip()))
            os._exit(0)
        except BaseException as error:
            print("failed", repr(error)[:500].replace(chr(10), " "), file=sys.stderr, flush=True)
            os._exit(1)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""

FINETUNE = """
import numpy as np, torch
torch.set_num_threads(1)
from tiny_models import build
import rope_theory as rt
from rope_theory.models import finetune
MODEL = build("llama", max_position_embeddings=24)
STREAM = np.random.default_rng(0).integers(3, 9, 3000)
def work(place):
    done = finetune(MODEL, STREAM, scaling=rt.scaling.PositionInterpolation(2.0), length=48, steps=40, batch=2,
                    rate=1e-3, folder=place / "run", save_every=1)
    weights = {name: weight.double().sum().item() for name, weight in done.model.state_dict().items()}
    (place / "result.json").write_text(json.dumps({"losses": done.losses.tolist(), "weights": weights}))
"""

REPRODUCE = """
from paper_repro import figure_5, table_abel
from experiments.parts import Workshop
from experiments.sweeps import Store, Sweep
import slow_sweep
def work(place):
    store = Store(place / "data", place / "cache" / "sweeps")
    store.clear_leftovers()
    workshop = Workshop(place / "made", place / "cache" / "notes", store, place / "figures")
    workshop.clear_leftovers()
    parts = [module.PART for module in (table_abel, figure_5)]
    made = {part.name: workshop.make(part) for part in parts}
    differing = [part for part in parts if workshop.compare(part, made[part.name]).status != "identical"]
    workshop.commit(parts, {part.name: made[part.name] for part in differing})
    store.rebuild([slow_sweep.SWEEP])
"""

SWEEP = """
from experiments.sweeps import Sweep
def chunks(inputs):
    return [{"n": n} for n in range(12)]
def compute(chunk):
    import time
    time.sleep(0.02)
    return {"n": [chunk["n"]], "square": [chunk["n"] ** 2 / 7]}
SWEEP = Sweep("slow", "figures", "squares", {"count": 12}, chunks, compute)
"""


class Server:
    """Runs of one work, each in a process of its own."""

    def __init__(self, folder, imports):
        script = folder / "server.py"
        paths = [str(ROOT), str(ROOT / "tests"), str(folder)]
        script.write_text(SERVER.format(paths=paths, imports=imports))
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "PYTHONWARNINGS": "ignore:resource_tracker:UserWarning",
            "PYTHONPATH": os.pathsep.join(paths),
        }
        self.process = subprocess.Popen(
            [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        assert self._line() == "ready"

    def _line(self):
        return self.process.stdout.readline().strip()

    def run(self, place, kill_after=None):
        """Run in a folder, killed after so many seconds where they are given; return exit code and seconds."""
        begin = time.monotonic()
        self.process.stdin.write(f"{place}\n")
        self.process.stdin.flush()
        child = int(self._line())
        if kill_after is not None:
            time.sleep(kill_after)
            with contextlib.suppress(ProcessLookupError):  # finished before
                os.kill(child, signal.SIGKILL)
        return int(self._line()), time.monotonic() - begin

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=60)
        self.process.stdout.close()


@pytest.fixture
def server(tmp_path, request):
    (tmp_path / "slow_sweep.py").write_text(SWEEP)
    made = Server(tmp_path, request.param)
    yield made
    made.close()


def contents(place, ignore=()):
    """Return the bytes of all files with a final name."""
    return {
        str(path.relative_to(place)): path.read_bytes()
        for path in sorted(place.rglob("*"))
        if path.is_file() and not set(path.relative_to(place).parts) & set(ignore)
    }


def temporary(place):
    return [path for path in place.rglob("*") if path.name.endswith(".partial")]


def check_whole(place):
    """Read every file with a final name after a kill: each is what it says it is."""
    from rope_theory.models import run_folder

    for path in place.rglob("*"):
        if path.is_dir() or any(part.endswith(".partial") for part in path.parts) or path.name == ".lock":
            continue
        content = path.read_bytes()
        if path.suffix == ".json":
            json.loads(content)
        elif path.suffix == ".csv":
            rows = list(csv.reader(content.decode().splitlines()))
            assert content.endswith(b"\n"), path
            assert len({len(row) for row in rows}) == 1, path
        elif path.suffix == ".png":
            assert content.endswith(b"IEND\xaeB`\x82"), path
    for checkpoint in place.rglob("checkpoint-*"):
        if not any(part.endswith(".partial") for part in checkpoint.parts):
            run = json.loads((checkpoint / run_folder.MANIFEST).read_bytes())["run"]
            assert run_folder.damage_of(checkpoint, run, run_folder.STATE) is None


def killed_and_resumed(server, tmp_path, capsys, ignore, compared):
    whole = tmp_path / "whole"
    whole.mkdir()
    (tmp_path / "warm").mkdir()
    server.run(tmp_path / "warm")
    code, seconds = server.run(whole)
    assert code == 0
    expected = contents(whole, ignore)
    assert compared <= set(expected)
    in_the_middle = left = 0
    for number, fraction in enumerate(FRACTIONS):
        place = tmp_path / f"killed {number}"
        place.mkdir()
        code, _ = server.run(place, kill_after=fraction * seconds)
        in_the_middle += code == -signal.SIGKILL
        left += bool(temporary(place))
        check_whole(place)
        assert server.run(place)[0] == 0
        assert temporary(place) == []
        assert contents(place, ignore) == expected
        shutil.rmtree(place)
    with capsys.disabled():
        print(f"\n{KILLS} kills, {in_the_middle} in the middle of {seconds:.1f} s, {left} with leftovers: all resumed")
    assert in_the_middle >= KILLS // 2


@pytest.mark.slow
@pytest.mark.parametrize("server", [FINETUNE], indirect=True, ids=["finetune"])
def test_fine_tuning_survives_kills(server, tmp_path, capsys):
    # checkpoints hold times; losses and weights are those of the unbroken run
    killed_and_resumed(server, tmp_path, capsys, {"run"}, {"result.json"})


@pytest.mark.slow
@pytest.mark.parametrize("server", [REPRODUCE], indirect=True, ids=["reproduce"])
def test_the_reproduction_survives_kills(server, tmp_path, capsys):
    killed_and_resumed(
        server, tmp_path, capsys, {"cache"}, {"figures/figure_5.png", "figures/manifest.json", "data/slow.csv"}
    )


@pytest.mark.slow
@pytest.mark.parametrize(("number", "group"), [(signal.SIGINT, False), (signal.SIGINT, True), (signal.SIGTERM, False)])
def test_a_stopped_rebuild_ends_its_workers(tmp_path, monkeypatch, number, group):
    monkeypatch.syspath_prepend(ROOT / "tests" / "core")
    from test_workers import descendants, seconds_until_gone

    folders = ("experiments", "paper_repro", "proofs", "rope_theory")
    for name in (*folders, "pyproject.toml", "constraints.txt", "README.md"):
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, tmp_path / name)
    process = subprocess.Popen(
        [sys.executable, "-m", "paper_repro", "tables", "--rebuild", "--only", "table_worst_case"], cwd=tmp_path,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    until = time.monotonic() + 120
    while len(descendants(process.pid)) < 3 and time.monotonic() < until:
        assert process.poll() is None
        time.sleep(0.1)
    time.sleep(4.0)  # until they compute
    assert seconds_until_gone(process, number, group) < 5.0  # measured: 0.2 to 0.3 s
    assert process.returncode == 128 + number
    message = process.stderr.read()
    process.stderr.close()
    assert "Stopped. What is finished is kept" in message
    assert "Traceback" not in message
    assert "resource_tracker" not in message
