"""``python -m paper_repro``: verifies without touching the tree, rewrites with --update, survives stops."""

import functools
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from typer.testing import CliRunner

from experiments.parts import ROOT, Data, Part, Workshop
from paper_repro import claims, command


def reproduce(*options):
    """Run the command in this process; return its exit code and what it prints, in one line."""
    done = CliRunner().invoke(command.app, options)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, " ".join(done.output.split())


def status():
    """Return what git says of the checkout; a copy without git has nothing to say."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        return ""
    return subprocess.run(["git", "status", "--short"], cwd=ROOT, capture_output=True, text=True, check=True).stdout


@pytest.mark.slow  # `make check` runs `make reproduce`, which fails in the same cases
def test_the_whole_reproduction_agrees_with_what_is_committed_and_leaves_the_tree_as_it_was():
    before = status()
    done = subprocess.run([sys.executable, "-m", "paper_repro"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert status() == before
    rows = dict(line.split("│")[1:3] for line in done.stdout.splitlines() if line.count("│") == 4)
    rows = {name.strip(): outcome.strip() for name, outcome in rows.items() if name.strip()}
    pages = {"docs/claims.md", "docs/errata.md", "docs/proofs.md", "figures/README.md", "figures/claims.json"}
    assert set(rows) >= {part.name for part in command.PARTS} | pages
    assert set(rows.values()) <= {"identical", "within tolerance", "differs as expected"}
    assert rows["table_theorem"] in {"identical", "within tolerance"}
    made = {path.name for path in (ROOT / "build" / "reproduction" / "figures").iterdir()}
    assert {"figure_1.png", "figure_5.json", "claims.json", "README.md"} <= made


def number(inputs):
    time.sleep(inputs["seconds"])
    return Data(tables={"n": {"n": [1, 2], "third": [1 / 3, inputs["value"]]}}, facts={"value": inputs["value"]})


def toys(value=0.5, seconds=0.0):
    return tuple(
        Part(name, kind, {"value": value, "seconds": seconds}, number)
        for name, kind in (("one", "figures"), ("two", "figures"), ("three", "tables"))
    )


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """Let the command make three small parts into folders of the test."""
    place = functools.partial(Workshop, tmp_path / "figures", tmp_path / "notes", committed=tmp_path / "committed")
    monkeypatch.setattr(command, "Workshop", place)
    monkeypatch.setattr(command, "PARTS", toys())
    return tmp_path


NAMES = ("--only", "one", "--only", "two", "--only", "three")


def test_verifying_writes_nothing_committed_and_an_update_only_what_differs(toy):
    code, said = reproduce(*NAMES)
    assert code == 1
    assert "3 different, which was not expected: one, three, two." in said
    assert not (toy / "committed").exists()
    assert reproduce("--update", *NAMES)[0] == 0
    code, said = reproduce(*NAMES)
    assert code == 0
    assert said.count("identical") == 3
    before = {path: path.stat().st_mtime_ns for path in (toy / "committed").iterdir()}
    assert len(before) == 7  # a table and facts each, and the manifest
    assert reproduce("--update", *NAMES)[0] == 0
    assert {path: path.stat().st_mtime_ns for path in (toy / "committed").iterdir()} == before


def test_a_part_that_differs_is_named_with_its_place_and_only_it_is_rewritten(toy, monkeypatch):
    assert reproduce("figures", "--update", "--only", "one", "--only", "two")[0] == 0
    before = (toy / "committed" / "two.csv").stat().st_mtime_ns
    monkeypatch.setattr(command, "PARTS", toys(0.75)[:1] + toys()[1:])
    code, said = reproduce("--only", "one", "--only", "two")
    assert code == 1
    assert "one.csv: third, line 3, by 0.5 (not expected)" in said
    assert "1 different, which was not expected: one." in said
    assert reproduce("--update", "--only", "one")[0] == 0
    assert "0.75" in (toy / "committed" / "one.csv").read_text()
    assert (toy / "committed" / "two.csv").stat().st_mtime_ns == before
    assert reproduce("--only", "one", "--only", "two")[0] == 0


def test_a_changed_verdict_ends_with_an_error(monkeypatch):
    entries = [{**entry, "verdict": "holds"} if entry["id"] == "theorem_2_1" else entry for entry in claims.recorded()]
    monkeypatch.setattr(claims, "recorded", lambda: entries)
    code, said = reproduce("claims", "--only", "theorem_2_1")
    assert code == 1
    assert "1 with another verdict than before: theorem_2_1." in said
    assert "not expected" not in said  # the numbers are the committed ones


def test_a_folder_that_cannot_be_written_to_ends_in_words_and_nothing_is_left(toy):
    (toy / "figures").write_text("in the way")
    code, said = reproduce(*NAMES)
    assert code == 1
    assert "figures is a file, not a folder" in said
    assert "What was finished before is kept." in said
    assert sorted(os.listdir(toy)) == ["figures"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root writes everywhere")
def test_a_read_only_folder_ends_in_words(toy):
    (toy / "figures").mkdir(mode=0o500)
    code, said = reproduce(*NAMES)
    assert code == 1
    assert "Give a place that you may write to" in said


def test_a_full_disk_ends_in_words_and_the_next_run_resumes(toy, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    assert reproduce("--only", "one")[0] == 1  # finished, and not committed
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        code, said = reproduce(*NAMES)
    assert code == 1
    assert "No space left on device" in said
    assert not list(toy.rglob(".*.partial"))
    made = (toy / "figures" / "one.csv").stat().st_mtime_ns
    assert reproduce("--update", *NAMES)[0] == 0
    assert (toy / "figures" / "one.csv").stat().st_mtime_ns == made


TOY = """
import functools, runpy, sys
from pathlib import Path
sys.path[:0] = [{root!r}, {tests!r}]
from paper_repro import command
from experiments.parts import Workshop
import test_command
here = Path({folder!r})
command.PARTS = test_command.toys(seconds=0.4)
command.Workshop = functools.partial(Workshop, here / "figures", here / "notes", committed=here / "committed")
runpy.run_module("paper_repro", run_name="__main__", alter_sys=True)
"""


def test_two_runs_side_by_side_and_a_stop_at_any_moment(tmp_path):
    script = TOY.format(root=str(ROOT), tests=str(ROOT / "tests" / "paper_repro"), folder=str(tmp_path))

    def start():
        return subprocess.Popen(
            [sys.executable, "-c", script, "--update", *NAMES], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )

    runs = [start() for _ in range(2)]
    messages = [run.communicate()[1].decode() for run in runs]
    assert [run.returncode for run in runs] == [0, 0], messages
    expected = {path.name: path.read_bytes() for path in (tmp_path / "committed").iterdir()}
    assert len(expected) == 7
    shutil.rmtree(tmp_path / "notes")
    shutil.rmtree(tmp_path / "figures")
    for number_of_signal, waited in ((signal.SIGINT, "one.csv"), (signal.SIGTERM, "two.csv")):
        run = start()
        while not (tmp_path / "figures" / waited).exists() and run.poll() is None:
            time.sleep(0.01)
        run.send_signal(number_of_signal)
        message = run.communicate()[1].decode()
        assert run.returncode in (0, 128 + number_of_signal), message
        assert "Traceback" not in message
        assert ("Stopped." in message) == (run.returncode != 0)
    last = start()
    assert (last.communicate()[1], last.returncode)[1] == 0
    assert {path.name: path.read_bytes() for path in (tmp_path / "committed").iterdir()} == expected
    assert not list(tmp_path.rglob(".*.partial"))


def test_unknown_targets_and_names_are_refused():
    code, said = reproduce("everything")
    assert code == 2
    assert "figures" in said
    code, said = reproduce("figures", "--only", "figure_9")
    assert code == 1
    assert "'figure_9' is not among the figures: figure_1" in said


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["figures", "--only", "figure_1", "--preset", "full"], "leave --only out, or the preset"),
        (["all", "--only", "figure_1", "--rebuild"], "figure_1 read no stored sweeps"),
        (["claims", "--rebuild"], "claims read no stored sweeps"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options, words):
    code, said = reproduce(*options)
    assert code == 1
    assert words in said
