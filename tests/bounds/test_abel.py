import balls
import grids
import numpy as np
import pytest
import torch
import twins
from hypothesis import given
from hypothesis import strategies as st

import rope_theory as rt
from rope_theory import bounds, testing

CONFIG = rt.RopeConfig(32)
LLAMA = rt.scaling.Unscaled().frequencies(CONFIG)
PAIRS = CONFIG.pairs
LARGEST = PAIRS * (PAIRS + 1) / 2
STEPS = st.sampled_from([1.0, -1.0, 0.5, -0.25, 2.0, 0.1, 1 / 3, 7.3, 0.0])


def check(bound, h, s, theta=LLAMA):
    """Assert that no score at s exceeds bound(h, s)."""
    assert (np.abs(rt.attention_score(h, theta, s)) <= bound(h, s) + 1e-12 * np.abs(h).sum()).all()


def abel(h, s):
    return bounds.abel(h, LLAMA, s)


def published(h, s):
    return bounds.abel_published(LLAMA, s, h_max=float(np.abs(h).max()))


def without_the_last_difference(h, s):
    return np.abs(np.diff(h)).max() * bounds.abel_sum(LLAMA, s)


def reaching(s, theta=LLAMA.theta):
    """Return h with all differences of modulus 1, h_P = 0, whose score at s is B(s): their phases undo the sums'."""
    partial = np.cumsum(np.exp(1j * s * theta))
    differences = np.conj(partial) / np.abs(partial)
    return np.cumsum(differences[::-1])[::-1]


@pytest.mark.parametrize("bound", [abel, published])
@given(h=testing.coefficients(PAIRS, h_min=1e-3), at=testing.offsets(-4096.0))
def test_they_contain_every_score(bound, h, at):
    check(bound, h, at + np.arange(0.0, 20.0, 0.3))


@given(at=testing.offsets())
def test_abel_is_attained_and_nothing_smaller_holds(at):
    h = reaching(at)
    assert rt.attention_score(h, LLAMA, at) == pytest.approx(abel(h, at), rel=1e-9)
    check(abel, h, at)
    with pytest.raises(AssertionError):
        check(lambda h, s: 0.999 * abel(h, s), h, at)


def test_the_papers_relaxation_can_be_halved_and_no_more():
    one_pair, h = LLAMA.theta[:1], np.array([3.0])  # its score reaches H = H·B(0)
    check(lambda h, s: bounds.abel_published(one_pair, s, h_max=1.5), h, 0.0, one_pair)
    with pytest.raises(AssertionError):
        check(lambda h, s: 0.999 * bounds.abel_published(one_pair, s, h_max=1.5), h, 0.0, one_pair)


def test_published_is_two_h_max_times_the_sum():
    s = np.linspace(-5, 5, 7)
    assert bounds.abel_published(LLAMA, s, h_max=2.5) == pytest.approx(5.0 * bounds.abel_sum(LLAMA, s), rel=1e-15)


def test_without_the_last_coefficient_among_the_differences_it_is_false():
    h = np.ones(PAIRS)
    check(abel, h, 0.0)
    with pytest.raises(AssertionError):  # all differences vanish, the score is P
        check(without_the_last_difference, h, 0.0)


def test_hand_values():
    assert bounds.abel_sum(LLAMA, 0.0) == LARGEST
    assert bounds.abel_sum([np.pi / 2, np.pi], 1.0) == pytest.approx(1 + np.sqrt(2), rel=1e-15)
    assert bounds.abel([1.0, 0.25], [0.5, 0.1], 0.0) == 0.75 * 3
    assert bounds.abel([1.0, 1.0], [0.5, 0.1], 0.0) == 1.0 * 3


@given(s=st.lists(testing.offsets(-1e4, 1e4), min_size=1, max_size=40))
def test_irregular_offsets_agree_with_the_slow_twin(s):
    assert bounds.abel_sum(LLAMA, np.array(s)) == pytest.approx(twins.abel_sum(LLAMA.theta, s), abs=1e-11 * LARGEST)


@given(start=testing.offsets(-1e4, 1e4), count=st.integers(1, 1500), step=STEPS)
def test_regular_offsets_agree_with_the_slow_twin(start, count, step):
    s = start + step * np.arange(count)
    assert bounds.abel_sum(LLAMA, s) == pytest.approx(twins.abel_sum(LLAMA.theta, s), abs=2e-11 * LARGEST)


@given(start=st.integers(0, 2**53 - 300), count=st.integers(2, 300), data=st.data())
def test_huge_offsets_agree_with_exact_arithmetic(start, count, data):
    s = start + np.arange(float(count))
    index = data.draw(st.integers(0, count - 1))
    theta = LLAMA.theta[:6]
    assert bounds.abel_sum(theta, s)[index] == pytest.approx(twins.exact_abel_sum(theta, s[index]), rel=1e-13)


def test_offsets_that_only_round_to_a_grid_are_no_grid():
    # 2**52 + (0, 4/3, 8/3, 4) rounds to these: the step 4/3 fits, the offsets do not
    s = 2.0**52 + np.array([0.0, 1.0, 3.0, 4.0])
    assert bounds.abel_sum(LLAMA, s) == pytest.approx([bounds.abel_sum(LLAMA, x) for x in s], rel=1e-13)


def test_steps_that_are_no_floats_stay_right_far_out():
    s = 2.0**20 + 0.1 * np.arange(2000)
    few = [0, 1, 255, 256, 1024, 1999]
    exact = [twins.exact_abel_sum(LLAMA.theta, s[index]) for index in few]
    assert bounds.abel_sum(LLAMA, s)[few] == pytest.approx(exact, abs=1e-9 * LARGEST)


