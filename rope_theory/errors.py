"""Errors of this package: each is a class that carries its data and makes its sentence of it.

``RopeTheoryError`` is the base of all. ``InputError`` is the base of those about arguments, configs and models: what
was given cannot be used. A refusal is caught by its class; an exception of another kind is a mistake in this package or
in a library, and nothing here hides it. Every class also derives from the exception of Python that version 0.1 raised
in its place (ValueError, TypeError, OSError, ModuleNotFoundError).

Data are attributes, which cannot be changed, and errors can be pickled. ``str(error)`` is the sentence;
``error.worded({"s1": "--left"})`` is the sentence with other names for arguments, as the command line calls them.
"""

from __future__ import annotations

import errno as numbers
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, dataclass_transform

__all__ = [
    "CannotAudit",
    "CannotCapture",
    "CannotExtend",
    "CannotLoad",
    "CertificateRejected",
    "Conflict",
    "CopyRefused",
    "DamagedFile",
    "EngineRefused",
    "FileInTheWay",
    "FileProblem",
    "InputError",
    "MissingArgument",
    "MissingFile",
    "MissingKey",
    "MissingPackage",
    "NeedsLayerType",
    "NoRotaryTable",
    "NotAFile",
    "NotAFolder",
    "NotEnoughMemory",
    "NotPermitted",
    "NotReached",
    "OtherRun",
    "OutOfRange",
    "RopeTheoryError",
    "RowsRefused",
    "RunRefused",
    "ScalingRefused",
    "SingularDesign",
    "TooFewBits",
    "UnknownChoice",
    "UnknownModel",
    "UnreadableConfig",
    "WrongType",
    "WrongValue",
]

Called = Callable[[str], str]
"""Name of an argument → what it is called in a sentence."""


