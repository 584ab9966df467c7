"""How much memory does the perplexity of one window of 32768 tokens take beyond the model?"""

from __future__ import annotations

import json

from benchmarks.measure import Measurement, in_fresh_process

TOKENS, VOCABULARY, AIM = 32768, 32000, 1.5

CODE = f"""
import json
import torch, transformers
from rope_theory.models import perplexity
transformers.logging.set_verbosity_error()
model = transformers.LlamaForCausalLM(transformers.LlamaConfig(
    hidden_size=256, intermediate_size=704, num_hidden_layers=2, num_attention_heads=4, vocab_size={VOCABULARY},
    max_position_embeddings={TOKENS})).eval()
ids = torch.randint(0, {VOCABULARY}, ({TOKENS},))
def status(name):
    line = next(line for line in open("/proc/self/status") if line.startswith(name))
    return int(line.split()[1]) / 2**20
perplexity(model, ids[:512], window=512)
open("/proc/self/clear_refs", "w").write("5")  # forget the peak so far
before = status("VmRSS")
found = perplexity(model, ids, window={TOKENS})
assert found.tokens == {TOKENS} - 1
print(json.dumps(status("VmHWM") - before))
"""


def run() -> Measurement:
    peak = float(json.loads(in_fresh_process(CODE).splitlines()[-1]))
    whole = TOKENS * VOCABULARY * 4 / 2**30
    return Measurement(
        question=f"memory of the perplexity of one window of {TOKENS} tokens, vocabulary {VOCABULARY}, CPU",
        value=peak,
        unit="GiB",
        aim=AIM,
        better="below",
        details=f"the logits alone, held whole, are {whole:.2f} GiB; hidden width 256, 2 layers",
    )
