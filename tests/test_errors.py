"""Errors are classes that carry data: picklable, unchangeable, raised somewhere, and never told apart by their text."""

import ast
import builtins
import copy
import dataclasses
import errno
import pickle
from pathlib import Path

import pytest

import rope_theory as rt
from rope_theory import errors

ROOT = Path(rt.__file__).parents[1]
OURS = ("rope_theory", "proofs", "experiments", "paper_repro", "benchmarks", "examples")
CLASSES = [getattr(errors, name) for name in errors.__all__]
BASES = {errors.RopeTheoryError, errors.InputError, errors.FileProblem}
SAMPLES = {"str": "some words", "Any": 3, "bool": True, "float": 0.5, "int": 7, "tuple": ("one", "two")}

ALLOWED = {
    ("rope_theory/models/_copying.py", "one_line"),
    ("rope_theory/models/loading.py", "_first_line"),
    ("rope_theory/models/installed.py", "_executed"),
    ("examples/zero_shot.py", "accuracies"),
}
"""Functions that shorten the message of another library to show it; nothing depends on what it says."""


def sources(*folders):
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def sample(kind):
    """Return an error of a class with data of the right types."""
    values = []
    for field in dataclasses.fields(kind):
        parts = field.type.split(" | ")
        values.append(SAMPLES[parts[0].partition("[")[0]] if field.name != "off" else (0.5, 0.1))
    return kind(*values)


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_an_error_keeps_its_data_in_another_process(kind):
    if kind in BASES - {errors.FileProblem}:
        return
    error = sample(kind)
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(again) is kind
        assert again.data() == error.data()
        assert str(again) == str(error)
    assert str(error) == error.worded({})
    assert all(f"{name}=" in repr(error) for name in error.data())


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_an_error_is_the_exception_it_was_in_version_0_1(kind):
    own = [base for base in kind.__mro__ if base.__module__ == "builtins"]
    assert kind in BASES or own[0] in {
        ValueError, TypeError, OSError, FileNotFoundError, FileExistsError, IsADirectoryError, NotADirectoryError,
        PermissionError, ModuleNotFoundError,
    }  # fmt: skip
    assert issubclass(kind, errors.RopeTheoryError)


def test_the_data_of_an_error_cannot_be_changed_and_the_rest_can():
    error = errors.OutOfRange("bits", 3, low=64)
    with pytest.raises(AttributeError, match="OutOfRange cannot be changed: value is part of its data"):
        error.value = 100
    error.add_note("asked by a test")
    error.__traceback__ = None
    assert error.value == 3


def test_sentences_are_made_of_the_data():
    assert (
        str(errors.OutOfRange("bits", 3, low=64, remedy="Give more")) == "bits must be at least 64, got 3. Give more."
    )
    assert str(errors.OutOfRange("x", 0.0, low=0, open=True)) == "x must be above 0, got 0."
    assert str(errors.OutOfRange("x", 2**60, high=2**53, remedy="cut it")) == (
        "x must be at most 2**53, got 2**60; cut it."
    )
    assert str(errors.OutOfRange("x", 9.5, 1, 2)) == "x must be between 1 and 2, got 9.5."
    assert str(errors.OutOfRange("x", 9, 1, 2, open=True)) == "x must be above 1 and at most 2, got 9."
    assert "an integer of 1001 bits" in str(errors.OutOfRange("x", 2**1000 + 1, high=9))
    assert str(errors.WrongValue("x", "must be even", 0)) == "x must be even, got 0."
    assert str(errors.WrongType("x", "must be a number", "a text", "were x and y exchanged?")) == (
        "x must be a number, got a text; were x and y exchanged?"
    )
    assert str(errors.MissingKey("factor", "linear needs it", "in rope_scaling", "Add it")) == (
        "factor is missing in rope_scaling: linear needs it. Add it."
    )


def test_the_command_line_calls_arguments_by_their_options():
    names = {"s1": "--left", "s2": "--right", "replace=True": "--replace", "layer_type": "--layer-type"}
    assert errors.Conflict(("s1", "s2"), "belong together").worded(names) == "--left and --right belong together."
    assert (
        errors.MissingArgument(("s1", "s2"), "It has no end").worded(names) == "It has no end; give --left and --right."
    )
    assert "give --layer-type, one of 'a'." in errors.NeedsLayerType(("'a'",)).worded(names)
    assert "or pass --replace to" in errors.CannotExtend("Llama", "YaRN(2)", "twice", "extended").worded(names)
    assert "--left must be" in errors.WrongType("s1", "must be a number").worded(names)


def test_errors_of_files_are_those_of_python_too():
    for number, kind in {errno.ENOENT: FileNotFoundError, errno.EACCES: PermissionError, errno.ENOSPC: OSError}.items():
        error = errors.unwritten(number, "place")
        assert isinstance(error, kind)
        assert (error.errno, error.path) == (number, "place")
        assert isinstance(errors.unread(number, "place", "a table"), kind)
    assert "Free some space" in errors.unwritten(errno.ENOSPC, "place").remedy


