"""Settings of a transformers config that may differ from layer to layer."""

from __future__ import annotations

from typing import Any


def layer_settings(config: Any, key: str, default: Any = None) -> list[Any]:
    """Return the value of a key in every layer, or once where all layers share it.

    Configs with settings per layer (Gemma 4's ``head_dim`` and ``num_key_value_heads``) raise
    AmbiguousGlobalPerLayerAttributeError, a RuntimeError that ``getattr`` lets through, where such a key is read from
    the whole.
    """
    if key not in (getattr(config, "per_layer_attributes", None) or ()):
        return [getattr(config, key, default)]
    return [getattr(layer, key, default) for layer in config.per_layer_config]
