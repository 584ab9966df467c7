"""Entry of ``python -m paper_repro``: a stop is answered in words from the first moment on."""

import os
import signal
import sys
from types import FrameType


def _stop(number: int, frame: FrameType | None) -> None:
    # Leaves at once: an exception could be swallowed by a callback it lands in, and nothing needs tidying up, since
    # workers end with this process, and files are renamed into place when they are whole.
    cursor = "\x1b[?25h" if sys.stderr.isatty() else ""  # the progress bar hides it
    message = f"{cursor}\nStopped. What is finished is kept; run the same command again for the rest.\n"
    os.write(sys.stderr.fileno(), message.encode())
    os._exit(128 + number)


if __name__ == "__main__":
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before numpy and torch load: idle threads sleep
    # the tracker of resources removes what ended workers leave, and would warn that there was something to remove
    os.environ.setdefault("PYTHONWARNINGS", "ignore:resource_tracker:UserWarning")
    signal.signal(signal.SIGINT, _stop)
    signal.signal(signal.SIGTERM, _stop)
    from paper_repro.command import app

    app(prog_name="python -m paper_repro")
