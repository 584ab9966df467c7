"""How long does a check of the reference model's heads take with default settings, and how much memory?"""

from __future__ import annotations

import json

from benchmarks.measure import Measurement, in_fresh_process

AIM = 90.0

CODE = """
import contextlib, io, json, sys, time
start = time.perf_counter()
from rope_theory.cli import app
with contextlib.redirect_stdout(io.StringIO()):
    app(["check", "experiments/reference_llama"], standalone_mode=False)
taken = time.perf_counter() - start
peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) / 2**20
print(json.dumps([taken, peak]))
"""


def run() -> Measurement:
    taken, peak = json.loads(in_fresh_process(CODE).splitlines()[-1])
    return Measurement(
        question="rope-theory check of the reference model, default settings",
        value=taken,
        unit="s",
        aim=AIM,
        better="below",
        details="imports included; 24 heads, 1024 pairs per head, four tables, offsets to 4L; "
        f"peak memory of the process {peak:.2f} GiB",
    )
