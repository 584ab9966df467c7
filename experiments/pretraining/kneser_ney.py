"""The baseline: an interpolated Kneser–Ney trigram model over the same tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Trigram:
    """Counts of a stream, and what interpolation needs of them.

    Attributes
    ----------
    vocabulary : int
        V; a pair of tokens is numbered aV + b, a triple (aV + b)V + c.
    triples, triple_counts : ndarray of int
        Triples seen, in order, and how often.
    pairs, pair_kinds : ndarray of int
        Pairs (b, c) that end a triple, in order, and after how many different tokens.
    kinds : ndarray of int, (V,)
        After how many different tokens each token comes.
    discounts : (float, float, float)
        Of single tokens, pairs and triples: n₁ / (n₁ + 2n₂), n_k the entries counted k times.
    """

    vocabulary: int
    triples: NDArray[np.int64]
    triple_counts: NDArray[np.int64]
    pairs: NDArray[np.int64]
    pair_kinds: NDArray[np.int64]
    kinds: NDArray[np.int64]
    discounts: tuple[float, float, float]

    def probabilities(self, ids: NDArray[Any]) -> NDArray[np.float64]:
        """Return p(token | the two before it) of ids[2:], shape (n − 2,).

        p₃(c|ab) = (count(abc) − D₃)⁺ / count(ab·) + D₃ N(ab·) / count(ab·) · p₂(c|b), N the different continuations,
        and p₂, p₁ alike with the number of different predecessors in place of the count; p₁ ends in 1/V
        (Kneser & Ney 1995; interpolated as by Chen & Goodman 1998, section 4.1).
        """
        wide = np.asarray(ids, dtype=np.int64)
        a, b, c = wide[:-2], wide[1:-1], wide[2:]
        size = self.vocabulary
        total = self.kinds.sum()
        single = np.maximum(self.kinds - self.discounts[0], 0.0) / total
        result = (single + self.discounts[0] * np.count_nonzero(self.kinds) / total / size)[c]
        result = self._mixed(self.pairs, self.pair_kinds, b, c, self.discounts[1], result)
        return self._mixed(self.triples, self.triple_counts, a * size + b, c, self.discounts[2], result)

    def _mixed(
        self,
        entries: NDArray[np.int64],
        counts: NDArray[np.int64],
        context: NDArray[np.int64],
        token: NDArray[np.int64],
        discount: float,
        lower: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Mix the estimate from ``entries`` (numbers of context and token) with the ``lower`` order's."""
        sums = np.concatenate([[0], np.cumsum(counts)])
        first, last = (np.searchsorted(entries, (context + more) * self.vocabulary) for more in (0, 1))
        seen, kinds = sums[last] - sums[first], last - first
        wanted = context * self.vocabulary + token
        place = np.minimum(np.searchsorted(entries, wanted), len(entries) - 1)
        count = np.where(entries[place] == wanted, counts[place], 0)
        with np.errstate(invalid="ignore", divide="ignore"):
            mixed = (np.maximum(count - discount, 0.0) + discount * kinds * lower) / seen
        return np.where(seen > 0, mixed, lower)


def fit(ids: NDArray[Any], vocabulary: int) -> Trigram:
    """Return the model of a stream of tokens below ``vocabulary``.

    Raises
    ------
    ValueError
        For fewer than three tokens, or tokens outside the vocabulary.
    """
    if len(ids) < 3:
        raise ValueError(f"A trigram model needs at least three tokens, got {len(ids)}.")
    if int(np.max(ids)) >= vocabulary or int(np.min(ids)) < 0:
        raise ValueError(f"ids must lie in 0 … {vocabulary - 1}, the vocabulary.")
    wide = np.asarray(ids, dtype=np.int64)
    numbered = (wide[:-2] * vocabulary + wide[1:-1]) * vocabulary + wide[2:]
    triples, triple_counts = np.unique(numbered, return_counts=True)
    pairs, pair_kinds = np.unique(triples % vocabulary**2, return_counts=True)
    kinds = np.bincount(pairs % vocabulary, minlength=vocabulary)
    discounts = (_discount(kinds), _discount(pair_kinds), _discount(triple_counts))
    return Trigram(vocabulary, triples, triple_counts, pairs, pair_kinds, kinds, discounts)


def _discount(counts: NDArray[np.int64]) -> float:
    once, twice = np.count_nonzero(counts == 1), np.count_nonzero(counts == 2)
    return once / (once + 2 * twice) if once else 0.5
