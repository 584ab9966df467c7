"""The exact worst case of a score, proved without trusting a solver, and closed forms and fits in ball arithmetic.

``worst_case`` gives a ``Certificate``, whose ``verify`` gives an ``Enclosure``. ``closed_forms`` has the functions of
``rope_theory.bounds`` under the same names, in ball arithmetic, and ``refutation``, the counterexample to Theorem 2.1
of arXiv 2306.15595. ``exact_least_squares`` is the fit of the paper's figure 2 as it is, not as a solver rounds it.
``shortest_kernel`` is a certificate for a calculator. ``quick_bound`` is an upper bound in milliseconds, in float64.
``CATALOGUE`` says what the numbers mean.
"""

from rope_theory.certificates import closed_forms
from rope_theory.certificates._worst_case import worst_case
from rope_theory.certificates.catalogue import CATALOGUE
from rope_theory.certificates.certificate import Certificate
from rope_theory.certificates.closed_forms import Refutation, refutation
from rope_theory.certificates.enclosure import Enclosure
from rope_theory.certificates.kernel import Kernel, KernelProof, shortest_kernel
from rope_theory.certificates.least_squares import ExactFit, exact_least_squares
from rope_theory.certificates.quick import quick_bound

__all__ = [
    "CATALOGUE",
    "Certificate",
    "Enclosure",
    "ExactFit",
    "Kernel",
    "KernelProof",
    "Refutation",
    "closed_forms",
    "exact_least_squares",
    "quick_bound",
    "refutation",
    "shortest_kernel",
    "worst_case",
]
