"""Passkey prompts: every token where it was asked for."""

import pytest

from rope_theory.models.passkey_prompt import WORDING, PasskeyPrompts, PasskeyWording


class Letters:
    """A tokenizer of one token a character, with a beginning token."""

    bos_token_id = 0

    def __call__(self, text, add_special_tokens):
        assert not add_special_tokens
        return {"input_ids": [ord(letter) for letter in text]}


class Merging(Letters):
    def __call__(self, text, add_special_tokens):
        return {"input_ids": [hash(text)]}


PROMPTS = PasskeyPrompts(Letters())


def text(ids):
    return "".join(map(chr, ids))


@pytest.mark.parametrize(("length", "after"), [(400, 0), (400, 37), (401, 100), (2000, 1500)])
def test_everything_stands_where_it_was_asked_for(length, after):
    prompt = PROMPTS.make(length, after, "40317")
    assert len(prompt.ids) == length
    line = WORDING.key.format(key="40317")
    assert text(prompt.ids[length - prompt.distance :]).startswith(line)
    assert prompt.distance == len(line) + after + len(WORDING.question)
    assert prompt.ids[0] == 0
    assert text(prompt.ids[1:]).startswith(WORDING.instruction)
    assert text(prompt.ids).endswith(WORDING.question)
    assert text(prompt.answer) == " 40317"
    for first, last in prompt.fillers:
        filler = text(prompt.ids[first:last])
        assert (WORDING.filler * 50).startswith(filler)
    assert [last - first for first, last in prompt.fillers] == [length - PROMPTS.shortest("40317") - after, after]


def test_the_shortest_has_no_filler():
    shortest = PROMPTS.shortest("12345")
    prompt = PROMPTS.make(shortest, 0, "12345")
    assert all(first == last for first, last in prompt.fillers)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((100, 0, "12345"), "length must be at least"),
        ((400, 399, "12345"), "after must be at most"),
        ((400, -1, "12345"), "after must be at least 0"),
        ((400, 0, "1234"), "five digits"),
        ((400, 0, 12345), "five digits"),
        ((400, 0, "१२३४५"), "five digits"),
    ],
)
def test_wrong_input_is_refused_in_words(arguments, words):
    with pytest.raises(ValueError, match=words):
        PROMPTS.make(*arguments)


def test_a_tokenizer_that_merges_question_and_answer():
    with pytest.raises(ValueError, match="merges the question"):
        PasskeyPrompts(Merging()).make(50, 0, "12345")


def test_a_key_line_needs_its_key():
    with pytest.raises(ValueError, match="where the number goes"):
        PasskeyWording("a", "b", "no key", "c")
