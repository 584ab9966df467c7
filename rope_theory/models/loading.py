"""Models and texts from disk: safetensors only, no code from a checkpoint is ever run."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rope_theory._core.optional import load
from rope_theory.errors import CannotLoad, DamagedFile, MissingFile, WrongValue
from rope_theory.models._packages import torch, transformers

_LOADING = (OSError, ValueError, KeyError, RuntimeError, ImportError)
"""What transformers raises for folders that are no model it knows."""

PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt")
"""Weights that execute what they like when they are loaded."""


def load_model(source: str | Path, *, device: str = "cpu", dtype: str = "auto") -> tuple[Any, Any]:
    """Return the causal language model and the tokenizer of a folder, or of a name on the hub.

    Parameters
    ----------
    source : str or Path
        A folder with config.json, weights as safetensors and a tokenizer; or a name that transformers finds.
    device : str
        "cpu", "cuda", "cuda:1", …
    dtype : str
        As transformers names them; "auto" is the one the weights are stored in.

    Returns
    -------
    model, tokenizer
        In evaluation mode; the tokenizer is None where the folder has none.

    Raises
    ------
    OSError
        For a path that is no model, has no weights, damaged ones or not all of them, or needs code of its own.
    ValueError
        For weights that are pickled, or a device that is not there.
    """
    checked_device(device)
    folder = Path(source)
    if folder.is_file():
        raise CannotLoad(str(folder), "is a file", "give the folder of the model, with its config.json")
    if folder.is_dir():
        _refuse_unsafe(folder)
    elif is_path(source):
        raise CannotLoad(str(folder), "does not exist", "give the folder of the model, with its config.json")
    try:
        with bars_on_terminals_only():
            model, found = transformers.AutoModelForCausalLM.from_pretrained(
                source, dtype=dtype, use_safetensors=True, trust_remote_code=False, output_loading_info=True
            )
    except _LOADING as error:
        missing = "" if folder.is_dir() else "There is no such folder, and as a name on the hub it fails"
        raise CannotLoad(
            str(source), f"cannot be loaded as a causal language model: {_first_line(error)}", missing
        ) from error
    except Exception as error:
        if not isinstance(error, load("safetensors", "models").SafetensorError):
            raise
        raise CannotLoad(str(source), f"has damaged weights: {_first_line(error)}") from error
    if lacking := sorted(found["missing_keys"]):
        raise CannotLoad(
            str(source), f"lacks the weights {lacking[0]} ({len(lacking)} in all): they would be random numbers"
        )
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(source, trust_remote_code=False)
    except Exception as error:  # whatever a damaged file makes of it
        if folder.is_dir() and (folder / "tokenizer.json").is_file():
            raise CannotLoad(str(source), f"holds a tokenizer that cannot be loaded: {_first_line(error)}") from error
        tokenizer = None
    return model.to(torch.device(device)).eval(), tokenizer


def is_path(source: str | Path) -> bool:
    """Tell a path that is not there, such as a mistyped one, from a name on the hub: OWNER/NAME."""
    text = str(source)
    beside = "/" in text and Path(text).parent.is_dir()
    return beside or Path(text).is_absolute() or text.startswith((".", "~")) or text.count("/") > 1


def checked_device(device: str) -> None:
    """Raise when ``device`` is none of torch's, or not there."""
    try:
        kind = torch.device(device)
    except RuntimeError:
        raise WrongValue("device", "must be cpu or cuda", f"{device!r}") from None
    if kind.type not in ("cpu", "cuda"):
        raise WrongValue("device", "must be cpu or cuda", f"{device!r}", "scores are computed in float64")
    if kind.type == "cuda" and (not torch.cuda.is_available() or (kind.index or 0) >= torch.cuda.device_count()):
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        raise WrongValue("device", f"{device!r} is not there: torch sees {count} CUDA devices", remedy="Use cpu")


def encoded(text: str, tokenizer: Any, name: str = "The text", *, special: bool = True) -> list[int]:
    """Return the tokens of a text, with the special tokens that the tokenizer adds, unless ``special`` is False.

    Raises
    ------
    ValueError
        Without a tokenizer, or for a text of fewer than two tokens.
    """
    if tokenizer is None:
        raise WrongValue(
            "The model's folder", "holds no tokenizer, so a text cannot be read", remedy="put tokenizer.json there"
        )
    ids: list[int] = tokenizer(text, verbose=False, add_special_tokens=special)["input_ids"]
    if len(ids) < 2:
        raise WrongValue(name, f"has {len(ids)} token(s)", remedy="two at least make a distance")
    return ids


def read_text(path: str | Path | None) -> tuple[str, str]:
    """Return a text and what it is: a UTF-8 file, or without one the sources of this package.

    Raises
    ------
    OSError
        For a path that is no file.
    ValueError
        For a file that is not UTF-8.
    """
    if path is None:
        files = sorted(Path(__file__).resolve().parents[1].rglob("*.py"))
        return "\n".join(file.read_text(encoding="utf-8") for file in files), "the sources of rope_theory"
    if not Path(path).is_file():
        raise MissingFile(str(path), "is no file", "give a UTF-8 text")
    try:
        return Path(path).read_text(encoding="utf-8"), str(path)
    except UnicodeDecodeError:
        raise DamagedFile(str(path), "a UTF-8 text", "it has other bytes", "convert it first") from None


@contextmanager
def bars_on_terminals_only() -> Iterator[None]:
    """Hide transformers' progress bars where nobody watches."""
    logging = load("transformers.utils.logging", "models")
    hidden = logging.is_progress_bar_enabled() and not sys.stderr.isatty()
    if hidden:
        logging.disable_progress_bar()
    try:
        yield
    finally:
        if hidden:
            logging.enable_progress_bar()


@contextmanager
def errors_only() -> Iterator[None]:
    """Keep transformers from warning of what is as it should be, such as tied weights that a checkpoint holds once."""
    logging = load("transformers.utils.logging", "models")
    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)


def _refuse_unsafe(folder: Path) -> None:
    if not (folder / "config.json").is_file():
        raise CannotLoad(str(folder), "is no model: it holds no config.json")
    if any(folder.glob("*.safetensors")):
        return
    if pickled := sorted(path.name for pattern in PICKLED for path in folder.glob(pattern)):
        raise WrongValue(
            str(folder),
            f"holds pickled weights only ({pickled[0]}), which run code when they are loaded: refused",
            remedy="Convert them to safetensors",
        )
    raise CannotLoad(str(folder), "holds no weights: no file ends in .safetensors")


def _first_line(error: BaseException) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
