"""Means over batches of a text, with standard errors that respect how alike the members of a batch are."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rope_theory.models._packages import torch


class Means:
    """Sums of quantities by batch: members of a batch are neighbours in the text, batches count as independent.

    Everything added has the same leading shape; the last axis are the members.
    """

    def __init__(self) -> None:
        self._sums: list[NDArray[np.float64]] = []
        self._counts: list[NDArray[np.float64]] = []

    def add(self, values: Any, batch: Any, batches: int) -> None:
        """Add a tensor (..., n) whose members belong to ``batch`` (n,), integers below ``batches``."""
        self.add_sums(batch_sums(values, batch, batches), batch, batches)

    def add_sums(self, sums: NDArray[np.float64], batch: Any, batches: int) -> None:
        """Add sums (..., batches) that ``batch_sums`` made of members of ``batch`` (n,)."""
        self._sums.append(sums)
        self._counts.append(np.bincount(batch.cpu().numpy(), minlength=batches).astype(float))

    def result(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the mean over all members and its standard error, both of the leading shape.

        With b batches of sums S and counts n the error is √(b/(b − 1) Σ (S − n·mean)²) / Σn, that of a ratio of
        sums; from a single batch it is infinite.
        """
        sums, counts = np.concatenate(self._sums, axis=-1), np.concatenate(self._counts)
        sums, counts = sums[..., counts > 0], counts[counts > 0]
        mean = sums.sum(-1) / counts.sum()
        if len(counts) < 2:
            return mean, np.full_like(mean, np.inf)
        spread = ((sums - counts * mean[..., None]) ** 2).sum(-1) * len(counts) / (len(counts) - 1)
        return mean, np.sqrt(spread) / counts.sum()


def batch_sums(values: Any, batch: Any, batches: int) -> NDArray[np.float64]:
    """Return the sums of a tensor (..., n) over the members of every batch, (..., batches)."""
    sums = torch.zeros((*values.shape[:-1], batches), dtype=torch.float64, device=values.device)
    result: NDArray[np.float64] = sums.index_add_(-1, batch, values.to(torch.float64)).cpu().numpy()
    return result
