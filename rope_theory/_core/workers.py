"""Worker processes that end when the process that started them does, however that ends."""

from __future__ import annotations

import functools
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from rope_theory._core.optional import load
from rope_theory._core.progress import closing

PATIENCE = 0.25
"""Seconds between two looks at whether the parent still lives."""

_watching = False


def in_workers(
    function: Callable[..., Any], tasks: Iterable[tuple[Any, ...]], *, ordered: bool = True
) -> Iterator[Any]:
    """Yield ``function(*task)`` of every task, computed by worker processes that end when this one does.

    They are those that joblib was told to use, by default one per core and with one thread each. A worker that fails,
    or a caller that stops taking results, dismisses them.

    Parameters
    ----------
    function : callable
        A function of a module, so that it travels to a worker.
    tasks : iterable of tuple
        Its arguments.
    ordered : bool
        Whether results come in the order of the tasks; otherwise as they are finished.

    Yields
    ------
    object
        What ``function`` returns.
    """
    joblib = load("joblib", "certify")
    backend, _ = joblib.parallel.get_active_backend()
    if not getattr(backend, "supports_return_generator", False):
        shape = "list"
    else:
        shape = "generator" if ordered else "generator_unordered"
    calls = (joblib.delayed(tied(function))(*task) for task in tasks)
    with closing(joblib.Parallel(n_jobs=_configured(joblib), return_as=shape)(calls)) as results:
        # "yield from" would close the results before ``closing`` silences them
        for result in results:  # noqa: UP028
            yield result


def worker_count() -> int:
    """Return how many workers ``in_workers`` has."""
    joblib = load("joblib", "certify")
    count: int = joblib.effective_n_jobs(_configured(joblib))
    return max(1, count)


def _configured(joblib: Any) -> int:
    configured: int | None = joblib.parallel.get_active_backend()[1]
    return -1 if configured is None else configured


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
