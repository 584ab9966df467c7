"""The tables of docs/extension.md, generated from the runs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

from experiments.columns import one_of, rows_of
from experiments.extension import plan, summaries
from experiments.parts import Data
from paper_repro import published

Cells = tuple[str, ...]


def perplexities(
    data: Data,
    corpus: str,
    factors: Sequence[float] = (2.0, 4.0, 8.0),
    tuned: int = plan.STAGES[-1],
    windows: Sequence[float] = (1, 2, 4, 8),
) -> tuple[Cells, list[Cells]]:
    """Return tables 1 and 2: perplexity by method, steps and window, mean ± spread over seeds."""
    columns, window = data.tables["numbers"], data.facts["window"]
    header = ("window", "method", "steps", "seeds", *(_times(times) for times in windows))
    rows: list[Cells] = []
    for factor in factors:
        for method in plan.TUNED:
            for step in sorted({0, tuned, 1000}):
                found = [
                    one_of(columns, method=method, step=step, factor=factor, quantity="nll", corpus=corpus,
                           window=round(times * window), model="reference")
                    for times in windows
                ]  # fmt: skip
                if found[0] is None:
                    continue
                name = "as it is" if method == "direct" and step == 0 else method
                cells = (_times(factor), name, str(step), str(found[0]["seeds"]), *map(_perplexity, found))
                if name != "as it is" or not any(row[1] == name for row in rows):
                    rows.append(cells)
    return header, rows


def published_perplexities(table: str) -> tuple[Cells, list[Cells]]:
    """Return what the paper prints for 7B, in the same form."""
    names = {"None": "as it is", "FT": "direct", "PI": "PI"}
    rows: list[Cells] = []
    for window, method in (("2048", "None"), ("8192", "FT"), ("8192", "PI"), ("16384", "PI")):
        printed = published.row(table, ("7B", window, method))
        steps = {"None": "0", "FT": "10000", "PI": "1000"}[method]
        rows.append((_times(int(window) / 2048), names[method], steps, *list(printed.values())[:4]))
    return ("window", "method", "steps", "L", "2L", "4L", "8L"), rows


def steps_table(data: Data) -> tuple[Cells, list[Cells]]:
    """Return tables 3 and 4: perplexity at 4L over the original's inside L, and k_max over 4L, by steps."""
    steps = sorted({int(step) for found in data.facts["methods"].values() for step in found})
    rows: list[Cells] = []
    for method in plan.COMPARED:
        found = data.facts["methods"].get(method, {})
        by_step = [found.get(str(step)) for step in steps]
        length = 4.0 * data.facts["window"]
        rows.append((f"{method}, perplexity ratio", *(_cell(row, "ratio", 1.0) for row in by_step)))
        rows.append((f"{method}, k_max / 4L", *(_cell(row, "k_max", length) for row in by_step)))
        rows.append((f"{method}, share found", *(_cell(row, "found", 1.0) for row in by_step)))
    base = float(published.cell("table_1", ("7B", "2048", "None"), "2048"))
    perplexity = published.row("table_3", ("8192",))
    ratios = {step: f"{float(value) / base:.2f}" for step, value in perplexity.items()}
    rows.append(("PI, 7B, perplexity ratio, published", *(ratios.get(str(step), "–") for step in steps)))
    for method, name in (("FT", "direct"), ("PI", "PI")):
        printed = published.row("table_4", ("7B", "8192", method))
        reach = {step: f"{int(value) / 8192:.2f}" for step, value in printed.items() if value != "-"}
        rows.append((f"{name}, 7B, k_max / 4L, published", *(reach.get(str(step), "–") for step in steps)))
    return ("", *map(str, steps)), rows


