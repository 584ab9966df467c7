"""The paper's tables at small scale are what the runs say, beside what the paper prints."""

import math

import matplotlib as mpl
import numpy as np
import pytest
from pinned_text import needs_pinned_text

from experiments import live_finetuning, table_savers
from experiments.columns import one_of
from experiments.extension import plan, results, runs
from experiments.parts import Data
from paper_repro import extended_windows, extension_pages, published

mpl.use("Agg")


@pytest.fixture(scope="module")
def data():
    return extended_windows.PART.data()


def test_parts_are_made_by_the_command():
    from paper_repro.command import PARTS

    assert all(part in PARTS for part in (extended_windows.PART, live_finetuning.PART, table_savers.PART))


def test_a_number_is_the_mean_of_its_runs(data):
    one = next(one for one in plan.UNTUNED if one.method == "YaRN" and one.factor == 4.0)
    stored = next(
        row
        for row in runs.read(one)["rows"]
        if (row["quantity"], row["corpus"], row["window"]) == ("nll", "prose", 512)
    )
    row = one_of(data.tables["numbers"], method="YaRN", factor=4.0, step=0, quantity="nll", corpus="prose", window=512)
    assert row["mean"] == stored["value"]
    assert row["error"] == stored["error"]
    assert math.isnan(row["spread"])
    original = data.facts["original"]["code"]
    nll = one_of(data.tables["numbers"], method="YaRN", factor=4.0, step=0, quantity="nll", corpus="code", window=1024)[
        "mean"
    ]
    assert data.facts["methods"]["YaRN"]["0"]["ratio"] == math.exp(nll - original)


def test_what_is_made_is_counted(data):
    made = [one for one in plan.TABLES if runs.path_of(one).is_file()]
    assert data.facts["runs"] == len(made) <= data.facts["planned"] == len(plan.TABLES)


def test_missing_runs_are_left_out(tmp_path, monkeypatch):
    assert results.at_hand(plan.ALL, tmp_path) == []
    assert set(results.digest(plan.ALL, tmp_path).values()) == {""}


def test_tables_are_rectangular_and_name_the_untouched_model_once_a_factor(data):
    tables = [
        extension_pages.perplexities(data, "code"),
        extension_pages.perplexities(data, "prose"),
        extension_pages.steps_table(data),
        extension_pages.quality_table(data),
        extension_pages.published_perplexities("table_1"),
    ]
    for header, rows in tables:
        assert rows
        assert {len(row) for row in rows} == {len(header)}
    untouched = [row for row in tables[0][1] if row[1] == "as it is"]
    assert len(untouched) == len({row[0] for row in untouched})


def test_a_lower_rate_stands_beside_the_one_of_the_tables():
    reached = {"200": {"inside": 1.1, "ratio": 0.9, "k_max": 512.0, "found": 0.5, "seeds": 3,
                       "nll_spread": 0.1, "k_max_spread": 128.0, "found_spread": 0.04}}  # fmt: skip
    one = {"inside": 1.01, "ratio": 1.2, "k_max": 256.0, "found": 0.25, "seeds": 1,
           "nll_spread": None, "k_max_spread": None, "found_spread": None}  # fmt: skip
    lower = {"20": one, "200": one, "1000": {**one, "inside": 1.03, "ratio": 0.8}}
    facts = {
        "window": 256, "control": {"200": {"inside": 1.14, "seeds": 3}}, "methods": {"PI": reached, "direct": {}},
        "lower_rate": {"rate": 2e-4, "control": {}, "methods": {"PI": lower, "direct": {}}},
    }  # fmt: skip
    _, rows = extension_pages.lower_rate_table(Data(tables={}, facts=facts))
    assert rows == [
        ("the same tuning at L", "0.001", "200", "3", "+14.0%", "–", "–", "–"),
        ("PI", "0.001", "200", "3", "+10.0%", "0.90 ± 0.09", "0.50 ± 0.12", "0.50 ± 0.04"),
        ("PI", "0.0002", "200", "1", "+1.0%", "1.20", "0.25", "0.25"),
        ("PI", "0.0002", "1000", "1", "+3.0%", "0.80", "0.25", "0.25"),
    ]


def test_published_cells():
    assert published.cell("table_1", ("7B", "8192", "PI"), "4096") == "6.96"
    assert published.row("table_3", ("8192",))["200"] == "7.12"
    with pytest.raises(KeyError, match="no table 'table_9'"):
        published.row("table_9", ())
    with pytest.raises(KeyError, match="no row that begins with 7B, 1"):
        published.row("table_1", ("7B", "1"))


def test_paper_curves_are_the_printed_numbers():
    ((label, steps, values),) = extended_windows.paper_curves("ratio")
    assert label == "PI, 7B, published"
    assert values[steps.index(1000)] == pytest.approx(6.95 / 7.20)
    reach = {
        label: dict(zip(steps, values, strict=True)) for label, steps, values in extended_windows.paper_curves("k_max")
    }
    assert reach["direct, 7B, published"][200] == pytest.approx(1792 / 8192)


def test_the_picture_shows_the_numbers(data):
    figure = extended_windows.draw(data)
    untuned = {container.get_label(): container for container in figure.axes[0].containers}
    assert set(untuned) >= {"as it is", "PI", "YaRN"}
    line = untuned["YaRN"].lines[0]
    at_four = dict(zip(line.get_xdata(), line.get_ydata(), strict=True))[4.0]
    assert at_four == pytest.approx(data.facts["methods"]["YaRN"]["0"]["ratio"])
    mpl.pyplot.close(figure)


@pytest.mark.slow  # the whole run of test_parts.py compares the same numbers
@needs_pinned_text
def test_live_numbers_are_the_committed_ones():
    data = live_finetuning.PART.data()
    assert data.facts["numbers"] == len(live_finetuning.METHODS) + live_finetuning.INPUTS["steps"]
    assert data.facts["agreeing"] == data.facts["numbers"]


def test_savers_change_no_logits_but_where_the_table_follows_the_length():
    columns = table_savers.PART.data().tables["savers"]
    for method, way, difference in zip(columns["method"], columns["way"], columns["difference"], strict=True):
        if way in ("flash", "bfloat16"):
            continue
        moved = way == "cached" and method in ("dynamic", "LongRoPE")
        assert (difference > 1.0) == moved, (method, way)
        assert moved or difference < 2e-4


def test_a_chunk_of_savers_is_as_stored():
    found = table_savers.rows({**table_savers.INPUTS, "method": "PI", "ways": ["sdpa", "cached"]})
    assert np.max(found["difference"]) < 2e-4
    assert found["largest"][0] == pytest.approx(17.2654, rel=1e-3)
