"""Every verb that writes a file or a folder tests the place before it works."""

import json
import os

import pytest
from test_cli import LLAMA_31, call

from rope_theory import cli, doctor  # noqa: F401  (the verbs' modules are loaded)

VERBS = {
    "doctor --html": ("doctor", "CONFIG", "--html", "FILE"), "doctor --fix": ("doctor", "CONFIG", "--fix", "FILE"),
    "recommend --write": ("recommend", "CONFIG", "--length", "8192", "--write", "FILE"),
    "certify --save": ("certify", "--head-dim", "32", "--window", "64", "--save", "FILE"),
    "check --html": ("check", "MODEL", "--html", "FILE"),
    "extend --out": ("extend", "MODEL", "--out", "FILE"),
    "finetune --out": ("finetune", "MODEL", "--text", "TEXT", "--out", "FILE"),
    "finetune --checkpoints": ("finetune", "MODEL", "--text", "TEXT", "--out", "OUT", "--checkpoints", "FILE"),
}  # fmt: skip


@pytest.fixture
def begun(monkeypatch):
    """Fail when any verb begins to work."""
    import rope_theory as rt
    from rope_theory.cli import checkpoints

    for place, name in (
        (rt.doctor, "diagnose"),
        (rt.doctor, "recommend"),
        (checkpoints, "_loaded"),
        (rt.reports, "certify"),
    ):
        monkeypatch.setattr(place, name, lambda *_, **__: pytest.fail("work has begun"))


@pytest.mark.parametrize("place", ["/proc/self/new", "file/new", "pipe", "/dev/null"])
@pytest.mark.parametrize("verb", VERBS)
def test_a_place_that_cannot_be_written_to_is_refused_first(tmp_path, begun, verb, place):
    (tmp_path / "config.json").write_text(json.dumps(LLAMA_31))
    (tmp_path / "file").write_text("a file")
    os.mkfifo(tmp_path / "pipe")
    given = {"CONFIG": tmp_path / "config.json", "MODEL": tmp_path, "FILE": tmp_path / place, "TEXT": tmp_path / "file",
             "OUT": tmp_path / "out"}  # fmt: skip
    before = sorted(os.listdir(tmp_path))
    result = call(*(given.get(word, word) for word in VERBS[verb]))
    assert result.exit_code == 2, result.output
    assert isinstance(result.exception, SystemExit)
    assert result.stdout == ""
    assert result.stderr.startswith("rope-theory: ")
    assert sorted(os.listdir(tmp_path)) == before
    assert (tmp_path / "file").read_text() == "a file"


def test_a_full_disk_names_the_file(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    path = tmp_path / "certificate.json"
    monkeypatch.setattr(os, "fsync", full)
    result = call("certify", "--head-dim", "32", "--window", "64", "--save", path)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"{path} could not be written: No space left on device. Free some space" in " ".join(result.stderr.split())
    assert not list(tmp_path.iterdir())
