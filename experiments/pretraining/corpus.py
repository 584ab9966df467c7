"""The text: Python sources that every installation has, whole packages held out."""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
import sysconfig
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

TRAINING = (
    "python", "cvxpy", "distributed", "fonttools", "huggingface_hub", "hypothesis", "ipython", "joblib", "matplotlib",
    "mypy", "narwhals", "numba", "numpy", "pillow", "prompt_toolkit", "pydantic", "pygments", "rich", "scikit-learn",
    "scipy", "sympy", "torch", "tornado",
)  # fmt: skip
"""What is trained on: the standard library and pinned dependencies, by distribution."""

HELD_OUT = ("dask", "mpmath", "networkx", "pandas")
"""What is only measured on."""

LONGEST = 1_000_000
"""Files beyond this many bytes are tables rather than text."""


@dataclass(frozen=True)
class Document:
    """One source file.

    Attributes
    ----------
    package : str
        Distribution, or "python".
    path : str
        Inside the folder of packages.
    text : str
        The whole file.
    """

    package: str
    path: str
    text: str


def version(package: str) -> str:
    """Return the installed version of a distribution; "python" is the interpreter."""
    return platform.python_version() if package == "python" else importlib.metadata.version(package)


def documents(*packages: str) -> Iterator[Document]:
    """Yield the Python files of distributions in order of their paths: UTF-8, not empty, not beyond ``LONGEST``."""
    for package in packages:
        for path, name in sorted(_files(package), key=lambda pair: pair[1]):
            content = path.read_bytes()
            if not content.strip() or len(content) > LONGEST:
                continue
            try:
                yield Document(package, name, content.decode())
            except UnicodeDecodeError:
                continue


def shuffled(documents: Iterable[Document]) -> list[Document]:
    """Return documents in an order that only their paths decide."""
    return sorted(documents, key=lambda one: hashlib.sha256(f"{one.package}/{one.path}".encode()).digest())


def digest(documents: list[Document]) -> str:
    """Return the SHA-256 of paths and texts, in order."""
    result = hashlib.sha256()
    for document in documents:
        result.update(f"{document.package}\0{document.path}\0{len(document.text)}\0".encode())
        result.update(document.text.encode())
    return result.hexdigest()


def _files(package: str) -> Iterator[tuple[Path, str]]:
    if package == "python":
        root = Path(sysconfig.get_paths()["stdlib"])
        for path in root.rglob("*.py"):
            name = path.relative_to(root)
            if "site-packages" not in name.parts and "test" not in name.parts:  # not every installation has the tests
                yield path, name.as_posix()
        return
    for file in importlib.metadata.files(package) or ():
        path = Path(str(file.locate()))
        if file.suffix == ".py" and ".." not in file.parts and path.is_file():
            yield path, file.as_posix()
