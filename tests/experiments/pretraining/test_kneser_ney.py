"""The trigram baseline against a slow twin that counts with dictionaries."""

from collections import Counter, defaultdict

import numpy as np
import pytest

from experiments.pretraining import kneser_ney


def slow(ids, size):
    """Return p(c | a, b) as a function, straight from the definition."""
    triples = Counter(zip(ids, ids[1:], ids[2:], strict=False))
    pairs, kinds = Counter(), Counter()
    for _, b, c in triples:
        pairs[b, c] += 1
    for _, c in pairs:
        kinds[c] += 1

    def discount(counts):
        once, twice = (sum(count == k for count in counts.values()) for k in (1, 2))
        return once / (once + 2 * twice) if once else 0.5

    def single(c):
        total, d = sum(kinds.values()), discount(kinds)
        return max(kinds[c] - d, 0) / total + d * len(kinds) / total / size

    def mixed(counts, context, c, lower):
        by = defaultdict(dict)
        for entry, count in counts.items():
            by[entry[:-1]][entry[-1]] = count
        seen = by[context]
        if not seen:
            return lower
        total, d = sum(seen.values()), discount(counts)
        return max(seen.get(c, 0) - d, 0) / total + d * len(seen) / total * lower

    return lambda a, b, c: mixed(triples, (a, b), c, mixed(pairs, (b,), c, single(c)))


def test_probabilities_are_those_of_the_definition():
    rng = np.random.default_rng(0)
    ids = rng.choice(7, 200, p=[0.4, 0.2, 0.2, 0.1, 0.05, 0.04, 0.01])
    twin = slow(ids.tolist(), 9)
    model = kneser_ney.fit(ids, 9)
    other = rng.integers(0, 9, 60)  # with tokens and contexts never seen
    expected = [twin(*triple) for triple in zip(other.tolist(), other[1:].tolist(), other[2:].tolist(), strict=False)]
    np.testing.assert_allclose(model.probabilities(other), expected, rtol=1e-12)


@pytest.mark.parametrize("context", [(0, 1), (3, 8), (8, 8)])
def test_probabilities_sum_to_one(context):
    model = kneser_ney.fit(np.random.default_rng(1).integers(0, 6, 500) ** 2 % 8, 9)
    total = sum(model.probabilities(np.array([*context, token]))[0] for token in range(9))
    assert total == pytest.approx(1.0, abs=1e-12)


def test_wrong_input_is_refused():
    with pytest.raises(ValueError, match="at least three tokens"):
        kneser_ney.fit(np.array([1, 2]), 9)
    with pytest.raises(ValueError, match="the vocabulary"):
        kneser_ney.fit(np.array([1, 2, 9]), 9)
