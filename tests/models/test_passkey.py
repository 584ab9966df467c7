"""The passkey protocol: places to the token, counts against real decoding, k_max by hand."""

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
tokenizers = pytest.importorskip("tokenizers")

from tiny_models import build  # noqa: E402

from rope_theory.models import (  # noqa: E402
    PasskeyRow,
    _memory,
    passkey,
)
from rope_theory.models._losses import output_layer  # noqa: E402
from rope_theory.models._passkey import _found, _reach, wilson  # noqa: E402
from rope_theory.models.passkey_prompt import WORDING, PasskeyPrompts  # noqa: E402


@pytest.fixture(scope="module")
def tokenizer():
    """Return one token a byte of what the wording uses."""
    letters = {letter: number for number, letter in enumerate(map(chr, range(32, 127)), start=3)}
    letters |= {"\n": 2, "<s>": 1, "<unk>": 0}
    model = tokenizers.Tokenizer(tokenizers.models.BPE(letters, [], unk_token="<unk>"))
    return transformers.PreTrainedTokenizerFast(tokenizer_object=model, bos_token="<s>")


@pytest.fixture(scope="module")
def model():
    return build("llama", max_position_embeddings=512, vocab_size=99)


def prompts(tokenizer):
    return PasskeyPrompts(tokenizer)


def test_distances_are_the_papers_clipped_to_what_fits(model, tokenizer):
    shortest = prompts(tokenizer).shortest("12345")
    length = shortest + 6 + 64
    found = passkey(model, tokenizer, length=length, distances=8, trials=2)
    assert [row.nominal for row in found.rows] == [place * length / 8 for place in range(1, 9)]
    nearest = prompts(tokenizer).make(shortest, 0, "12345").distance
    for row in found.rows:
        assert row.distance == min(max(round(row.nominal), nearest), nearest + 64)
    assert {row.length for row in found.rows} == {length}
    assert (found.trials, found.distances, found.instruction) == (2, 8, WORDING.instruction)


def test_found_is_what_greedy_decoding_writes(tokenizer):
    model = build("llama", max_position_embeddings=512, vocab_size=99)
    made = prompts(tokenizer)
    length = made.shortest("12345") + 6 + 20
    # teach it to write one key, whatever was asked, so that some trials succeed
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    keys = ["11111", "22222", "33333"]
    for step in range(60):
        prompt = made.make(length - 6, step % 20, keys[step % 3])
        ids = torch.tensor([prompt.ids + prompt.answer])
        labels = ids.clone()
        labels[:, : len(prompt.ids)] = -100
        loss = model(ids, labels=labels).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    counts = []
    for key in [*keys, "12345", "99999"]:
        for after in (0, 7, 20):
            prompt = made.make(length - 6, after, key)
            written = model.generate(
                torch.tensor([prompt.ids]), max_new_tokens=len(prompt.answer), do_sample=False, pad_token_id=0
            )[0, len(prompt.ids) :]
            greedy = written.tolist() == list(prompt.answer)
            with torch.no_grad():
                assert _found(model, output_layer(model), [prompt]) == greedy
            counts.append(greedy)
    assert 0 < sum(counts) < len(counts)


def test_several_lengths_and_the_seed(model, tokenizer):
    lengths = [prompts(tokenizer).shortest("12345") + more for more in (10, 30)]
    found = passkey(model, tokenizer, length=lengths, distances=3, trials=2, seed=5)
    assert [row.length for row in found.reach] == lengths
    assert len(found.rows) == 6
    assert found.to_pandas().shape == (6, 8)
    assert passkey(model, tokenizer, length=lengths, distances=3, trials=2, seed=5) == found
    assert found.k_max == found.reach[-1].k_max


def row(nominal, found):
    low, high = wilson(found, 10)
    return PasskeyRow(100, nominal, int(nominal), 10, found, found / 10, low, high)


@pytest.mark.parametrize(
    ("found", "reach"),
    [([10, 9, 2, 1], 30.0), ([1, 10, 10, 10], 0.0), ([10, 10, 1, 10], 20.0), ([2, 2, 2, 2], 40.0), ([0, 0, 0, 0], 0.0)],
)
def test_the_reach_ends_at_the_first_distance_that_fails(found, reach):
    rows = [row(10.0 * place, count) for place, count in enumerate(found, start=1)]
    assert _reach(100, rows).k_max == reach
    assert _reach(100, rows).share == pytest.approx(sum(found) / 40)


def test_wilson_against_values_of_statsmodels():
    # statsmodels 0.15.0: proportion_confint(count, nobs, method="wilson")
    expected = {
        (0, 10): (0.0, 0.27753279986288926),
        (2, 10): (0.056682151454375246, 0.5098375284633583),
        (10, 10): (0.7224672001371106, 1.0),
        (49, 50): (0.8950455641036218, 0.9964607407283538),
    }
    for (count, trials), interval in expected.items():
        assert wilson(count, trials) == pytest.approx(interval, abs=1e-9)


def test_a_tokenizer_of_another_model_is_refused(tokenizer):
    small = build("llama", max_position_embeddings=512, vocab_size=60)
    with pytest.raises(ValueError, match=r"makes token \d+, and the model knows 60: it is not the model's tokenizer"):
        passkey(small, tokenizer, length=400)


@pytest.mark.parametrize(
    ("more", "error", "words"),
    [
        ({"length": 100}, ValueError, r"length must be at least \d+, what the texts and the answer take, got 100"),
        ({"length": []}, ValueError, "length must name at least one window"),
        ({"length": 600, "trials": 0}, ValueError, "trials must be at least 1"),
        ({"length": 600, "distances": 0}, ValueError, "distances must be at least 1"),
        ({"length": "long"}, TypeError, "length must be an integer"),
        ({"length": [600, 600]}, ValueError, "length names a window twice"),
    ],
)
def test_bad_input_is_named(model, tokenizer, more, error, words):
    with pytest.raises(error, match=words):
        passkey(model, tokenizer, **more)


def test_other_models_and_too_little_memory(model, tokenizer, monkeypatch):
    with pytest.raises(TypeError, match="must be a loaded transformers model"):
        passkey(torch.nn.Linear(2, 2), tokenizer, length=600)
    monkeypatch.setattr(_memory, "_free", lambda device: 1 << 20)
    with pytest.raises(ValueError, match="positions fit"):
        passkey(model, tokenizer, length=600)


def test_keys_that_take_other_numbers_of_tokens_stand_at_the_same_distance(model):
    letters = {letter: number for number, letter in enumerate(map(chr, range(32, 127)), start=3)}
    letters |= {"\n": 2, "<s>": 1, "<unk>": 0, "99": 98}
    merging = tokenizers.Tokenizer(tokenizers.models.BPE(letters, [("9", "9")], unk_token="<unk>"))
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=merging, bos_token="<s>")
    made = PasskeyPrompts(tokenizer)
    assert made.shortest("99123") < made.shortest("12345")
    longest = made.shortest("12345") + len(made.make(made.shortest("12345"), 0, "12345").answer)
    found = passkey(model, tokenizer, length=longest, distances=4, trials=30)  # some of the keys have a 99
    assert {row.distance for row in found.rows} == {made.make(made.shortest("12345"), 0, "12345").distance}
    with pytest.raises(ValueError, match=f"length must be at least {longest}"):
        passkey(model, tokenizer, length=longest - 1, distances=4, trials=30)


def test_a_tokenizer_is_needed(model):
    with pytest.raises(ValueError, match="tokenizer must be the model's own, got None"):
        passkey(model, None, length=600)
