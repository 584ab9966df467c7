"""The standard deviation of a ridge fit: σ‖Φ(ΦᵀΦ + αI)⁻¹φ‖, and the same from the singular values of Φ."""

from __future__ import annotations

from typing import Any

from rope_theory._optional import load
from rope_theory.proofs._claims import Claim
from rope_theory.proofs._symbolic import Combination, Identity, Use, Words, term
from rope_theory.proofs.proof import Hypothesis, Proof, Step


def derive() -> Proof:
    """Return the proof: entry by entry for three targets and two columns, and for any size as products of matrices."""
    sympy = load("sympy", "certify")
    alpha, sigma = sympy.symbols("alpha sigma", positive=True)
    phi = sympy.Matrix(3, 2, sympy.symbols("Phi11 Phi12 Phi21 Phi22 Phi31 Phi32", real=True))
    row = sympy.Matrix(sympy.symbols("phi1 phi2", real=True))
    y = sympy.Matrix(sympy.symbols("y1 y2 y3", real=True))
    b, change = sympy.Matrix(sympy.symbols("b1 b2", real=True)), sympy.Matrix(sympy.symbols("e1 e2", real=True))
    gram = phi.T * phi + alpha * sympy.eye(2)
    g11, g12, g22 = sympy.symbols("G11 G12 G22", real=True)
    inverse = sympy.Matrix([[g11, g12], [g12, g22]])  # (ΦᵀΦ + αI)⁻¹, by the hypotheses on it
    adjugate = gram.adjugate() / gram.det()
    kernel = phi * inverse * row  # the prediction is kernelᵀ y
    places = [(i, k) for i in range(2) for k in range(2)]

    def loss(coefficients: Any) -> Any:
        misfit = phi * coefficients - y
        return misfit.dot(misfit) + alpha * coefficients.dot(coefficients)

    normal = gram * b - phi.T * y
    # targets that have the solution b: the third is free
    first_two, wanted = phi[:2, :].T, gram * b - phi[2, :].T * y[2]
    any_kernel = sympy.Matrix(sympy.symbols("k1 k2 k3", real=True))
    moment = sympy.Matrix(3, 3, lambda i, k: sympy.Symbol(f"E{min(i, k) + 1}{max(i, k) + 1}", real=True))  # E[y_i y_k]

    # any size: Φ = U S Vᵀ with UᵀU = 1, VᵀV = VVᵀ = 1, S diagonal; T = (S² + α)⁻¹
    U, Ut, V, Vt, S, T = sympy.symbols("U U^T V V^T S T", commutative=False)
    Phi, Phit, G = U * S * Vt, V * S * Ut, V * T * Vt
    one = sympy.Integer(1)
    known = (
        ((Ut, U), one),
        ((Vt, V), one),
        ((V, Vt), one),
        ((S, S, T), one - alpha * T),
        ((T, S, S), one - alpha * T),
        ((S, T), T * S),
    )
    singular = sympy.Symbol("varsigma", nonnegative=True)
    gain = singular / (singular**2 + alpha)
    return Proof(
        name="prediction_std",
        formula="std(s) = σ‖Φ(ΦᵀΦ + αI)⁻¹φ(s)‖",
        hypotheses=(
            Hypothesis("α > 0, or a design of full rank"),
            Hypothesis("targets of mean zero, uncorrelated, each of variance σ²"),
            Hypothesis(
                "b solves (ΦᵀΦ + αI)b = Φᵀy",
                name="normal equation 1",
                claim=Claim(normal[0], "=", 0),
                example=dict(zip(y[:2], first_two.adjugate() / first_two.det() * wanted, strict=True)),
            ),
            Hypothesis(
                "its second row",
                name="normal equation 2",
                claim=Claim(normal[1], "=", 0),
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
            *(
                Step(
                    f"solution, row {i + 1}",
                    Claim((gram * inverse * phi.T * y)[i], "=", (phi.T * y)[i]),
                    "b = (ΦᵀΦ + αI)⁻¹Φᵀy solves the normal equations.",
                    Combination(tuple(term((phi.T * y)[k], f"inverse {i + 1}{k + 1}") for k in range(2))),
                )
                for i in range(2)
            ),
            Step(
                "prediction",
                Claim(row.dot(inverse * phi.T * y), "=", kernel.dot(y)),
                "The fit at φ is linear in the targets: Φ(ΦᵀΦ + αI)⁻¹φ times y.",
                Identity(),
            ),
            Step(
                "second moment",
                Claim(
                    (any_kernel.T * moment * any_kernel)[0].xreplace(
                        {moment[i, k]: sigma**2 if i == k else sympy.Integer(0) for i in range(3) for k in range(3)}
                    ),
                    "=",
                    sigma**2 * any_kernel.dot(any_kernel),
                ),
                "E[(kᵀy)²] = Σ k_i k_m E[y_i y_m] with E[y_i y_m] = σ² for i = m, else 0.",
                Identity(),
            ),
            Step(
                "variance",
                Claim(
                    (kernel.T * (sigma**2 * sympy.eye(3)) * kernel)[0],
                    "=",
                    sigma**2 * sum(entry**2 for entry in kernel),
                ),
                "With k = Φ(ΦᵀΦ + αI)⁻¹φ: the variance of the prediction is σ²‖Φ(ΦᵀΦ + αI)⁻¹φ‖².",
                Combination((term(1, Use("second moment", dict(zip(any_kernel, kernel, strict=True)))),)),
            ),
            Step(
                "inverse, any size",
                Claim((Phit * Phi + alpha) * G, "=", one),
                "With Φ = USVᵀ the inverse is V(S² + α)⁻¹Vᵀ.",
                Words(known),
            ),
            Step(
                "squared length, any size",
                Claim((G * Phit) * (Phi * G), "=", V * T * S * T * S * Vt),
                "‖ΦGφ‖² = φᵀ G Φᵀ Φ G φ = ‖S(S² + α)⁻¹Vᵀφ‖²: diagonal matrices commute.",
                Words((*known[:3], ((S, T), T * S))),
            ),
            Step(
                "gains",
                Claim((singular * (singular**2 + alpha) ** -1) ** 2, "=", gain**2),
                "Each entry of the diagonal is ς/(ς² + α): what prediction_std computes.",
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
