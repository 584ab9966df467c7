"""What every benchmark shares: a result, and the best of several timings."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rope_theory.reports import Record

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Measurement(Record):
    """One answered question.

    Attributes
    ----------
    question : str
        What was measured, against what.
    value, unit : float, str
        The number.
    aim : float
        What it should reach.
    better : {"above", "below"}
        On which side of the aim it should be.
    details : str
        Absolute times, errors and sizes of this run.
    """

    question: str
    value: float
    unit: str
    aim: float
    better: Literal["above", "below"]
    details: str

    @property
    def met(self) -> bool:
        """Whether the aim was reached."""
        return self.value >= self.aim if self.better == "above" else self.value <= self.aim


def best(function: Callable[[], object], repeats: int) -> float:
    """Return the shortest of ``repeats`` timings, in seconds."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def in_fresh_process(code: str) -> str:
    """Run ``code`` in a new Python process and return what it printed."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    if done.returncode:
        raise RuntimeError(f"The measured process failed:\n{done.stderr}")
    return done.stdout.strip()
