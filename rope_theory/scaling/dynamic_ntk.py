"""Dynamic NTK: a base that grows with the current length."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rope_theory._core.checks import integer, scaling_factor
from rope_theory.config import RopeConfig
from rope_theory.scaling.frequencies import Scaling, geometric
from rope_theory.scaling.ntk_aware import stretched_base


@dataclass(frozen=True)
class DynamicNTK(Scaling):
    """Use base·(factor·n/N − (factor − 1))^(d/(d−2)) at sequence length n > N, the trained table up to N.

    Parameters
    ----------
    factor : float
        Growth rate, at least 1.
    reference_length : int, optional
        N in tokens, the length past which the base grows; the trained window when not given. Checkpoints
        whose ``max_position_embeddings`` was raised use that number, and then do nothing below it.

    Notes
    -----
    Source: "dynamic" in transformers, ``modeling_rope_utils.py``; emozilla 2023; YaRN, arXiv 2309.00071, section 3.3.
    """

    factor: float
    reference_length: int | None = None

    def __post_init__(self) -> None:
        """Check the fields."""
        object.__setattr__(self, "factor", scaling_factor(self.factor))
        if self.reference_length is not None:
            object.__setattr__(self, "reference_length", integer(self.reference_length, "reference_length", 2))

    def _theta(self, config: RopeConfig, length: int | None) -> NDArray[np.float64]:
        reference = self.reference_length or config.context_length
        current = max(length or config.context_length, reference)
        stretch = self.factor * current / reference - (self.factor - 1.0)
        return geometric(stretched_base(config, stretch), config.width)
