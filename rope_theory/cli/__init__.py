"""`rope-theory VERB`: arguments, one call, and a report or, with --json, the same data as JSON.

A verb is a function under ``@verb`` that ends in ``show(record, as_json)``. Its module
is in ``MODULES``. ``rope_theory.reports`` makes the report, and says which call returns the record of which verb.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rope_theory.cli._shown import app

__all__ = ["app", "main"]

MODULES = ("checkpoints", "_doctor", "theory")
ALONE = {"doctor": "_doctor", "recommend": "_doctor"}
"""Verbs that answer in a second, as the modules of the others need not be loaded for them."""


def __getattr__(name: str) -> Any:
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _application(MODULES)


def _application(modules: Iterable[str]) -> Any:
    """Return the application with the verbs of some modules."""
    for module in modules:
        importlib.import_module(f"rope_theory.cli.{module}")
    return importlib.import_module("rope_theory.cli._shown").app


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # without θ in the encoding: a question mark, no traceback
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch loads: idle threads sleep instead of spinning
    modules = [ALONE[verb] for verb in sys.argv[1:2] if verb in ALONE]
    if modules:  # small products: threads would only wait for each other, on a busy machine for seconds
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    _application(modules or MODULES)(prog_name="rope-theory")
