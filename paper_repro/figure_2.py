"""Figure 2: a least-squares score curve inside and outside its window, and what decides its size outside.

Panels 1 to 3 follow appendix C.1: targets of standard normal noise on the trained offsets, normal equations
without ridge in float32. The paper gives no seed; of those in ``INPUTS`` the one is drawn whose largest value
beyond the window is the median. Panel 4 varies what the paper does not: solver, precision, ridge, seed.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

from experiments.columns import as_columns
from experiments.compared import Tolerance
from experiments.parts import Data, Part
from experiments.settings import CONFIG, SEEDS, changed, config_of, theta
from rope_theory import (
    plots,
    regression,  # RotaryRidge loads scikit-learn when it is named
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INPUTS = {
    "head_dim": CONFIG.head_dim, "base": CONFIG.base, "window": CONFIG.context_length,
    "solver": "normal", "dtype": "float32", "alpha": 0.0, "seed": None,
    "cells": [25, 75], "cell_step": 0.125,
    "routes": [[solver, dtype] for dtype in ("float32", "float64") for solver in ("normal", "cholesky", "svd")],
    "unregularised": [["normal", "float32"], ["normal", "float64"], ["svd", "float32"], ["svd", "float64"]],
    "alphas": [0.0, 1e-6, 1e-3, 1.0, 10.0, 100.0], "seeds": list(SEEDS),
}  # fmt: skip
"""``seed``: of the drawn targets; None for that of ``seeds`` whose largest value beyond the window is the median."""


def noise(seeds: list[int], count: int) -> Any:
    """Return standard normal targets, (count, len(seeds)), one column a seed of numpy's default generator."""
    return np.stack([np.random.default_rng(seed).standard_normal(count) for seed in seeds], axis=1)


def compute(inputs: Mapping[str, Any] = INPUTS, **changes: Any) -> Data:
    """Fit, evaluate inside, outside and between integers, and repeat over routes, ridges and seeds.

    Parameters
    ----------
    inputs : mapping
        Some or all of ``INPUTS``; those left out are as there.
    **changes
        The same by name: ``compute(head_dim=64, base=5e5, window=1024, solver="svd", dtype="float64", seed=3)``.

    Raises
    ------
    ValueError
        For an unknown input, a solver or type that ``RotaryRidge`` does not have, cells outside the window, and
        without a seed a route or ridge that is not among those of the sweep.
    """
    inputs = changed(INPUTS, {**inputs, **changes})
    config, window = config_of(inputs), inputs["window"]
    offsets, outside = np.arange(window), np.arange(window, 2 * window)
    first, last = inputs["cells"]
    if not 0 <= first < last <= window - 1:
        raise ValueError(
            f"cells must lie between 0 and {window - 1}, the last offset of the window; got {inputs['cells']}."
        )
    cells = first + inputs["cell_step"] * np.arange(round((last - first) / inputs["cell_step"]) + 1)
    route = (inputs["solver"], inputs["dtype"])
    with threadpool_limits(1):  # one thread: the same sums on any number of cores
        sweep = _sweep(inputs, offsets, outside)
        seed = _median_seed(sweep, *route, inputs["alpha"]) if inputs["seed"] is None else inputs["seed"]
        targets = noise([seed], window)[:, 0]
        fit = regression.RotaryRidge(theta(config), inputs["alpha"], *route).fit(offsets, targets)
        inside_values, outside_values = fit.predict(offsets), fit.predict(outside)
        cell_values = fit.predict(cells)
        blas = sorted({f"{lib['internal_api']} {lib['version']} {lib.get('architecture', '')}".strip()
                       for lib in threadpool_info() if lib["user_api"] == "blas"})  # fmt: skip
    at_integers = cell_values[np.mod(cells, 1.0) == 0.0]
    return Data(
        tables={
            "targets": {"offset": offsets, "target": targets},
            "curve": {
                "offset": np.arange(2 * window),
                "fit": np.concatenate([inside_values, outside_values]),
            },
            "cells": {"offset": cells, "fit": cell_values},
            "sweep": sweep,
        },
        facts={
            "blas": blas,
            "seed": seed,
            "largest_inside": float(np.abs(inside_values).max()),
            "largest_outside": float(np.abs(outside_values).max()),
            "largest_coefficient": float(np.abs(fit.h_).max()),
            "rank": fit.rank_,
            "cells_largest_at_integers": float(np.abs(at_integers).max()),
            "cells_largest_anywhere": float(np.abs(cell_values).max()),
            "note": "values outside the window at ridge 0 are rounding of the solver: they differ by routine, "
            "precision and processor",
        },
    )


def _sweep(inputs: Mapping[str, Any], offsets: Any, outside: Any) -> dict[str, list[Any]]:
    """Return a row a route, ridge and seed; where the route fails, the largest values are None."""
    targets = noise(inputs["seeds"], len(offsets))
    rows: list[tuple[Any, ...]] = []
    for (solver, dtype), alpha in product(inputs["routes"], inputs["alphas"]):
        inside: Any = [None] * len(inputs["seeds"])
        beyond = inside
        try:
            fit = regression.RotaryRidge(theta(config_of(inputs)), alpha, solver, dtype).fit(offsets, targets)
            inside, beyond = (np.abs(fit.predict(s)).max(0).tolist() for s in (offsets, outside))
        except ValueError:  # not positive definite in this precision
            if solver != "cholesky":
                raise
        rows += [(solver, dtype, alpha, *row) for row in zip(inputs["seeds"], inside, beyond, strict=True)]
    return as_columns(("solver", "dtype", "alpha", "seed", "largest_inside", "largest_outside"), rows)


