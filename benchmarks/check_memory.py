"""How much memory does a check hold beyond the model, and does it grow with the offsets or the layers?"""

from __future__ import annotations

import json

from benchmarks.measure import Measurement, in_fresh_process

AIM = 2.0

CODE = """
import json, sys
import torch, transformers
import rope_theory as rt
transformers.logging.set_verbosity_error()
layers, length = map(int, {sizes})
model = transformers.LlamaForCausalLM(transformers.LlamaConfig(
    hidden_size=256, intermediate_size=256, num_hidden_layers=layers, num_attention_heads=32, num_key_value_heads=8,
    head_dim=128, vocab_size=1000, max_position_embeddings=512)).eval()
ids = torch.randint(0, 1000, (256,))
def status(name):
    line = next(line for line in open("/proc/self/status") if line.startswith(name))
    return int(line.split()[1]) / 2**20
rt.models.check(model, ids, pairs=4, length=512)
open("/proc/self/clear_refs", "w").write("5")  # forget the peak so far
before = status("VmRSS")
rt.models.check(model, ids, pairs=4096, length=length)
print(json.dumps(status("VmHWM") - before))
"""


def run() -> Measurement:
    cases = {"1 layer to offset 511": (1, 512), "to 1023": (1, 1024), "2 layers to 511": (2, 512)}
    peaks = {
        name: float(json.loads(in_fresh_process(CODE.format(sizes=sizes)).splitlines()[-1]))
        for name, sizes in cases.items()
    }
    return Measurement(
        question="memory a check holds beyond the model, 32 heads of width 128, 4096 pairs per head, CPU",
        value=max(peaks.values()),
        unit="GiB",
        aim=AIM,
        better="below",
        details="; ".join(f"{name}: {peak:.2f} GiB" for name, peak in peaks.items()),
    )
