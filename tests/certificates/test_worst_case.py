"""The worst case: the tables it has to give, a slow twin, exact places, sweeps over a cluster, wrong input."""

import dataclasses
import math
from fractions import Fraction

import joblib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twins import full_grid_worst_case
from twins import score as score_by_sum

import rope_theory as rt
from rope_theory import scaling
from rope_theory.certificates import Certificate, quick_bound, worst_case

THETA = scaling.Unscaled().frequencies(rt.RopeConfig(128))
SMALL = scaling.Unscaled().frequencies(rt.RopeConfig(32))

TABLE = {  # docs/theory.md, section 7: V(s)/A for d = 128, c = 1e4, N = 2048
    (0.5, 1): "1.123", (0.5, 10): "1.123", (0.5, 100): "1.123",
    (1024.5, 1): "1.125", (1024.5, 10): "1.125", (1024.5, 100): "1.125",
    (2048.5, 1): "1.610", (2048.5, 10): "1.629", (2048.5, 100): "1.669",
    (2049, 1): "2.18", (2049, 10): "2.23", (2049, 100): "2.32",
    (2056, 1): "5.43", (2056, 10): "6.47", (2056, 100): "7.60",
    (2112, 1): "15.1", (2112, 10): "40.3", (2112, 100): "86.8",
    (3072, 1): "33.8", (3072, 10): "300", (3072, 100): "2828",
    (4096, 1): "34.5", (4096, 10): "307", (4096, 100): "3026",
}  # fmt: skip
SHORT = {  # N = 256
    (128.5, 1): "1.128", (128.5, 10): "1.128", (128.5, 100): "1.128",
    (0.5, 1): "1.144", (0.5, 10): "1.158", (0.5, 100): "1.179", (0.5, 1e6): "1.31",
    (512, 1): "38.8", (512, 10): "348", (512, 100): "3413",
}  # fmt: skip
WEAK = {(0.5, 0.02): "1.010", (0.5, 0.05): "1.025", (0.5, 0.1): "1.049"}


def printed(value, like):
    digits = len(like.partition(".")[2])
    return f"{value:.{digits}f}"


def assert_table(table, grid):
    for ratio in sorted({ratio for _, ratio in table}):
        places = [s for s, r in table if r == ratio]
        for s, found in zip(places, worst_case(THETA, places, grid, h_max=ratio), strict=True):
            expected = table[s, ratio]
            assert printed(found.lower, expected) == printed(found.upper, expected) == expected, (s, ratio)
            if ratio <= 100:
                assert found.gap <= (1e-4 if ratio <= 10 else 5e-4)


def test_every_entry_of_the_long_table():
    assert_table(TABLE, np.arange(2049))


def test_every_entry_of_the_short_table():
    assert_table(SHORT, np.arange(257))


def test_weak_coefficients():
    assert_table(WEAK, np.arange(2049))


def test_changed_frequencies():
    # docs/theory.md, section 7: d = 64, N = 512, factor 4, H/A = 10, without the attention factor
    config = rt.RopeConfig(64, context_length=513)
    theta = scaling.Unscaled().frequencies(config)
    expected = {
        scaling.PositionInterpolation(4): ("1.0", "1.0", "1.0"),
        scaling.NTKAware(4): ("5.41", "48.9", "117"),
        scaling.YaRN(4): ("7.43", "31.2", "43.4"),
    }
    for method, row in expected.items():
        found = worst_case(
            theta, [100, 1000, 2048], np.arange(513), h_max=10.0, target_theta=method.frequencies(config)
        )
        assert [printed(c.upper, e) for c, e in zip(found, row, strict=True)] == list(row), method
        assert [printed(c.lower, e) for c, e in zip(found, row, strict=True)] == list(row), method


