"""The house rules every picture keeps: lazy matplotlib, nothing computed, Axes in and out."""

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import rope_theory as rt
from rope_theory import models, plots
from rope_theory.comparison import chord_cells

matplotlib = pytest.importorskip("matplotlib")

CONFIG = rt.RopeConfig(head_dim=16, context_length=64)
TABLE = rt.scaling.Unscaled().frequencies(CONFIG)
H = rt.coefficients.random_phase(CONFIG.pairs, seed=0)
S = np.arange(1.0, 9.0)

REGIONS = ("inside", "beyond")
CHECK = models.Check(
    rows=tuple(models.ScoreRow(0, 0, "Unscaled()", region, 9, 1.0, 0.1, 1.1, 0.1, 1.2, 1.3, 4.0) for region in REGIONS),
    heads=models.Rows((models.HeadRow(0, 0, 9, *(1.0, 0.1) * 3, 0, 0, 0.7, 0.1, 0.8, 1.5, 0.1, 1.9, (0.3, 0.7)),)),
    bounds=models.Rows(()),
    attention=models.Rows(
        tuple(models.AttentionRow(0, 0, "Unscaled()", r, 9, *(0.5, 0.1) * 4, 3.0, 0.0, 0.0) for r in REGIONS)
    ),
    losses=models.Rows((models.LossRow(0, 9, "inside", 9, 1.0, 0.1), models.LossRow(9, 18, "beyond", 9, 2.0, 0.1))),
    violations=0, published_violations=0, model="LlamaForCausalLM", dtype="float32", device="cpu", config=CONFIG,
    length=18, tokens=18, stretches=1, pairs=9, seed=0, notes=(),
)  # fmt: skip

PASSKEY = models.Passkey(
    rows=tuple(
        models.PasskeyRow(length, length * place / 4, place, 10, 10 - place, 1 - place / 10, 0.0, 1.0)
        for length in (16, 32) for place in (1, 2, 3, 4)
    ),
    reach=(models.ReachRow(16, 12.0, 0.7), models.ReachRow(32, 32.0, 0.7)), distances=4, trials=10, seed=0,
    instruction="", filler="", key="", question="", model="LlamaForCausalLM", dtype="float32", device="cpu",
)  # fmt: skip

DRAW = {
    "passkey_map": lambda ax=None: plots.passkey_map(PASSKEY, window=16, ax=ax),
    "attention_mass": lambda ax=None: plots.attention_mass(CHECK, ax=ax),
    "head_ratios": lambda ax=None: plots.head_ratios(CHECK, ax=ax),
    "pair_shares": lambda ax=None: plots.pair_shares(CHECK, ax=ax),
    "position_losses": lambda ax=None: plots.position_losses(CHECK, ax=ax),
    "score_curves": lambda ax=None: plots.score_curves(S, S, labels=["one"], window=4, ax=ax),
    "chord_bounds": lambda ax=None: plots.chord_bounds(S, {"one": S, "two": 2 * S}, ax=ax),
    "chord_cells": lambda ax=None: plots.chord_cells(chord_cells(H, TABLE, 3, 5), ax=ax),
    "abel_ratio": lambda ax=None: plots.abel_ratio(S, 2.0 / S, window=4, ax=ax),
    "wavelengths": lambda ax=None: plots.wavelengths([TABLE], window=64, ax=ax),
    "worst_case_curves": lambda ax=None: plots.worst_case_curves(S, S, 1.01 * S, labels=["one"], window=4, ax=ax),
    "worst_case_windows": lambda ax=None: plots.worst_case_windows(S, 1 / S, 1.01 / S, labels=["one"], ax=ax),
    "phase_errors": lambda ax=None: plots.phase_errors(
        [rt.precision.phase_error(TABLE, S, rt.precision.Storage())], labels=["one"], window=6, ax=ax
    ),
    "ridge_path": lambda ax=None: plots.ridge_path(S, [S, 2 * S, 3 * S], 4 * S, error=S, strength=2.0, ax=ax),
    "numerical_rank": lambda ax=None: plots.numerical_rank(S, [S, S + 1], labels=["one", "two"], ax=ax),
    "comparison": lambda ax=None: plots.comparison(rt.compare(CONFIG, [rt.scaling.Unscaled()], H, length=128), ax=ax),
}


def test_importing_plots_loads_no_matplotlib():
    code = "import sys, rope_theory.plots; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_no_picture_computes_scores_or_bounds():
    for path in Path(plots.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.ImportFrom):
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            for name in names:
                assert not name.startswith(("rope_theory.scores", "rope_theory.bounds")), (path.name, name)


def test_public_names_are_functions():
    constants = {name for name in plots.__all__ if name.isupper()}
    assert sorted(set(plots.__all__) - constants) == sorted([*DRAW, "legend_beside", "style"])
    for name in set(plots.__all__) - constants:
        assert callable(getattr(rt.plots, name)), name
    assert callable(rt.plots.comparison)


def test_public_constants_tell_curves_apart():
    assert {name for name in plots.__all__ if name.isupper()} == {"DASHES", "GREY", "MARKERS", "PALETTE"}
    assert len(plots.PALETTE) == len(plots.DASHES) == len(plots.MARKERS) == len(set(plots.PALETTE))
    assert plots.GREY not in plots.PALETTE


def test_a_legend_stands_beside_the_axes(ax):
    ax.plot(S, S, label="one")
    plots.legend_beside(ax)
    ax.figure.canvas.draw()
    assert not ax.get_legend().get_window_extent().overlaps(ax.get_window_extent())


@pytest.mark.parametrize("name", DRAW)
def test_returns_new_axes_in_the_house_style(name):
    axes = DRAW[name]()
    assert isinstance(axes, matplotlib.axes.Axes)
    assert not axes.spines["top"].get_visible()
    assert not axes.spines["right"].get_visible()
    assert axes.get_xlabel()
    axes.figure.canvas.draw()


@pytest.mark.parametrize("name", DRAW)
def test_draws_on_given_axes(name, ax):
    assert DRAW[name](ax) is ax
    assert ax.lines
    assert ax.spines["top"].get_visible()  # somebody else's style is left alone


@pytest.mark.parametrize("name", DRAW)
def test_refuses_what_is_no_axes(name):
    with pytest.raises(TypeError, match=r"ax must be a matplotlib Axes, got Figure; plt\.subplots"):
        DRAW[name](matplotlib.figure.Figure())


@pytest.mark.parametrize("name", DRAW)
def test_legend_and_labels_cover_no_data(name):
    axes = DRAW[name]()
    axes.figure.canvas.draw()
    legend = axes.get_legend()
    if legend is not None:
        assert not legend.get_window_extent().overlaps(axes.get_window_extent())
        assert legend.get_window_extent().x1 <= axes.figure.bbox.x1
    for text in axes.texts:
        box = text.get_window_extent()
        assert box.x0 >= axes.figure.bbox.x0
        assert box.x1 <= axes.figure.bbox.x1
