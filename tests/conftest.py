"""Fixed hypothesis profiles, and one thread a worker where pytest-xdist runs several."""

import os
from pathlib import Path

if "PYTEST_XDIST_WORKER" in os.environ:  # before numpy, torch and numba read them
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("NUMBA_CACHE_DIR", str(Path(__file__).parents[1] / ".cache" / "numba"))

from hypothesis import HealthCheck, settings

FIXED = {"deadline": None, "derandomize": True, "database": None, "print_blob": True}
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]

settings.register_profile("dev", max_examples=50, suppress_health_check=SLOW, **FIXED)
settings.register_profile("ci", max_examples=100, suppress_health_check=SLOW, **FIXED)
settings.register_profile("thorough", max_examples=500, suppress_health_check=SLOW, **FIXED)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))

LONGEST = (
    "test_two_processes_share_the_steps",
    "test_a_killed_run_ends_with_the_same_losses",
    "test_a_fifth_of_classes_and_methods",
)
"""Tests that start first, so that none of them runs on alone when all others are done."""


def pytest_collection_modifyitems(items):
    """Put the longest tests first."""
    items.sort(key=lambda item: not item.name.startswith(LONGEST))
