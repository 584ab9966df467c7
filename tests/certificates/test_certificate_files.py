"""Whatever a certificate file holds, the answer is a true statement or a sentence, within two seconds."""

import dataclasses
import functools
import json
import os
import random
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from damaged_json import damaged
from hypothesis import given
from hypothesis import strategies as st
from test_cli import call

import rope_theory as rt
from rope_theory import scaling
from rope_theory.certificates import Certificate, _sizes, worst_case
from rope_theory.certificates._files import _hash

CONFIG = rt.RopeConfig(16, context_length=32)
THETA = scaling.Unscaled().frequencies(CONFIG)
GRID = np.arange(32)
SECONDS = 2.0


def extended(method):
    return worst_case(THETA, 50, GRID, h_max=3.0, target_theta=method.frequencies(CONFIG, 128))


KINDS = {
    "outside": lambda: worst_case(THETA, 40.5, GRID, h_max=3.0, score_max=2.0),
    "inside": lambda: worst_case(THETA, 15.5, GRID, h_max=100.0),
    "trained": lambda: worst_case(THETA, 3, GRID, h_max=3.0),
    "no score is felt": lambda: worst_case(THETA, 40.5, GRID, h_max=0.01),
    "bare": lambda: worst_case(THETA.theta, 40.5, GRID, h_max=3.0),
    "bare target": lambda: worst_case(THETA, 50, GRID, h_max=3.0, target_theta=THETA.theta / 2),
    "uneven": lambda: worst_case(THETA, 40.5, np.sqrt(np.arange(32.0)), h_max=3.0),
    "one offset": lambda: worst_case(THETA, 40.5, [5.0], h_max=3.0),
    "PI": lambda: extended(scaling.PositionInterpolation(4)),
    "NTK-aware": lambda: extended(scaling.NTKAware(4)),
    "dynamic": lambda: extended(scaling.DynamicNTK(4)),
    "YaRN": lambda: extended(scaling.YaRN(4)),
    "by parts": lambda: extended(scaling.NTKByParts(4)),
    "Llama 3": lambda: extended(scaling.Llama3(4, 1.0, 4.0)),
    "LongRoPE": lambda: extended(scaling.LongRoPE([1.0] * 8, [2.0] * 8, factor=4.0)),
}
"""Every kind of certificate that can be saved: how it was answered, its grid, and whose frequencies it is about."""


@functools.cache
def content_of(kind):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "one.json"
        KINDS[kind]().save(path)
        return json.loads(path.read_bytes())


def rehashed(content):
    """Return a damaged certificate whose hashes are right again: what a forger writes, not what an accident leaves."""
    fields, hashes = content.get("fields"), content.get("sha256")
    if isinstance(fields, dict) and isinstance(hashes, dict):
        for name, value in fields.items():
            hashes[name] = _hash(value)
    return content


def answered(path):
    """Return the verified certificate or the sentence that refuses it; anything else fails."""
    begin = time.process_time()  # of this process: other ones may keep it waiting
    try:
        certificate = Certificate.load(path)
        certificate.verify()
    except (ValueError, OSError) as error:
        certificate, said = None, str(error)
        if isinstance(error, UnicodeError) or not (20 < len(said) < 1000 and said.endswith(".")):
            pytest.fail(f"not a sentence: {error!r}")
    taken = time.process_time() - begin
    assert taken < SECONDS, taken
    return certificate


