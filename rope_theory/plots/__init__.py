"""Pictures of results: one kind a file; results and optional Axes in, Axes out, nothing computed.

matplotlib loads when a function is called (``pip install 'rope_theory[plots]'``).
"""

from rope_theory.plots.abel_ratio import abel_ratio
from rope_theory.plots.attention_mass import attention_mass
from rope_theory.plots.chord_bounds import chord_bounds
from rope_theory.plots.chord_cells import chord_cells
from rope_theory.plots.comparison import comparison
from rope_theory.plots.head_ratios import head_ratios
from rope_theory.plots.numerical_rank import numerical_rank
from rope_theory.plots.pair_shares import pair_shares
from rope_theory.plots.passkey_map import passkey_map
from rope_theory.plots.phase_errors import phase_errors
from rope_theory.plots.position_losses import position_losses
from rope_theory.plots.ridge_path import ridge_path
from rope_theory.plots.score_curves import score_curves
from rope_theory.plots.style import style
from rope_theory.plots.wavelengths import wavelengths
from rope_theory.plots.worst_case_curves import worst_case_curves
from rope_theory.plots.worst_case_windows import worst_case_windows

__all__ = [
    "abel_ratio",
    "attention_mass",
    "chord_bounds",
    "chord_cells",
    "comparison",
    "head_ratios",
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