@dataclass_transform(eq_default=False)
@dataclass(eq=False)
class RopeTheoryError(Exception):
    """Base of all errors that this package raises; subclasses are dataclasses of what they carry."""

    _words = "{problem}{remedy}"
    """The sentence, with data in the place of their names: a reason closed, a remedy behind what was said."""

    def __init_subclass__(cls) -> None:
        dataclass(eq=False)(cls)

    def __post_init__(self) -> None:
        """Close the error: its data stay as they are."""
        self.__dict__["_closed"] = True

    def __setattr__(self, name: str, value: Any) -> None:
        if "_closed" in self.__dict__ and name in self.__dataclass_fields__:
            raise AttributeError(f"{type(self).__name__} cannot be changed: {name} is part of its data.")
        super().__setattr__(name, value)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), tuple(self.data().values())

    def __str__(self) -> str:
        return self.worded({})

    def data(self) -> dict[str, Any]:
        """Return what the error carries, by name."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    def worded(self, names: Mapping[str, str]) -> str:
        """Return the sentence of the error, with arguments called as ``names`` says."""
        return self._sentence(lambda name: names.get(name, name))

    def _sentence(self, called: Called) -> str:
        return self._words.format_map({name: _ENDS.get(name, str)(value) for name, value in self.data().items()})


class InputError(RopeTheoryError):
    """An argument, a config or a model cannot be used: base of the errors that say so."""


class _Argument(InputError):
    name: str
    problem: str
    got: Any = ""
    remedy: str = ""

    def _sentence(self, called: Called) -> str:
        got = "" if self.got == "" else f", got {self.got}"
        return f"{called(self.name)} {self.problem}{got}{_then(self.remedy)}"


class WrongType(_Argument, TypeError):
    """A value has the wrong type.

    Attributes
    ----------
    name : str
        The argument, the key of a config, or what the value is.
    problem : str
        What it must be.
    got : str, int or float
        The type or the value that came; anything but a number as text.
    remedy : str
        What to do.
    """


class WrongValue(_Argument, ValueError):
    """A value has the right type and cannot be used all the same.

    Attributes
    ----------
    name : str
        The argument, the key of a config, or what the value is.
    problem : str
        What it must be, or what is wrong with it.
    got : str, int or float
        The value that came; anything but a number as text.
    remedy : str
        What to do.
    """


class OutOfRange(InputError, ValueError):
    """A number lies outside its limits.

    Attributes
    ----------
    name : str
        The argument or the key of a config.
    value : int or float
        What came.
    low, high : int, float or None
        The limits; None where there is none.
    remedy : str
        What to do, or what the number is.
    open : bool
        Whether ``low`` itself is outside.
    """

    name: str
    value: Any
    low: Any = None
    high: Any = None
    remedy: str = ""
    open: bool = False

    def _sentence(self, called: Called) -> str:
        low, high = _limit(self.low), _limit(self.high)
        if self.high is None:
            limits = f"above {low}" if self.open else f"at least {low}"
        elif self.low is None:
            limits = f"at most {high}"
        elif self.open:
            limits = f"above {low} and at most {high}"
        else:
            limits = f"between {low} and {high}"
        return f"{called(self.name)} must be {limits}, got {_limit(self.value)}{_then(self.remedy)}"


class UnknownChoice(InputError, ValueError):
    """A word is none of those that have a meaning here.

    Attributes
    ----------
    name : str
        The argument or the key of a config.
    got : str
        The word, as text.
    choices : tuple of str
        The words that are known.
    """

    name: str
    got: str
    choices: tuple[str, ...]

    def _sentence(self, called: Called) -> str:
        return f"{called(self.name)} must be one of {', '.join(map(repr, self.choices))}, got {self.got}."


class Conflict(InputError, ValueError):
    """Several arguments, or several keys of a config, cannot hold together.

    Attributes
    ----------
    names : tuple of str
        The arguments or keys.
    problem : str
        Why not.
    remedy : str
        What to do.
    """

    names: tuple[str, ...]
    problem: str
    remedy: str = ""

    def _sentence(self, called: Called) -> str:
        return f"{_listed(map(called, self.names))} {self.problem}{_then(self.remedy)}"


class MissingArgument(InputError, ValueError):
    """An argument that may be left out elsewhere is needed here.

    Attributes
    ----------
    names : tuple of str
        The arguments.
    reason : str
        Why they are needed.
    """

    names: tuple[str, ...]
    reason: str

    def _sentence(self, called: Called) -> str:
        return f"{self.reason}; give {_listed(map(called, self.names))}."


class MissingKey(InputError, ValueError):
    """A config lacks a key.

    Attributes
    ----------
    key : str
        The key.
    reason : str
        Why it is needed.
    where : str
        Where it is missing, as in "in the dictionary of 'full_attention'"; empty at top level.
    remedy : str
        What to do.
    """

    key: str
    reason: str
    where: str = ""
    remedy: str = ""

    def _sentence(self, called: Called) -> str:
        where = f" {self.where}" if self.where else ""
        return f"{self.key} is missing{where}: {self.reason}{_then(self.remedy)}"


class NeedsLayerType(InputError, ValueError):
    """A model has one rotary table per layer type, and it was not said which.

    Attributes
    ----------
    layer_types : tuple of str
        Those there are, as text, shortened where they are many.
    """

    layer_types: tuple[str, ...]

    def _sentence(self, called: Called) -> str:
        exist = ", ".join(self.layer_types)
        return f"This model has one table a layer type; give {called('layer_type')}, one of {exist}."


class NoRotaryTable(InputError, ValueError):
    """A config describes no rotary table of one position per token.

    Attributes
    ----------
    reason : str
        Why.
    """

    reason: str
    _words = "{reason}"


class UnknownModel(InputError, ValueError):
    """A config of an unknown model type has no key that tells of RoPE.

    Attributes
    ----------
    model_type : str or None
        The model type.
    keys : tuple of str
        Keys of which any one would tell.
    """

    model_type: str | None
    keys: tuple[str, ...]

    def _sentence(self, called: Called) -> str:
        return (
            f"No RoPE in this config: model_type is {self.model_type!r} and none of {', '.join(self.keys)} is set. "
            "Give the config of a model with rotary positions, or set rope_theta."
        )


class UnreadableConfig(InputError, ValueError):
    """A mapping is too large, too deep or too strange to be the content of a config.

    Attributes
    ----------
    reason : str
        Why.
    """

    reason: str
    _words = "{reason}"


class DamagedFile(InputError, ValueError):
    """A file does not hold what it should.

    Attributes
    ----------
    path : str
        The file.
    what : str
        What it should be, with its article.
    reason : str
        What is wrong with it.
    remedy : str
        What to do.
    """

    path: str
    what: str
    reason: str
    remedy: str = ""

    def _sentence(self, called: Called) -> str:
        return f"{self.path} is not {self.what}: {_closed(self.reason)[:-1]}{_then(self.remedy)}"


class FileProblem(RopeTheoryError, OSError):
    """A file or a folder cannot be read or written there.

    Subclasses also derive from the exception that Python has for the same problem.

    Attributes
    ----------
    path : str
        The file or folder.
    problem : str
        What is wrong.
    remedy : str
        What to do.
    errno : int or None
        The number of the operating system's error, where it was one.
    """

    path: str
    problem: str
    remedy: str = ""
    errno: int | None = None
    _words = "{path} {problem}{remedy}"


class MissingFile(FileProblem, FileNotFoundError):
    """There is no such file or folder.

    Attributes
    ----------
    path, problem, remedy, errno
        As in ``FileProblem``.
    """


class FileInTheWay(FileProblem, FileExistsError):
    """Something is there that would be replaced.

    Attributes
    ----------
    path, problem, remedy, errno
        As in ``FileProblem``.
    """


class NotAFile(FileProblem, IsADirectoryError):
    """A folder is where a file should be.

    Attributes
    ----------
    path, problem, remedy, errno
        As in ``FileProblem``.
    """


class NotAFolder(FileProblem, NotADirectoryError):
    """A file is where a folder should be.

    Attributes
    ----------
    path, problem, remedy, errno
        As in ``FileProblem``.
    """


class NotPermitted(FileProblem, PermissionError):
    """The operating system does not allow it.

    Attributes
    ----------
    path, problem, remedy, errno
        As in ``FileProblem``.
    """


_KINDS: Mapping[type, type[FileProblem]] = {
    python: ours for ours in FileProblem.__subclasses__() for python in ours.__bases__ if python is not FileProblem
}
"""Python's exception for a number of the operating system → the one raised here, where there is one."""

