"""What does the capture of queries and keys add to a forward pass: time, and memory beyond what is captured?"""

from __future__ import annotations

import json

from benchmarks.measure import Measurement, in_fresh_process

TOKENS, ROUNDS, TIME_AIM, MEMORY_AIM = 4096, 7, 1.15, 1.25

CODE = f"""
import json, statistics, time
import torch, transformers
from rope_theory.models import capture
transformers.logging.set_verbosity_error()
torch.manual_seed(0)
model = transformers.LlamaForCausalLM(transformers.LlamaConfig(
    hidden_size=512, intermediate_size=1376, num_hidden_layers=6, num_attention_heads=8, num_key_value_heads=4,
    vocab_size=1000, max_position_embeddings={TOKENS})).eval()
ids = torch.randint(0, 1000, (1, {TOKENS}))
def bare():
    with torch.no_grad():
        model.model(input_ids=ids, use_cache=False)
def ours():
    global kept
    kept = None
    kept = capture(model, ids)
def timed(call):
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
def status(name):
    line = next(line for line in open("/proc/self/status") if line.startswith(name))
    return int(line.split()[1]) / 1024
def peak(call):
    open("/proc/self/clear_refs", "w").write("5")  # forget the peak so far
    before = status("VmRSS")
    call()
    return status("VmHWM") - before
if {{peak_of}} is not None:  # in a process of its own, where every freed tensor goes back to the system at once
    import ctypes
    ctypes.CDLL(None).mallopt(-3, 1 << 16)
    short, ids = ids, ids[:, :64]
    bare(), ours()
    ids = short
    print(json.dumps(peak({{peak_of}})))
    raise SystemExit
bare(), ours()
tensors = [*kept.query.values(), *kept.key.values(), *kept.phasors.values()]
size = sum(x.numel() * x.element_size() for x in tensors) / 2**20
rounds = [(timed(bare), timed(ours)) for _ in range({ROUNDS})]
print(json.dumps({{{{
    "ratio": statistics.median(own / plain for plain, own in rounds),
    "plain": statistics.median(plain for plain, _ in rounds), "own": statistics.median(own for _, own in rounds),
    "captured": size,
}}}}))
"""


def run() -> Measurement:
    found, bare, own = (
        json.loads(in_fresh_process(CODE.format(peak_of=peak_of)).splitlines()[-1])
        for peak_of in ("None", "bare", "ours")
    )
    memory = (own - found["captured"]) / bare
    return Measurement(
        question=f"capture in a forward pass of {TOKENS} tokens, against the bare SDPA forward",
        value=found["ratio"],
        unit="times",
        aim=TIME_AIM,
        better="below",
        details=f"{found['own']:.2f} s against {found['plain']:.2f} s, 6 layers of 8 heads; peak memory without the "
        f"{found['captured']:.0f} MiB captured {memory:.2f} times (≤ {MEMORY_AIM:g}) {bare:.0f} MiB",
    )
