"""One run: a model extended, fine-tuned step by step, and measured on the way. Its numbers are one file.

``python -m paper_repro tables --preset full`` makes the runs whose files are missing; stopped, it goes on run by run.
"""

from __future__ import annotations

import importlib.metadata
import json
import platform
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import rope_theory as rt
from experiments import files, pretrain
from experiments.extension import texts
from experiments.parts import ROOT
from experiments.sweeps import versions
from rope_theory.models.loading import load_model
from rope_theory.reports import json_ready
from rope_theory.scaling import Scaling

DATA = ROOT / "experiments" / "data" / "extension"
"""One file a run."""

REMEDY = "`python -m paper_repro tables --preset full` makes it."
"""What to do where a run is missing."""

METHODS = ("none", "direct", "PI", "NTK-aware", "dynamic", "YaRN", "Llama 3")
"""What is done to the table; "none" and "direct" do nothing, and "none" is not fine-tuned."""


@dataclass(frozen=True)
class Settings:
    """What decides the numbers of a run.

    Attributes
    ----------
    model : str
        "reference", or a variant of ``experiments.extension.variants``.
    method : str
        One of METHODS.
    factor : float
        New window over the trained one.
    stages : tuple of int
        Steps at which the model is measured, in order; the last one ends the run.
    rate : float
        Peak learning rate.
    tokens_a_step : int
        Rows times their length.
    seed : int
        Of the rows.
    """

    model: str
    method: str
    factor: float
    stages: tuple[int, ...]
    rate: float
    tokens_a_step: int = 4096
    seed: int = 0

    @property
    def name(self) -> str:
        """Return the stem of the run's file."""
        method = self.method.lower().replace(" ", "_").replace("-", "_")
        return f"{self.model}_{method}_{self.factor:g}x_{self.stages[-1]}_rate{self.rate:g}_seed{self.seed}"


@dataclass(frozen=True)
class Measure:
    """How a model is measured.

    Attributes
    ----------
    windows : tuple of float
        Windows of perplexity in trained windows; documents are as long as the last one.
    documents : int
        Of each corpus.
    corpora : tuple of str
        As ``texts.held_out`` names them.
    stride : int
        Tokens.
    distances, trials : int
        Of passkeys; no distances, no passkeys.
    """

    windows: tuple[float, ...] = (1, 2, 4, 8)
    documents: int = 16
    corpora: tuple[str, ...] = ("code", "prose")
    stride: int = 256
    distances: int = 32
    trials: int = 10


def scaling_of(method: str, factor: float) -> Scaling:
    """Return the scaling of a method's name."""
    return {
        "none": rt.scaling.Unscaled(),
        "direct": rt.scaling.Unscaled(),
        "PI": rt.scaling.PositionInterpolation(factor),
        "NTK-aware": rt.scaling.NTKAware(factor),
        "dynamic": rt.scaling.DynamicNTK(factor),
        "YaRN": rt.scaling.YaRN(factor, ramp="transformers"),
        "Llama 3": rt.scaling.Llama3(factor, 1.0, 4.0),
    }[method]


