"""The shortest symmetric kernels that bound a score in the middle of a unit cell, for a calculator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from experiments.columns import as_columns
from experiments.parts import Data, Part
from rope_theory.certificates import shortest_kernel
from rope_theory.config import RopeConfig
from rope_theory.scaling import Unscaled

INPUTS = {"head_dim": 128, "base": 10000.0, "gain": 1.14, "leakages": [1e-2, 1e-3, 1e-6]}


def compute(inputs: Mapping[str, Any]) -> Data:
    """Return a row a leakage, and a row a weight; proved numbers are upper ends of their enclosures."""
    theta = Unscaled().frequencies(RopeConfig(inputs["head_dim"], inputs["base"]))
    kernels: list[tuple[Any, ...]] = []
    weights: list[tuple[Any, ...]] = []
    for allowed in inputs["leakages"]:
        kernel = shortest_kernel(theta, gain=inputs["gain"], leakage=allowed)
        proof = kernel.verify()
        bounds = (proof.gain.upper, proof.leakage.upper)
        kernels.append((allowed, kernel.taps, kernel.nonzero, kernel.digits, *bounds))
        pairs = zip(kernel.distances.tolist(), kernel.weights.tolist(), strict=True)
        weights += [(allowed, *pair) for pair in pairs]
    names = ("allowed", "taps", "nonzero", "digits", "proved_gain", "proved_leakage")
    return Data(
        tables={
            "kernels": as_columns(names, kernels),
            "weights": as_columns(("allowed", "distance", "weight"), weights),
        }
    )


def lines(data: Data) -> list[str]:
    """Return each kernel as an inequality to type into a calculator."""
    rows = list(zip(*data.tables["weights"].values(), strict=True))
    texts = []
    for allowed, digits in zip(data.tables["kernels"]["allowed"], data.tables["kernels"]["digits"], strict=True):
        terms: list[str] = []
        for owner, distance, weight in rows:
            if owner == allowed and weight:
                left, right = round(distance - 0.5), round(distance + 0.5)
                sign = "− " if weight < 0 else "+ " if terms else ""
                terms.append(f"{sign}{abs(weight):.{digits}f}·[a(k{f'−{left}' if left else ''}) + a(k+{right})]")
        texts.append("a(k+½) ≈ " + " ".join(terms))
    return texts


PART = Part("table_kernels", "tables", INPUTS, compute)
