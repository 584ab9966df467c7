"""The generated blocks of docs/: the text between two markers is replaced, everything else stays as it is."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments import (
    base_bounds,
    extension_boundary,
    files,
    reach_rule,
    real_heads,
    table_interpolation,
    table_kernels,
    table_savers,
    table_worst_case,
)
from experiments.parts import Data
from paper_repro import extended_windows, extension_pages
from paper_repro.claims import Ledger
from rope_theory import bounds, certificates, precision, regression
from rope_theory.doctor import RULES

WIDTH = 118
"""Width of generated prose, in characters."""


def replaced(text: str, name: str, content: str, document: str) -> str:
    """Return ``text`` with ``content`` between the markers ``name:begin`` and ``name:end``.

    Raises
    ------
    ValueError
        When ``text`` does not hold the pair of markers exactly once; the message names ``document``.
    """
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    if len(pattern.findall(text)) != 1:
        raise ValueError(f"{document} must contain the markers {begin} and {end} exactly once, in this order.")
    return pattern.sub(lambda _: f"{begin}\n\n{content.strip()}\n\n{end}", text)


def between(text: str, name: str) -> str:
    """Return what stands between the markers of ``name``."""
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    return text.split(begin, 1)[1].split(end, 1)[0].strip()


def table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Return a Markdown table; vertical bars inside cells are escaped."""
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


CLAIMS = ("place", "claim", "verdict", "recomputed", "witness")
"""Columns of the claims ledger."""


def claims_table(ledger: Ledger) -> str:
    """Return the claims ledger as Markdown."""
    return table(CLAIMS, [(place, claim, f"**{verdict}**", *rest) for place, claim, verdict, *rest in cells(ledger)])


def cells(ledger: Ledger) -> list[tuple[str, ...]]:
    """Return the claims ledger, one row per claim, in the order of ``CLAIMS``."""
    return [
        (row.place, row.claim, found.verdict, number(found.number, row.reproducible), found.witness)
        for row in ledger.rows
        for found in (row.finding,)
    ]


def number(text: str, reproducible: bool) -> str:
    """Return a recomputed number, marked with a dagger when other processors give other digits."""
    return text if reproducible else f"{text} †"


def statements_table(folders: Iterable[Any] = (bounds, certificates, regression, precision)) -> str:
    """Return the catalogues of some modules as Markdown, one row per statement."""
    entries = {
        f"`{folder.__name__.rpartition('.')[2]}.{name}`": entry
        for folder in folders
        for name, entry in folder.CATALOGUE.items()
    }
    rows = [
        (name, entry.formula, entry.relation, f"**{entry.evidence}**"
         if entry.evidence == "refuted" else entry.evidence, "; ".join(entry.hypotheses))
        for name, entry in entries.items()
    ]  # fmt: skip
    return table(("function", "statement", "relation", "evidence", "hypotheses"), rows)


def kernels_table(data: Data) -> str:
    """Return what ``table_kernels`` computes as Markdown: what is proved, then the weights."""
    kernels, inputs = data.tables["kernels"], table_kernels.INPUTS
    header = ("ε", "integers reached", "of which carry a weight", "proved: factor on A", "proved: factor on H")
    rows = [
        (f"{allowed:g}", str(taps), str(nonzero), f"{gain:.6g}", f"{leakage:.3g}")
        for allowed, taps, nonzero, _, gain, leakage in zip(*kernels.values(), strict=True)
    ]
    caption = (
        f"Shortest symmetric kernels that prove |a(k + ½)| ≤ {inputs['gain']:g}·A + ε·H, d = {inputs['head_dim']}, "
        f"c = {inputs['base']:g}, for every cell [k, k + 1] with that many trained offsets around it:"
    )
    texts = [textwrap.fill(line, 116, subsequent_indent="  ") for line in table_kernels.lines(data)]
    return "\n\n".join([textwrap.fill(caption, WIDTH), table(header, rows), "```text\n" + "\n\n".join(texts) + "\n```"])


