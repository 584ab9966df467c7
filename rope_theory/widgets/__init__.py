"""One choice of model and scaling seen from three sides, and sliders for it in a notebook.

ipywidgets and matplotlib load when a function is called (``pip install 'rope_theory[notebooks,plots]'``).
"""

from rope_theory.widgets._exploration import METHODS, Exploration, explore
from rope_theory.widgets._explorer import explorer
from rope_theory.widgets._picture import exploration

__all__ = ["METHODS", "Exploration", "exploration", "explore", "explorer"]
