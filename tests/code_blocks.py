"""Python of pages, run as a reader would run it."""

import re
import subprocess
import sys


def python_blocks(page):
    """Return the fenced Python blocks of a page."""
    return re.findall(r"```python\n(.*?)```", page, re.DOTALL)


WARNINGS = ("-W", "error", "-W", "ignore::DeprecationWarning:joblib._parallel_backends")
"""joblib before 1.6 warns of its own Dask backend."""


def run(block, folder):
    """Run a block in a fresh process, warnings as errors, and fail with what it printed."""
    done = subprocess.run(
        [sys.executable, *WARNINGS, "-c", block], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