def lower_rate_table(data: Data) -> tuple[Cells, list[Cells]]:
    """Return what the same fine-tuning at a lower rate does inside L and at 4L, beside the rate of the tables."""
    facts = data.facts
    length = 4.0 * facts["window"]
    rows: list[Cells] = []
    rates = ((plan.RATE, facts), (facts["lower_rate"]["rate"], facts["lower_rate"]))
    for name, (rate, found) in product(("the same tuning at L", *plan.COMPARED), rates):
        by_step = found["methods"][name] if name in plan.COMPARED else found["control"]
        for step in plan.LONGER:
            row = by_step.get(str(step))
            if row is None:
                continue
            reach = ("–", "–", "–")
            if name in plan.COMPARED:
                reach = (_cell(row, "ratio", 1.0), _cell(row, "k_max", length), _cell(row, "found", 1.0))
            rows.append((name, f"{rate:g}", str(step), str(row["seeds"]), f"{row['inside'] - 1.0:+.1%}", *reach))
    header = (
        "method", "rate", "steps", "seeds", "perplexity inside L", "perplexity ratio at 4L", "k_max / 4L",
        "share found",
    )  # fmt: skip
    return header, rows


def boundary_table(data: Data, known: float) -> tuple[Cells, list[Cells]]:
    """Return the cases of the boundary: the model, the quantities, and what both ways reach.

    Passkeys are shown for models that find a share of ``known`` of them inside the trained window.
    """
    steps = data.facts["steps"]
    first, last = steps[1], steps[-1]
    rows: list[Cells] = []
    for case in rows_of(data.tables["cases"]):
        size = (str(case["window"]), f"{case['hidden']} × {case['layers']}", f"{case['tokens'] / 1e6:.1f}")
        measured = (
            f"{case['unseen']:.2f}",
            *(f"{case[name]:.2f} ± {case[f'{name}_error']:.2f}" for name in ("moved", "far", "balance")),
        )
        ratios = (f"{case[f'direct_ratio_{step}']:.2f} / {case[f'PI_ratio_{step}']:.2f}" for step in (0, first, last))
        gained = (f"{case[f'advantage_{step}']:+.3f}" for step in (0, first, last))
        keys = "–"
        if case["passkeys"] >= known:
            keys = f"{case[f'direct_found_{last}']:.0%} / {case[f'PI_found_{last}']:.0%}"
        rows.append(
            (*size, _times(case["factor"]), *measured, *ratios, *gained, keys, "yes" if case["foretold"] else "")
        )
    header = (
        "L", "width × layers", "M tokens seen", "new window", "unseen", "moved", "far", "far / moved", "ratio untuned",
        f"after {first} steps", f"after {last}", "nats gained untuned", f"after {first}", f"after {last}",
        "passkeys", "later",
    )  # fmt: skip
    return header, rows


def rank_table(data: Data) -> tuple[Cells, list[Cells]]:
    """Return the rank correlations of every quantity with the nats gained, a column a step, two rows a quantity."""
    groups = {"first": "", "foretold": ", later ones"}
    rows: list[Cells] = []
    for group, words in groups.items():
        for name, ranks in data.facts["rank_correlation"][group].items():
            cells = ("–" if value is None else f"{value:+.2f}" for value in ranks.values())
            rows.append((f"{name.replace('balance', 'far / moved')}{words}", *cells))
    return ("quantity", *("untuned" if not step else f"{step} steps" for step in data.facts["steps"])), rows


def boundary_sentence(data: Data, line: float) -> str:
    """Return in plain words how often Position Interpolation is ahead, and what goes with it."""
    facts = data.facts
    if facts["cases"] < facts["planned"]:
        return f"{facts['cases']} of {facts['planned']} cases are measured; what is missing is left out."
    first, last = (str(facts["steps"][place]) for place in (1, -1))
    read_off, tried = facts["rule"]["first"], facts["rule"]["foretold"]
    guess, missed = max(tried["ahead"], tried["cases"] - tried["ahead"]), read_off["cases"] - read_off["right"]
    far = {group: ranks["far"]["0"] for group, ranks in facts["rank_correlation"].items()}
    rank = {group: ranks["balance"][first] for group, ranks in facts["rank_correlation"].items()}
    return (
        f"Of {facts['cases']} cases, which share {facts['models']} models, Position Interpolation has the lower "
        f"perplexity at the new window in {facts['ahead']['0']} untuned, in {facts['ahead'][first]} after {first} "
        f"steps of fine-tuning and in {facts['ahead'][last]} after {last}, when no case differs by more than "
        f"{facts['largest_difference']:.3f} nats; it finds more passkeys then in {facts['passkeys']['ahead']} of the "
        f'{facts["passkeys"]["cases"]} whose model knows the task. What tells beforehand? Untuned, "far" did best '
        f"over the first {read_off['cases']} cases (rank correlation {far['first']:+.2f}, {far['foretold']:+.2f} over "
        f"{tried['cases']} later ones). Of four quantities at four stages of fine-tuning, far / moved after {first} "
        f"steps did: {rank['first']:+.2f}, and Position Interpolation was ahead where it exceeds {line:g}, and only "
        f"there, in all but {missed} of these cases ({read_off['undecided']} lie too close to that line to tell). This "
        f"rule was written down before the later cases were run: there the correlation is {rank['foretold']:+.2f}, and "
        f"the rule is right in {tried['right']}, where always guessing one way is right in {guess}."
    )


