import flint
import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import rope_theory as rt
from rope_theory import bounds, testing
from rope_theory._core.balls import working_precision
from rope_theory.certificates import closed_forms
from rope_theory.certificates.closed_forms import refutation
from rope_theory.coefficients import adversarial
from rope_theory.scaling._exact_form import frequency_balls

PAPER = rt.RopeConfig(128)
LLAMA = rt.scaling.Unscaled().frequencies(PAPER)
SMALL = rt.RopeConfig(8, 100.0, 64)
TABLE = rt.scaling.Unscaled().frequencies(SMALL)
H = rt.coefficients.decaying(4, seed=0)
BASES = (100.0, 1e4, 5e5, 1e6)
ULP = 2.0**-52
SHARES = st.floats(0.0, 1.0)
WIDTHS = st.one_of(st.just(1.0), st.floats(0.01, 50.0))


def place(s1, width, share):
    """Return s between s1 and s2, as floats that keep their order."""
    s2 = s1 + width
    return min(max(s1 + share * width, s1), s2), s1, s2


def agrees(enclosure, value, slack):
    """Tell whether a float64 value is the enclosed number but for a share ``slack`` of it, and the ends are close."""
    lower, upper = np.asarray(enclosure.lower), np.asarray(enclosure.upper)
    assert (lower <= upper).all()
    assert (upper - lower <= 4 * ULP * np.abs(upper) + 1e-300).all(), "the enclosure is wide"
    return bool(((value >= lower - slack * np.abs(lower)) & (value <= upper + slack * np.abs(upper))).all())


# --- against float64 ----------------------------------------------------------------------------------------


@given(
    data=st.data(),
    config=testing.configs(min_rotary_dim=4, max_head_dim=32),
    s1=testing.offsets(),
    width=WIDTHS,
    share=SHARES,
)
def test_chords_are_those_of_float64(data, config, s1, width, share):
    scaling = data.draw(testing.scalings(config))
    theta = scaling.frequencies(config).theta  # the same numbers for both
    h = data.draw(testing.coefficients(config.pairs))
    case = place(s1, width, share)
    # s − s1 and s2 − s are rounded in float64
    slack = 1e-13 + 8 * np.spacing(abs(s1) + width) / max(min(case[0] - s1, case[2] - case[0]), 1e-12)
    for name in ("chord_sharp", "chord_curvature"):
        found = getattr(closed_forms, name)(theta, *case, h=h)
        assert found.frequencies == "float64"
        assert agrees(found, getattr(bounds, name)(theta, *case, h=h), slack) or found.upper < 1e-12 * width
    for name in ("chord_repaired", "chord_published"):
        found = getattr(closed_forms, name)(config, *case, h_max=2.5)
        assert found.frequencies == "real"
        assert agrees(found, getattr(bounds, name)(config, *case, h_max=2.5), slack)


@given(data=st.data(), config=testing.configs(max_head_dim=32), s=st.integers(-4096, 1 << 20))
def test_abel_and_triangle_are_those_of_float64(data, config, s):
    theta = rt.scaling.Unscaled().frequencies(config).theta
    h = data.draw(testing.coefficients(config.pairs))
    assert agrees(closed_forms.triangle(h), bounds.triangle(h), 64 * ULP)
    assert agrees(closed_forms.abel_sum(theta, s), bounds.abel_sum(theta, s), 1e-12)
    assert agrees(closed_forms.abel(h, theta, s), bounds.abel(h, theta, s), 1e-12)
    assert agrees(closed_forms.abel_published(theta, s, h_max=0.3), bounds.abel_published(theta, s, h_max=0.3), 1e-12)


@given(theta_max=st.floats(0.0, 1.5), step=st.floats(0.01, 2.0), delta=st.floats(0.0, 50.0))
def test_sampling_and_attention_shift_are_those_of_float64(theta_max, step, delta):
    assert agrees(closed_forms.sampling(theta_max, step), bounds.sampling(theta_max, step), 1e-12)
    assert agrees(closed_forms.attention_shift(delta), bounds.attention_shift(delta), 4 * ULP)


@pytest.mark.parametrize("scaling", [rt.scaling.PositionInterpolation(3), rt.scaling.NTKAware(4), rt.scaling.YaRN(4)])
def test_tables_are_real_numbers_where_they_are_powers_of_a_base(scaling):
    table = scaling.frequencies(PAPER)
    real, rounded = closed_forms.chord_sharp(table, 0.5), closed_forms.chord_sharp(table.theta, 0.5)
    assert real.frequencies == real.target_frequencies == ("float64" if scaling.name == "YaRN" else "real")
    assert rounded.frequencies == "float64"
    assert real.lower == pytest.approx(rounded.lower, rel=1e-13)
    assert agrees(real, bounds.chord_sharp(table, 0.5), 1e-13)


