"""docs/performance.md shows the stored answers of the benchmarks."""

import dataclasses
import json

from benchmarks.__main__ import HEADER, _row
from benchmarks.measure import ROOT, Measurement
from paper_repro import pages


def test_the_page_is_that_of_the_stored_answers():
    stored = json.loads((ROOT / "benchmarks" / "results.json").read_text(encoding="utf-8"))["results"]
    fields = {field.name for field in dataclasses.fields(Measurement)}
    rows = [_row(Measurement(**{key: answer[key] for key in fields & answer.keys()})) for answer in stored]
    page = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    assert pages.between(page, "benchmarks") == pages.table(HEADER, rows)
