"""Wrong input to every public function is refused early, by the right kind of error, with argument and remedy named."""

import numpy as np
import pytest
import torch

import rope_theory as rt
from rope_theory import bounds, coefficients, scaling
from rope_theory.regression import RotaryRidge, expected_maximum, prediction_std, ridge_strength

CONFIG = rt.RopeConfig(8, context_length=64)
THETA = scaling.Unscaled().frequencies(CONFIG)
H = np.ones(4)
Q = np.ones(8)
NAN, INFINITY = float("nan"), float("inf")
FAR = 2**53 + 1
FACTORS = ["PositionInterpolation", "NTKAware", "DynamicNTK", "NTKByParts", "YaRN", "Llama3"]
CHORDS = [(bounds.chord_sharp, THETA), (bounds.chord_curvature, THETA), (bounds.chord_published, CONFIG),
          (bounds.chord_repaired, CONFIG)]  # fmt: skip


def spread(h):
    return np.where(np.arange(4) == 2, h, 1.0)


OFFSETS = {
    "attention_score": lambda s: rt.attention_score(H, THETA, s),
    "abel_sum": lambda s: bounds.abel_sum(THETA, s),
    "abel": lambda s: bounds.abel(H, THETA, s),
    "abel_published": lambda s: bounds.abel_published(THETA, s),
    "chord_sharp": lambda s: bounds.chord_sharp(THETA, s),
    "chord_curvature": lambda s: bounds.chord_curvature(THETA, s),
    "chord_published": lambda s: bounds.chord_published(CONFIG, s),
    "chord_repaired": lambda s: bounds.chord_repaired(CONFIG, s),
    "adversarial": lambda s: coefficients.adversarial(THETA, s),
    "prediction_std": lambda s: prediction_std(THETA, [0.0, 1.0], s, alpha=1.0),
    "expected_maximum": lambda s: expected_maximum(THETA, [0.0, 1.0], s, alpha=1.0),
    "phase_error": lambda s: rt.precision.phase_error(THETA, s, rt.precision.Storage()),
    "score_error": lambda s: rt.precision.score_error(H, THETA, 0, s, rt.precision.Storage()),
    "RotaryRidge.fit": lambda s: RotaryRidge(THETA).fit(s, [1.0, 1.0]),
    "RotaryRidge.predict": lambda s: RotaryRidge(THETA).fit([0.0, 1.0], [1.0, 1.0]).predict(s),
    "RotaryRidge.transform": lambda s: RotaryRidge(THETA).fit([0.0, 1.0], [1.0, 1.0]).transform(s),
}
"""Functions that take offsets s."""

COEFFICIENTS = {
    "attention_score": lambda h: rt.attention_score(h, THETA, 1.0),
    "score_curve": lambda h: rt.score_curve(h, THETA, 0, 4),
    "triangle": lambda h: bounds.triangle(h),
    "chord_sharp": lambda h: bounds.chord_sharp(THETA, 0.5, h=h),
    "chord_curvature": lambda h: bounds.chord_curvature(THETA, 0.5, h=h),
    "abel": lambda h: bounds.abel(h, THETA, 0.5),
    "score_error": lambda h: rt.precision.score_error(h, THETA, 1, 0, rt.precision.Storage()),
    "compare": lambda h: rt.compare(CONFIG, [scaling.Unscaled()], h, length=64),
}
"""Functions that take coefficients h."""

FREQUENCIES = {
    "attention_score": lambda theta: rt.attention_score(H, theta, 1.0),
    "score_curve": lambda theta: rt.score_curve(H, theta, 0, 4),
    "chord_sharp": lambda theta: bounds.chord_sharp(theta, 0.5),
    "chord_curvature": lambda theta: bounds.chord_curvature(theta, 0.5),
    "abel_sum": lambda theta: bounds.abel_sum(theta, 0.5),
    "abel": lambda theta: bounds.abel(H, theta, 0.5),
    "abel_published": lambda theta: bounds.abel_published(theta, 0.5),
    "aligned": lambda theta: coefficients.aligned(theta, 0.5),
    "adversarial": lambda theta: coefficients.adversarial(theta, 0.5),
    "prediction_std": lambda theta: prediction_std(theta, [0.0, 1.0], 1.0, alpha=1.0),
    "expected_maximum": lambda theta: expected_maximum(theta, [0.0, 1.0], 1.0, alpha=1.0),
    "phase_error": lambda theta: rt.precision.phase_error(theta, 1, rt.precision.Storage()),
    "score_error": lambda theta: rt.precision.score_error(H, theta, 1, 0, rt.precision.Storage()),
    "first_broken_position": lambda theta: rt.precision.first_broken_position(theta, rt.precision.Storage(), 0.1, 8),
    "ridge_strength": lambda theta: ridge_strength(theta, window=8, length=16, tolerance=2.0),
    "RotaryRidge": lambda theta: RotaryRidge(theta).fit([0.0, 1.0], [1.0, 1.0]),
}
"""Functions that take angular frequencies."""


