import math

import pytest
from hypothesis import given

from rope_theory import testing
from rope_theory.scaling import Unscaled


@given(config=testing.configs())
def test_the_table_is_the_definition(config):
    expected = [math.exp(-2 * j / config.width * math.log(config.base)) for j in range(config.pairs)]
    for length in (None, 1, 10 * config.context_length):
        table = Unscaled().frequencies(config, length)
        assert table.theta == pytest.approx(expected, rel=1e-13)
        assert table.attention_factor == 1.0
