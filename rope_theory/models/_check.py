"""Trained heads on a text: how large their scores are and can become, and whether every bound holds on them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rope_theory._core.checks import integer
from rope_theory._core.progress import watched
from rope_theory.errors import RowsRefused, WrongType
from rope_theory.models._attention_rows import QUANTITIES, AttentionMass, reduced_rows
from rope_theory.models._losses import output_layer, token_losses
from rope_theory.models._masks import seen_by
from rope_theory.models._means import Means
from rope_theory.models._memory import refuse_too_long
from rope_theory.models._modes import what_ran
from rope_theory.models._packages import torch
from rope_theory.models._pair_scores import BOUNDS, REGIONS, Asked, PairScores
from rope_theory.models._recording import VisitedLayer, checked_tokens, described_layers, visit
from rope_theory.models.measurements import AttentionRow, BoundRow, Check, HeadRow, LossRow, Rows, ScoreRow
from rope_theory.scaling import Frequencies, Scaling
from rope_theory.scaling.huggingface import HuggingFaceRope

PAIRS = 1024
"""Query-key pairs per head, over all stretches."""

STRETCHES = 4
"""Stretches of text at most."""

BATCHES = 8
"""Parts of a stretch that count as independent in standard errors."""

QUERIES = 64
"""Rows of attention a stretch and region."""

FEW = 1 << 24
"""Pairs of a window below which they are drawn without replacement."""

ROUNDED = 2e-2
"""Largest difference of cosines and sines that is put down to rounding: a table in bfloat16 errs by 4e-3."""

LENGTHENED = 4
"""Default length, in trained windows."""

LOSS_PARTS = 4
"""Parts of a window that losses are averaged over."""

SIZES = (
    "trained_maximum",
    "coefficient_maximum",
    "coefficient_sum",
    "position_free",
    "maximum_ratio",
    "sum_ratio",
)
"""What ``PairScores.sizes`` holds, in its order, as ``HeadRow`` names it."""

RATIOS = {4: "maximum_ratio", 5: "sum_ratio"}
"""Of those, the ones whose largest value is reported."""


def check(
    model: Any,
    input_ids: Any,
    *,
    scalings: Sequence[Scaling] = (),
    length: int | None = None,
    pairs: int | None = PAIRS,
    seed: int = 0,
) -> Check:
    """Return how large the scores of a model's heads are and can become, held against every bound.

    For pairs of a query and a key of the text, at most L − 1 tokens apart, h = q conj(k) is taken as the model makes
    it, and a(s) is asked for at every offset: integers and 1/16 token between them, inside the trained window L and
    beyond, under the model's own table and each scaling. Every bound is evaluated on the same pairs. Attention and
    losses come from forward passes over L tokens, and over ``length`` where the text is that long.

    Rows of attention are rebuilt with the mask and the options that the model's attention function was given: sliding
    windows, chunks, both directions, sinks, soft caps and biases. What they make of the values is compared with what
    the function returned. Where the two differ by more than rounding, the layer has no rows, and a note says by how
    much they differ.

    Parameters
    ----------
    model : transformers model
        A causal language model with rotary positions, on any device; it is left as it was.
    input_ids : tensor or sequence of int, (T,) or (1, T)
        Tokens of a text, at least two; stretches of ``length`` tokens are cut from it, evenly spaced, at most 4.
    scalings : sequence of Scaling
        Methods to compare with the model's own table; applied to its unscaled config.
    length : int, optional
        Extended window in tokens; four times the trained one when not given.
    pairs : int or None
        Pairs per head, drawn evenly among those of a window over all stretches; None takes all of them.
    seed : int
        Of pairs and queries drawn.

    Returns
    -------
    Check
        ``.rows`` by layer, head, scaling and region; ``.heads``, ``.bounds``, ``.attention``, ``.losses``; and
        ``.violations``, the number of times a proved bound was exceeded.

    Raises
    ------
    TypeError
        For something that is no transformers model, no scaling, or tokens that are no integers.
    ValueError
        For fewer than two tokens, a length below the trained window, more positions than fit into memory, and all that
        ``capture`` refuses.

    Notes
    -----
    Computed in float64 in blocks: of size T × pairs or pairs × offsets nothing is held whole. Standard errors
    count eighths of a stretch as independent. Source: docs/theory.md, sections 2 to 5 and 11.
    """
    ids = checked_tokens(input_ids, model)[0]
    described = described_layers(model)
    window = next(iter(described.values())).config.context_length
    length = LENGTHENED * window if length is None else integer(length, "length", window, "The window is trained.")
    wanted = None if pairs is None else integer(pairs, "pairs", 1, "None takes all of them.")
    run = _Run(model, described, _checked_scalings(scalings), window, length, wanted, integer(seed, "seed", 0))
    stretches = _stretches(ids, length)
    refuse_too_long(model, max(len(stretch) for stretch in stretches))
    for number, stretch in enumerate(watched(stretches, "stretches of text", len(stretches))):
        run.add(number, len(stretches), stretch)
    return run.result(stretches)


@dataclass(eq=False)
class _Run:
    """What is gathered over stretches, layer by layer."""

    model: Any
    described: dict[int, HuggingFaceRope]
    scalings: tuple[Scaling, ...]
    window: int
    length: int
    pairs: int | None
    seed: int
    scores: dict[int, PairScores] = field(default_factory=dict)
    mass: dict[tuple[int, int, int], AttentionMass] = field(default_factory=lambda: defaultdict(AttentionMass))
    losses: dict[int, Means] = field(default_factory=lambda: defaultdict(Means))
    loss_tokens: Counter[int] = field(default_factory=Counter)
    notes: set[str] = field(default_factory=set)
    refused: dict[int, RowsRefused] = field(default_factory=dict)
    looking_ahead: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        for layer, rope in self.described.items():
            others = [one for one in dict.fromkeys(self.scalings) if one != rope.scaling]
            if len(others) < len(self.scalings):
                self.notes.add("A scaling that is the model's own, or was given twice, is compared once.")
            # a dynamic table is another one at another length; inside, it is that of the window
            tables = [one.frequencies(rope.config, self.length) for one in others]
            asked = [Asked(rope.frequencies(), rope.frequencies(self.length)), *(Asked(one, one) for one in tables)]
            self.scores[layer] = PairScores(rope.config, asked, self.length)

    def add(self, number: int, stretches: int, ids: Any) -> None:
        """Run a stretch: its first window for pairs and attention, all of it for attention beyond and losses."""
        random = np.random.default_rng([self.seed, number])
        inside = ids[: self.window]
        share = None if self.pairs is None else -(-self.pairs // stretches)
        drawn = (*_pairs(len(inside), share, random), _places(len(inside) // 2, len(inside), random))
        query, key, places = (torch.as_tensor(array, device=ids.device) for array in drawn)

        def look(visited: VisitedLayer) -> None:
            scores = self.scores[visited.layer]
            self._look_at_table(visited, scores.asked[0].inside)
            scores.add(visited, query, key, query * BATCHES // len(inside), BATCHES)
            self._look_at_rows(visited, places, 0)

        states = visit(self.model, inside, look)
        if len(ids) > self.window:
            beyond = torch.as_tensor(_places(self.window, len(ids), random), device=ids.device)
            states = visit(self.model, ids, lambda visited: self._look_at_rows(visited, beyond, 1))
        self._look_at_losses(states, ids if len(ids) > self.window else inside, stretches)

    def _look_at_table(self, visited: VisitedLayer, table: Frequencies) -> None:
        """Note a table that is not the one the config describes, as one cast to bfloat16 is not."""
        found = visited.phasors.to("cpu").numpy()
        exact = table.attention_factor * np.exp(1j * np.outer(np.arange(len(found)), table.theta))
        away = float(np.abs(found - exact).max())
        if away > ROUNDED * table.attention_factor:
            self.notes.add(
                f"The model's cosines and sines are up to {away:.2g} away from those its config describes (layer "
                f"{visited.layer}): scores and bounds are of the config's, attention and losses of the model's. "
                "rope_theory.precision.audit says why; loading with dtype= keeps tables whole."
            )

    def _look_at_rows(self, visited: VisitedLayer, places: Any, region: int) -> None:
        asked = self.scores[visited.layer].asked
        tables = [one.inside for one in asked[1:]] if region == 0 else []  # others never saw what is beyond
        batch = torch.arange(len(places), device=places.device) * BATCHES // len(places)
        try:
            self._look_ahead(visited, places)
            rows = reduced_rows(visited, places, tables, self.window)
        except RowsRefused as error:
            self.refused.setdefault(visited.layer, error)
            return
        for number, values in enumerate(rows):
            self.mass[visited.layer, number, region].add(values, batch, BATCHES)

    def _look_ahead(self, visited: VisitedLayer, places: Any) -> None:
        """Keep in mind which layers see later tokens."""
        length = visited.query.shape[1]
        hidden, _ = seen_by(visited.attended, slice(0, visited.query.shape[0]), places, length)
        later = torch.arange(length, device=places.device) > places[:, None]
        if bool((later & ~hidden).any()):
            self.looking_ahead.add(visited.layer)

    def _look_at_losses(self, states: Any, ids: Any, stretches: int) -> None:
        project = output_layer(self.model)
        if project is None:
            self.notes.add("No losses: the model has no output layer, or does more with the last states than project.")
            return
        losses = token_losses(project, states[0, :-1], ids[1:], self.model.get_input_embeddings().weight.shape[0])
        for start, stop in self._loss_parts(len(ids)):
            some = losses[max(start - 1, 0) : stop - 1]  # the loss of token t stands at t − 1
            if len(some):
                batches = 1 if stretches > 1 else BATCHES  # stretches are independent, their eighths hardly
                batch = torch.arange(len(some), device=some.device) * batches // len(some)
                self.losses[start].add(some, batch, batches)
                self.loss_tokens[start] += len(some)

    def _loss_parts(self, tokens: int) -> Iterator[tuple[int, int]]:
        """Return quarters of windows: none lies on both sides of a window's end."""
        quarters = range(LOSS_PARTS * -(-tokens // self.window) + 1)
        return pairwise(sorted({min(tokens, number * self.window // LOSS_PARTS) for number in quarters}))

    def result(self, stretches: list[Any]) -> Check:
        """Return everything as tables."""
        longest = max(len(stretch) for stretch in stretches)
        if longest < self.window:
            self.notes.add(
                f"The text has {longest} tokens, fewer than the trained window of {self.window}: pairs, attention and "
                "losses come from those alone, and none from beyond."
            )
        elif longest < self.length:
            self.notes.add(
                f"The text has {longest} tokens, fewer than the length of {self.length}: attention and losses beyond "
                "the window end there; scores are asked for up to the length all the same."
            )
        self.notes.update(self._refusals())
        if self.looking_ahead:
            layers = ", ".join(map(str, sorted(self.looking_ahead)))
            self.notes.add(
                f"Tokens attend to later ones in layers {layers}. Entropies there count every visible key, and far "
                "also counts keys L tokens or more after the query. Pairs and offsets are still those of keys at or "
                "before the query. Losses are those of a forward pass that has seen the tokens it predicts."
            )
        bounds = [row for layer in self.scores for row in self._bound_rows(layer)]
        kept = [key for key in sorted(self.mass) if key[0] not in self.refused]
        return Check(
            rows=tuple(row for layer in self.scores for row in self._score_rows(layer)),
            heads=Rows(tuple(row for layer in self.scores for row in self._head_rows(layer))),
            bounds=Rows(tuple(bounds)),
            attention=Rows(tuple(row for key in kept for row in self._attention_rows(*key))),
            losses=Rows(tuple(self._loss_rows(longest))),
            violations=sum(row.violations for row in bounds if row.evidence == "proved"),
            published_violations=sum(row.violations for row in bounds if row.evidence == "refuted"),
            **what_ran(self.model),
            config=self.scores[min(self.scores)].config,
            length=self.length,
            tokens=longest,
            stretches=len(stretches),
            pairs=self.pairs,
            seed=self.seed,
            notes=tuple(sorted(self.notes)),
        )

    def _score_rows(self, layer: int) -> Iterator[ScoreRow]:
        scores = self.scores[layer]
        means, errors = scores.ratios.result()
        regions = REGIONS[:1] if self.length == self.window else REGIONS
        for head, (number, asked), region in product(range(means.shape[-1]), enumerate(scores.asked), regions):
            at = (number, REGIONS.index(region))
            yield ScoreRow(
                layer=layer,
                head=head,
                scaling=asked.inside.scaling,
                region=region,
                pairs=scores.pairs,
                at_integers=float(means[*at, 0, head]),
                at_integers_error=float(errors[*at, 0, head]),
                between=float(means[*at, 1, head]),
                between_error=float(errors[*at, 1, head]),
                largest_at_integers=float(scores.largest_ratios[*at, 0, head]),
                largest_between=float(scores.largest_ratios[*at, 1, head]),
                largest_score=float(scores.largest_scores[*at, 1, head]),
            )

    def _head_rows(self, layer: int) -> Iterator[HeadRow]:
        scores = self.scores[layer]
        (means, errors), (shares, _) = scores.sizes.result(), scores.shares.result()
        for head in range(means.shape[-1]):
            numbers = _named(SIZES, means, errors, head)
            numbers |= {f"largest_{name}": float(scores.largest_sizes[place, head]) for place, name in RATIOS.items()}
            yield HeadRow(layer=layer, head=head, pairs=scores.pairs, shares=tuple(shares[:, head].tolist()), **numbers)

    def _bound_rows(self, layer: int) -> Iterator[BoundRow]:
        scores = self.scores[layer]
        counts = {name: (*numbers, BOUNDS[name]) for name, numbers in scores.bounds.items()}
        kept = [] if layer in self.refused else range(1, len(scores.asked))
        moved = [self.mass[layer, number, 0] for number in kept]
        if moved:
            violations = np.sum([one.violations for one in moved], axis=0)
            rows = np.full_like(violations, sum(one.queries for one in moved))
            counts["attention_shift"] = (rows, violations, np.max([one.tightest for one in moved], axis=0), "proved")
        for name, (evaluations, violations, tightest, evidence) in counts.items():
            for head in range(len(evaluations)):
                yield BoundRow(
                    layer=layer,
                    head=head,
                    bound=name,
                    evidence=evidence,
                    evaluations=round(evaluations[head]),
                    violations=round(violations[head]),
                    tightest=float(tightest[head]),
                    slack=1.0 - float(tightest[head]),
                )

    def _refusals(self) -> Iterator[str]:
        """Yield one note per reason for which rows of layers were refused, with the largest difference."""
        for reason in dict.fromkeys(error.reason for error in self.refused.values()):
            alike = {layer: error for layer, error in self.refused.items() if error.reason == reason}
            worst = max(alike.values(), key=lambda error: (error.off or (0.0, 0.0))[0])
            yield (
                f"No rows of attention of layer{'s' * (len(alike) > 1)} {', '.join(map(str, sorted(alike)))}: {worst}. "
                "Scores and their bounds need none."
            )

    def _attention_rows(self, layer: int, number: int, region: int) -> Iterator[AttentionRow]:
        mass = self.mass[layer, number, region]
        means, errors = mass.means.result()
        for head in range(means.shape[-1]):
            numbers = _named(QUANTITIES, means, errors, head)
            yield AttentionRow(
                layer=layer,
                head=head,
                scaling=self.scores[layer].asked[number].inside.scaling,
                region=REGIONS[region],
                queries=mass.queries,
                largest_logit=float(mass.largest_logit[head]),
                **numbers,
            )

    def _loss_rows(self, longest: int) -> Iterator[LossRow]:
        for start, stop in self._loss_parts(longest):
            if start not in self.losses:
                continue
            mean, error = self.losses[start].result()
            yield LossRow(
                start=start,
                stop=stop,
                region=REGIONS[start >= self.window],
                tokens=self.loss_tokens[start],
                loss=float(mean),
                loss_error=float(error),
            )


def _named(names: Sequence[str], means: NDArray[Any], errors: NDArray[Any], head: int) -> dict[str, float]:
    """Return means (names, heads) and their errors of one head under the names of a row."""
    wholes = dict(zip(names, means[:, head].tolist(), strict=True))
    return wholes | {f"{name}_error": float(error) for name, error in zip(names, errors[:, head], strict=True)}


def _stretches(ids: Any, length: int) -> list[Any]:
    """Return at most STRETCHES pieces of ``length`` tokens, evenly spaced; the whole text where it is shorter."""
    if len(ids) <= length:
        return [ids]
    count = min(STRETCHES, len(ids) // length)
    starts = [round(number * (len(ids) - length) / max(1, count - 1)) for number in range(count)]
    return [ids[start : start + length] for start in starts]


def _pairs(tokens: int, wanted: int | None, random: np.random.Generator) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return query and key positions, key ≤ query, sorted by query: all of them, or ``wanted`` drawn evenly."""
    every = tokens * (tokens + 1) // 2
    if wanted is None or wanted >= every:
        query, key = np.tril_indices(tokens)
        return query, key
    number = np.sort(random.choice(every, wanted, replace=False) if every < FEW else random.integers(0, every, wanted))
    query = ((np.sqrt(8.0 * number + 1.0) - 1.0) / 2.0).astype(np.int64)
    query += (query + 1) * (query + 2) // 2 <= number
    return query, number - query * (query + 1) // 2


def _places(first: int, last: int, random: np.random.Generator) -> NDArray[Any]:
    """Return at most QUERIES different positions first … last − 1, in order."""
    return np.sort(random.choice(np.arange(first, last), min(QUERIES, last - first), replace=False))


def _checked_scalings(scalings: Any) -> tuple[Scaling, ...]:
    if isinstance(scalings, Scaling | str) or not isinstance(scalings, Iterable):
        raise WrongType("scalings", "must be a sequence", f"{scalings!r}", "put a single scaling in a list")
    result = tuple(scalings)
    for scaling in result:
        if not isinstance(scaling, Scaling):
            raise WrongType("scalings", "must hold Scaling objects, such as rt.scaling.YaRN(4)", f"{scaling!r}")
    return result