_REMEDIES: Mapping[int, str] = {
    numbers.ENOSPC: "Free some space, or give another place",
    numbers.EDQUOT: "Free some of your quota, or give another place",
    numbers.EROFS: "Give a place that can be written to",
    numbers.EACCES: "Give a place that you may write to",
    numbers.EPERM: "Give a place that you may write to",
    numbers.ENAMETOOLONG: "Give a shorter name",
}
"""What to do when a file cannot be written; for other errors, to give another place."""


def unwritten(number: int, path: str | os.PathLike[str]) -> FileProblem:
    """Return the error for a file that could not be written, from the operating system's error number."""
    remedy = _REMEDIES.get(number, "Give another place")
    problem = f"could not be written: {os.strerror(number)}"
    kind = _KINDS.get(type(OSError(number, "")), FileProblem)
    return kind(os.fspath(path), problem, f"{remedy}; nothing half-written is left.", number)


def unread(number: int | None, path: str | os.PathLike[str], what: str = "") -> FileProblem:
    """Return the error for a file that could not be read, from the operating system's error number."""
    reason = "unknown error" if number is None else os.strerror(number)
    kind = _KINDS.get(type(OSError(number, "")), FileProblem)
    return kind(os.fspath(path), f"cannot be read ({reason})", f"it should be {what}" if what else "", number)


class MissingPackage(RopeTheoryError, ModuleNotFoundError):
    """An optional package is not installed.

    Attributes
    ----------
    package : str
        The package that is missing; ``name`` is the same.
    extra : str
        The extra of this package that installs it.
    """

    package: str
    extra: str

    def __post_init__(self) -> None:
        """Set what Python's own exception carries."""
        self.name = self.package
        super().__post_init__()

    _words = "This function needs {package}, which is not installed: pip install 'rope_theory[{extra}]'."


class ScalingRefused(InputError, ValueError):
    """A scaling cannot be applied to these widths, or no config can say it.

    Attributes
    ----------
    scaling : str
        The scaling.
    problem : str
        Why not.
    remedy : str
        What to do.
    """

    scaling: str
    problem: str
    remedy: str = ""
    _words = "{scaling} {problem}{remedy}"


class CertificateRejected(InputError, ValueError):
    """A certificate is damaged, or does not prove what it says.

    Attributes
    ----------
    field : str
        The field that is wrong.
    problem : str
        What is wrong with it.
    owner : str
        The file, or "the certificate" in memory.
    """

    field: str
    problem: str
    owner: str = "the certificate"

    def _sentence(self, called: Called) -> str:
        return f"{self.field} of {self.owner} {_closed(self.problem)}"


class TooFewBits(RopeTheoryError, ValueError, ArithmeticError):
    """Ball arithmetic of this precision does not decide the answer.

    Attributes
    ----------
    bits : int
        Working precision.
    problem : str
        What is not decided.
    remedy : str
        What to do.
    """

    bits: int
    problem: str
    remedy: str = ""
    _words = "{bits} bits {problem}{remedy}"


class SingularDesign(RopeTheoryError, ValueError):
    """A fit is not determined by its offsets, or not in this precision.

    Attributes
    ----------
    alpha : float
        Ridge strength.
    problem : str
        What is wrong.
    remedy : str
        What to do.
    solver : str
        The solver that cannot, where another one can; else empty.
    """

    alpha: float
    problem: str
    remedy: str = ""
    solver: str = ""

    def _sentence(self, called: Called) -> str:
        said = f"{self.problem}{_then(self.remedy)}"
        if not self.solver:
            return said
        return f"solver={self.solver!r} with alpha = {self.alpha:g}: {said} Or use solver='svd', which can."


