"""What recommended configs keep: whatever else the class reads from its RoPE dictionary.

Reference: the softmax scale of the executed attention modules of transformers.
"""

import pytest

import rope_theory as rt

MSCALE = {"mscale": 1.0, "mscale_all_dim": 1.0}
YARN_40 = {"rope_type": "yarn", "factor": 40.0, "original_max_position_embeddings": 4096, **MSCALE}
SMALL = {
    "hidden_size": 64, "intermediate_size": 32, "moe_intermediate_size": 16, "num_hidden_layers": 1,
    "num_attention_heads": 4, "num_key_value_heads": 4, "vocab_size": 99, "max_position_embeddings": 163840,
    "q_lora_rank": 16, "kv_lora_rank": 16, "qk_rope_head_dim": 16, "qk_nope_head_dim": 16, "v_head_dim": 16,
    "first_k_dense_replace": 1, "n_routed_experts": 4, "num_experts_per_tok": 1, "n_group": 1, "topk_group": 1,
    "rope_theta": 10000.0,
}  # fmt: skip


def softmax_scale(config):
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    made = transformers.CONFIG_MAPPING[config["model_type"]](
        **{key: value for key, value in config.items() if key != "model_type"}
    )
    with torch.device("meta"):
        model = transformers.AutoModel.from_config(made)
    return next(module.scaling for module in model.modules() if hasattr(module, "kv_a_proj_with_mqa"))


@pytest.mark.parametrize("kind", ["deepseek_v2", "deepseek_v3"])
@pytest.mark.parametrize("place", ["rope_scaling", "rope_parameters"])
def test_the_softmax_scale_of_latent_attention_is_kept(kind, place):
    """m(mscale_all_dim)² falls from 1.87 to 1 without the key; a larger factor would raise it."""
    config = {
        "model_type": kind,
        **SMALL,
        place: {**YARN_40, "rope_theta": 1e4} if place == "rope_parameters" else YARN_40,
    }
    own = softmax_scale(config)
    assert own == pytest.approx(32**-0.5 * 1.3688879454113936**2, rel=1e-9)  # 1 + 0.1·ln 40
    found = rt.doctor.recommend(config, 2**18)
    assert {option.method for option in found.rows} == {"PositionInterpolation", "DynamicNTK", "YaRN", "Llama3"}
    for option in found.rows:
        assert softmax_scale(dict(option.config)) == pytest.approx(own, rel=1e-9), option.method
    assert any("NTKAware" in note for note in found.notes)  # type "default" reads no mscale_all_dim
    case = rt.doctor.diagnose(found.rows[0].config)
    assert not any(one.key.endswith("mscale_all_dim") and one.severity != "info" for one in case.findings)


def test_a_correction_keeps_the_softmax_scale():
    config = {"model_type": "deepseek_v3", **SMALL, "rope_scaling": {**YARN_40, "mscale": None}}
    mended = rt.doctor.diagnose(config).corrected
    assert mended["rope_scaling"]["mscale_all_dim"] == 1.0
    assert softmax_scale(dict(mended)) == pytest.approx(softmax_scale(config), rel=1e-12)


def test_tables_of_other_layers_keep_all_their_keys():
    sliding = {"rope_type": "default", "rope_theta": 10000.0, "note": 3}
    config = {
        "model_type": "olmo3", "hidden_size": 512, "num_attention_heads": 8, "max_position_embeddings": 4096,
        "rope_parameters": {
            "full_attention": {"rope_type": "default", "rope_theta": 5e5}, "sliding_attention": sliding,
        },
    }  # fmt: skip
    found = rt.doctor.recommend(config, 16384, layer_type="full_attention")
    assert found.rows
    assert all(option.config["rope_parameters"]["sliding_attention"] == sliding for option in found.rows)
