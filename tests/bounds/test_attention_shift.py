import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rope_theory import bounds

LOGITS = st.lists(st.floats(-20.0, 20.0), min_size=1, max_size=8)


def softmax(logits):
    weights = np.exp(logits - np.max(logits))
    return weights / weights.sum()


def check(bound, logits, moves):
    """Assert that the row moves no further in total variation than bound(largest move)."""
    before, after = softmax(np.array(logits)), softmax(np.array(logits) + moves)
    assert 0.5 * np.abs(after - before).sum() <= bound(np.abs(moves).max()) + 1e-15


@given(logits=LOGITS, delta=st.floats(0.0, 5.0), data=st.data())
def test_it_contains_every_row(logits, delta, data):
    shares = data.draw(st.lists(st.floats(-1.0, 1.0), min_size=len(logits), max_size=len(logits)))
    moves = delta * np.array(shares)
    check(bounds.attention_shift, logits, moves)
    check(bounds.attention_shift, logits, delta * np.sign(moves))
    before, after = softmax(np.array(logits)), softmax(np.array(logits) + moves)
    assert (np.abs(np.log(after / before)) <= 2 * delta + 1e-13).all()


@given(delta=st.floats(1e-3, 10.0))
def test_two_logits_attain_it_and_nothing_smaller_holds(delta):
    logits, moves = np.array([0.0, delta]), np.array([delta / 2, -delta / 2]) * 2
    after, before = softmax(logits + moves), softmax(logits)
    reached = 0.5 * np.abs(after - before).sum()
    assert reached == pytest.approx(bounds.attention_shift(delta), rel=1e-9)
    check(bounds.attention_shift, logits - logits.mean(), moves)
    with pytest.raises(AssertionError):
        check(lambda delta: 0.999 * bounds.attention_shift(delta), logits, moves)


@given(delta=st.floats(0.0, 700.0))
def test_it_is_a_hyperbolic_tangent(delta):
    assert bounds.attention_shift(delta) == pytest.approx(math.tanh(delta / 2), rel=1e-15)
    assert bounds.attention_shift(delta) <= 1.0


def test_arrays_and_torch():
    delta = np.array([[0.0, 1.0], [2.0, 3.0]])
    assert bounds.attention_shift(delta) == pytest.approx(np.tanh(delta / 2))
    assert bounds.attention_shift(torch.tensor(delta)).numpy() == pytest.approx(np.tanh(delta / 2))
    assert torch.autograd.gradcheck(bounds.attention_shift, torch.tensor(delta + 0.1, requires_grad=True))
