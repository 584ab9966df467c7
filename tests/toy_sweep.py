"""A sweep of four small chunks, which keeps count of its computations; workers load nothing else of the tests."""

from pathlib import Path

from experiments.sweeps import Sweep


def chunks(inputs):
    return [{"n": n, "log": inputs["log"]} for n in range(inputs["count"])]


def compute(chunk):
    with Path(chunk["log"]).open("a") as log:
        log.write(f"{chunk['n']}\n")
    return {"n": [chunk["n"]] * 2, "value": [chunk["n"] / 3, -1.0], "name": ["third", "minus one"]}


def thirds(folder):
    """Return the sweep, and the file with a line for each computed chunk."""
    log = folder / "computed.txt"
    return Sweep("thirds", "tables", "thirds of n", {"count": 4, "log": str(log)}, chunks, compute), log
