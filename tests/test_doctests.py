"""The examples in docstrings print what they say."""

import doctest
import importlib
import pkgutil

import numpy as np
import pytest

import rope_theory

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(rope_theory.__path__, "rope_theory.")
    if not module.name.endswith("__main__")
)


def examples(name):
    return [test for test in doctest.DocTestFinder().find(importlib.import_module(name)) if test.examples]


@pytest.mark.parametrize("name", MODULES)
def test_examples_print_what_they_say(name):
    runner = doctest.DocTestRunner(optionflags=doctest.REPORT_NDIFF)
    with np.printoptions(legacy=False):
        for test in examples(name):
            runner.run(test)
    assert runner.failures == 0


def test_there_are_some():
    assert sum(len(examples(name)) for name in MODULES) >= 15
