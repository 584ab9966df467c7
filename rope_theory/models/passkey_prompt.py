"""Passkey documents: a number hidden in idle text and asked for at the end, every part placed to the token."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from rope_theory._core.checks import integer
from rope_theory._core.records import Record
from rope_theory.errors import WrongValue


@dataclass(frozen=True)
class PasskeyWording:
    """The texts of a passkey document, of the structure that Mohtashami and Jaggi (2305.16300) gave the task.

    Attributes
    ----------
    instruction : str
        Says that something is hidden and has to be remembered.
    filler : str
        Five short sentences, repeated and cut to the token.
    key : str
        The line with the key, ``{key}`` twice.
    question : str
        Asks for the key; ends where the model goes on with a space and the key.
    """

    instruction: str
    filler: str
    key: str
    question: str

    def __post_init__(self) -> None:
        if self.key.count("{key}") < 1:
            raise WrongValue("The key line", "must contain {key} where the number goes", f"{self.key!r}")


WORDING = PasskeyWording(
    instruction="One fact is hidden in this long and idle text. Find it and keep it in mind: a question follows.\n",
    filler=" Grass grows green. Skies turn blue. The sun stands high. Off we go. Home we come.",
    key=" The pass key is {key}. Keep it in mind: {key} is the pass key.",
    question="\nWhat was the pass key? The pass key is",
)
"""The package's own wording of the paper's prompt."""


@dataclass(frozen=True)
class PasskeyPrompt(Record):
    """One document up to its question, and the answer.

    Attributes
    ----------
    ids : tuple of int
        The prompt; the answer follows it.
    answer : tuple of int
        Tokens of a space and the key, as they continue the question.
    key : str
        Five digits.
    distance : int
        Tokens from the first token of the key line to the end of the prompt.
    fillers : tuple of (int, int)
        First index of each stretch of filler in ``ids``, and the one after its last.
    """

    ids: tuple[int, ...]
    answer: tuple[int, ...]
    key: str
    distance: int
    fillers: tuple[tuple[int, int], tuple[int, int]]


class PasskeyPrompts:
    """Maker of passkey prompts for one tokenizer.

    Parameters
    ----------
    tokenizer : transformers tokenizer
        Its beginning-of-sequence token, where it has one, comes first.
    wording : PasskeyWording
        The texts.
    """

    def __init__(self, tokenizer: Any, wording: PasskeyWording = WORDING) -> None:
        self._tokenizer = tokenizer
        self._wording = wording
        begin = () if tokenizer.bos_token_id is None else (int(tokenizer.bos_token_id),)
        self._instruction = begin + self._encode(wording.instruction)
        self._filler = self._encode(wording.filler)
        self._question = self._encode(wording.question)
        if not self._filler or not self._question:
            raise WrongValue(
                "The tokenizer", "makes no tokens of the filler or the question", remedy="is it the model's own?"
            )

    def shortest(self, key: str) -> int:
        """Return the tokens of a prompt without filler."""
        return len(self._instruction) + len(self._line(key)) + len(self._question)

    def make(self, length: int, after: int, key: str) -> PasskeyPrompt:
        """Return the prompt of ``length`` tokens with ``after`` tokens of filler behind the key line.

        Parameters
        ----------
        length : int
            Tokens of the prompt, without the answer.
        after : int
            Tokens of filler between key line and question, from 0 to ``length - shortest(key)``.
        key : str
            Five digits.

        Raises
        ------
        ValueError
            For a length that does not hold instruction, key and question, more filler than fits, a key that is not
            five digits, a tokenizer that merges question and answer.
        """
        if not isinstance(key, str) or not re.fullmatch("[0-9]{5}", key):
            raise WrongValue("key", "must be five digits", f"{key!r}")
        line = self._line(key)
        length = integer(length, "length", self.shortest(key), "Instruction, key line and question need that many.")
        room = length - self.shortest(key)
        after = integer(after, "after", 0)
        if after > room:
            raise WrongValue("after", f"must be at most {room}, what {length} tokens leave for filler", after)
        before = room - after
        stretch = self._filler * (max(before, after) // len(self._filler) + 1)
        ids = self._instruction + stretch[:before] + line + stretch[:after] + self._question
        first = len(self._instruction)
        second = first + before + len(line)
        return PasskeyPrompt(
            ids=ids,
            answer=self._answer(key),
            key=key,
            distance=length - first - before,
            fillers=((first, first + before), (second, second + after)),
        )

    def _encode(self, text: str) -> tuple[int, ...]:
        return tuple(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def _line(self, key: str) -> tuple[int, ...]:
        return self._encode(self._wording.key.format(key=key))

    def _answer(self, key: str) -> tuple[int, ...]:
        whole = self._encode(f"{self._wording.question} {key}")
        if whole[: len(self._question)] != self._question:
            raise WrongValue(
                "The tokenizer", "merges the question with its answer", remedy="word the question otherwise"
            )
        return whole[len(self._question) :]