@given(s=st.lists(testing.offsets(), min_size=6, max_size=6))
def test_shapes(s):
    table = np.array(s).reshape(2, 3)
    sums = bounds.abel_sum(LLAMA, table)
    assert sums.shape == (2, 3)
    assert sums[1, 2] == pytest.approx(bounds.abel_sum(LLAMA, table[1, 2]), rel=1e-13)
    h = rt.coefficients.decaying(PAIRS, seed=0, count=4)
    assert bounds.abel(h, LLAMA, table).shape == (4, 2, 3)
    assert bounds.abel(h, LLAMA, table)[3, 1, 2] == pytest.approx(bounds.abel(h[3], LLAMA, table[1, 2]), rel=1e-13)


@given(s=testing.offsets(0.0, 1e6))
def test_the_sum_is_even_in_s_and_largest_at_zero(s):
    here, mirrored = bounds.abel_sum(LLAMA, s), bounds.abel_sum(LLAMA, -s)
    assert here == pytest.approx(mirrored, rel=1e-13)
    assert here <= LARGEST * (1 + 1e-14)


def test_long_grids_take_several_threads_to_the_same_result():
    s = np.arange(200_000.0)
    sums = bounds.abel_sum(LLAMA, s)
    ends = [0, 65_535, 65_536, 131_071, 131_072, 199_999]
    assert sums[ends] == pytest.approx(twins.abel_sum(LLAMA.theta, s[ends]), abs=1e-10 * LARGEST)
    shuffled = np.random.default_rng(0).permutation(200_000)[:20_000]
    assert bounds.abel_sum(LLAMA, s[shuffled]) == pytest.approx(sums[shuffled], abs=1e-12 * LARGEST)


def test_torch_takes_its_own_path_to_the_same_numbers():
    s = np.random.default_rng(0).uniform(-4096, 4096, (3, 5))
    expected = bounds.abel_sum(LLAMA, s)
    reached = bounds.abel_sum(torch.tensor(LLAMA.theta), torch.tensor(s))
    assert isinstance(reached, torch.Tensor)
    assert reached.numpy() == pytest.approx(expected, rel=1e-12)
    h = rt.coefficients.decaying(PAIRS, seed=1, count=2)
    reached = bounds.abel(torch.tensor(h), LLAMA, s)
    assert reached.numpy() == pytest.approx(bounds.abel(h, LLAMA, s), rel=1e-12)
    reached = bounds.abel_published(LLAMA, torch.tensor(s), h_max=2.0)
    assert reached.numpy() == pytest.approx(4.0 * expected, rel=1e-12)


def test_gradients():
    theta = torch.tensor([1.0, 0.3, 0.05], dtype=torch.float64, requires_grad=True)
    s = torch.tensor([0.4, -3.0], dtype=torch.float64, requires_grad=True)
    h = torch.tensor([1 + 1j, 0.5, -0.2j], dtype=torch.complex128, requires_grad=True)
    assert torch.autograd.gradcheck(bounds.abel_sum, (theta, s))
    assert torch.autograd.gradcheck(bounds.abel, (h, theta, s))


@pytest.mark.parametrize("s", [[2.0**53, 4503599627377594.0, 14196.49], [2.0**53, 2.0**52, 0.4]])
def test_ends_on_an_even_grid_do_not_move_what_lies_between(s):
    # 0.1 took both for even: the last offset moved by 0.49 and 0.4 token
    theta = rt.scaling.Unscaled().frequencies(rt.RopeConfig(128)).theta
    exact = [twins.exact_abel_sum(theta, one) for one in s]
    assert bounds.abel_sum(theta, s) == pytest.approx(exact, rel=1e-13)
    h = reaching(s[-1], theta)
    score = abs(twins.exact_score(h, theta, s[-1]))
    assert score <= bounds.abel(h, theta, s)[-1] * (1 + 1e-12)
    assert score == pytest.approx(exact[-1], rel=1e-9)  # 151.8090 and 2069.9283


@given(seed=st.integers(0, 2**32 - 1), kind=st.sampled_from(grids.KINDS))
def test_every_kind_of_grid_keeps_the_documented_error(seed, kind):
    rng = np.random.default_rng(seed)
    s = grids.draw(rng, kind)
    s = s[np.abs(s) <= 2.0**53]
    theta = LLAMA.theta * 10.0 ** rng.integers(-9, 7) if rng.random() < 0.2 else LLAMA.theta
    sums, at = bounds.abel_sum(theta, s), int(rng.integers(len(s)))
    moved = min(4.0 * np.spacing(np.abs(s).max()), 2.0**-33 / max(1.0, theta.max()))
    allowed = moved * ((PAIRS - np.arange(PAIRS)) * theta).sum() + 16 * 2.0**-53 * LARGEST
    with balls.precision(300):
        assert abs(float(balls.abel_sum(theta, s[at]) - balls.flint.arb(float(sums[at])))) <= allowed


def test_which_offsets_take_the_fast_path():
    from rope_theory.bounds._abel import _step

    for start, step in ((0.0, 1.0), (2.0**52, 1.0), (5.0, -0.25), (0.0, 0.1), (1e6, 1 / 3)):
        assert _step(start + step * np.arange(1000)) == pytest.approx(step, rel=1e-9)
    for irregular in ([0.0, 1.0, 3.0], [0.0, 1.0, 2.0 + 1e-9], [1.0], [2.0**53, 2.0**52, 0.4], [0.4, -(2.0**53)]):
        assert _step(np.array(irregular)) is None
