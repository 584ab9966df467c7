"""Figure 2 without rounding: the least-squares fit itself, in ball arithmetic, beside what solvers make of it.

Targets as in appendix C.1 (standard normal noise on the trained offsets, no ridge), drawn with one seed of numpy's
default generator. The curves of the solvers are rounding beyond the window; the exact one and the ridge fit are not.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from experiments.compared import Tolerance
from experiments.parts import Data, Part
from experiments.settings import CONFIG, config_of, theta
from paper_repro import published
from paper_repro.figure_2 import noise
from rope_theory import (
    plots,
    regression,  # RotaryRidge loads scikit-learn when it is named
)
from rope_theory.certificates.least_squares import ExactFit, exact_least_squares
from rope_theory.config import RopeConfig
from rope_theory.plots import DASHES, GREY, PALETTE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BLUE, ORANGE, _, _, VERMILION, _, GREEN = PALETTE

INPUTS: dict[str, Any] = {
    "head_dim": CONFIG.head_dim, "base": CONFIG.base, "window": CONFIG.context_length, "seed": 0,
    "routes": [["normal", "float32"], ["normal", "float64"], ["svd", "float64"]], "alpha": 1.0,
    "quoted": [2048, 2049, 2100, 2500, 3072, 4095], "claimed": published.printed("largest_beyond").value, "block": 32,
}  # fmt: skip


@cache
def exact_fit(seed: int, alpha: float, config: RopeConfig = CONFIG) -> ExactFit:
    """Return the fit to standard normal targets of ``seed`` on the trained offsets, every digit of it."""
    window = config.context_length
    return exact_least_squares(theta(config), np.arange(window), noise([seed], window)[:, 0], alpha=alpha)


def solver_curve(solver: str, dtype: str, seed: int, config: RopeConfig = CONFIG) -> NDArray[np.float64]:
    """Return what a solver without ridge predicts at 0 … 2L − 1."""
    window = config.context_length
    with threadpool_limits(1):  # one thread: the same sums on any number of cores
        fit = regression.RotaryRidge(theta(config), 0.0, solver, dtype).fit(
            np.arange(window), noise([seed], window)[:, 0]
        )
        curve: NDArray[np.float64] = fit.predict(np.arange(2 * window)).astype(np.float64)
    return curve


def compute(inputs: Mapping[str, Any]) -> Data:
    """Return all curves at 0 … 2L − 1, and the sizes they reach."""
    window, seed, config = inputs["window"], inputs["seed"], config_of(inputs)
    offsets = np.arange(2 * window)
    fit, ridge = exact_fit(seed, 0.0, config), exact_fit(seed, inputs["alpha"], config)
    enclosed = fit.predict(offsets)
    curves = {"exact": enclosed.middle, "ridge": ridge.predict(offsets).middle}
    curves |= {f"{solver}_{dtype}": solver_curve(solver, dtype, seed, config) for solver, dtype in inputs["routes"]}
    exact = curves["exact"]
    return Data(
        tables={"curve": {"offset": offsets, **curves}},
        facts={
            "seed": seed,
            "bits": fit.bits,
            "widest_enclosure": float(np.max(enclosed.width / np.maximum(1.0, np.abs(exact)))),
            "largest_coefficient": float(fit.largest_coefficient.middle),
            "largest_modulus": float(fit.largest_modulus.middle),
            "largest_inside": {name: float(np.abs(curve[:window]).max()) for name, curve in curves.items()},
            "largest_outside": {name: float(np.abs(curve[window:]).max()) for name, curve in curves.items()},
            "exact_largest_inside_at": int(np.abs(exact[:window]).argmax()),
            "exact_largest_outside_at": window + int(np.abs(exact[window:]).argmax()),
            "exact_first_above_claimed": int(np.argmax(np.abs(exact) > inputs["claimed"])),
            "exact_at": {str(s): float(exact[s]) for s in inputs["quoted"]},
            "ridge_at": {str(s): float(curves["ridge"][s]) for s in inputs["quoted"]},
            "claimed": inputs["claimed"],
            "alpha": inputs["alpha"],
            "window": window,
            "block": inputs["block"],
            "note": "exact and ridge are enclosed in ball arithmetic; the other curves are, beyond the window, "
            "rounding of their solver and differ by routine, precision and processor",
        },
    )


NAMES = {
    "svd_float64": "SVD, float64",
    "normal_float64": "normal equations, float64",
    "normal_float32": "normal equations, float32",
    "ridge": "exact, with ridge α = {alpha:g}",
}
"""Curves that stay within what a solver can print, with the names they have in the picture."""


def draw(data: Data) -> Figure:
    """Draw the sizes of all curves over twice the window, and again what solvers make of them."""
    from matplotlib import pyplot as plt

    facts, window = data.facts, data.facts["window"]
    sizes = facts["largest_outside"]
    reached, solvers = sizes["exact"], [sizes[name] for name in NAMES if name != "ridge"]
    low, high = 1e-2, 1e3 * max(solvers)
    short_by = [np.log10(reached / size) for size in (max(solvers), min(solvers))]
    with plots.style():
        figure, (left, right) = plt.subplots(1, 2, figsize=(13, 4.8), layout="constrained")
        for ax in (left, right):
            _draw_curves(ax, data)
            ax.axvline(window, color=GREY, linestyle="--", linewidth=1, zorder=1)
            ax.set_xlabel("offset s [tokens]")
            ax.set_ylabel(f"|a(s)|, largest in {facts['block']} tokens")
        left.set_ylim(1e-6, reached * 1e5)
        left.set_title(f"The fit itself reaches {_power(reached)} beyond its window")
        _write(left, "the fit itself,\nenclosed in\nball arithmetic", 1.45 * window, reached * 1e-25)
        left.axhspan(low, high, color="0.9", linewidth=0, zorder=0)
        _write(left, "all that solvers print: see right", 0.96 * window, high * 1e3, ha="right")
        _write(left, "trained offsets", 0.96 * window, 1e-4, ha="right", color=GREY)
        _write(left, "beyond", 1.04 * window, 1e-4, color=GREY)
        right.set_xlim(0.8 * window, 2.02 * window)
        right.set_ylim(low, high)
        right.set_title(f"Solvers stop {short_by[0]:.0f} to {short_by[1]:.0f} powers of ten lower")
        claimed = f"caption of the paper's figure 2: {facts['claimed']:g}"
        right.axhline(facts["claimed"], color=GREY, linewidth=0.8, linestyle="--", zorder=1, label=claimed)
        right.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0.0, alignment="left",
                     title=f"largest |a(s)| beyond the window, seed {facts['seed']}")  # fmt: skip
    return figure


def _write(ax: Any, text: str, s: float, size: float, *, ha: str = "left", color: str = "black") -> None:
    ax.text(s, size, text, ha=ha, va="center", fontsize=9, color=color)


def _draw_curves(ax: Any, data: Data) -> None:
    facts, block = data.facts, data.facts["block"]
    looks = dict(zip(NAMES, zip((BLUE, ORANGE, VERMILION, GREEN), DASHES, strict=False), strict=True))
    ax.set_yscale("log")
    middles = np.asarray(data.tables["curve"]["offset"])[::block] + block / 2
    for name in ("exact", *NAMES):
        sizes = np.abs(np.asarray(data.tables["curve"][name])).reshape(-1, block).max(1)
        label = NAMES.get(name, "the fit itself").format(alpha=facts["alpha"])
        colour, dashes = looks.get(name, ("black", "-"))
        ax.plot(middles, sizes, color=colour, linestyle=dashes, linewidth=1.4 if name in NAMES else 2.4,
                label=f"{label}: {_power(facts['largest_outside'][name])}")  # fmt: skip


def _power(size: float) -> str:
    """Return a size as people read it: two digits, and a power of ten where it is large."""
    if size < 1000:
        return f"{size:.2g}"
    digits, exponent = f"{size:.1e}".split("e")
    return rf"${digits}\cdot10^{{{int(exponent)}}}$"


ROUTES = tuple(f"{solver}_{dtype}" for solver, dtype in INPUTS["routes"])
TOLERANCE = Tolerance(
    rounding={
        "figure_2_exact.csv": ROUTES,
        "figure_2_exact.json": tuple(
            f"{size}.{route}" for size in ("largest_inside", "largest_outside") for route in ROUTES
        ),
        "figure_2_exact.png": ("picture",),
    }
)
"""The curves of solvers without ridge are their rounding."""

PART = Part("figure_2_exact", "figures", INPUTS, compute, draw, tolerance=TOLERANCE)
