"""A worst case with its proof: weights that bound it from above, coefficients that reach it from below."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike

import numpy as np
from numpy.typing import NDArray

from rope_theory.certificates import _files
from rope_theory.certificates._stored import Stored
from rope_theory.certificates._verification import check_form, verified
from rope_theory.certificates.enclosure import Enclosure


@dataclass(frozen=True, eq=False)
class Certificate(Stored):
    """Proof that the largest score V(s) allowed by trained scores and bounded coefficients lies in [lower, upper].

    V(s) = max { a(s) : |a(n)| ≤ A for n in the grid, |h_j| ≤ H } = min_w A‖w‖₁ + H Σ_j |ρ_j|, where
    ρ_j = e^{isθ'_j} − Σ_n w_n e^{inθ_j} and θ' = θ unless ``target_theta`` is given. Scores are those before
    1/√head_dim and without an attention factor.

    Attributes
    ----------
    s : float
        Offset asked about, tokens.
    h_max, score_max : float
        H, largest abs(h_j), and A, largest abs(a(n)) on the grid.
    lower, upper : float
        Bounds on V(s), computed from ``witness`` and ``weights`` in ball arithmetic and rounded outwards.
    grid, weights : ndarray, shape (G,)
        Trained offsets, tokens, and the weight w of each, most of them 0.
    residual : ndarray, complex, shape (P,)
        ρ_j.
    witness : ndarray, complex, shape (P,)
        Coefficients h that obey the constraints and have the score ``lower`` at s, both up to rounding.
    theta : Frequencies or ndarray (P,)
        Trained frequencies, rad/token.
    target_theta : Frequencies, ndarray (P,) or None
        Frequencies asked about where they are not the trained ones.
    status : str
        The solver's last word; no number depends on it.
    rounds : int
        Times the solver was called; 0 where the answer is exact.
    notes : tuple of str
        What a reader of the number should know.
    """

    @property
    def support(self) -> NDArray[np.float64]:
        """Offsets that carry a weight, tokens."""
        return self.grid[np.flatnonzero(self.weights)]

    def verify(self, bits: int = 256) -> Enclosure:
        """Prove the certificate again in ball arithmetic, from weights and witness alone.

        Parameters
        ----------
        bits : int
            Working precision, at least 64.

        Returns
        -------
        Enclosure
            V(s) lies between ``lower`` and ``upper``, whatever produced the certificate. Frequencies are the real
            numbers c^(−2j/d) for tables of Unscaled, PositionInterpolation and NTKAware, else the float64 values;
            ``frequencies`` and ``target_frequencies`` say which.

        Raises
        ------
        CertificateRejected
            When a stored number disagrees with what is recomputed; the message names the field.
        """
        return verified(self, bits)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the certificate as JSON, whole or not at all; ``load`` and ``rope-theory verify`` read it.

        Parameters
        ----------
        path : str or path
            File to write.
        """
        _files.write(self, path)

    @staticmethod
    def load(path: str | PathLike[str]) -> Certificate:
        """Read a certificate written by ``save``.

        Parameters
        ----------
        path : str or path
            File to read.

        Returns
        -------
        Certificate

        Raises
        ------
        DamagedFile, CertificateRejected
            When the file is no certificate, or a field was changed after it was written; the message names it. The
            hashes in the file detect accidents; whoever rewrites them too is answered by ``verify``.
        """
        certificate = Certificate(**_files.read(path, Certificate.__dataclass_fields__))
        check_form(certificate)
        return certificate