def table(functions):
    return [pytest.param(function, id=name) for name, function in functions.items()]


@pytest.mark.parametrize("call", table(OFFSETS))
@pytest.mark.parametrize(
    ("s", "error", "words"),
    [
        (NAN, ValueError, "s contains 1 NaN or infinite.*must be finite"),
        (-INFINITY, ValueError, "s contains 1 NaN or infinite.*must be finite"),
        ([], ValueError, "s is empty.*at least one element"),
        (FAR, ValueError, r"s reaches beyond ±2\*\*53 tokens.*use smaller offsets"),
        (-float(2**54), ValueError, r"s reaches beyond ±2\*\*53 tokens.*use smaller offsets"),
        (10**30, ValueError, r"s reaches beyond ±2\*\*53 tokens.*use smaller offsets"),
        ("3", TypeError, "s must be an array of numbers, got str"),
        (None, TypeError, "s must be an array of numbers, got NoneType"),
        (True, TypeError, "s must be an array of numbers, got bool"),
        (1j, TypeError, "s must be real"),
        ([[1.0], [1.0, 2.0]], TypeError, "s must be an array of numbers, got list"),
        (THETA, TypeError, r"s got a Frequencies; pass its \.theta"),
    ],
)
def test_offsets(call, s, error, words):
    with pytest.raises(error, match=words):
        call(s)


@pytest.mark.parametrize("call", table(COEFFICIENTS))
@pytest.mark.parametrize(
    ("h", "error", "words"),
    [
        (spread(NAN), ValueError, "h contains 1 NaN or infinite.*must be finite"),
        (spread(INFINITY * 1j), ValueError, "h contains 1 NaN or infinite"),
        (np.ones((0, 4)), ValueError, r"h is empty \(shape \(0, 4\)\)"),
        (["1"] * 4, TypeError, "h must be an array of numbers, got list with dtype <U1"),
        ([None] * 4, TypeError, "h must be an array of numbers, got list"),
        ({"h": 1}, TypeError, "h must be an array of numbers, got dict"),
        (THETA, TypeError, "h got a Frequencies"),
        (torch.ones(4, dtype=torch.bool).numpy(), TypeError, "h must be an array of numbers.*bool"),
    ],
)
def test_coefficients(call, h, error, words):
    with pytest.raises(error, match=words):
        call(h)


@pytest.mark.parametrize("call", table({name: call for name, call in COEFFICIENTS.items() if name != "triangle"}))
@pytest.mark.parametrize("h", [np.ones(3), np.ones((4, 5)), 1.0])
def test_coefficients_that_do_not_match_the_frequencies(call, h):
    with pytest.raises(ValueError, match="h must have one coefficient a frequency on its last axis: theta has 4"):
        call(h)


@pytest.mark.parametrize("call", table(FREQUENCIES))
@pytest.mark.parametrize(
    ("theta", "error", "words"),
    [
        (spread(NAN), ValueError, "theta contains 1 NaN or infinite"),
        (spread(INFINITY), ValueError, "theta contains 1 NaN or infinite"),
        (-np.ones(4), ValueError, "theta contains negative frequencies.*give magnitudes"),
        ([], ValueError, "theta is empty"),
        (np.ones((2, 4)), ValueError, "theta must be one-dimensional.*one angular frequency a pair"),
        (1.0, ValueError, "theta must be one-dimensional"),
        (["a", "b"], TypeError, "theta must be an array of numbers"),
        (1j * np.ones(4), TypeError, "theta must be real"),
        (CONFIG, TypeError, r"theta must be an array or a Frequencies, got RopeConfig.*frequencies\(config\)"),
        (scaling.YaRN(4), TypeError, r"theta must be an array or a Frequencies, got YaRN.*frequencies\(config\)"),
        (None, TypeError, "theta must be an array of numbers"),
    ],
)
def test_frequencies(call, theta, error, words):
    with pytest.raises(error, match=words):
        call(theta)


