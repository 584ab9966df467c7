"""Fine-tuning: the paper's recipe against a loop written out, processes shared, a killed run going on."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import rope_theory as rt

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("accelerate")

from tiny_models import build  # noqa: E402

from rope_theory.models import Example, extend, finetune, perplexity  # noqa: E402
from rope_theory.models._finetune import _examples, _slices  # noqa: E402

LENGTH, RATE = 48, 1e-3
STREAM = np.random.default_rng(0).integers(3, 9, 3000)  # six tokens: soon learnt
SETTINGS = {"scaling": rt.scaling.PositionInterpolation(2.0), "length": LENGTH, "rate": RATE}


@pytest.fixture(scope="module")
def model():
    return build("llama", max_position_embeddings=24)


def written_out(model, steps, batch, warmup=20, seed=0):
    """Return losses and weights of the same training, the slow way."""
    trained = extend(model, SETTINGS["scaling"], length=LENGTH).train()
    optimizer = torch.optim.AdamW(trained.parameters(), betas=(0.9, 0.95), weight_decay=0.0)
    losses = []
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1.0, 0.1 + 0.9 * step / warmup)
        starts = [
            int(np.random.default_rng([seed, step * batch + row]).integers(0, len(STREAM) - LENGTH + 1))
            for row in range(batch)
        ]
        ids = torch.tensor(np.stack([STREAM[start : start + LENGTH] for start in starts]))
        loss = trained(ids, labels=ids).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(loss.detach()))
    return losses, trained


def test_it_is_the_recipe_written_out(model):
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    found = finetune(model, STREAM, steps=24, batch=3, **SETTINGS)
    losses, trained = written_out(model, 24, 3)
    assert found.losses == pytest.approx(losses, abs=1e-5)
    for name, weight in found.model.state_dict().items():
        torch.testing.assert_close(weight, trained.state_dict()[name], rtol=0, atol=1e-5)
    assert found.rates[:2] == pytest.approx([0.1 * RATE, 0.145 * RATE])
    assert found.rates[20:] == pytest.approx(RATE)
    assert all(torch.equal(model.state_dict()[name], weight) for name, weight in before.items())
    assert found.model.config.max_position_embeddings == LENGTH
    assert not found.model.training
    assert found.model.config.use_cache == model.config.use_cache
    assert found.tokens == 24 * 3 * LENGTH
    assert json.loads(json.dumps(found.to_dict()))["scaling"] == {"type": "PositionInterpolation", "factor": 2.0}
    assert "model" not in found.to_dict()


def test_it_lowers_the_loss_on_what_it_is_trained_on(model):
    found = finetune(model, STREAM, steps=60, batch=4, **SETTINGS)
    before = perplexity(extend(model, SETTINGS["scaling"]), STREAM[:1000], window=LENGTH, stride=LENGTH)
    after = perplexity(found.model, STREAM[:1000], window=LENGTH, stride=LENGTH)
    assert after.nll < before.nll - 1.0


def test_accumulated_passes_are_one_large_batch(model):
    whole = finetune(model, STREAM, steps=5, batch=4, **SETTINGS)
    parts = finetune(model, STREAM, steps=5, batch=2, accumulation=2, **SETTINGS)
    assert parts.losses == pytest.approx(whole.losses, abs=1e-4)


def test_direct_and_plain_training(model):
    direct = finetune(model, STREAM, scaling=rt.scaling.Unscaled(), length=LENGTH, steps=2, rate=RATE)
    assert direct.model.config.rope_parameters == model.config.rope_parameters
    assert direct.model.config.max_position_embeddings == LENGTH
    plain = finetune(model, STREAM, scaling=None, length=20, steps=2, rate=RATE)
    assert plain.model.config.max_position_embeddings == 24


def test_a_model_trained_with_bfloat16_products_is_a_plain_one_again(model):
    found = finetune(model, STREAM, steps=2, batch=2, precision="bfloat16", **SETTINGS)
    plain = finetune(model, STREAM, steps=2, batch=2, **SETTINGS)
    assert found.losses == pytest.approx(plain.losses, rel=0.02)
    assert found.losses.tolist() != plain.losses.tolist()
    fresh = extend(model, SETTINGS["scaling"], length=LENGTH)
    fresh.load_state_dict(found.model.state_dict())
    ids = torch.tensor(STREAM[None, :40])
    with torch.no_grad():
        assert torch.equal(found.model(ids).logits, fresh(ids).logits)


def test_adapters_are_merged_and_checkpointing_changes_nothing(model):
    adapted = finetune(model, STREAM, steps=4, batch=2, lora=2, **SETTINGS)
    assert type(adapted.model) is type(model)
    assert set(adapted.model.state_dict()) == set(model.state_dict())
    assert torch.equal(adapted.model.model.embed_tokens.weight, model.model.embed_tokens.weight)
    assert not torch.equal(adapted.model.model.layers[0].mlp.up_proj.weight, model.model.layers[0].mlp.up_proj.weight)
    plain = finetune(model, STREAM, steps=4, batch=2, **SETTINGS)
    again = finetune(model, STREAM, steps=4, batch=2, gradient_checkpointing=True, **SETTINGS)
    assert again.losses == pytest.approx(plain.losses, abs=1e-6)


def test_texts_need_their_tokenizer(model):
    with pytest.raises(ValueError, match="Texts need the model's tokenizer"):
        finetune(model, ["a text"], steps=1, **SETTINGS)


def test_documents_are_put_behind_each_other(model):
    slices, labels, _ = _slices([[3, 4, 5], [6, 7]], model, None, 2)
    assert slices.tolist() == [[3, 4], [4, 5], [5, 2], [2, 6], [6, 7]]  # 2 ends a document in tests/tiny_models.py
    assert labels is slices


def test_examples_are_learnt_by_their_answers(model):
    examples = [Example([3, 4, 5, key], [key]) for key in (6, 7, 8)]
    found = finetune(model, examples, steps=40, batch=4, **{**SETTINGS, "rate": 3e-3})
    assert found.losses[-1] < 0.3 < found.losses[0]
    with torch.no_grad():
        for key in (6, 7, 8):
            assert int(found.model(torch.tensor([[3, 4, 5, key]])).logits[0, -1].argmax()) == key
    ids, labels, _ = _examples(examples[:1], model, None, 8)
    assert ids.tolist() == [[3, 4, 5, 6, 6, 2, 2, 2]]
    assert labels.tolist() == [[-100] * 4 + [6, 2] + [-100] * 2]


@pytest.mark.parametrize(
    ("examples", "words"),
    [
        ([Example([3] * 60, [4])], "Example 0 has 62 tokens, more than a row of 48; cut its prompt"),
        ([Example([3], [4]), Example([3], [])], "Example 1 must have tokens in 0 … 98 in prompt and answer"),
        ([Example("text", [4])], "Texts need the model's tokenizer"),
        ([Example([3.9, 4], [5])], "a token of example 0 must be an integer, got 3.9"),
    ],
)
def test_bad_examples_are_named(model, examples, words):
    with pytest.raises(ValueError, match=words):
        finetune(model, examples, steps=1, **SETTINGS)


@pytest.mark.parametrize(
    ("more", "error", "words"),
    [
        ({"steps": 0}, ValueError, "steps must be at least 1"),
        ({"batch": 0}, ValueError, "batch must be at least 1"),
        ({"rate": 0.0}, ValueError, "rate must be above 0"),
        ({"precision": "float16"}, ValueError, "precision must be one of 'float32', 'bfloat16'"),
        ({"lora": 0}, ValueError, "lora must be at least 1"),
        ({"length": 4000}, ValueError, "The documents have 3000 tokens, fewer than one row of 4000"),
        ({"length": 10}, ValueError, "length must be at least 24, got 10"),
        ({"scaling": 2.0}, TypeError, "scaling must be one of rt.scaling's methods"),
        ({"device": "tpu"}, ValueError, "device must be cpu or cuda"),
    ],
)
def test_bad_input_is_named(model, more, error, words):
    with pytest.raises(error, match=words):
        finetune(model, STREAM, **{"steps": 1, **SETTINGS, **more})


def test_a_loss_that_is_not_finite_ends_the_run_and_is_not_saved(tmp_path):
    broken = build("llama", max_position_embeddings=24)
    broken.get_input_embeddings().weight.data[4] = float("nan")
    with pytest.raises(ValueError, match="The loss of step 1 is not finite; lower the learning rate"):
        finetune(broken, STREAM, steps=2, folder=tmp_path, save_every=1, **{**SETTINGS, "scaling": None, "length": 24})
    assert not list(tmp_path.glob("checkpoint-*"))


@pytest.mark.parametrize(
    ("other", "name"),
    [({"rate": 2e-3}, "rate"), ({"batch": 3}, "rows per step"), ({"stream": STREAM[::-1].copy()}, "text"),
     ({"model": build("llama", max_position_embeddings=24, tie_word_embeddings=True)}, "model")],
)  # fmt: skip
def test_a_folder_of_another_run_is_refused(model, tmp_path, other, name):
    def run(model=model, stream=STREAM, steps=4, **more):
        return finetune(model, stream, steps=steps, folder=tmp_path, save_every=1, **{**SETTINGS, "batch": 2, **more})

    run(steps=2)
    with pytest.raises(ValueError, match=f"holds a run with another {name}"):
        run(**other)
    assert run(batch=1, accumulation=2).resumed_at == 2  # the same rows per step


def test_a_shorter_run_does_not_take_the_checkpoint_of_a_longer_one(model, tmp_path):
    finetune(model, STREAM, steps=4, batch=1, folder=tmp_path, save_every=2, **SETTINGS)
    found = finetune(model, STREAM, steps=3, batch=1, folder=tmp_path, save_every=2, **SETTINGS)
    assert (found.resumed_at, len(found.losses)) == (2, 3)
    alone = finetune(model, STREAM, steps=3, batch=1, **SETTINGS)
    assert found.losses.tolist() == alone.losses.tolist()


def test_a_run_that_failed_before_its_first_checkpoint_leaves_the_folder_free(model, tmp_path, monkeypatch):
    def out_of_memory(*args, **more):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    trainer = finetune.__globals__["_trainer_class"]()
    monkeypatch.setattr(trainer, "train", out_of_memory)
    with pytest.raises(ValueError, match=r"ran out of memory. Give a smaller batch or a shorter length"):
        finetune(model, STREAM, steps=2, batch=4, folder=tmp_path, **SETTINGS)
    monkeypatch.undo()
    assert finetune(model, STREAM, steps=2, batch=1, folder=tmp_path, **SETTINGS).resumed_at == 0


def test_random_generators_and_the_model_are_left_as_they_were(model):
    torch.manual_seed(123)
    expected = torch.rand(3)
    torch.manual_seed(123)
    found = finetune(model, STREAM, steps=1, batch=1, gradient_checkpointing=True, **SETTINGS)
    assert torch.equal(torch.rand(3), expected)
    assert not any(getattr(part, "gradient_checkpointing", False) for part in found.model.modules())


def test_adapters_follow_the_seed(model):
    runs = [finetune(model, STREAM, steps=3, batch=1, lora=2, seed=seed, **SETTINGS) for seed in (4, 4, 5)]
    assert runs[0].losses.tolist() == runs[1].losses.tolist() != runs[2].losses.tolist()


def test_weights_in_half_precision_are_trained_in_float32():
    half = build("llama", torch.bfloat16, max_position_embeddings=24)
    found = finetune(half, STREAM, steps=3, batch=1, **SETTINGS)
    assert {weight.dtype for weight in found.model.parameters()} == {torch.bfloat16}
    assert found.model.model.rotary_emb.inv_freq.dtype == torch.float32
    wide = finetune(half.float(), STREAM, steps=3, batch=1, **SETTINGS)
    assert found.losses.tolist() == wide.losses.tolist()


@pytest.mark.parametrize("lora", [None, 2])
def test_a_sharded_model_is_gathered_into_a_new_one(model, monkeypatch, lora):
    trainer = finetune.__globals__["_trainer_class"]()
    plain = finetune(model, STREAM, steps=2, batch=1, lora=lora, **SETTINGS)
    real = trainer.train

    def as_if_sharded(self, **more):
        result = real(self, **more)
        self.is_fsdp_enabled = True
        return result

    monkeypatch.setattr(trainer, "train", as_if_sharded)
    gathered = finetune(model, STREAM, steps=2, batch=1, lora=lora, **SETTINGS)
    for name, weight in gathered.model.state_dict().items():
        assert torch.equal(weight, plain.model.state_dict()[name])


def test_a_run_goes_on_from_the_last_whole_checkpoint(model, tmp_path):
    whole = finetune(model, STREAM, steps=9, batch=2, **SETTINGS)
    finetune(model, STREAM, steps=6, batch=2, folder=tmp_path, save_every=2, **SETTINGS)
    (tmp_path / "checkpoint-6" / "trainer_state.json").write_text("{")  # as a kill in the middle of writing leaves it
    with pytest.warns(UserWarning, match=r"trainer_state.json is damaged: it has 1 bytes .*6 is skipped"):
        found = finetune(model, STREAM, steps=9, batch=2, folder=tmp_path, save_every=2, **SETTINGS)
    assert found.resumed_at == 4
    assert found.losses.tolist() == whole.losses.tolist()
    for name, weight in found.model.state_dict().items():
        assert torch.equal(weight, whole.model.state_dict()[name])


SCRIPT = """
import json, sys
import numpy as np, torch
sys.path.insert(0, sys.argv[1])
torch.set_num_threads(1)
from tiny_models import build
import rope_theory as rt

