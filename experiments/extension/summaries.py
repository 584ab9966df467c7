"""Table 6: summaries of long inputs, by ROUGE. At small scale a module's docstring from its source, else GovReport.

GovReport is read from JSON lines with "report" and "summary", as its authors publish it, where the user has it; the
paper cuts reports to 15000 tokens and summaries to 1000, in a window of 16384.
"""

from __future__ import annotations

import ast
import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

import rope_theory as rt
from experiments.extension import runs
from experiments.pretraining import corpus
from rope_theory.models import Example
from rope_theory.models.loading import load_model

QUESTION = "\n# What this module is about: "
"""Between a source and what is to be said of it."""

TRAINING = ("fonttools", "matplotlib", "mypy", "numba", "numpy", "python", "scikit-learn", "scipy", "sympy", "torch")
"""Distributions whose docstrings are learnt; all of them are part of the training corpus."""

TESTED = ("mpmath", "networkx", "pandas")
"""Distributions whose docstrings are asked for; never trained on."""

ANSWER = 48
"""Tokens of a docstring's first paragraph; longer ones are left out."""

SHORTEST = 1500
"""Characters of a source; shorter ones fit into the trained window."""

KINDS = ("rouge1", "rouge2", "rougeL")

Pair = tuple[str, str]
"""A long text and its summary."""


@dataclass(frozen=True)
class Settings:
    """What decides the numbers of a run.

    Attributes
    ----------
    method : str
        "cut" for sources cut to the trained window and no scaling, else one of ``runs.METHODS``.
    factor : float
        New window over the trained one; 1 for "cut".
    steps : int
        Of fine-tuning on pairs.
    rate : float
        Peak learning rate.
    seed : int
        Of the rows.
    tested : int
        Pairs that are asked for.
    batch : int
        Rows a step.
    """

    method: str
    factor: float
    steps: int = 200
    rate: float = 1e-3
    seed: int = 0
    tested: int = 64
    batch: int = 4

    @property
    def model(self) -> str:
        """Return the name of the model, as ``runs.Settings`` has it."""
        return "reference"

    @property
    def name(self) -> str:
        """Return the stem of the run's file."""
        method = self.method.lower().replace(" ", "_").replace("-", "_")
        return f"summaries_{method}_{self.factor:g}x_{self.steps}_seed{self.seed}"


def docstrings(packages: Iterable[str]) -> list[Pair]:
    """Return (source without its docstring, the docstring's first paragraph) of modules, in an order of their paths."""
    pairs = (_parted(document.text) for document in corpus.shuffled(corpus.documents(*packages)))
    return [pair for pair in pairs if pair is not None]


def _parted(text: str) -> Pair | None:
    """Return a source and its docstring's first paragraph, where there is one worth asking for."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return None
    docstring = ast.get_docstring(tree)
    if docstring is None or len(text) < SHORTEST:
        return None
    summary = " ".join(docstring.split("\n\n")[0].split())
    lines = text.splitlines(keepends=True)
    first, last = tree.body[0].lineno, tree.body[0].end_lineno
    assert last is not None
    return ("".join(lines[: first - 1] + lines[last:]), summary) if len(summary.split()) >= 5 else None


def read_pairs(path: Path) -> list[Pair]:
    """Return the pairs of a file of JSON lines with "report" and "summary", as GovReport has them.

    Raises
    ------
    OSError
        For a path that is no file.
    ValueError
        For a line that is no such object.
    """
    if not path.is_file():
        raise OSError(f"{path} is no file; give JSON lines with report and summary.")
    pairs = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            content = json.loads(line)
            pairs.append((str(content["report"]), str(content["summary"])))
        except (ValueError, KeyError, TypeError):
            raise ValueError(f"Line {number} of {path} is no JSON object with report and summary.") from None
    return pairs


def examples(pairs: Sequence[Pair], tokenizer: Any, length: int, answer: int, *, cut: bool = False) -> list[Example]:
    """Return prompts of at most ``length - answer`` tokens with their answers.

    Parameters
    ----------
    pairs : sequence of (text, summary)
        Texts are cut at their end to fit.
    tokenizer : transformers tokenizer
        The model's own.
    length, answer : int
        Tokens of a row, and of a summary with the token that ends it.
    cut : bool
        Cut summaries that are longer, instead of leaving their pairs out.
    """
    question = tokenizer(QUESTION, add_special_tokens=False)["input_ids"]
    found = []
    for text, summary in pairs:
        wanted = tokenizer(summary, add_special_tokens=False, verbose=False)["input_ids"]
        if len(wanted) >= answer and not cut:
            continue
        ids = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        found.append(Example(ids[: length - answer - len(question)] + question, wanted[: answer - 1]))
    return found


def rouge(model: Any, tokenizer: Any, asked: Sequence[Example], answer: int) -> dict[str, tuple[float, float]]:
    """Return mean F-measures in percent and their standard errors over examples, of greedy answers.

    Raises
    ------
    ModuleNotFoundError
        Without rouge-score.
    """
    import torch
    from rouge_score import rouge_scorer

    scorer = rouge_scorer.RougeScorer(list(KINDS), use_stemmer=True)
    scores = []
    console = Console(stderr=True)
    for example in track(asked, "Summaries", console=console, transient=True, disable=not console.is_terminal):
        prompt = torch.tensor([example.prompt], device=model.device)
        with torch.no_grad():
            written = model.generate(
                prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=answer, do_sample=False,
                pad_token_id=model.config.eos_token_id,
            )  # fmt: skip
        texts = [
            tokenizer.decode(ids, skip_special_tokens=True) for ids in (example.answer, written[0, prompt.shape[1] :])
        ]
        found = scorer.score(*texts)
        scores.append([100.0 * found[kind].fmeasure for kind in KINDS])
    values = np.array(scores)
    errors = values.std(0, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.full(len(KINDS), np.nan)
    return {kind: (float(values[:, n].mean()), float(errors[n])) for n, kind in enumerate(KINDS)}


def compute(settings: Settings, source: Path, device: str = "cpu") -> dict[str, Any]:
    """Return the content of a run's file: ROUGE before and after fine-tuning, and what it depends on."""
    begin = time.perf_counter()
    model, tokenizer = load_model(source, device=device)
    length = round(model.config.max_position_embeddings * settings.factor)
    scaling = None if settings.method == "cut" else runs.scaling_of(settings.method, settings.factor)
    learnt = examples(docstrings(TRAINING), tokenizer, length, ANSWER)
    asked = examples(docstrings(TESTED), tokenizer, length, ANSWER)[: settings.tested]
    done = rt.models.finetune(
        model, learnt, scaling=scaling, length=length, steps=settings.steps, batch=settings.batch, rate=settings.rate,
        seed=settings.seed,
    )  # fmt: skip
    found = rouge(done.model, tokenizer, asked, ANSWER)
    measured = {"learnt": len(learnt), "asked": len(asked), "rouge": found, "losses": done.losses.tolist()}
    return runs.content(settings, source, device, begin, measured)
