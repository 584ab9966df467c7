"""Kernels short enough for a calculator: what they prove, that shorter ones do not, and how they read."""

import dataclasses
import re
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twins import score as score_by_sum

import rope_theory as rt
from rope_theory import scaling
from rope_theory.certificates import shortest_kernel, worst_case
from rope_theory.certificates.kernel import _leakage, _least_leakage

THETA = scaling.Unscaled().frequencies(rt.RopeConfig(128))
TAPS = {1e-2: 22, 1e-3: 46, 1e-6: 64}


@pytest.fixture(scope="module", params=sorted(TAPS))
def kernel(request):
    return shortest_kernel(THETA, leakage=request.param)


def test_proved_in_ball_arithmetic(kernel):
    proof = kernel.verify()
    limit = next(limit for limit, taps in TAPS.items() if taps == kernel.taps)
    assert proof.leakage.upper <= limit
    assert proof.gain.upper <= np.nextafter(1.14, 2.0)
    assert kernel.leakage == pytest.approx(proof.leakage.upper, rel=1e-6)
    assert proof.leakage.frequencies == "real"
    assert proof.leakage.upper - proof.leakage.lower < 1e-12 * proof.leakage.upper


@pytest.mark.parametrize("limit", [1e-2, 1e-3])  # below, decimals and the solver's tolerance decide as well
def test_shorter_ones_do_not_reach_it(limit):
    for half in range(1, TAPS[limit] // 2):  # the least leakage under the gain, before any rounding, by a solver
        assert _leakage(THETA.theta, _least_leakage(THETA.theta, half, 1.14)) > limit


def test_changed_kernels_are_refused():
    kernel = KERNELS[1e-2]
    with pytest.raises(ValueError, match="weights of the kernel have more than the 1 decimals"):
        dataclasses.replace(kernel, digits=1).verify()
    with pytest.raises(ValueError, match="gain of the kernel"):
        dataclasses.replace(kernel, gain=1.0).verify()
    with pytest.raises(ValueError, match="leakage of the kernel"):
        dataclasses.replace(kernel, leakage=0.0).verify()


@given(seed=st.integers(0, 2**32 - 1), k=st.integers(40, 5000))
def test_holds_for_random_scores(seed, k):
    rng = np.random.default_rng(seed)
    h = rng.standard_normal(64) * np.exp(2j * np.pi * rng.random(64))
    for limit in TAPS:
        kernel = KERNELS[limit]
        half = len(kernel.weights)
        trained = [abs(score_by_sum(h, THETA.theta, n)) for n in range(k + 1 - half, k + half + 1)]
        middle = abs(score_by_sum(h, THETA.theta, k + 0.5))
        assert middle <= kernel.gain * max(trained) + kernel.leakage * abs(h).max() + 1e-9


KERNELS = {limit: shortest_kernel(THETA, leakage=limit) for limit in TAPS}


def test_not_below_the_worst_case():
    # what a kernel proves is one choice of weights, so never less than the best choice on a long window
    best = worst_case(THETA, 1024.5, np.arange(2049), h_max=1.0).lower
    for kernel in KERNELS.values():
        assert kernel.gain + kernel.leakage >= best


def test_tightened_leakage_fails():
    kernel = KERNELS[1e-2]
    rho = 1 - 2 * np.cos(np.outer(THETA.theta, kernel.distances)) @ kernel.weights
    h = np.sign(rho) * np.exp(-1j * (100.5) * THETA.theta)  # turns every residual the same way
    trained = sum(
        w * (score_by_sum(h, THETA.theta, 101 - m) + score_by_sum(h, THETA.theta, 100 + m))
        for m, w in enumerate(kernel.weights, 1)
    )
    assert score_by_sum(h, THETA.theta, 100.5) - trained == pytest.approx(kernel.leakage, rel=1e-9)


def test_text_says_what_is_proved(kernel):
    text = kernel.to_text()
    terms = re.findall(r"([−+]?)(\d\.\d+)·\[a\(k(?: − (\d+))?\) \+ a\(k \+ (\d+)\)\]", text)
    assert len(terms) == kernel.nonzero // 2
    printed = {int(right): Decimal(size) * (-1 if sign == "−" else 1) for sign, size, _, right in terms}
    for m, weight in enumerate(kernel.weights, 1):
        assert float(printed.get(m, 0)) == pytest.approx(weight, abs=1e-15)
    assert all(int(right) - 1 == int(left or 0) for _, _, left, right in terms)
    assert 2 * sum(abs(value) for value in printed.values()) <= Decimal("1.14")


def test_bare_frequencies_are_taken_as_exact():
    assert shortest_kernel(THETA.theta, leakage=0.05).verify().gain.frequencies == "float64"


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"gain": 0.9}, ValueError, "gain must be at least 1, got 0.9"),
        ({"gain": np.nan}, ValueError, "gain must be finite"),
        ({"leakage": 0.0}, ValueError, "leakage must be above 0"),
        ({"leakage": "1"}, TypeError, "leakage must be a number"),
        ({"most_taps": 1}, ValueError, "most_taps must be at least 2"),
        ({"leakage": 1e-4, "most_taps": 10}, ValueError, r"No symmetric kernel of 10 taps.*larger gain"),
        ({"theta": [1j]}, TypeError, "theta must be real"),
    ],
)
def test_wrong_input(change, error, words):
    given_ = {"theta": THETA, **change}
    with pytest.raises(error, match=words):
        shortest_kernel(given_.pop("theta"), **given_)
