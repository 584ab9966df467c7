import dataclasses

import numpy as np
import pytest
from hypothesis import given

from rope_theory import RopeConfig, testing
from rope_theory.config import LLAMA_1, LLAMA_2, LLAMA_3


def test_the_whole_head_rotates_unless_said_otherwise():
    config = RopeConfig(head_dim=64)
    assert (config.rotary_dim, config.width, config.pairs) == (64, 64, 32)
    assert (config.base, config.context_length) == (10000.0, 2048)


def test_partial_rotation_counts_rotated_pairs_only():
    config = RopeConfig(head_dim=80, rotary_dim=32)
    assert (config.width, config.pairs) == (32, 16)


def test_fields_are_normalised_so_that_equal_models_compare_equal():
    config = RopeConfig(np.int64(64), base=10000, context_length=4096.0)
    assert config == RopeConfig(64, 1e4, 4096, rotary_dim=64)
    assert hash(config) == hash(RopeConfig(64, 1e4, 4096))
    assert (type(config.head_dim), type(config.base), type(config.context_length)) == (int, float, int)


def test_a_config_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        LLAMA_1.base = 5.0


def test_presets():
    assert (LLAMA_1.head_dim, LLAMA_1.base, LLAMA_1.context_length) == (128, 1e4, 2048)
    assert (LLAMA_2.head_dim, LLAMA_2.base, LLAMA_2.context_length) == (128, 1e4, 4096)
    assert (LLAMA_3.head_dim, LLAMA_3.base, LLAMA_3.context_length) == (128, 5e5, 8192)


def test_to_dict_is_made_of_plain_values():
    assert RopeConfig(8, 100.0, 16, 4).to_dict() == {
        "type": "RopeConfig",
        "head_dim": 8,
        "base": 100.0,
        "context_length": 16,
        "rotary_dim": 4,
    }


@given(config=testing.configs())
def test_to_dict_holds_all_that_makes_the_config(config):
    fields = config.to_dict()
    del fields["type"]
    assert RopeConfig(**fields) == config
    assert 2 * config.pairs == config.width <= config.head_dim
