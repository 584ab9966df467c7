import ast
import importlib.metadata
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import rope_theory as rt
from rope_theory import cli

LLAMA_31 = {
    "model_type": "llama",
    "hidden_size": 4096,
    "num_attention_heads": 32,
    "max_position_embeddings": 131072,
    "rope_theta": 500000.0,
    "rope_scaling": {
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192,
        "rope_type": "llama3",
    },
}
LLAMA_1 = {
    "model_type": "llama",
    "hidden_size": 4096,
    "num_attention_heads": 32,
    "max_position_embeddings": 2048,
}
OLMO_3 = {
    **LLAMA_31,
    "model_type": "olmo3",
    "rope_scaling": {
        "attention_factor": 1.2,
        "factor": 8.0,
        "original_max_position_embeddings": 8192,
        "rope_type": "yarn",
    },
}
UNSCALED = rt.scaling.Unscaled().frequencies(rt.RopeConfig(head_dim=128))


@pytest.fixture
def config(tmp_path):
    def written(content):
        path = tmp_path / "config.json"
        path.write_text(json.dumps(content), encoding="utf-8")
        return str(path)

    return written


def call(*arguments, columns=None):
    env = {"COLUMNS": None if columns is None else str(columns)}
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments], env=env)


def parsed(*arguments):
    def refuse(token):
        raise AssertionError(f"{token} is no JSON")

    result = call(*arguments, "--json")
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    return json.loads(result.stdout, parse_constant=refuse)


def values(content):
    return {row["name"]: row["value"] for row in content["rows"]}


def test_bounds_equal_direct_calls():
    content = parsed("bounds", "--offset", 3.25, "--left", 2, "--right", 6, "--h-max", 2.5)
    place = {"s": 3.25, "s1": 2.0, "s2": 6.0, "h_max": 2.5}
    assert values(content) == {
        "triangle": rt.bounds.triangle(np.full(64, 2.5)),
        "chord_sharp": rt.bounds.chord_sharp(UNSCALED, **place),
        "chord_curvature": rt.bounds.chord_curvature(UNSCALED, **place),
        "chord_repaired": rt.bounds.chord_repaired(UNSCALED.config, **place),
        "chord_published": rt.bounds.chord_published(UNSCALED.config, **place),
        "abel_published": rt.bounds.abel_published(UNSCALED, 3.25, h_max=2.5),
        "sampling": rt.bounds.sampling(1.0),
    }
    assert {key: content[key] for key in place} == place
    for row in content["rows"]:
        statement = rt.bounds.CATALOGUE[row["name"]]
        assert (row["relation"], row["evidence"], row["formula"]) == (
            statement.relation,
            statement.evidence,
            statement.formula,
        )


def test_bounds_has_every_statement_that_needs_no_h():
    names = {row["name"] for row in parsed("bounds")["rows"]}
    assert names == set(rt.bounds.CATALOGUE) - {"abel", "attention_shift"}


def test_bounds_of_a_described_model():
    config = rt.RopeConfig(head_dim=64, base=5e5, context_length=512, rotary_dim=32)
    model = ("--head-dim", 64, "--base", 5e5, "--context-length", 512, "--rotary-dim", 32)
    content = parsed("bounds", *model, "--offset", -3.5)
    table = rt.scaling.Unscaled().frequencies(config)
    assert values(content)["chord_sharp"] == rt.bounds.chord_sharp(table, -3.5)
    assert (content["s1"], content["s2"]) == (-4.0, -3.0)
    assert content["config"]["rotary_dim"] == 32
    assert any("Only 32 of 64 dimensions rotate" in note for note in content["notes"])


def test_bounds_of_a_scaled_config(config):
    content = parsed("bounds", config(LLAMA_31), "--offset", 100.5)
    table = rt.from_hf(LLAMA_31).frequencies()
    assert values(content)["chord_sharp"] == rt.bounds.chord_sharp(table, 100.5)
    assert values(content)["chord_published"] == rt.bounds.chord_published(table.config, 100.5)
    assert {row["name"] for row in content["rows"] if row["theta"] == "unscaled"} == {
        "chord_repaired",
        "chord_published",
    }
    assert any("closed forms" in note for note in content["notes"])
    assert not any("closed forms" in note for note in parsed("bounds")["notes"])


def test_bounds_names_the_attention_factor(config):
    content = parsed("bounds", config(OLMO_3), "--layer-type", "full_attention")
    assert content["attention_factor"] == 1.2
    assert any("μ² = 1.44" in note for note in content["notes"])


