"""Workers end when the process that started them ends, in whatever way: nothing computes on for nobody."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SCRIPT = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in what a shell starts in the background
import joblib
from rope_theory._core import workers
def busy(number):
    print("working", flush=True)
    time.sleep(60)
if __name__ == "__main__":
    print("started", flush=True)
    list(joblib.Parallel(n_jobs=2, return_as="generator")(joblib.delayed(workers.tied(busy))(n) for n in range(4)))
"""


def descendants(pid):
    """Return the ids of all living processes below one."""
    children = {}
    for place in Path("/proc").iterdir():
        if place.name.isdigit():
            try:
                status = (place / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if status[0] != "Z":
                children.setdefault(int(status[1]), []).append(int(place.name))
    found, todo = [], [pid]
    while todo:
        below = children.get(todo.pop(), [])
        found, todo = found + below, todo + below
    return found


def lives(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def seconds_until_gone(process, number, group):
    """Send a signal and return after how many seconds the process and all below it are gone."""
    below = descendants(process.pid)
    assert len(below) >= 2
    begin = time.monotonic()
    (os.killpg if group else os.kill)(process.pid, number)
    process.wait(timeout=30)
    while any(lives(pid) for pid in below) and time.monotonic() < begin + 30:
        time.sleep(0.02)
    return time.monotonic() - begin


@pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="processes are counted in /proc; runs where there is one"
)
@pytest.mark.parametrize(
    ("number", "group"),
    [(signal.SIGINT, False), (signal.SIGINT, True), (signal.SIGTERM, False), (signal.SIGKILL, False)],
)
def test_workers_end_with_their_parent(tmp_path, number, group):
    (tmp_path / "script.py").write_text(SCRIPT)
    process = subprocess.Popen(
        [sys.executable, str(tmp_path / "script.py")],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    try:
        assert [process.stdout.readline() for _ in range(3)] == ["started\n", "working\n", "working\n"]
        assert seconds_until_gone(process, number, group) < 5.0  # measured: 0.2 to 0.7 s
        assert process.returncode == -number
    finally:
        if process.poll() is None:
            process.kill()
        process.stdout.close()


def test_elsewhere_a_tied_function_is_the_function_alone():
    import threading

    from rope_theory._core import workers

    before = threading.active_count(), signal.getsignal(signal.SIGINT)
    assert workers.tied(pow)(2, 5) == 32
    assert (threading.active_count(), signal.getsignal(signal.SIGINT)) == before
