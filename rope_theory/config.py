"""What a bound needs to know of a model: head width, rotary width, base and trained window."""

from __future__ import annotations

from dataclasses import dataclass

from rope_theory._core.checks import above, even_width, integer
from rope_theory._core.records import Record
from rope_theory.errors import WrongValue

__all__ = ["LLAMA_1", "LLAMA_2", "LLAMA_3", "RopeConfig"]


@dataclass(frozen=True)
class RopeConfig(Record):
    """The rotary part of a model, before any scaling.

    The unscaled angular frequencies are θ_j = base^(−2j/rotary_dim), j = 0 … rotary_dim/2 − 1.

    Parameters
    ----------
    head_dim : int
        Width of an attention head, even.
    base : float
        RoPE base c, above 1.
    context_length : int
        Trained window L in tokens, at least 2; trained offsets are 0 … L − 1.
    rotary_dim : int, optional
        Rotated width d ≤ head_dim, even; the whole head when not given.

    Raises
    ------
    ValueError
        For an odd, zero or negative width, a base of 1 or less, or a window under two tokens.

    Notes
    -----
    Source: arXiv 2306.15595 v2, equation (1), where base is 10000 and head_dim equals rotary_dim.

    Examples
    --------
    >>> import rope_theory as rt
    >>> config = rt.RopeConfig(head_dim=128, base=10000.0, context_length=2048)
    >>> config.pairs
    64
    """

    head_dim: int
    base: float = 10000.0
    context_length: int = 2048
    rotary_dim: int | None = None

    def __post_init__(self) -> None:
        """Check and normalise the fields."""
        head_dim = even_width(self.head_dim, "head_dim")
        rotary_dim = head_dim if self.rotary_dim is None else even_width(self.rotary_dim, "rotary_dim")
        if rotary_dim > head_dim:
            raise WrongValue(
                "rotary_dim",
                f"({rotary_dim}) must not exceed head_dim ({head_dim}): it is the rotated part of the head",
            )
        object.__setattr__(self, "head_dim", head_dim)
        object.__setattr__(self, "rotary_dim", rotary_dim)
        object.__setattr__(self, "base", above(self.base, "base", 1.0, "Frequencies base^(−2j/d) must fall with j."))
        object.__setattr__(
            self,
            "context_length",
            integer(self.context_length, "context_length", 2, "It is the trained window in tokens."),
        )

    @property
    def width(self) -> int:
        """Rotated width d: ``rotary_dim``, known to be an integer."""
        assert self.rotary_dim is not None  # set in __post_init__
        return self.rotary_dim

    @property
    def pairs(self) -> int:
        """Number of rotated pairs, P = rotary_dim / 2."""
        return self.width // 2


LLAMA_1 = RopeConfig(head_dim=128, base=10000.0, context_length=2048)
"""LLaMA 7B to 65B (arXiv 2302.13971), the models of the Position Interpolation paper."""

LLAMA_2 = RopeConfig(head_dim=128, base=10000.0, context_length=4096)
"""Llama 2 7B to 70B (arXiv 2307.09288)."""

LLAMA_3 = RopeConfig(head_dim=128, base=500000.0, context_length=8192)
"""Llama 3 8B and 70B, and the pre-extension table of Llama 3.1 (arXiv 2407.21783)."""
