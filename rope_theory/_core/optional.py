"""Import of what only some functions need, with an error that says how to install it."""

from __future__ import annotations

import importlib
from typing import Any

from rope_theory.errors import MissingPackage


def load(module: str, extra: str) -> Any:
    """Import ``module``; when it is missing, name the pip command that installs ``extra``."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        wanted = module.split(".")[0]
        if error.name != wanted:  # installed, but broken or without this part
            raise
        raise MissingPackage(wanted, extra) from error
