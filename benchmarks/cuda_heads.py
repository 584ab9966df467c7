"""Does a check of heads on a GPU give the numbers of the CPU, how long does it take, and how much memory?

``python -m benchmarks.cuda_heads``, where there is CUDA; writes benchmarks/cuda_heads.json with the card's name.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import Any

import rope_theory as rt
from benchmarks.measure import ROOT
from experiments import files, pretrain
from rope_theory.models.loading import encoded, load_model, read_text
from rope_theory.reports import Record

TOLERANCE = 1e-4
"""Largest relative difference of a mean or a maximum between the devices."""

NUMBERS = {
    "rows": ("at_integers", "between", "largest_at_integers", "largest_between", "largest_score"),
    "heads": ("trained_maximum", "coefficient_maximum", "coefficient_sum", "maximum_ratio", "sum_ratio"),
    "attention": ("entropy", "last", "largest_logit"),
    "losses": ("loss",),
}
"""Compared between the devices, by table of the check."""


@dataclass(frozen=True)
class Size:
    """A model of random weights, and what is asked of it."""

    layers: int
    heads: int
    key_heads: int
    width: int
    window: int
    tokens: int
    length: int
    pairs: int


@dataclass(frozen=True)
class Timing(Record):
    """Seconds and peak memory of one check; memory counts what the device held beyond the model, GiB."""

    layers: int
    heads: int
    width: int
    tokens: int
    pairs: int
    length: int
    seconds: float
    memory: float | None


SIZES = (
    Size(4, 8, 2, 64, 1024, 2048, 4096, 1024),
    Size(2, 32, 8, 128, 4096, 8192, 16384, 4096),
    Size(2, 32, 8, 128, 4096, 32768, 32768, 4096),
)
"""The last is two of the 32 layers of the issue's case: layers are looked at one after the other."""


def largest_difference(device: str) -> float:
    """Return the largest relative difference between checks of the reference model on the CPU and on ``device``."""
    text, _ = read_text(None)
    checks = []
    for place in ("cpu", device):
        model, tokenizer = load_model(pretrain.REFERENCE, device=place)
        checks.append(rt.models.check(model, encoded(text, tokenizer), scalings=[rt.scaling.YaRN(4)], pairs=256))
    differences = [
        abs(getattr(one, name) - getattr(other, name)) / max(abs(getattr(one, name)), 1e-9)
        for table, names in NUMBERS.items()
        for one, other in zip(*(_rows(check, table) for check in checks), strict=True)
        for name in names
    ]
    return float(max(differences))


def timed(size: Size, device: str) -> Timing:
    """Return how long a check of a random model takes on ``device``."""
    import torch
    import transformers

    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        hidden_size=size.heads * size.width // 4,
        intermediate_size=size.width,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        num_key_value_heads=size.key_heads,
        head_dim=size.width,
        vocab_size=1000,
        max_position_embeddings=size.window,
    )
    model = transformers.LlamaForCausalLM(config).to(device).eval()
    ids = torch.randint(0, 1000, (size.tokens,), device=device)
    rt.models.check(model, ids[: size.window], length=size.window, pairs=8)
    cuda = device.startswith("cuda")
    before = 0
    if cuda:
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
    start = time.perf_counter()
    rt.models.check(model, ids, length=size.length, pairs=size.pairs)
    if cuda:
        torch.cuda.synchronize()
    seconds = time.perf_counter() - start
    memory = (torch.cuda.max_memory_allocated() - before) / 2**30 if cuda else None
    return Timing(size.layers, size.heads, size.width, size.tokens, size.pairs, size.length, seconds, memory)


def _rows(check: Any, table: str) -> Any:
    return check.rows if table == "rows" else getattr(check, table).rows


def main() -> None:
    """Measure on the first CUDA device."""
    import torch

    if not torch.cuda.is_available():
        sys.exit("This benchmark needs CUDA, and torch sees no device; python -m benchmarks has those of the CPU.")
    content = {
        "card": torch.cuda.get_device_name(),
        "torch": torch.__version__,
        "largest_relative_difference": largest_difference("cuda"),
        "tolerance": TOLERANCE,
        "timings": [timed(size, "cuda").to_dict() for size in SIZES],
    }
    files.write(ROOT / "benchmarks" / "cuda_heads.json", files.as_json(content))
    print(files.as_json(content).decode())


if __name__ == "__main__":
    main()