def worst_case_table(data: Data) -> str:
    """Return what ``table_worst_case`` computes as Markdown, one block per window and set of H/A."""
    inputs = table_worst_case.INPUTS
    caption = (
        f"V(s)/A, d = {inputs['head_dim']}, c = {inputs['base']:g}; the trained offsets are 0 … N. Every number is "
        "enclosed in ball arithmetic to the digits shown."
    )
    blocks = [textwrap.fill(caption, WIDTH)]
    for case in inputs["cases"]:
        ratios = case["ratios"]
        rows = [(f"{s:g}", *values) for s, values in table_worst_case.places(data, case["window"], ratios)]
        header = (f"s (N = {case['window'] - 1})", *(f"H/A = {ratio:g}" for ratio in ratios))
        blocks.append(table(header, rows))
    return "\n\n".join(blocks)


def interpolation_table(data: Data) -> str:
    """Return what ``table_interpolation`` computes as Markdown, one row per window."""
    inputs, factors = table_interpolation.INPUTS, (2, 8, 32)
    ratios, largest = inputs["ratios"], max(inputs["factors"])
    columns = [("first or last", largest), ("middle", largest), *(("beyond", factor) for factor in factors)]
    header = (
        "L = N + 1", f"first or last trained cell, κ ≤ {largest}", f"middle cell, κ ≤ {largest}",
        *(f"(N, N + {1 - 1 / factor:g}], κ = {factor}" for factor in factors),
    )  # fmt: skip
    rows = [
        (str(window), *(table_interpolation.cell(data, window, factor, cell, ratios) for cell, factor in columns))
        for window in inputs["windows"]
    ]
    caption = (
        "Largest V/A over the offsets, multiples of 1/κ, that Position Interpolation by κ visits in a cell, for H/A = "
        f"{' / '.join(f'{ratio:g}' for ratio in ratios)}; d = {inputs['head_dim']}, c = {inputs['base']:g}, trained "
        "offsets 0 … N. The last trained cell is the first one by reflection; the offsets past N lie beyond every "
        "trained one. Other cells were not visited; every number is enclosed in ball arithmetic to the digits shown."
    )
    return f"{textwrap.fill(caption, WIDTH)}\n\n{table(header, rows)}"


def base_bounds_table(data: Data) -> str:
    """Return what ``base_bounds`` computes as Markdown, one row per window."""
    inputs, sources = base_bounds.INPUTS, base_bounds.SOURCES
    header = ("L", "smallest admissible base", *sources.values(), "a larger base that is not")
    caption = (
        f"Bases b with Σ_j cos(m b^(−2j/d)) ≥ 0 for all m = 0 … L, d = {inputs['head_dim']}. No base between 1 and the "
        "smallest one is admissible, up to the digits shown; printed values are judged by the interval that rounds to "
        f"them. Last column: on a grid of relative step {inputs['step']:g} up to {inputs['top']:g}."
    )
    return f"{textwrap.fill(caption, WIDTH)}\n\n{table(header, base_bounds.lines(data))}"


