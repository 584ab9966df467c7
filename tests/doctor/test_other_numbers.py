"""What a recommended or corrected config leaves alone: every number that reaches the logits besides the angles.

The original and the other config are built and run by transformers, with the same weights and, in the second run, the
angles of the first: the logits must then be equal, bit for bit.
"""

import copy
import json
import pkgutil
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

import rope_theory as rt

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from every_class import WINDOW, attempt, quiet, rotary_classes  # noqa: E402

from rope_theory.models._executed import angles_off, executed, same_but_for_angles  # noqa: E402
from rope_theory.scaling.huggingface.facts import RESCALES_SOFTMAX  # noqa: E402
from rope_theory.scaling.huggingface.reading import CLASS_KEYS, layer_types  # noqa: E402

DEEPSEEK = {
    "rope_type": "yarn", "rope_theta": 1e4, "factor": 40.0, "mscale": 1.0, "mscale_all_dim": 1.0, "beta_fast": 32.0,
    "beta_slow": 1.0, "original_max_position_embeddings": WINDOW,
}  # fmt: skip
# bailing_hybrid gives no window, without which nothing is recommended
READERS = [
    which
    for which in rotary_classes()
    if which.model_type in {*RESCALES_SOFTMAX, "ministral3", "mistral4", "llama", "qwen3"} - {"bailing_hybrid"}
]


def original(which):
    """A model whose dictionary holds more than frequencies, and its config as a file would; None where it is none."""
    extra = {"llama_4_scaling_beta": 0.1} if "llama_4_scaling_beta" in CLASS_KEYS.get(which.model_type, ()) else {}
    with quiet():
        model, _ = attempt(which, rope_parameters={**DEEPSEEK, **extra}, max_position_embeddings=40 * WINDOW)
    return model, None if model is None else json.loads(model.config.to_json_string())


def moved(model, config, rope=None, layer_type=None):
    """How the model of another config differs, weights and angles aside; and its angles from ``rope``, if given."""
    with quiet(), TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (Path(folder) / "config.json").write_text(json.dumps(config))
        made = type(model.config).from_pretrained(folder)
        made._experts_implementation = "eager"
        other = type(model)(made).eval()
    other.load_state_dict(model.state_dict())
    before = executed(model, WINDOW + 3)
    if rope is not None:
        for call in executed(other, WINDOW + 3).rotations:
            table = rope.frequencies(call.length)
            if call.layer_type in (None, layer_type) and (fault := angles_off(call, table)):
                return fault
    return same_but_for_angles(before, executed(other, WINDOW + 3, angles=before))


def test_the_classes_that_rescale_their_softmax_are_those_of_the_list():
    """Every class whose source reads mscale_all_dim, and no other."""
    found = set()
    for package in pkgutil.iter_modules(transformers.models.__path__):
        source = Path(package.module_finder.path) / package.name / f"modeling_{package.name}.py"
        if source.is_file() and "mscale_all_dim" in source.read_text(encoding="utf-8"):
            found.add(package.name)
    assert found == RESCALES_SOFTMAX


@pytest.mark.parametrize("which", READERS, ids=lambda which: which.name)
def test_recommended_configs_leave_every_other_number_alone(which):
    model, config = original(which)
    found = rt.doctor.recommend(config, 8 * WINDOW)
    assert found.rows
    for option in found.rows:
        assert moved(model, option.config) == "", option.method


@pytest.mark.slow
def test_recommended_configs_of_every_class(capsys):
    """In their default config: the class gives the frequencies that the config says, and nothing else moves."""
    options, refused, faults, guesses = 0, [], [], []
    for which in rotary_classes():
        with quiet():
            model, _ = attempt(which)
        if model is None:
            continue
        config = json.loads(model.config.get_text_config().to_json_string())
        try:
            types = layer_types(config)
            full = "full_attention" if "full_attention" in types else types[0]
            found = rt.doctor.recommend(config, 4 * WINDOW, layer_type=full)
        except ValueError as error:
            refused.append(f"{which.name}: {str(error)[:100]}")
            continue
        if type(model.config) is not type(model.config.get_text_config()):
            continue  # its text model has a class of its own, which is among those
        for option in found.rows:
            options += 1
            try:
                fault = moved(model, option.config, rt.from_hf(option.config, layer_type=full), full)
            except Exception as error:  # a config that its class does not take
                fault = f"{type(error).__name__}: {str(error)[:150]}"
            if fault:
                known = not any("is not in the table of known classes" in note for note in found.notes)
                (faults if known else guesses).append(f"{which.name} {option.method}: {fault}")
    with capsys.disabled():
        print(f"\n{options} recommended configs run, {len(refused)} classes refused in words", *refused, sep="\n  ")
        print(f"{len(guesses)} that say they were not checked, of classes not known, are not run as said", *guesses)
    assert faults == [], "\n".join(faults)


MISTAKES = {
    "none": lambda rope: rope,
    "old type key": lambda rope: {**{k: v for k, v in rope.items() if k != "rope_type"}, "type": "yarn"},
    "mscale alone": lambda rope: {k: v for k, v in rope.items() if k != "mscale_all_dim"},
    "mscale_all_dim alone": lambda rope: {k: v for k, v in rope.items() if k != "mscale"},
    "attn_factor": lambda rope: {**rope, "attn_factor": 1.0},
    "no original window": lambda rope: {k: v for k, v in rope.items() if k != "original_max_position_embeddings"},
    "reversed ramp": lambda rope: {**rope, "beta_fast": 1.0, "beta_slow": 32.0},
    "factor is not the ratio": lambda rope: {**rope, "factor": 20.0},
    "beta of 0": lambda rope: {**rope, "beta_slow": 0},
    "an integer factor": lambda rope: {**rope, "factor": 40},
}


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.parametrize("kind", ["deepseek_v3", "glm4_moe_lite", "minicpm3", "ministral3"])
def test_corrected_configs_leave_every_other_number_alone(kind, mistake):
    model, config = original(next(which for which in READERS if which.model_type == kind))
    broken = {**config, "rope_parameters": MISTAKES[mistake](config["rope_parameters"])}
    with quiet():
        made = type(model.config)(**{key: value for key, value in copy.deepcopy(broken).items() if key != "model_type"})
        runs = type(model)(made).eval()
    runs.load_state_dict(model.state_dict())
    found = rt.doctor.diagnose(broken)
    assert moved(runs, found.corrected) == "", [finding.name for finding in found.findings]
