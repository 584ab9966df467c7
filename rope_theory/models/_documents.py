"""Documents as users give them: texts, tokens, one or several."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby, islice
from typing import Any, TypeVar

import numpy as np

from rope_theory.errors import MissingArgument, WrongValue
from rope_theory.models._packages import torch
from rope_theory.models._recording import checked_tokens

T = TypeVar("T")


def documents_of(given: Any, model: Any) -> list[Any]:
    """Return every document as a tensor of tokens (T,), T ≥ 2, on the model's device.

    Parameters
    ----------
    given : sequence of int, array or tensor (T,) or (n, T); or a sequence of such
        One document, or several.
    model : transformers model
        Its vocabulary is what tokens are checked against.

    Raises
    ------
    TypeError
        For texts, or numbers that are no integers.
    ValueError
        For a document of fewer than two tokens, or tokens outside the vocabulary; both name the document.
    """
    if hasattr(given, "__len__") and not len(given):
        raise MissingArgument(("tokens",), "There is no document")
    return [checked_tokens(ids, model, f"document {number}")[0] for number, ids in enumerate(_several(given))]


def texts_or_tokens(given: Any, model: Any, tokenizer: Any) -> list[Any]:
    """Return documents as ``documents_of`` does, of texts too, where there is a tokenizer."""
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, Sequence) or not texts or not all(isinstance(text, str) for text in texts):
        return documents_of(given, model)
    if tokenizer is None:
        raise MissingArgument(("tokenizer",), "Texts need the model's tokenizer")
    return documents_of([tokenizer(text, verbose=False)["input_ids"] for text in texts], model)


def special_token(model: Any, key: str, name: str) -> list[int]:
    """Return the token that a key of the config names, the first of several; nothing where it names none."""
    token = getattr(model.config.get_text_config(), key)
    tokens = [] if token is None else [token] if isinstance(token, int) else list(token)[:1]
    size = model.get_input_embeddings().weight.shape[0]
    if tokens and not 0 <= tokens[0] < size:
        raise WrongValue(f"The config's {name} token", f"is {tokens[0]}, and the vocabulary has {size} tokens")
    return tokens


def in_batches(items: Iterable[T], shape: Callable[[T], Any], size: int) -> Iterator[list[T]]:
    """Yield items of one shape together, at most ``size`` of them; inside a shape they stay in order."""
    for _, members in groupby(sorted(items, key=shape), key=shape):
        while some := list(islice(members, size)):
            yield some


def _several(given: Any) -> list[Any]:
    if isinstance(given, torch.Tensor | np.ndarray):
        return list(given) if given.ndim == 2 else [given]
    if isinstance(given, Sequence) and len(given) and not isinstance(given, str | bytes):
        single = isinstance(given[0], int | np.integer) or getattr(given[0], "ndim", None) == 0
        return [given] if single else list(given)
    return [given]
