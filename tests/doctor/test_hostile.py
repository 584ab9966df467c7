"""Every mapping gets a diagnosis, in bounded time and memory; every file one, or a sentence and an exit code."""

import collections
import json
import subprocess
import sys
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from rope_theory import from_hf
from rope_theory._core.records import json_ready
from rope_theory.cli import app
from rope_theory.doctor import diagnose, recommend
from rope_theory.scaling.huggingface.facts import FACTS
from tests.doctor import hostile
from tests.doctor.configs import llama, yarn
from tests.doctor.test_any_config import KEYS, REAL

PYTHONS_OWN = (
    "unhashable", "not supported between", "math domain", "has no attribute", "ambiguous", "not iterable",
    "object is not", "Exceeds the limit", "not subscriptable", "unsupported operand", "recursion", "cannot convert",
    "could not convert", "must be real number",
)  # fmt: skip
"""Words of messages that Python writes, not this package."""

WORST = """
import resource, signal, sys, time
from pathlib import Path
import rope_theory
from tests.doctor import hostile

def peak():  # MB; what getrusage says counts the process that this one was forked from
    status = Path("/proc/self/status")
    if status.exists():
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if "VmHWM" in line) // 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (2**20 if sys.platform == "darwin" else 1024)

resource.setrlimit(resource.RLIMIT_AS, (2**33, resource.getrlimit(resource.RLIMIT_AS)[1]))
rope_theory.doctor.diagnose(hostile.LLAMA)  # what is loaded, and compiled, once
for name, config in hostile.WORST.items():
    signal.alarm(20)
    started = time.process_time()
    found = rope_theory.doctor.diagnose(config)
    seconds = time.process_time() - started
    signal.alarm(0)
    print(f"{name}: {seconds:.2f} s, {peak()} MB, {found.severity}")
    assert found.severity == "error" or found.tables, name
    assert seconds < 2.0, f"{name} took {seconds:.2f} s"
    assert peak() < 500, f"{name}: {peak()} MB"
"""


