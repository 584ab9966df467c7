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


def computes(workshop, part):
    """Make a part as another run would; return whether it was computed, not remembered."""
    before = squares.calls
    workshop.make(replace(part))
    return squares.calls > before


def test_a_part_leaves_its_data_and_its_picture(part, workshop):
    workshop.make(part)
    assert sorted(os.listdir(workshop.figures)) == ["squares.csv", "squares.json", "squares.png"]


def test_svg_is_made_on_demand_and_never_committed(part, workshop):
    workshop.make(part)
    both = replace(workshop, formats=("png", "svg"))
    assert computes(both, part)
    made = both.make(part)
    assert not computes(both, part)
    assert not computes(workshop, part)
    assert (workshop.figures / "squares.svg").read_bytes().rstrip().endswith(b"</svg>")
    both.commit([part], {"squares": made})
    assert sorted(os.listdir(workshop.committed)) == ["manifest.json", "squares.csv", "squares.json", "squares.png"]
    assert both.compare(part, made).status == "identical"


def test_finished_parts_are_known_until_something_changes(part, workshop, monkeypatch):
    assert computes(workshop, part)
    assert not computes(workshop, part)
    assert computes(workshop, replace(part, inputs={"count": 5}))
    assert not computes(workshop, part)
    monkeypatch.setattr(parts, "versions", lambda: {"numpy": "another"})
    assert computes(workshop, part)
    monkeypatch.setattr(parts, "_code", lambda: "another")
    assert computes(workshop, part)


@pytest.mark.parametrize("name", ["squares.csv", "squares.png"])
def test_a_touched_or_missing_file_is_mended(part, workshop, name):
    content = workshop.make(part)[name]
    (workshop.figures / name).write_bytes(b"edited")
    assert not computes(workshop, part)
    assert (workshop.figures / name).read_bytes() == content
    (workshop.figures / name).unlink()
    assert not computes(workshop, part)
    assert (workshop.figures / name).read_bytes() == content


def test_the_same_inputs_give_the_same_bytes(part, tmp_path):
    first, second = Workshop(tmp_path / "1", tmp_path / "c1"), Workshop(tmp_path / "2", tmp_path / "c2")
    first.make(part)
    second.make(part)
    for path in first.figures.iterdir():
        assert path.read_bytes() == (second.figures / path.name).read_bytes(), path.name


def test_after_a_failure_between_files_the_rest_is_written(part, workshop, monkeypatch):
    real = files.write

    def fails_at_png(path, content):
        if path.suffix == ".png":
            raise OSError(28, "No space left on device")
        real(path, content)

    monkeypatch.setattr(files, "write", fails_at_png)
    with pytest.raises(OSError, match="No space"):
        workshop.make(part)
    assert sorted(os.listdir(workshop.figures)) == ["squares.csv", "squares.json"]
    monkeypatch.setattr(files, "write", real)
    assert not computes(workshop, part)
    assert sorted(os.listdir(workshop.figures)) == ["squares.csv", "squares.json", "squares.png"]


def test_a_folder_that_cannot_be_written_to_is_named_before_any_work(part, workshop, tmp_path):
    (tmp_path / "figures").write_text("a file")
    with pytest.raises(NotADirectoryError, match="figures is a file, not a folder"):
        workshop.clear_leftovers()
    assert sorted(os.listdir(tmp_path)) == ["figures"]


def test_manifest_names_inputs_versions_and_hashes(part, workshop):
    made = workshop.make(part)
    workshop.commit([part], {"squares": made})
    manifest = json.loads((workshop.committed / "manifest.json").read_text())
    entry = manifest["parts"]["squares"]
    assert entry["inputs"] == {"count": 4}
    assert set(entry["versions"]) >= {"numpy", "matplotlib", "python", "rope_theory"}
    for name, sha256 in entry["files"].items():
        assert files.digest((workshop.committed / name).read_bytes()) == sha256


def test_a_second_update_changes_nothing(part, workshop):
    made = workshop.make(part)
    workshop.commit([part], {"squares": made})
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in workshop.committed.iterdir()}
    assert not computes(workshop, part)
    assert workshop.compare(part, made).status == "identical"
    workshop.commit([part], {})
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in workshop.committed.iterdir()} == before


