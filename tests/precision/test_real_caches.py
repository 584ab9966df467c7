"""Bounds on phases against caches that transformers computes: they hold, and the old hypothesis does not."""

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rope_theory as rt
from rope_theory.doctor import diagnose
from rope_theory.precision import Storage, first_broken_position, inv_freq_error, phase_error, score_error
from tests.precision.real_caches import BASES, LONGEST, WIDTHS, Exact, cache, embedding, exact, plain, sample

PAIRS = [(base, width) for base in BASES for width in WIDTHS]
ROUNDING = 1e-12
"""Of the truth itself, with room."""


def table(width, base):
    return rt.scaling.Unscaled().frequencies(rt.RopeConfig(width, base, 4096))


def test_the_truth_is_true():
    truth, positions = Exact(80, 5e5), np.array([0, 1, 524289, LONGEST - 1])
    with mpmath.workdps(50):
        theta = [mpmath.mpf(5e5) ** (-mpmath.mpf(2 * j) / 80) for j in range(40)]
        right = np.array([[complex(mpmath.expj(int(m) * t)) for t in theta] for m in positions])
    assert np.abs(truth(positions) - right).max() < 1e-14


@pytest.mark.parametrize(("base", "width"), PAIRS)
def test_the_cache_of_transformers_keeps_both_bounds_and_breaks_that_of_correct_rounding(base, width):
    rotary, frequencies, positions = plain(width, base), table(width, base), sample()
    error = np.abs(cache(rotary, positions) - Exact(width, base)(positions))
    of_buffer = phase_error(frequencies, positions, Storage(), stored=rotary.inv_freq)
    assert (error <= of_buffer.bound + ROUNDING).all()
    np.testing.assert_allclose(of_buffer.measured, error, atol=3e-7)  # cos and sin apart, it is the same cache
    assert (error / of_buffer.bound)[positions > 2**19].max() > 0.6
    computed = phase_error(frequencies, positions, Storage(), frequency_error=inv_freq_error(frequencies))
    assert (error <= computed.bound + ROUNDING).all()
    assert (of_buffer.bound <= computed.bound).all()
    assert error[-500:].max() > 0.2 * computed.largest_bound[-500:].max()  # it is not five times too large
    rounded_correctly = phase_error(frequencies, positions, Storage())
    assert (error > rounded_correctly.bound).any()  # why the hypothesis is needed


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize(("base", "width"), PAIRS)
def test_the_buffers_of_transformers_keep_their_bound(base, width, device):
    truth, bound = Exact(width, base), inv_freq_error(table(width, base), device=device)
    off = np.abs((plain(width, base).inv_freq.double().numpy() - truth.theta) - truth.rest)
    assert (off <= bound).all()
    if device == "cpu":
        assert (off[1:] / bound[1:]).max() > 0.5
        units = np.ldexp(1.0, np.frexp(truth.theta)[1] - 24)
        assert (off / units).max() > 0.6  # correct rounding keeps 0.5


def test_where_transformers_is_first_off_by_a_hundredth():
    rotary, frequencies = plain(128, 1e6), table(128, 1e6)
    positions = np.arange(142000, 142500)
    error = np.abs(cache(rotary, positions) - Exact(128, 1e6)(positions)).max(axis=1)
    assert positions[np.argmax(error > 0.01)] == 142451
    broken = first_broken_position(frequencies, Storage(), 0.01, 142500, stored=rotary.inv_freq)
    assert broken.measured == 142451
    assert 123000 < broken.safe_until <= 142451
    there = phase_error(frequencies, 196334, Storage(), stored=rotary.inv_freq)
    assert there.measured.max() == pytest.approx(0.014283, abs=1e-6)
    # correct rounding would keep the tolerance there, and by its bound for longer than transformers does
    assert phase_error(frequencies, 142451, Storage()).measured.max() < 0.0085


def llama3(low, high):
    return {
        "rope_type": "llama3", "rope_theta": 5e5, "factor": 8.0, "low_freq_factor": low, "high_freq_factor": high,
        "original_max_position_embeddings": 8192,
    }  # fmt: skip


