"""What could decide how a model takes an extension, measured before any fine-tuning: attention far off, and moved."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import rope_theory as rt
from experiments.extension import runs, texts
from rope_theory.models.loading import load_model

DOCUMENTS = 16
"""Of code held out, each as long as the new window."""

QUERIES = 64
"""Pairs a head and document that the check looks at; its rows of attention are as many."""


@dataclass(frozen=True)
class Settings:
    """What decides the numbers of a file.

    Attributes
    ----------
    model : str
        As in ``runs.Settings``.
    factor : float
        New window over the trained one.
    """

    model: str
    factor: float

    @property
    def name(self) -> str:
        """Return the stem of the file."""
        return f"heads_{self.model}_{self.factor:g}x"


def compute(settings: Settings, source: Path, device: str = "cpu") -> dict[str, Any]:
    """Return two means over heads for every document, and what they depend on.

    "far" is the share of attention that queries beyond the trained window put on distances that training never showed,
    as the model is; "moved" is how far Position Interpolation moves the rows of attention inside the window, in total
    variation.
    """
    begin = time.perf_counter()
    model, tokenizer = load_model(source, device=device)
    length = round(model.config.max_position_embeddings * settings.factor)
    scaling = rt.scaling.PositionInterpolation(settings.factor)
    far, moved = [], []
    for number, ids in enumerate(texts.held_out("code", tokenizer, documents=DOCUMENTS, tokens=length)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            check = rt.models.check(model, ids, scalings=[scaling], length=length, pairs=QUERIES, seed=number)
        own = check.rows[0].scaling
        far.append([row.far for row in check.attention if (row.scaling, row.region) == (own, "beyond")])
        moved.append([row.moved for row in check.attention if row.scaling != own and row.region == "inside"])
    means = {"far": np.mean(far, axis=1).tolist(), "moved": np.mean(moved, axis=1).tolist()}
    return runs.content(settings, source, device, begin, means)
