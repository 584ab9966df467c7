"""docs/theory.md states what the proofs prove, and its numbers are the computed ones."""

import re
from pathlib import Path

import numpy as np
import pytest

import proofs
import rope_theory as rt
from rope_theory import scaling
from rope_theory.certificates import worst_case

THEORY = (Path(__file__).resolve().parents[2] / "docs" / "theory.md").read_text(encoding="utf-8")
STATEMENTS = dict(re.findall(r"<!-- statement:(\w+) -->\n> (.*)\n", THEORY))


def test_every_proof_has_its_statement():
    assert set(STATEMENTS) == set(proofs.PROOFS)


@pytest.mark.parametrize("name", sorted(proofs.PROOFS))
def test_statements_are_those_proved(name):
    assert STATEMENTS[name] == proofs.PROOFS[name].formula


def test_share_of_the_triangle_bound_far_out():
    printed = re.search(r"at N = 2048 and s = 4096, (0\.\d+), (0\.\d+) and (0\.\d+) of it", THEORY)
    theta = scaling.Unscaled().frequencies(rt.RopeConfig(128))
    for ratio, share in zip((1.0, 10.0, 100.0), printed.groups(), strict=True):
        found = worst_case(theta, 4096, np.arange(2049), h_max=ratio)
        assert f"{found.upper / (ratio * 64):.2f}" == f"{found.lower / (ratio * 64):.2f}" == share
