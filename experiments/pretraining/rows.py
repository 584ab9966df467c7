"""Rows of a step: slices of the corpus, some with a passkey document in them. A step's rows follow from its number."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.pretraining.recipe import Recipe
from rope_theory.models.passkey_prompt import PasskeyPrompts


class Rows:
    """Batches of one run.

    Parameters
    ----------
    ids : ndarray of int, (n,)
        The training stream.
    prompts : PasskeyPrompts
        Maker of passkey documents.
    end : int
        Token after a document.
    recipe : Recipe
        Its window, batch, curriculum, weights and seed are used.
    """

    def __init__(self, ids: NDArray[Any], prompts: PasskeyPrompts, end: int, recipe: Recipe) -> None:
        if len(ids) <= recipe.window:
            raise ValueError(f"The training text has {len(ids)} tokens, fewer than one row of {recipe.window}.")
        self._ids, self._prompts, self._end, self._recipe = ids, prompts, end, recipe

    def batch(self, step: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return tokens and their weights in the loss, both (batch, window)."""
        recipe, stage = self._recipe, self._recipe.stage(step)
        random = np.random.default_rng([recipe.seed, step])
        starts = random.integers(0, len(self._ids) - recipe.window, recipe.batch)
        ids = np.stack([self._ids[start : start + recipe.window] for start in starts]).astype(np.int64)
        weights = np.ones(ids.shape, dtype=np.float32)
        for row in range(stage.passkey_rows):
            tokens, weight = self._document(random, min(stage.longest, recipe.window))
            place = int(random.integers(0, recipe.window - len(tokens) + 1))
            ids[row, place : place + len(tokens)] = tokens[: recipe.window]
            weights[row, place : place + len(tokens)] = weight[: recipe.window]
        return ids, weights

    def _document(self, random: np.random.Generator, longest: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        key = f"{random.integers(10**4, 10**5)}"
        shortest = self._prompts.shortest(key)
        length = int(random.integers(shortest, longest - 6))  # the answer is a space and five digits, then the end
        prompt = self._prompts.make(length, int(random.integers(0, length - shortest + 1)), key)
        tokens = np.array([*prompt.ids, *prompt.answer, self._end], dtype=np.int64)
        weights = np.ones(len(tokens), dtype=np.float32)
        for first, last in prompt.fillers:
            weights[first:last] = self._recipe.filler_weight
        weights[length : length + len(prompt.answer)] = self._recipe.answer_weight
        return tokens, weights
