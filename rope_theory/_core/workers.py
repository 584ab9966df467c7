"""Worker processes that end when the process that started them does, however that ends."""

from __future__ import annotations

import functools
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

PATIENCE = 0.25
"""Seconds between two looks at whether the parent still lives."""

_watching = False


def tied(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``function`` for a worker to call, which then ends with this process; elsewhere it is ``function`` alone.

    loky's workers compute on after their parent was killed, until their task and then their idle time is over.
    """
    return functools.partial(_run, os.getpid(), function)


def _run(parent: int, function: Callable[..., Any], *arguments: Any) -> Any:
    global _watching
    if not _watching and os.getppid() == parent:  # a process of its own, not a thread and not another machine
        _watching = True
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes: the parent answers it
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    return function(*arguments)


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(PATIENCE)
    os._exit(1)
