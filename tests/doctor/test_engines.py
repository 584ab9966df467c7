"""What engines make of one config: measured numbers, and the rules they were measured from."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from rope_theory.doctor import ENGINES, diagnose
from rope_theory.doctor.case import opened
from rope_theory.errors import EngineRefused
from tests.doctor.configs import LLAMA_3, ORIGINAL, llama, longrope, request, yarn

CONFIGS = Path(__file__).parents[1] / "reference" / "configs"
V5, V4, VLLM, LITGPT, HOOKED, NATIVE = ENGINES


def table(engine, config, length=None, longest=None, layer_type=None):
    case = opened(config)
    window = case.readings[layer_type].config.context_length
    return engine.table(request(case, length or window, longest or length or window, layer_type))


def divisors(engine, config, pairs):
    return [round(1e4 ** (-2 * pair / 128) / table(engine, config).theta[pair], 2) for pair in pairs]


S1 = llama(32768, rope_scaling=yarn(**{ORIGINAL: 4096}))


@pytest.mark.parametrize("engine", [V5, V4, VLLM, HOOKED])
def test_yarn_keeps_fast_pairs(engine):
    assert divisors(engine, S1, (0, 30, 40, 63)) == [1.0, 1.51, 3.06, 8.0]


def test_litgpt_turns_the_ramp_of_yarn_round():
    assert divisors(LITGPT, S1, (0, 30, 40, 63)) == [8.0, 2.17, 1.25, 1.0]


@pytest.mark.parametrize(
    ("engine", "factor"), [(V5, 1.2079), (V4, 1.2079), (VLLM, 1.2079), (LITGPT, 1.0), (HOOKED, 1.0)]
)
def test_attention_factor_without_a_key(engine, factor):
    assert table(engine, S1).attention_factor == pytest.approx(factor, abs=5e-5)


@pytest.mark.parametrize(("head_dim", "highest"), [(64, 34.5), (128, 69.1)])
def test_cap_of_the_ramp_matters_where_the_raw_end_lies_beyond_the_last_pair(head_dim, highest):
    assert head_dim * math.log(131072 / (2 * math.pi)) / (2 * math.log(1e4)) == pytest.approx(highest, abs=0.06)
    config = llama(4 * 131072, head_dim=head_dim, rope_scaling=yarn(4.0, **{ORIGINAL: 131072}))
    here, there = table(VLLM, config).theta, table(LITGPT, config).theta

    unscaled = 1e4 ** (-(head_dim - 2) / head_dim)
    assert unscaled / here[-1] < 3.99
    assert unscaled / there[-1] == pytest.approx(1.0)


def test_dynamic_is_four_different_things():
    config, base = llama(rope_scaling={"rope_type": "dynamic", "factor": 4.0}), 1e4 ** (-126 / 128)
    grown = (4.0 * 2.0 - 3.0) ** (128 / 126)
    assert table(V5, config, 8192).theta[-1] == pytest.approx((1e4 * grown) ** (-126 / 128))
    assert table(V4, config, 8192).theta[-1] == pytest.approx((1e4 * grown) ** (-126 / 128))
    assert table(V5, config, 4096).theta[-1] == pytest.approx(base)
    assert table(VLLM, config, 8192).theta[-1] == pytest.approx(base)
    assert table(NATIVE, config, 4096).theta[-1] == pytest.approx(base / 4.0)
    assert table(LITGPT, config, 4096).theta[0] == 0.25
    assert table(HOOKED, config, 8192).theta[-1] == pytest.approx(base)
    trained = llama(16384, rope_scaling={"rope_type": "dynamic", "factor": 4.0, "max_trained_positions": 4096})
    assert table(VLLM, trained).theta[-1] == pytest.approx((1e4 * 13.0 ** (128 / 126)) ** (-126 / 128))


def test_vllm_chooses_the_list_of_longrope_once():
    config = llama(16384, rope_scaling=longrope(**{ORIGINAL: 4096}))
    assert table(V5, config, 4096).theta[0] == 1.0
    assert table(V5, config, 4097).theta[0] == 0.25
    assert table(VLLM, config, 4096, longest=4096).theta[0] == 1.0
    assert table(VLLM, config, 100, longest=16384).theta[0] == 0.25
    assert table(VLLM, config).attention_factor == pytest.approx(math.sqrt(1 + math.log(4) / math.log(4096)))
    assert table(LITGPT, config).theta[0] == 1.0


def test_an_engine_refuses_what_it_cannot_compute():
    case = opened(llama(16384, rope_scaling=yarn(**{ORIGINAL: 4096})))
    with pytest.raises(EngineRefused, match="NotImplementedError for type 'yarn'"):
        NATIVE.table(request(case, 4096))
    proportional = opened(llama(rope_parameters={"rope_type": "proportional", "rope_theta": 1e4}))
    assert VLLM.table(request(proportional, 4096)).theta.shape == (64,)
    legacy = opened(llama(rope_scaling={"rope_type": "proportional"}))
    with pytest.raises(EngineRefused, match="no rope type 'proportional'"):
        V4.table(request(legacy, 4096))


def test_a_share_of_the_head_is_honoured_by_all_but_transformers_5():
    config = llama(partial_rotary_factor=0.5)
    assert [len(table(engine, config).theta) for engine in ENGINES] == [64, 32, 32, 32, 32, 32]


def test_transformers_4_knows_no_rope_parameters():
    config = llama(131072, rope_parameters={**LLAMA_3, ORIGINAL: 8192, "rope_theta": 5e5})
    del config["rope_theta"]
    assert table(V4, config).theta[1] == 1e4 ** (-2 / 128)
    assert table(V5, config).theta[1] == 5e5 ** (-2 / 128)
    assert "rope_parameters" in table(V4, config).note


def test_a_type_that_transformers_refuses_still_has_a_table_in_vllm():
    config = llama(rope_scaling={"rope_type": "ntk", "factor": 4.0})
    rows = {row.engine: row for row in diagnose(config).conformance.rows}
    assert rows["transformers 5.23"].outcome == rows["transformers 4.57"].outcome == "refused"
    assert rows["vLLM 0.33"].outcome == "table"
    theta = VLLM.table(request(opened(config), 4096)).theta
    assert theta[0] == pytest.approx(4.0 ** (-2 / 128))  # not a larger base, which keeps the first pair
    assert theta[-1] == pytest.approx(1e4 ** (-126 / 128) / 4.0)


def test_latent_attention_in_vllm_reads_one_mscale():
    config = {
        "model_type": "deepseek_v3", "hidden_size": 7168, "num_attention_heads": 128, "max_position_embeddings": 163840,
        "rope_scaling": yarn(40.0, mscale=0.707, **{ORIGINAL: 4096}),
    }  # fmt: skip
    assert table(VLLM, config).attention_factor == pytest.approx(1 + 0.0707 * math.log(40))
    assert table(V5, config).attention_factor == pytest.approx(1 + 0.1 * math.log(40))


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.json")), ids=lambda path: path.stem)
def test_tables_of_every_engine_are_finite_and_positive(path):
    for row in diagnose(path).conformance.rows:
        assert row.outcome == "refused" or (row.pairs > 0 and row.theta_difference is not None)


def test_the_matrix_is_symmetric_in_what_it_can_be():
    found = diagnose(S1).conformance.matrices[0]
    assert np.array_equal(np.isnan(found.theta), np.isnan(found.theta.T))
    assert np.all(np.diag(found.theta)[~np.isnan(np.diag(found.theta))] == 0.0)
    row = next(row for row in found.rows if (row.engine, row.other) == ("vLLM 0.33", "litgpt 0.5.13"))
    assert row.theta == pytest.approx(7.0)
    assert json.dumps(found.to_dict())
