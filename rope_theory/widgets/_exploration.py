"""One choice of model and scaling, seen from three sides at once and quickly: for a picture that follows sliders."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from rope_theory._core.checks import above, one_of
from rope_theory._core.records import Record
from rope_theory.bounds.chord import chord_curvature, chord_published, chord_sharp
from rope_theory.certificates.quick import quick_bound
from rope_theory.config import RopeConfig
from rope_theory.scaling import (
    Frequencies,
    Llama3,
    NTKAware,
    PositionInterpolation,
    Scaling,
    Unscaled,
    YaRN,
)

__all__ = ["METHODS", "Exploration", "explore"]

METHODS: Mapping[str, Callable[[float], Scaling]] = MappingProxyType(
    {
        "Position Interpolation": PositionInterpolation,
        "NTK-aware": NTKAware,
        "YaRN": YaRN,
        "Llama 3": lambda factor: Llama3(factor, 1.0, 4.0),
    }
)
"""Name → scaling of a factor."""

IN_A_CELL, INSIDE, BEYOND = 65, 2, 4
"""Offsets looked at: in one cell, evenly inside the trained window, and evenly beyond it; two at its edge besides."""

ROUNDS = 3
"""Of ``quick_bound``: a picture that follows a slider has little time."""


@dataclass(frozen=True, eq=False)
class Exploration(Record):
    """What ``explore`` found.

    Attributes
    ----------
    tables : tuple of Frequencies
        The trained table and the extended one.
    window : int
        Trained window, tokens.
    ratio : float
        H/A.
    cell : ndarray, shape (n,)
        Offsets from 0 to 1, tokens.
    chord_bounds : mapping of str to ndarray (n,)
        The largest distance from the chord between a(0) and a(1) in units of H: as Theorem 2.1 of arXiv 2306.15595
        has it, by curvature, and the sharp one, which is attained.
    offsets : ndarray, shape (m,)
        Offsets in the middle of cells: inside the trained window, in its last cell, half a token past its last offset,
        and up to the extended window, tokens.
    worst : ndarray, shape (2, m)
        Bounds on the score over A at these offsets, with trained frequencies and with extended ones: ``quick_bound``,
        for |a| ≤ A on 0 … window − 1 and |h_j| ≤ H.
    """

    tables: tuple[Frequencies, Frequencies]
    window: int
    ratio: float
    cell: NDArray[np.float64]
    chord_bounds: Mapping[str, NDArray[np.float64]]
    offsets: NDArray[np.float64]
    worst: NDArray[np.float64]


def explore(config: RopeConfig, method: str, factor: float, ratio: float) -> Exploration:
    """Return wavelengths, the bounds in one cell, and worst cases over the extended window, in tens of milliseconds.

    Parameters
    ----------
    config : RopeConfig
        The trained model; its window is ``context_length``.
    method : str
        A name in METHODS.
    factor : float
        Extended window over the trained one, at least 1.
    ratio : float
        H/A, above 0: the bound on every |h_j| over the largest trained score.

    Returns
    -------
    Exploration

    Raises
    ------
    ValueError
        For an unknown method, or numbers that a scaling refuses.

    Notes
    -----
    Source: those of ``bounds`` and of ``certificates.quick_bound``.

    Examples
    --------
    >>> import rope_theory as rt
    >>> found = rt.widgets.explore(rt.RopeConfig(64, context_length=512), "YaRN", factor=4.0, ratio=10.0)
    >>> found.worst.shape
    (2, 8)
    """
    scaling = METHODS[one_of(method, "method", tuple(METHODS))](factor)
    ratio = above(ratio, "ratio", 0.0, "It is H/A.")
    trained, extended = Unscaled().frequencies(config), scaling.frequencies(config)
    cell = np.linspace(0.0, 1.0, IN_A_CELL)
    window = config.context_length
    offsets = _offsets(window, factor * window)
    worst = [
        quick_bound(trained, offsets, np.arange(window), h_max=ratio, target_theta=table, rounds=ROUNDS)
        for table in (None, extended)
    ]
    return Exploration(
        tables=(trained, extended),
        window=window,
        ratio=ratio,
        cell=cell,
        chord_bounds={
            "Theorem 2.1, refuted": chord_published(config, cell),
            "curvature": chord_curvature(trained, cell),
            "sharp, attained": chord_sharp(trained, cell),
        },
        offsets=offsets,
        worst=np.array(worst),
    )


def _offsets(window: int, extended: float) -> NDArray[np.float64]:
    """Return offsets in the middle of cells, more of them where the worst case changes."""
    inside = (np.arange(INSIDE) + 0.5) * (window - 1.0) / INSIDE
    edge = [window - 2.0, window - 1.0]
    count = BEYOND if extended > window + 1.0 else 0
    beyond = window + (np.arange(count) + 1.0) * (extended - window - 1.0) / BEYOND
    return np.unique(np.floor(np.concatenate([inside, edge, beyond]))) + 0.5