class NotReached(InputError, ValueError):
    """A search found nothing within its limits.

    Attributes
    ----------
    problem : str
        What was not found, and what is nearest.
    remedy : str
        What to do.
    """

    problem: str
    remedy: str = ""


class NotEnoughMemory(InputError, ValueError, MemoryError):
    """A computation does not fit into the memory there is.

    Attributes
    ----------
    problem : str
        What does not fit, and where.
    remedy : str
        What to do.
    fitting : int or None
        How much would fit, in tokens or elements, where that is known.
    """

    problem: str
    remedy: str
    fitting: int | None = None


class CannotLoad(RopeTheoryError, OSError):
    """A folder or a name on the hub gives no model, or one that is not whole.

    Attributes
    ----------
    source : str
        The folder or name.
    problem : str
        What is wrong.
    remedy : str
        What to do.
    """

    source: str
    problem: str
    remedy: str = ""
    _words = "{source} {problem}{remedy}"


class CannotCapture(InputError, ValueError):
    """Queries and keys of a model cannot be captured.

    Attributes
    ----------
    model : str
        Its class.
    reason : str
        Why.
    """

    model: str
    reason: str
    _words = "{model} cannot be captured: {reason}"


class CannotAudit(InputError, ValueError):
    """The rotary tables of a model cannot be compared with its config.

    Attributes
    ----------
    model : str
        Its class.
    reason : str
        Why.
    """

    model: str
    reason: str
    _words = "{model} cannot be audited: {reason}"


class CannotExtend(InputError, ValueError):
    """A model cannot be extended by a scaling.

    Attributes
    ----------
    model : str
        Its class.
    scaling : str
        The scaling; empty where none could be.
    reason : str
        Why.
    code : str
        The same in one word: "architecture", "quantised", "spread", "config", "still_pairs", "extended", "scaling",
        or the step that failed: "saved", "read_back", "tables", "numbers", "copied", "executed".
    """

    model: str
    scaling: str
    reason: str
    code: str

    def _sentence(self, called: Called) -> str:
        by = f" by {self.scaling}" if self.scaling else ""
        instead = ""
        if self.code == "extended":
            instead = (
                f" Extend the original model by the whole factor, or pass {called('replace=True')} to put it in the "
                "place of what is there."
            )
        return f"{self.model} cannot be extended{by}: {_closed(self.reason)}{instead}"


class OtherRun(InputError, ValueError):
    """A folder of checkpoints belongs to another run, or does not say to which.

    Attributes
    ----------
    path : str
        The file or folder.
    problem : str
        What is wrong.
    remedy : str
        What to do.
    """

    path: str
    problem: str
    remedy: str
    _words = "{path} {problem}{remedy}"


class _Reason(InputError):
    reason: str

    def _sentence(self, called: Called) -> str:
        return self.reason


class EngineRefused(_Reason, ValueError):
    """An engine makes no table of this config.

    Attributes
    ----------
    reason : str
        What it does instead, after the name of the engine.
    """


class CopyRefused(_Reason, ValueError):
    """A model cannot be made again from its class and its weights.

    Attributes
    ----------
    reason : str
        Why, without a full stop.
    """


class RunRefused(_Reason, ValueError):
    """A model does not run on a few tokens.

    Attributes
    ----------
    reason : str
        What it raised.
    """


class RowsRefused(InputError, ValueError):
    """The rows of attention of a layer cannot be rebuilt.

    Attributes
    ----------
    reason : str
        Why, in words that are the same for all layers it holds for.
    off : (float, float) or None
        Largest difference of the outputs, where they were compared, and what rounding explains of it.
    """

    reason: str
    off: tuple[float, float] | None = None

    def _sentence(self, called: Called) -> str:
        if self.off is None:
            return self.reason
        return f"{self.reason}: off by {self.off[0]:.2g}, of which rounding explains {self.off[1]:.2g}"


def _then(remedy: str) -> str:
    """Return what follows the problem: a clause after a semicolon, a sentence after a full stop, or a full stop."""
    if not remedy:
        return "."
    return f"{'. ' if remedy[0].isupper() else '; '}{_closed(remedy)}"


def _closed(text: str) -> str:
    return text if text.endswith((".", "?")) else f"{text}."


def _listed(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


_ENDS: Mapping[str, Callable[[str], str]] = {"reason": _closed, "remedy": _then}
"""Data that end a sentence → how they are said."""


def _limit(value: Any) -> str:
    if value is None:
        return ""
    if 2**20 <= value < 2**256 and value == int(value) and int(value).bit_count() == 1:
        return f"2**{int(value).bit_length() - 1}"
    if isinstance(value, int):
        return str(value) if value.bit_length() <= 256 else f"an integer of {value.bit_length()} bits"
    return f"{value:g}"
