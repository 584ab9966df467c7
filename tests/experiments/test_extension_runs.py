"""Runs of the extension experiments: what they measure, what is stored, and the texts they stand on."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest

import rope_theory as rt
from experiments import files, pretrain
from experiments.columns import one_of
from experiments.extension import plan, results, runs, texts, variants
from rope_theory._core.records import json_ready

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from rope_theory.models.loading import load_model  # noqa: E402

SMALL = runs.Measure(windows=(1, 2), documents=2, corpora=("code",), distances=2, trials=1)
RUN = runs.Settings("reference", "PI", 2.0, (0, 1, 2), 1e-3, tokens_a_step=512)


@pytest.fixture(scope="module")
def tokenizer():
    return load_model(pretrain.REFERENCE)[1]


@pytest.fixture
def little(monkeypatch, tmp_path):
    """Fine-tune on one small package."""
    monkeypatch.setattr(texts, "TUNING", ("joblib",))
    monkeypatch.setattr(texts, "TUNING_TOKENS", 20_000)
    stream = texts.tuning_stream
    monkeypatch.setattr(texts, "tuning_stream", lambda tokenizer, longest: stream(tokenizer, longest, tmp_path))


def test_the_tuning_stream_holds_passkeys_of_the_trained_window_only(little, tokenizer):
    stream = texts.tuning_stream(tokenizer, 256)
    again = texts.tuning_stream(tokenizer, 256)  # from its file
    assert stream.dtype == np.uint16
    assert np.array_equal(stream, again)
    assert len(stream) == 20_000
    documents = tokenizer.decode(stream.tolist()).split(tokenizer.eos_token)[:-1]
    passkeys = [one for one in documents if "What was the pass key?" in one]
    lengths = [len(tokenizer(one)["input_ids"]) for one in passkeys]
    assert 0.05 < sum(lengths) / len(stream) < 0.15
    assert max(lengths) <= 256


def test_held_out_documents_are_of_packages_never_trained_on(tokenizer):
    found = texts.held_out("code", tokenizer, documents=3, tokens=300)
    assert [len(ids) for ids in found] == [300] * 3
    assert not set(texts.TUNING) & {"dask", "mpmath", "networkx", "pandas"}
    prose = texts.held_out("prose", tokenizer, documents=2, tokens=300)
    assert not np.array_equal(prose[0], found[0])
    with pytest.raises(ValueError, match=r"The prose text has \d+ documents of 900000 tokens, and 2 are wanted"):
        texts.held_out("prose", tokenizer, documents=2, tokens=900_000)


def test_any_text_may_be_measured_on(tokenizer, tmp_path):
    (tmp_path / "text").write_text("a few words, again and again. " * 200)
    found = texts.held_out(str(tmp_path / "text"), tokenizer, documents=5, tokens=100)
    assert len(found) == 5
    with pytest.raises(ValueError, match="fewer than one document of 90000"):
        texts.held_out(str(tmp_path / "text"), tokenizer, documents=5, tokens=90_000)


def test_a_run_measures_what_the_functions_measure(little, tmp_path):
    place = runs.make(RUN, pretrain.REFERENCE, tmp_path, SMALL)
    content = runs.read(RUN, tmp_path)
    assert place.name == "reference_pi_2x_2_rate0.001_seed0.json"
    model, tokenizer = load_model(pretrain.REFERENCE)
    extended = rt.models.extend(model, rt.scaling.PositionInterpolation(2.0))
    documents = texts.held_out("code", tokenizer, documents=2, tokens=512)
    rows = {(row["step"], row["quantity"], row["window"]): row["value"] for row in content["rows"]}
    for window in (256, 512):
        assert rows[0, "nll", window] == rt.models.perplexity(extended, documents, window=window).nll
    assert {step for step, _, _ in rows} == {0, 1, 2}
    assert (1, "found", 256) not in rows  # measured in full at the ends only
    assert (2, "k_max", 512) in rows
    shares = [row["share"] for row in content["passkeys"] if (row["step"], row["window"]) == (2, 512)]
    assert len(shares) == SMALL.distances
    assert rows[2, "found", 512] == pytest.approx(np.mean(shares))
    assert {(row["step"], row["window"]) for row in content["passkeys"]} == {
        (0, 256), (0, 512), (1, 512), (2, 256), (2, 512)
    }  # fmt: skip
    stream = texts.tuning_stream(tokenizer, 256).astype(np.int64)
    tuned = rt.models.finetune(
        model, stream, scaling=rt.scaling.PositionInterpolation(2.0), length=512, steps=2, batch=1, rate=1e-3
    )
    assert content["losses"] == pytest.approx(tuned.losses.tolist(), rel=1e-6)
    assert rows[2, "nll", 512] == pytest.approx(rt.models.perplexity(tuned.model, documents, window=512).nll, rel=1e-6)
    before = place.read_bytes()
    runs.make(RUN, pretrain.REFERENCE, tmp_path, SMALL)  # is there already
    assert place.read_bytes() == before


def test_missing_and_other_runs_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"The run reference_pi_2x_2_\S+ has no file in .* --preset full` makes it"):
        runs.read(RUN, tmp_path)
    runs.path_of(RUN, tmp_path).write_text(json.dumps({"settings": {}}))
    with pytest.raises(ValueError, match="is of a run with other settings"):
        runs.read(RUN, tmp_path)


def test_a_run_of_another_reference_model_is_refused(tmp_path):
    content = {"settings": json_ready(asdict(RUN)), "model": "another"}
    runs.path_of(RUN, tmp_path).write_text(json.dumps(content))
    with pytest.raises(ValueError, match="is of another reference model"):
        runs.make(RUN, pretrain.REFERENCE, tmp_path)


def test_a_seed_counts_once_though_two_runs_have_it(tmp_path):
    def stored(stages, seed, value):
        one = replace(RUN, stages=stages, seed=seed)
        row = {"step": 2, "quantity": "nll", "corpus": "code", "window": 256, "value": value, "error": None}
        content = {"settings": json_ready(asdict(one)), "model": runs.digest_of(pretrain.REFERENCE), "rows": [row]}
        runs.path_of(one, tmp_path).write_text(json.dumps(content))
        return one

    made = [stored((2,), seed, float(seed)) for seed in (0, 1, 2)] + [stored((2, 4), 0, 0.0)]
    row = one_of(results.columns_of(made, tmp_path), step=2)
    assert (row["seeds"], row["mean"], row["spread"]) == (3, 1.0, 1.0)


def test_names_tell_runs_apart():
    names = [one.name for one in plan.ALL]
    assert len(set(names)) == len(names)
    assert all(one.method in runs.METHODS for one in plan.ALL)
    with pytest.raises(ValueError, match="model must be one of reference, small_256"):
        variants.folder_of("tiny")


def test_a_variant_of_another_recipe_is_refused(tmp_path):
    (tmp_path / "small_256").mkdir()
    (tmp_path / "small_256" / "config.json").write_text("{}")
    (tmp_path / "small_256" / variants.RECIPE).write_bytes(files.as_json(variants.RECIPES["small_512"]))
    with pytest.raises(ValueError, match="was trained by another recipe; delete that folder"):
        variants.folder_of("small_256", cache=tmp_path)
    (tmp_path / "small_256" / variants.RECIPE).write_bytes(files.as_json(variants.RECIPES["small_256"]))
    assert variants.folder_of("small_256", cache=tmp_path) == tmp_path / "small_256"


def test_variants_see_the_same_tokens_and_passkeys():
    for recipe in variants.RECIPES.values():
        assert recipe.batch * recipe.window == variants.A_STEP
        assert recipe.hidden // recipe.heads == 64
        shares = [stage.passkey_rows / recipe.batch for stage in recipe.curriculum]
        assert shares == [1 / 2, 1 / 4, 1 / 8]


def name_of(one, data, device):
    return one.name


def test_missing_runs_are_made_and_others_left(tmp_path, monkeypatch):
    monkeypatch.setattr(plan, "_made", name_of)
    runs.path_of(plan.MAIN[0], tmp_path).write_text("{}")
    reported = []
    plan.make_missing(plan.MAIN[:2], tmp_path, reported.append, "cuda" if torch.cuda.is_available() else "cpu")
    assert reported == [plan.MAIN[0].name, plan.MAIN[1].name]
    with pytest.raises(ValueError, match="device must be cpu or cuda"):
        plan.make_missing(plan.MAIN[:1], tmp_path, device="tpu")
