"""One choice from three sides: its numbers are those of the functions it stands for."""

import numpy as np
import pytest

import rope_theory as rt
from rope_theory.widgets import METHODS, explore

CONFIG = rt.RopeConfig(64, context_length=256)


@pytest.mark.parametrize("method", METHODS)
def test_numbers_are_those_of_the_functions(method):
    found = explore(CONFIG, method, 4.0, 10.0)
    trained, extended = found.tables
    assert trained.scaling == rt.scaling.Unscaled()
    assert extended.scaling == METHODS[method](4.0)
    assert found.chord_bounds["sharp, attained"] == pytest.approx(rt.bounds.chord_sharp(trained, found.cell))
    assert found.chord_bounds["Theorem 2.1, refuted"].max() == rt.bounds.chord_published(CONFIG, 0.5)
    assert (found.offsets % 1.0 == 0.5).all()
    assert 0.0 < found.offsets[0] < found.offsets[-1] < 4.0 * 256
    for table, row in zip((None, extended), found.worst, strict=True):
        best = rt.certificates.worst_case(
            trained, float(found.offsets[-1]), np.arange(256), h_max=10.0, target_theta=table
        )
        assert best.lower <= row[-1] <= 1.5 * best.upper


@pytest.mark.parametrize("factor", [1.0, 1.5, 4.0, 32.0])
@pytest.mark.parametrize("window", [128, 2048])
def test_both_sides_of_the_edge_are_looked_at(window, factor):
    offsets = explore(rt.RopeConfig(16, context_length=window), "YaRN", factor, 1.0).offsets
    assert {window - 1.5, window - 0.5} <= set(offsets)
    assert (offsets < window - 2).sum() == 2
    assert (offsets > window).sum() == (0 if factor == 1.0 else 4)
    assert offsets.max() < factor * window


def test_no_factor_means_no_change():
    found = explore(CONFIG, "Position Interpolation", 1.0, 1.0)
    assert found.worst[0] == pytest.approx(found.worst[1])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("PI", 4.0, 1.0), "method must be one of"),
        (("YaRN", 0.5, 1.0), "factor must be at least 1"),
        (("YaRN", 4.0, 0.0), "ratio must be above 0"),
    ],
)
def test_wrong_input_is_told_in_words(arguments, message):
    with pytest.raises(ValueError, match=message):
        explore(CONFIG, *arguments)
