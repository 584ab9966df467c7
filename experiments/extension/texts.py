"""What models are fine-tuned on and measured on: parts of the corpus, and the descriptions of installed packages."""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments import files
from experiments.parts import ROOT
from experiments.pretraining import corpus
from experiments.pretraining.corpus import Document
from rope_theory.models.loading import encoded, read_text
from rope_theory.models.passkey_prompt import WORDING, PasskeyPrompts

TUNING = ("scipy", "sympy", "torch")
"""Distributions to fine-tune on; all are part of the training corpus, none of what is held out."""

TUNING_TOKENS = 5_000_000
"""Tokens of them that are enough for 1000 steps."""

PASSKEYS = 0.1
"""Share of the tokens that are passkey documents; without any, a model this small forgets the task in 100 steps."""

ANSWER = 8
"""Tokens left for an answer."""

CACHE = ROOT / ".cache" / "extension"
"""Untracked folder of token streams."""


def tuning_stream(tokenizer: Any, longest: int, cache: Path = CACHE) -> NDArray[np.uint16]:
    """Return the tokens to fine-tune on, (n,): documents in an order that only their paths decide, passkeys among them.

    As in pre-training, passkey documents are no longer than the trained window: the task is kept alive there, and
    finding keys farther off is not trained.

    Parameters
    ----------
    tokenizer : transformers tokenizer
        The model's own.
    longest : int
        Longest passkey document, in tokens; ``PASSKEYS`` of all tokens are of such documents.
    cache : Path
        Where the stream is kept.
    """
    chosen = corpus.shuffled(corpus.documents(*TUNING))
    recipe = f"{corpus.digest(chosen)} {_vocabulary(tokenizer)} {TUNING_TOKENS} {longest} {PASSKEYS} {WORDING}"
    place = cache / f"tuning-{hashlib.sha256(recipe.encode()).hexdigest()[:16]}.npy"
    if place.is_file():
        stored: NDArray[np.uint16] = np.load(place)
        return stored
    prompts, random = PasskeyPrompts(tokenizer), np.random.default_rng(0)
    parts: list[NDArray[np.uint16]] = []
    count = hidden = 0
    for document in chosen:
        ids = [*tokenizer(document.text, verbose=False)["input_ids"], tokenizer.eos_token_id]
        parts.append(np.array(ids, dtype=np.uint16))
        count += len(ids)
        while hidden < PASSKEYS * count:
            parts.append(_passkey_document(prompts, tokenizer.eos_token_id, longest, random))
            hidden, count = hidden + len(parts[-1]), count + len(parts[-1])
        if count >= TUNING_TOKENS:
            break
    stream = np.concatenate(parts)[:TUNING_TOKENS]
    files.write(place, files.as_npy(stream))
    return stream


def _passkey_document(prompts: PasskeyPrompts, end: int, longest: int, random: np.random.Generator) -> Any:
    key = f"{random.integers(10**4, 10**5)}"
    shortest = prompts.shortest(key)
    length = int(random.integers(shortest, longest - ANSWER + 1))
    prompt = prompts.make(length, int(random.integers(0, length - shortest + 1)), key)
    return np.array([*prompt.ids, *prompt.answer, end], dtype=np.uint16)


def held_out(kind: str, tokenizer: Any, *, documents: int, tokens: int) -> list[NDArray[np.int64]]:
    """Return the first ``tokens`` tokens of ``documents`` documents that have as many, chosen by their paths.

    Parameters
    ----------
    kind : str
        "code": sources of packages never trained on. "prose": descriptions of installed packages. Anything else is a
        file of UTF-8 text, cut into pieces.
    tokenizer : transformers tokenizer
        The model's own.
    documents, tokens : int
        How many, and how long.

    Raises
    ------
    ValueError
        For a corpus with fewer such documents; a file gives as many as it has, and at least one.
    """
    if kind == "code":
        found: Iterable[Document] = corpus.documents(*corpus.HELD_OUT)
    elif kind == "prose":
        found = descriptions()
    else:
        return _pieces(Path(kind), tokenizer, documents, tokens)
    chosen: list[NDArray[np.int64]] = []
    for document in corpus.shuffled(one for one in found if len(one.text) >= tokens):  # a token is a byte at least
        ids = tokenizer(document.text, verbose=False)["input_ids"]
        if len(ids) >= tokens:
            chosen.append(np.array(ids[:tokens], dtype=np.int64))
        if len(chosen) == documents:
            return chosen
    raise ValueError(f"The {kind} text has {len(chosen)} documents of {tokens} tokens, and {documents} are wanted.")


def descriptions() -> list[Document]:
    """Return the long descriptions of the pinned packages that are installed, one a package: prose with some code."""
    found = []
    for name in _pinned():
        try:
            text: Any = importlib.metadata.metadata(name).json.get("description")
        except importlib.metadata.PackageNotFoundError:
            continue
        if isinstance(text, str) and text.strip():
            found.append(Document(name, "description", text))
    return found


def other_versions() -> list[str]:
    """Return which packages of the text are installed in another version than the runs were made with, in words."""
    pinned = _pinned()
    found = {package: corpus.version(package) for package in (*TUNING, *corpus.HELD_OUT)}
    return [
        f"{package} {version}, not {pinned[package]}"
        for package, version in found.items()
        if version.partition("+")[0] != pinned[package]
    ]


def _pinned() -> dict[str, str]:
    """Return package → version of constraints.txt."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if "==" in line)


def _pieces(path: Path, tokenizer: Any, documents: int, tokens: int) -> list[NDArray[np.int64]]:
    text, name = read_text(path)
    ids = np.array(encoded(text, tokenizer, name), dtype=np.int64)
    count = min(documents, len(ids) // tokens)
    if not count:
        raise ValueError(f"{path} has {len(ids)} tokens, fewer than one document of {tokens}.")
    return list(ids[: count * tokens].reshape(count, tokens))


def _vocabulary(tokenizer: Any) -> str:
    return hashlib.sha256(str(sorted(tokenizer.get_vocab().items())).encode()).hexdigest()
