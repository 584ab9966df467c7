"""The verb check, and its page."""

import re

import pytest
from test_cli import call, parsed

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from test_reports import same  # noqa: E402
from tiny_models import build  # noqa: E402

import rope_theory as rt  # noqa: E402
from rope_theory.models import check  # noqa: E402
from rope_theory.models.loading import load_model  # noqa: E402


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    tokenizers = pytest.importorskip("tokenizers")
    place = tmp_path_factory.mktemp("model")
    build("llama", max_position_embeddings=24).save_pretrained(place)
    words = tokenizers.models.WordLevel({"<unk>": 0, **{str(number): number for number in range(1, 99)}}, "<unk>")
    tokenizer = tokenizers.Tokenizer(words)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer).save_pretrained(place)
    (place / "text").write_text(" ".join(str(3 + number * number % 96) for number in range(150)))
    return place


def arguments(folder, *more):
    return ("check", folder, "--text", folder / "text", "--pairs", 30, "--length", 72, *more)


def test_json_is_the_direct_call(folder):
    content = parsed(*arguments(folder, "--factor", 1))
    ids = [3 + number * number % 96 for number in range(150)]
    assert content["violations"] == 0
    record = check(load_model(folder)[0], ids, pairs=30, length=72)
    same(content, record, source=str(folder), text=str(folder / "text"))


def test_tables_show_scalings_bounds_attention_and_losses(folder):
    result = call(*arguments(folder))
    assert result.exit_code == 0, result.stderr
    for word in (
        "PositionInterpolation(4)",
        "NTKAware(4)",
        "YaRN(4)",
        "chord_sharp",
        "attention_shift",
        "entropy",
        "nats",
    ):
        assert word in result.stdout
    assert "No proved bound was exceeded. Theorem 2.1 as printed was exceeded" in " ".join(result.stdout.split())


def test_the_page_needs_nothing_else(folder, tmp_path):
    pytest.importorskip("matplotlib")
    result = call(*arguments(folder, "--html", tmp_path / "page.html"))
    assert result.exit_code == 0, result.stderr
    page = (tmp_path / "page.html").read_text()
    assert page.count("<img") == 6
    assert not re.search(r"<script|<link|https?://", page)
    assert "No proved bound was exceeded." in page
    assert "Theorem 2.1 as printed was exceeded" in page


def test_wrong_input(folder, tmp_path):
    for given, words in (
        (("check", tmp_path / "nowhere"), "does not exist; give the folder of the model"),
        (("check", folder, "--text", tmp_path / "nothing"), "nothing"),
        (arguments(folder, "--device", "toaster"), "device must be cpu or cuda"),
        (arguments(folder, "--html", tmp_path / "no" / "page.html"), "does not exist"),
        (arguments(folder, "--factor", 0.5), "factor must be at least 1"),
        (("check", folder, "--text", folder / "text", "--length", 3), "length must be at least 24"),
    ):
        result = call(*given)
        assert result.exit_code == 2, given
        assert words in result.stderr
        assert "Traceback" not in result.stderr


def test_the_overview_is_of_the_rows(folder):
    ids = [3 + number * number % 96 for number in range(150)]
    result = check(load_model(folder)[0], ids, pairs=30, length=72)
    seen = rt.reports.check_overview(result)
    inside = [row.between for row in result.rows if row.region == "inside"]
    assert seen.rows[0].mean == pytest.approx(sum(inside) / len(inside))
    assert seen.heads == len(result.heads.rows) == 8
    assert sum(row.violations for row in seen.bounds) == result.published_violations
    region, mean, _, tokens = seen.losses[1]
    beyond = [row for row in result.losses.rows if row.region == region == "beyond"]
    assert tokens == sum(row.tokens for row in beyond)
    assert mean == pytest.approx(sum(row.tokens * row.loss for row in beyond) / tokens)
