"""One writer for all files: whole or absent, named in errors, tested before work, cleaned after kills."""

import errno
import os
import signal
import subprocess
import sys
import threading

import pytest

from rope_theory._core import files as whole
from rope_theory._core.json_files import read_json

UNWRITABLE = "/proc/self"
"""A folder in which not even root can make a file."""


@pytest.fixture
def small_disk(tmp_path):
    """Return a disk of 64 kB that is nearly full."""
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip(
            "mount is not permitted here; the patched twin of this test ran, this one runs where it is permitted"
        )
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.fixture
def read_only_disk(small_disk):
    (small_disk / "old.json").write_text("old")
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    return small_disk


def full(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


def names(folder):
    return sorted(os.listdir(folder))


def test_a_full_disk_is_named_and_leaves_what_was_there(small_disk):
    path = small_disk / "table.json"
    whole.write_text(path, "old")
    for write in (lambda: whole.write_bytes(path, bytes(10**6)), lambda: big_folder(small_disk / "model")):
        with pytest.raises(OSError, match=r"could not be written: No space left on device\. Free") as caught:
            write()
        assert caught.value.errno == errno.ENOSPC
    assert "/model could not" in str(caught.value)
    assert names(small_disk) == ["table.json"]
    assert path.read_text() == "old"
    (small_disk / "filler").write_bytes(bytes(os.statvfs(small_disk).f_bavail * 4096))
    for check in (whole.check_place, whole.check_folder_place):
        with pytest.raises(OSError, match=r"new.* could not be written: No space left"):
            check(small_disk / "new")  # before any work
    assert names(small_disk) == ["filler", "table.json"]


def big_folder(place):
    with whole.whole_folder(place) as temporary:
        (temporary / "small").write_text("fits")
        (temporary / "weights").write_bytes(bytes(10**6))


def test_a_full_disk_is_named_also_where_none_can_be_mounted(tmp_path, monkeypatch):
    path = tmp_path / "table.json"
    whole.write_text(path, "old")
    monkeypatch.setattr(os, "fsync", full)
    for write in (lambda: whole.write_text(path, "new"), lambda: big_folder(tmp_path / "model"),
                  lambda: whole.check_place(path)):  # fmt: skip
        with pytest.raises(OSError, match=r"/(table.json|model) could not be written: No space left") as caught:
            write()
        assert caught.value.errno == errno.ENOSPC
    assert names(tmp_path) == ["table.json"]
    assert path.read_text() == "old"


def test_a_full_disk_is_found_behind_errors_of_libraries(tmp_path, monkeypatch):
    def write():
        with whole.whole_folder(tmp_path / "model") as temporary:
            (temporary / "half").write_text("ha")
            raise RuntimeError("words that nobody reads")

    with pytest.raises(RuntimeError, match="words that nobody reads"):  # there is room: it was something else
        write()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="model could not be written: No space left on device") as caught:
        write()
    assert caught.value.errno == errno.ENOSPC
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert names(tmp_path) == []


def test_a_read_only_disk_is_refused_before_work(read_only_disk):
    for place in (read_only_disk / "new.json", read_only_disk / "old.json"):
        for call in (whole.check_place, lambda path: whole.write_text(path, "new")):
            with pytest.raises(OSError, match=r"json could not be written: Read-only file system. Give a place"):
                call(place)
    with pytest.raises(OSError, match="Read-only file system"):
        whole.check_folder_place(read_only_disk / "a" / "b")
    assert names(read_only_disk) == ["old.json"]


def places(tmp_path):
    (tmp_path / "file").write_text("file")
    (tmp_path / "link").symlink_to("/dev/null")
    os.mkfifo(tmp_path / "pipe")
    return {
        f"{UNWRITABLE}/new.json": "could not be written", tmp_path: "is a folder",
        tmp_path / "none" / "x": "does not exist", tmp_path / "file" / "x": "is a file, not a folder",
        "/dev/full": "device or a pipe", "/dev/null": "device or a pipe",
        tmp_path / "pipe": "device or a pipe", tmp_path / "link": "device or a pipe",
        tmp_path / ("x" * 250): "could not be written: File name too long. Give a shorter name",
    }  # fmt: skip


def test_places_that_nothing_can_be_written_to_are_refused_in_words(tmp_path):
    for place, words in places(tmp_path).items():
        before = names(tmp_path)
        for call in (whole.check_place, lambda path: whole.write_text(path, "new")):
            with pytest.raises(OSError, match=words) as caught:
                call(type(tmp_path)(place))
            assert str(place) in str(caught.value) or "folder" in str(caught.value)
        assert names(tmp_path) == before
    assert (tmp_path / "link").is_symlink()  # and /dev/null is what it was
    assert not os.path.isfile("/dev/null")


def test_a_place_is_tested_without_a_trace(tmp_path):
    path = tmp_path / "table.json"
    whole.check_place(path)
    assert names(tmp_path) == []
    path.write_text("old")
    before = path.stat().st_mtime_ns
    whole.check_place(path)
    assert (path.read_text(), path.stat().st_mtime_ns, names(tmp_path)) == ("old", before, ["table.json"])


