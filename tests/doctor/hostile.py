"""Configs that nobody should write: the keys, values and shapes that the doctor must answer all the same."""

import collections
import types

import numpy as np
from hypothesis import strategies as st

LLAMA = {"model_type": "llama", "hidden_size": 4096, "num_attention_heads": 32, "max_position_embeddings": 4096}


class Raising(collections.abc.Mapping):
    """A mapping whose items cannot be read."""

    def __getitem__(self, key):
        raise RuntimeError("no")

    def __iter__(self):
        return iter(["rope_theta"])

    def __len__(self):
        return 1


class Endless(Raising):
    """A mapping whose items never end."""

    def items(self):
        return ((f"key {number}", number) for number in iter(int, 1))


class Unprintable:
    """A value whose repr raises."""

    def __repr__(self):
        raise RuntimeError("no")


def nested(levels):
    config = inner = {}
    for _ in range(levels):
        inner["rope_scaling"] = inner = {}
    return config


def of_itself():
    config = dict(LLAMA)
    config["a"] = config["rope_scaling"] = config
    return config


def shared(levels=40):
    """Lists that share their parts: few objects, 10^levels values."""
    value = [1]
    for _ in range(levels):
        value = [value] * 10
    return value


def several_wide_tables(count, head_dim):
    tables = {
        f"layers_{number}": {"rope_type": "yarn", "factor": 8.0, "rope_theta": 1e4 + number} for number in range(count)
    }
    return {**LLAMA, "model_type": "unheard_of", "head_dim": head_dim, "rope_parameters": tables}  # fmt: skip


MANY = {f"key {number}": number for number in range(100_000)}
NUMBERS = [
    0, -1, 1, 2, 3, 64, 127, 512, 1024, 4096, 500_000, 2**40, 10**18, 2**53, 2**53 + 1, 10**400, -(10**400), 10**5000,
    1e308, -1e308, 5e-324, float("nan"), float("inf"), -float("inf"), True, False, 0.5, -10000.0, 1.0, 1.0000001, 1e100,
    1e-9, np.float32(3), np.int64(64), np.float64("nan"),
]  # fmt: skip
VALUES = [
    *NUMBERS, "", "10000", "yarn", "linear", "default", "llama3", "longrope", "dynamic", "proportional", "mrope", b"x",
    None, [], {}, [1], ["a"], (1, 2), {1: 2, "a": 3}, {None: 1}, {(1, 2): 3}, {"rope_type": ["yarn"]},
    {"rope_type": {}},
    {"full_attention": {"rope_type": "yarn", "factor": 2.0}}, {"full_attention": None}, {"full_attention": 3.0},
    [1.0] * 64, [1.0] * 10**6, list(range(64)), nested(5000), of_itself(), shared(), Raising(), Endless(),
    Unprintable(),
    object(), 1j, set(), np.ones(3), np.ones((0, 3)), range(3), {b"rope_type": "yarn"}, 2**100000,
    types.MappingProxyType({"rope_type": "yarn", "factor": 4.0}), {"rope_type": "yarn", "factor": 8.0, 1: 2, None: 3},
    {"rope_type": "linear", "factor": 8.0, "a": 1, 2: 3, (1,): 4, frozenset(): 5},
]  # fmt: skip
ODD_KEYS = [1, None, (1, 2), b"rope_theta", 2.5, True, float("nan"), frozenset(), np.int64(3)]
values = st.sampled_from(VALUES)
odd_keys = st.sampled_from(ODD_KEYS)
wrappers = st.sampled_from([dict, types.MappingProxyType, collections.OrderedDict, collections.ChainMap])

WORST = {
    "a negative base": {**LLAMA, "rope_theta": -1e4},
    "a negative base at top level": {
        **LLAMA, "rope_theta": -1e4, "rope_parameters": {"rope_type": "yarn", "factor": 8.0, "rope_theta": 1e4},
    },
    "a base of 10**5000": {**LLAMA, "rope_theta": 10**5000},
    "a hidden size for a head": {**LLAMA, "head_dim": 4096},
    "a head of 500000": {**LLAMA, "head_dim": 500_000},
    "a head of 2**40": {**LLAMA, "head_dim": 2**40},
    "the widest head": {**LLAMA, "head_dim": 1024, "rope_scaling": {"rope_type": "yarn", "factor": 8.0}},
    "several wide tables": several_wide_tables(3, 1024),
    "several tables": several_wide_tables(3, 256),
    "too many tables": several_wide_tables(500, 128),
    "a window of 10**18": {**LLAMA, "max_position_embeddings": 10**18},
    "sums of cosines that stay positive": {**LLAMA, "max_position_embeddings": 10**15, "rope_theta": 1e99},
    "a million divisors": {
        **LLAMA, "rope_scaling": {"rope_type": "longrope", "short_factor": [1.0] * 10**6, "long_factor": [2.0] * 10**6},
    },
    "50,000 divisors": {
        **LLAMA,
        "rope_scaling": {"rope_type": "longrope", "short_factor": [1.0] * 50_000, "long_factor": [2.0] * 50_000},
    },
    "100,000 keys of RoPE": {**LLAMA, "rope_scaling": {"rope_type": "linear", "factor": 2.0, **MANY}},
    "1000 keys of RoPE": {
        **LLAMA, "rope_scaling": {"rope_type": "linear", "factor": 2.0, **dict(list(MANY.items())[:1000])},
    },
    "100,000 keys": {**LLAMA, "rope_theta": 1e4, **MANY},
    "100,000 keys that are no strings": {**LLAMA, "rope_theta": 1e4, **dict.fromkeys(range(100000), 1)},
    "keys that are not strings": {**LLAMA, **dict.fromkeys(ODD_KEYS, 1)},
    "a list for a model type": {**LLAMA, "model_type": ["llama"]},
    "a dictionary for a rope type": {**LLAMA, "rope_scaling": {"rope_type": {}, "factor": 2.0}},
    "a list for an original window": {
        **LLAMA, "model_type": "olmo3",
        "rope_parameters": {"full_attention": {"rope_type": "default", "original_max_position_embeddings": [1]}},
    },
    "a config in itself": of_itself(),
    "10**40 values": {**LLAMA, "x": shared()},
    "5000 levels": nested(5000),
    "a mapping that raises": Raising(),
    "a mapping without end": {**LLAMA, "rope_scaling": Endless()},
    "a value without repr": {**LLAMA, "rope_theta": Unprintable()},
    "a read-only mapping": types.MappingProxyType({**LLAMA, "rope_theta": 1e4}),
    "nothing": {},
}  # fmt: skip
