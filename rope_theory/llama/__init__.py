"""Checkpoints: the queries and keys that a transformers model rotates. The only importer of transformers."""

from rope_theory.llama.capture import Captured, capture

__all__ = ["Captured", "capture"]
