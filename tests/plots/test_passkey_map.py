"""The map of passkeys shows the record's numbers where they belong."""

import numpy as np
import pytest

from rope_theory import models, plots

matplotlib = pytest.importorskip("matplotlib")

ROWS = tuple(
    models.PasskeyRow(length, length * place / 2, place, 10, 5 * place, 0.5 * place, 0.0, 1.0)
    for length in (8, 16)
    for place in (1, 2)
)
RECORD = models.Passkey(
    rows=ROWS, reach=(models.ReachRow(8, 4.0, 0.7), models.ReachRow(16, 16.0, 0.7)), distances=2, trials=10, seed=0,
    instruction="", filler="", key="", question="", model="", dtype="", device="",
)  # fmt: skip


def test_a_field_a_distance_and_a_mark_at_the_reach():
    axes = plots.passkey_map(RECORD, window=8)
    first, second = axes.collections[:2]
    for fields, length in ((first, 8), (second, 16)):
        np.testing.assert_array_equal(fields.get_coordinates()[0, :, 0], [0.0, length / 2, length])
        np.testing.assert_array_equal(fields.get_array().ravel(), [0.5, 1.0])
        assert fields.get_clim() == (0.0, 1.0)
    np.testing.assert_array_equal(axes.lines[0].get_xydata(), [[4.0, 0.0], [16.0, 1.0]])
    assert axes.lines[1].get_xdata()[0] == 8
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["8", "16"]
