"""Results as one self-contained page: no network, no scripts."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from rope_theory import plots
from rope_theory._check_overview import LEGEND, check_overview, stretches
from rope_theory._optional import load
from rope_theory.llama.measurements import Check
from rope_theory.plots.attention_mass import QUANTITIES

STYLE = """
body{font:16px/1.5 system-ui,sans-serif;color:#1a1a1a;max-width:60rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem;overflow-wrap:anywhere}h2{font-size:1.15rem;margin-top:2rem}
table{border-collapse:collapse;display:block;overflow-x:auto;font-variant-numeric:tabular-nums}
th,td{padding:.2rem .6rem;border-bottom:1px solid #ddd;text-align:right;white-space:nowrap}
th:first-child,td:first-child,th:nth-child(2),td:nth-child(2){text-align:left}
img{max-width:100%;height:auto}.bad{color:#a40000;font-weight:600}figcaption{color:#444;font-size:.9rem}
figure{margin:1rem 0}
"""

DPI = 110
"""Of the pictures."""


def check_page(check: Check, *, model: str, text: str) -> str:
    """Return a check as one HTML page.

    Parameters
    ----------
    check : Check
        The result.
    model, text : str
        What was checked, on what; shown as given.
    """
    seen = check_overview(check)
    own = check.rows[0].scaling
    published = next((row for row in seen.bounds if row.bound == "chord_published"), None)
    verdict = (
        "No proved bound was exceeded."
        if check.violations == 0
        else f"Proved bounds were exceeded {check.violations} times."
    )
    if published is not None:
        verdict += (
            f" Theorem 2.1 as printed was exceeded {published.violations} times in {published.evaluations} "
            f"evaluations, by a factor of up to {published.tightest:.3g}."
        )
    parts = [
        f"<h1>Heads of {html.escape(model)}</h1>",
        f"<p>{check.model}, {seen.heads} query heads, head width {check.config.head_dim}, base {check.config.base:g}, "
        f"trained window {check.config.context_length} tokens, {html.escape(own)}. Text: {html.escape(text)}; "
        f"{stretches(check)}, {check.rows[0].pairs} pairs a head, {check.dtype} on {check.device}, "
        f"seed {check.seed}. Offsets up to {check.length - 1}.</p>",
        f"<p class='{'bad' if check.violations else 'good'}'>{verdict}</p>",
        *(f"<p>{html.escape(note)}</p>" for note in check.notes),
        f"<p>{html.escape(LEGEND)}</p>",
        "<h2>Scores over the trained maximum A</h2>",
        f"<p>H/A is {seen.maximum_ratio:.3g} on average, (Σ|h| + |C|)/A {seen.sum_ratio:.3g}; no pair's can exceed "
        f"{seen.largest_sum_ratio:.3g} at any distance, under any table with attention factor 1.</p>",
        _table(
            ("scaling", "region", "mean", "highest head", "largest pair"),
            ((row.scaling, row.region, row.mean, row.highest_head, row.largest) for row in seen.rows),
        ),
        "<h2>Bounds</h2>",
        _table(
            ("bound", "evidence", "evaluations", "violations", "largest value / bound"),
            ((row.bound, row.evidence, row.evaluations, row.violations, row.tightest) for row in seen.bounds),
        ),
        "<h2>Attention</h2>",
        _table(
            ("scaling", "region", "entropy", "first", "last 16", "distance ≥ L", "largest logit", "moved"),
            (
                (row.scaling, row.region, row.entropy, row.first, row.last, row.far, row.largest_logit, row.moved)
                for row in seen.attention
            ),
        ),
    ]
    if seen.losses:
        rows = ((region, f"{tokens} tokens", mean, error) for region, mean, error, tokens in seen.losses)
        parts += ["<h2>Loss</h2>", _table(("region", "of", "nats a token", "standard error"), rows)]
    parts += ["<h2>Pictures</h2>", *_pictures(check)]
    body = "\n".join(parts)
    return (
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width,initial-scale=1'>"
        f"<title>Heads of {html.escape(model)}</title><style>{STYLE}</style></head>\n<body>\n{body}\n</body></html>\n"
    )


def _pictures(check: Check) -> Iterable[str]:
    has_beyond = any(row.region == "beyond" for row in check.attention.rows)
    if any(row.region == "beyond" for row in check.rows):
        yield _picture(partial(plots.head_ratios, check), "Largest and largest possible scores, head by head")
    yield _picture(partial(plots.pair_shares, check), "Pairs that carry the coefficients")
    if has_beyond:
        for quantity, name in QUANTITIES.items():
            caption = f"Attention, one mark a head: {name}"
            yield _picture(partial(plots.attention_mass, check, quantity), caption)
    if check.losses.rows:
        yield _picture(
            lambda ax: plots.position_losses(check, ax=ax), "Loss by position; the dashed line ends the window"
        )


def _picture(draw: Callable[..., Any], caption: str) -> str:
    plt = load("matplotlib.pyplot", "plots")
    with plots.style():
        figure, axes = plt.subplots(figsize=(7.2, 3.6))
        draw(ax=axes)
        content = io.BytesIO()
        figure.savefig(content, format="png", dpi=DPI)
        plt.close(figure)
    data = base64.b64encode(content.getvalue()).decode()
    name = html.escape(caption)
    image = f"<img alt='{name}' src='data:image/png;base64,{data}'>"
    return f"<figure>{image}<figcaption>{name}</figcaption></figure>"


def _table(headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    head = "".join(f"<th>{html.escape(heading)}</th>" for heading in headings)
    lines = ("<tr>" + "".join(f"<td>{html.escape(_cell(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


def _cell(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