def test_frequencies_equal_direct_calls(config):
    content = parsed("frequencies", config(LLAMA_31))
    model = rt.from_hf(LLAMA_31)
    unscaled = rt.scaling.Unscaled().frequencies(model.config)
    rows = content["rows"]
    assert [row["pair"] for row in rows] == list(range(64))
    assert [row["wavelength"] for row in rows] == unscaled.wavelength.tolist()
    assert [row["turns"] for row in rows] == unscaled.turns().tolist()
    for name, scaling in {
        "configured": model.scaling,
        "position_interpolation": rt.scaling.PositionInterpolation(8),
        "ntk_aware": rt.scaling.NTKAware(8),
        "ntk_by_parts": rt.scaling.NTKByParts(8),
        "yarn": rt.scaling.YaRN(8),
    }.items():
        divisors = unscaled.theta / scaling.frequencies(model.config).theta
        assert [row[name] for row in rows] == divisors.tolist(), name
    assert content["pairing"] == model.pairing
    assert content["notes"] == list(model.notes)


def test_frequencies_takes_a_folder_a_factor_and_a_length(config):
    folder = Path(config({**LLAMA_1, "rope_scaling": {"type": "dynamic", "factor": 2.0}})).parent
    content = parsed("frequencies", folder, "--length", 8192, "--factor", 16)
    assert content["rows"][0]["position_interpolation"] == 16.0
    assert content["length"] == 8192
    model = rt.from_hf(folder)
    unscaled = rt.scaling.Unscaled().frequencies(model.config).theta
    expected = unscaled / model.frequencies(8192).theta
    assert [row["configured"] for row in content["rows"]] == expected.tolist()
    assert expected[-1] > 1.0


def test_frequencies_of_an_unscaled_model_compares_at_four(config):
    content = parsed("frequencies", config(LLAMA_1))
    assert {row["configured"] for row in content["rows"]} == {1.0}
    assert {row["position_interpolation"] for row in content["rows"]} == {4.0}


def test_pairs_that_stand_still_are_infinite_in_words(config):
    rope = {"rope_type": "proportional", "rope_theta": 1e4, "partial_rotary_factor": 0.5}
    path = config({**LLAMA_1, "rope_parameters": rope})
    content = parsed("frequencies", path)
    assert content["rows"][63]["configured"] == "inf"
    assert " inf " in call("frequencies", path).stdout
    assert math.isfinite(content["rows"][63]["wavelength"])


def test_methods_that_cannot_be_applied_stay_empty(config):
    content = parsed("frequencies", config({**LLAMA_1, "hidden_size": 64}))
    assert [row["ntk_aware"] for row in content["rows"]] == [None]
    assert any("NTKAware cannot be applied" in note for note in content["notes"])
    assert "–" in call("frequencies", config({**LLAMA_1, "hidden_size": 64})).stdout


@pytest.mark.parametrize("columns", [40, 80, 120, None])
def test_tables_keep_their_numbers_and_lines(config, columns):
    path = config(OLMO_3)
    result = call("frequencies", path, "--layer-type", "full_attention", columns=columns)
    assert result.exit_code == 0, result.output
    assert "\x1b" not in result.stdout
    assert "…" not in result.stdout
    lines = [line.split() for line in result.stdout.splitlines()]
    pairs = [line for line in lines if len(line) == 8 and line[0].isdigit()]
    assert [int(line[0]) for line in pairs] == list(range(64))
    wavelengths = rt.from_hf(OLMO_3, layer_type="full_attention").config
    expected = rt.scaling.Unscaled().frequencies(wavelengths).wavelength
    assert [line[1] for line in pairs] == [f"{value:.2f}" for value in expected]
    if columns:
        assert max(map(len, result.stdout.replace(path, "").splitlines())) <= max(columns, 80)

    result = call("bounds", "--offset", 0.5, columns=columns)
    assert "0.4938757" in result.stdout
    assert "…" not in result.stdout
    (published,) = [line for line in result.stdout.splitlines() if "chord_published" in line]
    assert "REFUTED" in published
    assert result.stdout.count("REFUTED") == 1
    if columns:
        assert max(map(len, result.stdout.splitlines())) <= max(columns, 80)


def test_wide_numbers_are_not_cut(config):
    path = config({**LLAMA_1, "rope_theta": 1e11, "max_position_embeddings": 10**8})
    result = call("frequencies", path, "--factor", 1e6, columns=80)
    assert "…" not in result.stdout
    assert "15915494.3092" in result.stdout
    assert "1000000.0000" in result.stdout


