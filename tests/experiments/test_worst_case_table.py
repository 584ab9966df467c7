"""The stored worst cases are those of theory.md; documents that have a place for the tables have today's."""

import pytest

from experiments import table_worst_case
from experiments import worst_case_rows as rows
from experiments.table_worst_case import INPUTS, PART
from paper_repro import pages

REFERENCE = {  # V(s)/A for d = 128, c = 1e4, by N and H/A, computed independently of this code; two solvers agreed
    (2048, 1): {0.5: "1.123", 1024.5: "1.125", 2048.5: "1.610", 2049: "2.18", 2056: "5.43", 2112: "15.1",
                3072: "33.8", 4096: "34.5"},
    (2048, 10): {0.5: "1.123", 1024.5: "1.125", 2048.5: "1.629", 2049: "2.23", 2056: "6.47", 2112: "40.3",
                 3072: "300", 4096: "307"},
    (2048, 100): {0.5: "1.123", 1024.5: "1.125", 2048.5: "1.669", 2049: "2.32", 2056: "7.60", 2112: "86.8",
                  3072: "2828", 4096: "3026"},
    (2048, 0.02): {0.5: "1.010"}, (2048, 0.05): {0.5: "1.025"}, (2048, 0.1): {0.5: "1.049"},
    (256, 1): {0.5: "1.144", 128.5: "1.128", 512: "38.8"},
    (256, 10): {0.5: "1.158", 128.5: "1.128", 512: "348"},
    (256, 100): {0.5: "1.179", 128.5: "1.128", 512: "3413"},
}  # fmt: skip


@pytest.fixture(scope="module")
def data():
    return PART.data()


def test_every_entry_agrees_with_the_reference_to_its_printed_digits(data):
    table = data.tables["worst_case"]
    found = {}
    for window, ratio, offset, *bounds in zip(
        *(table[name] for name in ("window", "ratio", "offset", "lower", "upper")), strict=True
    ):
        found[window - 1, ratio, offset] = bounds
    expected = {(*case, s): text for case, column in REFERENCE.items() for s, text in column.items()}
    assert set(found) == set(expected)
    for place, text in expected.items():
        digits = len(text.partition(".")[2])
        assert [f"{value:.{digits}f}" for value in found[place]] == [text, text], place


def test_the_markdown_names_n_and_every_ratio(data):
    text = pages.worst_case_table(data)
    assert "| s (N = 2048) | H/A = 1 | H/A = 10 | H/A = 100 |" in text
    assert "| s (N = 256) | H/A = 1 | H/A = 10 | H/A = 100 |" in text
    assert "| 2048.5 | 1.610 | 1.629 | 1.669 |" in text
    assert text.count("| 0.5 |") == 3
    assert [s for s, _ in table_worst_case.places(data, 2049, [0.02])] == [0.5]  # no empty rows
    assert set(INPUTS["cases"][0]["offsets"]) == {float(s) for s in REFERENCE[2048, 1]}


def test_a_chunk_is_what_was_asked():
    chunk = {"head_dim": 16, "base": 1e4, "window": 33, "ratio": 2.0, "offsets": [3.0, 40.0]}
    found = table_worst_case.compute_chunk(chunk)
    assert found["lower"][0] <= 1.0 <= found["upper"][0]
    theta = rows.frequencies(16, 1e4, 33)
    assert 1.0 < found["upper"][1] <= 2.0 * len(theta.theta)