def is_true(certificate):
    """Recompute the claim in float64: what the weights prove from above, and what the witness reaches from below."""
    theta = np.asarray(getattr(certificate.theta, "theta", certificate.theta))
    asked = certificate.theta if certificate.target_theta is None else certificate.target_theta
    turned = np.exp(1j * certificate.s * np.asarray(getattr(asked, "theta", asked)))
    phasors = np.exp(1j * np.outer(certificate.grid, theta))
    size, cap = certificate.score_max, certificate.h_max
    upper = size * np.abs(certificate.weights).sum() + cap * np.abs(turned - certificate.weights @ phasors).sum()
    h = certificate.witness
    excess = max(1.0, np.abs(h).max() / cap, np.abs((phasors @ h).real).max() / size)
    close = 1e-6 + 1e-15 * (abs(certificate.s) + np.abs(certificate.grid).max())
    scale = max(1.0, upper)
    return (
        size > 0 and cap > 0 and certificate.upper >= upper - close * scale
        and certificate.lower <= (h @ turned).real / excess + close * scale
    )  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_certificate_is_verified(kind, tmp_path):
    path = tmp_path / "one.json"
    path.write_text(json.dumps(content_of(kind)))
    found = answered(path)
    assert found is not None
    assert is_true(found)


@given(kind=st.sampled_from(list(KINDS)), forged=st.booleans(), seed=st.integers(0, 2**32))
def test_a_damaged_certificate_gives_a_true_answer_or_a_sentence(tmp_path_factory, kind, forged, seed):
    path = tmp_path_factory.getbasetemp() / "damaged.json"
    for part in range(20):
        rng = random.Random(f"{seed} {part}")
        path.write_bytes(damaged(content_of(kind), rng, rehashed if forged else lambda content: content))
        found = answered(path)
        assert found is None or is_true(found)


GRIDS = [2**24, 2**20, 2**63, 10**400]


@pytest.mark.parametrize("count", GRIDS, ids=lambda count: f"{count:.0e}" if count < 1e300 else "10**400")
def test_a_small_file_with_a_long_grid_is_answered_at_once(count, tmp_path):
    path = tmp_path / "long.json"
    content = json.loads(json.dumps(content_of("outside")))
    content["fields"]["grid"]["count"] = count
    path.write_text(json.dumps(rehashed(content)))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ValueError, match=r"^(grid of|lower of the certificate)") as caught:
        Certificate.load(path).verify()
    assert answered(path) is None
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500 * 1024
    if count > _sizes.MOST_OFFSETS:
        assert f"at most {_sizes.MOST_OFFSETS} offsets" in str(caught.value)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("weights", {"index": [0], "value": [10**400]}, "weights of .* is beyond float64"),
        ("weights", {"index": [2**63], "value": [1.0]}, "weights of .* 9223372036854775808 is beyond the grid of 32"),
        ("weights", {"index": [10**400], "value": [1.0]}, "weights of .* is beyond the grid"),
        ("weights", {"index": [-1], "value": [1.0]}, "weights of .* -1 is no count"),
        ("weights", {"index": [True], "value": [1.0]}, "weights of .* True is no count"),
        ("weights", {"index": [0.0], "value": [1.0]}, "weights of .* 0.0 is no count"),
        ("weights", {"index": [0], "value": [1.0], "more": 1}, "weights of .* index, value and nothing else"),
        ("upper", 10**400, "upper of .* beyond float64"), ("s", True, "s of .* True is not a number"),
        ("h_max", -3.0, "h_max of the certificate must be above 0"), ("score_max", 0, "score_max of the certificate"),
        ("theta", {"theta": [0.5] * 5000}, "theta of .* at most 1024 frequencies"),
        ("theta", {"theta": [10**400]}, "theta of .* beyond float64"), ("rounds", 2**63, None),
        ("notes", {}, "notes of .* is not a list"),
        ("grid", {"offsets": list(range(70000))}, "grid of .* at most 65536 offsets"),
        ("grid", {"start": 0.0, "step": 1e308, "count": 32}, "grid of .* start must lie within"),
        ("grid", {"start": 0.0, "step": -1.0, "count": 32}, "grid of .* step be above 0"),
        ("status", "\ud800", "status of .* half a character"),
    ],
    ids=lambda value: str(value)[:30],
)  # fmt: skip
def test_numbers_out_of_all_bounds_are_named(field, value, words, tmp_path):
    path = tmp_path / "forged.json"
    content = json.loads(json.dumps(content_of("outside")))
    content["fields"][field] = value
    path.write_text(json.dumps(rehashed(content)))
    if words is None:
        assert answered(path) is not None  # what the solver said proves nothing, and may be anything
        return
    with pytest.raises(ValueError, match=words):
        Certificate.load(path).verify()
    result = call("verify", path)
    assert result.exit_code == 2
    assert isinstance(result.exception, SystemExit)
    assert result.stdout == ""


