"""The heavy packages that models run on, imported when something of them is first used."""

from __future__ import annotations

from typing import Any

from rope_theory._core.optional import Later

torch: Any = Later("torch", "models")
transformers: Any = Later("transformers", "models")
