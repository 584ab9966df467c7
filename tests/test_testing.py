import numpy as np
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

import rope_theory as rt
from rope_theory import scaling, testing
from rope_theory.scaling import Scaling

METHODS = {getattr(scaling, name) for name in scaling.__all__} - {scaling.Scaling, scaling.Frequencies}
QUICK = settings(max_examples=400, deadline=None, derandomize=True, database=None, phases=[Phase.generate])


@given(config=testing.configs())
def test_configs_are_configs(config):
    assert isinstance(config, rt.RopeConfig)
    assert 2 <= config.width <= config.head_dim <= 128
    assert 2 <= config.context_length <= 8192
    assert 1.5 <= config.base <= 1e7


@given(config=testing.configs(min_rotary_dim=6, max_head_dim=12, max_base=50.0, max_context_length=9))
def test_configs_keep_to_their_bounds(config):
    assert 6 <= config.width <= config.head_dim <= 12
    assert config.base <= 50.0
    assert config.context_length <= 9


@given(config=testing.configs(partial=False))
def test_configs_may_be_whole(config):
    assert config.width == config.head_dim


@given(data=st.data(), config=testing.configs(max_head_dim=16))
def test_scalings_fit_their_config(data, config):
    method = data.draw(testing.scalings(config))
    table = method.frequencies(config, 3 * config.context_length)
    assert table.theta.shape == (config.pairs,)
    assert np.isfinite(table.theta).all()
    assert table.attention_factor > 0


@pytest.mark.parametrize("method", sorted(METHODS, key=lambda method: method.__name__))
def test_scalings_draw_every_method(method):
    assert isinstance(find(testing.scalings(), lambda drawn: isinstance(drawn, method), settings=QUICK), method)


@pytest.mark.parametrize(
    ("config", "excluded"),
    [
        (rt.RopeConfig(2), scaling.NTKAware),
        (rt.RopeConfig(2), scaling.DynamicNTK),
        (rt.RopeConfig(8, rotary_dim=4), scaling.Proportional),
    ],
)
def test_scalings_leave_out_what_a_config_rules_out(config, excluded):
    with pytest.raises(NoSuchExample):
        find(testing.scalings(config), lambda drawn: isinstance(drawn, excluded), settings=QUICK)


@given(h=testing.coefficients(5, batch=(2, 3), h_min=0.25, h_max=2.0))
def test_coefficients_keep_to_shape_and_moduli(h):
    assert h.shape == (2, 3, 5)
    assert h.dtype == np.complex128
    assert (np.abs(h) <= 2.0 * (1 + 1e-15)).all()
    assert (np.abs(h) >= 0.25 * (1 - 1e-15)).all()


@given(s=testing.offsets(-3.0, 2.0**53))
def test_offsets_stay_between_their_ends(s):
    assert isinstance(s, float)
    assert -3.0 <= s <= 2.0**53


@given(s=testing.offsets(0.5, 9.5, whole=True))
def test_whole_offsets_are_integers(s):
    assert s in range(1, 10)


def test_offsets_between_integers_are_drawn():
    assert find(testing.offsets(), lambda s: s != int(s), settings=QUICK) % 1


def test_a_broken_property_is_found_and_shrunk():
    @settings(max_examples=200, deadline=None, derandomize=True, database=None, print_blob=False)
    @given(h=testing.coefficients(3))
    def scores_stay_below_half_the_triangle_bound(h):
        assert rt.attention_score(h, [1.0, 0.1, 0.01], 0.0) <= 0.5 * rt.bounds.triangle(h)

    with pytest.raises(AssertionError):
        scores_stay_below_half_the_triangle_bound()


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: testing.configs(min_rotary_dim=8, max_head_dim=6), ValueError, "min_rotary_dim.*max_head_dim"),
        (lambda: testing.configs(max_context_length=1), ValueError, "max_context_length must be at least 2"),
        (lambda: testing.scalings(128), TypeError, r"config must be a RopeConfig.*configs\(\)"),
        (lambda: testing.coefficients(0), ValueError, "pairs must be at least 1"),
        (lambda: testing.coefficients(2, h_min=2.0), ValueError, "h_min must lie between 0 and h_max"),
        (lambda: testing.coefficients(2, batch=(0,)), ValueError, "batch must be at least 1"),
        (lambda: testing.offsets(2.0, 1.0), ValueError, "min_value.*max_value"),
        (lambda: testing.offsets(0.0, 2.0**54), ValueError, "max_value.*2\\*\\*53"),
        (
            lambda: testing.offsets(0.1, 0.9, whole=True),
            ValueError,
            "have no integer between",
        ),
    ],
)
def test_bad_bounds_are_named(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_every_method_is_a_scaling():
    assert all(issubclass(method, Scaling) for method in METHODS)
