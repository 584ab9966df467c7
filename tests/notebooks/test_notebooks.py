"""The notebooks as committed, and executed again: no error, and every verdict as it was."""

import ast
import re
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
LARGEST = 3 * 2**20
LONGEST_FUNCTION = 12
"""Lines: more than that belongs into the package."""


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def verdict(notebook):
    (cell,) = [cell for cell in notebook.cells if "verdict" in cell.metadata.get("tags", [])]
    (output,) = cell.outputs
    return output.text


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def path(request):
    return request.param


def test_there_are_eight_in_order():
    assert [path.stem[:2] for path in NOTEBOOKS] == [f"{n:02d}" for n in range(1, 9)]


def test_committed_as_executed(path):
    notebook = nbformat.read(path, 4)
    nbformat.validate(notebook)
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error"]
    assert not [output for output in outputs if output.get("name") == "stderr"]
    assert any("image/png" in output.get("data", {}) for output in outputs) or path.stem.startswith("08")
    assert len(verdict(notebook).splitlines()) >= 2
    assert re.match(r"# \w", notebook.cells[0].source)
    assert path.stat().st_size <= LARGEST


def test_cells_hold_no_long_functions(path):
    for cell in code_cells(nbformat.read(path, 4)):
        source = "\n".join("" if line.startswith("%") else line for line in cell.source.splitlines())
        for node in ast.walk(ast.parse(source.replace(";\n", "\n"))):
            assert not isinstance(node, ast.ClassDef)
            if isinstance(node, ast.FunctionDef):
                assert node.end_lineno - node.lineno < LONGEST_FUNCTION, node.name


def test_prose_has_no_number_that_could_have_been_computed(path):
    for cell in nbformat.read(path, 4).cells:
        if cell.cell_type == "markdown":
            assert set(re.findall(r"\d+\.\d+", cell.source)) <= {"2.1", "2306.15595"}  # a theorem, a paper


@pytest.mark.notebooks
def test_executed_again_with_the_same_verdict(path, tmp_path):
    nbclient = pytest.importorskip("nbclient")
    committed, again = nbformat.read(path, 4), nbformat.read(path, 4)
    nbclient.NotebookClient(
        again, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(FOLDER)}}
    ).execute()
    assert verdict(again) == verdict(committed)
