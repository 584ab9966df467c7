"""What a certificate stores: below its files and its verification, which the certificate itself stands on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rope_theory._core.records import Record


@dataclass(frozen=True, eq=False)
class Stored(Record):
    """The fields of ``Certificate``, which says what they are."""

    s: float
    h_max: float
    score_max: float
    lower: float
    upper: float
    grid: NDArray[np.float64]
    weights: NDArray[np.float64]
    residual: NDArray[np.complex128]
    witness: NDArray[np.complex128]
    theta: Any
    target_theta: Any
    status: str
    rounds: int
    notes: tuple[str, ...]

    def __post_init__(self) -> None:
        """Copy and freeze the arrays."""
        bare = [name for name in ("theta", "target_theta") if isinstance(getattr(self, name), np.ndarray)]
        for name in ("grid", "weights", "residual", "witness", *bare):
            array = np.array(getattr(self, name))
            array.setflags(write=False)
            object.__setattr__(self, name, array)

    @property
    def gap(self) -> float:
        """Relative distance of the bounds, (upper − lower)/upper."""
        return (self.upper - self.lower) / self.upper
