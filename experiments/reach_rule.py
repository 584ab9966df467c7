"""The doctor's rule for how far a table works, held against published perplexities by length and our own.

A length works where the perplexity is at most ``within`` times that inside the trained window. The rule foretells that
it does up to its predicted length. Models tuned by direct fine-tuning are left out: they have seen other phases than
those of pre-training, which is what the rule goes by.
"""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from experiments.columns import as_columns, one_of, records_as_columns, rows_of
from experiments.extension import plan, results, runs
from experiments.parts import Data, Part
from experiments.pretrain import REFERENCE
from rope_theory import RopeConfig, from_hf, scaling
from rope_theory.doctor import predicted_length

PUBLISHED: list[dict[str, Any]] = tomllib.loads(Path(__file__).with_name("published_reach.toml").read_text())["series"]
OWN = "this project, reference model, code"
STEPS = (0, plan.STAGES[-1])

INPUTS: dict[str, Any] = {
    "within": 1.5,
    "published": json.dumps(PUBLISHED, sort_keys=True),
    "runs": results.digest((*plan.UNTUNED, *plan.MAIN, *plan.FACTORS)),
}


def compute(inputs: Mapping[str, Any]) -> Data:
    """Return a row a measured perplexity, and how often the rule was right."""
    rows = [*_published(inputs["within"]), *_own(inputs["within"])]
    return Data(
        tables={"measured": records_as_columns(rows), "counts": _counts(rows)}, facts={"within": inputs["within"]}
    )


def _published(within: float) -> Iterator[dict[str, Any]]:
    for series in PUBLISHED:
        config, reference = RopeConfig(**series["model"]), series["reference"]["perplexity"]
        for row in series["rows"]:
            method = getattr(scaling, row["method"])
            own = method(row["factor"]) if "factor" in row else method()
            table_config = RopeConfig(**{**series["model"], "base": row.get("base", config.base)})
            for length, printed in zip(row["lengths"], row["perplexity"], strict=True):
                perplexity = float(printed.lstrip(">"))
                yield _row(
                    series["id"], config, table_config, own, row.get("factor", 1.0), row["tuned"], length, perplexity,
                    reference, within,
                )  # fmt: skip


def _own(within: float) -> Iterator[dict[str, Any]]:
    config = from_hf(REFERENCE).config
    columns = results.columns_of(results.at_hand((*plan.UNTUNED, *plan.MAIN, *plan.FACTORS)))
    wanted = {"quantity": "nll", "corpus": "code", "model": "reference"}
    inside = one_of(columns, **wanted, method="direct", step=0, factor=4.0, window=config.context_length)
    assert inside is not None  # the model as it is: the first run of all
    for row in rows_of(columns, **wanted):
        tuned = row["step"] > 0
        if row["step"] not in STEPS or (row["method"] == "direct" and (tuned or row["factor"] != 4.0)):
            continue
        own = runs.scaling_of(row["method"], row["factor"]) or scaling.Unscaled()
        yield _row(
            OWN, config, config, own, row["factor"], tuned, int(row["window"]), math.exp(row["mean"]),
            math.exp(inside["mean"]), within,
        )  # fmt: skip


def _row(
    source: str, trained: RopeConfig, used: RopeConfig, own: scaling.Scaling, factor: float, tuned: bool, length: int,
    perplexity: float, reference: float, within: float,
) -> dict[str, Any]:  # fmt: skip
    far = predicted_length(scaling.Unscaled().frequencies(trained), own.frequencies(used, length))
    works, foretold = perplexity <= within * reference, far is None or far >= length
    return {
        "source": source, "method": own.name, "factor": 1.0 if own.name == "Unscaled" else float(factor),
        "tuned": tuned, "base": used.base, "length": length, "perplexity": perplexity, "reference": reference,
        "works": works, "predicted": -1 if far is None else far, "foretold": foretold, "hit": works == foretold,
    }  # fmt: skip


def _counts(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Return hits and misses by where the numbers come from, whether models were tuned, and the kind of method."""
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for row in rows:
        origin = "this project" if row["source"] == OWN else "published"
        group = "not tuned" if not row["tuned"] else "tuned"
        kind = "Position Interpolation" if row["method"] == "PositionInterpolation" else "other methods"
        kind = "no scaling" if row["method"] == "Unscaled" else kind
        groups.setdefault((origin, group, kind), []).append(row)
    counts = []
    for key, group_rows in sorted(groups.items()):
        missed = [row for row in group_rows if not row["hit"]]
        kinds_of_miss = (sum(row[kind] for row in missed) for kind in ("works", "foretold"))
        counts.append((*key, len(group_rows), len(group_rows) - len(missed), *kinds_of_miss))
    names = ("origin", "tuned", "method", "rows", "hits", "works, not foretold", "foretold, fails")
    return as_columns(names, counts)


PART = Part("reach_rule", "tables", INPUTS, compute)
