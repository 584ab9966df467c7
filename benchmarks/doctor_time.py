"""How long does ``rope-theory doctor`` take, start of Python included?"""

from __future__ import annotations

import subprocess
import sys

from benchmarks.measure import ROOT, Measurement, best

CONFIGS = ROOT / "tests" / "reference" / "configs"
ROUNDS, AIM = 5, 1.0


def seconds(name: str) -> float:
    """Return how long a fresh process takes to diagnose a released config."""
    command = [sys.executable, "-m", "rope_theory", "doctor", str(CONFIGS / f"{name}.json")]
    return best(lambda: subprocess.run(command, check=True, capture_output=True), ROUNDS)


def run() -> Measurement:
    times = {path.stem: seconds(path.stem) for path in sorted(CONFIGS.glob("*.json"))}
    slowest = max(times, key=lambda name: times[name])
    return Measurement(
        question=f"rope-theory doctor on a released config, a fresh process, slowest of {len(times)}",
        value=times[slowest],
        unit="s",
        aim=AIM,
        better="below",
        details=f"best of {ROUNDS}: " + ", ".join(f"{name} {1e3 * value:.0f} ms" for name, value in times.items()),
    )
