"""The paper's setting, shared by its figures, tables and claims."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rope_theory.config import LLAMA_1, RopeConfig
from rope_theory.scaling import Frequencies, Unscaled

CONFIG = LLAMA_1
"""d = 128, c = 10000, L = 2048: appendix C of arXiv 2306.15595 v2."""

SEEDS = tuple(range(20))
"""Seeds of numpy's default generator for the random curves; the paper gives none."""


def theta(config: RopeConfig = CONFIG) -> Frequencies:
    """Return unscaled frequencies, by default the paper's."""
    return Unscaled().frequencies(config)


def config_of(inputs: Mapping[str, Any]) -> RopeConfig:
    """Return the config of a part's inputs: ``head_dim``, ``base`` and, where there is one, ``window``."""
    return RopeConfig(inputs["head_dim"], inputs["base"], inputs.get("window", CONFIG.context_length))


def changed(known: Mapping[str, Any], inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inputs of a part with some of them changed.

    Raises
    ------
    ValueError
        For a name that is none of the part's inputs.
    """
    for name in inputs:
        if name not in known:
            raise ValueError(f"{name!r} is not among the inputs: {', '.join(known)}.")
    return {**known, **inputs}
