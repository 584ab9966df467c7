"""In which formats a model keeps positions, frequencies, phases and the table of cosines and sines."""

from __future__ import annotations

from dataclasses import dataclass

from rope_theory._core.checks import one_of
from rope_theory._core.records import Record
from rope_theory.precision.formats import FORMATS


@dataclass(frozen=True)
class Storage(Record):
    """The formats of the four numbers a rotary table is made of.

    A position is rounded to ``position``. A frequency is a number of ``frequency``: θ correctly rounded, unless a
    function is given the stored ones or a bound on their error. The product of both is rounded to ``phase``; cosine and
    sine of that are evaluated in ``phase``, in float32 where that is wider, and rounded to ``table``.

    Parameters
    ----------
    position, frequency, phase, table : {"float64", "float32", "bfloat16", "float16"}
        The formats; float32 where not given.

    Raises
    ------
    TypeError
        For a format that is not a string.
    ValueError
        For a format that is not one of the four.
    """

    position: str = "float32"
    frequency: str = "float32"
    phase: str = "float32"
    table: str = "float32"

    def __post_init__(self) -> None:
        """Check the four names."""
        for argument in ("position", "frequency", "phase", "table"):
            one_of(getattr(self, argument), argument, tuple(FORMATS))


STORAGES: dict[str, Storage] = {
    "float64": Storage("float64", "float64", "float64", "float64"),
    "float32": Storage(),
    "bfloat16 table": Storage(table="bfloat16"),
    "float16 table": Storage(table="float16"),
    "bfloat16 frequencies": Storage(frequency="bfloat16", table="bfloat16"),
    "float16 frequencies": Storage(frequency="float16", table="float16"),
    "bfloat16 positions": Storage(position="bfloat16", table="bfloat16"),
    "bfloat16 phases": Storage(phase="bfloat16", table="bfloat16"),
    "bfloat16": Storage("bfloat16", "bfloat16", "bfloat16", "bfloat16"),
    "float16": Storage("float16", "float16", "float16", "float16"),
}
"""Common cases. "bfloat16 table" is what transformers computes for activations in bfloat16, but for the error of its
frequencies (``inv_freq_error``): phases in float32, then the table is cast. "bfloat16 frequencies" is the same after
``model.to(torch.bfloat16)``, which casts the buffers too. "bfloat16" is all of it in the activations' format, as a
product of positions and frequencies under autocast is, which rounds both of them; "bfloat16 phases" rounds the product
alone."""