if __name__ == "__main__":
    folder = sys.argv[3] or None
    found = rt.models.finetune(
        build("llama", max_position_embeddings=24), np.random.default_rng(0).integers(3, 9, 3000),
        scaling=rt.scaling.PositionInterpolation(2.0), length=48, steps=int(sys.argv[4]), batch=int(sys.argv[5]),
        rate=1e-3, folder=folder, save_every=3,
    )
    if torch.distributed.is_initialized() and torch.distributed.get_rank():
        sys.exit()
    weights = {name: weight.double().sum().item() for name, weight in found.model.state_dict().items()}
    facts = {"losses": found.losses.tolist(), "resumed_at": found.resumed_at, "weights": weights}
    open(sys.argv[2], "w").write(json.dumps({**facts, "processes": found.processes}))
"""
TESTS = str(Path(__file__).resolve().parent.parent)


def command(place, out, folder="", steps=8, batch=2, launch=()):
    script = place / "train.py"
    script.write_text(SCRIPT)
    return [sys.executable, *launch, str(script), TESTS, str(out), str(folder), str(steps), str(batch)]


def facts_here(steps, batch):
    """Return what the script writes down, of a run in this process: one that starts none has not to be started."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        found = finetune(
            build("llama", max_position_embeddings=24), STREAM, steps=steps, batch=batch, **SETTINGS
        )  # fmt: skip
    finally:
        torch.set_num_threads(threads)
    weights = {name: weight.double().sum().item() for name, weight in found.model.state_dict().items()}
    return {"losses": found.losses.tolist(), "weights": weights, "processes": found.processes}


