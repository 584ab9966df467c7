"""Which runs there are, and making those whose files are missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from experiments import pretrain
from experiments.extension import heads, runs, summaries, variants
from experiments.extension.runs import Measure, Settings
from rope_theory.models.loading import checked_device
from rope_theory.reports import check_folder_place, in_workers

AnySettings = Settings | summaries.Settings | heads.Settings

RATE = 1e-3
"""A third of the rate of pre-training; 3e-4 and 3e-3 were tried and are worse after 100 steps, for PI and direct."""

SEEDS = (0, 1, 2)
TUNED = ("direct", "PI", "NTK-aware", "dynamic", "YaRN", "Llama 3")
COMPARED = ("direct", "PI")
STAGES = (20, 50, 100, 200)

UNTUNED = tuple(Settings("reference", method, factor, (0,), RATE) for factor in (4.0, 2.0, 8.0) for method in TUNED)
"""Every method without fine-tuning; "direct" is then the model as it is."""

MAIN = tuple(
    Settings("reference", method, 4.0, STAGES if method in COMPARED else STAGES[-1:], RATE, seed=seed)
    for seed, method in product(SEEDS, TUNED)
)
"""Every method, 200 steps at four times the window."""

LONGER = (200, 400, 600, 800, 1000)
"""Steps of the runs that go on."""

CURVE = tuple(Settings("reference", method, 4.0, LONGER, RATE) for method in ("PI", "direct"))
"""The two that the paper compares, for longer."""

CONTROL = tuple(Settings("reference", "direct", 1.0, STAGES[-1:], RATE, seed=seed) for seed in SEEDS)
"""The same fine-tuning at the trained window: what it costs inside, with no window extended."""

LOWER_RATE = RATE / 5.0
"""A fifteenth of the rate of pre-training, as in the paper."""

LOWER = (
    Settings("reference", "direct", 1.0, STAGES[-1:], LOWER_RATE),
    *(Settings("reference", method, 4.0, STAGES, LOWER_RATE) for method in COMPARED),
    Settings("reference", "PI", 4.0, LONGER, LOWER_RATE),
    Settings("reference", "direct", 1.0, (STAGES[-1], LONGER[-1]), LOWER_RATE),
)
"""The control and the two at the lower rate, Position Interpolation and the control for longer: does the rate cost?"""

FACTORS = tuple(
    Settings("reference", method, factor, STAGES[-1:], RATE, seed=seed)
    for seed, factor, method in product(SEEDS, (2.0, 8.0), COMPARED)
)
"""The two at other factors."""


def _both(cases: Sequence[tuple[str, float]]) -> tuple[Settings, ...]:
    return tuple(Settings(model, method, factor, (0, *STAGES), RATE) for model, factor in cases for method in COMPARED)


BOUNDARY = _both([
    ("small_256", 4.0), ("small_512", 4.0), ("small_1024", 4.0), ("small_256_early", 4.0), ("small_256_late", 4.0),
    ("small_256", 2.0), ("small_256", 8.0), ("tiny_256", 4.0),
])  # fmt: skip
"""Where does Position Interpolation beat direct fine-tuning: by window, tokens seen, factor and size."""

FORETOLD = _both([
    ("small_256_late", 2.0), ("small_256_late", 8.0), ("tiny_256", 2.0), ("tiny_256", 8.0), ("small_256_early", 2.0),
    ("small_256_early", 8.0), ("small_512", 2.0),
])  # fmt: skip
"""Cases measured after the rule of ``experiments.extension_boundary`` was read off the others, to try it."""

TABLES = (*UNTUNED[:6], *MAIN[:6], CONTROL[0], *CURVE, *UNTUNED[6:], *MAIN[6:], *CONTROL[1:], *FACTORS)
"""Runs of the reference model, which the paper's tables are made of."""

ALL = (*TABLES, *LOWER, *BOUNDARY, *FORETOLD)
"""All fine-tuning runs of the tables and the boundary."""

HEADS = tuple(
    heads.Settings(model, factor)
    for model, factor in dict.fromkeys([("reference", 4.0), *((one.model, one.factor) for one in BOUNDARY + FORETOLD)])
)
"""What could decide each case of the boundary."""

SUMMARIES = tuple(
    summaries.Settings(method, factor, seed=seed)
    for seed in SEEDS
    for method, factor in (("cut", 1.0), ("direct", 4.0), ("PI", 4.0), ("YaRN", 4.0))
)
"""Table 6: sources cut to the trained window, and whole ones in four times the window."""

PLANNED: tuple[AnySettings, ...] = (*ALL, *SUMMARIES, *HEADS)
"""Everything that has a file."""


def make_missing(
    settings: Sequence[AnySettings] = PLANNED,
    data: Path = runs.DATA,
    report: Callable[[str], None] = lambda name: None,
    device: str = "cpu",
) -> None:
    """Make the runs whose files are missing, several at a time with one thread each; a stop loses the unfinished.

    Those of the reference model come first; the variants that the others begin with are trained before them.

    Parameters
    ----------
    settings : sequence of settings
        The runs, of any kind.
    data : Path
        Where their files lie.
    report : callable
        Called with the name of each finished run, those of before too.
    device : str
        "cpu": one a core, with one thread each. "cuda": one after the other.

    Raises
    ------
    ValueError
        For a device that is not there.
    """
    checked_device(device)
    check_folder_place(data)
    missing = []
    for one in settings:
        if runs.path_of(one, data).is_file():
            report(one.name)
        else:
            missing.append(one)
    reference = [one for one in missing if one.model == "reference"]
    others = [one for one in missing if one.model != "reference"]

    def make(some: Sequence[AnySettings]) -> None:
        for name in _results(_made, [(one, data, device) for one in some], device):
            report(name)

    make(reference)
    if others:
        variants.prepared()  # once, before several ask for it
        list(_results(_trained, [(model, device) for model in sorted({one.model for one in others})], device))
        make(others)


def _results(work: Callable[..., Any], arguments: Sequence[tuple[Any, ...]], device: str) -> Iterator[Any]:
    """Return what ``work`` returns, as it comes: on a GPU one after the other, else one on each core."""
    if device != "cpu":
        return (work(*one) for one in arguments)
    return in_workers(work, arguments, ordered=False)


def _trained(model: str, device: str) -> None:
    import torch

    if device == "cpu":
        torch.set_num_threads(1)
    variants.folder_of(model, device)


def _made(settings: AnySettings, data: Path, device: str) -> str:
    import torch

    if device == "cpu":
        torch.set_num_threads(1)
    source = pretrain.REFERENCE if settings.model == "reference" else variants.folder_of(settings.model, device)
    runs.written(settings, data, lambda: _content(settings, source, device))
    return settings.name


def _content(settings: AnySettings, source: Path, device: str) -> dict[str, Any]:
    """Return the content of a run's file, by the kind of its settings."""
    if isinstance(settings, summaries.Settings):
        return summaries.compute(settings, source, device)
    if isinstance(settings, heads.Settings):
        return heads.compute(settings, source, device)
    return runs.compute(settings, source, measure_of(settings), device)


def measure_of(settings: Settings) -> Measure:
    """Return how a run is measured: variants by one corpus, two windows and fewer passkeys."""
    if settings.model == "reference":
        return Measure()
    return Measure(windows=(1, round(settings.factor)), corpora=("code",), distances=16, trials=5)
