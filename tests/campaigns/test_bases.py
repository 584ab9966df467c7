"""Bases called admissible or not, against the sums of cosines evaluated one by one."""

import flint
import numpy as np
import pytest
from balls import precision

from rope_theory import laws

BASES, ASKED = 950_000, 30_000

SETTINGS = [(d, last) for d in (6, 8, 12, 16, 32) for last in (3, 8, 24, 60)]

DOUBT = 1e-9
"""Sums nearer to zero than this are evaluated in ball arithmetic: float64 is right to about 1e-13 here."""


def in_balls(width, base, offset):
    """Return the sum of cosines for the real powers of a base."""
    with precision(200):
        log = flint.arb(base).log()
        total = sum((((log * (-2 * j) / width).exp() * offset).cos() for j in range(width // 2)), flint.arb(0))
        return float(total.lower()), float(total.upper())


def first_negatives(width, last, bases):
    """Return the first offset with a negative sum for every base, −1 where there is none."""
    theta = bases[:, None] ** (-2.0 * np.arange(width // 2) / width)
    found, open_ = np.full(len(bases), -1), np.arange(len(bases))
    for offset in range(1, last + 1):
        sums = np.cos(offset * theta[open_]).sum(1)
        negative = sums < 0
        for at in np.flatnonzero(np.abs(sums) < DOUBT):
            low, high = in_balls(width, float(bases[open_[at]]), offset)
            assert low > 0 or high < 0
            negative[at] = high < 0
        found[open_[negative]] = offset
        open_ = open_[~negative]
    return found


@pytest.mark.slow
def test_no_base_below_the_smallest_is_admissible():
    rng = np.random.default_rng(20_041)
    each, seen, settings = int(1.06 * BASES) // len(SETTINGS), 0, 0  # some fall into undecided stretches
    for width, last in SETTINGS:
        found = laws.smallest_admissible_base(width, last, end=1e7)
        top = found.base if found.base is not None else 1e7
        bases = np.exp(rng.uniform(np.log(1.01), np.log(top), each))
        near = each // 10
        bases[:near] = np.maximum(top * (1.0 - 10.0 ** rng.uniform(-12, -2, near)), 1.01)
        known = np.ones(each, dtype=bool)
        for begin, end in found.undecided:
            known &= (bases < begin) | (bases > end)
        bases = bases[known & (bases < top)]
        assert (first_negatives(width, last, bases) > 0).all(), (width, last)
        if found.base is not None:
            assert first_negatives(width, last, np.array([found.base])) == [-1]
        seen, settings = seen + len(bases), settings + 1
    print(f"{seen} bases below the smallest admissible one of {settings} settings: none is admissible")
    assert seen >= BASES


@pytest.mark.slow
def test_verdicts_on_candidates():
    rng = np.random.default_rng(20_042)
    seen = 0
    for width, last in SETTINGS:
        bases = np.unique(np.exp(rng.uniform(np.log(1.01), np.log(1e6), ASKED // len(SETTINGS))))
        found = laws.admissible_bases(width, last, bases)
        assert np.array_equal(found.first_negative, first_negatives(width, last, bases)), (width, last)
        seen += len(bases)
    print(f"{seen} candidates: first negative offsets as evaluated one by one")
