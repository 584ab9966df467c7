"""Checkpoints written whole or not at all, and what an extension did."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rope_theory._core.checks import path_of
from rope_theory._core.files import check_folder_place, whole_folder, write_text
from rope_theory._core.records import Record
from rope_theory.errors import FileInTheWay, MissingFile, NotAFolder
from rope_theory.models._extend import extend, table_of, window_of
from rope_theory.models._packages import torch, transformers
from rope_theory.models.loading import bars_on_terminals_only
from rope_theory.precision._audit import audit
from rope_theory.scaling import Scaling

LONG = 2048
"""Longest window in which logits are compared whole, tokens."""


@dataclass(frozen=True)
class Extension(Record):
    """A checkpoint with another table.

    Attributes
    ----------
    source, folder : str
        What was read, and where the extended one lies.
    kind : str
        Class of the model.
    before, after : Scaling
        As the two configs say them.
    trained_window, window_before, window : int
        Tokens: trained on, made for before, made for now.
    keys : dict
        ``rope_parameters`` of the new config.
    tables : str
        What the audit of the written checkpoint says.
    logit_difference : float
        Largest absolute difference of logits between the model in memory and the checkpoint loaded again by
        transformers, on a few tokens more than the trained window (on 24 where that is longer than 2048).
    """

    source: str
    folder: str
    kind: str
    before: Scaling
    after: Scaling
    trained_window: int
    window_before: int
    window: int
    keys: dict[str, Any]
    tables: str
    logit_difference: float


def check_folder(folder: Path) -> None:
    """Raise when a checkpoint cannot be written as ``folder``: asked before minutes of work, not after."""
    if os.path.lexists(folder) and not folder.is_dir():
        raise NotAFolder(str(folder), "is a file or a broken link", "give the name of a new folder")
    if folder.resolve() == Path.cwd():
        raise FileInTheWay(str(folder), "is the folder you are in", "give the name of a new folder")
    if folder.is_dir() and any(folder.iterdir()):
        raise FileInTheWay(str(folder), "is not empty", "give the name of a new folder")
    if not folder.absolute().parent.is_dir():
        raise MissingFile(str(folder.absolute().parent), "does not exist", "make the folder first")
    check_folder_place(folder.resolve().parent)  # an empty folder is replaced, so that its parent must be written to


def export(model: Any, tokenizer: Any, folder: Path, *, window: int) -> None:
    """Write model and tokenizer into a new folder, which is whole or absent.

    Parameters
    ----------
    model : transformers model
        Its weights are written as safetensors.
    tokenizer : transformers tokenizer or None
        Its ``model_max_length`` becomes ``window``, in tokens.
    folder : Path
        New, or empty.
    window : int
        Tokens.
    """
    check_folder(folder)
    with whole_folder(folder) as temporary:
        with bars_on_terminals_only():
            model.save_pretrained(temporary)
        if tokenizer is not None:
            tokenizer.save_pretrained(temporary)
            path = temporary / "tokenizer_config.json"
            if path.is_file():
                content = json.loads(path.read_text(encoding="utf-8"))
                write_text(path, json.dumps({**content, "model_max_length": window}, indent=2))


def export_extended(
    model: Any, tokenizer: Any, scaling: Scaling, folder: str | Path, *, length: int | None = None,
    replace: bool = False,
) -> Extension:  # fmt: skip
    """Extend a model, write it as a new checkpoint, and load that again to see what it does.

    Parameters
    ----------
    model : transformers model
        Left as it is.
    tokenizer : transformers tokenizer or None
        Written beside the model, made for the new window.
    scaling, length, replace : Scaling, int, bool
        As ``extend`` takes them.
    folder : str or Path
        New, or empty; whole or absent afterwards.

    Returns
    -------
    Extension

    Raises
    ------
    ValueError
        As ``extend``.
    OSError
        When the folder cannot be written.

    Notes
    -----
    Source: ``extend``.
    """
    folder = path_of(folder, "folder")
    check_folder(folder)
    extended = extend(model, scaling, length=length, replace=replace)
    export(extended, tokenizer, folder, window=window_of(extended))
    trained = table_of(extended).config.context_length
    tokens = trained + 8 if trained <= LONG else 24  # beyond the trained window where that is cheap
    with bars_on_terminals_only():
        loaded = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype="auto", use_safetensors=True).eval()
    ids = (torch.arange(tokens) % extended.get_input_embeddings().weight.shape[0])[None]
    with torch.no_grad():
        difference = (loaded(ids).logits - extended.cpu()(ids).logits).abs().max()
    before, after = table_of(model), table_of(loaded)
    half = next(loaded.parameters()).dtype == torch.float16
    return Extension(
        source=str(model.name_or_path),
        folder=str(folder),
        kind=type(extended).__name__,
        before=before.scaling,
        after=after.scaling,
        trained_window=after.config.context_length,
        window_before=window_of(model),
        window=window_of(extended),
        keys=dict(loaded.config.get_text_config().rope_parameters),
        tables=audit(loaded.float() if half else loaded).verdict,
        logit_difference=float(difference),
    )
