import numpy as np
import pytest
import torch
import twins
from hypothesis import given, settings
from hypothesis import strategies as st

import rope_theory as rt
from rope_theory import bounds, testing
from rope_theory.comparison import chord_cells
from rope_theory.scaling import PositionInterpolation, Unscaled, YaRN

CONFIG = rt.RopeConfig(8, context_length=16)
H = rt.coefficients.random_phase(4, seed=0, count=3)
METHODS = [Unscaled(), PositionInterpolation(4), YaRN(4)]


def largest(h, theta, s):
    return max(abs(twins.score(h, theta.theta, x)) for x in s)


@settings(max_examples=15)
@given(data=st.data(), length=st.integers(16, 60))
def test_rows_are_the_maxima_they_name(data, length):
    scaling = data.draw(testing.scalings(CONFIG))
    h = data.draw(testing.coefficients(4, h_min=0.1))
    row = rt.compare(CONFIG, [scaling], h, length=length).rows[0]
    theta = scaling.frequencies(CONFIG, length)
    gain = theta.attention_factor**2
    scale = gain * np.abs(h).sum()
    assert row.logit_factor == gain
    assert row.triangle == pytest.approx(scale, rel=1e-14)
    assert row.trained_maximum == pytest.approx(largest(h, Unscaled().frequencies(CONFIG), range(16)), rel=1e-11)
    assert row.inside == pytest.approx(gain * largest(h, theta, range(16)), abs=1e-12 * scale)
    between = gain * largest(h, theta, np.arange(15 * 16 + 1) / 16)
    assert row.between_inside == pytest.approx(between, abs=1e-12 * scale)
    assert row.inside_ratio == pytest.approx(between / row.trained_maximum, rel=1e-9)
    if length == 16:
        assert (row.beyond, row.between_beyond, row.beyond_ratio) == (0.0, 0.0, 0.0)
    else:
        beyond = gain * largest(h, theta, 15 + np.arange(1, (length - 16) * 16 + 1) / 16)
        assert row.beyond == pytest.approx(gain * largest(h, theta, range(16, length)), abs=1e-12 * scale)
        assert row.between_beyond == pytest.approx(beyond, abs=1e-12 * scale)
        assert row.beyond_ratio == pytest.approx(beyond / row.trained_maximum, rel=1e-9)


@given(h=testing.coefficients(4, batch=(2,), h_min=0.05), length=st.integers(16, 200))
def test_no_maximum_exceeds_the_triangle_bound(h, length):
    for row in rt.compare(CONFIG, METHODS, h, length=length).rows:
        assert row.inside <= row.between_inside <= row.triangle * (1 + 1e-12)
        assert row.beyond <= row.between_beyond <= row.triangle * (1 + 1e-12)


def test_rows_come_scaling_by_scaling_and_h_varies_fastest():
    result = rt.compare(CONFIG, METHODS, H, length=64)
    assert [(row.scaling, row.h_index) for row in result.rows] == [
        (method, index) for method in METHODS for index in range(3)
    ]
    assert (result.config, result.length) == (CONFIG, 64)
    alone = rt.compare(CONFIG, METHODS[1:2], H[2], length=64).rows[0]
    assert alone.between_beyond == pytest.approx(result.rows[5].between_beyond, rel=1e-12)
    assert alone.h_index == 0


def test_the_unscaled_model_inside_its_window_is_the_reference():
    row = rt.compare(CONFIG, [Unscaled()], H[0], length=16).rows[0]
    assert row.inside == row.trained_maximum
    assert row.inside_ratio >= 1.0


def test_interpolation_by_four_sees_the_trained_curve():
    row = rt.compare(CONFIG, [PositionInterpolation(4)], H[0], length=64).rows[0]
    trained = np.abs(rt.score_curve(H[0], Unscaled().frequencies(CONFIG), 0, 16, 1 / 64)).max()
    assert max(row.between_inside, row.between_beyond) <= trained * (1 + 1e-12)