def real_heads_tables(data: Data) -> str:
    """Return what ``real_heads`` computes as Markdown: sizes of scores, and losses by treatment of far keys."""
    facts = data.facts
    seen, window = facts["overview"], facts["window"]
    sizes = [
        (row["scaling"], row["region"], f"{row['mean']:.2f}", f"{row['highest_head']:.2f}", f"{row['largest']:.2f}")
        for row in seen["rows"]
    ]
    regions = ("inside", "beyond")
    losses = [
        (real_heads.NAMES[name], *(f"{loss[region]:.3f} ± {loss[f'{region}_error']:.3f}" for region in regions))
        for name, loss in facts["losses"].items()
    ]
    attention = {row["region"]: row for row in seen["attention"] if row["scaling"] == seen["rows"][0]["scaling"]}
    last = real_heads.INPUTS["lengthened"] * window - 1
    caption = (
        f"{seen['heads']} heads, L = {window}, on the sources of {facts['text']}, which the model never saw. "
        f"On average H/A is {seen['maximum_ratio']:.2f} and Σ|h_j|/A is {seen['sum_ratio']:.2f}. So no distance and "
        f"no frequencies can make the score of the average query–key pair larger than {seen['sum_ratio']:.2f} A. (The "
        "rows of YaRN also contain its squared attention factor.) Largest |score| in units of A, between integers too, "
        f"up to distance {last}:"
    )
    moved = (
        f"Queries inside the window put {attention['inside']['last']:.0%} of their attention on the last 16 tokens. "
        f"Queries beyond it put {attention['beyond']['last']:.0%} there, and {attention['beyond']['far']:.0%} on far "
        "keys, at distances of L and more, which training never showed. Loss in nats per token, by what is done to far "
        "keys:"
    )
    return "\n\n".join(
        [
            textwrap.fill(caption, WIDTH),
            table(("scaling", "region", "mean over heads", "highest head", "largest query–key pair"), sizes),
            textwrap.fill(moved, WIDTH),
            table(("far keys", "inside", "beyond"), losses),
        ]
    )


def extension_code() -> str:
    """Return tables 1 and 2 of the extended reference model, beside the paper's."""
    data = extended_windows.PART.data()
    facts = data.facts
    made = f"{facts['runs']} of {facts['planned']} planned runs are made; what is missing is left out. "
    blocks: list[str] = []
    for corpus, name, title in (("code", "table_1", "PG19"), ("prose", "table_2", "Proof-pile")):
        blocks.append(
            textwrap.fill(f"{made if not blocks else ''}Perplexity on {corpus}, by window of evaluation:", WIDTH)
        )
        blocks.append(table(*extension_pages.perplexities(data, corpus)))
        blocks.append(f"Published, LLaMA 7B, L = 2048, {title}:")
        blocks.append(table(*extension_pages.published_perplexities(name)))
    return "\n\n".join(blocks)


def extension_steps() -> str:
    """Return tables 3 and 4: perplexity and reach by steps."""
    return table(*extension_pages.steps_table(extended_windows.PART.data()))


def extension_quality() -> str:
    """Return table 5: quality inside the original window."""
    return table(*extension_pages.quality_table(extended_windows.PART.data()))


def extension_rate() -> str:
    """Return what a lower rate of fine-tuning changes."""
    data = extended_windows.PART.data()
    missing = "" if data.facts["lower_rate"]["control"] else "The lower rate is not run yet.\n\n"
    return missing + table(*extension_pages.lower_rate_table(data))


def extension_boundary_tables(data: Data) -> str:
    """Return the cases of the boundary, one row per case, and what correlates with being ahead."""
    return "\n\n".join(
        [
            textwrap.fill(extension_pages.boundary_sentence(data, extension_boundary.BALANCE), WIDTH),
            table(*extension_pages.boundary_table(data, extension_boundary.KNOWN)),
            "Rank correlations of the nats gained by Position Interpolation, over the first cases and the later ones:",
            table(*extension_pages.rank_table(data)),
        ]
    )


def extension_summaries() -> str:
    """Return table 6: ROUGE of docstrings from sources, beside the paper's on GovReport."""
    data = extended_windows.PART.data()
    own = extension_pages.summaries_table(data)
    here = table(*own) if own[1] else "No run is made yet."
    return f"{here}\n\nPublished, GovReport at 16384 tokens:\n\n{table(*extension_pages.published_summaries())}"


