"""Certificates: what ball arithmetic proves, what a file remembers, and what tampering is answered with."""

import dataclasses
import json
import subprocess
import sys

import mpmath
import numpy as np
import pytest
from twins import exact_phasor

import rope_theory as rt
from rope_theory import scaling
from rope_theory.certificates import Certificate, worst_case

CONFIG = rt.RopeConfig(32, context_length=64)
THETA = scaling.Unscaled().frequencies(CONFIG)
INTERPOLATED = scaling.PositionInterpolation(3).frequencies(CONFIG)
GRID = np.arange(64)


@pytest.fixture(scope="module")
def outside():
    return worst_case(THETA, 70.5, GRID, h_max=3.0, score_max=2.0)


@pytest.fixture(scope="module")
def extended():
    return worst_case(THETA, 100, GRID, h_max=3.0, target_theta=scaling.YaRN(4).frequencies(CONFIG))


CASES = [
    pytest.param(lambda: worst_case(THETA, 70.5, GRID, h_max=3.0), "real", "real", id="outside"),
    pytest.param(lambda: worst_case(THETA, 31.5, GRID, h_max=100.0), "real", "real", id="inside"),
    pytest.param(lambda: worst_case(THETA, 3, GRID, h_max=3.0), "real", "real", id="trained"),
    pytest.param(lambda: worst_case(THETA.theta, 70.5, GRID, h_max=3.0), "float64", "float64", id="bare"),
    pytest.param(
        lambda: worst_case(THETA, 99, GRID, h_max=3.0, target_theta=scaling.YaRN(4).frequencies(CONFIG)),
        "real", "float64", id="YaRN",
    ),
    pytest.param(
        lambda: worst_case(THETA, 99, GRID, h_max=3.0, target_theta=scaling.NTKAware(4).frequencies(CONFIG)),
        "real", "real", id="NTK-aware",
    ),
    pytest.param(
        lambda: worst_case(THETA, 99, GRID, h_max=3.0, target_theta=INTERPOLATED), "real", "real", id="PI",
    ),
    pytest.param(lambda: worst_case(THETA, 70.5, np.sqrt(np.arange(64.0)), h_max=3.0), "real", "real", id="uneven"),
    pytest.param(lambda: worst_case(THETA, 70.5, 0.1 * np.arange(64), h_max=3.0), "real", "real", id="decimal steps"),
    pytest.param(lambda: worst_case(THETA, 70.5, [5.0], h_max=3.0), "real", "real", id="one offset"),
    pytest.param(lambda: worst_case(THETA, -1e6, GRID - 40, h_max=3.0), "real", "real", id="far"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "frequencies", "target"), CASES)
def test_verified(make, frequencies, target):
    certificate = make()
    proved = certificate.verify()
    assert (proved.frequencies, proved.target_frequencies, proved.bits) == (frequencies, target, 256)
    assert proved.lower <= proved.upper
    assert proved.lower == pytest.approx(certificate.lower, rel=1e-9)
    assert proved.upper == pytest.approx(certificate.upper, rel=1e-9)
    assert (proved.upper - proved.lower) / proved.upper < 1e-4


def test_rigorous_numbers_against_sixty_digits():
    # float64 frequencies, so that mpmath can take the same numbers as exact
    certificate = worst_case(THETA.theta, 70.5, GRID, h_max=3.0)
    proved = certificate.verify()
    with mpmath.workdps(60):
        upper = mpmath.fsum(abs(mpmath.mpf(w)) for w in certificate.weights)
        value, sizes = mpmath.mpf(0), [mpmath.mpf(1)]
        for theta_j, h_j in zip(THETA.theta, certificate.witness, strict=True):
            rho = exact_phasor(theta_j, 70.5) - mpmath.fsum(
                mpmath.mpf(w) * exact_phasor(theta_j, n) for n, w in zip(GRID, certificate.weights, strict=True)
            )
            upper += 3 * abs(rho)
            value += mpmath.re(mpmath.mpc(complex(h_j)) * exact_phasor(theta_j, 70.5))
            sizes.append(abs(mpmath.mpc(complex(h_j))) / 3)
        for n in GRID:
            terms = (
                mpmath.mpc(complex(h_j)) * exact_phasor(t, n)
                for h_j, t in zip(certificate.witness, THETA.theta, strict=True)
            )
            sizes.append(abs(mpmath.re(mpmath.fsum(terms))))
        lower = value / max(sizes)
        assert proved.lower <= lower <= proved.upper
        assert proved.lower <= upper <= proved.upper
        assert float(upper) == pytest.approx(proved.upper, rel=1e-15)
        assert float(lower) == pytest.approx(proved.lower, rel=1e-15)


