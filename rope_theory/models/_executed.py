"""Two models run side by side on a few tokens, to see whether they differ in their rotary angles alone.

Angles are what the rotary modules return during a forward pass, not what a config or a buffer says. Every other number
that reaches the logits is compared at once: the second model runs again with the angles of the first put in, and must
then return the same output, bit for bit. A softmax scale, a temperature or a mask that changed shows there.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from threading import get_ident
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rope_theory.errors import RunRefused
from rope_theory.models._modes import evaluating, restoring_tables
from rope_theory.models._packages import torch
from rope_theory.precision._model_tables import FREQUENCY_NAME
from rope_theory.precision._table_rounding import allowed
from rope_theory.precision.formats import FLOAT32
from rope_theory.scaling import Frequencies

TOKENS = 8
"""Length of a short comparing pass, tokens."""

COARSE = 16.0
"""Difference of outputs accepted off the CPU, where sums may be made in any order, in epsilons of the largest."""


@dataclass(frozen=True, eq=False)
class Rotation:
    """One call of a rotary module in a forward pass: where, for which layers, at which positions, and its output."""

    path: str
    layer_type: str | None
    positions: NDArray[np.float64]
    output: Any

    @property
    def length(self) -> int:
        """Length of the sequence as the module sees it, tokens: tables that follow the length are made for it."""
        return int(self.positions.max()) + 1


@dataclass(eq=False)
class Execution:
    """A forward pass: its output (logits, or last states of a body) and the calls of rotary modules, in order."""

    output: Any = None
    rotations: list[Rotation] = field(default_factory=list)


def executed(model: Any, start: int, tokens: int = TOKENS, angles: Execution | None = None) -> Execution:
    """Run a model on some tokens at positions ``start`` onwards, as it is: without compilation.

    Parameters
    ----------
    model : transformers model
        Left as it was.
    start : int
        First position, tokens.
    tokens : int
        Length of the pass.
    angles : Execution, optional
        A pass whose cosines and sines the rotary modules return in place of their own.

    Returns
    -------
    Execution

    Raises
    ------
    RunRefused
        When the forward pass raises; the message is the model's.
    """
    result = Execution()
    vocabulary = model.get_input_embeddings().weight.shape[0]
    takes = inspect.signature(model.forward).parameters
    shift = 0 if "position_ids" in takes else start
    places = torch.arange(tokens, device=model.device)[None]
    optional = {"position_ids": places + start, "use_cache": False}
    given = {name: value for name, value in optional.items() if name in takes}
    eagerly = torch.compiler.set_stance("force_eager")
    # tables are restored, and not reset first: the pass uses what the model holds
    with ExitStack() as stack, torch.no_grad(), eagerly, evaluating(model), restoring_tables(model):
        for path, module in rotary_modules(model):
            if shift:
                stack.enter_context(module.register_forward_pre_hook(_shifted_by(shift), with_kwargs=True))
            stack.enter_context(module.register_forward_hook(_recorder(path, result, angles), with_kwargs=True))
        try:
            output = model(input_ids=places % vocabulary, **given)
        except Exception as error:  # whatever a class raises is the answer
            raise RunRefused(f"{type(error).__name__}: {error}") from error
    value = getattr(output, "logits", None)
    value = getattr(output, "last_hidden_state", None) if value is None else value
    result.output = output[0] if value is None else value
    return result


def rotary_modules(model: Any) -> Iterator[tuple[str, Any]]:
    """Yield path and module of everything that keeps inverse frequencies and whose forward takes position_ids."""
    for path, module in model.named_modules():
        held = {**vars(module), **dict(module.named_buffers(recurse=False))}
        if any(FREQUENCY_NAME.fullmatch(name) for name in held) and "position_ids" in _signature(module).parameters:
            yield path, module


def _signature(module: Any) -> inspect.Signature:
    return inspect.signature(inspect.unwrap(type(module).forward))


def _shifted_by(shift: int) -> Any:
    def hook(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        _module, *given = _signature(module).bind(module, *args, **kwargs).arguments.items()
        return (), {name: value + shift if name == "position_ids" else value for name, value in given}

    return hook


def _recorder(path: str, result: Execution, angles: Execution | None) -> Any:
    thread = get_ident()

    def hook(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> Any:
        if get_ident() != thread:  # somebody else runs the model meanwhile
            return None
        bound = _signature(module).bind(module, *args, **kwargs).arguments
        positions = bound["position_ids"].detach().double().cpu().numpy()
        number = len(result.rotations)
        result.rotations.append(Rotation(path, bound.get("layer_type"), positions, output))
        return None if angles is None or number >= len(angles.rotations) else angles.rotations[number].output

    return hook


def same_but_for_angles(before: Execution, twin: Execution) -> str:
    """Return how two passes with the same angles differ; nothing where they do not."""
    given, found = before.output, twin.output
    if given.shape != found.shape:
        return f"its output has shape {tuple(found.shape)} where the original's has {tuple(given.shape)}"
    finite = torch.isfinite(given)
    if not bool(finite.any()):
        return "the original's output is NaN or infinite throughout, so that nothing can be compared"
    if torch.equal(given, found) or torch.allclose(given, found, 0, 0, equal_nan=True):
        return ""
    size = float(given[finite].double().abs().max())
    off = float((given[finite].double() - found[finite].double()).abs().max())
    if given.device.type != "cpu" and off <= COARSE * torch.finfo(given.dtype).eps * size:
        return ""
    return (
        "something besides its rotary angles changed: with the original's angles its output is off by "
        f"{off:.3g} of {size:.3g}"
    )


def angles_off(rotation: Rotation, table: Frequencies) -> str:
    """Return how the cosines and sines of a call differ from e^{imθ} times the attention factor of a table."""
    found = _phasors(rotation.output, len(table.theta))
    if found is None:
        return f"its rotary module {rotation.path} returns no cosines and sines of {len(table.theta)} frequency pairs"
    values, roundoff = found
    positions = rotation.positions.reshape(-1)
    axes = positions.reshape(-1, len(values)) if len(positions) % len(values) == 0 else positions[None]
    if axes.shape[1] != len(values) or (axes != axes[0]).any():  # several axes are equal where there is text alone
        return f"its rotary module {rotation.path} returns {len(values)} rows for {len(positions)} positions"
    positions = axes[0]
    exact = table.attention_factor * np.exp(1j * np.outer(positions, table.theta))
    phase = np.outer(positions, allowed(table)) + 2.0 * FLOAT32.roundoff * np.outer(positions, table.theta)
    limit = table.attention_factor * (phase + 2.0 * roundoff + 8.0 * FLOAT32.roundoff)
    off = np.abs(values - exact)
    if (off <= limit).all():
        return ""
    row, pair = np.unravel_index(np.argmax(off - limit), off.shape)
    return (
        f"its rotary module {rotation.path} returns cosines and sines that are off by {off[row, pair]:.2g} at position "
        f"{positions[row]:.0f}, frequency pair {pair}"
    )


def _phasors(output: Any, pairs: int) -> tuple[NDArray[np.complex128], float] | None:
    """Return cos + i sin, (T, P), and the unit roundoff of its dtype; None for anything else."""
    if torch.is_tensor(output) and output.is_complex():
        values = output.detach().to(torch.complex128).cpu().reshape(-1, output.shape[-1]).numpy()
        return (values, FLOAT32.roundoff) if values.shape[1] == pairs else None
    if not isinstance(output, tuple) or len(output) != 2 or not all(torch.is_tensor(part) for part in output):
        return None
    cos, sin = (part.detach().double().cpu().reshape(-1, part.shape[-1]).numpy() for part in output)
    values = cos + 1j * sin
    if values.shape[1] == 2 * pairs:
        halves, neighbours = values[:, :pairs], values[:, ::2]
        if np.array_equal(halves, values[:, pairs:]):
            values = halves
        elif np.array_equal(neighbours, values[:, 1::2]):
            values = neighbours
    return (values, torch.finfo(output[0].dtype).eps / 2) if values.shape[1] == pairs else None