def _median_seed(sweep: Mapping[str, Any], solver: str, dtype: str, alpha: float) -> int:
    rows = zip(*(sweep[name] for name in ("solver", "dtype", "alpha", "largest_outside", "seed")), strict=True)
    curves = sorted((largest, seed) for *route, largest, seed in rows if route == [solver, dtype, alpha])
    if not curves:
        raise ValueError(
            f"Without a seed the median one is drawn, but the sweep has no {solver}, {dtype}, ridge {alpha:g}; give a "
            "seed, or add these to routes and alphas."
        )
    return int(curves[len(curves) // 2][1])


def draw(data: Data) -> Figure:
    """Draw the paper's three panels and the fourth."""
    from matplotlib import pyplot as plt

    targets, curve, cells = data.tables["targets"], data.tables["curve"], data.tables["cells"]
    window = len(targets["offset"])
    with plots.style():
        figure, axes = plt.subplots(2, 2, figsize=(12, 8), layout="constrained")
        left, middle, right, fourth = axes.flat
        left.scatter(targets["offset"], targets["target"], s=2, color="0.65", label="targets: standard normal noise")
        left.plot(curve["offset"][:window], curve["fit"][:window], linewidth=0.8, linestyle="-", label="fit")
        left.set_ylim(-3, 3)
        left.set_title("Inside the window the fit is small")
        left.legend(loc="upper right", frameon=True, framealpha=0.9)
        middle.plot(curve["offset"], curve["fit"], linewidth=0.8, linestyle="-")
        middle.axvline(window, color="black", linestyle="--", linewidth=1, label="end of the trained window")
        middle.set_title(f"The same fit beyond it: up to {data.facts['largest_outside']:.3g}, set by rounding")
        middle.legend(loc="upper left")
        right.plot(cells["offset"], cells["fit"], linewidth=1.2, linestyle="-", label="fit between integers")
        whole = np.mod(cells["offset"], 1.0) == 0.0
        right.scatter(cells["offset"][whole], cells["fit"][whole], s=14, color="black", zorder=3, label="at integers")
        for integer in np.arange(cells["offset"][0], cells["offset"][-1] + 1):
            right.axvline(integer, color="0.88", linewidth=0.5, zorder=0)
        right.set_title("Between trained offsets it is calm")
        right.legend(loc="best")
        _draw_sweep(fourth, data.tables["sweep"])
        for ax in (left, middle, right):
            ax.set_xlabel("offset s [tokens]")
            ax.set_ylabel("score a(s)")
    return figure


def _draw_sweep(ax: Any, sweep: Mapping[str, Any]) -> None:
    import matplotlib as mpl

    columns = {name: np.asarray(values) for name, values in sweep.items()}
    alphas = np.unique(columns["alpha"])
    largest, inside = (columns[name].astype(float) for name in ("largest_outside", "largest_inside"))  # None → NaN
    failed = np.isnan(largest)
    routes = list(dict.fromkeys(zip(sweep["solver"], sweep["dtype"], strict=True)))
    solvers = list(dict.fromkeys(sweep["solver"]))
    colours = list(mpl.rcParams["axes.prop_cycle"].by_key()["color"])
    low = 10.0 ** np.floor(np.log10(np.nanmin(largest)) - 1)
    for index, (solver, dtype) in enumerate(routes):
        chosen = (columns["solver"] == solver) & (columns["dtype"] == dtype)
        places = np.arange(len(alphas)) + 0.13 * (index - (len(routes) - 1) / 2)
        works = np.array([not failed[chosen & (columns["alpha"] == alpha)].any() for alpha in alphas])
        values = [largest[chosen & (columns["alpha"] == alpha)] for alpha in alphas[works]]
        middle = np.array([np.median(v) for v in values])
        spread = np.array([[np.median(v) - v.min(), v.max() - np.median(v)] for v in values]).T
        colour = colours[solvers.index(solver)]
        ax.errorbar(places[works], middle, spread, fmt="osD"[solvers.index(solver)], markersize=5, capsize=2,
                    linewidth=1.1, color=colour, markerfacecolor="white" if dtype == "float32" else colour,
                    label=f"{solver}, {dtype}")  # fmt: skip
        ax.plot(places[~works], np.full((~works).sum(), low), "x", color=colour, markersize=6)
    ax.plot([], [], "x", color=colours[solvers.index("cholesky")], label="cholesky fails")
    medians = [np.nanmedian(inside[columns["alpha"] == alpha]) for alpha in alphas]
    ax.plot(
        np.arange(len(alphas)), medians, color="0.4", linewidth=1, linestyle="--", label="inside the window (median)"
    )
    ax.set_yscale("log")
    ax.set_xticks(np.arange(len(alphas)), [f"{alpha:g}" for alpha in alphas])
    ax.set_xlabel("ridge strength α")
    ax.set_ylabel("largest |a(s)|, L ≤ s < 2L")
    ax.set_title(f"Solver, precision and ridge decide ({len(np.unique(columns['seed']))} seeds, full range)")
    ax.legend(loc="upper right")


TOLERANCE = Tolerance(
    rounding={
        "figure_2.cells.csv": ("fit",),
        "figure_2.curve.csv": ("fit",),
        "figure_2.sweep.csv": ("largest_inside", "largest_outside"),
        "figure_2.targets.csv": ("target",),
        "figure_2.json": (
            "blas", "seed", "largest_inside", "largest_outside", "largest_coefficient", "rank",
            "cells_largest_at_integers", "cells_largest_anywhere",
        ),
        "figure_2.png": ("picture",),
    }
)  # fmt: skip
"""Values without ridge are the rounding of a solver, and the drawn seed, the median of them, follows from it."""

PART = Part("figure_2", "figures", INPUTS, compute, draw, tolerance=TOLERANCE)
