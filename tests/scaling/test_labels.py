import dataclasses

import pytest

from rope_theory import scaling


@pytest.mark.parametrize(
    ("method", "label"),
    [
        (scaling.Unscaled(), "Unscaled"),
        (scaling.PositionInterpolation(4), "PositionInterpolation(4)"),
        (scaling.NTKAware(2.5), "NTKAware(2.5)"),
        (scaling.DynamicNTK(2, reference_length=4096), "DynamicNTK(2, reference_length=4096)"),
        (scaling.NTKByParts(8, alpha=2), "NTKByParts(8, alpha=2)"),
        (scaling.YaRN(4), "YaRN(4)"),
        (scaling.YaRN(4, ramp="paper", beta_fast=16), "YaRN(4, beta_fast=16, ramp='paper')"),
        (scaling.YaRN(4, truncate=False), "YaRN(4, truncate=False)"),
        (scaling.Llama3(8, 1, 4), "Llama3(8)"),
        (scaling.LongRoPE([1.0, 2.0], [3.0, 4.0], factor=32), "LongRoPE(32)"),
        (scaling.LongRoPE([1.0], [3.0]), "LongRoPE"),
        (scaling.Proportional(0.25), "Proportional(partial_rotary_factor=0.25)"),
    ],
)
def test_labels_name_what_differs_from_the_defaults(method, label):
    assert method.label == label


def test_every_method_has_a_label_that_starts_with_its_name():
    made = {"factor": 4.0, "short_factor": [1.0], "long_factor": [2.0]}
    for name in scaling.__all__:
        kind = getattr(scaling, name)
        if not issubclass(kind, scaling.Scaling) or kind is scaling.Scaling:
            continue
        given = {field.name: made[field.name] for field in dataclasses.fields(kind) if field.name in made}
        assert kind(**given).label.startswith(name)


def test_a_method_of_ones_own_without_fields_is_called_by_its_name():
    class Mine(scaling.Scaling):
        def _theta(self, config, length):
            return scaling.Unscaled()._theta(config, length)

    assert Mine().label == "Mine"