YARN = {"rope_type": "yarn", "rope_theta": 1e6, "factor": 32.0, "original_max_position_embeddings": 4096}
SCALED = {
    "linear": {"rope_type": "linear", "rope_theta": 1e4, "factor": 3.0},
    "dynamic": {"rope_type": "dynamic", "rope_theta": 1e4, "factor": 6.0},
    "yarn": YARN,
    "yarn, ends not rounded": {**YARN, "truncate": False, "beta_fast": 20.0},
    "llama3": llama3(1.0, 4.0),
    "llama3, narrow ramp": llama3(1.0, 1.02),
    "longrope": {
        "rope_type": "longrope", "rope_theta": 1e4, "factor": 16.0, "original_max_position_embeddings": 4096,
        "short_factor": np.linspace(1.0, 1.5, 48).tolist(), "long_factor": np.geomspace(1.0, 60.0, 48).tolist(),
    },
    "proportional": {"rope_type": "proportional", "rope_theta": 1e6, "partial_rotary_factor": 0.25},
}  # fmt: skip


@pytest.mark.parametrize("length", [2048, 131072])
@pytest.mark.parametrize("name", SCALED)
def test_scaled_caches(name, length):
    maximum = 4096 if name in ("dynamic", "linear") else 131072
    rotary, config = embedding(96, SCALED[name], maximum)
    frequencies = rt.from_hf(config).frequencies(length)
    positions = sample(length, 1000)
    found = cache(rotary, positions) / frequencies.attention_factor
    error = np.abs(found - exact(frequencies.theta, positions))
    rounding = 2.01 * 2.0**-24 if frequencies.attention_factor != 1.0 else ROUNDING  # the product with the factor
    of_buffer = phase_error(frequencies, positions, Storage(), stored=rotary.inv_freq)
    assert (error <= of_buffer.bound + rounding).all()
    bound = inv_freq_error(frequencies)
    assert (np.abs(rotary.inv_freq.double().numpy() - frequencies.theta) <= bound).all()
    computed = phase_error(frequencies, positions, Storage(), frequency_error=bound)
    assert (error <= computed.bound + rounding).all()


def test_scores_of_a_real_cache():
    rotary, frequencies = plain(96, 1e6), table(96, 1e6)
    rng = np.random.default_rng(0)
    m, n = rng.integers(0, LONGEST, (2, 400))
    h = rt.coefficients.random_phase(48, seed=0)
    stored = cache(rotary, m) * cache(rotary, n).conj()
    right = Exact(96, 1e6)(m) * Exact(96, 1e6)(n).conj()
    error = np.abs(((stored - right) @ h).real)
    for keys in ({"stored": rotary.inv_freq}, {"frequency_error": inv_freq_error(frequencies)}):
        bound = score_error(h, frequencies, m, n, Storage(), **keys).bound
        assert (error <= bound + 1e-10).all()
        assert error.max() > 0.05 * bound.max()
    one = np.zeros((48, 48), dtype=complex)
    np.fill_diagonal(one, 1.0)
    alone = np.abs((stored - right).real).T
    assert (alone > score_error(one, frequencies, m, n, Storage()).bound).any()  # that of correct rounding


# ---- what the doctor says ----


def raw(width, base, maximum=LONGEST, **keys):
    return {
        "model_type": "llama", "hidden_size": 2 * width, "num_attention_heads": 2, "head_dim": width,
        "max_position_embeddings": maximum, "rope_theta": base, **keys,
    }  # fmt: skip


def doctors_limit(config, length=None):
    return next(row.float32_until for row in diagnose(config, length).reach[0].rows if row.configured)


def first_above(rotary, frequencies, until, tolerance=0.01):
    """Return the first position whose cos and sin are off by more than the tolerance, in absolute terms or relative
    to the attention factor."""
    for start in range(0, until, 1 << 15):
        positions = np.append(np.arange(start, min(start + (1 << 15), until)), until - 1)  # the whole sequence's table
        right = frequencies.attention_factor * exact(frequencies.theta, positions)
        error = np.abs(cache(rotary, positions) - right).max(axis=1) / min(1.0, frequencies.attention_factor)
        if (error > tolerance).any():
            return int(positions[np.argmax(error > tolerance)])
    return None


