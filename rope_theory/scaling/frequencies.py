"""The one product of every context-extension method: angular frequencies and an attention factor."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rope_theory._core.arrays import as_numpy
from rope_theory._core.checks import above, integer, number
from rope_theory._core.records import Record
from rope_theory.config import RopeConfig
from rope_theory.errors import WrongType


@dataclass(frozen=True, eq=False)
class Frequencies(Record):
    """Angular frequencies of one rotary table, and how they were made.

    Attributes
    ----------
    theta : ndarray, shape (P,)
        Angular frequencies in rad/token, float64, read-only.
    attention_factor : float
        Factor μ on cos and sin: rotated scores are multiplied by μ². Not part of ``theta`` or of h.
    scaling : Scaling
        The method that made the table.
    config : RopeConfig
        The model it was made for.
    length : int or None
        The current sequence length it was made for, in tokens; None stands for the trained window.
    """

    theta: NDArray[np.float64]
    attention_factor: float
    scaling: Scaling
    config: RopeConfig
    length: int | None = None

    def __post_init__(self) -> None:
        """Freeze the table."""
        try:
            theta = np.array(as_numpy(self.theta))
        except ValueError:  # lists of several lengths
            theta = np.array(None)
        if theta.dtype.kind not in "iuf":
            raise WrongType(
                "theta",
                "must be an array of angular frequencies in rad/token",
                f"{type(self.theta).__name__} of dtype {theta.dtype}",
                "a scaling makes one of a config: Unscaled().frequencies(config)",
            )
        theta = theta.astype(np.float64)
        theta.setflags(write=False)
        object.__setattr__(self, "theta", theta)
        object.__setattr__(self, "attention_factor", number(self.attention_factor, "attention_factor"))

    @property
    def wavelength(self) -> NDArray[np.float64]:
        """Wavelengths 2π/θ in tokens, shape (P,); infinite where θ = 0."""
        with np.errstate(divide="ignore"):
            return 2.0 * np.pi / self.theta

    def turns(self, length: float | None = None) -> NDArray[np.float64]:
        """Return the turns each pair makes over ``length`` tokens (the trained window when not given)."""
        tokens = self.config.context_length if length is None else above(length, "length", 0.0)
        turns: NDArray[np.float64] = tokens * self.theta / (2.0 * np.pi)
        return turns

    def __len__(self) -> int:
        return len(self.theta)

    def __reduce__(self) -> tuple[Any, ...]:  # through __init__, so that a copy is frozen too
        return Frequencies, (self.theta, self.attention_factor, self.scaling, self.config, self.length)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Frequencies)
            and np.array_equal(self.theta, other.theta)
            and (self.attention_factor, self.scaling, self.config, self.length)
            == (other.attention_factor, other.scaling, other.config, other.length)
        )

    def __hash__(self) -> int:
        return hash((self.theta.tobytes(), self.attention_factor, self.config, self.length))


class Scaling(ABC):
    """A context-extension method: it changes θ and the attention factor, and nothing else."""

    @property
    def name(self) -> str:
        """The method's name, as it is imported."""
        return type(self).__name__

    @property
    def label(self) -> str:
        """The name with what was given beyond defaults, lists left out: ``YaRN(4)`` or ``YaRN(4, ramp='paper')``."""
        shown = []
        for field in getattr(self, "__dataclass_fields__", {}).values():
            value = getattr(self, field.name)
            if value is None or isinstance(value, tuple) or value == field.default:
                continue
            text = f"{value:g}" if isinstance(value, float) else repr(value)
            shown.append(text if field.name == "factor" else f"{field.name}={text}")
        return f"{self.name}({', '.join(shown)})" if shown else self.name

    def frequencies(self, config: RopeConfig, length: int | None = None) -> Frequencies:
        """Return the table this method gives ``config`` at a sequence length.

        Parameters
        ----------
        config : RopeConfig
            The model before extension; ``context_length`` is its trained window.
        length : int, optional
            Current sequence length in tokens, for the methods that depend on it (DynamicNTK, LongRoPE);
            the trained window when not given.

        Returns
        -------
        Frequencies
            θ in rad/token, shape (P,), and the attention factor.

        Raises
        ------
        TypeError
            When ``config`` is not a RopeConfig.
        ValueError
            When the method cannot be applied to ``config``.
        """
        if not isinstance(config, RopeConfig):
            raise WrongType(
                "config", "must be a RopeConfig", type(config).__name__, "use from_hf for a model's config.json"
            )
        if length is not None:
            length = integer(length, "length", 1, "It is the current sequence length in tokens.")
        return Frequencies(
            theta=self._theta(config, length),
            attention_factor=self._attention_factor(config),
            scaling=self,
            config=config,
            length=length,
        )

    @abstractmethod
    def _theta(self, config: RopeConfig, length: int | None) -> NDArray[np.float64]:
        """Return the angular frequencies, shape (P,)."""

    def _attention_factor(self, config: RopeConfig) -> float:
        return 1.0


def geometric(base: float, width: int) -> NDArray[np.float64]:
    """Return base^(−2j/width), j = 0 … width/2 − 1, in rad/token: equation (1) of arXiv 2306.15595."""
    theta: NDArray[np.float64] = base ** (-2.0 * np.arange(width // 2) / width)
    return theta
