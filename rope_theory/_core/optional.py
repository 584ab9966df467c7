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


class Later:
    """A package that ``load`` imports when something of it is first asked for."""

    def __init__(self, package: str, extra: str) -> None:
        self._package, self._extra = package, extra

    def __getattr__(self, name: str) -> Any:
        return getattr(load(self._package, self._extra), name)