def test_frequencies_table_has_header_and_notes(config):
    path = config(LLAMA_31)
    text = call("frequencies", path).stdout
    for part in (path, "head width 128", "base 500000", "window 8192", "Llama3(8)", "pairing half", "μ = 1"):
        assert part in text
    for note in rt.from_hf(LLAMA_31).notes:
        assert note in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["frequencies", "nowhere/config.json"], "nowhere/config.json holds no config"),
        (["bounds", "nowhere"], "nowhere holds no config"),
        (["bounds", "--head-dim", "127"], "head_dim must be even, got 127"),
        (["bounds", "--offset", "nan"], "--offset must be finite"),
        (["bounds", "--offset", "9", "--left", "1", "--right", "2"], "--offset must lie in its cell"),
        (["bounds", "--left", "0"], "--left and --right belong together"),
        (["bounds", "--h-max", "-1"], "h_max must be at least 0"),
        (["bounds", "--layer-type", "full_attention"], "--layer-type chooses a table of a CONFIG"),
        (
            ["bounds", "CONFIG", "--head-dim", "64"],
            "--head-dim and CONFIG exclude each other: a CONFIG says this already",
        ),
        (["frequencies", "CONFIG", "--factor", "0.5"], "factor must be at least 1"),
        (["frequencies", "CONFIG", "--length", "0"], "length must be at least 1"),
        (["frequencies", "CONFIG", "--layer-type", "full_attention"], "--layer-type"),
    ],
)
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_errors_are_one_message_and_exit_code_2(config, arguments, message, form):
    path = config(LLAMA_1)
    result = call(*[path if argument == "CONFIG" else argument for argument in arguments], *form)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert message in result.stderr
    assert "Traceback" not in result.output
    assert result.stderr.startswith("rope-theory: ")


def test_several_tables_need_a_layer_type(config):
    result = call("frequencies", config(OLMO_3))
    assert result.exit_code == 2
    assert "full_attention" in result.stderr
    assert "sliding_attention" in result.stderr


def test_broken_json_is_an_error_in_words(tmp_path):
    (tmp_path / "config.json").write_text("{")
    result = call("frequencies", tmp_path)
    assert result.exit_code == 2
    assert "not valid JSON" in result.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["bounds", "--help"], ["frequencies", "--help"]])
def test_help(arguments):
    result = call(*arguments, columns=80)
    assert result.exit_code == 0
    assert "Traceback" not in result.output


def process(*arguments):
    code = "import sys; from rope_theory.cli import main; sys.argv[1:] = sys.argv[1:]; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        encoding="utf-8",
        check=False,
        env={"PATH": "/usr/bin:/bin", "PYTHONIOENCODING": "utf-8"},
    )


def test_real_process():
    done = process("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"rope-theory {rt.__version__}\n", "")
    assert rt.__version__ == importlib.metadata.version("rope_theory")
    done = process("bounds", "--base", "1")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("rope-theory: base must be above 1")
    assert "Traceback" not in done.stderr


def test_ascii_terminals_get_no_traceback():
    code = "from rope_theory.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "bounds"],
        capture_output=True,
        check=False,
        env={"PYTHONIOENCODING": "ascii", "PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == 0, done.stderr
    assert b"0.4938757" in done.stdout


def test_typer_rich_and_jinja_are_imported_only_where_arguments_are_read_and_reports_drawn():
    may = {"_terminal.py": {"rich"}, "_page.py": {"jinja2"}, "progress.py": {"rich"}}
    for path in Path(rt.__file__).parent.rglob("*.py"):
        allowed = {"typer"} if path.parent.name == "cli" else may.get(path.name, set())
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            else:
                names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            drawing = {name.split(".")[0] for name in names} & {"typer", "rich", "click", "jinja2"}
            assert drawing <= allowed, path


@pytest.mark.parametrize(
    "code",
    [
        "sys.argv[1:] = ['--help']; from rope_theory.cli import main; main()",
        "sys.argv[1:] = ['--help']; import runpy; runpy.run_module('paper_repro', run_name='__main__')",
        "import benchmarks",
    ],
    ids=["rope-theory", "paper_repro", "benchmarks"],
)
def test_idle_threads_sleep(code):
    code = f"import atexit, os, sys; atexit.register(lambda: print(os.environ.get('OMP_WAIT_POLICY'))); {code}"
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    root = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines()[-1] == "PASSIVE", done.stderr
