import balls
import numpy as np
import pytest
import torch
import twins
from hypothesis import given
from hypothesis import strategies as st

import rope_theory as rt
from rope_theory import testing

CONFIG = rt.RopeConfig(64)
LLAMA = rt.scaling.Unscaled().frequencies(CONFIG)
POSITIONS = st.integers(0, 4096)
STEPS = st.sampled_from([1.0, 0.5, 0.0625, 0.1, 1 / 3, 0.7, 7.3, 64.0])


@pytest.mark.parametrize("pairing", ["half", "interleaved"])
@given(seed=st.integers(0, 2**32 - 1), m=POSITIONS, n=POSITIONS)
def test_the_score_is_rotate_then_dot(pairing, seed, m, n):
    rng = np.random.default_rng(seed)
    q, k = rng.standard_normal((2, 64))
    h = rt.score_coefficients(q, k, pairing=pairing)
    expected = twins.rotate_then_dot(q, k, LLAMA.theta, m, n, pairing)
    assert rt.attention_score(h, LLAMA, m - n) == pytest.approx(expected, abs=1e-12 * np.abs(h).sum())


def test_hand_values():
    h, theta = [1.0, 1j], [np.pi / 2, np.pi / 6]
    # cos(sπ/2) − sin(sπ/6) at 0, 1, 2, −1
    assert rt.attention_score(h, theta, [0, 1, 2, -1]) == pytest.approx(
        [1.0, -0.5, -1 - np.sqrt(3) / 2, 0.5], abs=1e-15
    )
    assert isinstance(rt.attention_score(h, theta, 0), float)


@given(h=testing.coefficients(8), s=testing.offsets(-(2.0**53), 2.0**53))
def test_the_score_is_right_at_any_offset(h, s):
    theta = rt.scaling.Unscaled().frequencies(rt.RopeConfig(16)).theta
    exact = twins.exact_score(h, theta, s)
    assert rt.attention_score(h, theta, s) == pytest.approx(exact, abs=4e-15 * np.abs(h).sum())


@pytest.mark.parametrize("s", [2.0**53, 2.0**53 - 1, -(3.0**33), 1e15 + 0.5, 123456789.123456789])
def test_the_score_is_right_at_huge_offsets(s):
    h = rt.coefficients.random_phase(32, seed=0)
    exact = twins.exact_score(h, LLAMA.theta, s)
    assert rt.attention_score(h, LLAMA, s) == pytest.approx(exact, abs=1e-13)
    reached = rt.attention_score(torch.tensor(h), torch.tensor(LLAMA.theta), torch.tensor(s, dtype=torch.float64))
    assert float(reached) == pytest.approx(exact, abs=1e-13)


@given(h=testing.coefficients(32), s=testing.offsets())
def test_negative_offsets_belong_to_conjugate_coefficients(h, s):
    assert rt.attention_score(h, LLAMA, -s) == pytest.approx(
        rt.attention_score(h.conj(), LLAMA, s), abs=1e-14 * np.abs(h).sum()
    )


@given(h=testing.coefficients(4, batch=(2, 3)), s=st.lists(testing.offsets(), min_size=4, max_size=4))
def test_shapes(h, s):
    theta = LLAMA.theta[:4]
    scores = rt.attention_score(h, theta, np.array(s).reshape(2, 2))
    assert scores.shape == (2, 3, 2, 2)
    for index in np.ndindex(2, 3):
        for place in np.ndindex(2, 2):
            expected = twins.score(h[index], theta, np.array(s).reshape(2, 2)[place])
            assert scores[(*index, *place)] == pytest.approx(expected, abs=1e-12 * max(1.0, np.abs(h).sum()))


def test_tables_longer_than_a_block_are_joined_seamlessly():
    h = rt.coefficients.random_phase(32, seed=1, count=2)
    s = np.random.default_rng(0).uniform(0, 1e6, 40_000)  # 2·32·40 000 columns: three blocks
    scores = rt.attention_score(h, LLAMA, s)
    some = [0, 16_383, 16_384, 16_385, 32_768, 39_999]
    assert scores[:, some] == pytest.approx(rt.attention_score(h, LLAMA, s[some]), abs=1e-13)


