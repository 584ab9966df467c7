import json
import pickle

import flint
import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rope_theory as rt
from rope_theory._core.balls import working_precision
from rope_theory.certificates import _design
from rope_theory.certificates.least_squares import ExactFit, _restored, exact_least_squares
from rope_theory.regression import RotaryRidge
from rope_theory.scaling._exact_form import frequency_balls

PAPER = rt.scaling.Unscaled().frequencies(rt.RopeConfig(128))
SMALL = rt.scaling.Unscaled().frequencies(rt.RopeConfig(8, 100.0, 64))
TARGETS = np.random.default_rng(0).standard_normal(2048)
GRIDS = {
    "integers": np.arange(12.0),
    "halves, backwards": 3.0 - 0.5 * np.arange(13),
    "far out": 2.0**50 + np.arange(12.0),
    "tenths, rounded": np.arange(12) / 10,
    "uneven": np.array([0.0, 0.25, 1.0, 2.5, 2.5, 7.0, 8.125, 11.0, 20.0, -3.0]),
}


@pytest.fixture(scope="module")
def fit():
    return exact_least_squares(PAPER, np.arange(2048), TARGETS)


def middle(enclosure):
    return (enclosure.lower + enclosure.upper) / 2


def by_mpmath(theta, s, y, alpha, digits=60):
    """Return the normal equations' solution, multiplied out with numbers of ``digits`` digits."""
    with mpmath.workdps(digits):
        angles, s = [mpmath.mpf(x) for x in theta], [mpmath.mpf(float(x)) for x in s]
        phi = mpmath.matrix([[mpmath.cos(n * x) for x in angles] + [mpmath.sin(n * x) for x in angles] for n in s])
        left = phi.T * phi + alpha * mpmath.eye(2 * len(angles))
        return mpmath.lu_solve(left, phi.T * mpmath.matrix([float(x) for x in y]))


def contains(enclosure, exact):
    """Tell whether every mpmath number lies in its interval."""
    ends = zip(np.atleast_1d(enclosure.lower), np.atleast_1d(enclosure.upper), exact, strict=True)
    return all(mpmath.mpf(float(low)) <= x <= mpmath.mpf(float(high)) for low, high, x in ends)


# --- phasors, moments, Gram ---------------------------------------------------------------------------------


@pytest.mark.parametrize("s", [pytest.param(s, id=name) for name, s in GRIDS.items()])
def test_short_cuts_for_even_offsets_enclose_the_slow_way(s):
    y = np.random.default_rng(1).standard_normal(len(s))
    with working_precision(256):
        theta = frequency_balls(SMALL, flint)
        phi = flint.arb_mat(
            [[(n * x).cos() for x in theta] + [(n * x).sin() for x in theta] for n in map(flint.arb, s)]
        )
        slow = (phi.transpose() * phi, phi.transpose() * flint.arb_mat([[flint.arb(v)] for v in y]))
        design = _design.Design(theta, s, flint)
        fast = (design.gram(), design.moments(y))
        for one, other in zip(slow, fast, strict=True):
            assert one.overlaps(other)
            assert all(ball.rad() < 1e-40 for ball in (one - other).entries())
        h = [flint.arb(v) for v in np.random.default_rng(2).standard_normal(2 * len(theta))]
        expected = (phi * flint.arb_mat([[v] for v in h])).entries()
        found = design.values(h)
        assert len(found) == len(s)
        assert all(a.overlaps(b) and (a - b).rad() < 1e-40 for a, b in zip(expected, found, strict=True))


def test_only_exactly_even_offsets_are_even():
    steps = {name: _design.even_step(s) for name, s in GRIDS.items()}
    assert steps == {
        "integers": 1.0, "halves, backwards": -0.5, "far out": 1.0, "tenths, rounded": None, "uneven": None,
    }  # fmt: skip
    assert _design.even_step(np.array([3.0])) is _design.even_step(np.array([3.0, 3.0])) is None
    assert _design.even_step(np.array([0.1, 5e-324])) is None  # the step itself is no float


def test_frequencies_zero_and_equal_have_their_gram_matrix_too():
    s, theta = np.arange(5.0), [0.0, 0.5, 0.5]
    phases = np.outer(s, theta)
    phi = np.concatenate([np.cos(phases), np.sin(phases)], axis=1)
    with working_precision(128):
        table = _design.Design(frequency_balls(theta, flint), s, flint).gram().table()
    assert np.array([[float(x) for x in row] for row in table]) == pytest.approx(phi.T @ phi, abs=1e-13)


