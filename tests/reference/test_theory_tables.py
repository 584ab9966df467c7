"""The tables of theory.md, sections 2, 4, 5 and 6, to the digits printed there; exact values apart."""

import math

import numpy as np
import pytest

import rope_theory as rt
from rope_theory import bounds
from rope_theory.coefficients import aligned
from rope_theory.regression import RotaryRidge, prediction_std

PAPER = rt.RopeConfig(128, base=1e4, context_length=2048)


def unscaled(config):
    return rt.scaling.Unscaled().frequencies(config)


LLAMA = unscaled(PAPER)


def printed(value):
    """Return a value as it must be to print as the digits given: half a unit of the last one."""
    digits = value.lstrip("-").partition(".")[2]
    return pytest.approx(float(value), abs=0.5000001 * 10.0 ** -len(digits))


@pytest.fixture(scope="module")
def abel_sums():
    """Return B(s)/d, s = 0 … 2^20 − 1, for d = 128."""
    return bounds.abel_sum(LLAMA, np.arange(2.0**20)) / 128


@pytest.mark.parametrize(
    ("width", "sharp", "published", "curvature"),
    [
        (128, "0.4938756649", "0.4342944819", "0.4997885032"),
        (64, "0.2818284545", "0.2171472410", "0.2856106961"),
        (32, "0.1799382041", "0.1085736205", "0.1828094101"),
    ],
)
def test_theorem_2_1(width, sharp, published, curvature):
    config = rt.RopeConfig(width)
    theta = unscaled(config)
    scores = rt.attention_score(aligned(theta, 0.5), theta, [0.0, 0.5, 1.0])
    assert abs(scores[1] - (scores[0] + scores[2]) / 2) == printed(sharp)
    assert bounds.chord_sharp(theta, 0.5) == printed(sharp)
    assert bounds.chord_published(config, 0.5) == printed(published)
    assert bounds.chord_curvature(theta, 0.5) == printed(curvature)


def test_sharp_off_the_middle():
    assert bounds.chord_sharp(LLAMA, 0.25) == printed("0.3700397373")
    assert bounds.chord_sharp(LLAMA, 0.1) == printed("0.1773446236")


def test_the_cell_four_tokens_wide():
    assert bounds.chord_published(PAPER, 2.0, 0.0, 4.0) == printed("6.949")
    assert bounds.chord_sharp(LLAMA, 2.0, 0.0, 4.0) == printed("6.618")


@pytest.mark.parametrize(("base", "first"), [(100.0, 866), (1e4, 1748), (5e5, 2490)])
def test_first_width_at_which_the_unit_cell_witness_no_longer_refutes(base, first):
    def refutes(width):
        config = rt.RopeConfig(width, base=base)
        return bounds.chord_sharp(unscaled(config), 0.5) > bounds.chord_published(config, 0.5)

    assert all(refutes(width) for width in range(2, first, 2))
    assert not refutes(first)


def test_domain_of_the_refutation_by_small_cells():
    def refutes(width, base):
        config = rt.RopeConfig(width, base=base)
        case = (5e-4, 0.0, 1e-3)
        return bounds.chord_sharp(unscaled(config), *case) > bounds.chord_published(config, *case)

    edge = 2 * 10.0**2 * math.log(10.0)  # 460.5: about, so a tenth to either side
    assert all(refutes(width, 10.0) for width in range(2, int(0.9 * edge), 2))
    assert not any(refutes(width, 10.0) for width in range(2 * round(0.55 * edge), 1000, 50))


def test_the_sampling_constant():
    assert bounds.sampling(theta_max=1.0, step=1.0) == printed("1.1394939")


def test_abel_sums_of_the_paper(abel_sums):
    assert abel_sums[0] == 16.25
    assert int(abel_sums[:4096].argmin()) == 3643
    assert abel_sums[3643] == printed("1.1159")
    assert int(np.flatnonzero(abel_sums < 1.0)[0]) == 4861
    assert abel_sums[4861] == printed("0.99598")
    assert abel_sums[:32768].min() == printed("0.6292")
    assert int(abel_sums.argmin()) == 940249
    assert abel_sums[940249] == printed("0.5349")


def test_at_64_dimensions_some_of_the_claimed_offsets_fail():
    sums = bounds.abel_sum(unscaled(rt.RopeConfig(64)), np.arange(1.0, 4097.0)) / 64
    assert 100 * np.mean(sums < 1.0) == printed("7.25")


def test_the_paper_extrapolation_bound_is_weaker_than_the_triangle_bound(abel_sums):
    assert (2 * 128 * abel_sums > bounds.triangle(np.ones(64))).all()


def test_the_like_for_like_ratio_is_not_600():
    triangle = bounds.triangle(np.ones(64))
    assert triangle / bounds.chord_published(PAPER, 0.5) == printed("147.4")
    assert triangle / bounds.chord_curvature(LLAMA, 0.5) == printed("128.1")
    assert triangle / bounds.chord_sharp(LLAMA, 0.5) == printed("129.6")


RIDGE = [
    (1e-3, ["0.18820", "0.18820", "0.35516", "17.511", "6.0180", "10.860"]),
    (1.0, ["0.18683", "0.18683", "0.27795", "0.56192", "0.62628", "0.40541"]),
    (10.0, ["0.18465", "0.18465", "0.24593", "0.27006", "0.21414", "0.19531"]),
    (100.0, ["0.17048", "0.17048", "0.19674", "0.16998", "0.15760", "0.16005"]),
]


@pytest.mark.parametrize(("alpha", "row"), RIDGE)
def test_standard_deviation_of_the_ridge_fit(alpha, row):
    s = [1024, 1024.5, 2048, 2560, 3072, 4095]
    deviations = prediction_std(LLAMA, np.arange(2048), s, alpha=alpha)
    assert deviations.tolist() == [printed(value) for value in row]


def test_ridge_on_the_targets_of_seed_0():
    fit = RotaryRidge(LLAMA, alpha=1.0).fit(np.arange(2048), np.random.default_rng(0).standard_normal(2048))
    expected = [printed(value) for value in ("0.239824", "0.274127", "-0.253690")]
    assert fit.predict([2049, 2500, 4095]).tolist() == expected
    assert rt.attention_score(fit.h_, LLAMA, [2049, 2500, 4095]).tolist() == expected


def test_numerical_rank_of_the_design():
    fit = RotaryRidge(LLAMA, alpha=1.0).fit(np.arange(2048), np.zeros(2048))
    critical = 2 * math.ceil(64 * math.log(2048 / (2 * math.pi), 1e4))
    assert critical == 82
    assert abs(fit.rank_ - 80) <= 2
    assert fit.condition_ > 1e15  # as far as float64 sees
