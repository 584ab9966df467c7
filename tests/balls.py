"""Reference values in ball arithmetic, by the formulas of docs/theory.md; every float is taken as exact."""

import functools
import itertools
import math
from contextlib import contextmanager

import flint


@contextmanager
def precision(bits):
    """Compute with so many bits inside the block."""
    before = flint.ctx.prec
    flint.ctx.prec = bits
    try:
        yield
    finally:
        flint.ctx.prec = before


def phasor(theta, s):
    """Return e^{isθ}; s is a float or a ball."""
    return flint.acb(0, flint.arb(s) * flint.arb(float(theta))).exp()


def score(h, theta, s):
    """Return Re Σ h_j e^{isθ_j}."""
    turned = ((flint.acb(a.real, a.imag) * phasor(t, s)).real for a, t in zip(map(complex, h), theta, strict=True))
    return sum(turned, flint.arb(0))


def abel_sum(theta, s):
    """Return Σ_k abs(Σ_{j<k} e^{isθ_j})."""
    partial, total = flint.acb(0), flint.arb(0)
    for theta_j in theta:
        partial += phasor(theta_j, s)
        total += abs(partial)
    return total


def moduli(h):
    """Return abs(h_j) of complex floats."""
    return [abs(flint.acb(a.real, a.imag)) for a in map(complex, h)]


def abel(h, theta, s):
    """Return max_j abs(h_{j+1} − h_j)·B(s), h_P = 0."""
    values = [flint.acb(a.real, a.imag) for a in map(complex, h)] + [flint.acb(0)]
    steps = [abs(after - before) for before, after in itertools.pairwise(values)]
    return functools.reduce(lambda left, right: left.max(right), steps) * abel_sum(theta, s)


def chord_sharp(theta, s, s1, s2, sizes):
    """Return Σ_j abs(h_j)·abs(e^{isθ} − (1−λ)e^{is1θ} − λe^{is2θ}); needs as many bits as cancel."""
    place, low, high = (flint.arb(float(x)) for x in (s, s1, s2))
    share = (place - low) / (high - low)
    total = flint.arb(0)
    for size, t in zip(sizes, theta, strict=True):
        total += size * abs(phasor(t, place) - (1 - share) * phasor(t, low) - share * phasor(t, high))
    return total


def parabola(s, s1, s2, curvature):
    """Return ½ (s − s1)(s2 − s)·curvature."""
    place, low, high = (flint.arb(float(x)) for x in (s, s1, s2))
    return (place - low) * (high - place) * curvature / 2


def chord_curvature(theta, s, s1, s2, sizes):
    """Return ½ (s − s1)(s2 − s) Σ abs(h_j) θ_j²."""
    squares = (size * flint.arb(float(t)) ** 2 for size, t in zip(sizes, theta, strict=True))
    return parabola(s, s1, s2, sum(squares, flint.arb(0)))


def chord_repaired(config, s, s1, s2, h_max):
    """Return ½ (s − s1)(s2 − s)·H·(d/(4 ln c) + ½ + (ln c)/(3d))."""
    log, d = flint.arb(config.base).log(), config.width
    return parabola(s, s1, s2, flint.arb(h_max) * (d / (4 * log) + flint.arb(0.5) + log / (3 * d)))


def chord_published(config, s, s1, s2, h_max):
    """Return d·H·(s − s1)(s2 − s)/(8 ln c)."""
    return parabola(s, s1, s2, flint.arb(h_max) * config.width / (4 * flint.arb(config.base).log()))


def total_variation(before, moves):
    """Return ½ Σ abs(softmax(x + e) − softmax(x)) of logits x and their moves e."""
    weights = [flint.arb(float(x)).exp() for x in before]
    moved = [weight * flint.arb(float(e)).exp() for weight, e in zip(weights, moves, strict=True)]
    whole, after = sum(weights, flint.arb(0)), sum(moved, flint.arb(0))
    return sum((abs(m / after - w / whole) for w, m in zip(weights, moved, strict=True)), flint.arb(0)) / 2


def units_off(value, ball, size):
    """Return how far a float is from a ball, in 2**−53 of a size."""
    return abs(float(ball - flint.arb(float(value)))) / (size * 2.0**-53)


def below(ball):
    """Return the largest float that is not above anything in a ball."""
    value = float(ball.lower())
    return value if flint.arb(value) <= ball.lower() else math.nextafter(value, -math.inf)