# --- the fit ------------------------------------------------------------------------------------------------


def test_the_papers_fit_is_what_it_is(fit):
    # computed independently of this code, at 3000 bits by other means
    assert middle(fit.largest_coefficient) == pytest.approx(1.71988e122, rel=1e-5)
    assert middle(fit.largest_modulus) == pytest.approx(1.74040e122, rel=1e-5)
    assert np.abs(fit.h).max() == pytest.approx(1.74040e122, rel=1e-5)
    values = middle(fit.predict([2049, 2100, 4095]))
    assert values == pytest.approx([-11.97888538, -4.06079561e10, 3.44548646e61], rel=1e-9)
    inside = middle(fit.predict(np.arange(2048)))
    assert np.abs(inside).argmax() == 12
    assert inside[12] == pytest.approx(-1.100833, abs=5e-7)
    assert fit.coefficients.frequencies == "real"


def test_every_number_of_it_is_known_to_fifteen_digits(fit):
    size = np.maximum(np.abs(fit.coefficients.lower), np.abs(fit.coefficients.upper))
    assert (fit.coefficients.width <= 2e-15 * size).all()
    curve = fit.predict(np.arange(0.0, 4096.0, 1.0))
    assert (curve.width <= 1e-14 * np.maximum(1.0, np.abs(curve.upper))).all()
    assert (curve.lower <= curve.upper).all()


def test_the_residual_is_orthogonal_to_every_column(fit):
    with working_precision(fit.bits):
        design = _design.Design(frequency_balls(PAPER, flint), np.arange(2048.0), flint)
        coefficients = flint.arb_mat([[_restored(ball, flint)] for ball in fit.exact])
        residual = (design.gram() * coefficients - design.moments(TARGETS)).entries()
    assert all(ball.contains(0) and ball.rad() < 1e-10 for ball in residual)


def test_more_bits_lie_inside_fewer(fit):
    finer = exact_least_squares(PAPER, np.arange(2048), TARGETS, bits=2600)
    assert finer.bits == 2600
    with working_precision(4000):
        pairs = zip(fit.exact, finer.exact, strict=True)
        assert all(_restored(coarse, flint).contains(_restored(fine, flint)) for coarse, fine in pairs)
    coarse, fine = fit.predict([100.5, 3000.0]), finer.predict([100.5, 3000.0])
    assert (coarse.lower <= fine.lower).all()
    assert (fine.upper <= coarse.upper).all()


def test_ridge_with_the_same_targets():
    fit = exact_least_squares(PAPER, np.arange(2048), TARGETS, alpha=1.0)
    values = middle(fit.predict([2049, 2500, 4095]))
    assert values == pytest.approx([0.239824, 0.274127, -0.253690], abs=5e-7)
    float64 = RotaryRidge(PAPER, 1.0).fit(np.arange(2048), TARGETS)
    s = np.arange(0.0, 4096.0, 0.5)
    assert middle(fit.predict(s)) == pytest.approx(float64.predict(s), abs=1e-10)
    assert fit.h == pytest.approx(float64.h_, abs=1e-10)


@given(
    width=st.sampled_from([2, 4, 8]),
    base=st.floats(5.0, 200.0),
    alpha=st.sampled_from([0.0, 1e-3, 2.0]),
    step=st.sampled_from([1.0, 0.5, 0.3]),
    seed=st.integers(0, 99),
)
def test_it_agrees_with_float64_where_that_is_well_conditioned(width, base, alpha, step, seed):
    theta = rt.scaling.Unscaled().frequencies(rt.RopeConfig(width, base, 64))
    s = step * np.arange(80)
    y = np.random.default_rng(seed).standard_normal(80)
    float64 = RotaryRidge(theta, alpha).fit(s, y)
    fit = exact_least_squares(theta, s, y, alpha=alpha)
    scale = 1e-14 * float64.condition_**2 + 1e-12
    assert fit.h == pytest.approx(float64.h_, abs=scale * np.abs(fit.h).max())
    assert middle(fit.predict(s[::7])) == pytest.approx(float64.predict(s[::7]), abs=scale * 10)