def test_more_bits_say_the_same(outside):
    coarse, fine = outside.verify(64), outside.verify(1024)
    assert coarse.lower <= fine.lower
    assert fine.upper <= coarse.upper
    assert coarse.upper - coarse.lower == pytest.approx(fine.upper - fine.lower, rel=1e-3)


def test_precision_is_put_back(outside):
    import flint

    before = flint.ctx.prec
    outside.verify(512)
    assert flint.ctx.prec == before


def test_bits(outside):
    with pytest.raises(ValueError, match="bits must be at least 64"):
        outside.verify(8)


def test_arrays_are_frozen(outside):
    with pytest.raises(ValueError, match="read-only"):
        outside.weights[0] = 1.0


def test_round_trip(outside, extended, tmp_path):
    bare = worst_case(THETA.theta, 70.5, np.sqrt(np.arange(64.0)), h_max=3.0)
    lists = scaling.LongRoPE([1.0] * 16, [2.0] * 16, factor=4.0).frequencies(CONFIG, 256)
    asked = worst_case(THETA, 100, GRID, h_max=3.0, target_theta=lists)
    for number, certificate in enumerate((outside, extended, bare, asked)):
        path = tmp_path / f"{number}.json"
        certificate.save(path)
        again = Certificate.load(path)
        for field in dataclasses.fields(Certificate):
            here, there = getattr(certificate, field.name), getattr(again, field.name)
            assert np.array_equal(here, there) if isinstance(here, np.ndarray) else here == there, field.name
        assert again.verify().to_dict() == certificate.verify().to_dict()
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".json"] == []


