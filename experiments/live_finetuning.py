"""Are the committed runs still what this code gives? Some of their numbers, computed again in every reproduction."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

import rope_theory as rt
from experiments import files, pretrain
from experiments.columns import one_of
from experiments.compared import Tolerance
from experiments.extension import plan, results, runs, texts
from experiments.parts import Data, Part
from rope_theory.models.loading import load_model

METHODS = {"direct": 1, "PI": 1, "YaRN": 4}
"""Untuned ones that are measured again, and the window in trained ones: few, since every reproduction does it."""

TUNED = next(one for one in plan.MAIN if one.method == "PI" and one.seed == 0)
"""The run whose first steps are made again."""

UNTUNED = tuple(one for one in plan.UNTUNED if one.method in METHODS and one.factor == TUNED.factor)

CLOSE = 1e-3
"""Largest relative difference of numbers that are the same: processors round otherwise, and steps carry it on."""

INPUTS: dict[str, Any] = {
    "steps": 2, "model": files.digest(pretrain.run_facts()), "runs": results.digest((TUNED, *UNTUNED)),
}  # fmt: skip


def compute(inputs: Mapping[str, Any]) -> Data:
    """Return live and committed numbers side by side: losses of the first steps, perplexities of untuned models."""
    measure = plan.measure_of(TUNED)
    model, tokenizer = load_model(pretrain.REFERENCE)
    window = model.config.max_position_embeddings
    length = round(window * TUNED.factor)
    done = rt.models.finetune(
        model,
        texts.tuning_stream(tokenizer, window).astype(np.int64),
        scaling=runs.scaling_of(TUNED.method, TUNED.factor),
        length=length,
        steps=inputs["steps"],
        batch=TUNED.tokens_a_step // length,
        rate=TUNED.rate,
        seed=TUNED.seed,
    )
    rows = [
        (f"loss of step {step}, PI", live, committed)
        for step, (live, committed) in enumerate(zip(done.losses, runs.read(TUNED)["losses"], strict=False), start=1)
    ]
    tokens = measure.windows[-1] * window
    documents = texts.held_out("code", tokenizer, documents=measure.documents, tokens=tokens)  # those of the runs
    for one in UNTUNED:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            extended = rt.models.extend(model, runs.scaling_of(one.method, one.factor), length=length)
        size = METHODS[one.method] * window
        found = rt.models.perplexity(extended, documents, window=size, stride=min(measure.stride, size))
        stored = one_of(results.columns_of([one]), quantity="nll", corpus="code", window=size)
        assert stored is not None
        rows.append((f"nats a token at {size} tokens, {one.method} untuned", found.nll, stored["mean"]))
    names, live, committed = zip(*rows, strict=True)
    agreeing = np.abs(np.array(live) / np.array(committed) - 1.0) < CLOSE
    return Data(  # digits that are the same on other processors
        tables={"numbers": {"number": names, "live": np.round(live, 3), "committed": np.round(committed, 3)}},
        facts={
            "numbers": len(rows),
            "agreeing": int(agreeing.sum()),
            "agreeing_to": CLOSE,
            "other_text": texts.other_versions(),  # then nothing can agree
        },
    )


TOLERANCE = Tolerance(
    relative=2 * CLOSE,
    rounding={"live_finetuning.csv": ("live",), "live_finetuning.json": ("agreeing", "other_text")}
    if texts.other_versions()
    else {},
)
"""Where packages whose sources are the text have other versions than they had for the runs, no live number agrees."""

PART = Part("live_finetuning", "tables", INPUTS, compute, tolerance=TOLERANCE)
