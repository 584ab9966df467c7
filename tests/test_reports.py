"""Reports: one structure for terminal and page, nothing unescaped, and JSON that is the record of a call in Python."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest
from test_cli import LLAMA_1, LLAMA_31, call, config  # noqa: F401  (config is a fixture)

import rope_theory as rt
from rope_theory import reports
from rope_theory.reports._blocks import Code, Grid, Heading, Item, Paragraph, Picture, Points
from rope_theory.reports._report import Report

HOSTILE = "<script>alert('&')</script>{{ 7 * 7 }}{% raw %}[red]x[/red]"
THETA = rt.scaling.Unscaled().frequencies(rt.RopeConfig(head_dim=32, context_length=64))


def printed(*arguments):
    """Return what a verb prints with --json, as a strict reader takes it."""

    def refuse(token):
        raise AssertionError(f"{token} is no JSON")

    result = call(*arguments, "--json")
    assert result.exit_code in (0, 1), result.output
    return json.loads(result.stdout, parse_constant=refuse)


def same(found, record, **about):
    """Hold JSON against the record of a direct call."""
    assert found == reports.as_json_dict(record, **about)
    assert found == json.loads(reports.as_json(record, **about))
    assert found.pop("schema") == reports.SCHEMA == 1
    assert found.pop("type") == type(record).__name__
    assert {name: found[name] for name in found if name not in about} == {
        name: value for name, value in reports.json_ready(record.to_dict()).items() if name != "type"
    }


def test_json_of_bounds():
    same(printed("bounds", "--head-dim", 32, "--context-length", 64, "--offset", 3.5), reports.bounds(THETA, 3.5))


def test_json_of_frequencies(config):  # noqa: F811
    path = config(LLAMA_31)
    record = reports.frequencies(rt.from_hf(path), length=9000, factor=2)
    same(printed("frequencies", path, "--length", 9000, "--factor", 2), record, source=path)


def test_json_of_certify_and_verify(tmp_path):
    place = tmp_path / "certificate.json"
    record = reports.certify(THETA, 70.5, 64, ratio=3, save=place)
    same(printed("certify", "--head-dim", 32, "--window", 64, "--ratio", 3, "--offset", 70.5), record)
    again = reports.verify(rt.certificates.Certificate.load(place), bits=200)
    same(printed("verify", place, "--bits", 200), again)
    assert again.proved.bits == 200


def test_json_of_prove():
    import proofs

    same(printed("prove", "chord_published"), proofs.overview("chord_published"))


def test_json_of_doctor_and_recommend(config):  # noqa: F811
    path = config(LLAMA_1)
    same(printed("doctor", path, "--length", 8192), rt.doctor.diagnose(path, 8192), source=path)
    same(printed("recommend", path, "--length", 8192), rt.doctor.recommend(path, 8192))


def test_names_that_would_hide_a_field_and_things_that_are_no_record_are_refused():
    record = reports.bounds(THETA, 3.5)
    with pytest.raises(rt.errors.Conflict, match="rows would hide what the BoundsAtOffset says"):
        reports.as_json_dict(record, rows=1)
    with pytest.raises(rt.errors.Conflict, match="schema would hide"):
        reports.as_json(record, schema=2)
    for wrong in (None, {}, "x", reports.Report):
        with pytest.raises(TypeError, match="record must be"):
            reports.as_json(wrong)
        with pytest.raises(TypeError, match="record must be one of BoundsAtOffset"):
            reports.report(wrong)
    with pytest.raises(TypeError, match="record must be one of BoundsAtOffset"):
        reports.report(record.rows[0])


def test_infinities_are_strings():
    still = rt.scaling.Proportional(0.5).frequencies(rt.RopeConfig(head_dim=8))
    content = reports.as_json_dict(still)
    assert content["theta"][-1] == 0.0
    assert reports.as_json_dict(reports.bounds(THETA, 3.5), source=np.float64("inf"))["source"] == "inf"


@pytest.fixture
def hostile():
    def draw(ax):
        ax.plot([0, 1], label=HOSTILE.replace("$", ""))

    return Report(
        HOSTILE,
        (
            Heading(HOSTILE), Paragraph(HOSTILE, "warning"), Points((HOSTILE, "second")), Code(HOSTILE),
            Item("error", HOSTILE, ((HOSTILE, HOSTILE),), "error"), Picture(draw, HOSTILE),
            Grid((HOSTILE, "number"), ((HOSTILE, 1 / 3), (None, np.inf)), "wr", frozenset({1})),
        ),
    )  # fmt: skip


def test_a_page_escapes_everything_and_loads_nothing(hostile):
    pytest.importorskip("matplotlib")
    page = hostile.to_html()
    assert page.startswith("<!doctype html>")
    assert not re.search(r"<script|<link|https?://|\son\w+=|@import|url\(", page)
    escaped = page.count("&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;{{ 7 * 7 }}{% raw %}")
    assert escaped == 13  # title twice, picture twice, details twice, once for each of the others
    assert "49" not in re.sub(r"base64,[^\"]*", "", page)
    assert page.count("<img") == 1
    assert '<tr class="error"><td class="w">–</td><td class="r">inf</td></tr>' in page
    assert ">0.3333</td>" in page


def test_a_terminal_gets_every_word_as_it_is(hostile, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    hostile.print()
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert said.count(HOSTILE) == 10  # a picture has no place here
    assert "0.3333" in said


def test_pages_of_every_record_that_needs_no_model(config, tmp_path):  # noqa: F811
    pytest.importorskip("matplotlib")
    import proofs

    path = config(LLAMA_31)
    records = (
        reports.bounds(THETA, 3.5),
        reports.certify(THETA, 70.5, 64, ratio=3),
        proofs.overview("triangle"),
        rt.doctor.recommend(path, 300000),
    )
    for record in records:
        page = reports.report(record).to_html()
        assert page.count("<table>") >= 1
        assert page.count("<h1>") == 1
    page = reports.report(reports.frequencies(rt.from_hf(path)), source=HOSTILE).to_html()
    assert "<script" not in page
    assert page.count("<tr>") == 65
    page = reports.report(rt.doctor.diagnose(path), source=HOSTILE, page=True).to_html()
    assert "<script" not in page
    assert page.count("<img") == 1


def test_reports_load_neither_terminal_nor_page_nor_models():
    code = (
        "import sys, rope_theory as rt\n"
        "theta = rt.scaling.Unscaled().frequencies(rt.RopeConfig(64))\n"
        "rt.reports.report(rt.reports.bounds(theta, 0.5)), rt.reports.as_json(rt.reports.bounds(theta, 0.5))\n"
        "print(sorted({'rich', 'jinja2', 'matplotlib', 'torch', 'rope_theory.models'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
