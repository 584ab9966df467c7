"""A check of a model's heads, in a few rows: what the command line and the page show."""

from __future__ import annotations

from dataclasses import dataclass

from rope_theory._core.records import Record, Table
from rope_theory.models.measurements import AttentionRow, BoundRow, Check, LossRow, ScoreRow
from rope_theory.scaling import Scaling


@dataclass(frozen=True)
class RegionRow(Record):
    """Scores of all heads in one region under one scaling, as ratios to A, between integers included.

    Attributes
    ----------
    scaling, region
        As in ``ScoreRow``.
    mean, highest_head : float
        Mean of the pairs' largest ratios: over all heads, and in the head where it is highest.
    largest : float
        Largest ratio of any pair.
    """

    scaling: Scaling
    region: str
    mean: float
    highest_head: float
    largest: float


@dataclass(frozen=True)
class BoundSummary(Record):
    """One bound on all heads.

    Attributes
    ----------
    bound, evidence : str
        As in ``BoundRow``.
    evaluations, violations : int
        Over all heads.
    tightest : float
        Largest value over bound.
    """

    bound: str
    evidence: str
    evaluations: int
    violations: int
    tightest: float


@dataclass(frozen=True)
class AttentionSummary(Record):
    """Attention of all heads in one region under one scaling: means over heads, and the largest logit."""

    scaling: Scaling
    region: str
    entropy: float
    first: float
    last: float
    far: float
    largest_logit: float
    moved: float


@dataclass(frozen=True)
class CheckOverview(Table):
    """A check in a few rows.

    Attributes
    ----------
    rows : tuple of RegionRow
        By scaling and region.
    bounds, attention : tuple
        BoundSummary and AttentionSummary.
    losses : tuple of (str, float, float, int)
        By region: its name, mean loss in nats a token, standard error, tokens.
    heads : int
        Query heads of all layers.
    maximum_ratio, sum_ratio, largest_sum_ratio : float
        H/A and (Σ|h| + |C|)/A, means over heads; the largest of any pair.
    """

    rows: tuple[RegionRow, ...]
    bounds: tuple[BoundSummary, ...]
    attention: tuple[AttentionSummary, ...]
    losses: tuple[tuple[str, float, float, int], ...]
    heads: int
    maximum_ratio: float
    sum_ratio: float
    largest_sum_ratio: float


LEGEND = (
    "A: the largest |score| at trained distances, of a pair. C: its part that does not rotate. Scores are before "
    "1/√head_dim and times the attention factor squared. first, last 16: attention on the first token and on the last "
    "16; moved: total variation between a row's attention under the scaling and under the model's own table."
)
"""What the columns mean."""


def stretches(check: Check) -> str:
    """Return how much text was looked at, in words."""
    return (
        f"one stretch of {check.tokens} tokens"
        if check.stretches == 1
        else f"{check.stretches} stretches of up to {check.tokens} tokens"
    )


def check_overview(check: Check) -> CheckOverview:
    """Return a check in a few rows; a head counts as one, whatever its layer."""
    heads = check.heads.rows
    scores: dict[tuple[Scaling, str], list[ScoreRow]] = {}
    for row in check.rows:
        scores.setdefault((row.scaling, row.region), []).append(row)
    held: dict[str, list[BoundRow]] = {}
    for bound in check.bounds.rows:
        held.setdefault(bound.bound, []).append(bound)
    attention: dict[tuple[Scaling, str], list[AttentionRow]] = {}
    for mass in check.attention.rows:
        attention.setdefault((mass.scaling, mass.region), []).append(mass)
    losses: dict[str, list[LossRow]] = {}
    for loss in check.losses.rows:
        losses.setdefault(loss.region, []).append(loss)
    return CheckOverview(
        rows=tuple(
            RegionRow(
                scaling,
                region,
                mean=_mean([row.between for row in rows]),
                highest_head=max(row.between for row in rows),
                largest=max(row.largest_between for row in rows),
            )
            for (scaling, region), rows in scores.items()
        ),
        bounds=tuple(
            BoundSummary(
                name,
                rows[0].evidence,
                evaluations=sum(row.evaluations for row in rows),
                violations=sum(row.violations for row in rows),
                tightest=max(row.tightest for row in rows),
            )
            for name, rows in held.items()
        ),
        attention=tuple(
            AttentionSummary(
                scaling,
                region,
                entropy=_mean([row.entropy for row in rows]),
                first=_mean([row.first for row in rows]),
                last=_mean([row.last for row in rows]),
                far=_mean([row.far for row in rows]),
                largest_logit=max(row.largest_logit for row in rows),
                moved=_mean([row.moved for row in rows]),
            )
            for (scaling, region), rows in attention.items()
        ),
        losses=tuple(_loss(region, rows) for region, rows in losses.items()),
        heads=len(heads),
        maximum_ratio=_mean([head.maximum_ratio for head in heads]),
        sum_ratio=_mean([head.sum_ratio for head in heads]),
        largest_sum_ratio=max(head.largest_sum_ratio for head in heads),
    )


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _loss(region: str, rows: list[LossRow]) -> tuple[str, float, float, int]:
    """Return the mean over the parts of a region; their errors add up, since they are of the same stretches of text."""
    tokens = sum(row.tokens for row in rows)
    mean = sum(row.tokens * row.loss for row in rows) / tokens
    error = sum(row.tokens * row.loss_error for row in rows) / tokens
    return region, mean, error, tokens
