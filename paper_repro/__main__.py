"""Entry of ``python -m paper_repro``: a stop from the keyboard is answered in words from the first moment on."""

import sys

if __name__ == "__main__":
    try:
        from paper_repro.command import app

        app(prog_name="python -m paper_repro")
    except KeyboardInterrupt:
        print("Stopped. What is finished is kept; run the same command again for the rest.", file=sys.stderr)
        sys.exit(130)
