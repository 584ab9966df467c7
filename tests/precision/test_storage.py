import pytest

from rope_theory.precision import FORMATS, STORAGES, Storage


def test_float32_unless_said_otherwise():
    assert Storage() == Storage("float32", "float32", "float32", "float32") == STORAGES["float32"]
    assert Storage(table="bfloat16") == STORAGES["bfloat16 table"]
    assert Storage().to_dict() == {
        "type": "Storage", "position": "float32", "frequency": "float32", "phase": "float32", "table": "float32",
    }  # fmt: skip


def test_named_cases_are_different_storages():
    assert len(set(STORAGES.values())) == len(STORAGES)
    assert {getattr(storage, part) for storage in STORAGES.values() for part in ("table", "phase")} <= set(FORMATS)


@pytest.mark.parametrize("argument", ["position", "frequency", "phase", "table"])
def test_an_unknown_format_is_an_error_in_words(argument):
    with pytest.raises(ValueError, match=f"{argument} must be one of 'float64', 'float32', 'bfloat16', 'float16', got"):
        Storage(**{argument: "float8"})
    with pytest.raises(TypeError, match=f"{argument} must be one of .* got 16"):
        Storage(**{argument: 16})