def test_shapes_are_those_of_float64():
    h = rt.coefficients.decaying(4, seed=0, count=6).reshape(2, 3, 4)
    s, s1, s2 = np.array([1.25, 2.5])[:, None], np.array([0.0, 1.0, 1.25]), 4.0
    pairs = [
        (closed_forms.chord_sharp(TABLE, s, s1, s2, h=h), bounds.chord_sharp(TABLE, s, s1, s2, h=h)),
        (closed_forms.chord_curvature(TABLE, s, s1, s2, h=h), bounds.chord_curvature(TABLE, s, s1, s2, h=h)),
        (closed_forms.chord_repaired(SMALL, s, s1, s2), bounds.chord_repaired(SMALL, s, s1, s2)),
        (closed_forms.chord_published(SMALL, s, s1, s2), bounds.chord_published(SMALL, s, s1, s2)),
        (closed_forms.chord_sharp(TABLE, s), bounds.chord_sharp(TABLE, s)),
        (closed_forms.abel(h, TABLE, s), bounds.abel(h, TABLE, s)),
        (closed_forms.abel_sum(TABLE, s), bounds.abel_sum(TABLE, s)),
        (closed_forms.triangle(h), bounds.triangle(h)),
        (closed_forms.attention_shift(s1), bounds.attention_shift(s1)),
    ]
    for enclosure, value in pairs:
        assert enclosure.lower.shape == enclosure.upper.shape == np.shape(value)
        assert agrees(enclosure, value, 1e-13)
    assert isinstance(closed_forms.triangle(H).lower, float)
    assert isinstance(closed_forms.chord_sharp(TABLE, 0.5).upper, float)


# --- certain --------------------------------------------------------------------------------------------------

CALLS = {
    "triangle": lambda bits: closed_forms.triangle(H, bits=bits),
    "chord_sharp": lambda bits: closed_forms.chord_sharp(TABLE, 100.3, h=H, bits=bits),
    "chord_curvature": lambda bits: closed_forms.chord_curvature(TABLE, 100.3, h_max=0.7, bits=bits),
    "chord_repaired": lambda bits: closed_forms.chord_repaired(SMALL, 1.5, 1.0, 3.0, bits=bits),
    "chord_published": lambda bits: closed_forms.chord_published(SMALL, 1.5, 1.0, 3.0, bits=bits),
    "abel_sum": lambda bits: closed_forms.abel_sum(TABLE, 4861.0, bits=bits),
    "abel": lambda bits: closed_forms.abel(H, TABLE, 4861.0, bits=bits),
    "abel_published": lambda bits: closed_forms.abel_published(TABLE, 4861.0, bits=bits),
    "sampling": lambda bits: closed_forms.sampling(1.0, 1.5, bits=bits),
    "attention_shift": lambda bits: closed_forms.attention_shift(0.7, bits=bits),
    "refutation": lambda bits: refutation(SMALL, bits=bits).reached,
}


def table_of(calls):
    return [pytest.param(call, id=name) for name, call in calls.items()]


@pytest.mark.parametrize("call", table_of(CALLS))
def test_more_bits_lie_inside_fewer(call):
    before = flint.ctx.prec
    coarse, fine, finest = call(64), call(128), call(1024)
    assert coarse.lower <= fine.lower <= finest.lower <= finest.upper <= fine.upper <= coarse.upper
    assert (coarse.bits, finest.bits) == (64, 1024)
    assert finest.width <= 2 * np.spacing(finest.upper)  # the floats on both sides of the nearest one
    assert flint.ctx.prec == before


