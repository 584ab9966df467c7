"""Small configs that go wrong in known ways."""

from rope_theory.doctor import Request


def request(case, length, longest=None, layer_type=None):
    """What is asked of an engine for a config that has a table."""
    return Request(case, layer_type, length, longest or length, case.widths(layer_type))


def llama(maximum=4096, **keys):
    return {
        "model_type": "llama", "hidden_size": 4096, "num_attention_heads": 32, "max_position_embeddings": maximum,
        "rope_theta": 10000.0, **keys,
    }  # fmt: skip


def yarn(factor=8.0, **keys):
    return {"rope_type": "yarn", "factor": factor, **keys}


def longrope(**keys):
    return {"rope_type": "longrope", "short_factor": [1.0] * 64, "long_factor": [4.0] * 64, **keys}


ORIGINAL = "original_max_position_embeddings"
LLAMA_3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
