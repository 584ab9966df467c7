"""Is perplexity in sliding windows faster than the loop of transformers' guide, with the same number?"""

from __future__ import annotations

import statistics
import time
from typing import Any

from benchmarks.measure import Measurement
from paper_repro import pretrain
from rope_theory._optional import load
from rope_theory.llama import perplexity
from rope_theory.llama.loading import encoded, load_model, read_text

TOKENS, ROUNDS, AIM = 4096, 5, 1.5
VOCABULARY = 32000
"""LLaMA's; the reference model has 1024 tokens, so that making logits costs next to nothing."""


def run() -> Measurement:
    torch, transformers = load("torch", "llama"), load("transformers", "llama")
    model, tokenizer = load_model(pretrain.REFERENCE)
    config = transformers.LlamaConfig.from_pretrained(pretrain.REFERENCE, vocab_size=VOCABULARY)
    torch.manual_seed(0)
    wide = transformers.AutoModelForCausalLM.from_config(config).eval()
    ids = torch.tensor(encoded(read_text(None)[0], tokenizer)[:TOKENS])
    wide_ratio, wide_text = _compared(wide, ids, 256, 32)  # the paper's proportion, 256 to 2048
    others = [_compared(model, ids, window, stride)[1] for window, stride in ((256, 32), (64, 16))]
    return Measurement(
        question="perplexity in sliding windows, against the loop of transformers' guide, LLaMA's vocabulary",
        value=wide_ratio,
        unit="times faster",
        aim=AIM,
        better="above",
        details=(
            f"reference model's sizes, {TOKENS} tokens, vocabulary {VOCABULARY}: {wide_text}; its own vocabulary of "
            f"{model.config.vocab_size}: {'; '.join(others)} (≤ 1e-05)"
        ),
    )


def _compared(model: Any, ids: Any, window: int, stride: int) -> tuple[float, str]:
    """Return how many times faster, and what was measured."""
    rounds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        plain = _loop(model, ids, window, stride)
        middle = time.perf_counter()
        own = perplexity(model, ids, window=window, stride=stride).nll
        rounds.append((middle - start, time.perf_counter() - middle))
    times = [statistics.median(column) for column in zip(*rounds, strict=True)]
    ratio = statistics.median(before / after for before, after in rounds)
    return ratio, (
        f"window {window}, stride {stride}: {ratio:.2f} times, {times[1]:.2f} s against {times[0]:.2f} s, "
        f"losses differ by {abs(own / plain - 1.0):.0e}"
    )


def _loop(model: Any, ids: Any, window: int, stride: int) -> float:
    """Return the mean loss, one window after the other, logits whole."""
    torch = load("torch", "llama")
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
