"""Treatments of far keys, against scores written out pair by pair."""

import numpy as np
import pytest

import rope_theory as rt

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from tiny_models import IDS, build  # noqa: E402

from experiments.far_keys import TREATMENTS, treated  # noqa: E402

WINDOW = 12


@pytest.fixture(scope="module")
def model():
    return build("llama", max_position_embeddings=WINDOW, num_hidden_layers=1)


def first_layer(model, ids, treatment, table):
    """Return what the only attention module gives, from h of every pair."""
    captured = rt.models.capture(model, ids)
    q, k = captured.query[0].double().numpy(), captured.key[0].double().numpy()
    attention = model.model.layers[0].self_attn
    with torch.no_grad():
        states = model.model.layers[0].input_layernorm(model.model.embed_tokens(ids))
        values = attention.v_proj(states).unflatten(-1, (-1, attention.head_dim)).double().numpy()
    heads = []
    for head in range(len(q)):
        keyed = captured.key_head(0, head)
        rows = []
        for m in range(len(ids)):
            h = rt.score_coefficients(q[head, m], k[keyed, : m + 1], pairing="half")
            distance = m - np.arange(m + 1)
            scores = np.array([rt.attention_score(h[n], table, float(distance[n])) for n in range(m + 1)])
            far = distance >= WINDOW
            if treatment == "near":
                scores = np.where(far, rt.attention_score(h, table, WINDOW - 1.0), scores)
            elif treatment == "capped":
                scores = np.where(far, np.minimum(scores, scores[~far].max()), scores)
            weights = np.exp((scores - scores.max()) * attention.scaling) * (1.0 if treatment != "hidden" else ~far)
            rows.append(weights / weights.sum() @ values[: m + 1, keyed])
        heads.append(rows)
    mixed = torch.tensor(np.array(heads)).transpose(0, 1).flatten(1).float()
    with torch.no_grad():
        return attention.o_proj(mixed)


@pytest.mark.parametrize("treatment", TREATMENTS)
def test_far_keys_are_treated_as_written_out(model, treatment):
    ids, table, seen = IDS[:30], rt.from_hf(model.config).frequencies(), []
    hook = model.model.layers[0].self_attn.register_forward_hook(
        lambda module, given, result: seen.append(result[0][0])
    )
    with torch.no_grad(), treated(model, treatment, table):
        model(input_ids=ids[None], use_cache=False)
    hook.remove()
    torch.testing.assert_close(seen[0], first_layer(model, ids, treatment, table), atol=2e-4, rtol=1e-3)


def test_the_model_is_left_as_it_was(model):
    table, before = rt.from_hf(model.config).frequencies(), model.config._attn_implementation
    with torch.no_grad():
        plain = model(input_ids=IDS[None, :30]).logits
        with treated(model, "hidden", table):
            changed = model(input_ids=IDS[None, :30], use_cache=False).logits
        again = model(input_ids=IDS[None, :30]).logits
    assert model.config._attn_implementation == before
    assert torch.equal(plain, again)
    assert not torch.allclose(plain, changed)


def test_unknown_treatments_are_refused(model):
    with pytest.raises(ValueError, match="one of plain, capped, hidden, near"), treated(model, "cut", None):
        pass
