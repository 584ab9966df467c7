"""Every attention function that transformers' registry hands out, heard by a listener while a model runs.

The configs of the model keep the names of their implementations: classes ask for those names, to choose masks or
sparse keys, and must find the ones they were set to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from threading import Lock
from typing import Any

from rope_theory.models._packages import transformers

_listener: ContextVar[Callable[..., Any] | None] = ContextVar("rope_theory_listener", default=None)
_lock = Lock()
_listening = 0


@dataclass(frozen=True, eq=False)
class Heard:
    """An attention function whose calls go to a listener, which makes them.

    Attributes
    ----------
    name : str
        Of the implementation.
    function : callable
        What the registry has under that name, or what the class attends with where it has none.
    listener : callable
        Called with this object and the arguments of the function.
    """

    name: str
    function: Callable[..., Any]
    listener: Callable[..., Any]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Let the listener make the call."""
        return self.listener(self, *args, **kwargs)


def _heard(function: Any, name: str) -> Any:
    listener = _listener.get()
    return function if listener is None or isinstance(function, Heard) else Heard(name, function, listener)


@contextmanager
def listening(listener: Callable[..., Any]) -> Iterator[None]:
    """Let ``listener`` hear every attention function that this thread takes from a registry inside.

    Two methods of the registry's class are replaced while anybody listens. Outside, and in other threads, they return
    what they always do.
    """
    global _listening
    registry = transformers.AttentionInterface
    with _lock:
        _listening += 1
        if _listening == 1:
            _replace(registry)
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)
        with _lock:
            _listening -= 1
            if _listening == 0:
                _own.close()


_own = ExitStack()
"""Puts back the methods that were replaced."""


def _replace(registry: Any) -> None:
    get_interface, item = registry.get_interface, registry.__getitem__
    for name in ("get_interface", "__getitem__"):
        if name in vars(registry):
            _own.callback(setattr, registry, name, vars(registry)[name])
        else:  # inherited
            _own.callback(delattr, registry, name)
    registry.get_interface = lambda self, name, default: _heard(get_interface(self, name, default), name)
    registry.__getitem__ = lambda self, name: _heard(item(self, name), name)