def test_manifest_keeps_parts_made_elsewhere(part, workshop):
    made = workshop.make(part)
    workshop.commit([part], {"squares": made})
    before = (workshop.committed / "manifest.json").read_bytes()
    shutil.rmtree(workshop.cache)  # as in a fresh clone
    workshop.commit([part], {})
    assert (workshop.committed / "manifest.json").read_bytes() == before
    (workshop.committed / "manifest.json").write_text('{"parts": {"squares": 3}}')
    workshop.commit([part], {})
    assert json.loads((workshop.committed / "manifest.json").read_text())["parts"] == {}


def test_stale_files_of_a_part_are_removed(part, workshop):
    made = workshop.make(part)
    workshop.commit([part], {"squares": made})
    bare = replace(part, draw=None)
    made = workshop.make(bare)
    found = workshop.compare(bare, made)
    assert found.status == "differs"
    assert [one.sentence for one in found.differences] == ["squares.png: no such file was computed (not expected)"]
    workshop.commit([bare], {"squares": made})
    assert not (workshop.committed / "squares.png").exists()
    assert workshop.compare(bare, made).status == "identical"


def test_comparison_says_where_by_how_much_and_whether_it_was_expected(part, workshop):
    made = workshop.make(part)
    found = workshop.compare(part, made)
    assert {one.place for one in found.differences} == {"there is no such committed file"}
    workshop.commit([part], {"squares": made})

    def off(by, rounding=()):
        def compute(inputs):
            data = squares(inputs)
            columns = data.tables["squares"]
            moved = [value * (1 + by) for value in columns["square"]]
            return Data({"squares": {"n": columns["n"], "square": moved}}, {"count": data.facts["count"] * (1 + by)})

        allowed = Tolerance(rounding={"squares.csv": rounding, "squares.json": ("count",)} if rounding else {})
        changed = replace(part, compute=compute, tolerance=allowed)
        shutil.rmtree(workshop.cache)  # as after a change of code
        return workshop.compare(changed, workshop.make(changed))

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
    made = workshop.make(part)
    workshop.commit([part], {"squares": made})
    (workshop.committed / "squares.png").unlink()
    assert workshop.compare(part, made).status == "differs"
    workshop.commit([part], {"squares": made})
    (workshop.committed / "squares.csv").write_text((workshop.committed / "squares.csv").read_text() + "\n")
    found = workshop.compare(part, made)
    assert found.status == "differs"
    assert "not the file that manifest.json describes" in found.differences[0].sentence


@pytest.mark.filterwarnings("ignore:Exception while loading results")
@pytest.mark.parametrize("damage", [b"", b"half", b"{}", None])
def test_what_is_damaged_in_the_cache_is_computed_again(part, workshop, damage):
    workshop.make(part)
    (place,) = workshop.cache.rglob("output.pkl")
    place.write_bytes(place.read_bytes()[:100] if damage is None else damage)
    assert computes(workshop, part)
    assert not computes(workshop, part)


def test_every_part_has_its_files_in_the_project():
    manifest = json.loads((ROOT / "figures" / "manifest.json").read_text())
    assert sorted(manifest["parts"]) == sorted(part.name for part in PARTS)
    for entry in manifest["parts"].values():
        for name, sha256 in entry["files"].items():
            assert files.digest((ROOT / "figures" / name).read_bytes()) == sha256, name


def test_a_manifest_says_nothing_of_inputs_that_files_are_not_of(part, workshop):
    made = workshop.make(part)
    workshop.commit([part], {"squares": made})
    before = workshop.manifest()["squares"]
    changed = replace(part, inputs={"count": 5})
    workshop.commit([changed], {})
    assert workshop.manifest()["squares"] == before
    assert before["inputs"] == {"count": 4}
    found = workshop.compare(changed, workshop.make(changed))
    assert "manifest.json: inputs of squares (not expected)" in [one.sentence for one in found.differences]
