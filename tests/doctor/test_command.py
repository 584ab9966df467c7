"""`rope-theory doctor` and `recommend`: what they print and write, how fast, and what they load."""

import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from rope_theory.cli import app
from tests.doctor.configs import llama, yarn

BAD = llama(32768, rope_scaling={**yarn(8), "attn_factor": 0.82785})


def run(*arguments):
    return CliRunner().invoke(app, list(map(str, arguments)))


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(BAD))
    return path


def test_doctor_prints_findings_engines_and_reach(config):
    found = run("doctor", config)
    assert found.exit_code == 0, found.output
    for words in ("warning", "39 of 64", "attention_factor", "litgpt 0.5.13", "predicted", "no guarantee"):
        assert words in found.output


def test_json_holds_everything(config):
    found = json.loads(run("doctor", config, "--json", "--length", 65536).stdout)
    assert found["target_length"] == 65536
    assert {"tables", "findings", "conformance", "reach", "corrected"} <= found.keys()
    assert any(item["name"] == "original_length_missing" for item in found["findings"])


def test_a_folder_will_do_and_files_are_written(config, tmp_path):
    found = run("doctor", config.parent, "--html", tmp_path / "page.html", "--fix", tmp_path / "fixed.json")
    assert found.exit_code == 0, found.output
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert "<script" not in page
    assert "http" not in page
    fixed = json.loads((tmp_path / "fixed.json").read_text())
    assert fixed["rope_scaling"] == {**yarn(8), "attention_factor": 1.0, "original_max_position_embeddings": 4096}
    again = run("doctor", tmp_path / "fixed.json")
    assert "warning" not in again.output


def test_an_error_is_exit_code_1_and_wrong_input_2(tmp_path):
    (tmp_path / "bert.json").write_text('{"model_type": "bert"}')
    assert run("doctor", tmp_path / "bert.json").exit_code == 1
    (tmp_path / "broken.json").write_text("{")
    broken = run("doctor", tmp_path / "broken.json")
    assert broken.exit_code == 2
    assert "not valid JSON" in broken.output
    assert run("doctor", tmp_path / "none.json").exit_code == 2
    assert run("doctor", tmp_path / "bert.json", "--html", tmp_path / "no" / "page.html").exit_code == 2
    assert run("doctor", tmp_path / "bert.json", "--length", 1).exit_code == 2


def test_a_page_shows_nothing_of_a_config_as_markup(tmp_path):
    config = {**BAD, "model_type": "<script>alert(1)</script>", "rope_scaling": {**yarn(8), "<b>": 1}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert run("doctor", tmp_path, "--html", tmp_path / "page.html").exit_code == 0
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "<b>" not in page


def test_execute_adds_the_installed_transformers(config):
    pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    found = json.loads(run("doctor", config, "--json", "--execute").stdout)
    rows = [row for row in found["conformance"]["rows"] if row["origin"] == "executed"]
    assert {row["engine"] for row in rows} == {f"transformers {transformers.__version__}"}
    assert all(row["theta_difference"] < 1e-6 for row in rows)


def test_nothing_heavy_is_loaded(config):
    code = (
        "import sys; from rope_theory.cli import app\n"
        f"app(['doctor', {str(config)!r}], standalone_mode=False)\n"
        "print(sorted({'torch', 'transformers', 'matplotlib', 'sklearn', 'sympy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_recommend(config, tmp_path):
    found = run("recommend", config, "--length", 131072, "--write", tmp_path / "longer.json")
    assert found.exit_code == 0, found.output
    assert "Options replace YaRN(8)" in found.output
    assert json.loads((tmp_path / "longer.json").read_text())["max_position_embeddings"] == 131072
    assert run("recommend", config, "--length", 128).exit_code == 2
    rows = json.loads(run("recommend", config, "--length", 131072, "--json").stdout)["rows"]
    assert rows[0]["config"]["rope_scaling"]["rope_type"] == "llama3"
