"""Files are whole or absent, whatever happens while they are written."""

import errno
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from experiments import files
from rope_theory.reports import remove_leftovers


def test_write_creates_folders_and_replaces(tmp_path):
    path = tmp_path / "deep" / "file.json"
    files.write(path, b"one")
    files.write(path, b"two")
    assert path.read_bytes() == b"two"
    assert os.listdir(path.parent) == ["file.json"]


def test_same_content_is_not_written_again(tmp_path):
    path = tmp_path / "file"
    files.write(path, b"same")
    before = path.stat().st_mtime_ns, path.stat().st_ino
    files.write(path, b"same")
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == before


def test_full_disk_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "file"
    files.write(path, b"old")

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        files.write(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_killed_while_writing_leaves_only_what_the_next_run_removes(tmp_path):
    code = (
        "import os, sys, pathlib\n"
        "from experiments import files\n"
        "os.fsync = lambda _: os._exit(9)\n"
        "files.write(pathlib.Path(sys.argv[1]), b'half')\n"
    )
    path = tmp_path / "figure.png"
    done = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert done.returncode == 9
    assert not path.exists()
    assert [name for name in os.listdir(tmp_path) if name.endswith(".partial")]
    remove_leftovers(tmp_path)
    assert os.listdir(tmp_path) == []


def test_json_is_strict_and_ordered():
    text = files.as_json({"b": np.float64(1.5), "a": [np.inf, 1 + 2j], "c": np.arange(2)}).decode()
    assert json.loads(text, parse_constant=lambda name: pytest.fail(name)) == {
        "a": ["inf", [1.0, 2.0]],
        "b": 1.5,
        "c": [0, 1],
    }
    assert text.index('"a"') < text.index('"b"')


def test_csv_reads_back_the_numbers_to_ten_digits():
    values = np.array([1 / 3, 1e-300, -0.0])
    lines = files.as_csv({"x": values, "n": np.arange(3)}).decode().splitlines()
    assert lines[0] == "x,n"
    assert [float(line.split(",")[0]) for line in lines[1:]] == [0.3333333333, 1e-300, 0.0]
    assert [line.split(",")[1] for line in lines[1:]] == ["0", "1", "2"]


def test_csv_refuses_columns_of_different_length():
    with pytest.raises(ValueError, match=r"shorter|longer"):
        files.as_csv({"x": [1, 2], "y": [1]})