def quality_table(data: Data) -> tuple[Cells, list[Cells]]:
    """Return table 5: quality inside the original window, before and after."""
    columns, window = data.tables["numbers"], data.facts["window"]
    rows: list[Cells] = []
    for method, factor in (*((method, 4.0) for method in plan.TUNED), ("direct", 1.0)):
        for step in (0, plan.STAGES[-1], 1000):
            found = {
                (quantity, corpus): one_of(
                    columns, method=method, step=step, factor=factor, quantity=quantity, corpus=corpus, window=window,
                    model="reference",
                )
                for quantity, corpus in (("nll", "code"), ("nll", "prose"), ("found", "passkey"))
            }  # fmt: skip
            code, prose = found["nll", "code"], found["nll", "prose"]
            if code is None or prose is None:
                continue
            before = data.facts["original"]
            change = [
                f"{math.expm1(row['mean'] - before[kind]):+.1%}" for kind, row in (("code", code), ("prose", prose))
            ]
            keys = found["found", "passkey"]
            name = "as it is" if method == "direct" and step == 0 else method
            name = "the same tuning at L" if factor == 1.0 else name
            rows.append((name, str(step), *change, "–" if keys is None else f"{keys['mean']:.0%}"))
    return ("method", "steps", "perplexity inside L, code", "prose", "passkeys inside L"), rows


def summaries_table(data: Data) -> tuple[Cells, list[Cells]]:
    """Return table 6: ROUGE by method, mean ± spread over seeds, or over the examples of one."""
    names = {"cut": "cut to L", "direct": "direct", "PI": "PI", "YaRN": "YaRN"}
    rows: list[Cells] = []
    for row in rows_of(data.tables["summaries"]):
        scores = [f"{row[kind]:.1f} ± {row[f'{kind}, spread']:.1f}" for kind in summaries.KINDS]
        rows.append((names[row["method"]], _times(row["factor"]), str(row["seeds"]), *scores))
    return ("input", "window", "seeds", "ROUGE-1", "ROUGE-2", "ROUGE-L"), rows


def published_summaries() -> tuple[Cells, list[Cells]]:
    """Return what the paper prints for GovReport."""
    models = ("CoLT5 Base", "CoLT5 XL", "LLaMA-7B extended")
    return ("model", "ROUGE-1", "ROUGE-2", "ROUGE-L"), [
        (model, *published.row("table_6", (model,)).values()) for model in models
    ]


def _perplexity(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return "–"
    value = math.exp(row["mean"])
    return f"{value:.2f}" if math.isnan(row["spread"]) else f"{value:.2f} ± {value * row['spread']:.2f}"


def _cell(row: Mapping[str, Any] | None, quantity: str, scale: float) -> str:
    """Return a number of ``extended_windows``'s facts over ``scale``, with its spread over seeds."""
    if row is None or row[quantity] is None:
        return "–"
    value, spread = row[quantity] / scale, row["nll_spread" if quantity == "ratio" else f"{quantity}_spread"]
    if spread is None:
        return f"{value:.2f}"
    return f"{value:.2f} ± {spread * (value if quantity == 'ratio' else 1.0 / scale):.2f}"


def _times(times: float) -> str:
    return "L" if times == 1 else f"{times:g}L"
