"""What was measured on a checkpoint, or made of it, as reports."""

from __future__ import annotations

from collections.abc import Sequence

from rope_theory.models import FineTuning, Passkey, Perplexity
from rope_theory.models.exporting import Extension
from rope_theory.reports._blocks import Code, Paragraph, grid, grid_of
from rope_theory.reports._report import Report

PASSKEY_COLUMNS = {
    "window": "length", "distance": "distance", "found": "found", "of": "trials", "share": "share", "95 % from": "low",
    "to": "high",
}  # fmt: skip
"""Heading → attribute."""

STEPS = (1, 10, 20, 50, 100, 200, 500, 1000)
"""Training steps whose losses are shown, beside the last."""


def extension_report(found: Extension) -> Report:
    """Return what an extension wrote as a report."""
    rows = (("before", found.before.label, found.window_before), ("after", found.after.label, found.window))
    return Report(
        f"{found.source}: {found.kind}, trained on {found.trained_window} tokens",
        (
            grid(("", "scaling", "window"), rows),
            Code(f"rope_parameters: {found.keys}"),
            Paragraph(f"{found.tables} Largest difference of logits, loaded again: {found.logit_difference:.2g}"),
            Paragraph(f"written to {found.folder}"),
        ),
    )


def perplexity_report(found: Perplexity, *, source: str = "a model", texts: Sequence[str] | None = None) -> Report:
    """Return a perplexity as a report; ``source`` and ``texts`` say of what, on what."""
    error = "" if found.standard_error is None else f" ± {found.standard_error:.4f} over documents"
    names = [f"document {number}" for number in range(len(found.documents))] if texts is None else texts
    rows = (
        (name, row.length, row.windows, row.tokens, row.nll) for name, row in zip(names, found.documents, strict=True)
    )
    return Report(
        f"{source}: perplexity {found.perplexity:.4f}, {found.nll:.4f}{error} nats per token",
        (
            Paragraph(
                f"window {found.window}, stride {found.stride}, {found.convention}, beginning-of-sequence token: "
                f"{found.beginning}; {found.tokens} losses, {found.dtype} on {found.device}"
            ),
            grid(("text", "tokens", "windows", "losses", "nats per token"), rows, "lr"),
        ),
    )


def passkey_report(found: Passkey, *, source: str = "a model") -> Report:
    """Return passkeys found as a report; ``source`` says by what."""
    twice = len({(row.length, row.distance) for row in found.rows}) < len(found.rows)
    said = "A distance that comes twice stands for two that were asked for, where the texts leave no room."
    return Report(
        f"{source}: {found.trials} keys a distance, seed {found.seed}, {found.dtype} on {found.device}",
        (
            grid_of(found.reach, {"window": "length", "k_max": "k_max", "share": "share"}, "lr"),
            grid_of(found.rows, PASSKEY_COLUMNS, "lr"),
            *([Paragraph(said, "quiet")] if twice else []),
        ),
    )


def finetuning_report(found: FineTuning, *, source: str = "a model", folder: str = "", checkpoints: str = "") -> Report:
    """Return a fine-tuning as a report; the texts say of what, and where model and checkpoints were written."""
    label = "no scaling" if found.scaling is None else found.scaling.label
    shown = [step for step in STEPS if step < found.steps] + [found.steps]
    kept = f"; checkpoints, where a stopped run goes on from and which may go now: {checkpoints}" if checkpoints else ""
    return Report(
        f"{source}: {label}, window {found.length}, {found.steps} steps, {found.tokens} tokens",
        (
            grid(("step", "loss"), ((step, float(found.losses[step - 1])) for step in shown), "lr"),
            *([Paragraph(f"written to {folder}{kept}")] if folder else []),
        ),
    )
