"""Finished parts are skipped, changed ones made again and compared, interrupted ones leave nothing behind."""

import json
import os
import re
import shutil
from dataclasses import replace

import pytest

from experiments import files, parts
from experiments.compared import Tolerance
from experiments.parts import ROOT, Data, Part, Workshop
from paper_repro.command import PARTS


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
    return Workshop(tmp_path / "figures", tmp_path / "cache", committed=tmp_path / "committed")


def test_a_part_leaves_its_data_and_its_picture(part, workshop):
    workshop.make(part)
    assert sorted(os.listdir(workshop.figures)) == ["squares.csv", "squares.json", "squares.png"]


def test_svg_is_made_on_demand_and_never_committed(part, workshop):
    workshop.make(part)
    both = replace(workshop, formats=("png", "svg"))
    assert not both.is_finished(part)
    both.make(part)
    assert both.is_finished(part)
    assert workshop.is_finished(part)
    assert (workshop.figures / "squares.svg").read_bytes().rstrip().endswith(b"</svg>")
    both.commit([part], {"squares"})
    assert sorted(os.listdir(workshop.committed)) == ["manifest.json", "squares.csv", "squares.json", "squares.png"]
    assert both.compare(part).status == "identical"


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

    def fails_at_png(path, content):
        if path.suffix == ".png":
            raise OSError(28, "No space left on device")
        real(path, content)

    monkeypatch.setattr(files, "write", fails_at_png)
    with pytest.raises(OSError, match="No space"):
        workshop.make(part)
    assert not workshop.is_finished(part)
    monkeypatch.setattr(files, "write", real)
    workshop.make(part)
    assert workshop.is_finished(part)


def test_a_folder_that_cannot_be_written_to_is_named_before_any_work(part, workshop, tmp_path):
    (tmp_path / "figures").write_text("a file")
    with pytest.raises(NotADirectoryError, match="figures is a file, not a folder"):
        workshop.clear_leftovers()
    assert sorted(os.listdir(tmp_path)) == ["figures"]


def test_manifest_names_inputs_versions_and_hashes(part, workshop):
    workshop.make(part)
    workshop.commit([part], {"squares"})
    manifest = json.loads((workshop.committed / "manifest.json").read_text())
    entry = manifest["parts"]["squares"]
    assert entry["inputs"] == {"count": 4}
    assert set(entry["versions"]) >= {"numpy", "matplotlib", "python", "rope_theory"}
    for name, sha256 in entry["files"].items():
        assert files.digest((workshop.committed / name).read_bytes()) == sha256


def test_a_second_update_changes_nothing(part, workshop):
    workshop.make(part)
    workshop.commit([part], {"squares"})
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in workshop.committed.iterdir()}
    assert workshop.is_finished(part)
    assert workshop.compare(part).status == "identical"
    workshop.commit([part], set())
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in workshop.committed.iterdir()} == before


def test_manifest_keeps_parts_made_elsewhere(part, workshop):
    workshop.make(part)
    workshop.commit([part], {"squares"})
    before = (workshop.committed / "manifest.json").read_bytes()
    shutil.rmtree(workshop.cache)  # as in a fresh clone
    workshop.commit([part], set())
    assert (workshop.committed / "manifest.json").read_bytes() == before
    (workshop.committed / "manifest.json").write_text('{"parts": {"squares": 3}}')
    workshop.commit([part], set())
    assert json.loads((workshop.committed / "manifest.json").read_text())["parts"] == {}


def test_stale_files_of_a_part_are_removed(part, workshop):
    workshop.make(part)
    workshop.commit([part], {"squares"})
    bare = replace(part, draw=None)
    workshop.make(bare)
    found = workshop.compare(bare)
    assert found.status == "differs"
    assert [one.sentence for one in found.differences] == ["squares.png: no such file was computed (not expected)"]
    workshop.commit([bare], {"squares"})
    assert not (workshop.committed / "squares.png").exists()
    assert workshop.compare(bare).status == "identical"


def test_comparison_says_where_by_how_much_and_whether_it_was_expected(part, workshop):
    workshop.make(part)
    found = workshop.compare(part)
    assert {one.place for one in found.differences} == {"there is no such committed file"}
    workshop.commit([part], {"squares"})

    def off(by, rounding=()):
        def compute(inputs):
            data = squares(inputs)
            columns = data.tables["squares"]
            moved = [value * (1 + by) for value in columns["square"]]
            return Data({"squares": {"n": columns["n"], "square": moved}}, {"count": data.facts["count"] * (1 + by)})

        allowed = Tolerance(rounding={"squares.csv": rounding, "squares.json": ("count",)} if rounding else {})
        changed = replace(part, compute=compute, tolerance=allowed)
        workshop.make(changed)
        return workshop.compare(changed)

    assert off(1e-8).status == "within tolerance"
    assert off(1e-8).largest == pytest.approx(1e-8, rel=0.1)
    wrong = off(1e-3)
    assert wrong.status == "differs"
    column, fact = (one.sentence for one in wrong.differences)
    assert re.fullmatch(r"squares.csv: square, line [345], by 0.001 \(not expected\)", column)
    assert fact == "squares.json: count, by 0.001 (not expected)"
    assert off(1e-3, ("square",)).status == "differs as expected"
    assert off(1e-3, ("n",)).status == "differs"


def test_committed_files_are_those_of_the_manifest(part, workshop):
    workshop.make(part)
    workshop.commit([part], {"squares"})
    (workshop.committed / "squares.png").unlink()
    assert workshop.compare(part).status == "differs"
    workshop.commit([part], {"squares"})
    (workshop.committed / "squares.csv").write_text((workshop.committed / "squares.csv").read_text() + "\n")
    found = workshop.compare(part)
    assert found.status == "differs"
    assert "not the file that manifest.json describes" in found.differences[0].sentence


@pytest.mark.parametrize("damage", ["{", "[]", "{}", '{"inputs": "x"}', '{"inputs": "x", "files": []}'])
def test_a_damaged_note_means_unfinished(part, workshop, damage):
    workshop.make(part)
    (workshop.cache / "squares.json").write_text(damage)
    assert not workshop.is_finished(part)
    workshop.make(part)
    assert workshop.is_finished(part)


def test_every_part_has_its_files_in_the_project():
    manifest = json.loads((ROOT / "figures" / "manifest.json").read_text())
    assert sorted(manifest["parts"]) == sorted(part.name for part in PARTS)
    for entry in manifest["parts"].values():
        for name, sha256 in entry["files"].items():
            assert files.digest((ROOT / "figures" / name).read_bytes()) == sha256, name


def test_a_manifest_says_nothing_of_inputs_that_files_are_not_of(part, workshop):
    workshop.make(part)
    workshop.commit([part], {"squares"})
    before = workshop.manifest()["squares"]
    changed = replace(part, inputs={"count": 5})
    workshop.commit([changed], set())
    assert workshop.manifest()["squares"] == before
    assert before["inputs"] == {"count": 4}
    workshop.make(changed)
    found = workshop.compare(changed)
    assert "manifest.json: inputs of squares (not expected)" in [one.sentence for one in found.differences]
