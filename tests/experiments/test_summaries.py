"""Table 6: what is asked, what is learnt, and how answers are scored."""

import json

import pytest
from typer.testing import CliRunner

from examples import govreport
from experiments import pretrain
from experiments.extension import plan, runs, summaries

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from rope_theory.models.loading import load_model  # noqa: E402

SOURCE = (
    '"""Sums of many\nnumbers, one by one.\n\nMore of it."""\n\nimport math\n' + "x = 1  # a line that fills\n" * 80
)


@pytest.fixture(scope="module")
def loaded():
    return load_model(pretrain.REFERENCE)


def test_a_docstring_is_taken_out_of_its_source():
    text, summary = summaries._parted(SOURCE)
    assert summary == "Sums of many numbers, one by one."
    assert "Sums" not in text
    assert "More of it" not in text
    assert text.startswith("\nimport math\n")


@pytest.mark.parametrize(
    "text",
    ["def broken(:\n" + SOURCE, SOURCE[SOURCE.index("import") :], SOURCE[:200], SOURCE.replace(", one by one", "")],
)
def test_what_is_not_worth_asking_is_left_out(text):
    assert summaries._parted(text) is None


def test_prompts_are_cut_to_leave_room_for_the_answer(loaded):
    _, tokenizer = loaded
    pairs = [("x = 1\n" * 500, "A short answer."), ("y", "word " * 200)]
    (example,) = summaries.examples(pairs, tokenizer, 100, 20)
    assert len(example.prompt) == 80
    assert tokenizer.decode(example.prompt).endswith(summaries.QUESTION)
    assert tokenizer.decode(example.answer) == "A short answer."
    both = summaries.examples(pairs, tokenizer, 100, 20, cut=True)
    assert [len(one.answer) for one in both] == [len(example.answer), 19]


def test_rouge_of_a_right_and_of_a_wrong_answer(loaded, monkeypatch):
    pytest.importorskip("rouge_score")
    model, tokenizer = loaded
    asked = summaries.examples([("x", "some words stand here")], tokenizer, 100, 20) * 2
    answers = iter(["some words stand here", "nothing alike"])

    def written(prompt, **more):
        ids = tokenizer(next(answers), add_special_tokens=False)["input_ids"]
        return torch.cat([prompt, torch.tensor([ids])], dim=1)

    monkeypatch.setattr(model, "generate", written)
    found = summaries.rouge(model, tokenizer, asked, 20)
    assert found == dict.fromkeys(summaries.KINDS, (50.0, 50.0))


def test_a_run_is_made_and_read(loaded, monkeypatch, tmp_path):
    pytest.importorskip("rouge_score")
    monkeypatch.setattr(summaries, "TRAINING", ("joblib",))
    monkeypatch.setattr(summaries, "TESTED", ("mpmath",))
    settings = summaries.Settings("PI", 2.0, steps=1, tested=2, batch=1)
    runs.written(settings, tmp_path, lambda: plan._content(settings, pretrain.REFERENCE, "cpu"))
    content = runs.read(settings, tmp_path)
    assert settings.name == "summaries_pi_2x_1_seed0"
    assert set(content["rouge"]) == set(summaries.KINDS)
    assert (content["asked"], len(content["losses"])) == (2, 1)
    with pytest.raises(ValueError, match="The run summaries_cut_1x_200_seed0 has no file"):
        runs.read(summaries.Settings("cut", 1.0), tmp_path)


def test_govreport_lines_are_read(tmp_path):
    (tmp_path / "some.jsonl").write_text(json.dumps({"report": "long", "summary": "short"}) + "\n")
    assert summaries.read_pairs(tmp_path / "some.jsonl") == [("long", "short")]
    (tmp_path / "other.jsonl").write_text('{"report": "long"}\n')
    with pytest.raises(ValueError, match=r"Line 1 of .*other.jsonl is no JSON object with report and summary"):
        summaries.read_pairs(tmp_path / "other.jsonl")
    with pytest.raises(OSError, match="is no file; give JSON lines"):
        summaries.read_pairs(tmp_path / "none")


def test_govreport_from_the_command_line(tmp_path):
    pytest.importorskip("rouge_score")
    lines = [json.dumps({"report": f"number {place} " * 60, "summary": f"It is {place}."}) for place in range(3)]
    (tmp_path / "some.jsonl").write_text("\n".join(lines))

    def invoke(report):
        given = ("--train", tmp_path / "some.jsonl", "--test", tmp_path / "some.jsonl", "--out", tmp_path / "out")
        sizes = ("--report", report, "--answer", 12, "--factor", 2, "--steps", 2, "--batch", 1)
        return CliRunner().invoke(govreport.app, [str(one) for one in (pretrain.REFERENCE, *given, *sizes)])

    short = invoke(200)  # a window shorter than the trained one
    assert short.exit_code == 1
    assert "length must be at least 256" in short.stderr
    result = invoke(300)
    assert result.exit_code == 0, result.stderr
    assert "rouge1" in result.stdout
    assert json.loads((tmp_path / "out" / "rouge.json").read_text())["asked"] == 3
    model, _ = load_model(tmp_path / "out")
    assert model.config.max_position_embeddings == 312
    assert model.config.use_cache
    assert "not empty" in invoke(300).stderr
