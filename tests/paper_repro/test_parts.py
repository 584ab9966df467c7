"""Finished parts are skipped, changed ones are made again, interrupted ones leave nothing behind."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from paper_repro import files, parts
from paper_repro.command import PARTS
from paper_repro.parts import ROOT, Data, Part, Workshop


def squares(inputs):
    squares.calls += 1
    numbers = list(range(inputs["count"]))
    return Data(tables={"squares": {"n": numbers, "square": [n * n for n in numbers]}}, facts={"count": len(numbers)})


def draw(data):
    from matplotlib.figure import Figure

    figure = Figure()
    figure.subplots().plot(data.tables["squares"]["n"], data.tables["squares"]["square"])
    return figure


@pytest.fixture
def part():
    squares.calls = 0
    return Part("squares", "figures", {"count": 4}, squares, draw)


@pytest.fixture
def workshop(tmp_path):
    return Workshop(tmp_path / "figures", tmp_path / "cache")


def test_a_part_leaves_its_data_and_both_pictures(part, workshop):
    workshop.make(part)
    assert sorted(os.listdir(workshop.figures)) == [
        "squares.csv",
        "squares.json",
        "squares.png",
        "squares.svg",
    ]


def test_finished_parts_are_known_until_something_changes(part, workshop, monkeypatch):
    assert not workshop.is_finished(part)
    workshop.make(part)
    assert workshop.is_finished(part)
    assert not workshop.is_finished(replace(part, inputs={"count": 5}))
    monkeypatch.setattr(parts, "versions", lambda: {"numpy": "another"})
    assert not workshop.is_finished(part)


@pytest.mark.parametrize("name", ["squares.csv", "squares.png"])
def test_a_touched_or_missing_file_is_noticed(part, workshop, name):
    workshop.make(part)
    (workshop.figures / name).write_bytes(b"edited")
    assert not workshop.is_finished(part)
    (workshop.figures / name).unlink()
    assert not workshop.is_finished(part)


def test_the_same_inputs_give_the_same_bytes(part, tmp_path):
    first, second = Workshop(tmp_path / "1", tmp_path / "c1"), Workshop(tmp_path / "2", tmp_path / "c2")
    first.make(part)
    second.make(part)
    for path in first.figures.iterdir():
        assert path.read_bytes() == (second.figures / path.name).read_bytes(), path.name


def test_a_failure_between_files_is_not_taken_for_finished(part, workshop, monkeypatch):
    real = files.write

    def fails_at_svg(path, content):
        if path.suffix == ".svg":
            raise OSError(28, "No space left on device")
        real(path, content)

    monkeypatch.setattr(files, "write", fails_at_svg)
    with pytest.raises(OSError, match="No space"):
        workshop.make(part)
    assert not workshop.is_finished(part)
    monkeypatch.setattr(files, "write", real)
    workshop.make(part)
    assert workshop.is_finished(part)


def test_manifest_names_inputs_versions_and_hashes(part, workshop):
    workshop.make(part)
    workshop.write_manifest([part])
    manifest = json.loads((workshop.figures / "manifest.json").read_text())
    entry = manifest["parts"]["squares"]
    assert entry["inputs"] == {"count": 4}
    assert set(entry["versions"]) >= {"numpy", "matplotlib", "python", "rope_theory"}
    for name, sha256 in entry["files"].items():
        assert files.digest((workshop.figures / name).read_bytes()) == sha256


def test_manifest_keeps_parts_made_elsewhere_while_their_files_are_theirs(part, workshop):
    workshop.make(part)
    workshop.write_manifest([part])
    before = (workshop.figures / "manifest.json").read_bytes()
    shutil.rmtree(workshop.cache)  # as in a fresh clone
    workshop.write_manifest([part])
    assert (workshop.figures / "manifest.json").read_bytes() == before
    (workshop.figures / "manifest.json").write_text('{"parts": {"squares": 3}}')
    workshop.write_manifest([part])
    (workshop.figures / "squares.csv").write_text("edited")
    workshop.write_manifest([part])
    assert json.loads((workshop.figures / "manifest.json").read_text())["parts"] == {}


@pytest.mark.parametrize("damage", ["{", "[]", "{}", '{"inputs": "x"}', '{"inputs": "x", "files": []}'])
def test_a_damaged_note_means_unfinished(part, workshop, damage):
    workshop.make(part)
    (workshop.cache / "squares.json").write_text(damage)
    assert not workshop.is_finished(part)
    workshop.write_manifest([part])
    workshop.make(part)
    assert workshop.is_finished(part)


def test_every_part_has_its_files_in_the_project():
    manifest = json.loads((ROOT / "figures" / "manifest.json").read_text())
    assert sorted(manifest["parts"]) == sorted(part.name for part in PARTS)
    for entry in manifest["parts"].values():
        for name, sha256 in entry["files"].items():
            assert files.digest((ROOT / "figures" / name).read_bytes()) == sha256, name


@pytest.fixture
def project(tmp_path):
    """Return a copy of what the command needs, without its memory."""
    for name in ("paper_repro", "rope_theory", "pyproject.toml", "README.md"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tmp_path / name)
    return tmp_path


def test_command_makes_everything_and_a_second_run_changes_nothing(project):
    def run():
        done = subprocess.run(
            [sys.executable, "-m", "paper_repro", "all"],
            cwd=project,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        kept = [*(project / "figures").iterdir(), project / "README.md"]
        return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in kept}

    first = run()
    assert {"figure_1.png", "figure_2.svg", "figure_5.json", "claims.json", "manifest.json"} <= set(first)
    assert run() == first  # not even rewritten


def test_two_runs_side_by_side_and_a_stop_at_any_moment(project):
    command = [sys.executable, "-m", "paper_repro", "all"]
    runs = [subprocess.Popen(command, cwd=project, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for _ in range(2)]
    messages = [run.communicate()[1].decode() for run in runs]
    assert [run.returncode for run in runs] == [0, 0], messages
    shutil.rmtree(project / ".cache")
    for seconds in (1.0, 2.0, 3.5):
        run = subprocess.Popen(command, cwd=project, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        time.sleep(seconds)
        run.send_signal(signal.SIGINT)
        message = run.communicate()[1].decode()
        assert run.returncode in (0, 130), message
        assert "Traceback" not in message
        assert ("Stopped." in message) == (run.returncode == 130)
    assert subprocess.run(command, cwd=project, capture_output=True, check=False).returncode == 0
    for folder in (project, project / "figures", project / ".cache" / "paper_repro"):
        assert not list(folder.glob(f".*{files.TEMPORARY}"))


def test_command_refuses_unknown_targets(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "paper_repro", "everything"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "figures" in done.stderr
