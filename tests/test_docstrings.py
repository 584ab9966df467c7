"""What a docstring of something public must have: sections, every parameter, and for mathematics a source."""

import importlib
import inspect
import re

import pytest

import rope_theory as rt

for needed in ("torch", "transformers", "hypothesis", "sklearn", "sympy", "flint"):
    pytest.importorskip(needed)

FOLDERS = [name for name in rt.__all__ if inspect.ismodule(getattr(rt, name))] + ["certificates.closed_forms"]
WITH_SOURCE = {"bounds", "certificates", "certificates.closed_forms", "regression", "laws", "precision", "models"}


def public():
    found = {}
    for folder in FOLDERS:
        module = importlib.import_module(f"rope_theory.{folder}")
        for name in module.__all__:
            value = getattr(module, name)
            described = inspect.isfunction(value) or inspect.isclass(value)
            if described and value.__module__.startswith("rope_theory"):
                found.setdefault(value, f"{folder}.{name}")
    return [pytest.param(value, folder.rpartition(".")[0], id=folder) for value, folder in found.items()]


def sections(docstring):
    return set(re.findall(r"^(\w+)\n-{3,}$", docstring, re.MULTILINE))


@pytest.mark.parametrize(("value", "folder"), public())
def test_docstring_says_what_is_needed(value, folder):
    docstring = inspect.getdoc(value)
    assert docstring.split("\n")[0].endswith("."), "the first line is one sentence"
    if inspect.isclass(value):
        fields = [name for name in getattr(value, "__dataclass_fields__", {}) if name[0] != "_"]
        assert not fields or sections(docstring) & {"Attributes", "Parameters"}
        return
    parameters = list(inspect.signature(value).parameters)
    if inspect.signature(value).return_annotation not in ("None", None):
        assert sections(docstring) & {"Returns", "Yields"}
    assert not parameters or "Parameters" in sections(docstring)
    named = re.findall(r"^([\w, *]+) : ", docstring, re.MULTILINE)
    assert set(parameters) <= {name.strip("* ") for line in named for name in line.split(",")}
    if folder in WITH_SOURCE:
        assert "Source" in docstring
