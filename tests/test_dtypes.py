"""Offsets and coefficients of every numeric dtype give the same score."""

import numpy as np
import pytest
import torch

import rope_theory as rt
from rope_theory import bounds

THETA = rt.scaling.Unscaled().frequencies(rt.RopeConfig(16))
H = rt.coefficients.random_phase(8, seed=3)
EXPECTED = rt.attention_score(H, THETA, [0.0, 1.0, 2.0])
NUMPY = ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float16", "float32", "longdouble"]
TORCH = [torch.int8, torch.uint8, torch.int16, torch.int32, torch.int64, torch.float16, torch.bfloat16, torch.float32]


@pytest.mark.parametrize("dtype", NUMPY)
def test_numpy_offsets(dtype):
    s = np.arange(3).astype(dtype)
    assert rt.attention_score(H, THETA, s) == pytest.approx(EXPECTED, abs=1e-14)
    assert bounds.abel_sum(THETA, s) == pytest.approx(bounds.abel_sum(THETA, [0.0, 1.0, 2.0]), rel=1e-12)


@pytest.mark.parametrize("dtype", TORCH, ids=str)
def test_torch_offsets(dtype):
    s = torch.arange(3).to(dtype)
    assert rt.attention_score(H, THETA, s).numpy() == pytest.approx(EXPECTED, abs=1e-14)
    assert bounds.chord_sharp(THETA, s + 0.5).shape == (3,)


@pytest.mark.parametrize(
    "far", [np.int64(2**53 + 1), np.array([2**53 + 1]), torch.tensor([2**53 + 1]), np.uint64(2**60)]
)
def test_integers_that_float64_would_round_are_refused(far):
    with pytest.raises(ValueError, match=r"beyond ±2\*\*53"):
        rt.attention_score(H, THETA, far)


@pytest.mark.parametrize(
    "name", ["chord_sharp", "chord_curvature", "chord_repaired", "chord_published", "abel_published"]
)
def test_gradients_pass_through_h_max(name):
    first = THETA.config if name in ("chord_repaired", "chord_published") else THETA
    size = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    bound = getattr(bounds, name)
    value = bound(first, 3.25, h_max=size)
    value.backward()
    assert float(size.grad) == pytest.approx(float(bound(first, 3.25)), rel=1e-12)  # linear in h_max
    with pytest.raises(ValueError, match="h_max must be one number"):
        bound(first, 3.25, h_max=torch.ones(2))


def test_a_far_grid_that_is_not_exact_is_not_taken_for_even():
    theta = rt.scaling.Unscaled().frequencies(rt.RopeConfig(128))
    s = 0.3 + 1e12 * np.arange(5)
    assert bounds.abel_sum(theta, s) == pytest.approx([float(bounds.abel_sum(theta, x)) for x in s], rel=1e-12)


def test_copies_of_frequencies_stay_read_only():
    import copy
    import pickle

    for table in (copy.deepcopy(THETA), pickle.loads(pickle.dumps(THETA))):
        assert table == THETA
        with pytest.raises(ValueError, match="read-only"):
            table.theta[0] = 2.0


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: rt.score_curve(H, THETA, 0, 5, 1e-19), "step .* must be at least"),
        (lambda: rt.score_curve(H, THETA, 2**52, 2**52 + 3, 1e-3), "step .* must be at least"),
        (lambda: rt.attention_score(H, [1e7] * 8, 1.0), "theta reaches beyond"),
        (lambda: bounds.triangle([1e300]), "h reaches beyond"),
        (lambda: rt.score_coefficients([1e200, 1], [1, 1], pairing="half"), "q reaches beyond"),
        (lambda: rt.scaling.NTKAware(1e200), "factor must be within"),
        (lambda: rt.scaling.DynamicNTK(2).frequencies(rt.RopeConfig(8), 10**400), "length must be at most"),
        (lambda: rt.RopeConfig(1 << 21), "head_dim must be at most"),
    ],
)
def test_what_would_overflow_or_hang_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: bounds.triangle(np.ma.masked_array([1.0, 2.0], mask=[0, 1])), TypeError, "masked array"),
        (lambda: bounds.triangle(torch.ones(3).to_sparse()), TypeError, "sparse or meta"),
        (lambda: bounds.triangle(torch.ones(3, device="meta")), TypeError, "sparse or meta"),
        (lambda: rt.attention_score([torch.ones(8, requires_grad=True)], THETA, 1.0), TypeError, "torch.stack"),
        (lambda: rt.score_curve(torch.ones(8), THETA, 0, 2**45), MemoryError, "scores need"),
        (lambda: rt.score_curve(H, THETA, 0, 2**45), MemoryError, "scores need"),
        (lambda: rt.scaling.YaRN(2, attention_factor=1e60), ValueError, "attention_factor must be at most"),
        (lambda: bounds.chord_sharp(THETA, 0.5, h=H, h_max=np.ones(2)), ValueError, "exclude each other"),
    ],
)
def test_odd_input_is_refused_in_words(call, error, words):
    with pytest.raises(error, match=words):
        call()
