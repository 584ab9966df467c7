"""Queries and keys of one forward pass, kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from rope_theory._core.checks import integer
from rope_theory._core.records import Record
from rope_theory.errors import WrongValue
from rope_theory.models._recording import VisitedLayer, visit
from rope_theory.scaling import Frequencies


@dataclass(frozen=True, eq=False)
class Captured(Record):
    """Queries and keys of one sequence, before rotation.

    Attributes
    ----------
    query : mapping of int to tensor, (heads, T, head_dim)
        By layer; after any query norm, in the dtype and on the device of the model.
    key : mapping of int to tensor, (kv_heads, T, head_dim)
        By layer; query head i belongs to key head i // (heads // kv_heads).
    phasors : mapping of int to complex tensor, (T, P)
        cos + i sin of the table that the layer was given, attention factor included.
    frequencies : mapping of int to Frequencies
        The exact ones that the config describes for the layer, at this length.
    pairing : {"half", "interleaved"}
        Layout of the pairs, for ``score_coefficients``.
    tokens : int
        T.
    """

    query: Mapping[int, Any]
    key: Mapping[int, Any]
    phasors: Mapping[int, Any]
    frequencies: Mapping[int, Frequencies]
    pairing: str
    tokens: int

    def key_head(self, layer: int, head: int) -> int:
        """Return the key head that a query head of a layer attends with."""
        heads, keys = self.query[layer].shape[0], self.key[layer].shape[0]
        head = integer(head, "head", 0)
        if head >= heads:
            raise WrongValue("head", f"must be below {heads}, the heads of layer {layer}", head)
        return int(head // (heads // keys))


def capture(model: Any, input_ids: Any, *, layers: Sequence[int] | None = None) -> Captured:
    """Return the queries and keys that a model rotates, of one forward pass.

    Parameters
    ----------
    model : transformers model
        A causal language model or its inner model, with rotary positions, on any device; it is left as it was.
    input_ids : tensor or sequence of int, (T,) or (1, T)
        Tokens of one sequence, at least two; their positions are 0 … T − 1.
    layers : sequence of int, optional
        Which layers, from 0; all of them when not given. The others run and nothing of them is kept.

    Returns
    -------
    Captured

    Raises
    ------
    TypeError
        For something that is no transformers model, or tokens that are no integers.
    ValueError
        For fewer than two tokens, tokens outside the vocabulary, more than one sequence, layers the model does not
        have, a model without RoPE, activations that are NaN or infinite, and an attention module that does not
        rotate as its config describes.

    Notes
    -----
    Rotated queries are divided by the model's own cos + i sin, so that rounding of the rotation stays in them: about
    the precision of the model's dtype. transformers keeps cos and sin in float32 even in a float64 model. Source:
    docs/theory.md, section 11.
    """
    seen: dict[int, VisitedLayer] = {}
    nothing: Any = None  # values, masks and outputs are not kept

    def keep(visited: VisitedLayer) -> None:
        seen[visited.layer] = replace(visited, attended=nothing)

    visit(model, input_ids, keep, layers=layers)
    length = next(iter(seen.values())).query.shape[1]
    layers = sorted(seen)
    return Captured(
        query=MappingProxyType({layer: seen[layer].query for layer in layers}),
        key=MappingProxyType({layer: seen[layer].key for layer in layers}),
        phasors=MappingProxyType({layer: seen[layer].phasors for layer in layers}),
        frequencies=MappingProxyType({layer: seen[layer].rope.frequencies(length) for layer in layers}),
        pairing=seen[layers[0]].rope.pairing,
        tokens=length,
    )
