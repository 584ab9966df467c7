"""The smallest admissible base: against dense grids, its exclusion argument, and what is refused."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rope_theory as rt
from rope_theory import laws
from rope_theory import laws as kernel
from rope_theory import laws as smallest_base


@pytest.mark.parametrize(
    ("length", "expected"),
    [(1024, 4293.4375), (2048, 11587.244), (4096, 26952.339), (8192, 83763.84), (16384, 231643.65)],
)
def test_known_values(length, expected):
    found = laws.smallest_admissible_base(128, length)
    assert found.base == pytest.approx(expected, rel=1e-7)
    ((below, base),) = found.undecided  # everything else is decided
    assert base == found.base
    assert 0.0 < base / below - 1.0 < 1e-6
    assert laws.admissible_bases(128, length, [below, base]).admissible.tolist() == [False, True]


@given(pairs=st.integers(3, 32), length=st.integers(2, 200))
def test_no_base_of_a_dense_grid_below_it_is_admissible(pairs, length):
    found = laws.smallest_admissible_base(2 * pairs, length)
    assert found.base is not None
    grid = np.geomspace(1.0 + 1e-9, found.base * (1 - 1e-6), 80)
    decided = [b for b in grid.tolist() if not any(low <= b <= high for low, high in found.undecided)]
    assert not laws.admissible_bases(2 * pairs, length, decided).admissible.any()
    assert laws.admissible_bases(2 * pairs, length, [found.base]).admissible.all()


@given(base=st.floats(3.0, 1e7), share=st.floats(0.0, 1.0))
def test_what_a_witness_excludes_has_a_negative_sum(base, share):
    # by the plain sum; a reach ten times as long would not do
    slopes = np.arange(64) / 64
    table = rt.scaling.Unscaled().frequencies(rt.RopeConfig(128, base))
    steepest = float((table.theta * slopes).sum())
    witnesses, reach = smallest_base._best_witnesses(table, 2**15, steepest)
    if not witnesses.size:
        return
    reaches = smallest_base._reaches(table, witnesses, steepest)
    assert reaches.max() == pytest.approx(reach, rel=1e-6)
    at = float(witnesses[reaches.argmax()])
    there = base * math.exp(share * reach)
    assert np.cos(at * there ** (-slopes)).sum() < 1e-9


def test_a_longer_reach_would_exclude_admissible_bases():
    base = laws.smallest_admissible_base(128, 2048).base * (1 - 1e-4)
    slopes = np.arange(64) / 64
    table = rt.scaling.Unscaled().frequencies(rt.RopeConfig(128, base))
    _, reach = smallest_base._best_witnesses(table, 2048, float((table.theta * slopes).sum()))
    assert reach < 1e-4
    assert reach > 1e-6
    assert laws.admissible_bases(128, 2048, [base * math.exp(100 * reach)]).admissible.all()


def test_below_its_first_base_one_offset_excludes_everything():
    for offset, first in ((2, 1.27), (3, 1.9)):
        assert offset / first > math.pi / 2  # the slowest pair turns by more than this
        assert offset < 3 * math.pi / 2


def test_a_range_can_be_empty_or_begin_admissible():
    inside = laws.smallest_admissible_base(128, 2048, start=12430.0, end=12440.0)
    assert (inside.base, inside.undecided) == (12430.0, ())
    empty = laws.smallest_admissible_base(128, 2048, start=12500.0, end=13500.0)
    assert (empty.base, empty.undecided) == (None, ())
    assert set(empty.to_dict()) == set(inside.to_dict())
    coarse = laws.smallest_admissible_base(128, 1024, resolution=1e-3)
    assert coarse.base is not None


def test_witnesses_are_negative():
    table = rt.scaling.Unscaled().frequencies(rt.RopeConfig(128, 1e4))
    offsets, _ = smallest_base._best_witnesses(table, 4096, 1.0)
    sums = np.cos(offsets[:, None] * table.theta).sum(1)
    assert 0 < len(offsets) <= smallest_base.WITNESSES
    assert (sums < -kernel.doubt(table.theta, table, 4096)).all()


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: laws.smallest_admissible_base(127, 64), ValueError, "head_dim must be even, got 127"),
        (
            lambda: laws.smallest_admissible_base(4, 64),
            ValueError,
            "head_dim must be at least 6, got 4.*three pairs",
        ),
        (lambda: laws.smallest_admissible_base(128, 1), ValueError, "length must be at least 2, got 1.*every base"),
        (lambda: laws.smallest_admissible_base(128, 2**53 + 1), ValueError, r"length must be at most 2\*\*53"),
        (lambda: laws.smallest_admissible_base(128, 64, start=1.0), ValueError, "start must be above 1, got 1"),
        (lambda: laws.smallest_admissible_base(128, 64, start=9.0, end=9.0), ValueError, "end must be above 9, got 9"),
        (lambda: laws.smallest_admissible_base(128, 64, end=np.nan), ValueError, "end must be finite"),
        (lambda: laws.smallest_admissible_base(128, 64, resolution=0.0), ValueError, "resolution must be above 0"),
        (
            lambda: laws.smallest_admissible_base(128, 64, resolution=0.1),
            ValueError,
            "resolution must be 1e-12 … 0.001",
        ),
    ],
)
def test_bad_input(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_a_stretch_left_open_ends_with_the_range():
    base = laws.smallest_admissible_base(6, 10, resolution=1e-12).base
    end = base * (1 + 1e-9)  # the base lies in the range, inside the last jump
    cut = laws.smallest_admissible_base(6, 10, end=end)
    assert cut.base is None
    assert cut.undecided[-1][0] < base < cut.undecided[-1][1] == end
