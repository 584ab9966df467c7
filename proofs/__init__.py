"""Proofs as SymPy objects: one derivation a file, every step decided by algebra or by ball arithmetic.

``PROOFS`` maps names to proofs, built when they are first asked for; ``check(name)`` decides every step of one,
``check_all()`` of all. The statements are those of ``bounds.CATALOGUE`` where names agree. ``chord_published`` is the
proof as arXiv 2306.15595 v2 prints it: its checker names the steps that fail.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from functools import cache

from proofs.proof import Checked, Hypothesis, Proof, ProofOverview, Quoted, Row, Step

__all__ = [
    "PROOFS",
    "Checked",
    "Hypothesis",
    "Proof",
    "ProofOverview",
    "Quoted",
    "Row",
    "Step",
    "check",
    "check_all",
    "overview",
]

_NAMES = (
    "score_expansion",
    "master_inequality",
    "triangle",
    "chord_sharp",
    "chord_curvature",
    "chord_repaired",
    "chord_published",
    "abel",
    "abel_published",
    "sampling",
    "attention_shift",
    "worst_case",
    "prediction_std",
)
"""In the order in which they are told; each is a module with a function ``derive``."""


class _Proofs(Mapping[str, Proof]):
    """Name → Proof; a proof is built, and SymPy loaded, when it is first asked for."""

    def __getitem__(self, name: str) -> Proof:
        if name not in _NAMES:
            raise KeyError(f"There is no proof called {name!r}; there are {', '.join(_NAMES)}.")
        return _derived(name)

    def __iter__(self) -> Iterator[str]:
        return iter(_NAMES)

    def __len__(self) -> int:
        return len(_NAMES)

    def __contains__(self, name: object) -> bool:
        return name in _NAMES

    def __repr__(self) -> str:
        return f"PROOFS({', '.join(_NAMES)})"


@cache
def _derived(name: str) -> Proof:
    proof: Proof = importlib.import_module(f"proofs.{name}").derive()
    return proof


PROOFS: Mapping[str, Proof] = _Proofs()
"""Name → Proof, in the order in which they are told."""


def check(name: str) -> Checked:
    """Decide every step of the proof called ``name``; the answer is remembered.

    Parameters
    ----------
    name : str
        One of ``PROOFS``.

    Returns
    -------
    Checked

    Raises
    ------
    KeyError
        For a name that is not in ``PROOFS``.
    TypeError
        For something that is not a name.
    ModuleNotFoundError
        Without the extra ``certify``.
    """
    if not isinstance(name, str):
        raise TypeError(f"name must be one of {', '.join(map(repr, PROOFS))}, got {name!r}.")
    return _checked(name)


@cache
def _checked(name: str) -> Checked:
    return PROOFS[name].check()


def check_all() -> dict[str, Checked]:
    """Decide every step of every proof, by name.

    Returns
    -------
    dict of str to Checked

    Raises
    ------
    ModuleNotFoundError
        Without the extra ``certify``.
    """
    return {name: check(name) for name in PROOFS}


def overview(*names: str) -> ProofOverview:
    """Decide every step of some proofs, of all where no name is given: what ``rope-theory prove --json`` prints.

    Parameters
    ----------
    *names : str
        Some of ``PROOFS``.

    Returns
    -------
    ProofOverview

    Raises
    ------
    KeyError
        For a name that is not in ``PROOFS``.
    ModuleNotFoundError
        Without the extra ``certify``.
    """
    return ProofOverview(tuple(check(name) for name in names or PROOFS))
