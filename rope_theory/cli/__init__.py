"""`rope-theory VERB`: arguments, one call, and a table or, with --json, the same data as JSON.

A verb is a function under ``@app.command()`` and ``@plain_errors`` that ends in
``show(record, draw, as_json)``, and a ``draw`` that yields what rich can print.
"""

from __future__ import annotations

import sys

from rope_theory.cli import checkpoints, doctor, theory
from rope_theory.cli._shown import app

__all__ = ["app", "checkpoints", "doctor", "main", "theory"]


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # without θ in the encoding: a question mark, no traceback
    app(prog_name="rope-theory")
