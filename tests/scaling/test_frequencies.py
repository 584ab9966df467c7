import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rope_theory as rt
from rope_theory import testing
from rope_theory.scaling import PositionInterpolation, Unscaled, YaRN

CONFIG = rt.RopeConfig(8, base=10000.0, context_length=100)


def test_unscaled_hand_values():
    assert Unscaled().frequencies(CONFIG).theta == pytest.approx([1.0, 0.1, 0.01, 0.001], rel=1e-15)
    assert Unscaled().frequencies(CONFIG).attention_factor == 1.0


def test_only_the_rotated_width_counts():
    wide = rt.RopeConfig(64, rotary_dim=8)
    assert np.array_equal(Unscaled().frequencies(wide).theta, Unscaled().frequencies(CONFIG).theta)


def test_wavelengths_and_turns():
    table = Unscaled().frequencies(CONFIG)
    assert table.wavelength == pytest.approx(2 * np.pi * np.array([1, 10, 100, 1000]), rel=1e-15)
    assert table.turns() == pytest.approx(100 / table.wavelength, rel=1e-15)
    assert table.turns(1000) == pytest.approx(1000 / table.wavelength, rel=1e-15)
    with pytest.raises(ValueError, match="length must be above 0"):
        table.turns(0)


def test_a_pair_that_stands_still_has_an_infinite_wavelength():
    table = rt.scaling.Proportional(0.5).frequencies(CONFIG)
    assert np.isinf(table.wavelength).tolist() == [False, False, True, True]


def test_a_table_is_read_only_and_does_not_share_memory():
    values = np.array([1.0, 0.5])
    table = rt.Frequencies(values, 1.0, Unscaled(), rt.RopeConfig(4))
    values[0] = 7.0
    assert table.theta.tolist() == [1.0, 0.5]
    with pytest.raises(ValueError, match="read-only"):
        table.theta[0] = 7.0


def test_tables_compare_by_content():
    table = PositionInterpolation(2).frequencies(CONFIG)
    assert table == PositionInterpolation(2.0).frequencies(CONFIG)
    assert hash(table) == hash(PositionInterpolation(2.0).frequencies(CONFIG))
    assert table != PositionInterpolation(3).frequencies(CONFIG)
    assert table != PositionInterpolation(2).frequencies(CONFIG, 200)
    assert table != table.theta.tolist()
    assert len(table) == 4


@given(data=st.data(), config=testing.configs(min_rotary_dim=4, max_head_dim=32))
def test_a_table_remembers_how_it_was_made(data, config):
    scaling = data.draw(testing.scalings(config))
    length = data.draw(st.one_of(st.none(), st.integers(1, 4 * config.context_length)))
    table = scaling.frequencies(config, length)
    assert (table.scaling, table.config, table.length) == (scaling, config, length)
    assert table == scaling.frequencies(config, length)
    assert table.theta.shape == (config.pairs,)


@pytest.mark.parametrize("method", ["PositionInterpolation", "NTKAware", "NTKByParts", "YaRN", "Llama3"])
@given(config=testing.configs(min_rotary_dim=4))
def test_a_factor_of_one_leaves_the_model_as_it_is(method, config):
    table = getattr(rt.scaling, method)(1).frequencies(config, 4 * config.context_length)
    assert table.theta == pytest.approx(Unscaled().frequencies(config).theta, rel=1e-13)
    assert table.attention_factor == 1.0


def test_names_are_those_one_imports():
    assert YaRN(4).name == "YaRN"
    assert repr(PositionInterpolation(4)) == "PositionInterpolation(factor=4.0)"


@pytest.mark.parametrize("factor", [1, 2.0, np.float32(4), np.int64(8)])
def test_factors_are_kept_as_floats(factor):
    assert type(PositionInterpolation(factor).factor) is float
    assert PositionInterpolation(factor) == PositionInterpolation(float(factor))
