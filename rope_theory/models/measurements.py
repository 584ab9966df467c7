"""What a check of a model's heads measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from rope_theory._core.records import Record, Table
from rope_theory.config import RopeConfig
from rope_theory.scaling import Scaling


@dataclass(frozen=True)
class _OfHead(Record):
    layer: int
    head: int


@dataclass(frozen=True)
class ScoreRow(_OfHead):
    """Sizes of the scores of one head in one region, under one scaling; ratios to A, pair by pair.

    Attributes
    ----------
    layer, head : int
        From 0.
    scaling : Scaling
        The model's own, or one of those asked for.
    region : {"inside", "beyond"}
        Offsets 0 … L − 1 of the trained window, or those past it up to the length.
    pairs : int
        Query-key pairs looked at.
    at_integers, at_integers_error : float
        Mean over pairs of the largest abs(score) at integer offsets over A, and its standard error.
    between, between_error : float
        The same on a grid of 1/16 token that contains the integers.
    largest_at_integers, largest_between : float
        Largest of those ratios.
    largest_score : float
        Largest abs(score) of any pair on the fine grid, before 1/√head_dim.
    """

    scaling: Scaling
    region: str
    pairs: int
    at_integers: float
    at_integers_error: float
    between: float
    between_error: float
    largest_at_integers: float
    largest_between: float
    largest_score: float


@dataclass(frozen=True)
class HeadRow(_OfHead):
    """Sizes of the coefficients of one head: means over pairs, their standard errors, and the largest ratios.

    Attributes
    ----------
    layer, head : int
        From 0.
    pairs : int
        Query-key pairs looked at.
    trained_maximum, trained_maximum_error : float
        A: the largest abs(score) at the trained integer offsets, attention factor included.
    coefficient_maximum, coefficient_maximum_error : float
        H: the largest abs(h_j), times μ².
    coefficient_sum, coefficient_sum_error : float
        Σ abs(h_j), times μ².
    position_free, position_free_error : float
        abs(C), the part of a partly rotated head's score that no offset changes; 0 for others.
    maximum_ratio, maximum_ratio_error, largest_maximum_ratio : float
        H/A.
    sum_ratio, sum_ratio_error, largest_sum_ratio : float
        (Σ abs(h_j) + abs(C)) / A: no distance and no frequencies make a score larger than this times A; a table with
        an attention factor μ' above the model's own μ may, by (μ'/μ)².
    shares : tuple of float, P of them
        Mean share of pair j in Σ abs(h_j).
    """

    pairs: int
    trained_maximum: float
    trained_maximum_error: float
    coefficient_maximum: float
    coefficient_maximum_error: float
    coefficient_sum: float
    coefficient_sum_error: float
    position_free: float
    position_free_error: float
    maximum_ratio: float
    maximum_ratio_error: float
    largest_maximum_ratio: float
    sum_ratio: float
    sum_ratio_error: float
    largest_sum_ratio: float
    shares: tuple[float, ...]


@dataclass(frozen=True)
class BoundRow(_OfHead):
    """One bound on the data of one head.

    Attributes
    ----------
    layer, head : int
        From 0.
    bound : str
        Name in ``rope_theory.bounds.CATALOGUE``, or "master_inequality": the inequality behind all of them
        (docs/theory.md, section 2), with least-squares weights on the trained offsets.
    evidence : str
        "proved", or "refuted" for the published Theorem 2.1.
    evaluations : int
        How many values it was held against.
    violations : int
        How many exceeded it by more than the rounding of float64: every value for "chord_published", for others at
        least one per pair that has any.
    tightest : float
        Largest value / bound.
    slack : float
        1 − tightest: the smallest share of the bound that was left; below 0 where it was exceeded.
    """

    bound: str
    evidence: str
    evaluations: int
    violations: int
    tightest: float
    slack: float


@dataclass(frozen=True)
class AttentionRow(_OfHead):
    """Where the attention of one head goes: means over query positions, and their standard errors.

    Weights are those that multiply the values, under the model's own mask; beside a sink they sum to less than one.

    Attributes
    ----------
    layer, head : int
        From 0.
    scaling : Scaling
        The model's own; others inside the window only, on the unscaled model's queries and keys.
    region : {"inside", "beyond"}
        Queries in the second half of the window, or past it.
    queries : int
        Rows of attention looked at.
    entropy, entropy_error : float
        −Σ p ln p over all keys that the query sees, nats.
    first, first_error : float
        Share on the first token.
    last, last_error : float
        Share on the query's own token and the 15 before it.
    far, far_error : float
        Share at distances of L tokens and more, on either side of the query where the model looks both ways.
    largest_logit : float
        Largest logit of any row, 1/√head_dim and the like included, before any soft cap.
    moved, moved_error : float
        Total variation between the row and the one of the model's own table; 0 for that one.
    """

    scaling: Scaling
    region: str
    queries: int
    entropy: float
    entropy_error: float
    first: float
    first_error: float
    last: float
    last_error: float
    far: float
    far_error: float
    largest_logit: float
    moved: float
    moved_error: float


@dataclass(frozen=True)
class LossRow(Record):
    """Next-token loss of a stretch of positions.

    Attributes
    ----------
    start, stop : int
        Positions of the predicted tokens, the last one excluded.
    region : {"inside", "beyond"}
        Of the window.
    tokens : int
        Predictions.
    loss, loss_error : float
        Mean, nats per token, and its standard error over stretches of text; over eighths of the part where there is but
        one stretch, which is too small where neighbours are alike.
    """

    start: int
    stop: int
    region: str
    tokens: int
    loss: float
    loss_error: float


@dataclass(frozen=True, repr=False)
class Rows(Table):
    """A tidy table; it has a length, can be indexed, cut and gone through like the tuple ``rows``.

    Attributes
    ----------
    rows : tuple
        One record each.
    """

    rows: tuple[Any, ...]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, place: Any) -> Any:
        return self.rows[place]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.rows)

    def __repr__(self) -> str:
        return f"Rows({len(self.rows)} × {type(self.rows[0]).__name__})" if self.rows else "Rows()"


@dataclass(frozen=True)
class Check(Table):
    """What a model's heads did on a text, held against every bound.

    Attributes
    ----------
    rows : tuple of ScoreRow
        One a layer, head, scaling and region.
    heads, bounds, attention, losses : Rows
        Tables of HeadRow, BoundRow, AttentionRow and LossRow. Layers whose rows of attention could not be rebuilt are
        missing in ``attention`` and among the bounds on "attention_shift"; ``notes`` names them.
    violations : int
        Violations of proved bounds: anything but 0 is an error of this package or of the arithmetic.
    published_violations : int
        Violations of Theorem 2.1 as printed.
    model, dtype, device : str
        What was run.
    config : RopeConfig
        Of the first layer; its context_length is L.
    length : int
        Extended window: offsets reach length − 1.
    tokens : int
        Length of the longest forward pass; below ``length`` where the text is shorter.
    stretches : int
        Stretches of text run.
    pairs : int or None
        Pairs per head asked for; None is all of them.
    seed : int
        Of the sampled pairs and queries.
    notes : tuple of str
        What limits the result.
    """

    rows: tuple[ScoreRow, ...] = field(repr=False)
    heads: Rows
    bounds: Rows
    attention: Rows
    losses: Rows
    violations: int
    published_violations: int
    model: str
    dtype: str
    device: str
    config: RopeConfig
    length: int
    tokens: int
    stretches: int
    pairs: int | None
    seed: int
    notes: tuple[str, ...]
