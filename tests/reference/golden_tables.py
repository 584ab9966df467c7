"""Write tests/reference/golden_tables.json: `python tests/reference/golden_tables.py`, with fifty digits.

The formulas stand here once more, in mpmath, apart from those of the package; which numbers enter them, and which class
has which defaults, is read by ``from_hf`` and held against transformers by the tests.
"""

import json
from pathlib import Path

import mpmath as mp

from rope_theory import from_hf
from rope_theory.scaling.huggingface.facts import FACTS
from rope_theory.scaling.huggingface.reading import layer_types
from tests.reference.golden import FILE

CONFIGS = Path(__file__).with_name("configs")
WIDTHS = {"hidden_size": 640, "num_attention_heads": 8, "max_position_embeddings": 8192}
mp.mp.dps = 50


def unscaled(config):
    return [mp.mpf(config.base) ** (-mp.mpf(2 * j) / config.width) for j in range(config.width // 2)]


def linear(config, scaling, length):
    return [w / mp.mpf(scaling.factor) for w in unscaled(config)], mp.mpf(1)


def yarn(config, scaling, length):
    d, b, s, window = config.width, mp.mpf(config.base), mp.mpf(scaling.factor), config.context_length
    low, high = (
        d * mp.log(window / (2 * mp.pi * mp.mpf(r))) / (2 * mp.log(b)) for r in (scaling.beta_fast, scaling.beta_slow)
    )
    if scaling.truncate:
        low, high = mp.floor(low), mp.ceil(high)
    low, high = max(low, 0), min(high, d - 1)
    high = high + mp.mpf("0.001") if low == high else high
    theta = []
    for j, w in enumerate(unscaled(config)):
        g = min(max((j - low) / (high - low), 0), 1)
        theta.append(w * (1 - g) + w / s * g)
    given = scaling.attention_factor
    return theta, mp.mpf(given) if given is not None else 1 + mp.log(s) / 10 if s > 1 else mp.mpf(1)


def llama3(config, scaling, length):
    window, s, low, high = config.context_length, scaling.factor, scaling.low_freq_factor, scaling.high_freq_factor
    theta = []
    for w in unscaled(config):
        turns = window * w / (2 * mp.pi)
        kept = min(max((turns - low) / (mp.mpf(high) - low), 0), 1)
        theta.append((1 - kept) * w / s + kept * w)
    return theta, mp.mpf(1)


def longrope(config, scaling, length):
    window, given, s = config.context_length, scaling.attention_factor, scaling.factor
    divisors = scaling.long_factor if length > window else scaling.short_factor
    own = mp.sqrt(1 + mp.log(s) / mp.log(window)) if s is not None and s > 1 else mp.mpf(1)
    return [w / mp.mpf(e) for w, e in zip(unscaled(config), divisors, strict=True)], own if given is None else mp.mpf(
        given
    )


def proportional(config, scaling, length):
    turning = int(scaling.partial_rotary_factor * config.head_dim) // 2
    theta = [w / mp.mpf(scaling.factor) if j < turning else mp.mpf(0) for j, w in enumerate(unscaled(config))]
    return theta, mp.mpf(1)


FORMULAS = {
    "Unscaled": lambda config, scaling, length: (unscaled(config), mp.mpf(1)),
    "PositionInterpolation": linear, "YaRN": yarn, "Llama3": llama3, "LongRoPE": longrope, "Proportional": proportional,
}  # fmt: skip


def rows():
    named = [(path.stem, json.loads(path.read_text(encoding="utf-8"))) for path in sorted(CONFIGS.glob("*.json"))]
    named += [(kind, {"model_type": kind, **WIDTHS}) for kind in FACTS]
    for name, config in named:
        for layer_type in layer_types(config):
            found = from_hf(config, layer_type=layer_type)
            longest = config["max_position_embeddings"]
            for length in sorted({found.config.context_length, max(longest, found.config.context_length)}):
                theta, attention = FORMULAS[found.scaling.name](found.config, found.scaling, length)
                yield {
                    "name": name, "config": {key: value for key, value in config.items() if key[0] != "_"},
                    "layer_type": layer_type, "length": length, "theta": [float(value) for value in theta],
                    "attention_factor": float(attention),
                }  # fmt: skip


def text():
    lines = ",\n".join(json.dumps(row) for row in rows())
    return (
        f'{{"source": "tests/reference/golden_tables.py, mpmath with {mp.mp.dps} digits", "tables": [\n{lines}\n]}}\n'
    )


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
