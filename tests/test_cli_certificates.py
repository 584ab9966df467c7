"""The verbs certify, verify and prove."""

import json

import numpy as np
import pytest
from test_cli import LLAMA_31, call, config, parsed  # noqa: F401  (config is a fixture)

import proofs
import rope_theory as rt

SMALL = ("--head-dim", 32, "--window", 64, "--ratio", 3)
THETA = rt.scaling.Unscaled().frequencies(rt.RopeConfig(32, context_length=64))


def test_certify_equals_a_direct_call():
    content = parsed("certify", *SMALL, "--offset", 70.5)
    found = rt.certificates.worst_case(THETA, 70.5, np.arange(64), h_max=3.0)
    proved = found.verify()
    assert (content["proved"]["lower"], content["proved"]["upper"]) == (proved.lower, proved.upper)
    assert content["proved"]["frequencies"] == "real"
    assert (content["first"], content["last"], content["count"]) == (0.0, 63.0, 64)
    assert content["triangle"] == 48.0
    assert content["config"]["context_length"] == 64


def test_certify_prints_both_ends():
    result = call("certify", *SMALL, "--offset", 70.5)
    proved = rt.certificates.worst_case(THETA, 70.5, np.arange(64), h_max=3.0).verify()
    assert result.exit_code == 0
    assert f"{proved.lower:.10g}" in result.stdout
    assert f"{proved.upper:.10g}" in result.stdout
    assert "outside" in result.stdout
    assert "real numbers" in result.stdout


def test_certify_of_a_scaled_config_asks_the_scaled_table(config):  # noqa: F811
    content = parsed("certify", config(LLAMA_31), "--window", 200, "--offset", 150)
    model = rt.from_hf(LLAMA_31)
    trained = rt.scaling.Unscaled().frequencies(model.config)
    found = rt.certificates.worst_case(
        trained, 150, np.arange(200), h_max=1.0, target_theta=model.frequencies()
    ).verify()
    assert content["proved"]["upper"] == found.upper
    assert content["proved"]["target_frequencies"] == "float64"
    assert content["scaling"]["type"] == "Llama3"
    assert "asked of the scaled table" in call("certify", config(LLAMA_31), "--window", 200, "--offset", 150).stdout


def test_a_saved_certificate_is_verified(tmp_path):
    path = tmp_path / "certificate.json"
    made = parsed("certify", *SMALL, "--offset", 70.5, "--save", path)
    again = parsed("verify", path)
    assert again["proved"] == made["proved"]
    finer = parsed("verify", path, "--bits", 512)
    assert finer["proved"]["bits"] == 512
    shown = call("certify", *SMALL, "--save", path, columns=1000).stdout
    assert f"rope-theory verify {path}" in shown


def test_a_changed_certificate_is_named(tmp_path):
    path = tmp_path / "certificate.json"
    call("certify", *SMALL, "--offset", 70.5, "--save", path)
    content = json.loads(path.read_text())
    content["fields"]["upper"] *= 0.5
    path.write_text(json.dumps(content))
    result = call("verify", path)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "upper of" in result.stderr


def test_a_certificate_of_bare_frequencies_is_shown(tmp_path):
    path = tmp_path / "certificate.json"
    rt.certificates.worst_case(THETA.theta, 70.5, [0.0, 1.5, 4.0], h_max=3.0).save(path)
    content = parsed("verify", path)
    assert content["config"] is None
    assert "float64 values" in call("verify", path).stdout


def test_proofs_are_listed():
    result = call("prove", "triangle")
    assert result.exit_code == 0
    assert "holds" in result.stdout
    for step in proofs.PROOFS["triangle"].steps:
        assert step.name in result.stdout


def test_the_published_proof_fails_where_it_fails():
    content = parsed("prove", "chord_published")
    failing = [row["step"] for row in content["proofs"][0]["rows"] if row["verdict"] == "fails"]
    assert failing == list(proofs.check("chord_published").failing)
    assert {"before (14)", "(14)", "(15)", "theorem 2.1"} <= set(failing)
    assert "FAILS" in call("prove", "chord_published").stdout


def test_proofs_as_latex():
    assert call("prove", "triangle", "--latex").stdout.strip() == proofs.PROOFS["triangle"].latex().strip()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("certify", "--ratio", "0"), "ratio must be above 0"),
        (("certify", "--ratio", "nan"), "ratio must be finite"),
        (("certify", "--window", "0"), "--window must be at least 2, got 0"),
        (("certify", "--offset", "inf"), "--offset contains 1 NaN or infinite"),
        (("certify", "--head-dim", "7"), "head_dim must be even"),
        (("certify", "nowhere.json"), "nowhere.json"),
        (("certify", "--layer-type", "full_attention"), "--layer-type chooses a table"),
        (
            ("certify", *map(str, SMALL), "--save", "/nowhere/file.json"),
            "/nowhere does not exist; make the folder first",
        ),
        (("verify", "nowhere.json"), "nowhere.json does not exist; rope-theory certify --save FILE writes one"),
        (("certify", *map(str, SMALL), "--save", "/tmp"), "/tmp is a folder"),
        (("certify", "--window", str(10**10)), "window must be at most 2**20"),
        (("verify", __file__), "is not a certificate"),
        (("prove", "nothing"), "The name of a proof must be one of 'score_expansion', "),
        (("prove", "triangle", "--latex", "--json"), "exclude each other"),
    ],
)
def test_wrong_input(arguments, words):
    result = call(*arguments)
    assert result.exit_code == 2
    assert words in result.stderr
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
