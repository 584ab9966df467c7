"""Python of pages, run as a reader would run it."""

import contextlib
import io
import re
import subprocess
import sys
import warnings


def examples(page):
    """Return the Python blocks of a page, each with the output printed below it, None where there is none."""
    return re.findall(r"```python\n(.*?)```(?:\n\n```text\n(.*?)```)?", page, re.DOTALL)


WARNINGS = ("-W", "error", "-W", "ignore::DeprecationWarning:joblib._parallel_backends")
"""joblib before 1.6 warns of its own Dask backend."""


def run(block, folder):
    """Run a block with nothing but its own imports, warnings as errors; return what it printed.

    A block that starts processes of its own has one to itself; the others share this one, whose imports are paid for.
    """
    if "__main__" in block or "dask" in block:
        done = subprocess.run(
            [sys.executable, *WARNINGS, "-c", block], cwd=folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout
    printed = io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stdout(printed), warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            exec(compile(block, "<block>", "exec"), {"__name__": "block"})
        finally:
            if "matplotlib.pyplot" in sys.modules:
                sys.modules["matplotlib.pyplot"].close("all")
    return printed.getvalue()