def test_the_doctor_proves_what_transformers_keeps():
    limit = doctors_limit(raw(128, 1e6))
    assert 142451 / 3 < limit <= 142451  # where transformers is first off by a hundredth, measured above
    (found,) = [finding for finding in diagnose(raw(128, 1e6)).findings if finding.name == "precision"]
    assert f"below position {limit}" in found.happens
    assert "proved for inv_freq computed in float32 on a CPU" in found.happens


@pytest.mark.parametrize("name", ["linear", "yarn", "llama3", "dynamic", "longrope"])
def test_the_limit_of_scaled_tables(name):
    rope = SCALED[name]
    window = 4096
    rotary, config = embedding(96, rope, 4096 if name in ("dynamic", "linear") else 131072)
    length = 131072
    limit = doctors_limit(config.to_dict() | {"model_type": "llama"}, length)
    assert 1 < limit <= length
    assert first_above(rotary, rt.from_hf(config).frequencies(limit), limit) is None
    if limit > window:  # of a longer sequence, too
        frequencies = rt.from_hf(config).frequencies(length)
        positions = np.append(np.arange(limit - 2000, limit), length - 1)
        error = np.abs(cache(rotary, positions) - frequencies.attention_factor * exact(frequencies.theta, positions))
        assert error[:-1].max() <= 0.01


configs = st.tuples(
    st.integers(2, 64).map(lambda pairs: 2 * pairs), st.floats(100.0, 1e8),
    st.sampled_from(["linear", "yarn", "llama3", "dynamic"]), st.floats(1.0, 64.0), st.integers(256, 65536),
    st.none() | st.floats(0.1, 3.0),
)  # fmt: skip


@pytest.mark.slow
@settings(max_examples=400)
@given(configs)
def test_the_limit_of_random_configs(drawn):
    width, base, kind, factor, window, attention = drawn
    rope = {"rope_type": kind, "factor": factor, "original_max_position_embeddings": window}
    rope |= {"low_freq_factor": 1.0, "high_freq_factor": 4.0} if kind == "llama3" else {}
    rope |= {"attention_factor": attention} if kind == "yarn" and attention else {}
    rope = {key: value for key, value in rope.items() if kind in ("yarn", "llama3") or not key.startswith("original")}
    maximum = window if kind in ("linear", "dynamic") else round(factor * window)
    rotary, config = embedding(width, {**rope, "rope_theta": base}, maximum)
    length = 2**18
    limit = min(doctors_limit(raw(width, base, maximum, rope_scaling=rope), length), length)
    assert limit == 0 or first_above(rotary, rt.from_hf(config).frequencies(limit), limit) is None


@pytest.mark.slow
@pytest.mark.parametrize(("base", "width"), PAIRS)
def test_every_position_to_two_to_the_twenty(base, width, capsys):
    rotary, frequencies, truth = plain(width, base), table(width, base), Exact(width, base)
    bound, count, beyond, above_rounding = inv_freq_error(frequencies), 0, 0, 0
    for start in range(0, LONGEST, 1 << 14):
        positions = np.arange(start, start + (1 << 14))
        error = np.abs(cache(rotary, positions) - truth(positions))
        for keys in ({"stored": rotary.inv_freq}, {"frequency_error": bound}):
            found = phase_error(frequencies, positions, Storage(), **keys).bound
            beyond += int((error > found + ROUNDING).sum())
            count += error.size
        above_rounding += int((error > phase_error(frequencies, positions, Storage()).bound).sum())
    with capsys.disabled():
        print(f"\n{base:g}, {width}: {count} errors held against two bounds, {beyond} above; {above_rounding} of "
              f"{count // 2} above the bound of correct rounding")  # fmt: skip
    assert beyond == 0
    assert above_rounding > 0
