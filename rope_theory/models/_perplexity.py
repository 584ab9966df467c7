"""Perplexity of documents in sliding windows, under the conventions that published numbers were made with."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rope_theory._core.checks import integer, one_of
from rope_theory._core.progress import watched
from rope_theory._core.records import Record
from rope_theory.errors import WrongValue
from rope_theory.models._documents import documents_of, in_batches, special_token
from rope_theory.models._losses import output_layer, token_losses
from rope_theory.models._memory import refuse_too_long, saying_what_fits, sequences_at_once
from rope_theory.models._modes import last_states, measuring, what_ran
from rope_theory.models._packages import torch
from rope_theory.models._windows import BEGINNINGS, CONVENTIONS, Window, windows_of
from rope_theory.models.measurements import Rows

RESAMPLES = 1000
"""Bootstrap samples of documents."""


@dataclass(frozen=True)
class DocumentRow:
    """Losses of one document.

    Attributes
    ----------
    document : int
        From 0.
    length : int
        Its tokens, without a token put before it.
    windows : int
        Windows taken from it.
    tokens : int
        Losses counted; with "every-token" more than the document has tokens.
    nll : float
        Their mean, weighted as the convention says, nats.
    """

    document: int
    length: int
    windows: int
    tokens: int
    nll: float


@dataclass(frozen=True, eq=False)
class Perplexity(Record):
    """Perplexity of a model on documents, with all that its value depends on.

    Attributes
    ----------
    nll : float
        Mean loss, nats per token, weighted as the convention says.
    standard_error : float or None
        Of ``nll``, by resampling whole documents; None for a single document.
    tokens : int
        Losses counted.
    per_position : ndarray, (window + 1,)
        Mean loss of the tokens with n = 0, 1, … tokens before them in their window; NaN where none was counted.
    counts : ndarray of int, (window + 1,)
        How many those are.
    documents : Rows of DocumentRow
        One a document.
    window, stride : int
        Tokens of a window, and by how many the next one starts later.
    convention : str
        Which losses count and how they are averaged.
    beginning : str
        Where a beginning-of-sequence token is put: none, document or window.
    model, dtype, device : str
        Class, dtype of the weights, device.
    resamples, seed : int
        Of the bootstrap.
    """

    nll: float
    standard_error: float | None
    tokens: int
    per_position: NDArray[np.float64]
    counts: NDArray[np.int64]
    documents: Rows
    window: int
    stride: int
    convention: str
    beginning: str
    model: str
    dtype: str
    device: str
    resamples: int
    seed: int

    @property
    def perplexity(self) -> float:
        """Return e to the mean loss; infinite where that overflows."""
        return math.exp(self.nll) if self.nll < 700.0 else math.inf


def perplexity(
    model: Any,
    input_ids: Any,
    *,
    window: int,
    stride: int = 256,
    convention: str = "token-weighted",
    beginning: str = "none",
    batch: int | None = None,
    seed: int = 0,
) -> Perplexity:
    """Return the perplexity of documents in sliding windows: exp of the mean −ln p of the tokens that count.

    Parameters
    ----------
    model : transformers model
        A causal language model on any device; it is left as it was.
    input_ids : sequence of int, tensor (T,) or (1, T); or a sequence of such
        One document, or several. They are scored as they are: no token is put before them unless ``beginning`` says so.
    window : int
        Tokens of a window, at most those of the shortest document.
    stride : int
        By how many tokens the next window starts later; at most ``window``.
    convention : {"token-weighted", "window-mean", "every-token", "disjoint", "last"}
        "token-weighted", the paper's (Press et al., 2012.15409): the first window counts whole, every next one its last
        ``stride`` tokens, the last one, which ends with the document, what is left; all tokens weigh the same.
        "window-mean" (YaRN's and LongRoPE's scripts): the same windows, but their means weigh the same.
        "every-token" (LongLoRA's script): every window counts whole, so that most tokens count several times.
        "disjoint" (lm-evaluation-harness): windows share one token and every token counts once; ``stride`` is not used.
        "last": only windows of full length, each with its last ``stride`` tokens, the first one too.
    beginning : {"none", "document", "window"}
        Put the model's beginning-of-sequence token nowhere, before each document, or before each window; it takes a
        place of the window, and is never scored.
    batch : int, optional
        Windows in one forward pass; about 2048 tokens on a CPU, 65536 on a GPU when not given.
    seed : int
        Of the bootstrap.

    Returns
    -------
    Perplexity
        With the mean by position, one row per document, and a standard error over documents.

    Raises
    ------
    TypeError
        For something that is no transformers model, or tokens that are no integers.
    ValueError
        For a window longer than a document, a stride longer than the window, a document of one token, tokens outside
        the vocabulary, a model without a beginning-of-sequence token where one is wanted, an output layer this package
        does not know, a loss that is not finite, or too little memory (it says how long a window would fit).

    Notes
    -----
    Logits are made of a block of tokens at a time, those that count only. Source: section 3.2 of arXiv 2306.15595v2,
    S = 256.
    """
    window = integer(window, "window", 2, "A window holds at least one token and the one it predicts.")
    stride = integer(stride, "stride", 1)
    seed = integer(seed, "seed", 0)
    one_of(convention, "convention", CONVENTIONS)
    one_of(beginning, "beginning", BEGINNINGS)
    lead = 1 if beginning == "window" else 0
    if stride > window - lead and convention != "disjoint":
        raise WrongValue(
            "stride",
            f"must be at most {window - lead}, the window{(' without its first token' if lead else '')}",
            stride,
            "tokens would be missed",
        )
    documents = documents_of(input_ids, model)
    begin = None if beginning == "none" else _beginning(model)
    if beginning == "document":
        documents = [torch.cat([begin, ids]) for ids in documents]
    for number, ids in enumerate(documents):
        if window > len(ids) + lead:
            raise WrongValue(
                "window",
                f"must be at most the {len(ids) + lead} tokens of document {number}",
                window,
                "give a shorter window, or leave that document out",
            )
    size = sequences_at_once(model, window) if batch is None else integer(batch, "batch", 1)
    refuse_too_long(model, window * size if batch is not None else window)
    project = output_layer(model)
    if project is None:
        raise WrongValue(
            f"The output layer of {type(model).__name__}",
            "does more than this package knows (cap, factor, divisor), or there is none, so that "
            "its losses cannot be taken a block at a time",
        )
    plans = [
        (number, one)
        for number, ids in enumerate(documents)
        for one in windows_of(len(ids), window, stride, convention, lead)
    ]
    tally = _Tally(len(documents), window, by_windows=convention == "window-mean")
    vocabulary = model.get_input_embeddings().weight.shape[0]
    passes = list(in_batches(plans, lambda plan: plan[1].shape, size))
    with measuring(model), saying_what_fits(model):
        for members in watched(passes, "Windows", len(passes)):
            rows = torch.stack([documents[number][one.start : one.stop] for number, one in members])
            if begin is not None and lead:
                rows = torch.cat([begin.expand(len(rows), 1), rows], dim=1)
            states = last_states(model, rows)
            shape = members[0][1]
            before = states[:, shape.before - 1 : shape.before - 1 + shape.scored]
            targets = torch.cat([documents[number][one.first : one.last] for number, one in members])
            losses = token_losses(project, before.flatten(0, 1), targets, vocabulary)
            tally.add(members, losses.reshape(len(members), -1).double().cpu().numpy())
    return tally.result(
        [len(ids) - (1 if beginning == "document" else 0) for ids in documents],
        window=window,
        stride=window - lead if convention == "disjoint" else stride,
        convention=convention,
        beginning=beginning,
        **what_ran(model),
        seed=seed,
    )


def _beginning(model: Any) -> Any:
    """Return the beginning-of-sequence token as (1,)."""
    tokens = special_token(model, "bos_token_id", "beginning-of-sequence")
    if not tokens:
        raise WrongValue(
            "The model's config", "names no beginning-of-sequence token", remedy="leave beginning at 'none'"
        )
    return torch.tensor(tokens, device=model.device)


class _Tally:
    """Sums of losses, by document and by place in the window."""

    def __init__(self, documents: int, window: int, *, by_windows: bool) -> None:
        self.by_windows = by_windows
        self.sums, self.weights = np.zeros(documents), np.zeros(documents)
        self.windows, self.tokens = np.zeros(documents, dtype=np.int64), np.zeros(documents, dtype=np.int64)
        self.by_place, self.counts = np.zeros(window + 1), np.zeros(window + 1, dtype=np.int64)

    def add(self, members: list[tuple[int, Window]], losses: NDArray[np.float64]) -> None:
        """Add the losses, (windows, scored), of windows of one shape."""
        for (number, one), row in zip(members, losses, strict=True):
            if not np.isfinite(row).all():
                place = one.first + int(np.flatnonzero(~np.isfinite(row))[0])
                raise WrongValue(f"The loss of token {place} of document {number}", "is not finite")
            self.sums[number] += row.mean() if self.by_windows else row.sum()
            self.weights[number] += 1 if self.by_windows else len(row)
            self.windows[number] += 1
            self.tokens[number] += len(row)
        places = slice(members[0][1].before, members[0][1].before + losses.shape[1])
        self.by_place[places] += losses.sum(0)
        self.counts[places] += len(losses)

    def result(self, lengths: list[int], *, seed: int, **settings: Any) -> Perplexity:
        """Return the record."""
        with np.errstate(invalid="ignore"):
            per_position = self.by_place / self.counts
        rows = [
            DocumentRow(number, length, int(self.windows[number]), int(self.tokens[number]), float(nll))
            for number, (length, nll) in enumerate(zip(lengths, self.sums / self.weights, strict=True))
        ]
        return Perplexity(
            nll=float(self.sums.sum() / self.weights.sum()),
            standard_error=self._standard_error(seed),
            tokens=int(self.tokens.sum()),
            per_position=per_position,
            counts=self.counts,
            documents=Rows(tuple(rows)),
            resamples=RESAMPLES,
            seed=seed,
            **settings,
        )

    def _standard_error(self, seed: int) -> float | None:
        """Return the spread of the mean over documents drawn again, with replacement."""
        count = len(self.sums)
        if count < 2:
            return None
        from scipy.stats import bootstrap

        def mean(sums: Any, weights: Any, axis: int) -> Any:
            return sums.sum(axis) / weights.sum(axis)

        found = bootstrap(
            (self.sums, self.weights), mean, n_resamples=RESAMPLES, paired=True, vectorized=True, method="percentile",
            rng=np.random.default_rng(seed),
        )  # fmt: skip
        return float(found.standard_error)
