"""Slow, obvious twins of what the package computes fast. No cleverness here: every line can be read off theory.md."""

import cmath
import math
import warnings

import mpmath
import numpy as np


def rotation_matrix(theta, position, head_dim, pairing):
    """Return the (head_dim, head_dim) matrix that rotates pair j by position·θ_j and leaves the rest alone."""
    matrix = np.eye(head_dim)
    pairs = len(theta)
    for j in range(pairs):
        first, second = (j, j + pairs) if pairing == "half" else (2 * j, 2 * j + 1)
        cos, sin = math.cos(position * theta[j]), math.sin(position * theta[j])
        matrix[first, first], matrix[first, second] = cos, -sin
        matrix[second, first], matrix[second, second] = sin, cos
    return matrix


def rotate_then_dot(q, k, theta, query_position, key_position, pairing):
    """Return the score as a model computes it: rotate the query, rotate the key, take the inner product."""
    rotated_query = rotation_matrix(theta, query_position, len(q), pairing) @ q
    rotated_key = rotation_matrix(theta, key_position, len(k), pairing) @ k
    return float(rotated_query @ rotated_key)


def score(h, theta, s):
    """Return Re Σ h_j e^{isθ_j} of one h and one offset, term by term."""
    return math.fsum((complex(h_j) * cmath.exp(1j * s * theta_j)).real for h_j, theta_j in zip(h, theta, strict=True))


def exact_phasor(theta, s):
    """Return e^{isθ} of float64 s and θ, taken as exact numbers, in 60 digits."""
    with mpmath.workdps(60):
        phase = mpmath.mpf(float(s)) * mpmath.mpf(float(theta))
        return mpmath.mpc(mpmath.cos(phase), mpmath.sin(phase))


def exact_score(h, theta, s):
    """Return the score of float64 h, θ and s, taken as exact numbers, rounded once."""
    with mpmath.workdps(60):
        terms = (mpmath.mpc(complex(a)) * exact_phasor(t, s) for a, t in zip(h, theta, strict=True))
        return float(mpmath.re(mpmath.fsum(terms)))


def exact_abel_sum(theta, s):
    """Return Σ_k abs(Σ_{j<k} e^{isθ_j}) of one float64 offset, rounded once."""
    with mpmath.workdps(60):
        partial, total = mpmath.mpc(0), mpmath.mpf(0)
        for theta_j in theta:
            partial += exact_phasor(theta_j, s)
            total += abs(partial)
        return float(total)


def abel_sum(theta, s):
    """Return Σ_k abs(Σ_{j<k} e^{isθ_j}) at every offset of s."""
    phasors = np.exp(1j * np.asarray(s)[..., None] * theta)
    return np.abs(np.cumsum(phasors, axis=-1)).sum(-1)


def grid(start, stop, step):
    """Return start, start + step, … < stop, one at a time."""
    points = []
    while start + step * len(points) < stop:
        points.append(start + step * len(points))
    return np.array(points)


def design(theta, s):
    """Return [cos sθ_j, sin sθ_j], entry by entry."""
    return np.array([[math.cos(x * t) for t in theta] + [math.sin(x * t) for t in theta] for x in s])


def full_grid_worst_case(theta, s, grid, ratio):
    """Return max Re Σ h_j e^{isθ_j} over |a(n)| ≤ 1 on the whole grid and |h_j| ≤ ratio: the program as written."""
    import cvxpy

    h = cvxpy.Variable(len(theta), complex=True)
    trained = np.exp(1j * np.outer(grid, theta))
    problem = cvxpy.Problem(
        cvxpy.Maximize(cvxpy.real(np.exp(1j * s * np.asarray(theta)) @ h)),
        [cvxpy.abs(cvxpy.real(trained @ h)) <= 1.0, cvxpy.abs(h) <= ratio],
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Solution may be inaccurate")  # the raw program stalls early
        return float(problem.solve(solver=cvxpy.CLARABEL))
