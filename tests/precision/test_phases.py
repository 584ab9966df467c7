"""Phase errors: the bound contains every measured one, is attained where it says so, and is not loose by much."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rope_theory as rt
from rope_theory.precision import FORMATS, STORAGES, Storage, first_broken_position, phase_error
from rope_theory.precision.formats import largest_rounding_error, rounded
from rope_theory.precision.phases import EVALUATION_ULPS, safe_positions

LLAMA = rt.scaling.Unscaled().frequencies(rt.config.LLAMA_3)
names = st.sampled_from(list(FORMATS))
storages = st.builds(Storage, names, names, names, names)


def some_frequencies():
    return st.lists(st.floats(0.0, 1.0) | st.sampled_from([1.0, 0.5, 0.0, 1e-6, 6e-8]), min_size=1, max_size=6)


@given(
    storages, some_frequencies(), st.lists(st.integers(0, 65504) | st.floats(-60000.0, 60000.0), min_size=1, max_size=5)
)
def test_the_bound_contains(storage, theta, positions):
    error = phase_error(theta, positions, storage)
    assert error.bound.shape == error.measured.shape == (len(positions), len(theta))
    assert (error.measured <= error.bound).all()
    assert np.isfinite(error.bound).all()


@given(st.sampled_from([name for name in STORAGES if name != "float16"]), st.integers(0, 2**53))
def test_the_bound_contains_far_away(name, position):
    error = phase_error(LLAMA, position, STORAGES[name])
    assert (error.measured <= error.bound).all()


@pytest.mark.parametrize("part", ["position", "phase"])
@pytest.mark.parametrize("name", ["bfloat16", "float16"])
def test_attained_one_above_the_last_exact_integer(name, part):
    position = 2 ** FORMATS[name].digits + 1  # rounds by 1, the largest error there is
    storage = replace(STORAGES["float64"], **{part: name})
    theta = 0.5 if part == "position" else 1.0
    error = phase_error([theta], position, storage)
    expected = 2 * math.sin(0.5 * theta)
    assert error.measured[0] == pytest.approx(expected, rel=1e-6)
    assert error.measured[0] == pytest.approx(error.bound[0], rel=1e-6)
    assert error.measured[0] > 0.999 * error.bound[0]  # a tighter bound fails


@pytest.mark.parametrize("name", ["bfloat16", "float16", "float32"])
def test_attained_by_a_frequency_half_way_between_two(name):
    theta = 0.25 * (1.0 + FORMATS[name].roundoff)  # a tie, which becomes 0.25
    error = phase_error([theta], 200, replace(STORAGES["float64"], frequency=name))
    assert error.measured[0] == pytest.approx(abs(np.exp(200j * theta) - np.exp(50j)), rel=1e-6)
    assert 0.999 * error.bound[0] < error.measured[0] <= error.bound[0]


@pytest.mark.parametrize("name", [name for name in STORAGES if name != "float16"])
def test_the_bound_is_within_a_small_factor_of_the_worst_seen(name):
    rng = np.random.default_rng(0)
    theta = np.concatenate([LLAMA.theta, rng.uniform(0.0, 1.0, 64)])
    error = phase_error(theta, rng.integers(0, 2**17, 500), STORAGES[name])
    ratio = error.measured / error.bound
    assert 0.45 < ratio.max() <= 1.0
    assert (error.measured > 0.4 * error.bound).any()  # so 0.4 times the bound is none


def test_measured_is_what_a_calculation_by_hand_gives():
    # θ = 0.1 in bfloat16 is 205/2048; 300 in bfloat16 is 300; 300 · 205/2048 = 30.029296875, in bfloat16 30.0
    error = phase_error([0.1], 300, STORAGES["bfloat16"])
    table = rounded([math.cos(30.0), math.sin(30.0)], FORMATS["bfloat16"])
    assert error.measured[0] == pytest.approx(abs(complex(*table) - complex(math.cos(30), math.sin(30))), abs=2e-7)
    error = phase_error([0.1], 301, STORAGES["bfloat16"])  # 301 becomes 300, a tie to even
    table = rounded([math.cos(30.0), math.sin(30.0)], FORMATS["bfloat16"])
    assert error.measured[0] == pytest.approx(abs(complex(*table) - complex(math.cos(30.1), math.sin(30.1))), abs=2e-7)


def test_measured_is_right_in_float64_too():
    mpmath = pytest.importorskip("mpmath")
    theta, position = 0.1, 123456789.0
    with mpmath.workdps(50):
        exact = mpmath.expj(mpmath.mpf(theta) * mpmath.mpf(position))
        stored = mpmath.expj(mpmath.mpf(theta * position))
        expected = float(abs(stored - exact))
    assert phase_error([theta], position, STORAGES["float64"]).measured[0] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    "name", ["float32", "bfloat16 table", "float16 table", "bfloat16 frequencies", "bfloat16 phases"]
)
def test_torch_stays_within_the_bound(name):
    torch = pytest.importorskip("torch")
    storage = STORAGES[name]
    positions = torch.arange(0, 131072, 97)
    theta = torch.tensor(rounded(LLAMA.theta, FORMATS[storage.frequency]), dtype=torch.float64).float()
    phase = (positions[:, None].float() * theta).to(getattr(torch, storage.phase))
    dtype = getattr(torch, storage.table)
    cos, sin = phase.float().cos(), phase.float().sin()
    for kernel, reference in ((cos, np.cos), (sin, np.sin)):
        exact = reference(phase.double().numpy())
        ulp = np.maximum(np.spacing(np.abs(exact).astype(np.float32)), np.finfo(np.float32).tiny)
        assert (np.abs(kernel.double().numpy() - exact) <= EVALUATION_ULPS * ulp).all()  # what the bound assumes
    error = phase_error(LLAMA, positions.numpy(), storage)
    stored = cos.to(dtype).double().numpy() + 1j * sin.to(dtype).double().numpy()
    exact = np.exp(1j * np.remainder(np.longdouble(positions.numpy())[:, None] * LLAMA.theta, 2 * np.pi).astype(float))
    assert (np.abs(stored - exact) <= error.bound + 1e-10).all()
    assert np.median(np.abs(stored - exact) / np.maximum(error.measured, 1e-12)) == pytest.approx(1.0, rel=0.05)


def test_exact_positions_cost_nothing():
    whole = Storage(position="bfloat16")
    np.testing.assert_array_equal(
        phase_error(LLAMA, np.arange(257), whole).bound, phase_error(LLAMA, np.arange(257), Storage()).bound
    )
    assert phase_error(LLAMA, 257, whole).largest_bound > 0.9
    assert phase_error([1.0], 0, STORAGES["bfloat16"]).measured[0] == 0.0


def test_shapes_follow_the_positions():
    error = phase_error([1.0, 0.5], np.ones((2, 3)), Storage())
    assert error.bound.shape == (2, 3, 2)
    assert error.largest_bound.shape == error.largest_measured.shape == (2, 3)
    assert phase_error(LLAMA, 5, Storage()).bound.shape == (64,)


def test_blocks_change_nothing(monkeypatch):
    positions = np.arange(1000)
    whole = phase_error(LLAMA, positions, STORAGES["bfloat16"])
    monkeypatch.setattr("rope_theory.precision.phases.BLOCK_ELEMENTS", 4 * 64 * 7)
    np.testing.assert_array_equal(phase_error(LLAMA, positions, STORAGES["bfloat16"]).measured, whole.measured)
    broken = first_broken_position(LLAMA, STORAGES["bfloat16 frequencies"], 0.1, 1000)
    assert (broken.measured, broken.safe_until) == (56, 31)


@pytest.mark.parametrize("name", ["bfloat16", "bfloat16 frequencies", "float16 table", "bfloat16 positions"])
@pytest.mark.parametrize("tolerance", [0.003, 0.1, 0.9])
def test_first_broken_position_against_a_plain_search(name, tolerance):
    length = 500
    error = phase_error(LLAMA, np.arange(length), STORAGES[name])
    broken = first_broken_position(LLAMA, STORAGES[name], tolerance, length)
    expected = [m for m in range(length) if error.largest_measured[m] > tolerance]
    allowed = [m for m in range(length) if error.largest_bound[m] > tolerance]
    assert broken.measured == (expected[0] if expected else None)
    assert broken.safe_until == (allowed[0] if allowed else length)
    assert broken.measured is None or broken.safe_until <= broken.measured


def test_nothing_breaks_in_float32_within_a_generous_tolerance():
    broken = first_broken_position(LLAMA, STORAGES["float32"], 0.01, 4096)
    assert (broken.measured, broken.safe_until) == (None, 4096)


@given(
    storages, some_frequencies(), st.floats(0.0, 1e-3), st.integers(0, 9), st.lists(st.integers(0, 65504), min_size=1)
)
def test_the_bound_of_a_hypothesis_contains_every_cache_it_admits(storage, theta, error, seed, positions):
    theta = np.array(theta)
    target = FORMATS[storage.frequency]
    rounding = largest_rounding_error(theta, target)
    moved = theta + error * np.random.default_rng(seed).uniform(-1.0, 1.0, theta.size)
    stored = rounded(moved, target)  # off by the error, and by one rounding
    within = error + rounding + largest_rounding_error(error, target)
    alone = phase_error(theta, positions, storage, stored=stored)
    all_of_them = phase_error(theta, positions, storage, frequency_error=within)
    assert (alone.measured <= alone.bound).all()
    assert (alone.bound <= all_of_them.bound * (1 + 1e-12)).all()


def test_stored_frequencies_are_taken_as_they_are():
    theta, stored = [0.25, 0.1], np.array([0.25, 0.125])
    error = phase_error(theta, 7, STORAGES["float64"], stored=stored)
    expected = abs(np.exp(7j * 0.125) - np.exp(7j * 0.1))
    assert error.measured == pytest.approx([0.0, expected], abs=1e-14)
    assert error.bound == pytest.approx([0.0, expected], abs=1e-14)
    torch = pytest.importorskip("torch")
    again = phase_error(theta, 7, STORAGES["float64"], stored=torch.tensor(stored, dtype=torch.float32))
    np.testing.assert_array_equal(again.bound, error.bound)


def test_the_error_of_a_frequency_enters_with_the_position():
    bound = phase_error([0.1], [0, 1000], STORAGES["float64"], frequency_error=[1e-6]).bound[:, 0]
    assert bound == pytest.approx([0.0, 2 * math.sin(0.5e-3)], abs=1e-12)
    broken = first_broken_position([0.1], STORAGES["float64"], 1e-3, 2000, frequency_error=[1e-6])
    assert (broken.measured, broken.safe_until) == (None, 1001)
    assert first_broken_position([0.1], STORAGES["float64"], 1e-3, 2000, stored=[0.1 + 1e-6]).measured == 1001


@given(storages, some_frequencies(), st.floats(0.0, 1e-5), st.integers(1, 600), st.sampled_from([3e-3, 0.01, 0.1, 1.0]))
def test_no_position_below_the_safe_ones_leaves_the_tolerance(storage, theta, error, length, tolerance):
    theta = np.array(theta)
    error = error + largest_rounding_error(theta, FORMATS[storage.frequency])
    found = safe_positions(theta, storage, tolerance, length, error)
    plain = first_broken_position(theta, storage, tolerance, length, frequency_error=error)
    assert found <= plain.safe_until


def test_exact_products_hide_no_position_before_them():
    # every product with 2^17 is exact in float32: bisected, the bound itself would be taken to hold up to there
    error = np.full(64, 2.0**-25)
    found = safe_positions(LLAMA.theta, Storage(), 0.0065, 2**18, error)
    bound = phase_error(LLAMA, [found, 2**16, 2**17], Storage(), frequency_error=error).largest_bound
    assert bound[0] > 0.0065 > bound[1]
    certain = phase_error(LLAMA, [2**17 - 1, 2**17], Storage()).largest_bound
    assert certain[1] < 0.75 * certain[0]


def test_what_does_not_fit_a_format_is_an_error_in_words():
    with pytest.raises(ValueError, match=r"positions reaches 65520, and float16 ends at 65504.*Use a wider format"):
        phase_error([1.0], [1, 65520], Storage(position="float16"))
    assert np.isfinite(phase_error([1.0], 65519, Storage(position="float16")).measured).all()  # rounds to 65504
    with pytest.raises(ValueError, match=r"m·θ reaches 70000, and float16 ends at 65504"):
        phase_error([1.0], 70000, Storage(phase="float16"))
    with pytest.raises(ValueError, match=r"theta reaches 100000, and float16 ends at 65504"):
        phase_error([1e5], 1, Storage(frequency="float16"))
    with pytest.raises(ValueError, match="positions reaches 65535, and float16 ends"):
        first_broken_position([1.0], Storage(position="float16"), 0.1, 65536)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: phase_error([1.0], 1, "float32"), TypeError, "storage must be a Storage, got str"),
        (lambda: phase_error([1.0], [], Storage()), ValueError, "positions is empty"),
        (lambda: phase_error([1.0], [math.nan], Storage()), ValueError, "positions contains 1 NaN"),
        (lambda: phase_error([1.0], 2**53 + 1, Storage()), ValueError, "positions reaches beyond"),
        (lambda: phase_error([math.inf], 1, Storage()), ValueError, "theta contains 1 NaN or infinite"),
        (lambda: phase_error([-1.0], 1, Storage()), ValueError, "theta contains negative"),
        (lambda: phase_error(np.ones(1 << 14), np.ones(1 << 13), Storage()), ValueError, "all one result holds"),
        (lambda: first_broken_position([1.0], None, 0.1, 9), TypeError, "storage must be a Storage, got NoneType"),
        (lambda: first_broken_position([1.0], Storage(), 0.0, 9), ValueError, "tolerance must be above 0"),
        (lambda: first_broken_position([1.0], Storage(), "x", 9), TypeError, "tolerance must be a number"),
        (lambda: first_broken_position([1.0], Storage(), 0.1, 0), ValueError, "length must be at least 1"),
        (lambda: first_broken_position([1.0], Storage(), 0.1, 2**24 + 1), ValueError, r"must be at most 2\*\*24"),
        (
            lambda: phase_error([1.0], 1, Storage(), stored=[1.0], frequency_error=[0.0]), ValueError,
            "stored and frequency_error are both given",
        ),
        (lambda: phase_error([1.0], 1, Storage(), stored=[1.0, 2.0]), ValueError, r"stored must have one number per"),
        (lambda: phase_error([1.0], 1, Storage(), stored=1.0), ValueError, r"stored must have one number per"),
        (lambda: phase_error([1.0], 1, Storage(), stored=[math.nan]), ValueError, "stored contains 1 NaN"),
        (lambda: phase_error([1.0], 1, Storage(), stored="x"), TypeError, "stored must"),
        (lambda: phase_error([0.1], 1, Storage(), stored=[0.1]), ValueError, r"stored\[0\] = 0.1 is not a number"),
        (lambda: phase_error([1.0], 1, Storage(), frequency_error=[-1.0]), ValueError, "must not be negative, got -1"),
        (
            lambda: first_broken_position([1.0, 0.1], Storage(), 0.1, 9, frequency_error=[0.0, 1e-12]), ValueError,
            r"frequency_error\[1\] = 1e-12 rad/token, but no number of float32 lies so close",
        ),
    ],
)  # fmt: skip
def test_wrong_input_is_an_error_in_words(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_a_product_under_autocast_is_bfloat16_throughout():
    torch = pytest.importorskip("torch")
    theta, positions = torch.tensor(LLAMA.theta).float(), torch.arange(2000.0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        phase = (theta[:, None] @ positions[None]).T
    found = phase.double().numpy()
    stored = rounded(np.arange(2000.0), FORMATS["bfloat16"])[:, None] * rounded(LLAMA.theta, FORMATS["bfloat16"])
    np.testing.assert_array_equal(found, rounded(stored, FORMATS["bfloat16"]))  # as STORAGES["bfloat16"] has it
    alone = rounded(np.arange(2000.0)[:, None] * rounded(LLAMA.theta, FORMATS["float32"]), FORMATS["bfloat16"])
    assert (found != alone).mean() > 0.2