def savers_table(data: Data) -> str:
    """Return the largest logit differences, one row per method and one column per way of running."""
    columns = data.tables["savers"]
    rows: dict[str, dict[str, str]] = {}
    for method, way, difference in zip(columns["method"], columns["way"], columns["difference"], strict=True):
        rows.setdefault(method, {})[way] = "not run" if math.isnan(difference) else f"{difference:.1g}"
    caption = (
        f"Largest difference of logits from a full eager forward pass in float32, {data.facts['tokens']} tokens, "
        f"factor {data.facts['factor']:g}; logits reach {max(columns['largest']):.0f}. Dynamic NTK and LongRoPE change "
        "their frequencies with the length, so their cached decoding disagrees with their own full forward pass."
    )
    header = ("method", *table_savers.WAYS.values())
    cells = [(method, *(row.get(way, "–") for way in table_savers.WAYS)) for method, row in rows.items()]
    return f"{textwrap.fill(caption, WIDTH)}\n\n{table(header, cells)}"


def doctor_rules() -> str:
    """Return what the doctor looks for: one row per rule, in its own words."""
    rows = [(f"`{name}`", (rule.__doc__ or "").splitlines()[0]) for name, rule in RULES.items()]
    return table(("rule", "what it finds"), rows)


def reach_rule_table(data: Data) -> str:
    """Return how often the rule for predicted lengths was right, one row per kind of measurement."""
    columns = data.tables["counts"]
    rows = [tuple(str(value) for value in row) for row in zip(*columns.values(), strict=True)]
    return table(("numbers", "models", "method", "lengths", "right", "works, not predicted", "predicted, fails"), rows)


Block = Callable[[], str]

DOCUMENTS: Mapping[str, Mapping[str, Block | None]] = {
    "docs/claims.md": {"claims": None},
    "docs/statements.md": {"statements": statements_table},
    "docs/worst_cases.md": {
        "worst_case": lambda: worst_case_table(table_worst_case.PART.data()),
        "interpolation": lambda: interpolation_table(table_interpolation.PART.data()),
        "kernels": lambda: kernels_table(table_kernels.PART.data()),
    },
    "docs/heads.md": {"real_heads": lambda: real_heads_tables(real_heads.PART.data())},
    "docs/theory.md": {"base_bounds": lambda: base_bounds_table(base_bounds.PART.data())},
    "docs/extension.md": {
        "extension_code": extension_code,
        "extension_steps": extension_steps,
        "extension_quality": extension_quality,
        "extension_rate": extension_rate,
        "extension_boundary": lambda: extension_boundary_tables(extension_boundary.PART.data()),
        "extension_summaries": extension_summaries,
        "savers": lambda: savers_table(table_savers.PART.data()),
    },
    "docs/guides/what_a_config_does.md": {
        "doctor_rules": doctor_rules,
        "reach_rule": lambda: reach_rule_table(reach_rule.PART.data()),
    },
}
"""Page → its generated blocks, by name; the one that is None is made from the ledger.

docs/performance.md is written by ``benchmarks``.
"""


def check(root: Path) -> None:
    """Raise when a page of ``root`` lacks the markers of one of its blocks; pages that do not exist are skipped.

    Raises
    ------
    ValueError
        For the first page without them.
    """
    for document, text in _texts(root).items():
        for name in DOCUMENTS[document]:
            replaced(text, name, "", document)


def _texts(root: Path) -> dict[str, str]:
    """Return the pages that ``root`` has, as they are."""
    return {name: content.decode() for name, content in files.present(root, DOCUMENTS).items()}


def updated(root: Path, ledger: Ledger | None = None) -> dict[str, str]:
    """Return what every page of ``root`` should say today; nothing is written.

    Parameters
    ----------
    root : Path
        The project folder; pages that it does not have are left out.
    ledger : Ledger, optional
        The recomputed claims. Without it the block of claims keeps its text.

    Returns
    -------
    dict
        Page, by its path in ``root`` → its whole text.

    Raises
    ------
    ValueError
        When a page lacks the markers of one of its blocks.
    """
    texts = _texts(root)
    for document in texts:
        for name, block in DOCUMENTS[document].items():
            if block is not None:
                texts[document] = replaced(texts[document], name, block(), document)
            elif ledger is not None:
                texts[document] = replaced(texts[document], name, claims_table(ledger), document)
    return texts
