"""What the certificates' numbers mean, in the form of ``bounds.CATALOGUE``."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from rope_theory.bounds.catalogue import Evaluation, Statement, Witness
from rope_theory.certificates import _worst_case
from rope_theory.certificates import kernel as _kernel
from rope_theory.certificates import quick as _quick
from rope_theory.config import RopeConfig
from rope_theory.scaling import Unscaled
from rope_theory.scores import attention_score

_SMALL = RopeConfig(head_dim=32, base=10000.0, context_length=64)


def _worst_case_witness() -> Evaluation:
    theta = Unscaled().frequencies(_SMALL)
    found = _worst_case.worst_case(theta, 70.5, np.arange(64), h_max=3.0)
    return Evaluation(float(attention_score(found.witness, theta, 70.5)), found.upper)


CATALOGUE: Mapping[str, Statement] = MappingProxyType(
    {
        "worst_case": Statement(
            function=_worst_case.worst_case,
            formula="a(s) ≤ A·‖w‖₁ + H·Σ|e^{isθ′_j} − Σ w_n e^{inθ_j}|",
            hypotheses=("|a(n)| ≤ A on the trained offsets", "|h_j| ≤ H", "any s, any frequencies; best w"),
            relation="tight",
            evidence="proved",
            source="docs/theory.md, section 7",
            witness=Witness("the certificate's h at s = 70.5, offsets 0 … 63, d = 32, H/A = 3", _worst_case_witness),
        ),
        "quick_bound": Statement(
            function=_quick.quick_bound,
            formula="a(s) ≤ A·‖w‖₁ + H·Σ|e^{isθ′_j} − Σ w_n e^{inθ_j}|",
            hypotheses=("|a(n)| ≤ A on the trained offsets", "|h_j| ≤ H", "any s, any frequencies; any w"),
            relation="upper",
            evidence="proved",
            source="docs/theory.md, section 7",
        ),
        "shortest_kernel": Statement(
            function=_kernel.shortest_kernel,
            formula="|a(k + ½)| ≤ 2Σ|w_m|·A + H·Σ|1 − 2Σ w_m cos((m − ½)θ_j)|",
            hypotheses=("|a| ≤ A at the offsets k + 1 − M … k + M", "|h_j| ≤ H", "any frequencies"),
            relation="upper",
            evidence="proved",
            source="docs/theory.md, section 7",
        ),
    }
)
"""Name → Statement, in the order in which they are told."""
