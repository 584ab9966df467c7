"""Tokenizer and token streams, made once from the corpus and kept in an untracked folder."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments import files
from experiments.pretraining import corpus
from rope_theory.models.passkey_prompt import WORDING

BEGIN, END = "<s>", "</s>"
"""Special tokens: before every document, and after it."""

SAMPLE = 20_000_000
"""Characters of the training text that the tokenizer is learnt from."""

PASSKEY_LINES = 2000
"""Passkey documents beside them, so that their words are tokens too."""

AT_ONCE = 256
"""Documents encoded at a time."""

DTYPE = np.uint16


@dataclass(frozen=True, eq=False)
class Stream:
    """Tokens of many documents, one behind the other, each between the two special tokens.

    Attributes
    ----------
    ids : ndarray of uint16, shape (n,)
        Tokens.
    starts : ndarray of int, shape (documents + 1,)
        First token of every document, and n.
    names : tuple of str
        package/path of every document.
    """

    ids: NDArray[Any]
    starts: NDArray[np.int64]
    names: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Prepared:
    """Tokenizer, streams and facts of a corpus.

    Attributes
    ----------
    tokenizer : transformers tokenizer
        Byte-level BPE, digits one by one.
    training, held_out : Stream
        Tokens.
    facts : dict
        Versions, number of files, bytes and SHA-256, per split.
    """

    tokenizer: Any
    training: Stream
    held_out: Stream
    facts: dict[str, Any]


def prepare(folder: Path, vocabulary: int, packages: tuple[tuple[str, ...], tuple[str, ...]]) -> Prepared:
    """Return the streams of (training, held-out) packages; reads ``folder`` where they were made before.

    Parameters
    ----------
    folder : Path
        Untracked; a sub-folder a corpus and a vocabulary.
    vocabulary : int
        Tokens, the two special ones and all bytes among them.
    packages : pair of tuple of str
        Distributions to train on, and to hold out.
    """
    texts = tuple(list(corpus.documents(*names)) for names in packages)
    facts = {
        split: {
            "packages": {package: corpus.version(package) for package in names},
            "files": len(documents),
            "bytes": sum(len(document.text.encode()) for document in documents),
            "sha256": corpus.digest(documents),
        }
        for split, names, documents in zip(("training", "held_out"), packages, texts, strict=True)
    }
    recipe = {"facts": facts, "vocabulary": vocabulary, "sample": SAMPLE, "passkey_lines": PASSKEY_LINES}
    home = folder / files.digest(files.as_json(recipe))[:16]
    if not (home / "facts.json").is_file():  # written last
        home.mkdir(parents=True, exist_ok=True)
        tokenizer = _trained(texts[0], vocabulary)
        tokenizer.save_pretrained(home / "tokenizer")
        for split, documents in zip(("training", "held_out"), texts, strict=True):
            stream = _encoded(tokenizer, documents)
            files.write(home / f"{split}.npy", files.as_npy(stream.ids))
            files.write(home / f"{split}_starts.npy", files.as_npy(stream.starts))
            files.write(home / f"{split}.csv", _listing(documents, stream))
            facts[split]["tokens"] = len(stream.ids)
        files.write(home / "facts.json", files.as_json(facts))
    return read(home)


def read(home: Path) -> Prepared:
    """Return what ``prepare`` left in ``home``."""
    import transformers

    return Prepared(
        tokenizer=transformers.PreTrainedTokenizerFast.from_pretrained(home / "tokenizer"),
        training=_read_stream(home, "training"),
        held_out=_read_stream(home, "held_out"),
        facts=json.loads((home / "facts.json").read_bytes()),
    )


def _read_stream(home: Path, split: str) -> Stream:
    with (home / f"{split}.csv").open(newline="") as file:
        names = tuple(f"{row['package']}/{row['path']}" for row in csv.DictReader(file))
    return Stream(np.load(home / f"{split}.npy", mmap_mode="r"), np.load(home / f"{split}_starts.npy"), names)


def _trained(documents: list[corpus.Document], vocabulary: int) -> Any:
    import tokenizers
    import transformers

    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Sequence(
        [tokenizers.pre_tokenizers.Digits(individual_digits=True), tokenizers.pre_tokenizers.ByteLevel(False)]
    )
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[BEGIN, END],
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_sample(documents), trainer)
    return transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=BEGIN, eos_token=END)


def _sample(documents: list[corpus.Document]) -> Iterator[str]:
    """Yield documents in a fixed random order up to ``SAMPLE`` characters, and passkey documents."""
    order = list(range(len(documents)))
    random.Random(0).shuffle(order)
    left = SAMPLE
    for number in order:
        if left <= 0:
            break
        yield documents[number].text[:left]
        left -= len(documents[number].text)
    digits = random.Random(1)
    for _ in range(PASSKEY_LINES):
        key = f"{digits.randrange(10**4, 10**5)}"
        yield f"{WORDING.instruction}{WORDING.filler}{WORDING.key.format(key=key)}{WORDING.question} {key}"


def _encoded(tokenizer: Any, documents: list[corpus.Document]) -> Stream:
    pieces: list[NDArray[Any]] = []
    for first in range(0, len(documents), AT_ONCE):
        texts = [document.text for document in documents[first : first + AT_ONCE]]
        for ids in tokenizer(texts, add_special_tokens=False)["input_ids"]:
            pieces.append(np.array([tokenizer.bos_token_id, *ids, tokenizer.eos_token_id], dtype=DTYPE))
    starts = np.concatenate([[0], np.cumsum([len(piece) for piece in pieces])])
    return Stream(np.concatenate(pieces), starts, tuple(f"{doc.package}/{doc.path}" for doc in documents))


def _listing(documents: list[corpus.Document], stream: Stream) -> bytes:
    return files.as_csv(
        {
            "package": [document.package for document in documents],
            "path": [document.path for document in documents],
            "bytes": [len(document.text.encode()) for document in documents],
            "tokens": np.diff(stream.starts).tolist(),
        }
    )
