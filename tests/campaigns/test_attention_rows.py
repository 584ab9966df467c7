"""Random masks, options and functions: rows equal those of transformers' own functions, and every other one is seen."""

import math
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from tiny_models import FAMILIES, IDS, build  # noqa: E402
from transformers.integrations.sdpa_attention import sdpa_attention_forward  # noqa: E402
from transformers.models.gemma2.modeling_gemma2 import eager_attention_forward as capped  # noqa: E402
from transformers.models.gpt_oss.modeling_gpt_oss import eager_attention_forward as beside_sinks  # noqa: E402
from transformers.models.llama.modeling_llama import eager_attention_forward as plain  # noqa: E402

from rope_theory.models import _attention_rows, _masks, _recording  # noqa: E402

pytestmark = pytest.mark.slow
DRAWS = 10_000
MODELS = 400


class Module(torch.nn.Module):
    """What an attention function reads of its module."""

    def __init__(self, groups, head_dim, causal, sinks=None):
        super().__init__()
        self.num_key_value_groups, self.head_dim, self.is_causal, self.sinks = groups, head_dim, causal, sinks
        self.eval()


def drawn_mask(rng, tokens):
    """Return which keys are seen, (T, T) of bool with a key in every row: of a kind that models have, or any."""
    distance = np.arange(tokens)[:, None] - np.arange(tokens)
    width, chunk = int(rng.integers(1, tokens + 1)), np.arange(tokens) // int(rng.integers(1, tokens + 1))
    causal = distance >= 0
    kinds = [
        causal,
        np.ones_like(causal),
        causal & (distance < width),
        abs(distance) < width,
        causal & (chunk[:, None] == chunk),
        causal | (chunk[:, None] == chunk),
        causal & ((distance < width) | (np.arange(tokens) < 2)),  # the first tokens are kept
        rng.random((tokens, tokens)) < 0.5,
    ]
    return torch.tensor(kinds[rng.integers(len(kinds))] | np.eye(tokens, dtype=bool))


def drawn(rng):
    """Return a module, a function, arguments, and the name of the implementation."""
    tokens, groups, keys, width = (int(rng.integers(*ends)) for ends in ((2, 40), (1, 4), (1, 4), (2, 33)))
    dtype = (torch.float32, torch.float64)[rng.integers(2)]
    generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
    shapes = ((groups * keys, width), (keys, width), (keys, width))
    size = float(10 ** rng.uniform(-1, 0.7))
    tensors = [size * torch.randn(1, heads, tokens, d, generator=generator, dtype=dtype) for heads, d in shapes]
    seen, scaling, causal = drawn_mask(rng, tokens), float(width**-0.5 * rng.uniform(0.5, 2)), bool(rng.integers(2))
    kind = ("sdpa", "sdpa without mask", "eager", "capped", "sinks", "bias in mask", "bias")[rng.integers(7)]
    added = torch.zeros(seen.shape, dtype=dtype).masked_fill(~seen, torch.finfo(dtype).min)[None, None]
    biases = torch.randn(1, groups * keys, tokens, tokens, generator=generator, dtype=dtype)
    sinks = torch.randn(groups * keys, generator=generator, dtype=dtype) if kind == "sinks" else None
    function, mask, more = {
        "sdpa": (sdpa_attention_forward, seen[None, None], {}),
        "sdpa without mask": (sdpa_attention_forward, None, {"is_causal": (None, causal)[rng.integers(2)]}),
        "eager": (plain, added, {}),
        "capped": (capped, added, {"softcap": float(rng.uniform(0.5, 30))}),
        "sinks": (beside_sinks, added, {"s_aux": sinks}),
        "bias in mask": (plain, torch.where(seen, biases, added), {}),
        "bias": (sdpa_attention_forward, seen[None, None], {"position_bias": biases}),
    }[kind]
    options = {"scaling": scaling, "dropout": 0.0, **more}
    module = Module(groups, width, causal, sinks)
    return module, function, tensors, mask, options, "sdpa" if function is sdpa_attention_forward else "eager", seen


def attended_of(module, function, tensors, mask, options, name):
    with torch.no_grad():
        output, weights = function(module, *tensors, mask, **options)
    query, key, value = (x[0] for x in tensors)
    return _masks.Attended(query, key, value, mask, options, module.is_causal, name, output[0]), weights


def rows(attended):
    """Return the weights of every row, (heads, T, T), checked against the output."""
    tokens, group = attended.query.shape[1], attended.query.shape[0] // attended.key.shape[0]
    places, found = torch.arange(tokens), []
    for number in range(attended.key.shape[0]):
        heads = slice(number * group, (number + 1) * group)
        seen = _masks.seen_by(attended, heads, places, tokens)
        one = _attention_rows._given_rows(attended, heads, number, places, seen)
        _attention_rows._refuse_other_output(attended, one, heads, number, places)
        found.append(one.weights)
    return torch.cat(found)


