"""A check of a model as one page."""

from __future__ import annotations

import html
from collections.abc import Iterable
from functools import partial

from rope_theory import plots
from rope_theory._check_overview import LEGEND, check_overview, stretches
from rope_theory._page import page, picture, table
from rope_theory.models.measurements import Check
from rope_theory.plots._attention_mass import QUANTITIES


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
        f"trained window {check.config.context_length} tokens, {html.escape(own.label)}. Text: {html.escape(text)}; "
        f"{stretches(check)}, {check.rows[0].pairs} pairs a head, {check.dtype} on {check.device}, "
        f"seed {check.seed}. Offsets up to {check.length - 1}.</p>",
        f"<p class='{'bad' if check.violations else 'good'}'>{verdict}</p>",
        *(f"<p>{html.escape(note)}</p>" for note in check.notes),
        f"<p>{html.escape(LEGEND)}</p>",
        "<h2>Scores over the trained maximum A</h2>",
        f"<p>H/A is {seen.maximum_ratio:.3g} on average, (Σ|h| + |C|)/A {seen.sum_ratio:.3g}; no pair's can exceed "
        f"{seen.largest_sum_ratio:.3g} at any distance, under any table with attention factor 1.</p>",
        table(
            ("scaling", "region", "mean", "highest head", "largest pair"),
            ((row.scaling.label, row.region, row.mean, row.highest_head, row.largest) for row in seen.rows),
        ),
        "<h2>Bounds</h2>",
        table(
            ("bound", "evidence", "evaluations", "violations", "largest value / bound"),
            ((row.bound, row.evidence, row.evaluations, row.violations, row.tightest) for row in seen.bounds),
        ),
        "<h2>Attention</h2>",
        table(
            ("scaling", "region", "entropy", "first", "last 16", "distance ≥ L", "largest logit", "moved"),
            (
                (row.scaling.label, row.region, row.entropy, row.first, row.last, row.far, row.largest_logit, row.moved)
                for row in seen.attention
            ),
        ),
    ]
    if seen.losses:
        rows = ((region, f"{tokens} tokens", mean, error) for region, mean, error, tokens in seen.losses)
        parts += ["<h2>Loss</h2>", table(("region", "of", "nats a token", "standard error"), rows)]
    parts += ["<h2>Pictures</h2>", *_pictures(check)]
    return page(f"Heads of {model}", parts)


def _pictures(check: Check) -> Iterable[str]:
    has_beyond = any(row.region == "beyond" for row in check.attention.rows)
    if any(row.region == "beyond" for row in check.rows):
        yield picture(partial(plots.head_ratios, check), "Largest and largest possible scores, head by head")
    yield picture(partial(plots.pair_shares, check), "Pairs that carry the coefficients")
    if has_beyond:
        for quantity, name in QUANTITIES.items():
            caption = f"Attention, one mark a head: {name}"
            yield picture(partial(plots.attention_mass, check, quantity), caption)
    if check.losses.rows:
        yield picture(
            lambda ax: plots.position_losses(check, ax=ax), "Loss by position; the dashed line ends the window"
        )
