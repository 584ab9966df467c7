"""Every setting of the training run."""

from __future__ import annotations

from dataclasses import dataclass

from experiments.pretraining import corpus


@dataclass(frozen=True)
class Stage:
    """A stretch of the curriculum.

    Attributes
    ----------
    until : int
        First step after it.
    passkey_rows : int
        Rows of a batch that hold a passkey document.
    longest : int
        Longest passkey prompt, tokens.
    """

    until: int
    passkey_rows: int
    longest: int


@dataclass(frozen=True)
class Recipe:
    """Settings of one run; two runs of the same recipe on the same machine make the same weights.

    Attributes
    ----------
    training, held_out : tuple of str
        Distributions.
    vocabulary, hidden, inner, layers, heads, window : int
        Shape of the LlamaForCausalLM; heads are hidden / heads wide, the window is in tokens.
    batch, steps, warmup : int
        Rows of ``window`` tokens a step; steps in all; steps of linear warm-up.
    decay : float
        Share of the steps, at the end, in which the learning rate falls linearly to zero.
    rate, weight_decay, clip : float
        Peak learning rate; decay of the matrices; largest norm of the gradient.
    curriculum : tuple of Stage
        Passkey rows, by step; the last stage holds to the end.
    filler_weight, answer_weight : float
        Weights in the loss of a passkey document's filler, and of its answer; all other tokens weigh 1.
    seed : int
        Of the first weights and of the rows.
    precision : {"float32", "bfloat16"}
        Of matrix products; weights are float32.
    """

    training: tuple[str, ...] = corpus.TRAINING
    held_out: tuple[str, ...] = corpus.HELD_OUT
    vocabulary: int = 1024
    hidden: int = 256
    inner: int = 704
    layers: int = 6
    heads: int = 4
    window: int = 256
    batch: int = 32
    steps: int = 6000
    warmup: int = 100
    decay: float = 0.25
    rate: float = 3e-3
    weight_decay: float = 0.1
    clip: float = 1.0
    curriculum: tuple[Stage, ...] = (Stage(400, 16, 160), Stage(800, 8, 256), Stage(0, 4, 256))
    filler_weight: float = 0.1
    answer_weight: float = 10.0
    seed: int = 0
    precision: str = "bfloat16"

    def stage(self, step: int) -> Stage:
        """Return the stage that a step belongs to."""
        return next((stage for stage in self.curriculum[:-1] if step < stage.until), self.curriculum[-1])

    def rate_at(self, step: int) -> float:
        """Return the learning rate of a step: warm-up, plateau, linear decay to zero."""
        if step < self.warmup:
            return self.rate * (step + 1) / self.warmup
        left = (self.steps - step) / max(1.0, self.decay * self.steps)
        return self.rate * min(1.0, left)
