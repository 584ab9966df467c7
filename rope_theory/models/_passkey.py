"""How far back a model finds a passkey: the protocol of arXiv 2306.15595, section 3.3, placed to the token."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product, takewhile
from typing import Any

import numpy as np

from rope_theory._core.checks import integer
from rope_theory._core.progress import watched
from rope_theory._core.records import Table
from rope_theory.errors import WrongValue
from rope_theory.models._documents import in_batches
from rope_theory.models._losses import output_layer
from rope_theory.models._memory import refuse_too_long, saying_what_fits, sequences_at_once
from rope_theory.models._modes import last_states, measuring, what_ran
from rope_theory.models._packages import torch
from rope_theory.models._recording import checked_model
from rope_theory.models.passkey_prompt import WORDING, PasskeyPrompt, PasskeyPrompts, PasskeyWording

NEEDED = 0.2
"""Share of the trials that counts as success, as in the paper."""


@dataclass(frozen=True)
class PasskeyRow:
    """Trials at one distance.

    Attributes
    ----------
    length : int
        Tokens of the prompt with its answer: the window that is tried.
    nominal : float
        Distance asked for, tokens: i · length / distances.
    distance : int
        Real distance, from the first token of the key line to the end of the prompt: ``nominal``, as far as
        instruction and question leave room.
    trials, found : int
        Prompts with a new key each, and how many were answered with the whole key.
    share, low, high : float
        found / trials, and its 95 % interval by Wilson.
    """

    length: int
    nominal: float
    distance: int
    trials: int
    found: int
    share: float
    low: float
    high: float


@dataclass(frozen=True)
class ReachRow:
    """How far a model reaches at one length.

    Attributes
    ----------
    length : int
        The window that was tried, tokens.
    k_max : float
        Largest nominal distance up to which, at every distance, at least a fifth of the trials succeeded; 0 for none.
    share : float
        Success over all distances.
    """

    length: int
    k_max: float
    share: float


@dataclass(frozen=True)
class Passkey(Table):
    """Passkeys found, by length and distance.

    Attributes
    ----------
    rows : tuple of PasskeyRow
        One a length and distance.
    reach : tuple of ReachRow
        One a length.
    distances, trials, seed : int
        Distances per length, trials per distance, seed of the keys.
    instruction, filler, key, question : str
        The wording.
    model, dtype, device : str
        Class, dtype of the weights, device.
    """

    rows: tuple[PasskeyRow, ...]
    reach: tuple[ReachRow, ...]
    distances: int
    trials: int
    seed: int
    instruction: str
    filler: str
    key: str
    question: str
    model: str
    dtype: str
    device: str

    @property
    def k_max(self) -> float:
        """Return the reach at the longest length."""
        return max(self.reach, key=lambda row: row.length).k_max


def passkey(
    model: Any,
    tokenizer: Any,
    *,
    length: int | Sequence[int],
    distances: int = 32,
    trials: int = 10,
    seed: int = 0,
    wording: PasskeyWording = WORDING,
) -> Passkey:
    """Return how often a model repeats a five-digit key hidden at evenly spaced distances from the end of a prompt.

    Parameters
    ----------
    model : transformers model
        A causal language model on any device; it is left as it was.
    tokenizer : transformers tokenizer
        The model's own.
    length : int or sequence of int
        Windows to try, in tokens: prompt and answer together.
    distances : int
        The nominal distances are i · length / distances, i = 1 … distances.
    trials : int
        Prompts per distance, each with a fresh key.
    seed : int
        Of the keys.
    wording : PasskeyWording
        The texts; this package's own by default.

    Returns
    -------
    Passkey
        One row per length and distance with Wilson intervals, and k_max.

    Raises
    ------
    TypeError
        For something that is no transformers model.
    ValueError
        For a length without room for instruction, key line, question and answer, a tokenizer that makes tokens outside
        the model's vocabulary or merges question and answer, too little memory.

    Notes
    -----
    A trial succeeds when each token of the answer is the likeliest one, given the right ones before it: what greedy
    decoding without a cache would write. Source: section 3.3 of arXiv 2306.15595v2.
    """
    checked_model(model)
    trials, seed = integer(trials, "trials", 1), integer(seed, "seed", 0)
    distances = integer(distances, "distances", 1)
    asked: Any = [length] if np.ndim(length) == 0 else length
    lengths = [integer(one, "length", 2) for one in asked]
    if not lengths:
        raise WrongValue("length", "must name at least one window")
    if len(set(lengths)) < len(lengths):
        raise WrongValue("length", f"names a window twice: {lengths}")
    if tokenizer is None:
        raise WrongValue("tokenizer", "must be the model's own", "None")
    prompts = PasskeyPrompts(tokenizer, wording)
    random = np.random.default_rng(seed)
    cells = [
        (one, place, [f"{random.integers(10**4, 10**5)}" for _ in range(trials)])
        for one, place in product(lengths, range(1, distances + 1))
    ]
    bare = {key: prompts.make(prompts.shortest(key), 0, key) for _, _, keys in cells for key in keys}
    _refuse_other_tokenizer(model, prompts, bare)
    room = max(len(prompt.ids) + len(prompt.answer) for prompt in bare.values())
    nearest = max(prompt.distance for prompt in bare.values())
    for one in lengths:
        if one < room:
            raise WrongValue("length", f"must be at least {room}, what the texts and the answer take", f"{one} tokens")
    refuse_too_long(model, max(lengths))
    rows = []
    with measuring(model), saying_what_fits(model):
        project = output_layer(model)
        if project is None:
            raise WrongValue(
                f"The output layer of {type(model).__name__}", "does more than this package knows, or there is none"
            )
        for one, place, keys in watched(cells, "Passkeys", len(cells)):
            nominal, at_once = place * one / distances, sequences_at_once(model, one)
            distance = int(np.clip(round(nominal), nearest, nearest + one - room))
            made = [prompts.make(one - len(bare[key].answer), distance - bare[key].distance, key) for key in keys]
            alike = in_batches(made, lambda prompt: (len(prompt.ids), len(prompt.answer)), at_once)
            found = sum(_found(model, project, some) for some in alike)
            low, high = wilson(found, trials)
            rows.append(PasskeyRow(one, nominal, distance, trials, found, found / trials, low, high))
    return Passkey(
        rows=tuple(rows),
        reach=tuple(_reach(one, [row for row in rows if row.length == one]) for one in lengths),
        distances=distances,
        trials=trials,
        seed=seed,
        **asdict(wording),
        **what_ran(model),
    )


def wilson(found: int, trials: int) -> tuple[float, float]:
    """Return the 95 % interval of a share, by Wilson's score (J. Am. Stat. Assoc. 22 (1927) 209)."""
    from scipy.stats import binomtest

    interval = binomtest(found, trials).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)


def _found(model: Any, project: Any, made: list[PasskeyPrompt]) -> int:
    ids = torch.tensor([prompt.ids + prompt.answer for prompt in made], device=model.device)
    digits = len(made[0].answer)
    states = last_states(model, ids)[:, -digits - 1 : -1]
    return int((project(states).argmax(-1) == ids[:, -digits:]).all(-1).sum())


def _reach(length: int, rows: list[PasskeyRow]) -> ReachRow:
    reached = [row.nominal for row in takewhile(lambda row: row.share >= NEEDED, rows)]
    share = sum(row.found for row in rows) / sum(row.trials for row in rows)
    return ReachRow(length, reached[-1] if reached else 0.0, share)


def _refuse_other_tokenizer(model: Any, prompts: PasskeyPrompts, bare: Mapping[str, PasskeyPrompt]) -> None:
    size = model.get_input_embeddings().weight.shape[0]
    key = next(iter(bare))
    with_filler = prompts.make(prompts.shortest(key) + 100, 50, key)
    largest = max(max(prompt.ids + prompt.answer) for prompt in (*bare.values(), with_filler))
    if largest >= size:
        raise WrongValue(
            "The tokenizer", f"makes token {largest}, and the model knows {size}: it is not the model's tokenizer"
        )