def test_a_negative_limit_proves_nothing():
    # with H < 0 the sums are those of a problem that nothing obeys, and any number would be proved
    certificate = KINDS["outside"]()
    moved = dataclasses.replace(certificate, h_max=-3.0, score_max=-2.0)
    with pytest.raises(ValueError, match="h_max of the certificate must be above 0"):
        moved.verify()


@pytest.mark.parametrize("field", ["upper", "theta", "format"])
def test_a_key_that_comes_twice_is_refused(field, tmp_path):
    path = tmp_path / "twice.json"
    text = json.dumps(content_of("outside"))
    path.write_text(text.replace(f'"{field}":', f'"{field}": 1, "{field}":', 1))
    with pytest.raises(ValueError, match=f"is not a certificate: the key '{field}' comes twice"):
        Certificate.load(path)
    assert call("verify", path).exit_code == 2


@pytest.mark.parametrize(
    "text", ["NaN", "-Infinity", "1e999", "9" * 5000, "[" * 10**5, "[" * 40 + "]" * 40, "", "\x00"]
)
def test_what_is_no_strict_json_is_refused(text, tmp_path):
    path = tmp_path / "one.json"
    path.write_text(text)
    with pytest.raises(ValueError, match="is not a certificate: it"):
        Certificate.load(path)


def test_what_is_no_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "binary").write_bytes(bytes(range(256)))
    (tmp_path / "huge").touch()
    os.truncate(tmp_path / "huge", 1 << 40)
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for path, words in {
        tmp_path: "is not a certificate: it is a folder", tmp_path / "pipe": "it is a device or a pipe",
        "/dev/zero": "it is a device or a pipe", tmp_path / "binary": "it is not UTF-8 text",
        tmp_path / "huge": f"more than {_sizes.MOST_BYTES} bytes", tmp_path / "none": "does not exist; it should be",
        tmp_path / "loop": "cannot be read", tmp_path / "binary" / "x": "cannot be read",
    }.items():  # fmt: skip
        with pytest.raises((ValueError, OSError), match=words) as caught:
            Certificate.load(path)
        assert str(path) in str(caught.value)
        result = call("verify", path)
        assert (result.exit_code, result.stdout) == (2, "")
        assert isinstance(result.exception, SystemExit)


def test_what_would_not_be_read_is_not_made(tmp_path):
    long = np.arange(_sizes.MOST_OFFSETS + 1)
    with pytest.raises(ValueError, match="grid must have at most 1048576 offsets where they are even, got 1048577"):
        worst_case(THETA, 3.0, long, h_max=3.0)
    with pytest.raises(ValueError, match="at most 65536 offsets where they are uneven"):
        worst_case(THETA, 3.0, np.sqrt(np.arange(65537.0)), h_max=3.0)
    certificate = KINDS["outside"]()
    weights = np.zeros(len(long))
    with pytest.raises(ValueError, match="at most 1048576"):
        dataclasses.replace(certificate, grid=long.astype(float), weights=weights).save(tmp_path / "one.json")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("bits", [2**15 + 1, 10**6, 2**53, 10**30])
def test_absurd_precision_is_refused(bits):
    with pytest.raises(ValueError, match=r"bits must be at most (32768|2\*\*53)"):
        KINDS["outside"]().verify(bits)


def slow_largest(design, h, balls):
    from rope_theory._core.balls import largest

    return largest(abs(a) for a in design.values([h_j.real for h_j in balls] + [-h_j.imag for h_j in balls]))


