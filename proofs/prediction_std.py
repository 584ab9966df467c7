"""The standard deviation of a ridge fit: σ‖Φ(ΦᵀΦ + αI)⁻¹φ‖, and the same from the singular values of Φ."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from proofs._claims import Claim
from proofs._letters import letters, over_grid
from proofs._symbolic import Combination, Identity, Termwise, Use, Words, term
from proofs.proof import Hypothesis, Proof, Step
from rope_theory._core.optional import load


def derive() -> Proof:
    """Return the proof: entry by entry for three targets and two columns, and for any size as products of matrices.

    Expectations are sums over N outcomes n with probabilities w_n; targets and solutions have one value an outcome.
    """
    sympy, at = load("sympy", "certify"), letters()
    n, N, w = at.n, at.N, at.w
    cos, pi = sympy.cos, sympy.pi
    alpha, sigma = sympy.symbols("alpha sigma", positive=True)
    phi = sympy.Matrix(3, 2, sympy.symbols("Phi11 Phi12 Phi21 Phi22 Phi31 Phi32", real=True))
    row = sympy.Matrix(sympy.symbols("phi1 phi2", real=True))
    targets = tuple(sympy.IndexedBase(f"y{i}", real=True) for i in (1, 2, 3))
    solutions = tuple(sympy.IndexedBase(f"b{i}", real=True) for i in (1, 2))
    y, b = sympy.Matrix([one[n] for one in targets]), sympy.Matrix([one[n] for one in solutions])
    change = sympy.Matrix(sympy.symbols("e1 e2", real=True))
    gram = phi.T * phi + alpha * sympy.eye(2)
    g11, g12, g22 = sympy.symbols("G11 G12 G22", real=True)
    inverse = sympy.Matrix([[g11, g12], [g12, g22]])  # (ΦᵀΦ + αI)⁻¹, by the hypotheses on it
    adjugate = gram.adjugate() / gram.det()
    kernel = phi * inverse * row  # the prediction is kernelᵀ y
    places = [(i, k) for i in range(2) for k in range(2)]
    predicted, length = row.dot(b), sum(entry**2 for entry in kernel)

    def expected(value: Any) -> Any:
        return over_grid(w[n] * value)

    def loss(coefficients: Any) -> Any:
        misfit = phi * coefficients - y
        return misfit.dot(misfit) + alpha * coefficients.dot(coefficients)

    normal = gram * b - phi.T * y
    any_kernel = sympy.Matrix(sympy.symbols("k1 k2 k3", real=True))
    to_kernel = dict(zip(any_kernel, kernel, strict=True))
    pairs = [(i, k) for i in range(3) for k in range(i, 3)]
    # an example: four outcomes of probability 1/4, targets σ(+ − + −), σ(+ + − −), σ(+ − − +)
    signs: tuple[Callable[[Any], Any], ...] = (
        lambda m: cos(pi * m),
        lambda m: sympy.sqrt(2) * cos(pi * m / 2 - pi / 4),
        lambda m: sympy.sqrt(2) * cos(pi * m) * cos(pi * m / 2 - pi / 4),
    )

    def target(i: int) -> Any:
        return lambda m: sigma * signs[i](m)

    def solution(i: int) -> Any:
        return lambda m: (adjugate * phi.T * sympy.Matrix([sigma * sign(m) for sign in signs]))[i]

    # any size: Φ = U S Vᵀ with UᵀU = 1, VᵀV = VVᵀ = 1, S diagonal; T = (S² + α)⁻¹
    U, Ut, V, Vt, S, T = sympy.symbols("U U^T V V^T S T", commutative=False)
    Phi, Phit, G = U * S * Vt, V * S * Ut, V * T * Vt
    one = sympy.Integer(1)
    known = (
        ("columns of U", "UᵀU = 1", Ut * U, one),
        ("columns of V", "VᵀV = 1", Vt * V, one),
        ("rows of V", "VVᵀ = 1", V * Vt, one),
        ("T inverts", "T = (S² + α)⁻¹", S * S * T, one - alpha * T),
        ("T inverts, left", "T = (S² + α)⁻¹ from the left", T * S * S, one - alpha * T),
        ("diagonal", "diagonal matrices commute", S * T, T * S),
    )
    singular, inverted = sympy.Symbol("varsigma", nonnegative=True), sympy.Symbol("tau", real=True)
    return Proof(
        name="prediction_std",
        formula="std(s) = σ‖Φ(ΦᵀΦ + αI)⁻¹φ(s)‖",
        hypotheses=(
            Hypothesis("α > 0, or a design of full rank; φ is φ(s), and outcome n of N has the probability w_n"),
            Hypothesis(
                "b solves (ΦᵀΦ + αI)b = Φᵀy for every outcome",
                name="normal equation 1",
                claim=Claim(normal[0], "=", 0),
                for_all=(n,),
                example={letter: solution(i) for i, letter in enumerate(solutions)},
            ),
            Hypothesis("its second row", name="normal equation 2", claim=Claim(normal[1], "=", 0), for_all=(n,)),
            *(
                Hypothesis(
                    f"targets have mean zero, y{i + 1}",
                    name=f"mean {i + 1}",
                    claim=Claim(expected(y[i]), "=", 0),
                    example={targets[i]: target(i), w: lambda m: sympy.Rational(1, 4), N: sympy.Integer(4)},
                )
                for i in range(3)
            ),
            *(
                Hypothesis(
                    f"variance σ², y{i + 1}" if i == k else f"uncorrelated, y{i + 1} and y{k + 1}",
                    name=f"moment {i + 1}{k + 1}",
                    claim=Claim(expected(y[i] * y[k]), "=", sigma**2 if i == k else 0),
                )
                for i, k in pairs
            ),
            *(
                Hypothesis(
                    f"G = (ΦᵀΦ + αI)⁻¹, entry {i + 1}{k + 1}",
                    name=f"inverse {i + 1}{k + 1}",
                    claim=Claim((gram * inverse)[i, k], "=", int(i == k)),
                    example={g11: adjugate[0, 0], g12: adjugate[0, 1], g22: adjugate[1, 1]},
                )
                for i, k in places
            ),
            *(
                Hypothesis(f"for any size, Φ = USVᵀ: {words}", name=name, claim=Claim(product, "=", value))
                for name, words, product, value in known
            ),
        ),
        steps=(
            Step(
                "there is an inverse",
                Claim(_entries(gram * adjugate), "=", _entries(sympy.eye(2))),
                "The adjugate over the determinant; the letters m keep the entries apart.",
                Identity(),
            ),
            Step(
                "minimum",
                Claim(loss(b), "≤", loss(b + change)),
                "At the normal equations the loss grows by ‖Φe‖² + α‖e‖² in every direction e.",
                Combination(
                    (term(2 * change[0], "normal equation 1"), term(2 * change[1], "normal equation 2")),
                    form=sum(((phi * change)[i] ** 2 for i in range(3)), alpha * (change[0] ** 2 + change[1] ** 2)),
                ),
            ),
            Step(
                "prediction",
                Claim(predicted, "=", kernel.dot(y)),
                "b = GΦᵀy, so the fit at φ is linear in the targets: Φ(ΦᵀΦ + αI)⁻¹φ times y.",
                Combination(
                    (
                        *(term(-row[k] * b[i], f"inverse {i + 1}{k + 1}") for i, k in places),
                        *(term((inverse * row)[i], f"normal equation {i + 1}") for i in range(2)),
                    )
                ),
            ),
            Step(
                "one prediction",
                Claim(w[n] * predicted, "=", w[n] * kernel.dot(y)),
                "For one outcome, times its probability.",
                Combination((term(w[n], "prediction"),)),
            ),
            Step(
                "predictions",
                Claim(expected(predicted), "=", expected(kernel.dot(y))),
                "Summed over the outcomes.",
                Termwise(Use("one prediction")),
            ),
            Step(
                "one square",
                Claim(w[n] * predicted**2, "=", w[n] * kernel.dot(y) ** 2),
                "The same of squares.",
                Combination((term(w[n] * (predicted + kernel.dot(y)), "prediction"),)),
            ),
            Step(
                "squares",
                Claim(expected(predicted**2), "=", expected(kernel.dot(y) ** 2)),
                "Summed over the outcomes.",
                Termwise(Use("one square")),
            ),
            Step(
                "first moment",
                Claim(expected(any_kernel.dot(y)), "=", 0),
                "E[kᵀy] = Σ k_i E[y_i] = 0.",
                Combination(tuple(term(any_kernel[i], f"mean {i + 1}") for i in range(3))),
            ),
            Step(
                "second moment",
                Claim(expected(any_kernel.dot(y) ** 2), "=", sigma**2 * any_kernel.dot(any_kernel)),
                "E[(kᵀy)²] = Σ k_i k_m E[y_i y_m] with E[y_i y_m] = σ² for i = m, else 0.",
                Combination(
                    tuple(
                        term((1 if i == k else 2) * any_kernel[i] * any_kernel[k], f"moment {i + 1}{k + 1}")
                        for i, k in pairs
                    )
                ),
            ),
            Step(
                "mean",
                Claim(expected(predicted), "=", 0),
                "The prediction has mean zero.",
                Combination((term(1, "predictions"), term(1, Use("first moment", to_kernel)))),
            ),
            Step(
                "variance",
                Claim(expected(predicted**2) - expected(predicted) ** 2, "=", sigma**2 * length),
                "Var(φᵀb) = E[(φᵀb)²] − E[φᵀb]² = σ²‖Φ(ΦᵀΦ + αI)⁻¹φ‖².",
                Combination(
                    (
                        term(1, "squares"),
                        term(1, Use("second moment", to_kernel)),
                        term(-expected(predicted), "mean"),
                    )
                ),
            ),
            Step(
                "inverse, any size",
                Claim((Phit * Phi + alpha) * G, "=", one),
                "With Φ = USVᵀ the inverse is V(S² + α)⁻¹Vᵀ.",
                Words(tuple(name for name, _, _, _ in known)),
            ),
            Step(
                "squared length, any size",
                Claim((G * Phit) * (Phi * G), "=", V * T * S * T * S * Vt),
                "‖ΦGφ‖² = φᵀ G Φᵀ Φ G φ = ‖S(S² + α)⁻¹Vᵀφ‖²: diagonal matrices commute.",
                Words(("columns of U", "columns of V", "rows of V", "diagonal")),
            ),
            Step(
                "gains",
                Claim(
                    singular * inverted - singular / (singular**2 + alpha),
                    "=",
                    singular / (singular**2 + alpha) * ((singular**2 + alpha) * inverted - 1),
                ),
                "An entry ς of S and τ of T with (ς² + α)τ = 1 give ςτ = ς/(ς² + α): what prediction_std computes.",
                Identity(),
            ),
        ),
        conclusion="variance",
        source="docs/theory.md, section 6",
    )


def _entries(matrix: Any) -> Any:
    """Return a matrix as one expression, its entries times letters that keep them apart."""
    sympy = load("sympy", "certify")
    marks = sympy.symbols(f"m1:{len(matrix) + 1}", real=True)
    return sum((mark * entry for mark, entry in zip(marks, matrix, strict=True)), sympy.Integer(0))
