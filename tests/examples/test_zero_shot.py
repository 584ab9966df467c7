"""Zero-shot benchmarks: the harness where it is installed, words where it is not."""

import importlib.util
import json

import pytest
from typer.testing import CliRunner

from examples import zero_shot
from experiments import pretrain

pytest.importorskip("torch")
INSTALLED = importlib.util.find_spec("lm_eval") is not None

TASK = """
task: keys
dataset_path: json
dataset_kwargs:
  data_files:
    test: {data}
output_type: multiple_choice
test_split: test
doc_to_text: "{{{{question}}}}"
doc_to_choice: "{{{{choices}}}}"
doc_to_target: label
metric_list:
  - metric: acc
    aggregation: mean
    higher_is_better: true
"""


def invoke(*arguments):
    return CliRunner().invoke(zero_shot.app, [str(argument) for argument in arguments])


@pytest.mark.skipif(INSTALLED, reason="tests the message without lm_eval; runs where it is not installed")
def test_the_harness_is_named_where_it_is_missing():
    result = invoke(pretrain.REFERENCE)
    assert result.exit_code == 1
    assert "pip install lm_eval" in result.stderr


@pytest.mark.skipif(not INSTALLED, reason="needs lm_eval, 700 MB with what it depends on; runs where it is installed")
def test_a_task_of_ones_own(tmp_path):
    questions = [{"question": "import numpy as", "choices": [" np", " zq"], "label": place % 2} for place in range(10)]
    (tmp_path / "keys.jsonl").write_text("\n".join(map(json.dumps, questions)))
    (tmp_path / "keys.yaml").write_text(TASK.format(data=tmp_path / "keys.jsonl"))
    out = tmp_path / "found.json"
    result = invoke(pretrain.REFERENCE, "--tasks", "keys", "--folder", tmp_path, "--out", out)
    assert result.exit_code == 0, result.stderr
    assert json.loads(out.read_text())["accuracy"][str(pretrain.REFERENCE)]["keys"][0] == 0.5
    assert "keys 50.0 ± " in result.stdout
    assert "knows no task 'none'" in invoke(pretrain.REFERENCE, "--tasks", "none").stderr


def test_a_model_that_is_none_is_named(tmp_path):
    result = invoke(tmp_path / "nothing")
    assert result.exit_code == 1
    assert "does not exist; give the folder of the model" in " ".join(result.stderr.split())