@pytest.mark.parametrize("start", [0.0, -3000.0, 2.0**40])
@pytest.mark.parametrize("bits", [64, 256])
def test_the_largest_score_of_a_long_grid_is_that_of_its_slow_twin(start, bits):
    from rope_theory._core.balls import working_precision
    from rope_theory.certificates import _largest_score
    from rope_theory.certificates._design import Design
    from rope_theory.scaling._exact_form import frequency_balls

    rng = np.random.default_rng(0)
    with working_precision(bits) as flint:
        for scale in (1e-3, 1.0, 1e12):
            design = Design(frequency_balls(THETA, flint), start + np.arange(5000.0), flint)
            h = scale * (rng.normal(size=8) + 1j * rng.normal(size=8))
            balls = [flint.acb(z.real, z.imag) for z in h.tolist()]
            fast = _largest_score.largest_score(design, h, balls, scale)
            slow = slow_largest(design, h, balls)
            assert fast.overlaps(slow)
            assert fast.rad() <= 2 * slow.rad() + abs(slow) * 1e-12
            assert _largest_score.largest_score(design, h, balls, 1e3 * scale) == 0  # obeyed everywhere


def test_the_error_of_the_fast_scores_is_bounded():
    from rope_theory._core.balls import working_precision
    from rope_theory.certificates import _largest_score
    from rope_theory.certificates._design import Design
    from rope_theory.scaling._exact_form import frequency_balls

    theta = scaling.Unscaled().frequencies(rt.RopeConfig(128))
    rng = np.random.default_rng(1)
    worst = 0.0
    with working_precision(256) as flint:
        for magnitudes in (np.ones(64), 10.0 ** rng.uniform(-9, 9, 64)):
            design = Design(frequency_balls(theta, flint), np.arange(6000.0), flint)
            h = magnitudes * np.exp(1j * rng.uniform(0, 6, 64))
            balls = [flint.acb(z.real, z.imag) for z in h.tolist()]
            moduli, error = _largest_score._moduli(design, h)
            exact = design.values([z.real for z in balls] + [-z.imag for z in balls])
            off = max(float(abs(flint.arb(float(m)) - abs(a))) for m, a in zip(moduli, exact, strict=True))
            worst = max(worst, off / error)
    assert 1e-4 < worst <= 1.0  # a bound, and not an idle one


@pytest.mark.parametrize("path", [None, 3, [], b"x", "", "a\0b", "\ud800", np.ones(2)])
def test_what_names_no_file_is_refused_in_words(path):
    certificate = rt.certificates.worst_case(np.ones(2), 1.5, np.arange(4.0), h_max=1.0)
    for use in (certificate.save, Certificate.load):
        with pytest.raises((TypeError, ValueError), match="path must"):
            use(path)


@pytest.mark.parametrize(("pairs", "offsets", "even"), [(1024, 32768, True), (32, 1 << 20, True), (4, 65536, False)])
def test_the_largest_certificates_are_answered_in_time(pairs, offsets, even, tmp_path):
    """At the limits, with a weight on every third offset: wrong ones, so that nothing short of the proof refuses."""
    theta, grid = np.random.default_rng(0).uniform(0.0, 1.0, pairs), np.arange(float(offsets))
    if not even:
        grid = np.sort(np.random.default_rng(1).uniform(0.0, 1e5, offsets))
    small = rt.certificates.worst_case(theta[:1], 1.5, grid[:4], h_max=1.0)
    weights = np.zeros(offsets)
    weights[:: max(3, offsets // 60000)] = 1e-6
    forged = dataclasses.replace(
        small, theta=theta, grid=grid, weights=weights, residual=np.zeros(pairs, complex),
        witness=np.zeros(pairs, complex),
    )  # fmt: skip
    forged.save(tmp_path / "large.json")
    begin = time.process_time()
    with pytest.raises(ValueError, match="of the certificate"):
        Certificate.load(tmp_path / "large.json").verify()
    assert time.process_time() - begin < 4.0  # 2 s are promised; loaded machines take longer
