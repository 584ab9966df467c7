"""The letters of docs/theory.md as SymPy symbols, and the expressions every proof is about."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from rope_theory._core.optional import load


@dataclass(frozen=True)
class Letters:
    """Symbols with their assumptions; sequences are indexed from 0 and never end, sums say how far they go.

    A score has its coefficients as h_j = x_j + i·y_j, or as h_j = r_j·e^{iα_j}.
    """

    j: Any  # pair
    n: Any  # offset of a grid, by number
    k: Any  # partial sum
    P: Any  # pairs
    N: Any  # offsets of a grid
    s: Any  # offset
    s1: Any  # left end of a cell
    u: Any  # s − s1
    v: Any  # s2 − s
    H: Any  # bound on |h_j|
    x: Any
    y: Any
    r: Any
    alpha: Any
    theta: Any  # frequencies
    w: Any  # weights
    g: Any  # grid
    a: Any  # generic numbers, of one pair
    b: Any
    p: Any
    q: Any
    angle: Any  # generic frequency of one pair
    phase: Any
    size: Any  # generic |h_j|


@cache
def letters() -> Letters:
    """Return the letters; always the same ones, so that proofs can use each other's claims."""
    sympy = load("sympy", "certify")

    def real(name: str) -> Any:
        return sympy.Symbol(name, real=True)

    def positive(name: str) -> Any:
        return sympy.Symbol(name, positive=True)

    def sequence(name: str, **facts: bool) -> Any:
        return sympy.IndexedBase(name, **(facts or {"real": True}))

    return Letters(
        j=sympy.Symbol("j", integer=True, nonnegative=True),
        n=sympy.Symbol("n", integer=True, nonnegative=True),
        k=sympy.Symbol("k", integer=True, positive=True),
        P=sympy.Symbol("P", integer=True, positive=True),
        N=sympy.Symbol("N", integer=True, positive=True),
        s=real("s"),
        s1=real("s1"),
        u=positive("u"),
        v=positive("v"),
        H=sympy.Symbol("H", nonnegative=True),
        x=sequence("x"),
        y=sequence("y"),
        r=sequence("r", nonnegative=True),
        alpha=sequence("alpha"),
        theta=sequence("theta"),
        w=sequence("w"),
        g=sequence("g"),
        a=real("a"),
        b=real("b"),
        p=real("p"),
        q=real("q"),
        angle=real("vartheta"),
        phase=real("beta"),
        size=sympy.Symbol("rho", nonnegative=True),
    )


def over_pairs(term: Any) -> Any:
    """Return Σ_{j<P} term."""
    sympy, at = load("sympy", "certify"), letters()
    return sympy.Sum(term, (at.j, 0, at.P - 1))


def over_grid(term: Any) -> Any:
    """Return Σ_{n<N} term."""
    sympy, at = load("sympy", "certify"), letters()
    return sympy.Sum(term, (at.n, 0, at.N - 1))


def score(s: Any, theta: Any = None) -> Any:
    """Return a(s) = Re Σ h_j e^{isθ_j} with h_j = x_j + i·y_j."""
    sympy, at = load("sympy", "certify"), letters()
    theta = at.theta if theta is None else theta
    turned = s * theta[at.j]
    return over_pairs(at.x[at.j] * sympy.cos(turned) - at.y[at.j] * sympy.sin(turned))


def modulus(real: Any, imag: Any) -> Any:
    """Return √(real² + imag²)."""
    return load("sympy", "certify").sqrt(real**2 + imag**2)