def test_two_processes_share_the_steps(tmp_path):
    two = ("-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--num_machines", "1",
           "--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0")  # fmt: skip
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}  # gloo, where it says GPU
    subprocess.run(
        command(tmp_path, tmp_path / "two", batch=2, launch=two), check=True, env=environment, capture_output=True
    )
    shared, alone = json.loads((tmp_path / "two").read_text()), facts_here(8, 4)
    assert (shared["processes"], alone["processes"]) == (2, 1)
    assert shared["losses"] == pytest.approx(alone["losses"], abs=1e-4)
    assert shared["weights"] == pytest.approx(alone["weights"], abs=1e-2)  # sums of a few thousand weights


def test_a_killed_run_ends_with_the_same_losses(tmp_path):
    steps = 30
    folder = tmp_path / "run"
    process = subprocess.Popen(
        command(tmp_path, tmp_path / "killed", folder, steps), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    until = time.monotonic() + 120
    while not list(folder.glob("checkpoint-*/trainer_state.json")) and time.monotonic() < until:
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "killed").exists()
    assert not (folder / f"checkpoint-{steps}").exists()
    subprocess.run(command(tmp_path, tmp_path / "killed", folder, steps), check=True, capture_output=True)
    whole, killed = facts_here(steps, 2), json.loads((tmp_path / "killed").read_text())
    assert 0 < killed["resumed_at"] < steps
    assert killed["losses"] == whole["losses"]
    assert killed["weights"] == whole["weights"]
