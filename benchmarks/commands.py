"""How long do the two commands take after installation, and how much memory?"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from pathlib import Path

from benchmarks.measure import ROOT, Measurement


def run() -> list[Measurement]:
    """Measure ``make reproduce`` and ``make test`` in a fresh clone that shares this environment."""
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "clone"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        (clone / ".venv").symlink_to(ROOT / ".venv")
        reproduce, memory = _timed(clone, "reproduce")
        test, _ = _timed(clone, "test")
    return [
        Measurement("make reproduce after installation", reproduce / 60, "min", 5.0, "below", f"{reproduce:.0f} s"),
        Measurement("make reproduce, largest process", memory, "GiB", 4.0, "below", f"{1024 * memory:.0f} MiB"),
        Measurement("make test after installation", test / 60, "min", 12.0, "below", f"{test:.0f} s"),
    ]


def _timed(clone: Path, target: str) -> tuple[float, float]:
    """Return seconds, and GiB of the largest process, of one make target."""
    log = clone / f".{target}.log"
    start = time.perf_counter()
    with log.open("w") as output:
        process = subprocess.Popen(
            ["make", "-o", ".venv/.installed", target], cwd=clone, stdout=output, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"make {target} failed:\n{log.read_text()[-8000:]}")
    return time.perf_counter() - start, usage.ru_maxrss / 2**20
