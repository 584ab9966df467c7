"""How much memory do the fast kernels take beyond their input and output?"""

from __future__ import annotations

from benchmarks.measure import Measurement, in_fresh_process

OFFSETS, AIM = 2**24, 256.0

COMMON = f"""
import numpy as np
from rope_theory import RopeConfig, score_curve
from rope_theory.bounds import abel_sum
from rope_theory.coefficients import random_phase
from rope_theory.scaling import Unscaled
theta = Unscaled().frequencies(RopeConfig(128)).theta
h = random_phase(64, seed=0)
count = {OFFSETS}
def status(name):
    line = next(line for line in open("/proc/self/status") if line.startswith(name))
    return int(line.split()[1]) / 1024
def peak(call, output):
    open("/proc/self/clear_refs", "w").write("5")  # forget the peak so far
    before = status("VmRSS")
    call()
    print(status("VmHWM") - before - output)
mib = count * 8 / 2**20
"""

CASES = {
    "score_curve": """
score_curve(h, theta, 0, 4096)
out = np.zeros(count); out += 1.0
peak(lambda: score_curve(h, theta, 0, count, out=out), 0.0)
""",
    "abel_sum": """
abel_sum(theta, np.arange(4096.0))
offsets = np.arange(float(count))
peak(lambda: abel_sum(theta, offsets), mib)
""",
}


def run() -> Measurement:
    taken = {name: float(in_fresh_process(COMMON + code)) for name, code in CASES.items()}
    return Measurement(
        question="peak memory of score_curve (one h) and abel_sum at 2^24 offsets, above input and output",
        value=max(taken.values()),
        unit="MiB",
        aim=AIM,
        better="below",
        details=", ".join(f"{name} {mib:.0f} MiB" for name, mib in taken.items()),
    )