def test_an_existing_file_that_cannot_be_replaced_is_refused(tmp_path):
    path = tmp_path / "table.json"
    path.write_text("old")
    if subprocess.run(["chattr", "+i", str(path)], capture_output=True, check=False).returncode:
        pytest.skip("this file system has no immutable files; runs where chattr +i works, such as ext4 as root")
    try:
        for call in (whole.check_place, lambda path: whole.write_text(path, "new")):
            with pytest.raises(OSError, match=r"table.json could not be written: Operation not permitted"):
                call(path)
    finally:
        subprocess.run(["chattr", "-i", str(path)], check=True)
    assert names(tmp_path) == ["table.json"]


def test_a_link_is_followed_and_rights_are_kept(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "table.json").write_text("old")
    (tmp_path / "real" / "table.json").chmod(0o600)
    (tmp_path / "link.json").symlink_to(tmp_path / "real" / "table.json")
    whole.write_text(tmp_path / "link.json", "new")
    assert (tmp_path / "link.json").is_symlink()
    assert (tmp_path / "real" / "table.json").read_text() == "new"
    assert (tmp_path / "real" / "table.json").stat().st_mode & 0o777 == 0o600


WRITER = """
import os, sys, pathlib
from rope_theory._core import files as whole
def say_and_wait(_):
    print("writing", flush=True)
    sys.stdin.read()
os.fsync = say_and_wait
place = pathlib.Path(sys.argv[1])
if sys.argv[2] == "file":
    whole.write_bytes(place, b"half")
else:
    with whole.whole_folder(place) as folder:
        (folder / "half").write_text("half")
"""


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_leftovers_of_the_dead_go_with_the_next_write_and_those_of_the_living_stay(tmp_path, kind):
    place = tmp_path / "result"
    command = [sys.executable, "-c", WRITER, str(place), kind]
    writers = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [writer.stdout.readline() for writer in writers] == ["writing\n"] * 2
    killed, living = writers
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    other = tmp_path / f".other.{killed.pid}-0.partial"
    other.write_text("of another target")
    if kind == "file":
        whole.write_text(place, "whole")
    else:
        with whole.whole_folder(place) as folder:
            (folder / "whole").write_text("whole")
    left = [name for name in names(tmp_path) if name.endswith(whole.TEMPORARY)]
    assert sorted(left) == sorted([other.name, f".result.{living.pid}-0.partial"])
    whole.remove_leftovers(tmp_path)
    assert [name for name in names(tmp_path) if name.endswith(whole.TEMPORARY)] == [f".result.{living.pid}-0.partial"]
    living.send_signal(signal.SIGKILL)
    living.wait()
    for writer in writers:
        writer.stdin.close()
        writer.stdout.close()


def test_a_leftover_of_a_process_that_had_our_id_is_one(tmp_path):
    (tmp_path / f".result.{os.getpid()}-0.partial").write_text("of a container before")
    (tmp_path / f".result.{os.getpid()}.partial").write_text("as version 0.1 named them")
    (tmp_path / ".result.txt.partial").write_text("somebody's file")
    whole.write_text(tmp_path / "result", "whole")
    assert names(tmp_path) == [".result.txt.partial", "result"]


def test_threads_that_write_one_file_leave_one_of_the_contents(tmp_path):
    path = tmp_path / "result"
    contents = [bytes([number]) * 10**5 for number in range(8)]
    threads = [threading.Thread(target=whole.write_bytes, args=(path, content)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_bytes() in contents
    assert names(tmp_path) == ["result"]


def test_a_folder_that_is_replaced_comes_back_after_a_kill_between(tmp_path):
    place = tmp_path / "model"
    with whole.whole_folder(place) as folder:
        (folder / "weights").write_text("old")
    place.replace(tmp_path / f".model.before{whole.TEMPORARY}")  # as a kill between the two renames leaves it

    def fails():
        with whole.whole_folder(place, replace=True) as folder:
            (folder / "weights").write_text("new")
            raise ArithmeticError

    with pytest.raises(ArithmeticError):
        fails()
    assert (place / "weights").read_text() == "old"
    with whole.whole_folder(place, replace=True) as folder:
        (folder / "weights").write_text("new")
    assert (place / "weights").read_text() == "new"
    assert names(tmp_path) == ["model"]


def test_strict_json_is_read_and_other_is_named(tmp_path):
    path = tmp_path / "settings.json"
    path.write_text('{"a": [1, 2.5, null, true, "x"], "b": {"a": -1e-300}}')
    assert read_json(path, "settings", 1000) == {"a": [1, 2.5, None, True, "x"], "b": {"a": -1e-300}}
    for text, words in {
        "": "is empty", "{": "not valid JSON",
            '{"a": 1, "a": 1}': "'a' comes twice", '[{"b": {"c": 1, "c": 2}}]': "'c' comes twice",
        "[NaN]": "NaN",
        "[1e999]": "beyond float64", "1" * 999 + "1" * 2: "integer of 1001 digits", "[" * 33 + "]" * 33: "32 levels",
        "[" * 10**4: "32 levels|too deeply", "x" * 1001: "more than 1000 bytes",
    }.items():  # fmt: skip
        path.write_text(text)
        with pytest.raises(ValueError, match=words) as caught:
            read_json(path, "settings", 1001 if "digits" in words else 1000 if "bytes" in words else 10**5)
        assert str(caught.value).startswith(f"{path} is not settings: ")
