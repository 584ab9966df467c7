"""Caches of cos and sin as the installed transformers computes them, and the exact phasors to hold them against."""

import mpmath
import numpy as np
import pytest

from rope_theory._core.arrays import phasors, space_of

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from transformers import LlamaConfig  # noqa: E402
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding  # noqa: E402

BASES, WIDTHS = (1e4, 5e5, 1e6, 1e7), (64, 80, 96, 128)
LONGEST = 2**20


def embedding(head_dim, rope, maximum=LONGEST):
    config = LlamaConfig(
        hidden_size=2 * head_dim, num_attention_heads=2, head_dim=head_dim, max_position_embeddings=maximum,
        rope_parameters=dict(rope),
    )  # fmt: skip
    return LlamaRotaryEmbedding(config), config


def plain(head_dim, base):
    return embedding(head_dim, {"rope_type": "default", "rope_theta": base})[0]


def cache(rotary, positions):
    """Return cos + i sin, (n, P), as the module computes it for activations in float32."""
    cos, sin = rotary(torch.zeros(1), torch.as_tensor(positions, dtype=torch.int64)[None])
    pairs = cos.shape[-1] // 2
    return cos[0, :, :pairs].double().numpy() + 1j * sin[0, :, :pairs].double().numpy()


def exact(theta, positions):
    """Return e^{imθ}, (n, P), for float64 frequencies taken as exact."""
    cos, sin = phasors(theta, np.asarray(positions, dtype=np.float64), space_of())
    return cos + 1j * sin


class Exact:
    """e^{imθ}, right to 1e-14, for θ = c^(−2j/d) as a real number: the rounding of θ to float64 is made good."""

    def __init__(self, head_dim, base):
        with mpmath.workdps(50):
            powers = [mpmath.mpf(base) ** (-mpmath.mpf(2 * j) / head_dim) for j in range(head_dim // 2)]
            self.theta = np.array([float(power) for power in powers])
            self.rest = np.array([float(power - mpmath.mpf(float(power))) for power in powers])

    def __call__(self, positions):
        positions = np.asarray(positions, dtype=np.float64)
        return exact(self.theta, positions) * (1.0 + 1j * positions[:, None] * self.rest)


def sample(longest=LONGEST, count=1500):
    """Positions where roundings differ: the first, around powers of two, the last, and some at random."""
    powers = 2 ** np.arange(longest.bit_length())
    around = (powers[:, None] + np.arange(-2, 3)).ravel()
    chosen = [np.arange(300), around, np.arange(longest - 500, longest)]
    chosen.append(np.random.default_rng(0).integers(0, longest, count))
    positions = np.unique(np.concatenate(chosen))
    return positions[(positions >= 0) & (positions < longest)]