def test_small_blocks_give_the_same_rows(monkeypatch):
    whole = rt.compare(CONFIG, METHODS, H, length=100)
    monkeypatch.setattr(rt.comparison, "ROWS_AT_ONCE", 3 * 16 * 7)
    for row, expected in zip(rt.compare(CONFIG, METHODS, H, length=100).rows, whole.rows, strict=True):
        assert row.between_beyond == pytest.approx(expected.between_beyond, rel=1e-12)
        assert row.inside == pytest.approx(expected.inside, rel=1e-12)


def test_tables_and_dictionaries():
    result = rt.compare(CONFIG, METHODS, torch.tensor(H), length=20)
    frame = result.to_pandas()
    assert len(frame) == 9
    assert frame["triangle"].tolist() == [row.triangle for row in result.rows]
    assert frame["scaling"].tolist() == [row.scaling for row in result.rows]
    assert frame.groupby("scaling", sort=False)["h_index"].count().to_dict() == dict.fromkeys(METHODS, 3)
    assert "YaRN(factor=" in frame.to_string()
    assert result.to_dict()["rows"][4]["h_index"] == 1
    assert result.to_dict()["rows"][4]["scaling"] == {"type": "PositionInterpolation", "factor": 4.0}


@given(h=testing.coefficients(4), first=st.integers(-50, 50), cells=st.integers(1, 6), per_token=st.integers(2, 9))
def test_chord_cells(h, first, cells, per_token):
    theta = Unscaled().frequencies(CONFIG)
    curve = chord_cells(h, theta, first, first + cells, per_token=per_token)
    size = np.abs(h).sum()
    assert curve.offsets == pytest.approx(np.linspace(first, first + cells, cells * per_token + 1))
    nodes = rt.attention_score(h, theta, np.arange(first, first + cells + 1))
    assert curve.scores == pytest.approx(rt.attention_score(h, theta, curve.offsets), abs=1e-13 * size)
    assert curve.chords == pytest.approx(
        np.interp(curve.offsets, np.arange(first, first + cells + 1), nodes), abs=1e-12 * size
    )
    assert (np.abs(curve.scores - curve.chords) <= curve.sharp + 1e-12 * size).all()
    assert (curve.sharp <= curve.curvature + 1e-12 * size).all()
    middle = curve.offsets[1]
    assert curve.sharp[1] == pytest.approx(bounds.chord_sharp(theta, middle, h=h), rel=1e-12, abs=1e-300)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: rt.compare(CONFIG, [], H, length=32), ValueError, "scalings is empty"),
        (lambda: rt.compare(CONFIG, Unscaled(), H, length=32), TypeError, "scalings must be a sequence.*list"),
        (lambda: rt.compare(CONFIG, 4, H, length=32), TypeError, "scalings must be a sequence"),
        (lambda: rt.compare(CONFIG, ["yarn"], H, length=32), TypeError, "scalings must hold Scaling objects"),
        (lambda: rt.compare(8, METHODS, H, length=32), TypeError, "config must be a RopeConfig"),
        (
            lambda: rt.compare(CONFIG, METHODS, H, length=15),
            ValueError,
            "length must be at least 16.*trained one is 16",
        ),
        (lambda: rt.compare(CONFIG, METHODS, H[:, :3], length=32), ValueError, "h must have one coefficient"),
        (lambda: rt.compare(CONFIG, METHODS, H[None], length=32), ValueError, r"h must have shape \(P,\) or \(N, P\)"),
        (lambda: rt.compare(CONFIG, METHODS, 0 * H, length=32), ValueError, "h has a row of zeros"),
        (lambda: chord_cells(H[0], np.ones(4), 3, 3), ValueError, r"first \(3\) must be below last \(3\)"),
        (lambda: chord_cells(H, np.ones(4), 0, 3), ValueError, "h must be one-dimensional"),
        (lambda: chord_cells(H[0], np.ones(4), 0, 3, per_token=1), ValueError, "per_token must be at least 2"),
        (lambda: chord_cells(H[0], np.ones(4), 0.5, 3), ValueError, "first must be an integer"),
    ],
)
def test_bad_input(call, error, words):
    with pytest.raises(error, match=words):
        call()
