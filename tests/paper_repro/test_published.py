"""The printed numbers are complete and well formed."""

import re
import tomllib

import pytest

from experiments.settings import CONFIG
from paper_repro import published

CONTENT = tomllib.loads(published.FILE.read_text())


def test_the_setting_is_the_printed_one():
    assert published.printed("head_dim").value == CONFIG.head_dim
    assert published.printed("base").value == CONFIG.base
    assert published.printed("window").value == CONFIG.context_length


@pytest.mark.parametrize("table", CONTENT["table"], ids=lambda table: table["id"])
def test_tables_are_rectangular_and_numeric(table):
    names = 1 if table["id"] in ("table_3", "table_6") else 3
    for row in table["rows"]:
        assert len(row) == len(table["columns"])
        for cell in row[names:]:
            assert re.fullmatch(r"-|>1e3|\d+(\.\d+)?", cell), cell


@pytest.mark.parametrize(
    ("table", "rows", "numbers"), [(1, 16, 51), (2, 16, 47), (3, 2, 12), (4, 7, 36), (5, 7, 35), (6, 3, 9)]
)
def test_no_cell_was_lost(table, rows, numbers):
    content = next(entry for entry in CONTENT["table"] if entry["id"] == f"table_{table}")
    names = 1 if table in (3, 6) else 3
    assert len(content["rows"]) == rows
    assert sum(cell != "-" for row in content["rows"] for cell in row[names:]) == numbers


def test_unknown_numbers_are_refused():
    with pytest.raises(KeyError, match="has no number 'x'"):
        published.printed("x")
