"""The verbs about models on disk: their output against direct calls, and their words."""

import json

import pytest
from typer.testing import CliRunner

import rope_theory as rt
from rope_theory import cli

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from test_reports import same  # noqa: E402
from tiny_models import IDS, build  # noqa: E402

from rope_theory.models.loading import load_model  # noqa: E402


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a model of bytes with its tokenizer, and a text beside it."""
    tokenizers = pytest.importorskip("tokenizers")
    place = tmp_path_factory.mktemp("model")
    build("llama", max_position_embeddings=32, vocab_size=110).save_pretrained(place)
    letters = {letter: number for number, letter in enumerate(map(chr, range(32, 127)), start=3)}
    bare = tokenizers.Tokenizer(
        tokenizers.models.BPE({"<unk>": 0, "<s>": 1, "\n": 2, **letters}, [], unk_token="<unk>")
    )
    transformers.PreTrainedTokenizerFast(tokenizer_object=bare, bos_token="<s>").save_pretrained(place)
    (place / "text").write_text("".join(chr(32 + int(token) % 95) for token in IDS))
    return place


def invoke(*arguments):
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


def parsed(*arguments):
    result = invoke(*arguments, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def words(*arguments):
    result = invoke(*arguments)
    assert result.exit_code == 2, result.stdout
    return result.stderr


@pytest.mark.parametrize(
    ("method", "rope_type"),
    [
        ("pi", "linear"),
        ("ntk", "default"),
        ("dynamic", "dynamic"),
        ("by-parts", "longrope"),
        ("yarn", "yarn"),
        ("llama3", "llama3"),
    ],
)
def test_extend_writes_what_transformers_loads(folder, tmp_path, method, rope_type):
    out = tmp_path / "extended"
    found = parsed("extend", folder, "--method", method, "--factor", 2, "--out", out)
    config = transformers.AutoConfig.from_pretrained(out)
    assert config.rope_parameters["rope_type"] == rope_type
    assert found["logit_difference"] <= 1e-6
    assert (found["trained_window"], found["window_before"], found["window"]) == (32, 32, 64)
    assert "exact" in found["tables"]
    assert transformers.AutoTokenizer.from_pretrained(out).model_max_length == 64
    assert sorted(path.name for path in tmp_path.iterdir()) == ["extended"]  # nothing half-written


def test_extend_again_says_that_factors_multiply(folder, tmp_path):
    invoke("extend", folder, "--factor", 2, "--out", tmp_path / "once")
    result = invoke("extend", tmp_path / "once", "--factor", 3, "--out", tmp_path / "twice")
    assert result.exit_code == 0, result.stderr
    assert "extended already, by PositionInterpolation(2); factors multiply, to 6 in all" in " ".join(
        result.stdout.split()
    )
    assert rt.from_hf(tmp_path / "twice").scaling == rt.scaling.PositionInterpolation(6)


def test_extend_refuses_early_and_writes_nothing(folder, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("")
    assert "full is not empty; give the name of a new folder" in words("extend", folder, "--out", tmp_path / "full")
    assert "does not exist; make the folder first" in words("extend", folder, "--out", tmp_path / "no" / "way")
    assert "factor must be at least 1, got 0.5" in words("extend", folder, "--factor", 0.5, "--out", tmp_path / "x")
    invoke("extend", folder, "--method", "yarn", "--factor", 2, "--out", tmp_path / "yarn")
    assert "or pass --replace" in words("extend", tmp_path / "yarn", "--method", "llama3", "--out", tmp_path / "x")
    replaced = parsed("extend", tmp_path / "yarn", "--method", "llama3", "--out", tmp_path / "x", "--replace")
    assert replaced["keys"]["rope_type"] == "llama3"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full", "x", "yarn"]


def test_perplexity_is_the_direct_call(folder):
    found = parsed("perplexity", folder, "--text", folder / "text", "--window", 24, "--stride", 8)
    model, tokenizer = load_model(folder)
    ids = tokenizer((folder / "text").read_text())["input_ids"]
    assert found["nll"] == rt.models.perplexity(model, ids, window=24, stride=8).nll
    assert found["texts"] == [str(folder / "text")]
    table = invoke("perplexity", folder, "--text", folder / "text", "--text", folder / "text").stdout
    assert "over documents" in table
    assert "window 32, stride 32, token-weighted" in table


def test_perplexity_bad_input(folder, tmp_path):
    (tmp_path / "latin").write_bytes("é".encode("latin-1"))
    assert "is not a UTF-8 text" in words("perplexity", folder, "--text", tmp_path / "latin")
    assert "is no file" in words("perplexity", folder, "--text", tmp_path / "nothing")
    assert "window must be at most" in words("perplexity", folder, "--text", folder / "text", "--window", 4000)
    assert "stride must be at most" in words(
        "perplexity", folder, "--text", folder / "text", "--window", 20, "--stride", 30
    )


def test_passkey_prints_reach_and_rows(folder):
    found = parsed("passkey", folder, "--length", 400, "--distances", 2, "--trials", 1)
    assert [row["length"] for row in found["rows"]] == [400, 400]
    assert "k_max" in invoke("passkey", folder, "--length", 400, "--distances", 2, "--trials", 1).stdout
    assert "length must be at least" in words("passkey", folder, "--length", 40)


def test_finetune_writes_a_checkpoint_and_goes_on(folder, tmp_path):
    more = ("--text", folder / "text", "--factor", 2, "--batch", 2, "--rate", 1e-3)
    found = parsed("finetune", folder, *more, "--steps", 3, "--out", tmp_path / "tuned")
    assert len(found["losses"]) == 3
    model, _ = load_model(tmp_path / "tuned")
    assert model.config.max_position_embeddings == 64
    assert rt.from_hf(tmp_path / "tuned").scaling == rt.scaling.PositionInterpolation(2)
    assert (tmp_path / "tuned.checkpoints" / "checkpoint-3").is_dir()
    again = parsed(
        "finetune",
        folder,
        *more,
        "--steps",
        5,
        "--out",
        tmp_path / "more",
        "--checkpoints",
        tmp_path / "tuned.checkpoints",
    )
    assert again["resumed_at"] == 3
    assert again["losses"][:3] == found["losses"]
    assert "not empty" in words("finetune", folder, *more, "--out", tmp_path / "tuned")
    assert "--rate must be above 0" in words(
        "finetune", folder, "--text", folder / "text", "--rate", 0, "--out", tmp_path / "x"
    )


@pytest.mark.filterwarnings("ignore:Note that")
def test_json_is_the_record_of_the_direct_call(folder, tmp_path):
    source, text, out = str(folder), str(folder / "text"), tmp_path / "out"
    model, tokenizer = load_model(source)
    ids = tokenizer((folder / "text").read_text())["input_ids"]
    found = parsed("extend", folder, "--method", "yarn", "--factor", 2, "--out", out)
    out.rename(tmp_path / "once")
    same(found, rt.models.export_extended(model, tokenizer, rt.scaling.YaRN(2), out))
    found = parsed("perplexity", folder, "--text", text, "--window", 24, "--stride", 8)
    same(found, rt.models.perplexity(model, ids, window=24, stride=8), source=source, texts=[text])
    found = parsed("passkey", folder, "--length", 400, "--distances", 2, "--trials", 1)
    same(found, rt.models.passkey(model, tokenizer, length=400, distances=2, trials=1), source=source)
    settings = ("--factor", 2, "--batch", 2, "--steps", 2, "--rate", 1e-3)
    found = parsed("finetune", folder, "--text", text, *settings, "--out", tmp_path / "tuned")
    scaling = rt.scaling.PositionInterpolation(2)
    record = rt.models.finetune(model, [ids], scaling=scaling, length=64, steps=2, batch=2, rate=1e-3, device="cpu")
    assert "model" not in found
    checkpoints = str(tmp_path / "tuned.checkpoints")
    same(found, record, source=source, folder=str(tmp_path / "tuned"), checkpoints=checkpoints)


@pytest.fixture(scope="module")
def phi3(folder, tmp_path_factory):
    """Return a checkpoint of Phi-3's class that rotates the whole head, as Phi-3-mini-4k does, with a tokenizer."""
    place = tmp_path_factory.mktemp("phi3")
    keys = {"rope_parameters": {"rope_type": "default", "rope_theta": 1e4}, "original_max_position_embeddings": 32}
    build("phi3", max_position_embeddings=32, vocab_size=110, **keys).save_pretrained(place)
    transformers.AutoTokenizer.from_pretrained(folder).save_pretrained(place)
    return place


@pytest.mark.parametrize("method", ["none", "pi", "ntk", "by-parts", "yarn", "llama3"])
def test_extend_writes_phi3_by_every_method_its_class_takes(phi3, tmp_path, method):
    length = ("--length", 64) if method == "none" else ()
    found = parsed("extend", phi3, "--method", method, "--factor", 2, *length, "--out", tmp_path / "out")
    assert found["logit_difference"] <= 1e-5
    assert "exact" in found["tables"]


def test_extend_refuses_what_phi3_cannot_say_in_words(phi3, tmp_path):
    message = words("extend", phi3, "--method", "dynamic", "--factor", 2, "--out", tmp_path / "out")
    assert "Phi3ForCausalLM cannot be extended by DynamicNTK(2): transformers cannot save" in " ".join(message.split())
    assert not list(tmp_path.iterdir())


def test_finetune_of_phi3_writes_its_checkpoints(phi3, folder, tmp_path):
    more = ("--text", folder / "text", "--factor", 2, "--batch", 2, "--rate", 1e-3)
    found = parsed("finetune", phi3, *more, "--steps", 2, "--out", tmp_path / "tuned")
    assert len(found["losses"]) == 2
    assert (tmp_path / "tuned.checkpoints" / "checkpoint-2").is_dir()