@pytest.mark.parametrize("s", [pytest.param(s, id=name) for name, s in GRIDS.items()])
@pytest.mark.parametrize("alpha", [0.0, 0.25])
def test_small_fits_contain_the_solution_of_mpmath(s, alpha):
    theta, y = [1.0, 0.3, 0.0625], np.cos(np.arange(len(s))) * 3
    exact = by_mpmath(theta, s, y, alpha)
    fit = exact_least_squares(theta, s, y, alpha=alpha)
    assert fit.coefficients.frequencies == "float64"
    assert contains(fit.coefficients, exact)
    assert contains(fit.largest_coefficient, [max(abs(x) for x in exact)])
    assert contains(fit.largest_modulus, [max(mpmath.hypot(exact[j], exact[j + 3]) for j in range(3))])
    with mpmath.workdps(60):
        value = sum(
            exact[j] * mpmath.cos(7.7 * mpmath.mpf(x)) + exact[j + 3] * mpmath.sin(7.7 * mpmath.mpf(x))
            for j, x in enumerate(theta)
        )
    assert contains(fit.predict(7.7), [value])


def test_as_many_offsets_as_coefficients_interpolate():
    y = np.array([1.0, -2.0, 0.5, 4.0])
    fit = exact_least_squares([1.0, 0.4], np.arange(4), y)
    for at, target in enumerate(y):
        assert target in fit.predict(at)
    assert fit.predict(at).width < 1e-14


@pytest.mark.parametrize("alpha", [0.0, 0.5])
def test_no_other_coefficients_fit_better(alpha):
    s, y = np.arange(20.0), np.random.default_rng(3).standard_normal(20)
    fit = exact_least_squares(SMALL, s, y, alpha=alpha)
    with working_precision(512):
        theta = frequency_balls(SMALL, flint)
        best = [_restored(ball, flint).mid() for ball in fit.exact]

        def loss(w):
            misses = [v - flint.arb(t) for v, t in zip(_design.Design(theta, s, flint).values(w), y, strict=True)]
            return sum(x * x for x in misses) + flint.arb(alpha) * sum(x * x for x in w)

        for j in range(len(best)):
            for move in (1e-12, -1e-12):
                assert loss([*best[:j], best[j] + move, *best[j + 1 :]]) > loss(best)


def test_a_tampered_coefficient_or_a_tighter_interval_is_noticed():
    s, y = np.arange(20.0), np.random.default_rng(3).standard_normal(20)
    fit = exact_least_squares(SMALL, s, y)
    with mpmath.workdps(60):
        theta = [mpmath.mpf(100) ** (-mpmath.mpf(j) / 4) for j in range(4)]
    exact = by_mpmath(theta, s, y, 0.0)
    assert contains(fit.coefficients, exact)
    low, high = fit.coefficients.lower, fit.coefficients.upper
    for part in (low, high):  # shut at either end, the intervals lose what they hold
        assert not contains(enclosure_like(fit, part, part), exact)
    with working_precision(fit.bits):
        design = _design.Design(frequency_balls(SMALL, flint), s, flint)
        mantissa, *rest = fit.exact[2]
        forged = [*fit.exact[:2], (hex(int(mantissa, 16) + (1 << 40)), *rest), *fit.exact[3:]]
        column = flint.arb_mat([[_restored(ball, flint)] for ball in forged])
        residual = (design.gram() * column - design.moments(y)).entries()
    assert not all(ball.contains(0) for ball in residual)


def enclosure_like(fit, lower, upper):
    return type(fit.coefficients)(lower, upper, fit.bits, "real", "real")


def test_precision_is_raised_until_the_digits_are_there():
    s, y = np.arange(64), TARGETS[:64]
    few, many = (exact_least_squares(SMALL, s, y, digits=digits, bits=64) for digits in (5, 60))
    assert few.bits < many.bits
    assert many.bits in (256, 512)
    assert few.coefficients.lower == pytest.approx(many.coefficients.lower, rel=1e-4)
    before = flint.ctx.prec
    exact_least_squares(SMALL, s, y)
    assert flint.ctx.prec == before


