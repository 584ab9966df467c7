"""Documents as users give them: texts, tokens, one or several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rope_theory.errors import MissingArgument
from rope_theory.models._packages import torch
from rope_theory.models._recording import checked_tokens


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
    documents = []
    for number, ids in enumerate(_several(given)):
        documents.append(checked_tokens(ids, model, f"document {number}")[0])
    return documents


def texts_or_tokens(given: Any, model: Any, tokenizer: Any) -> list[Any]:
    """Return documents as ``documents_of`` does, of texts too, where there is a tokenizer."""
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, Sequence) or not texts or not all(isinstance(text, str) for text in texts):
        return documents_of(given, model)
    if tokenizer is None:
        raise MissingArgument(("tokenizer",), "Texts need the model's tokenizer")
    return documents_of([tokenizer(text, verbose=False)["input_ids"] for text in texts], model)


def _several(given: Any) -> list[Any]:
    if isinstance(given, torch.Tensor | np.ndarray):
        return list(given) if given.ndim == 2 else [given]
    if isinstance(given, Sequence) and len(given) and not isinstance(given, str | bytes):
        single = isinstance(given[0], int | np.integer) or getattr(given[0], "ndim", None) == 0
        return [given] if single else list(given)
    return [given]
