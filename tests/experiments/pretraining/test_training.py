"""The training run on a small corpus: rows, checkpoints, and a kill that changes nothing."""

import json
import shutil

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from experiments import pretrain  # noqa: E402
from experiments.pretraining import corpus, measured, tokens, training  # noqa: E402
from experiments.pretraining.recipe import Recipe, Stage  # noqa: E402
from experiments.pretraining.rows import Rows  # noqa: E402
from rope_theory.models import loading  # noqa: E402
from rope_theory.models.passkey_prompt import PasskeyPrompts  # noqa: E402

RECIPE = Recipe(
    training=("tornado",), held_out=("joblib",), vocabulary=600, hidden=32, inner=48, layers=2, heads=2, window=128,
    batch=4, steps=12, warmup=2, curriculum=(Stage(4, 2, 110), Stage(0, 1, 128)), precision="float32",
)  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    return tokens.prepare(folder, RECIPE.vocabulary, (RECIPE.training, RECIPE.held_out))


@pytest.fixture(scope="module")
def prompts(prepared):
    return PasskeyPrompts(prepared.tokenizer)


def begin(prepared, recipe=RECIPE):
    rows = Rows(prepared.training.ids, PasskeyPrompts(prepared.tokenizer), prepared.tokenizer.eos_token_id, recipe)
    return training.start(recipe, (prepared.tokenizer.bos_token_id, prepared.tokenizer.eos_token_id), "cpu"), rows


def weights(state):
    return {name: value.clone() for name, value in state.model.state_dict().items()}


@pytest.fixture(scope="module")
def unbroken(prepared, tmp_path_factory):
    state, rows = begin(prepared)
    return training.run(state, rows, RECIPE, tmp_path_factory.mktemp("unbroken"), every=3)


def test_the_tokenizer_keeps_digits_single_and_every_text(prepared):
    ids = prepared.tokenizer("x = 12345  # θ, ☃\n", add_special_tokens=False)["input_ids"]
    assert prepared.tokenizer.decode(ids) == "x = 12345  # θ, ☃\n"
    assert [
        prepared.tokenizer.decode([one]) for one in ids if prepared.tokenizer.decode([one]).strip().isdigit()
    ] == list("12345")


def test_streams_hold_whole_documents(prepared):
    stream = prepared.training
    assert len(stream.names) == prepared.facts["training"]["files"] == len(stream.starts) - 1
    document = next(corpus.documents("tornado"))
    piece = stream.ids[stream.starts[0] : stream.starts[1]]
    assert (piece[0], piece[-1]) == (prepared.tokenizer.bos_token_id, prepared.tokenizer.eos_token_id)
    assert prepared.tokenizer.decode(piece[1:-1]) == document.text
    assert stream.names[0] == f"tornado/{document.path}"


def test_a_second_preparation_reads_the_first(prepared, tmp_path, monkeypatch):
    first = tokens.prepare(tmp_path, 400, (("joblib",), ("tornado",)))
    monkeypatch.setattr(tokens, "_trained", lambda *given: pytest.fail("made twice"))
    second = tokens.prepare(tmp_path, 400, (("joblib",), ("tornado",)))
    assert first.facts == second.facts
    np.testing.assert_array_equal(first.training.ids, second.training.ids)


def test_rows_follow_from_the_step_and_weigh_what_the_recipe_says(prepared, prompts):
    _, rows = begin(prepared)
    ids, weight = rows.batch(1)
    again, _ = rows.batch(1)
    np.testing.assert_array_equal(ids, again)
    assert not np.array_equal(ids, rows.batch(2)[0])
    assert set(np.unique(weight[2:])) == {1.0}  # two rows hold passkeys
    for row in range(2):
        assert (weight[row] == np.float32(RECIPE.answer_weight)).sum() == 6  # a space and five digits
        text = prepared.tokenizer.decode(ids[row])
        answer = prepared.tokenizer.decode(ids[row][weight[row] == np.float32(RECIPE.answer_weight)]).strip()
        assert text.count(answer) == 3
    assert (rows.batch(6)[1] == np.float32(RECIPE.answer_weight)).any(1).sum() == 1  # the second stage


def test_the_rate_warms_up_stays_and_falls(prepared):
    rates = [RECIPE.rate_at(step) for step in range(RECIPE.steps)]
    assert rates[0] == RECIPE.rate / 2
    assert rates[1:10] == [RECIPE.rate] * 9
    assert RECIPE.rate > rates[10] > rates[11] > 0.0


@pytest.mark.parametrize("stop", [3, 5, 7, 11])
def test_a_killed_run_ends_with_the_same_weights(prepared, unbroken, tmp_path, stop):
    class Killed(Exception):
        pass

    def kill(step, loss):
        if step == stop:
            raise Killed

    state, rows = begin(prepared)
    with pytest.raises(Killed):
        training.run(state, rows, RECIPE, tmp_path, every=3, report=kill)
    (tmp_path / ".step-000099.partial").mkdir()  # what a kill during a save leaves
    state, rows = begin(prepared)
    state = training.resume(state, tmp_path, RECIPE)
    assert state.step == (stop - 1) // 3 * 3 or state.step == stop == 3
    state = training.run(state, rows, RECIPE, tmp_path, every=3)
    for name, value in weights(unbroken).items():
        assert torch.equal(value, state.model.state_dict()[name]), name
    assert [row["loss"] for row in state.losses] == [row["loss"] for row in unbroken.losses]


