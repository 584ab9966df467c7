"""Python of pages, run as a reader would run it."""

import re
import subprocess
import sys


def examples(page):
    """Return the Python blocks of a page, each with the output printed below it, None where there is none."""
    return re.findall(r"```python\n(.*?)```(?:\n\n```text\n(.*?)```)?", page, re.DOTALL)


WARNINGS = ("-W", "error", "-W", "ignore::DeprecationWarning:joblib._parallel_backends")
"""joblib before 1.6 warns of its own Dask backend."""


def run(block, folder):
    """Run a block in a fresh process, warnings as errors; return what it printed, or fail with its error."""
    done = subprocess.run(
        [sys.executable, *WARNINGS, "-c", block], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