def real_frequencies(width, base):
    return [mpmath.mpf(base) ** (-mpmath.mpf(2 * j) / width) for j in range(width // 2)]


def distance_by_mpmath(theta, s, s1, s2, moduli):
    s, s1, s2 = map(mpmath.mpf, (s, s1, s2))
    share = (s - s1) / (s2 - s1)
    phases = [(s2 - s1) * x for x in theta]
    terms = [abs(mpmath.expj(share * phi) - (1 - share) - share * mpmath.expj(phi)) for phi in phases]
    return sum(m * term for m, term in zip(moduli, terms, strict=True))


def certainly_in(number, enclosure):
    return mpmath.mpf(enclosure.lower) <= number <= mpmath.mpf(enclosure.upper)


@pytest.mark.parametrize("case", [(0.5, 0, 1), (100.3, 100, 101), (1e-17, 0, 1), (2.0, 0.0, 4.0), (3e13, 0, 1e14)])
def test_chords_against_fifty_digits(case):
    with mpmath.workdps(60):
        theta, moduli = real_frequencies(8, 100), [mpmath.hypot(z.real, z.imag) for z in H]
        s, s1, s2 = map(mpmath.mpf, case)
        exact = {
            "chord_sharp": distance_by_mpmath(theta, *case, moduli),
            "chord_curvature": (s - s1) * (s2 - s) / 2 * sum(m * x**2 for m, x in zip(moduli, theta, strict=True)),
        }
        log = mpmath.log(100)
        published = (s - s1) * (s2 - s) / 2 * 8 / (4 * log)
        repaired = (s - s1) * (s2 - s) / 2 * (8 / (4 * log) + mpmath.mpf(1) / 2 + log / 24)
        for name, number in exact.items():
            found = getattr(closed_forms, name)(TABLE, *case, h=H)
            assert certainly_in(number, found)
            assert not certainly_in(number * (1 + mpmath.mpf(2) ** -51), found)
            assert not certainly_in(number * (1 - mpmath.mpf(2) ** -51), found)
        assert certainly_in(published, closed_forms.chord_published(SMALL, *case))
        assert certainly_in(repaired, closed_forms.chord_repaired(SMALL, *case))


@pytest.mark.parametrize("s", [0.0, 3.25, 4861.0, -1e6, 2.0**53])
def test_abel_against_fifty_digits(s):
    with mpmath.workdps(60):
        partial, total = mpmath.mpc(0), mpmath.mpf(0)
        for x in real_frequencies(8, 100):
            partial += mpmath.expj(mpmath.mpf(s) * x)
            total += abs(partial)
        values = [mpmath.mpc(z) for z in H] + [mpmath.mpc(0)]
        step = max(abs(values[j + 1] - values[j]) for j in range(4))
        assert certainly_in(total, closed_forms.abel_sum(TABLE, s))
        assert certainly_in(step * total, closed_forms.abel(H, TABLE, s))
        assert certainly_in(2 * mpmath.mpf(0.3) * total, closed_forms.abel_published(TABLE, s, h_max=0.3))


def test_the_rest_against_fifty_digits():
    with mpmath.workdps(60):
        assert certainly_in(sum(abs(mpmath.mpc(z)) for z in H), closed_forms.triangle(H))
        assert certainly_in(1 / mpmath.cos(mpmath.mpf(0.3) * 2.5 / 2), closed_forms.sampling(0.3, 2.5))
        assert certainly_in(mpmath.tanh(mpmath.mpf(0.7) / 2), closed_forms.attention_shift(0.7))


def test_what_is_exact_is_a_point():
    assert closed_forms.triangle([3.0 + 4.0j, 2.0]).lower == closed_forms.triangle([3.0 + 4.0j, 2.0]).upper == 7.0
    assert closed_forms.abel_sum(LLAMA, 0.0).width == 0.0
    assert closed_forms.attention_shift(0.0).upper == 0.0
    for s in (3.0, 5.0):
        assert closed_forms.chord_sharp(LLAMA, s, 3.0, 5.0).upper == 0.0
        assert closed_forms.chord_published(PAPER, s, 3.0, 5.0).upper == 0.0


# --- Theorem 2.1 ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("base", BASES)
def test_the_theorem_is_refuted_at_every_width_from_8_to_512(base):
    cases = [refutation(rt.RopeConfig(width, base)) for width in range(8, 514, 2)]
    assert all(case.refuted and not case.holds_here for case in cases)


@pytest.mark.parametrize(("base", "first"), [(100.0, 866), (1e4, 1748), (5e5, 2490)])
def test_on_unit_cells_the_refutation_ends_where_it_ends(base, first):
    below, at = refutation(rt.RopeConfig(first - 2, base)), refutation(rt.RopeConfig(first, base))
    assert below.refuted
    assert not below.holds_here
    assert at.holds_here
    assert not at.refuted


def test_the_reference_values():
    # computed independently of this code, in float64 and in ball arithmetic
    for width, reached, allowed in [
        (128, 0.4938756649, 0.4342944819), (64, 0.2818284545, 0.2171472410), (32, 0.1799382041, 0.1085736205),
    ]:  # fmt: skip
        case = refutation(rt.RopeConfig(width))
        assert case.reached.lower == pytest.approx(reached, abs=5e-11)
        assert case.allowed.lower == pytest.approx(allowed, abs=5e-11)
    assert (case.s, case.s1, case.s2) == (0.5, 0.0, 1.0)
    assert case.to_dict()["config"]["head_dim"] == 32


def test_on_wide_cells_it_may_hold_and_on_small_ones_it_fails_beyond_any_width_of_a_head():
    assert refutation(PAPER, 2.0, 0.0, 4.0).holds_here
    assert refutation(rt.RopeConfig(1748), 0.005, 0.0, 0.01).refuted


def test_what_is_reached_is_reached_by_a_score_with_moduli_one():
    # the float64 coefficients of ``adversarial``, shrunk to modulus below one, in ball arithmetic
    h = adversarial(LLAMA, 0.5) * (1 - 1e-15)
    case = refutation(PAPER)
    with working_precision(256):
        theta = frequency_balls(LLAMA, flint)
        balls = [flint.acb(z.real, z.imag) for z in h.tolist()]
        assert all(abs(z) <= 1 for z in balls)

        def score(s):
            return sum((z * flint.acb(0, s * x).exp()).real for z, x in zip(balls, theta, strict=True))

        distance = abs(score(flint.arb(0.5)) - (score(0) + score(1)) / 2)
        assert distance > flint.arb(case.allowed.upper)
        assert abs(distance - flint.arb(case.reached.lower)) < 1e-14


def test_a_precision_that_does_not_decide_says_neither():
    case = refutation(SMALL)
    blurred = type(case)(SMALL, 0.5, 0.0, 1.0, case.reached, type(case.reached)(0.0, 1.0, 64, "real", "real"))
    assert not blurred.refuted
    assert not blurred.holds_here


# --- wrong input ----------------------------------------------------------------------------------------------

NAN = float("nan")


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda f: f.triangle(3.0), "triangle"),
        (lambda f: f.triangle([NAN]), "triangle"),
        (lambda f: f.chord_sharp(TABLE, 2.0, 0.0, 1.0), "outside"),
        (lambda f: f.chord_sharp(TABLE, 0.5, 1.0, 0.0), "exchanged"),
        (lambda f: f.chord_sharp(TABLE, 0.5, 0.0), "half a cell"),
        (lambda f: f.chord_sharp(TABLE, 0.5, h=H[:3]), "short h"),
        (lambda f: f.chord_sharp(TABLE, 0.5, h=H, h_max=2.0), "h and h_max"),
        (lambda f: f.chord_sharp([-1.0], 0.5), "negative theta"),
        (lambda f: f.chord_sharp(SMALL, 0.5), "config for theta"),
        (lambda f: f.chord_curvature(TABLE, NAN), "NaN"),
        (lambda f: f.chord_curvature(TABLE, [0.5, 0.6], [0.0, 0.0, 0.0], 1.0), "shapes"),
        (lambda f: f.chord_curvature(TABLE, 0.5, h_max=-1.0), "negative h_max"),
        (lambda f: f.chord_published(TABLE, 0.5), "table for config"),
        (lambda f: f.chord_repaired(SMALL, 2.0**60), "far"),
        (lambda f: f.chord_repaired(SMALL, 2.0**53), "no integer above"),
        (lambda f: f.abel_sum(TABLE, []), "empty"),
        (lambda f: f.abel(H[:3], TABLE, 1.0), "short h"),
        (lambda f: f.abel_published(TABLE, 1.0, h_max=-1.0), "negative h_max"),
        (lambda f: f.sampling(2.0, 2.0), "too coarse"),
        (lambda f: f.sampling(1.0, 0.0), "no step"),
        (lambda f: f.attention_shift(-1.0), "negative delta"),
        (lambda f: f.attention_shift("1"), "text"),
    ],
)
def test_wrong_input_is_refused_in_the_words_of_float64(call, name):
    with pytest.raises((TypeError, ValueError)) as expected:
        call(bounds)
    with pytest.raises(expected.type) as found:
        call(closed_forms)
    assert str(found.value) == str(expected.value)


