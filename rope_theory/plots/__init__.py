"""Pictures of results: one kind per file; results and optional Axes in, Axes out, nothing computed.

For pictures of one's own in the same style: ``style``, ``legend_beside``, the colours ``PALETTE`` with their ``DASHES``
and ``MARKERS``, and ``GREY`` for reference lines.

matplotlib loads when a function is called (``pip install 'rope_theory[plots]'``).
"""

from rope_theory.plots._abel_ratio import abel_ratio
from rope_theory.plots._attention_mass import attention_mass
from rope_theory.plots._axes import legend_beside
from rope_theory.plots._chord_bounds import chord_bounds
from rope_theory.plots._chord_cells import chord_cells
from rope_theory.plots._comparison import comparison
from rope_theory.plots._head_ratios import head_ratios
from rope_theory.plots._numerical_rank import numerical_rank
from rope_theory.plots._pair_shares import pair_shares
from rope_theory.plots._passkey_map import passkey_map
from rope_theory.plots._phase_errors import phase_errors
from rope_theory.plots._position_losses import position_losses
from rope_theory.plots._ridge_path import ridge_path
from rope_theory.plots._score_curves import score_curves
from rope_theory.plots._style import DASHES, GREY, MARKERS, PALETTE, style
from rope_theory.plots._wavelengths import wavelengths
from rope_theory.plots._worst_case_curves import worst_case_curves
from rope_theory.plots._worst_case_windows import worst_case_windows

__all__ = [
    "DASHES",
    "GREY",
    "MARKERS",
    "PALETTE",
    "abel_ratio",
    "attention_mass",
    "chord_bounds",
    "chord_cells",
    "comparison",
    "head_ratios",
    "legend_beside",
    "numerical_rank",
    "pair_shares",
    "passkey_map",
    "phase_errors",
    "position_losses",
    "ridge_path",
    "score_curves",
    "style",
    "wavelengths",
    "worst_case_curves",
    "worst_case_windows",
]