def test_a_longer_run_goes_on_from_the_plateau_of_a_shorter_one(prepared, tmp_path):
    state, rows = begin(prepared)
    training.run(state, rows, RECIPE, tmp_path, every=3)
    assert sorted(path.name for path in tmp_path.glob("step-*")) == ["step-000009", "step-000012"]
    longer = Recipe(**{**RECIPE.__dict__, "steps": 20})
    state, rows = begin(prepared, longer)
    assert training.resume(state, tmp_path, longer).step == 9  # at 12 the shorter one had slowed down
    training.run(state, rows, longer, tmp_path, every=3)
    direct, rows = begin(prepared, longer)
    training.run(direct, rows, longer, tmp_path / "direct", every=3)
    assert torch.equal(weights(direct)["lm_head.weight"], weights(state)["lm_head.weight"])


def test_runs_of_two_lengths_keep_their_checkpoints_side_by_side(prepared, tmp_path):
    longer = Recipe(**{**RECIPE.__dict__, "steps": 24})
    state, rows = begin(prepared, longer)
    training.run(state, rows, longer, tmp_path, every=3)
    assert [path.name for path in sorted(tmp_path.glob("step-*"))] == ["step-000018", "step-000021", "step-000024"]
    state, rows = begin(prepared)
    training.run(training.resume(state, tmp_path, RECIPE), rows, RECIPE, tmp_path, every=3, until=6)
    assert (tmp_path / "step-000006").is_dir()  # not dropped because later ones exist
    state, _ = begin(prepared)
    assert training.resume(state, tmp_path, RECIPE).step == 6
    state, _ = begin(prepared, longer)
    assert training.resume(state, tmp_path, longer).step == 24


def test_a_folder_of_something_else_is_not_replaced(tmp_path):
    from experiments.pretraining import card

    card.check_place(tmp_path / "new")
    card.check_place(tmp_path)
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ValueError, match="holds something else"):
        card.check_place(tmp_path)
    (tmp_path / "run.json").write_text("{}")
    card.check_place(tmp_path)


def test_training_lowers_the_loss(prepared, tmp_path):
    recipe = Recipe(**{**RECIPE.__dict__, "steps": 60})
    state, rows = begin(prepared, recipe)
    losses = training.run(state, rows, recipe, tmp_path, every=20).losses
    assert losses[-1]["loss"] < losses[0]["loss"] - 0.3


def test_a_loss_that_is_nan_stops_the_run(prepared, tmp_path):
    state, rows = begin(prepared)
    with torch.no_grad():
        state.model.lm_head.weight.fill_(float("nan"))
    with pytest.raises(ValueError, match="lower the learning rate"):
        training.run(state, rows, RECIPE, tmp_path, every=3)
    assert not list(tmp_path.glob("step-*"))


def test_the_weighted_loss_is_the_one_written_out(prepared):
    state, rows = begin(prepared)
    ids, weight = (torch.from_numpy(array) for array in rows.batch(0))
    with torch.no_grad():
        p = state.model(ids).logits.double().log_softmax(-1)
        each = -p[:, :-1].gather(-1, ids[:, 1:, None])[..., 0]
        expected = (each * weight[:, 1:]).sum() / weight[:, 1:].sum()
        assert float(training.weighted_loss(state.model, ids, weight)) == pytest.approx(float(expected), rel=1e-5)


def test_the_whole_command_writes_a_model_that_loads(prepared, tmp_path, monkeypatch):
    monkeypatch.setattr(pretrain, "WINDOWS", 6)
    monkeypatch.setattr(pretrain, "TRIALS", 2)
    out = tmp_path / "model"
    pretrain.train(RECIPE, prepared, "cpu", out, tmp_path / "run")
    model, tokenizer = loading.load_model(out)
    assert model.config.max_position_embeddings == 128
    assert tokenizer.decode(loading.encoded("def f(x):", tokenizer)) == "def f(x):"
    facts = json.loads((out / "run.json").read_text())
    card = (out / "README.md").read_text()
    assert f"{facts['quality']['ratio']:.3f}" in card
    assert facts["facts"]["training"]["sha256"] in card
    assert (out / "corpus.csv").read_text().count("\n") == 1 + sum(facts["facts"][s]["files"] for s in facts["facts"])
    assert max(path.stat().st_size for path in out.iterdir()) <= 16 * 2**20
    assert not list(tmp_path.glob(".*.partial"))
    shutil.rmtree(out)


def test_held_out_numbers_are_those_of_the_windows(prepared, unbroken, prompts):
    from experiments.pretraining import kneser_ney

    model = unbroken.model.eval()
    trigram = kneser_ney.fit(np.asarray(prepared.training.ids), RECIPE.vocabulary)
    found = measured.held_out(model, prepared.held_out, trigram, window=16, windows=40, bytes_a_token=2.0)
    starts, rows = measured.rows_of(prepared.held_out, 16, 40, seed=1)
    with torch.no_grad():
        p = model(torch.from_numpy(rows)).logits.double().log_softmax(-1)[:, :-1]
    own = -p.gather(-1, torch.from_numpy(rows)[:, 1:, None])[..., 0].numpy()
    other = [
        -np.log(trigram.probabilities(prepared.held_out.ids[place - 2 : place + 1])[0])
        for start in starts
        for place in range(start + 1, start + 16)
    ]
    assert found.loss == pytest.approx(own.mean(), rel=1e-5)
    assert found.loss_error == pytest.approx(own.mean(-1).std(ddof=1) / np.sqrt(40), rel=1e-4)
    assert found.ratio == pytest.approx(np.exp(own.mean() - np.mean(other)), rel=1e-5)
    assert found.tokens == 600
    cells = measured.passkeys(model, prompts, lengths=(100, 120), places=3, trials=2, seed=0)
    assert [cell.length for cell in cells] == [100] * 3 + [120] * 3
    assert all(cell.found == 0 for cell in cells)  # nothing is learnt in twelve steps
