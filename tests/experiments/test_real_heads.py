"""The finding on trained heads: its part on little text, and the shipped model it stands on."""

import csv
import json

import numpy as np
import pytest

import rope_theory as rt
from experiments import pretrain, real_heads
from experiments.columns import rows_of
from experiments.parts import STORE

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from rope_theory.models.loading import load_model  # noqa: E402

SMALL = {**real_heads.INPUTS, "pairs": 12, "documents": 2}


@pytest.fixture(scope="module")
def data():
    return real_heads.PART.data()


def test_the_part_is_made_by_the_command():
    from paper_repro.command import PARTS

    assert real_heads.PART in PARTS


def test_tables_are_of_every_head(data):
    heads = 24
    assert len(data.tables["heads"]["layer"]) == heads
    assert len(data.tables["scores"]["layer"]) == heads * 4 * 2
    shares = np.array([values for name, values in data.tables["heads"].items() if name.startswith("share ")])
    np.testing.assert_allclose(shares.sum(0), 1.0)
    assert data.facts["violations"] == 0


def test_treatments_change_nothing_inside(data):
    losses = data.facts["losses"]
    assert len({round(loss["inside"], 4) for loss in losses.values()}) == 1
    assert len({round(loss["beyond"], 2) for loss in losses.values()}) > 1


def test_long_rows_are_the_check_they_were_made_of():
    rows = real_heads.check_rows(SMALL)
    model, tokenizer = load_model(pretrain.REFERENCE)
    scalings = [rt.scaling.PositionInterpolation(4.0), rt.scaling.NTKAware(4.0), rt.scaling.YaRN(4.0)]
    direct = rt.models.check(model, real_heads._ids(SMALL, tokenizer, 1024), scalings=scalings, length=1024, pairs=12)
    found = real_heads._check(real_heads._tables(rows))
    assert found.rows == direct.rows
    for name in ("heads", "bounds", "attention"):
        assert getattr(found, name).rows == getattr(direct, name).rows


def test_stored_losses_are_those_of_the_shipped_model():
    columns = STORE.read(real_heads.LOSSES).values()
    stored = {(name, text, start): loss for name, text, start, _, loss in zip(*columns, strict=True)}
    for treatment in ("plain", "near"):
        chunk = {**real_heads.INPUTS, "treatment": treatment, "texts": [0, 15]}
        for _, text, start, _, loss in zip(*real_heads.loss_rows(chunk).values(), strict=True):
            assert loss == pytest.approx(stored[treatment, text, start], rel=1e-3)


def test_the_picture_shows_what_was_computed(data):
    pytest.importorskip("matplotlib")
    figure = real_heads.draw(data)
    sizes, losses, attention, shares = figure.axes
    rows = list(rows_of(data.tables["scores"]))
    own = [row for row in rows if row["scaling"] == "Unscaled()" and row["region"] == "beyond"]
    np.testing.assert_array_equal(sizes.lines[0].get_ydata(), [row["largest_between"] for row in own])
    np.testing.assert_array_equal(losses.lines[0].get_ydata(), data.tables["losses"]["plain, mean"])
    assert len(shares.lines) == 24 + 1
    assert len(attention.lines[0].get_xdata()) == 24
    figure.clear()


def test_the_shipped_model_is_what_its_card_says():
    facts = json.loads((pretrain.REFERENCE / "run.json").read_text())
    card = (pretrain.REFERENCE / "README.md").read_text()
    for number in (f"{facts['quality']['ratio']:.3f}", f"{facts['quality']['perplexity']:.3f}"):
        assert number in card
    assert facts["quality"]["ratio"] <= 0.5
    assert sum(cell["found"] for cell in facts["passkeys"]) >= 0.95 * sum(cell["trials"] for cell in facts["passkeys"])
    assert facts["long_documents"] > 0
    sizes = [path.stat().st_size for path in pretrain.REFERENCE.iterdir()]
    assert max(sizes) <= 16 * 2**20
    assert sum(sizes) <= 32 * 2**20
    weights = {path.suffix for path in pretrain.REFERENCE.iterdir() if path.stat().st_size > 2**20}
    assert weights == {".safetensors"}
    with (pretrain.REFERENCE / "corpus.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for split, part in facts["facts"].items():
        assert sum(row["split"] == split for row in rows) == part["files"]
        assert sum(int(row["tokens"]) for row in rows if row["split"] == split) == part["tokens"]


def test_the_shipped_model_finds_passkeys_and_predicts_code():
    from experiments.pretraining import measured
    from rope_theory.models.loading import encoded
    from rope_theory.models.passkey_prompt import PasskeyPrompts

    model, tokenizer = load_model(pretrain.REFERENCE)
    assert model.config.head_dim >= 64
    cells = measured.passkeys(model, PasskeyPrompts(tokenizer), lengths=(120, 240), places=3, trials=4, seed=5)
    assert sum(cell.found for cell in cells) >= 0.8 * sum(cell.trials for cell in cells)
    ids = encoded("import numpy as np\n\n\ndef mean(values):\n    return np.", tokenizer)
    loss = measured.losses(model, np.array([ids])).mean()
    assert loss < 0.7 * np.log(model.config.vocab_size)