@given(
    h=testing.coefficients(8, batch=(2,)),
    start=testing.offsets(-1e4, 1e4),
    length=st.floats(0.0, 1.0),
    count=st.integers(1, 9000),
    step=STEPS,
)
def test_the_curve_is_the_score_on_the_grid(h, start, length, count, step):
    stop = start + step * (count - 1 + max(length, 1e-3))
    theta = rt.scaling.Unscaled().frequencies(rt.RopeConfig(16))
    grid = twins.grid(start, stop, step)
    curve = rt.score_curve(h, theta, start, stop, step)
    assert curve.shape == (2, len(grid))
    error = np.abs(curve - rt.attention_score(h, theta, grid)).max()
    rounding = 3 * np.spacing(np.abs(grid).max())  # of offsets, in the grid and in the anchors; rad, as θ ≤ 1
    assert error <= (rounding + 1e-14) * np.abs(h).sum()


@pytest.mark.parametrize(("start", "step"), [(0.0, 1.0), (0.3, 1.0), (0.0, 0.1)])
def test_a_long_curve_stays_right(start, step):
    h = rt.coefficients.random_phase(32, seed=2)
    count = 2**20
    curve = rt.score_curve(h, LLAMA, start, start + step * (count - 0.5), step)
    assert curve.shape == (count,)
    some = np.unique(np.concatenate([[0, count - 1], np.random.default_rng(1).integers(0, count, 5000)]))
    error = np.abs(curve[some] - rt.attention_score(h, LLAMA, start + step * some)).max()
    assert error <= 1e-9 * 32


def test_integer_curves_are_right_to_a_few_ulps():
    h = rt.coefficients.random_phase(32, seed=2)
    s = np.arange(2**52, 2**52 + 5000)
    curve = rt.score_curve(h, LLAMA, 2.0**52, 2.0**52 + 5000)
    assert np.abs(curve - rt.attention_score(h, LLAMA, s)).max() <= 1e-14 * 32


def test_a_curve_has_the_batch_of_its_coefficients():
    h = rt.coefficients.random_phase(32, seed=3, count=6).reshape(2, 3, 32)
    curve = rt.score_curve(h, LLAMA, -5, 6)
    assert curve.shape == (2, 3, 11)
    assert curve[1, 2] == pytest.approx(rt.attention_score(h[1, 2], LLAMA, np.arange(-5, 6)), abs=1e-12)


def test_many_rows_take_several_chunks_of_anchors(monkeypatch):
    h = rt.coefficients.random_phase(32, seed=4, count=3)
    whole = rt.score_curve(h, LLAMA, 0, 10_001)
    monkeypatch.setattr(rt.scores, "ANCHOR_ELEMENTS", 2 * 32 * 3 * 5)
    out = np.empty((3, 10_001))
    assert rt.score_curve(h, LLAMA, 0, 10_001, out=out) is out
    assert out == pytest.approx(whole, abs=1e-12)
    assert rt.score_curve(torch.tensor(h), LLAMA, 0, 10_001).numpy() == pytest.approx(whole, abs=1e-12)


@pytest.mark.parametrize(
    ("start", "stop", "step", "expected"),
    [
        (0, 3, 1.0, [0, 1, 2]),
        (0, 3.5, 1.0, [0, 1, 2, 3]),
        (0, 1, 0.1, [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]),
        (-1, 1, 0.75, [-1, -0.25, 0.5]),
        (5, 5.5, 10.0, [5]),
    ],
)
def test_the_grid_ends_before_stop(start, stop, step, expected):
    curve = rt.score_curve([1.0], [0.2], start, stop, step)
    assert curve == pytest.approx(np.cos(0.2 * np.array(expected)), abs=1e-14)


def test_out_is_written_to_and_returned():
    h = rt.coefficients.random_phase(32, seed=5)
    out = np.full(100, np.nan)
    assert rt.score_curve(h, LLAMA, 0, 100, out=out) is out
    assert out == pytest.approx(rt.attention_score(h, LLAMA, np.arange(100)), abs=1e-12)
    tensor = torch.empty(100, dtype=torch.float64)
    assert rt.score_curve(torch.tensor(h), LLAMA, 0, 100, out=tensor) is tensor
    assert tensor.numpy() == pytest.approx(out, abs=1e-12)  # the last bit turns on where memory is aligned


@pytest.mark.parametrize(
    ("out", "error", "words"),
    [
        (np.empty(9), ValueError, r"out must be a float64 array of shape \(10,\)"),
        (np.empty(10, dtype=np.float32), ValueError, "float64.*got float32"),
        (np.empty(20)[::2], ValueError, "out must be C-contiguous"),
        (np.broadcast_to(np.zeros(1), (10,)), ValueError, "out is read-only"),
        ([0.0] * 10, TypeError, "out must be a numpy array like h"),
    ],
)
def test_memory_that_cannot_be_written_to(out, error, words):
    with pytest.raises(error, match=words):
        rt.score_curve([1.0], [0.5], 0, 10, out=out)


