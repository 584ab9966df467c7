"""The same as ``perplexity_speed`` with a vocabulary as large as LLaMA's, where whole logits cost most of the loop."""

from __future__ import annotations

from benchmarks.measure import Measurement
from benchmarks.perplexity_speed import AIM, TOKENS, compared
from experiments import pretrain

VOCABULARY = 32000


def run() -> Measurement:
    import torch
    import transformers

    config = transformers.LlamaConfig.from_pretrained(pretrain.REFERENCE, vocab_size=VOCABULARY)
    torch.manual_seed(0)
    ratio, text = compared(transformers.AutoModelForCausalLM.from_config(config).eval(), 256, 32)
    return Measurement(
        question=f"the same with a vocabulary of {VOCABULARY}, as LLaMA's",
        value=ratio,
        unit="times faster",
        aim=AIM,
        better="above",
        details=f"the reference model's sizes, random weights, {TOKENS} tokens; {text}",
    )
