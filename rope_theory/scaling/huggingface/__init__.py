"""A model's config.json ↔ RopeConfig and Scaling, without importing transformers.

What is reproduced is the table that transformers 5.23 computes for the model, from the keys of that version
(``rope_parameters``) or the older ones (``rope_theta`` and ``rope_scaling``). YaRN is read with
``ramp="transformers"``, linear in the pair index, because that is the ramp released checkpoints were trained
and are run with; the paper's ramp, linear in turns, has no name in a config, so ``to_hf`` spells it out as
one divisor a pair.
"""

from rope_theory.scaling.huggingface.reading import HuggingFaceRope, from_hf
from rope_theory.scaling.huggingface.writing import to_hf

__all__ = ["HuggingFaceRope", "from_hf", "to_hf"]