def leaves(value, path=()):
    """Yield the path of every number, string, bool and null in nested JSON."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves(item, (*path, index))
    else:
        yield path


def changed(content, path):
    """Return a copy of JSON content with one leaf changed."""
    copy = json.loads(json.dumps(content))
    place = copy
    for key in path[:-1]:
        place = place[key]
    old = place[path[-1]]
    place[path[-1]] = old + "x" if isinstance(old, str) else not old if isinstance(old, bool) else (
        1.0 if old is None else old * (1 + 1e-12) + 1e-12
    )  # fmt: skip
    return copy


@pytest.mark.parametrize("which", ["outside", "extended"])
def test_any_change_is_named(which, request, tmp_path):
    path = tmp_path / "certificate.json"
    request.getfixturevalue(which).save(path)
    content = json.loads(path.read_text())
    seen = set()
    for leaf in leaves(content):
        field = leaf[1] if leaf[0] in ("fields", "sha256") else leaf[0]
        seen.add(field)
        path.write_text(json.dumps(changed(content, leaf)))
        with pytest.raises(ValueError, match=rf"^{field} of "):
            Certificate.load(path)
    # null and empty fields have no leaf to change, only their hash
    assert seen == {"format", *(field.name for field in dataclasses.fields(Certificate))}


def test_missing_and_unknown_fields_are_named(outside, tmp_path):
    path = tmp_path / "certificate.json"
    outside.save(path)
    content = json.loads(path.read_text())
    for field in content["fields"]:
        less = json.loads(json.dumps(content))
        del less["fields"][field]
        path.write_text(json.dumps(less))
        with pytest.raises(ValueError, match=f"^{field} of .* is missing"):
            Certificate.load(path)
    more = {**content, "fields": {**content["fields"], "extra": 1}}
    path.write_text(json.dumps(more))
    with pytest.raises(ValueError, match=r"^extra of .* is no field"):
        Certificate.load(path)
    path.write_text(json.dumps({**content, "comment": ""}))
    with pytest.raises(ValueError, match=r"^comment of .* is no field"):
        Certificate.load(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"), ("{", "not valid JSON"), ("[]", "format is missing"), ("{}", "format is missing"),
        ('{"format": "other"}', "format of .* is 'other'"),
        ('{"format": "rope_theory certificate 1"}', "fields of .* missing or damaged"),
        ('{"format": "rope_theory certificate 1", "fields": {}}', "sha256 of .* missing or damaged"),
    ],
)  # fmt: skip
def test_files_that_are_no_certificates(text, words, tmp_path):
    path = tmp_path / "file.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=words):
        Certificate.load(path)


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        Certificate.load(tmp_path / "none.json")


LIES = [
    ("upper", lambda c: c.upper * (1 - 1e-6)), ("upper", lambda c: c.upper * (1 + 1e-6)),
    ("lower", lambda c: c.lower * (1 + 1e-6)), ("lower", lambda c: c.lower * (1 - 1e-6)),
    ("residual", lambda c: c.residual + 1e-6), ("weights", lambda c: np.full(64, np.nan)),
    ("weights", lambda c: c.weights[1:]), ("witness", lambda c: c.witness * np.inf),
    ("witness", lambda c: c.witness[:-1]), ("grid", lambda c: c.grid[::-1]), ("h_max", lambda c: 0.0),
    ("score_max", lambda c: -1.0), ("s", lambda c: float("nan")),
    ("theta", lambda c: rt.Frequencies(THETA.theta * 1.001, 1.0, THETA.scaling, CONFIG)),
    ("target_theta", lambda c: np.ones(3)),
]  # fmt: skip
"""Fields that a forger who knows the hashes could write, and what the mathematics says to them."""


@pytest.mark.parametrize(("field", "lie"), LIES)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_false_certificates_are_named(outside, field, lie):
    false = dataclasses.replace(outside, **{field: lie(outside)})
    with pytest.raises(ValueError, match=f"^{field} of the certificate|^{field} "):
        false.verify()


FAR = [
    pytest.param(lambda: worst_case(THETA, 1e9, GRID, h_max=3.0), id="s = 1e9"),
    pytest.param(lambda: worst_case(THETA, 1e12, GRID, h_max=3.0), id="s = 1e12"),
    pytest.param(lambda: worst_case(THETA, 2.0**53, GRID, h_max=3.0), id="s = 2**53"),
    pytest.param(lambda: worst_case(THETA, 1e8 + 20.5, GRID + 1e8, h_max=3.0), id="grid at 1e8"),
    pytest.param(lambda: worst_case(THETA, 1e12 + 20.5, GRID + 1e12, h_max=3.0), id="grid at 1e12"),
    pytest.param(lambda: worst_case(THETA, 20.5, GRID, h_max=1e8), id="H/A = 1e8"),
    pytest.param(lambda: worst_case(THETA, 70.5, GRID, h_max=1e12), id="H/A = 1e12"),
    pytest.param(lambda: worst_case(THETA, 20.5, GRID, h_max=1e-9), id="H/A = 1e-9"),
    pytest.param(lambda: worst_case(THETA, 20, GRID, h_max=1e6, target_theta=THETA.theta), id="real and float64"),
]


@pytest.mark.parametrize("make", FAR)
def test_far_and_steep_problems_are_verified(make):
    # float64 phases and cancellation are off there: the gap says so, and the numbers are proved all the same
    certificate = make()
    proved = certificate.verify()
    assert certificate.lower <= certificate.upper
    assert certificate.lower <= np.nextafter(proved.lower, np.inf)
    assert certificate.upper >= np.nextafter(proved.upper, -np.inf)
    assert bool(certificate.notes) == (certificate.gap > 1e-3)


def test_a_bound_may_not_claim_more_than_is_proved(outside):
    for field, factor in (("upper", 1 - 1e-12), ("lower", 1 + 1e-12)):
        with pytest.raises(ValueError, match=f"^{field} of the certificate"):
            dataclasses.replace(outside, **{field: getattr(outside, field) * factor}).verify()


def forged(certificate, path, field, value):
    """Write a file in which one field is false and every hash is right."""
    from rope_theory.certificates._files import _hash

    certificate.save(path)
    content = json.loads(path.read_text())
    content["fields"][field] = value
    content["sha256"][field] = _hash(value)
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("weights", {"index": [0, 1], "value": [1e308, 1e308]}), ("weights", {"index": [-1], "value": [1.0]}),
        ("weights", {"index": [0, 0], "value": [1.0, 1.0]}), ("weights", {"index": [10**30], "value": [1.0]}),
        ("weights", {"index": [0], "value": [1.0, 2.0]}), ("weights", {"index": [0], "value": ["1"]}),
        ("notes", ["V < 1 for every s"]), ("notes", "abc"), ("notes", [[1]]), ("rounds", -5), ("rounds", 1.5),
        ("upper", "2.41"), ("upper", 0.001), ("s", "70.5"), ("s", 1e300), ("status", 3),
        ("grid", {"offsets": [-1.7e308, 1.7e308]}), ("grid", {"start": 0.0, "step": 1.0, "count": 10**12}),
        ("grid", {"start": 0.0, "step": 1.0, "count": -1}), ("grid", {"offsets": [[0.0, 1.0]]}),
        ("theta", {"theta": [1.0]}), ("theta", {"theta": []}), ("h_max", True), ("residual", []),
        ("witness", [[1e308, 0.0]] * 16),
    ],
)  # fmt: skip
def test_forged_files_are_answered_with_the_field(outside, field, value, tmp_path):
    path = tmp_path / "forged.json"
    forged(outside, path, field, value)
    related = {"grid": "grid|weights", "theta": "theta|residual"}.get(field, field)
    with pytest.raises(ValueError, match=rf"^({related}) of"):
        Certificate.load(path).verify()


def test_precision_is_kept_apart_between_threads(outside):
    from concurrent.futures import ThreadPoolExecutor

    import flint

    before = flint.ctx.prec
    with ThreadPoolExecutor(4) as pool:
        proofs = list(pool.map(outside.verify, [64, 256, 4096, 8192] * 4))
    assert flint.ctx.prec == before
    assert {proof.bits: proof.upper for proof in proofs} == {
        bits: outside.verify(bits).upper for bits in (64, 256, 4096, 8192)
    }


def test_a_certificate_does_not_change_with_the_callers_array():
    theta = THETA.theta.copy()
    certificate = worst_case(theta, 70.5, GRID, h_max=3.0)
    before = certificate.verify().upper
    theta[:] = 0.5
    assert certificate.verify().upper == before


@pytest.mark.parametrize("field", ["s", "h_max", "score_max"])
def test_another_problem_is_not_proved_by_the_same_numbers(outside, field):
    # a certificate moved to another problem gives either a true enclosure of that one or an error, never a false number
    moved = dataclasses.replace(outside, **{field: getattr(outside, field) * 1.01})
    with pytest.raises(ValueError, match="of the certificate"):
        moved.verify()


def test_verified_in_a_fresh_process(outside, tmp_path):
    path = tmp_path / "certificate.json"
    outside.save(path)
    command = [sys.executable, "-m", "rope_theory.cli", "verify", str(path)]
    good = subprocess.run([*command, "--json"], capture_output=True, text=True, check=True)
    proved = outside.verify()
    assert json.loads(good.stdout)["proved"]["upper"] == proved.upper
    path.write_text(path.read_text().replace('"h_max": 3.0', '"h_max": 2.0'))
    bad = subprocess.run(command, capture_output=True, text=True, check=False)
    assert bad.returncode == 2
    assert "h_max of" in bad.stderr
    assert not bad.stdout


def test_long_windows_take_few_exponentials():
    # 32769 offsets: a power for each would take minutes; the product of two tables takes about a second
    from rope_theory._core.balls import working_precision
    from rope_theory.certificates._design import Design
    from rope_theory.scaling._exact_form import frequency_balls

    with working_precision(256) as flint:
        design = Design(frequency_balls(THETA, flint), np.arange(32769.0), flint)
        giant, baby = design.tables
        assert giant.nrows() + baby.nrows() < 400
        weights = np.zeros(32769)
        weights[[0, 12345, 32768]] = 1.0, -2.0, 0.5
        direct = 1 - 2 * np.exp(12345j * THETA.theta) + 0.5 * np.exp(32768j * THETA.theta)
        sums = design.moments(weights)
        found = [complex(float(sums[j, 0]), float(sums[16 + j, 0])) for j in range(16)]
        assert found == pytest.approx(direct, abs=1e-11)
        assert max(float(sums[j, 0].rad()) for j in range(32)) < 1e-65  # and no digit is lost on the way
