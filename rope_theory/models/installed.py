"""The installed transformers as an engine of the doctor: its own rotary class, run on a config."""

from __future__ import annotations

import importlib
import json
from typing import Any

from rope_theory._core.optional import load
from rope_theory.doctor.engines import Engine, EngineTable, Request
from rope_theory.errors import EngineRefused
from rope_theory.models._packages import torch, transformers
from rope_theory.models.loading import errors_only

NOT_TEXT = ("Vision", "Audio", "Speech")
"""Parts of the names of rotary classes that are not a text model's."""


def installed_engine() -> Engine:
    """Return the installed transformers, executed: its tables are those of its own rotary classes.

    Returns
    -------
    Engine
        For ``rope_theory.doctor.diagnose(…, engines=…)``. It makes a config of the class of ``model_type`` and that
        class's rotary module on the CPU, in float32, and no model; code that comes with a checkpoint is not run.

    Raises
    ------
    ModuleNotFoundError
        Without transformers.

    Notes
    -----
    Source: ``modeling_rope_utils.py`` of the installed version.
    """
    about = "The rotary class of the installed version, at the length asked, fresh for every table."
    return Engine("transformers", str(transformers.__version__), "executed", about, _executed)


def _executed(asked: Request) -> EngineTable:
    mapping = load("transformers.models.auto.configuration_auto", "models").CONFIG_MAPPING
    kind = asked.case.model_type
    if kind is None or kind not in mapping:
        raise EngineRefused(f"has no model type {kind!r}")
    with errors_only():  # what it thinks of the config is the doctor's to say
        try:
            return _run(mapping[kind], asked)
        except EngineRefused:
            raise
        except Exception as error:  # whatever a config class or a rotary class raises is the answer
            raise EngineRefused(f"raises {type(error).__name__}: {str(error)[:200]}") from error


def _run(config_class: Any, asked: Request) -> EngineTable:
    keys = json.loads(json.dumps(dict(asked.case.raw)))  # config classes change what they are given
    config = config_class(**{key: value for key, value in keys.items() if key != "model_type" and key[0] != "_"})
    module = _rotary(config)(config=config)
    layer = () if asked.layer_type is None else (asked.layer_type,)
    module(torch.zeros(1, 1, 1), torch.tensor([[asked.length - 1]]), *layer)  # which a table by length is made at
    prefix = "".join(f"{name}_" for name in layer)
    theta = getattr(module, f"{prefix}inv_freq", None)
    if theta is None:
        raise EngineRefused("has a rotary class that keeps no inv_freq")
    attention = getattr(module, f"{prefix}attention_scaling", 1.0)
    return EngineTable(theta.detach().to(torch.float64).numpy(), float(attention))


def _rotary(config: Any) -> Any:
    """Return the rotary class of a config's own modelling file."""
    module = importlib.import_module(type(config).__module__.replace("configuration_", "modeling_"))
    for name, value in vars(module).items():
        if name.endswith("RotaryEmbedding") and not any(word in name for word in NOT_TEXT):
            return value
    raise EngineRefused("has no rotary class for this model type")