@pytest.mark.parametrize(("bound", "model"), CHORDS)
@pytest.mark.parametrize(
    ("cell", "error", "words"),
    [
        ((2.5, 0.0, 2.0), ValueError, r"s must lie in its cell, got 2.5 for \[0, 2\].*Widen the cell"),
        ((-0.1, 0.0, 2.0), ValueError, "s must lie in its cell"),
        ((1.0, 1.0, 1.0), ValueError, "s1 and s2 must be in this order"),
        ((1.0, 2.0, 0.0), ValueError, "s1 and s2 must be in this order"),
        ((1.0, 0.0), ValueError, "s1 and s2 belong together: give both, or neither"),
        ((1.0, None, 2.0), ValueError, "s1 and s2 belong together"),
        ((1.0, NAN, 2.0), ValueError, "s1 contains 1 NaN"),
        ((1.0, 0.0, INFINITY), ValueError, "s2 contains 1 NaN or infinite"),
        ((1.0, 0.0, FAR), ValueError, r"s2 reaches beyond ±2\*\*53"),
        ((1.0, -FAR, 2.0), ValueError, r"s1 reaches beyond ±2\*\*53"),
        ((np.ones(3), np.zeros(2), 2.0), ValueError, r"s \(3,\), s1 \(2,\) and s2 \(\) do not broadcast"),
        ((2.0**53,), ValueError, r"no integer above it.*give s1 and s2"),
        ((1.0, "0", 2.0), TypeError, "s1 must be an array of numbers"),
    ],
)
def test_cells(bound, model, cell, error, words):
    with pytest.raises(error, match=words):
        bound(model, *cell)


@pytest.mark.parametrize(("bound", "model"), CHORDS)
@pytest.mark.parametrize(
    ("h_max", "error", "words"),
    [
        (-1.0, ValueError, "h_max must be at least 0"),
        (NAN, ValueError, "h_max must be finite"),
        ("1", TypeError, "h_max"),
    ],
)
def test_moduli(bound, model, h_max, error, words):
    with pytest.raises(error, match=words):
        bound(model, 0.5, h_max=h_max)