def test_random_masks_and_options(capsys):
    """Every one is rebuilt; with another key seen or hidden, or another option, every one that matters is refused."""
    rng, compared, altered, harmless = np.random.default_rng(7), 0, 0, 0
    for _ in range(DRAWS):
        module, function, tensors, mask, options, name, seen = drawn(rng)
        attended, weights = attended_of(module, function, tensors, mask, options, name)
        found = rows(attended)
        if weights is not None:
            np.testing.assert_allclose(found, weights[0].double(), atol=1e-5)
        if mask is not None:
            hidden, _ = _masks.seen_by(attended, slice(0, 1), torch.arange(len(seen)), len(seen))
            assert torch.equal(~hidden[0], seen)
        compared += found.shape[0] * found.shape[1]
        other = altered_of(rng, attended, seen)
        try:
            rows(other)
        except _masks.RowsRefused:
            altered += 1
        else:
            harmless += 1
            outputs = _weights(other) @ attended.value.repeat_interleave(module.num_key_value_groups, 0).double()
            error = (outputs.transpose(0, 1) - attended.output.double()).abs().max() / attended.value.abs().max()
            assert error < 2e-3
    with capsys.disabled():
        print(f"\n{DRAWS} draws, {compared} rows rebuilt, 0 differences")
        print(f"altered: {altered} refused, {harmless} harmless")
    assert altered > 0.7 * DRAWS


def altered_of(rng, attended, seen):
    """Return the same outputs with a mask or an option that did not make them."""
    tokens = len(seen)
    kind = rng.integers(3)
    if kind == 0:
        return replace(attended, options={**attended.options, "scaling": 1.5 * attended.options["scaling"]})
    if kind == 1:
        return replace(attended, options={**attended.options, "softcap": 0.3, "s_aux": None})
    flipped = seen.clone()
    flipped[tokens // 2 :, 0] = ~flipped[tokens // 2 :, 0]
    flipped |= torch.eye(tokens, dtype=torch.bool)
    return replace(attended, mask=flipped[None, None])


def _weights(attended):
    """Return the weights without a comparison."""
    tokens, group = attended.query.shape[1], attended.query.shape[0] // attended.key.shape[0]
    parts = []
    for number in range(attended.key.shape[0]):
        heads = slice(number * group, (number + 1) * group)
        seen = _masks.seen_by(attended, heads, torch.arange(tokens), tokens)
        parts.append(_attention_rows._given_rows(attended, heads, number, torch.arange(tokens), seen).weights)
    return torch.cat(parts)


def test_random_models(capsys):
    """Families under random windows, caps, directions, lengths and dtypes, against output_attentions."""
    rng, compared = np.random.default_rng(11), 0
    kinds = [*FAMILIES, "cohere2", "gemma", "llama4_text"]
    for _ in range(MODELS):
        kind, tokens = kinds[rng.integers(len(kinds))], int(rng.integers(2, 90))
        keys = {"max_position_embeddings": 96, "sliding_window": int(rng.integers(1, 90))}
        keys |= {"num_attention_heads": 4, "num_key_value_heads": (1, 2, 4)[rng.integers(3)]}
        if kind == "gpt_neox":
            keys["num_key_value_heads"] = None
        if kind == "gemma2":
            keys["attn_logit_softcapping"] = float(rng.uniform(0.5, 60))
        if kind.startswith("gemma"):
            keys["use_bidirectional_attention"] = bool(rng.integers(2))
        if kind == "llama4_text":
            keys |= {"head_dim": 16, "num_local_experts": 2, "intermediate_size_mlp": 32, "no_rope_layers": [1, 1]}
            keys["attention_chunk_size"] = int(rng.integers(1, 90))
        model = build(kind, (torch.float32, torch.float64)[rng.integers(2)], **keys)
        model.set_attn_implementation("eager")
        places, seen = torch.arange(tokens), {}
        _recording.visit(
            model,
            IDS[:tokens],
            lambda one: seen.update({one.layer: rows(one.attended)}),  # noqa: B023
        )
        with torch.no_grad():
            own = model(input_ids=IDS[None, :tokens], output_attentions=True, use_cache=False).attentions
        for layer, found in seen.items():
            np.testing.assert_allclose(found, own[layer][0][..., :tokens].double(), atol=1e-5, err_msg=f"{kind} {keys}")
            entropy = torch.special.entr(found).sum(-1)
            assert float(entropy.max()) <= math.log(tokens) + 1e-9
            compared += found.shape[0] * len(places)
    with capsys.disabled():
        print(f"\n{MODELS} models, {compared} rows compared, 0 differences")