def test_columns_of_a_matrix_are_no_place_to_write_to():
    with pytest.raises(ValueError, match="C-contiguous"):
        rt.score_curve(np.ones((2, 1)), [0.5], 0, 10, out=np.empty((10, 2)).T)
    with pytest.raises(ValueError, match="C-contiguous"):
        rt.score_curve(torch.ones(2, 1), [0.5], 0, 10, out=torch.empty(10, 2, dtype=torch.float64).T)
    with pytest.raises(TypeError, match="out must be a torch tensor like h"):
        rt.score_curve(torch.ones(2, 1), [0.5], 0, 10, out=np.empty((2, 10)))


def test_torch_answers_in_kind():
    h = rt.coefficients.random_phase(32, seed=6, count=3)
    s = np.random.default_rng(0).uniform(-4096, 4096, (2, 5))
    expected = rt.attention_score(h, LLAMA, s)
    for arguments in ((torch.tensor(h), LLAMA, s), (h, torch.tensor(LLAMA.theta), s), (h, LLAMA, torch.tensor(s))):
        reached = rt.attention_score(*arguments)
        assert isinstance(reached, torch.Tensor)
        assert reached.dtype == torch.float64
        assert reached.numpy() == pytest.approx(expected, abs=1e-12)
    assert rt.attention_score(torch.tensor(h[0]), LLAMA, 3.0).shape == ()
    assert rt.score_curve(torch.tensor(h), LLAMA, -3, 40, 0.3).numpy() == pytest.approx(
        rt.score_curve(h, LLAMA, -3, 40, 0.3), abs=1e-12
    )


def test_a_kept_dtype_is_the_coefficients():
    h, s = torch.ones(32, dtype=torch.complex64), torch.tensor([2.0**40 + 1], dtype=torch.float64)
    narrow = rt.attention_score(h, LLAMA, s, keep_dtype=True)
    assert narrow.dtype == torch.float32
    assert narrow.numpy() == pytest.approx(rt.attention_score(h.numpy(), LLAMA, s.numpy()), abs=1e-5)
    assert rt.attention_score(h, LLAMA, s).dtype == torch.float64
    assert rt.attention_score(np.ones(32), LLAMA, torch.tensor([1]), keep_dtype=True).dtype == torch.float64


def test_gradients():
    rng = np.random.default_rng(0)
    h = torch.tensor(rng.standard_normal((2, 3)) + 1j * rng.standard_normal((2, 3)), requires_grad=True)
    theta = torch.tensor([1.0, 0.3, 0.01], dtype=torch.float64, requires_grad=True)
    s = torch.tensor([0.5, -7.25, 40.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(rt.attention_score, (h, theta, s))
    assert torch.autograd.gradcheck(lambda h, theta: rt.score_curve(h, theta, -2, 9, 0.7), (h, theta))


def test_score_curve_keeps_float32_on_request():
    h = torch.tensor(rt.coefficients.random_phase(16, seed=1), dtype=torch.complex64)
    theta = rt.scaling.Unscaled().frequencies(rt.RopeConfig(32))
    curve = rt.score_curve(h, theta, 5.0, 900.5, 0.5, keep_dtype=True)
    assert curve.dtype == torch.float32
    assert torch.allclose(curve.double(), rt.score_curve(h, theta, 5.0, 900.5, 0.5), atol=1e-4)
    out = torch.empty_like(curve)
    assert rt.score_curve(h, theta, 5.0, 900.5, 0.5, out=out, keep_dtype=True) is out
    with pytest.raises(ValueError, match=r"out must be a torch.float64 tensor"):
        rt.score_curve(h, theta, 5.0, 900.5, 0.5, out=out)


@given(
    step=st.sampled_from([0.1, 1 / 3, 7.3, 1.0, 1e-7]), before=st.integers(0, 3000), after=st.integers(1, 3000),
    shift=st.sampled_from([0.0, 1e-17, 0.05, 1e6]), seed=st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_curves_are_taken_at_the_real_numbers(step, before, after, shift, seed):
    # from −10⁴ to 10⁴ the rounding of start + step·k is that of 10⁴, also next to 0
    rng = np.random.default_rng(seed)
    theta, h = LLAMA.theta, rng.standard_normal(len(LLAMA.theta)) + 0j
    start = shift - step * before
    curve = rt.score_curve(h, theta, start, start + step * (before + after), step)
    for k in {0, min(before, len(curve) - 1), len(curve) - 1, int(rng.integers(len(curve)))}:
        with balls.precision(300):
            place = balls.flint.arb(start) + balls.flint.arb(step) * k
            assert balls.units_off(curve[k], balls.score(h, theta, place), np.abs(h).sum()) <= 8