CALLS = [
    # widths, bases, windows
    (lambda: rt.RopeConfig(7), ValueError, "head_dim must be even, got 7.*pairs"),
    (lambda: rt.RopeConfig(0), ValueError, "head_dim must be at least 2, got 0"),
    (lambda: rt.RopeConfig(-2), ValueError, "head_dim must be at least 2"),
    (lambda: rt.RopeConfig(8.5), ValueError, "head_dim must be an integer, got 8.5"),
    (lambda: rt.RopeConfig(NAN), ValueError, "head_dim must be finite"),
    (lambda: rt.RopeConfig("8"), TypeError, "head_dim must be an integer, got '8'"),
    (lambda: rt.RopeConfig(True), TypeError, "head_dim must be an integer"),
    (lambda: rt.RopeConfig(8, rotary_dim=3), ValueError, "rotary_dim must be even"),
    (lambda: rt.RopeConfig(8, rotary_dim=0), ValueError, "rotary_dim must be at least 2"),
    (lambda: rt.RopeConfig(8, rotary_dim=10), ValueError, r"rotary_dim \(10\) must not exceed head_dim \(8\)"),
    (lambda: rt.RopeConfig(8, base=1.0), ValueError, r"base must be above 1, got 1\. Frequencies.*must fall"),
    (lambda: rt.RopeConfig(8, base=-5.0), ValueError, "base must be above 1"),
    (lambda: rt.RopeConfig(8, base=INFINITY), ValueError, "base must be finite"),
    (lambda: rt.RopeConfig(8, base=10**400), ValueError, "base must be within"),
    (lambda: rt.RopeConfig(8, base=None), TypeError, "base must be a number, got None"),
    (lambda: rt.RopeConfig(8, base=[1e4]), TypeError, "base must be a number, got list"),
    (lambda: rt.RopeConfig(8, context_length=1), ValueError, "context_length must be at least 2.*trained window"),
    (lambda: rt.RopeConfig(8, context_length=NAN), ValueError, "context_length must be finite"),
    # scalings
    (lambda: scaling.Unscaled().frequencies(128), TypeError, "config must be a RopeConfig, got int; use from_hf"),
    (lambda: scaling.Unscaled().frequencies(CONFIG, 0), ValueError, "length must be at least 1.*sequence length"),
    (lambda: scaling.Unscaled().frequencies(CONFIG, 1.5), ValueError, "length must be an integer"),
    (
        lambda: scaling.LongRoPE([1] * 3, [1] * 3).frequencies(CONFIG),
        ValueError,
        "3 entries.*4 pairs.*one divisor a pair",
    ),
    (lambda: scaling.LongRoPE([1] * 3, [1] * 4), ValueError, "short_factor has 3 entries and long_factor 4"),
    (lambda: scaling.Proportional(0.5, factor=0.9), ValueError, "factor must be at least 1"),
    *[
        (lambda name=name: getattr(scaling, name)(0.5), ValueError, "factor must be at least 1.*extended window")
        for name in FACTORS
    ],
    *[(lambda name=name: getattr(scaling, name)(NAN), ValueError, "factor must be finite") for name in FACTORS],
    *[
        (lambda name=name: getattr(scaling, name)("4"), TypeError, "factor must be a number, got '4'")
        for name in FACTORS
    ],
    # queries and keys
    (
        lambda: rt.score_coefficients(Q, Q, pairing="neox"),
        ValueError,
        "pairing must be one of 'half', 'interleaved', got 'neox'",
    ),
    (
        lambda: rt.score_coefficients(Q, Q, pairing=None),
        TypeError,
        "pairing must be one of 'half', 'interleaved', got None",
    ),
    (
        lambda: rt.score_coefficients(Q[:7], Q[:7], pairing="half"),
        ValueError,
        "the last axis of q and k must be even, got 7",
    ),
    (lambda: rt.score_coefficients(Q, Q, pairing="half", rotary_dim=3), ValueError, "rotary_dim must be even"),
    (lambda: rt.score_coefficients(Q, Q, pairing="half", rotary_dim=0), ValueError, "rotary_dim must be at least 2"),
    (
        lambda: rt.score_coefficients(Q, Q, pairing="half", rotary_dim=10),
        ValueError,
        r"rotary_dim \(10\) exceeds the head width",
    ),
    (
        lambda: rt.score_coefficients(Q, Q[:6], pairing="half"),
        ValueError,
        r"q and k must share their last axis.*\(8,\) and \(6,\)",
    ),
    (
        lambda: rt.score_coefficients(np.ones((3, 8)), np.ones((5, 8)), pairing="half"),
        ValueError,
        r"do not broadcast.*q\[\.\.\., :, None, :\]",
    ),
    (lambda: rt.score_coefficients(1.0, 1.0, pairing="half"), ValueError, "q and k must share their last axis"),
    (lambda: rt.score_coefficients(Q * NAN, Q, pairing="half"), ValueError, "q contains 8 NaN"),
    (lambda: rt.score_coefficients(Q, Q * INFINITY, pairing="half"), ValueError, "k contains 8 NaN or infinite"),
    (lambda: rt.score_coefficients(Q[:0], Q[:0], pairing="half"), ValueError, "q is empty"),
    (lambda: rt.score_coefficients(1j * Q, Q, pairing="half"), TypeError, "q must be real"),
    (
        lambda: rt.score_coefficients(torch.ones(8) * 1j, Q, pairing="half"),
        TypeError,
        "q must be real, got a complex tensor",
    ),
    (
        lambda: rt.score_coefficients(torch.ones(8, dtype=torch.bool), Q, pairing="half"),
        TypeError,
        "q must be.*torch.bool",
    ),
    (lambda: rt.score_coefficients("qk", Q, pairing="half"), TypeError, "q must be an array of numbers, got str"),
    (lambda: rt.position_free_term(Q, Q, rotary_dim=5), ValueError, "rotary_dim must be even"),
    (lambda: rt.position_free_term(Q, Q[:6], rotary_dim=4), ValueError, "q and k must share their last axis"),
    # curves
    (lambda: rt.score_curve(H, THETA, 4, 4), ValueError, r"start \(4\) must be below stop \(4\)"),
    (lambda: rt.score_curve(H, THETA, 0, 4, 0.0), ValueError, "step must be above 0"),
    (lambda: rt.score_curve(H, THETA, 0, 4, -1.0), ValueError, "step must be above 0"),
    (lambda: rt.score_curve(H, THETA, NAN, 4), ValueError, "start must be finite"),
    (lambda: rt.score_curve(H, THETA, 0, INFINITY), ValueError, "stop must be finite"),
    (lambda: rt.score_curve(H, THETA, 0, 4, NAN), ValueError, "step must be finite"),
    (lambda: rt.score_curve(H, THETA, 0, 2.0**54, 2.0**50), ValueError, r"stop reaches beyond ±2\*\*53"),
    (lambda: rt.score_curve(H, THETA, "0", 4), TypeError, "start must be a number"),
    # families
    (lambda: coefficients.aligned(THETA, [1.0, 2.0]), ValueError, r"at must be one offset, got shape \(2,\)"),
    (lambda: coefficients.aligned(THETA, NAN), ValueError, "at contains 1 NaN"),
    (lambda: coefficients.aligned(THETA, FAR), ValueError, r"at reaches beyond ±2\*\*53"),
    (lambda: coefficients.aligned(THETA, torch.tensor(1.0)), TypeError, "at must be a numpy array here.*detach"),
    (lambda: coefficients.aligned(THETA, h_max=0.0), ValueError, "h_max must be above 0"),
    (lambda: coefficients.random_phase(0, seed=0), ValueError, "pairs must be at least 1"),
    (lambda: coefficients.random_phase(4, seed=-1), ValueError, "seed must be at least 0"),
    (lambda: coefficients.random_phase(4, seed=None), TypeError, "seed must be an integer"),
    (lambda: coefficients.random_phase(4, seed=0, count=0), ValueError, "count must be at least 1"),
    (lambda: coefficients.decaying(4, seed=0, exponent=-1.0), ValueError, "exponent must be at least 0"),
    (lambda: coefficients.adversarial(THETA, [0.5, 1.5]), ValueError, r"s must be one offset, got shape \(2,\)"),
    (lambda: coefficients.adversarial(THETA, 0.5, [0.0]), ValueError, "grid and weights belong together"),
    (
        lambda: coefficients.adversarial(THETA, 0.5, [0.0], [0.5, 0.5]),
        ValueError,
        "grid and weights must be.*equally long",
    ),
    (lambda: coefficients.adversarial(THETA, 0.5, [0.0], [NAN]), ValueError, "weights contains 1 NaN"),
    (lambda: coefficients.adversarial(THETA, 0.5, h_max=0.0), ValueError, "h_max must be above 0"),
    # bounds
    (lambda: bounds.triangle(1.0), ValueError, "h must have the pairs on its last axis, got a single number"),
    (lambda: bounds.chord_sharp(THETA, 0.5, h=H, h_max=2.0), ValueError, "h and h_max exclude each other"),
    (lambda: bounds.chord_curvature(THETA, 0.5, h=H, h_max=2.0), ValueError, "h and h_max exclude each other"),
    (
        lambda: bounds.chord_published(THETA, 0.5),
        TypeError,
        "config must be a RopeConfig, got Frequencies.*chord_curvature",
    ),
    (
        lambda: bounds.chord_repaired(THETA, 0.5),
        TypeError,
        "config must be a RopeConfig, got Frequencies.*chord_curvature",
    ),
    (lambda: bounds.abel_published(THETA, 0.5, h_max=-1.0), ValueError, "h_max must be at least 0"),
    (lambda: bounds.sampling(-0.1), ValueError, "theta_max must be at least 0"),
    (lambda: bounds.sampling(1.0, -1.0), ValueError, "step must be above 0"),
    (lambda: bounds.sampling(NAN), ValueError, "theta_max must be finite"),
    (lambda: bounds.sampling(4.0), ValueError, "step·theta_max must be below π.*finer step"),
    (lambda: bounds.attention_shift(-0.1), ValueError, "delta must be 0 or above"),
    (lambda: bounds.attention_shift([0.1, NAN]), ValueError, "delta contains 1 NaN"),
    (lambda: bounds.attention_shift([]), ValueError, "delta is empty"),
    (lambda: bounds.attention_shift("1"), TypeError, "delta must be an array of numbers"),
]


@pytest.mark.parametrize(("call", "error", "words"), CALLS)
def test_calls(call, error, words):
    with pytest.raises(error, match=words):
        call()


@pytest.mark.parametrize("whole", [np.array(FAR), np.array([0, FAR]), np.uint64(2**63), torch.tensor(FAR), [FAR]])
def test_integers_are_checked_before_they_are_rounded(whole):
    assert float(FAR) == 2.0**53  # the float is allowed, the integer it stands for is not
    with pytest.raises(ValueError, match=r"s reaches beyond ±2\*\*53"):
        rt.attention_score(H, THETA, whole)


def test_the_last_allowed_offset_is_allowed():
    for s in (2**53, -(2**53), np.array([2**53]), torch.tensor(2**53)):
        assert np.isfinite(np.asarray(rt.attention_score(H, THETA, s))).all()