def test_shapes_and_records():
    fit = exact_least_squares(SMALL, np.arange(64)[:, None], TARGETS[:64])
    assert isinstance(fit, ExactFit)
    assert isinstance(fit.predict(3).lower, float)
    table = fit.predict(np.arange(6.0).reshape(2, 3))
    assert table.lower.shape == (2, 3)
    assert table.lower[1, 2] == fit.predict(5).lower
    long = fit.predict(np.arange(10_000))
    assert long.lower[[0, 4095, 4096, 9999]] == pytest.approx(fit.predict([0.0, 4095.0, 4096.0, 9999.0]).lower)
    assert fit.predict([7.0, 2.0**53]).width.max() < 1e-14
    again = pickle.loads(pickle.dumps(fit))
    assert again.predict(100.0).lower == fit.predict(100.0).lower
    content = json.loads(json.dumps(exact_least_squares([1.0], [0, 1], [1, 2], bits=1 << 15).to_dict()))
    assert content["type"] == "ExactFit"
    assert content["alpha"] == 0.0
    assert len(content["exact"]) == 2


def test_targets_of_zero_have_a_fit_of_zero():
    fit = exact_least_squares(SMALL, np.arange(64), np.zeros(64))
    assert (fit.h == 0).all()
    assert fit.predict([1.0, 100.0]).width.max() < 1e-14


def test_a_ridge_makes_every_design_regular():
    fit = exact_least_squares([0.0, 0.5, 0.5], [3.0], [2.0], alpha=1.0)
    float64 = RotaryRidge([0.0, 0.5, 0.5], 1.0).fit([3.0], [2.0])
    assert fit.h == pytest.approx(float64.h_, abs=1e-14)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (([1.0, 0.5], [0, 1, 2], [1, 2, 3]), ValueError, "3 distinct.*4 coefficients.*alpha above 0"),
        (([1.0, 0.5], [0, 1, 1, 1], [1, 2, 3, 4]), ValueError, "2 distinct.*many fits are equally good"),
        (([1.0, 0.0], np.arange(9), np.arange(9)), ValueError, "frequency 0.*sine.*Leave the pair out"),
        (([1.0, 0.5, 1.0], np.arange(9), np.arange(9)), ValueError, "equal frequencies, such as 1.*Leave all but one"),
        (([1.0], np.arange(9), np.arange(8)), ValueError, r"y must have shape \(9,\).*got \(8,\)"),
        (([1.0], np.arange(9), np.ones((9, 2))), ValueError, "several targets need several calls"),
        (([1.0], np.ones((3, 3)), np.ones(9)), ValueError, "s must be one-dimensional"),
        (([1.0], [0, 1, np.nan], [1, 2, 3]), ValueError, "s contains 1 NaN"),
        (([1.0], [0, 1, 2], [1, np.inf, 3]), ValueError, "y contains 1 NaN or infinite"),
        (([1.0], [], []), ValueError, "s is empty"),
        (([-1.0], [0, 1, 2], [1, 2, 3]), ValueError, "theta contains negative"),
        ((rt.RopeConfig(8), [0, 1, 2], [1, 2, 3]), TypeError, "theta must be an array or a Frequencies"),
    ],
)
def test_wrong_input(arguments, error, words):
    with pytest.raises(error, match=words):
        exact_least_squares(*arguments)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"alpha": -1.0}, ValueError, "alpha must be at least 0"),
        ({"alpha": "1"}, TypeError, "alpha must be a number"),
        ({"digits": 0}, ValueError, "digits must be at least 1"),
        ({"digits": 2000}, ValueError, "digits must be at most 1000"),
        ({"bits": 32}, ValueError, "bits must be at least 64"),
        ({"bits": 2**30}, ValueError, "bits must be at most"),
        ({"bits": "256"}, TypeError, "bits must be an integer"),
    ],
)
def test_wrong_options(options, error, words):
    with pytest.raises(error, match=words):
        exact_least_squares([1.0], [0, 1, 2], [1.0, 2.0, 3.0], **options)


def test_wrong_offsets_to_predict_at():
    fit = exact_least_squares([1.0], [0, 1, 2], [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="s contains 1 NaN"):
        fit.predict(np.nan)
    with pytest.raises(ValueError, match=r"beyond ±2\*\*53"):
        fit.predict(2.0**60)


def test_a_design_too_close_to_singular_is_given_up_in_words(monkeypatch):
    from rope_theory.certificates import least_squares

    monkeypatch.setattr(least_squares, "MOST_BITS", 512)
    theta = np.array([1.0, np.nextafter(1.0, 2.0), np.nextafter(1.0, 0.0)])
    with pytest.raises(ValueError, match=r"512 bits do not determine.*singular.*alpha above 0"):
        exact_least_squares(theta, np.arange(6), np.arange(6.0) ** 2, digits=100)
