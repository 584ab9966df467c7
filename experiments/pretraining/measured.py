"""What a trained model is worth: perplexity on held-out text beside the trigram's, and passkeys found."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.pretraining.kneser_ney import Trigram
from experiments.pretraining.tokens import Stream
from rope_theory.models.passkey_prompt import PasskeyPrompts
from rope_theory.reports import Record

AT_ONCE = 4096
"""Tokens in one forward pass."""


@dataclass(frozen=True)
class HeldOut(Record):
    """Perplexity inside the window on held-out text, of windows cut at random places.

    Attributes
    ----------
    windows, tokens : int
        Windows, and tokens predicted in them: all but the first of each.
    loss, loss_error : float
        Mean, nats a token, and its standard error over windows.
    perplexity, trigram_perplexity, ratio : float
        e to the loss; that of the trigram on the same tokens, which sees the two tokens before each even where they
        lie before the window; and one over the other.
    bits_per_byte : float
        Loss over the mean length of a token.
    """

    windows: int
    tokens: int
    loss: float
    loss_error: float
    perplexity: float
    trigram_perplexity: float
    ratio: float
    bits_per_byte: float


@dataclass(frozen=True)
class PasskeyCell(Record):
    """Passkeys of one prompt length, with the key at one place.

    Attributes
    ----------
    length : int
        Tokens of the prompt.
    distance : int
        Tokens from the key line to the end of the prompt.
    trials, found : int
        Prompts with a new key each, and how many were answered with all five digits.
    """

    length: int
    distance: int
    trials: int
    found: int


def losses(model: Any, ids: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the next-token losses of rows (n, T), shape (n, T − 1)."""
    import torch

    result = []
    with torch.no_grad():
        count = max(1, AT_ONCE // ids.shape[1])
        for first in range(0, len(ids), count):
            rows = torch.from_numpy(ids[first : first + count]).to(model.device)
            logits = model(rows, use_cache=False).logits[:, :-1].float()
            flat = torch.nn.functional.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten(), reduction="none")
            result.append(flat.reshape(len(rows), -1).double().cpu().numpy())
    return np.concatenate(result)


def rows_of(stream: Stream, window: int, count: int, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the starts of windows at random places of a stream, (n,), and their tokens, (n, window)."""
    starts = np.random.default_rng(seed).integers(2, len(stream.ids) - window, count)
    return starts, np.stack([stream.ids[start : start + window] for start in starts]).astype(np.int64)


def held_out(
    model: Any, stream: Stream, trigram: Trigram, *, window: int, windows: int, bytes_a_token: float
) -> HeldOut:
    """Return the perplexity of ``model`` in random windows, beside that of the trigram."""
    starts, rows = rows_of(stream, window, windows, seed=1)
    found = losses(model, rows)
    other = np.concatenate([-np.log(trigram.probabilities(stream.ids[s - 1 : s + window])) for s in starts])
    mean = float(found.mean())
    spread = float(found.mean(-1).std(ddof=1)) if windows > 1 else math.inf
    return HeldOut(
        windows=windows,
        tokens=found.size,
        loss=mean,
        loss_error=spread / math.sqrt(windows),
        perplexity=math.exp(mean),
        trigram_perplexity=math.exp(float(other.mean())),
        ratio=math.exp(mean - float(other.mean())),
        bits_per_byte=mean / math.log(2.0) / bytes_a_token,
    )


def passkeys(
    model: Any, prompts: PasskeyPrompts, *, lengths: tuple[int, ...], places: int, trials: int, seed: int
) -> tuple[PasskeyCell, ...]:
    """Return how many passkeys ``model`` completes: all five digits the likeliest tokens, one after the other."""
    import torch

    random = np.random.default_rng(seed)
    cells = []
    for length in lengths:
        room = length - prompts.shortest("12345")
        for after in sorted({round(share * room) for share in np.linspace(0.0, 1.0, places)}):
            made = [prompts.make(length, after, f"{random.integers(10**4, 10**5)}") for _ in range(trials)]
            ids = torch.tensor([prompt.ids + prompt.answer for prompt in made], device=model.device)
            with (
                torch.no_grad()
            ):  # every digit the likeliest given the right ones before it: the same as writing greedily
                likeliest = model(ids, use_cache=False).logits[:, length - 1 : -1].argmax(-1)
            found = int((likeliest == ids[:, length:]).all(-1).sum())
            cells.append(PasskeyCell(length, made[0].distance, trials, found))
    return tuple(cells)
