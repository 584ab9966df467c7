"""Twenty million phase errors, by every hypothesis on the stored frequencies, and none above its bound."""

import itertools

import numpy as np
import pytest

import rope_theory as rt
from rope_theory.precision import FORMATS, Storage, inv_freq_error, phase_error
from rope_theory.precision.formats import largest_rounding_error, rounded

torch = pytest.importorskip("torch")

WANTED, PAIRS, POSITIONS = 20_000_000, 64, 1500


def frequencies(rng):
    """Return the exact frequencies of a random model."""
    config = rt.RopeConfig(2 * PAIRS, float(10.0 ** rng.uniform(2.0, 8.0)), 4096)
    return rt.scaling.PositionInterpolation(float(rng.choice([1.0, rng.uniform(1.0, 64.0)]))).frequencies(config)


def some_positions(rng, storage):
    longest = 60000 if "float16" in storage.to_dict().values() else int(2 ** rng.uniform(8, 30))
    return np.unique(np.concatenate([rng.integers(0, longest, POSITIONS), 2 ** np.arange(longest.bit_length())]))


def admitted(rng, theta, error, target):
    """Return numbers of a format within an error of theta, close to the ends as well."""
    moved = rounded(theta + error * rng.choice([-1.0, 1.0, 0.0], PAIRS) * rng.uniform(0.9, 1.0, PAIRS), target)
    return np.where(np.abs(moved - theta) <= error, moved, rounded(theta, target))


def computed_by_torch(stored, positions):
    phases = torch.tensor(positions)[:, None].float() * torch.tensor(stored, dtype=torch.float32)
    return phases.cos().double().numpy() + 1j * phases.sin().double().numpy()


@pytest.mark.slow
def test_no_phase_error_above_its_bound(capsys):
    rng = np.random.default_rng(0)
    counts, beyond = dict.fromkeys(("correct rounding", "stored", "within an error", "torch"), 0), 0
    for names in itertools.cycle(itertools.product(FORMATS, repeat=4)):
        storage = Storage() if rng.random() < 0.3 else Storage(*names)
        table, positions = frequencies(rng), some_positions(rng, storage)
        target = FORMATS[storage.frequency]
        error = inv_freq_error(table, device=str(rng.choice(["cpu", "cuda"])))
        error = error + largest_rounding_error(table.theta + error, target)
        stored = admitted(rng, table.theta, error, target)
        plain = phase_error(table, positions, storage)
        alone = phase_error(table, positions, storage, stored=stored)
        bound = phase_error(table, positions, storage, frequency_error=error).bound
        held = {"correct rounding": (plain.measured, plain.bound), "stored": (alone.measured, alone.bound),
                "within an error": (np.maximum(alone.measured, plain.measured), bound)}  # fmt: skip
        if storage == Storage():
            cos_sin = computed_by_torch(stored, positions)
            right = phase_error(table, positions, storage, stored=stored)
            exact = np.exp(1j * np.remainder(np.longdouble(positions)[:, None] * table.theta, 2 * np.pi).astype(float))
            held["torch"] = (np.abs(cos_sin - exact) - 1e-9, np.minimum(right.bound, bound))
        for name, (measured, limit) in held.items():
            beyond += int((measured > limit).sum())
            counts[name] += measured.size
        if sum(counts.values()) >= WANTED:
            break
    with capsys.disabled():
        print(f"\n{sum(counts.values())} phase errors ({counts}): {beyond} above their bound")
    assert beyond == 0
