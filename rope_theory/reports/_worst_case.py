"""The largest score at one offset, proved: what ``rope-theory certify`` and ``verify`` print."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rope_theory._core.checks import above, at_most, integer, shown
from rope_theory._core.records import Record
from rope_theory.certificates import Certificate, Enclosure, worst_case
from rope_theory.config import RopeConfig
from rope_theory.errors import WrongType
from rope_theory.reports._blocks import Paragraph, Points, grid
from rope_theory.reports._report import Report
from rope_theory.reports._words import described
from rope_theory.scaling import Frequencies, Scaling, Unscaled

LONGEST = 1 << 20
"""Longest trained window that ``certify`` takes, tokens."""


@dataclass(frozen=True)
class WorstCase(Record):
    """A certificate in a few numbers; offsets in tokens, scores in the units of score_max.

    Attributes
    ----------
    config, scaling : RopeConfig or None, Scaling or None
        Of the table asked about; None where the certificate has bare frequencies.
    trained : Scaling or None
        Of the table whose scores are known.
    s : float
        Offset asked about.
    first, last, count : float, float, int
        Ends and number of the trained offsets.
    h_max, score_max : float
        H and A.
    proved : Enclosure
        V(s), in ball arithmetic.
    gap : float
        Relative distance of its ends.
    triangle : float
        H·P, the bound that holds whatever the trained scores are.
    carried : int
        Trained offsets that carry a weight in the proof.
    rounds : int
        Times the solver was called.
    notes : tuple of str
        What a reader of the number should know.
    """

    config: RopeConfig | None
    scaling: Scaling | None
    trained: Scaling | None
    s: float
    first: float
    last: float
    count: int
    h_max: float
    score_max: float
    proved: Enclosure
    gap: float
    triangle: float
    carried: int
    rounds: int
    notes: tuple[str, ...]


def certify(
    table: Frequencies, s: float, window: int, *, ratio: float = 1.0, save: str | Path | None = None
) -> WorstCase:
    """Prove how large a score can be at s when scores are at most 1 on the trained window.

    Parameters
    ----------
    table : Frequencies
        The frequencies asked about; where they are scaled, trained scores are those of the unscaled ones.
    s : float
        Offset, tokens.
    window : int
        Trained window, tokens; its offsets are 0 … window − 1.
    ratio : float
        Largest abs(h_j) over the largest trained score, H/A, above 0.
    save : str or Path, optional
        Where the certificate is written, as ``Certificate.save`` does.

    Returns
    -------
    WorstCase

    Raises
    ------
    TypeError
        For a table that is no ``Frequencies``.
    ValueError
        For a window below 1 or too long to be solved, and a ratio that is not above 0.
    """
    if not isinstance(table, Frequencies):
        raise WrongType("table", "must be the frequencies of a config and a scaling", shown(table))
    window = integer(window, "window", 1, "It is the trained window in tokens.")
    at_most(window, "window", LONGEST, "it is solved on a table of that many rows")
    ratio = above(ratio, "ratio", 0.0, "It is the largest |h_j| over the largest trained score.")
    scaled = not isinstance(table.scaling, Unscaled)
    trained = Unscaled().frequencies(table.config)
    certificate = worst_case(trained, s, np.arange(window), h_max=ratio, target_theta=table if scaled else None)
    found = verify(certificate)
    if save is not None:
        certificate.save(save)
    return found


def verify(certificate: Certificate, *, bits: int = 256) -> WorstCase:
    """Verify a certificate and return what to show of it.

    Parameters
    ----------
    certificate : Certificate
        Found here or read from a file.
    bits : int
        Working precision of the verification.

    Returns
    -------
    WorstCase

    Raises
    ------
    TypeError
        For something that is no certificate.
    ValueError
        When the certificate does not hold; the message names the field.
    """
    if not isinstance(certificate, Certificate):
        raise WrongType("certificate", "must be a Certificate, as worst_case returns it", shown(certificate))
    proved = certificate.verify(bits)
    asked = certificate.theta if certificate.target_theta is None else certificate.target_theta
    return WorstCase(
        config=getattr(asked, "config", None),
        scaling=getattr(asked, "scaling", None),
        trained=getattr(certificate.theta, "scaling", None),
        **{name: getattr(certificate, name) for name in ("s", "h_max", "score_max", "rounds", "notes")},
        first=float(certificate.grid[0]),
        last=float(certificate.grid[-1]),
        count=len(certificate.grid),
        proved=proved,
        gap=float(proved.width / proved.upper),
        triangle=certificate.h_max * len(certificate.witness),
        carried=len(certificate.support),
    )


KINDS = {"real": "the real numbers c^(−2j/d)", "float64": "their float64 values"}
"""What a certificate says of its frequencies, in words."""


def worst_case_report(found: WorstCase) -> Report:
    """Return a verified certificate as a report."""
    inside = found.first <= found.s <= found.last
    scaled = found.scaling != found.trained
    where = "asked of the scaled table" if scaled else "inside" if inside else "outside"
    proved = found.proved
    numbers = (f"{proved.lower:.10g}", f"{proved.upper:.10g}", f"{found.gap:.1e}", f"{found.triangle:.7g}")
    asked = f", asked ones {KINDS[proved.target_frequencies]}" if scaled else ""
    return Report(
        f"trained offsets {found.first:.10g} … {found.last:.10g} ({found.count}), |score| ≤ {found.score_max:g} on "
        f"them; |h_j| ≤ {found.h_max:g}; s = {found.s:.10g}, {where}",
        (
            *([Paragraph(described(found.config, found.scaling))] if found.config else []),
            grid(
                ("largest |score| at s", "at least", "at most", "gap", "triangle bound"),
                [("proved in ball arithmetic", *numbers)], "lr",
            ),
            Paragraph(
                f"{found.carried} trained offsets carry the proof; {proved.bits} bits; frequencies: "
                f"{KINDS[proved.frequencies]}{asked}"
            ),
            Points(found.notes),
        ),
    )  # fmt: skip