@pytest.mark.parametrize(
    ("pairs", "count", "s", "ratio"),
    [(8, 40, 17.5, 1.0), (8, 40, 39.7, 10.0), (8, 40, 60.0, 100.0), (16, 300, 0.5, 0.3), (16, 300, 310.0, 30.0)],
)
def test_slow_twin(pairs, count, s, ratio):
    theta = scaling.Unscaled().frequencies(rt.RopeConfig(2 * pairs))
    grid = np.arange(count)
    found = worst_case(theta, s, grid, h_max=3.0 * ratio, score_max=3.0)
    twin = 3.0 * full_grid_worst_case(theta.theta, s, grid, ratio)
    assert found.lower <= twin * (1 + 1e-6)
    assert found.upper >= twin * (1 - 1e-6)
    assert found.gap < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("s", [1024.5, 2048.5, 2112.0])
def test_slow_twin_at_full_size(s):
    found = worst_case(THETA, s, np.arange(2049), h_max=1.0)  # at larger ratios the raw program gives up
    twin = full_grid_worst_case(THETA.theta, s, np.arange(2049), 1.0)
    assert found.upper == pytest.approx(twin, rel=1e-4)


@settings(deadline=None)
@given(
    pairs=st.integers(1, 8), count=st.integers(1, 60), s=st.floats(-20.0, 90.0), ratio=st.floats(0.01, 1e3),
    step=st.sampled_from([1.0, 0.5, 3.0, 0.3]), seed=st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_bounds_hold_for_random_problems(pairs, count, s, ratio, step, seed):
    rng = np.random.default_rng(seed)
    theta = np.sort(rng.uniform(0.0, 1.5, pairs))[::-1]
    grid = step * np.arange(count)
    found = worst_case(theta, s, grid, h_max=ratio)
    assert found.lower <= found.upper * (1 + 1e-12)
    assert found.gap < 1e-3
    # the witness obeys the constraints and reaches the lower bound
    assert abs(found.witness).max() <= ratio * (1 + 1e-9)
    assert max(abs(score_by_sum(found.witness, theta, n)) for n in grid) <= 1 + 1e-9
    assert score_by_sum(found.witness, theta, s) == pytest.approx(found.lower, rel=1e-8, abs=1e-10)
    # any other feasible h stays below the upper bound
    h = rng.standard_normal((20, pairs)) + 1j * rng.standard_normal((20, pairs))
    scores = np.abs([[score_by_sum(row, theta, n) for n in grid] for row in h]).max(axis=1)
    size = np.maximum(scores, np.abs(h).max(axis=1) / ratio)
    assert all(abs(score_by_sum(row, theta, s)) <= found.upper * z * (1 + 1e-9) for row, z in zip(h, size, strict=True))


def test_tightened_bounds_fail():
    # the checker of the sweep above, against a bound 1e-4 too small: the witness breaks it
    found = worst_case(SMALL, 20.5, np.arange(64), h_max=2.0)
    reached = score_by_sum(found.witness, SMALL.theta, 20.5)
    assert reached <= found.upper
    assert reached > found.upper * (1 - 1e-4)


def test_reflection():
    # h → conj(h)·e^{−iNθ} turns the window around
    grid = np.arange(257)
    for s in (0.25, 3.7, 100.1):
        there, back = worst_case(THETA, s, grid, h_max=10.0), worst_case(THETA, 256 - s, grid, h_max=10.0)
        assert there.upper == pytest.approx(back.upper, rel=2e-5)


@pytest.mark.parametrize(("h_max", "score_max"), [(1.0, 1.0), (100.0, 1.0), (0.001, 1.0), (3.0, 7.0), (0.3, 100.0)])
@pytest.mark.parametrize("s", [0, 17, 63])
def test_exact_at_trained_offsets(s, h_max, score_max):
    found = worst_case(SMALL, s, np.arange(64), h_max=h_max, score_max=score_max)
    assert found.lower == found.upper == min(score_max, h_max * len(SMALL))
    assert found.rounds == 0
    assert found.verify().upper == pytest.approx(found.upper, rel=1e-12)


def test_exact_where_caps_alone_bind():
    found = worst_case(SMALL, 1000.25, np.arange(64), h_max=1.0, score_max=100.0)
    assert found.lower == found.upper == 16.0
    assert not found.weights.any()


@pytest.mark.parametrize(("pairs", "h_max"), [(3, 0.01), (6, 0.02), (24, 0.01)])
def test_caps_alone_are_rounded_outwards(pairs, h_max):
    # 0.1 rounded H·P to the nearest float, half an ulp below it
    theta = scaling.Unscaled().frequencies(rt.RopeConfig(2 * pairs))
    found = worst_case(theta, 5.5, np.arange(4), h_max=h_max)
    exact = Fraction(h_max) * pairs
    assert Fraction(found.lower) <= exact <= Fraction(found.upper)
    assert math.nextafter(found.lower, np.inf) == found.upper
    found.verify()
    with pytest.raises(ValueError, match=r"^upper of the certificate"):
        dataclasses.replace(found, upper=found.lower).verify()


def test_a_fresh_certificate_with_another_score_max_verifies():
    # 0.1 refused this one: lower was A, of which the rounded witness reaches a little less
    theta, s = scaling.Unscaled().frequencies(rt.RopeConfig(64)), 1591.090515401752
    found = worst_case(theta, s, np.append(np.arange(15.0), s), h_max=0.0488, score_max=3.0)
    assert found.status == "exact"
    proved = found.verify()
    assert Fraction(proved.lower) <= Fraction(0.0488) * 32 <= Fraction(proved.upper)


@settings(deadline=None)
@given(
    pairs=st.integers(1, 24), base=st.sampled_from([2.0, 1e4, 5e5]), seed=st.integers(0, 2**32 - 1),
    power=st.floats(-90.0, 90.0), ratio=st.floats(-4.0, 3.0), trained=st.booleans(),
    bits=st.sampled_from([128, 256, 900]),
    method=st.sampled_from([None, "bare", scaling.PositionInterpolation(3), scaling.NTKAware(2), scaling.YaRN(4)]),
)  # fmt: skip
def test_fresh_certificates_verify_before_and_after_a_file(
    pairs, base, seed, power, ratio, trained, bits, method, tmp_path_factory
):
    rng = np.random.default_rng(seed)
    config = rt.RopeConfig(2 * max(pairs, 2), base=base, context_length=64)
    theta = scaling.Unscaled().frequencies(config)
    grid = np.sort(rng.choice(4096, int(rng.integers(1, 30)), replace=False)).astype(float)
    s = float(rng.choice(grid)) if trained else float(rng.uniform(-100, 6000))
    size = 10.0**power
    limits = {"h_max": size * 10.0**ratio, "score_max": size}
    target = None if method in (None, "bare") else method.frequencies(config)
    found = worst_case(theta.theta if method == "bare" else theta, s, grid, **limits, target_theta=target)
    proved = found.verify(bits)
    path = tmp_path_factory.mktemp("certificates") / "one.json"
    found.save(path)
    assert Certificate.load(path).verify(bits).to_dict() == proved.to_dict()
    # V lies between min(A, H·P) and H·P, and is A or less at a trained offset: in exact arithmetic
    triangle = Fraction(limits["h_max"]) * config.pairs
    least = min(Fraction(size), triangle)
    assert Fraction(found.upper) >= least
    assert Fraction(found.lower) <= triangle
    if trained and target is None:
        assert Fraction(found.lower) <= least <= Fraction(found.upper)
        assert math.nextafter(found.upper, -np.inf) < least < math.nextafter(found.lower, np.inf)
    assert found.lower <= quick_bound(found.theta, s, grid, **limits, target_theta=target)


def test_units():
    one = worst_case(SMALL, 70.5, np.arange(64), h_max=2.0)
    seven = worst_case(SMALL, 70.5, np.arange(64), h_max=14.0, score_max=7.0)
    assert seven.upper == pytest.approx(7.0 * one.upper, rel=1e-9)
    assert seven.witness == pytest.approx(7.0 * one.witness, rel=1e-6, abs=1e-6)


def test_interpolation_asks_the_same_curve():
    config = rt.RopeConfig(32)
    table = scaling.PositionInterpolation(4).frequencies(config)
    changed = worst_case(SMALL, 82.0, np.arange(64), h_max=5.0, target_theta=table)
    assert changed.upper == pytest.approx(worst_case(SMALL, 20.5, np.arange(64), h_max=5.0).upper, rel=1e-5)


def test_few_offsets_say_that_the_cap_bounds():
    found = worst_case(SMALL, 3.5, np.arange(8), h_max=2.0)
    assert any("fewer than the 32 real coefficients" in note and "h_max" in note for note in found.notes)
    assert found.upper <= 32.0
    assert not worst_case(SMALL, 3.5, np.arange(64), h_max=2.0).notes


def test_attention_factors_are_told():
    config = rt.RopeConfig(32, context_length=64)
    table = scaling.YaRN(4).frequencies(config)
    found = worst_case(SMALL, 100, np.arange(64), h_max=2.0, target_theta=table)
    assert any("μ²" in note for note in found.notes)


@pytest.fixture(scope="module")
def asked():
    return [64.0 + k / 4 for k in range(20)]


@pytest.fixture(scope="module")
def alone(asked):
    with joblib.parallel_config(backend="sequential"):
        return worst_case(SMALL, asked, np.arange(64), h_max=10.0)


def assert_same(found, expected):
    assert [c.s for c in found] == [c.s for c in expected]
    assert [c.upper for c in found] == pytest.approx([c.upper for c in expected], rel=1e-9)
    assert all(isinstance(c, Certificate) for c in found)


def test_sharing_out_moves_bounds_within_their_gap(asked, alone):
    for s, certificate in zip(asked, alone, strict=True):
        single = worst_case(SMALL, s, np.arange(64), h_max=10.0)
        assert single.lower <= certificate.upper
        assert certificate.lower <= single.upper


@pytest.mark.parametrize("backend", ["threading", "multiprocessing"])
def test_in_parallel_with_other_backends(backend, asked, alone):
    with joblib.parallel_config(backend=backend, n_jobs=2):
        assert_same(worst_case(SMALL, asked[:8], np.arange(64), h_max=10.0), alone[:8])


def test_in_parallel_with_loky(asked, alone):
    with joblib.parallel_config(backend="loky", n_jobs=2):
        assert_same(worst_case(SMALL, asked, np.arange(64), h_max=10.0), alone)


@pytest.mark.filterwarnings("default")  # the cluster's own warnings are not ours to forbid
def test_in_parallel_over_a_dask_cluster(asked, alone):
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        client.wait_for_workers(2)
        with distributed.get_task_stream(client) as stream, joblib.parallel_config(backend="dask"):
            found = worst_case(SMALL, asked, np.arange(64), h_max=10.0)
    assert_same(found, alone)
    assert len({task["worker"] for task in stream.data}) == 2  # both workers had a part of it


def test_a_failing_solver_never_becomes_a_number(monkeypatch):
    from rope_theory.certificates import _cone_program

    def broken(place, basis, target, ratio, index, sign, tolerance):
        return np.full(len(target), np.nan), np.full(len(index), np.inf), "NumericalError"

    monkeypatch.setattr(_cone_program, "_solve", broken)
    found = worst_case(SMALL, 70.5, np.arange(64), h_max=2.0)
    assert found.upper == pytest.approx(2.0 * len(SMALL))  # what w = 0 proves
    assert 0 < found.lower <= found.upper
    assert found.status == "NumericalError"
    assert found.verify().upper >= found.lower
    assert any("apart" in note for note in found.notes)


def test_a_lying_solver_is_not_believed(monkeypatch):
    from rope_theory.certificates import _cone_program

    def liar(place, basis, target, ratio, index, sign, tolerance):
        return 1e3 * target, np.full(len(index), 1e-9), "Solved"

    monkeypatch.setattr(_cone_program, "_solve", liar)
    lying = worst_case(SMALL, 70.5, np.arange(64), h_max=2.0)
    monkeypatch.undo()
    honest = worst_case(SMALL, 70.5, np.arange(64), h_max=2.0)
    assert lying.lower <= honest.upper * (1 + 1e-9)
    assert lying.upper >= honest.lower * (1 - 1e-9)


CALLS = [
    ({"grid": []}, ValueError, "grid is empty"),
    ({"grid": [0.0, np.nan]}, ValueError, "grid contains 1 NaN"),
    ({"grid": [0.0, np.inf]}, ValueError, "grid contains 1 NaN or infinite"),
    ({"grid": [0.0, 1.0, 1.0]}, ValueError, "grid repeats the offset 1; np.unique"),
    ({"grid": [0.0, 2.0, 1.0]}, ValueError, "grid must be in increasing order, got 2 before 1"),
    ({"grid": np.ones((2, 2))}, ValueError, "grid must be one-dimensional"),
    ({"grid": "window"}, TypeError, "grid must be an array of numbers"),
    ({"grid": [2.0**54]}, ValueError, r"grid reaches beyond ±2\*\*53"),
    ({"h_max": 0.0}, ValueError, "h_max must be above 0, got 0.*no limit"),
    ({"h_max": -1.0}, ValueError, "h_max must be above 0"),
    ({"h_max": np.nan}, ValueError, "h_max must be finite"),
    ({"h_max": None}, TypeError, "h_max must be a number"),
    ({"h_max": 1e20}, ValueError, "h_max/score_max must be between 1e-12 and 1e12"),
    ({"score_max": 0.0}, ValueError, "score_max must be above 0"),
    ({"score_max": np.inf}, ValueError, "score_max must be finite"),
    ({"target_theta": np.ones(3)}, ValueError, "target_theta must have as many frequencies as theta, 16, got 3"),
    ({"target_theta": rt.RopeConfig(32)}, TypeError, "^target_theta must be an array or a Frequencies"),
    ({"s": np.nan}, ValueError, "s contains 1 NaN"),
    ({"s": []}, ValueError, "s is empty"),
    ({"s": [[1.0]]}, ValueError, "s must be one offset or a sequence"),
    ({"s": "0"}, TypeError, "s must be an array of numbers"),
    ({"theta": []}, ValueError, "theta is empty"),
    ({"theta": [np.nan]}, ValueError, "theta contains 1 NaN"),
]


@pytest.mark.parametrize(("change", "error", "words"), CALLS)
def test_wrong_input(change, error, words):
    given_ = {"theta": SMALL, "s": 1.5, "grid": np.arange(10), "h_max": 1.0, **change}
    with pytest.raises(error, match=words):
        worst_case(given_.pop("theta"), given_.pop("s"), given_.pop("grid"), **given_)


@pytest.mark.parametrize("target", [None, rt.scaling.PositionInterpolation(2.0)])
def test_a_witness_that_only_the_cap_makes_infeasible_does_not_refuse_what_is_known(target):
    """For H/A of 1e10 the stored witness leaves the cap by rounding; V ≥ min(A, H·P) needs none."""
    config = rt.RopeConfig(head_dim=32, base=1e4, context_length=64)
    theta = rt.scaling.Unscaled().frequencies(config)
    asked = None if target is None else target.frequencies(config)
    for s in (1e-9, 16.0, 70.5):
        certificate = rt.certificates.worst_case(theta, s, np.arange(64), h_max=7e9, score_max=0.7, target_theta=asked)
        found = certificate.verify()
        assert found.lower >= 0.7 * (1 - 1e-15)