def test_a_caller_can_tell_what_is_wrong_without_reading_it():
    with pytest.raises(errors.OutOfRange) as caught:
        rt.scaling.PositionInterpolation(0.5)
    assert (caught.value.name, caught.value.value, caught.value.low) == ("factor", 0.5, 1.0)
    with pytest.raises(errors.UnknownModel) as caught:
        rt.from_hf({"model_type": "bert"})
    assert caught.value.model_type == "bert"
    config = {"model_type": "llama", "hidden_size": 64, "num_attention_heads": 2}
    with pytest.raises(errors.MissingKey) as caught:
        rt.from_hf({**config, "model_type": "unknown", "rope_theta": 1e4})
    assert caught.value.key == "max_position_embeddings"
    with pytest.raises(errors.UnknownChoice) as caught:
        rt.from_hf({**config, "rope_scaling": {"rope_type": "ntk", "factor": 2.0}})
    assert "yarn" in caught.value.choices
    with pytest.raises(errors.MissingFile) as caught:
        rt.from_hf("nowhere/config.json")
    assert caught.value.path == "nowhere/config.json"
    with pytest.raises(errors.ScalingRefused):
        rt.scaling.NTKAware(2.0).frequencies(rt.RopeConfig(2))


def test_every_class_is_raised_somewhere():
    called = {"NotPermitted", "FileProblem"}  # by ``unwritten`` and ``unread``, from the system's number
    for path in sources("rope_theory"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                used = [node.func, *node.args]
                called |= {part.id for part in used if isinstance(part, ast.Name)}
    assert {kind.__name__ for kind in CLASSES if kind not in BASES} - called == set()


@pytest.mark.parametrize("path", sources("rope_theory"), ids=lambda path: str(path.relative_to(ROOT)))
def test_what_is_raised_is_a_class_of_this_package(path):
    python = {name for name, value in vars(builtins).items() if isinstance(value, type)}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            name = getattr(node.exc.func, "id", "")
            assert name not in python - {"AttributeError", "NotImplementedError"}, f"line {node.lineno}"
            assert not isinstance(node.exc.func, ast.Call), f"line {node.lineno}: a message is rewritten"


def exceptions_in(function):
    """Return the names that stand for exceptions in a function: of handlers, and of arguments that are one."""
    names = {node.name for node in ast.walk(function) if isinstance(node, ast.ExceptHandler) and node.name}
    for argument in [*function.args.args, *function.args.kwonlyargs]:
        if argument.annotation is not None and ast.unparse(argument.annotation).endswith(("Error", "Exception")):
            names.add(argument.arg)
    return names


def is_text_of(node, names):
    """Whether a node is the message of an exception: ``str(error)``, ``error.args`` or a string with ``{error}``."""
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("str", "repr", "format") and node.args:
        return isinstance(node.args[0], ast.Name) and node.args[0].id in names
    if isinstance(node, ast.Attribute) and node.attr in ("args", "message", "strerror"):
        return isinstance(node.value, ast.Name) and node.value.id in names
    return isinstance(node, ast.FormattedValue) and isinstance(node.value, ast.Name) and node.value.id in names


def branches_on_text(tree):
    """Yield (function, line) where a message is compared, searched, cut, or decides what happens."""
    for function in [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]:
        names = exceptions_in(function)
        for node in ast.walk(function):
            looked_at = []
            if isinstance(node, ast.Compare):
                looked_at = [node.left, *node.comparators]
                plain = (
                    isinstance(node.left, ast.Constant) and isinstance(node.left.value, str) and " " in node.left.value
                )
                if plain and isinstance(node.ops[0], ast.In | ast.NotIn):  # words in a text that somebody made
                    yield function.name, node.lineno
            elif isinstance(node, ast.Subscript | ast.Attribute):
                looked_at = [node.value]
            elif isinstance(node, ast.If | ast.While | ast.IfExp | ast.Assert):
                looked_at = [node.test]
            elif isinstance(node, ast.Call) and ast.unparse(node.func).startswith("re."):
                looked_at = node.args
            if any(is_text_of(part, names) for whole in looked_at for part in ast.walk(whole)):
                yield function.name, node.lineno


def test_the_detector_of_branches_on_text_detects():
    code = """
def one():
    try: pass
    except ValueError as error:
        if "some words" in str(error): return
def two():
    try: pass
    except ValueError as error:
        return error.args[0]
def three(error: OSError):
    return re.search("x", str(error))
def four(reason):
    return "one table" in reason
def five():
    try: pass
    except ValueError as error:
        return {"said": str(error)}
"""
    assert {name for name, _ in branches_on_text(ast.parse(code))} == {"one", "two", "three", "four"}


@pytest.mark.parametrize("path", sources(*OURS), ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_depends_on_the_text_of_a_message(path):
    place = str(path.relative_to(ROOT))
    found = {(place, name) for name, _ in branches_on_text(ast.parse(path.read_text(encoding="utf-8")))}
    assert found - ALLOWED == set()
