"""Tables 1 and 2 on a text of the user's: the same numbers as the functions give, and errors in words."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import rope_theory as rt
from examples import own_text
from experiments import pretrain
from experiments.extension import texts

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from rope_theory.models.loading import load_model  # noqa: E402


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("".join(f"the number {n} is followed by {n + 1}.\n" for n in range(60)), encoding="utf-8")
    return path


def invoke(*words):
    """Return the exit code, and what was said, in one line."""
    result = CliRunner().invoke(own_text.app, [str(word) for word in words])
    return result.exit_code, " ".join(result.output.split())


def test_untuned_numbers_are_those_of_perplexity(text, tmp_path):
    out = tmp_path / "out"
    words = (text, "--out", out, "--methods", "direct, YaRN", "--factor", 2, "--steps", 0)
    assert invoke(*words)[0] == 0
    model, tokenizer = load_model(pretrain.REFERENCE)
    pieces = texts.held_out(str(text), tokenizer, documents=16, tokens=512)
    extended = rt.models.extend(model, rt.scaling.YaRN(2, ramp="transformers"))
    inside, beyond = (rt.models.perplexity(extended, pieces, window=window).perplexity for window in (256, 512))
    assert f"| 2L | YaRN | 0 | 1 | {inside:.2f} | {beyond:.2f} |" in (out / "table.md").read_text()
    before = {path.name: path.stat().st_mtime_ns for path in out.glob("reference_*")}
    assert len(before) == 2
    assert invoke(*words)[0] == 0  # nothing is computed again
    assert before == {path.name: path.stat().st_mtime_ns for path in out.glob("reference_*")}
    text.write_text(text.read_text() + "more\n", encoding="utf-8")
    code, said = invoke(*words)
    assert code == 1
    assert "holds runs on another text" in said


def test_what_is_measured_fits_into_the_text(text):
    how = own_text.measure(text, 1.5)
    assert how.windows == (1.0, 1.5, 2.0)
    assert how.corpora == (str(text.resolve()),)


def test_the_new_window_is_a_column(text, tmp_path):
    assert invoke(text, "--out", tmp_path / "out", "--methods", "PI", "--factor", 1.5, "--steps", 0)[0] == 0
    assert "| L | 1.5L | 2L |" in (tmp_path / "out" / "table.md").read_text()


def test_a_file_may_be_called_as_a_corpus_of_ours(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text.rename("code")
    assert own_text.measure(Path("code"), 2.0).corpora == (str(tmp_path / "code"),)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--methods", "direct,Yarn"), "--methods must be some of direct, PI"),
        (("--methods", ","), "--methods must name one at least"),
        (("--factor", 64), "at least 16384, the new window, are needed"),
        (("--factor", 1), "--factor must be above 1"),
        (("--seeds", 0), "--seeds must be"),
        (("--steps", -1), "--steps must be"),
        (("--device", "tpu"), "device must be cpu or cuda"),
    ],
)
def test_wrong_settings_are_named_before_anything_is_made(text, tmp_path, words, message):
    code, said = invoke(text, "--out", tmp_path / "out", *words)
    assert code == 1
    assert message in said
    assert not (tmp_path / "out").exists()


def test_wrong_texts_and_folders_are_named(text, tmp_path):
    out = tmp_path / "out"
    assert "is no file" in invoke(tmp_path / "nothing", "--out", out)[1]
    (tmp_path / "latin").write_bytes("ähnlich".encode("latin-1") * 2000)
    assert "UTF-8" in invoke(tmp_path / "latin", "--out", out)[1]
    (tmp_path / "short").write_text("a few words")
    assert "the new window, are needed" in invoke(tmp_path / "short", "--out", out)[1]
    assert not out.exists()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text(json.dumps("mine"))
    assert "neither empty nor" in invoke(text, "--out", tmp_path / "full", "--factor", 2)[1]
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["thesis.txt"]