def compute(settings: Settings, source: Path, measure: Measure = Measure(), device: str = "cpu") -> dict[str, Any]:
    """Return the content of a run's file: settings, one row a measured quantity, every loss, passkeys, versions.

    "passkeys" has the shares found by stage, length and distance: at the trained window and the new one at step 0 and
    in the last stage, between them at the new one.

    Parameters
    ----------
    settings : Settings
        The run.
    source : Path
        Folder of the model it begins with.
    measure : Measure
        How it is measured, at every stage.
    device : str
        "cpu" or "cuda"; both in float32.
    """
    begin = time.perf_counter()
    model, tokenizer = load_model(source, device=device)
    window = model.config.max_position_embeddings
    length = round(window * settings.factor)
    scaling = scaling_of(settings.method, settings.factor)
    documents = {
        kind: texts.held_out(kind, tokenizer, documents=measure.documents, tokens=round(measure.windows[-1] * window))
        for kind in measure.corpora
    }
    stream = texts.tuning_stream(tokenizer, window).astype(np.int64)
    rows: list[dict[str, Any]] = []
    losses: list[float] = []
    passkeys: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as scratch, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        for stage in settings.stages:
            if stage == 0:
                current = rt.models.extend(model, scaling, length=length)
            else:
                done = rt.models.finetune(
                    model,
                    stream,
                    scaling=scaling,
                    length=length,
                    steps=stage,
                    batch=max(1, settings.tokens_a_step // length),
                    rate=settings.rate,
                    seed=settings.seed,
                    folder=scratch,
                    save_every=stage,
                )
                current, losses = done.model, done.losses.tolist()
            whole = stage in (0, settings.stages[-1])
            found = _perplexities(current, documents, window, length, measure, whole=whole)
            for size in (sorted({window, length}) if whole else [length]) if measure.distances else []:
                keys = rt.models.passkey(
                    current, tokenizer, length=size, distances=measure.distances, trials=measure.trials, seed=1
                )
                reach = {"k_max": keys.k_max, "found": keys.reach[0].share}
                found += [
                    {"quantity": name, "corpus": "passkey", "window": size, "value": value, "error": None}
                    for name, value in reach.items()
                ]
                passkeys += [
                    {"step": stage, "window": size, "distance": row.nominal, "share": row.share} for row in keys.rows
                ]
            rows += [{"step": stage, **row} for row in found]
    measured = {"measure": asdict(measure), "window": window, "rows": rows, "losses": losses, "passkeys": passkeys}
    return content(settings, source, device, begin, measured)


def content(settings: Any, source: Path, device: str, begin: float, measured: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of a run's file: what was measured, what it depends on, and the time since ``begin``."""
    return {
        "settings": asdict(settings),
        "model": digest_of(source),
        **measured,
        "seconds": time.perf_counter() - begin,
        "hardware": hardware(device),
        "versions": all_versions(),
    }


def _perplexities(
    model: Any, documents: Mapping[str, Sequence[Any]], window: int, length: int, measure: Measure, *, whole: bool
) -> list[dict[str, Any]]:
    """Return perplexities at every window; unless ``whole``, of the first corpus at the trained and the new one."""
    rows = []
    for kind in list(documents) if whole else list(documents)[:1]:
        for size in [round(times * window) for times in measure.windows] if whole else sorted({window, length}):
            found = rt.models.perplexity(model, documents[kind], window=size, stride=min(measure.stride, size))
            rows.append(
                {"quantity": "nll", "corpus": kind, "window": size, "value": found.nll, "error": found.standard_error}
            )
    return rows


@cache
def digest_of(source: Path) -> str:
    """Return a hash of a model's weights."""
    return files.digest_of(sorted(source.glob("*.safetensors")))


def hardware(device: str) -> str:
    """Return what a run was made on."""
    import torch

    if device == "cuda":
        return str(torch.cuda.get_device_name())
    return f"{platform.processor() or platform.machine()} CPU, {torch.get_num_threads()} thread(s)"


def all_versions() -> dict[str, str]:
    """Return the versions stored with a run."""
    return {**versions(), "accelerate": importlib.metadata.version("accelerate")}


def path_of(settings: Any, data: Path = DATA) -> Path:
    """Return where the numbers of a run lie."""
    return data / f"{settings.name}.json"


def read(settings: Any, data: Path = DATA) -> dict[str, Any]:
    """Return the content of a run's file, whatever kind of run its settings are of.

    Raises
    ------
    ValueError
        When it is missing or of other settings; the message names the command that helps.
    """
    path = path_of(settings, data)
    if not path.is_file():
        raise ValueError(f"The run {settings.name} has no file in {data}. {REMEDY}")
    try:
        content: dict[str, Any] = json.loads(path.read_bytes())
        stored, model = content["settings"], content.get("model")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ValueError(f"{path} does not hold a run and its settings. Delete it; {REMEDY}") from None
    if stored != json_ready(asdict(settings)):
        raise ValueError(f"{path} is of a run with other settings. Delete it; {REMEDY}")
    if settings.model == "reference" and model != digest_of(pretrain.REFERENCE):
        raise ValueError(f"{path} is of another reference model than the one that lies here. Delete it; {REMEDY}")
    return content


def make(
    settings: Settings, source: Path, data: Path = DATA, measure: Measure = Measure(), device: str = "cpu"
) -> Path:
    """Compute a run whose file is missing, and write it; leave an existing one."""
    return written(settings, data, lambda: compute(settings, source, measure, device))


def written(settings: Any, data: Path, content: Callable[[], dict[str, Any]]) -> Path:
    """Return the path of a run's file, which is written first where it is missing."""
    path = path_of(settings, data)
    if path.is_file():
        read(settings, data)  # raises where it is of something else
    else:
        files.write(path, files.as_json(content()))
    return path