def test_the_worst_are_answered_in_bounded_time_and_memory():
    """In a process of its own, which an alarm and a limit end; measured: 0.7 s and 120 MB of the worst."""
    done = subprocess.run([sys.executable, "-c", WORST], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def in_words(call):
    """Return what a call returns, or None where it raises a sentence of this package."""
    try:
        return call()
    except (TypeError, ValueError) as error:
        said = str(error)
    assert not any(words in said for words in PYTHONS_OWN), said
    assert 20 < len(said) < 1000
    return None


def is_answered(config):
    in_words(lambda: from_hf(config))
    in_words(lambda: from_hf(config, layer_type="full_attention"))
    in_words(lambda: recommend(config, 2**20))
    found = diagnose(config)
    assert found.severity == "error" or found.tables
    for finding in found.findings:
        assert not any(words in finding.happens for words in PYTHONS_OWN), finding.happens
    json.dumps(json_ready(found), allow_nan=False)


@st.composite
def configs(draw):
    plain = {"model_type": draw(st.sampled_from(sorted(FACTS))), "hidden_size": 640, "num_attention_heads": 8}
    config = dict(draw(st.sampled_from([*REAL, {**plain, "max_position_embeddings": 8192}])))
    keys = st.sampled_from([*KEYS, "global_head_dim", "rope_local_base_freq", "sliding_window", "text_config"])
    values = hostile.values | st.dictionaries(keys | hostile.odd_keys, hostile.values, max_size=4)
    for _ in range(draw(st.integers(1, 4))):
        nested = [key for key, value in config.items() if type(value) is dict and len(value) < 50]
        place = draw(st.sampled_from([None, *sorted(nested, key=str)]))
        key, value = draw(keys | hostile.odd_keys), draw(values)
        if place is None:
            config[key] = value
        else:
            config[place] = {**config[place], key: value}
    return draw(hostile.wrappers)(config)


@settings(max_examples=25)
@given(configs())
def test_hostile_configs_are_answered_in_words(config):
    is_answered(config)


@pytest.mark.slow
@settings(max_examples=500)
@given(configs())
def test_five_hundred_hostile_configs_are_answered_in_words(config):
    is_answered(config)


@pytest.mark.parametrize("name", hostile.WORST)
def test_the_worst_are_read_or_refused_in_words(name):
    in_words(lambda: from_hf(hostile.WORST[name]))
    in_words(lambda: recommend(hostile.WORST[name], 16384))


@pytest.mark.parametrize("key", ["rope_theta", "head_dim", "model_type", "rope_scaling", "layer_types"])
def test_each_hostile_value_is_answered(key):
    for value in hostile.VALUES:
        config = {**hostile.LLAMA, key: value}
        in_words(lambda: from_hf(config))  # noqa: B023 - called at once
        found = diagnose(config)
        assert found.severity == "error" or found.tables


@pytest.mark.parametrize("width", [4096, 500_000])
def test_a_head_as_wide_as_a_model_is_an_error(width):
    tracemalloc.start()
    found = diagnose({**hostile.LLAMA, "head_dim": width})
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (found.severity, found.tables, found.reach) == ("error", (), ())
    assert f"The head dimension must be at most 1024, got {width}" in found.findings[0].happens
    assert "at most 1024" in found.findings[0].happens
    assert peak < 50e6


def test_a_negative_base_is_an_error_that_says_so():
    found = diagnose({**hostile.LLAMA, "rope_theta": -1e4})
    assert found.severity == "error"
    assert "rope_theta must be above 1, got -10000" in found.findings[0].happens


def test_keys_that_are_not_strings_are_named():
    found = diagnose({**hostile.LLAMA, "rope_theta": 1e4, 3: 4, None: 5})
    assert [(one.severity, one.happens) for one in found.findings if one.name == "key_is_no_string"] == [
        ("warning", "Nothing reads 3, None.")
    ]
    assert found.tables
    assert "keys that are not strings, which nothing reads: 3, None" in " ".join(found.tables[0].notes)


def test_mappings_of_other_types_are_read_alike():
    config = llama(32768, rope_scaling=yarn(8))
    for kind in (collections.OrderedDict, collections.ChainMap, collections.UserDict):
        assert from_hf(kind(config)) == from_hf(config)


FILES = {
    "not UTF-8": (b"\xff\xfe{", "it is not UTF-8 text"),
    "empty": (b"", "is empty"),
    "a list": (b"[1]", "must hold a JSON object, got list"),
    "a key twice": (b'{"rope_theta": 1, "rope_theta": 2}', "the key 'rope_theta' comes twice"),
    "a key twice inside": (b'{"rope_scaling": {"factor": 1, "factor": 2}}', "the key 'factor' comes twice"),
    "5000 digits": (b'{"rope_theta": ' + b"9" * 5000 + b"}", "an integer of 5000 digits"),
    "100,000 levels": (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "nested too deeply"),
    "300 levels": (b'{"a":' * 300 + b"1" + b"}" * 300, "nested more than 64 levels"),
    "cut short": (b'{"rope_theta": 1', "is not valid JSON"),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("verb", [("doctor",), ("recommend", "--length", "65536")])
def test_files_that_are_no_config(name, verb, tmp_path):
    content, words = FILES[name]
    code = 1 if name == "300 levels" and verb[0] == "doctor" else 2  # read, and diagnosed
    (tmp_path / "config.json").write_bytes(content)
    done = CliRunner().invoke(app, [verb[0], str(tmp_path / "config.json"), *verb[1:]])
    assert done.exit_code == code
    assert words in done.output
    assert "Traceback" not in done.output
    with pytest.raises(ValueError, match=words):
        from_hf(tmp_path)


def test_a_folder_without_a_config_and_a_name_too_long(tmp_path):
    for place in (tmp_path, tmp_path / ("a" * 300)):
        done = CliRunner().invoke(app, ["doctor", str(place)])
        assert done.exit_code == 2
        assert done.output.startswith("rope-theory: ")


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_that_json_does_not_have(literal, tmp_path):
    text = json.dumps({**hostile.LLAMA, "rope_theta": "@"}).replace('"@"', literal)
    (tmp_path / "config.json").write_text(text)
    done = CliRunner().invoke(app, ["doctor", str(tmp_path)])
    assert done.exit_code == 1
    assert "rope_theta must be finite" in done.output


def test_infinities_elsewhere_survive_a_correction(tmp_path):
    """Mamba hybrids have time_step_limit [0.0, Infinity]."""
    config = llama(32768, rope_scaling={**yarn(8), "attn_factor": 0.82785}, time_step_limit=[0.0, float("inf")])
    (tmp_path / "config.json").write_text(json.dumps(config))
    runner, fixed, longer = CliRunner(), tmp_path / "fixed.json", tmp_path / "longer.json"
    assert runner.invoke(app, ["doctor", str(tmp_path), "--fix", str(fixed)]).exit_code == 0
    arguments = ["recommend", str(tmp_path), "--length", "65536", "--write", str(longer)]
    assert runner.invoke(app, arguments).exit_code == 0
    for place in (fixed, longer):
        assert json.loads(place.read_text())["time_step_limit"] == [0.0, float("inf")]
