"""Is perplexity in sliding windows faster than the loop of transformers' guide, with the same number?"""

from __future__ import annotations

import statistics
import time
from typing import Any

from benchmarks.measure import Measurement
from experiments import pretrain
from rope_theory.models import perplexity
from rope_theory.models.loading import encoded, load_model, read_text

TOKENS, ROUNDS, AIM, CLOSE = 4096, 5, 1.5, 1e-5
WINDOWS = ((256, 32), (64, 16))
"""Windows and strides; the first pair has the paper's proportion, 256 to 2048."""


def run() -> Measurement:
    model, _ = load_model(pretrain.REFERENCE)
    found = [compared(model, window, stride) for window, stride in WINDOWS]
    return Measurement(
        question="perplexity in sliding windows, against the loop of transformers' guide, the slower of two cases",
        value=min(ratio for ratio, _ in found),
        unit="times faster",
        aim=AIM,
        better="above",
        details=f"reference model, vocabulary {model.config.vocab_size}, {TOKENS} tokens; "
        + "; ".join(text for _, text in found),
    )


def compared(model: Any, window: int, stride: int) -> tuple[float, str]:
    """Return how many times faster than the loop, and what was measured; the losses must agree."""
    import torch

    tokenizer = load_model(pretrain.REFERENCE)[1]
    ids = torch.tensor(encoded(read_text(None)[0], tokenizer)[:TOKENS])
    rounds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        plain = _loop(model, ids, window, stride)
        middle = time.perf_counter()
        own = perplexity(model, ids, window=window, stride=stride).nll
        rounds.append((middle - start, time.perf_counter() - middle))
    times = [statistics.median(column) for column in zip(*rounds, strict=True)]
    ratio = statistics.median(before / after for before, after in rounds)
    if abs(own / plain - 1.0) > CLOSE:
        raise ValueError(f"The losses differ by {abs(own / plain - 1.0):.1e} of themselves, more than {CLOSE:g}.")
    return ratio, (
        f"window {window}, stride {stride}: {ratio:.2f} times, {times[1]:.2f} s against {times[0]:.2f} s, "
        f"losses differ by {abs(own / plain - 1.0):.0e}"
    )


def _loop(model: Any, ids: Any, window: int, stride: int) -> float:
    """Return the mean loss, one window after the other, logits whole."""
    import torch

    total, count, done = 0.0, 0, 0
    for start in range(0, len(ids), stride):
        stop = min(start + window, len(ids))
        labels = ids[None, start:stop].clone()
        labels[:, : -(stop - done)] = -100
        with torch.no_grad():
            loss = float(model(ids[None, start:stop], labels=labels).loss)
        scored = int((labels[:, 1:] != -100).sum())
        total, count, done = total + loss * scored, count + scored, stop
        if stop == len(ids):
            break
    return total / count