@pytest.mark.parametrize("call", table_of(CALLS))
def test_wrong_precisions(call):
    with pytest.raises(ValueError, match="bits must be at least 64, got 10"):
        call(10)
    with pytest.raises(TypeError, match="bits must be an integer"):
        call("256")


def test_tensors_are_told_to_become_arrays():
    tensor = torch.ones(4, dtype=torch.float64)
    for call in (
        lambda: closed_forms.triangle(tensor),
        lambda: closed_forms.chord_sharp(tensor, 0.5),
        lambda: closed_forms.chord_sharp(TABLE, tensor),
        lambda: closed_forms.chord_sharp(TABLE, 0.5, h=tensor),
        lambda: closed_forms.chord_curvature(TABLE, 0.5, h_max=tensor[0]),
        lambda: closed_forms.abel_sum(TABLE, tensor),
        lambda: closed_forms.attention_shift(tensor),
    ):
        with pytest.raises(TypeError, match="must be a numpy array here, got a torch tensor"):
            call()


def test_refutation_takes_one_cell_of_a_config():
    with pytest.raises(ValueError, match=r"one offset and one cell, got shape \(2,\)"):
        refutation(SMALL, [0.25, 0.5])
    with pytest.raises(TypeError, match="config must be a RopeConfig, got Frequencies"):
        refutation(TABLE)
    with pytest.raises(ValueError, match="s must lie in its cell"):
        refutation(SMALL, 1.5)


def test_every_bound_has_its_closed_form():
    assert set(rt.bounds.CATALOGUE) <= set(CALLS)
    assert all(hasattr(closed_forms, name) for name in rt.bounds.CATALOGUE)
