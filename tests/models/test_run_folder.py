"""The folder of a fine-tuning run: one run at a time, its own whole checkpoints, and errors that name the file."""

import errno
import json
import os
import shutil
import signal
import time

import numpy as np
import pytest

import rope_theory as rt

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("accelerate")

from tiny_models import build  # noqa: E402

from rope_theory.models import finetune, run_folder  # noqa: E402

STREAM = np.random.default_rng(0).integers(3, 9, 2000)
SETTINGS = {"scaling": rt.scaling.PositionInterpolation(2.0), "length": 32, "rate": 1e-3, "batch": 1}


@pytest.fixture(scope="module")
def model():
    return build("llama", max_position_embeddings=16)


def run(model, folder, steps=6, **more):
    return finetune(model, STREAM, steps=steps, folder=folder, save_every=2, **{**SETTINGS, **more})


@pytest.fixture(scope="module")
def made(model, tmp_path_factory):
    """Return a folder with the checkpoints of steps 4 and 6, and the finished run."""
    folder = tmp_path_factory.mktemp("made")
    return folder, run(model, folder)


@pytest.fixture
def folder(made, tmp_path):
    shutil.copytree(made[0], tmp_path / "run")
    return tmp_path / "run"


def run_of(folder):
    return json.loads((folder / "checkpoint-6" / run_folder.MANIFEST).read_bytes())["run"]


FILES = ["model.safetensors", "optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json", "rope_theory.json"]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["empty", "cut short", "one bit", "gone"])
def test_a_damaged_checkpoint_is_skipped_and_its_file_named(folder, name, damage):
    path = folder / "checkpoint-6" / name
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 64
    changed = {"empty": b"", "cut short": bytes(content[: len(content) // 2]), "one bit": bytes(content)}
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(changed[damage])
    run_of_made = json.loads((folder / "checkpoint-4" / run_folder.MANIFEST).read_bytes())["run"]
    if (name, damage) == (run_folder.MANIFEST, "gone"):  # a whole checkpoint that does not say whose it is
        with pytest.raises(ValueError, match=r"checkpoint-6 was not written by this run: it has no rope_theory.json"):
            run_folder.newest_whole(folder, run_of_made, 9)
        return
    named = r"\S+" if (name, damage) == (run_folder.MANIFEST, "one bit") else name  # the hash of another file, for one
    with pytest.warns(UserWarning, match=f"checkpoint-6/{named} is (damaged|missing).* checkpoint-6 is skipped"):
        assert run_folder.newest_whole(folder, run_of_made, 9) == folder / "checkpoint-4"


def test_a_run_resumed_past_a_damaged_checkpoint_is_the_unbroken_one(model, made, folder):
    whole = finetune(model, STREAM, steps=8, **SETTINGS)
    path = folder / "checkpoint-6" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.warns(UserWarning, match=r"checkpoint-6/model.safetensors is damaged: it has 1000 bytes of"):
        found = run(model, folder, 8)
    assert found.resumed_at == 4
    assert found.losses.tolist() == whole.losses.tolist()
    for name, weight in found.model.state_dict().items():
        assert torch.equal(weight, whole.model.state_dict()[name])
    assert run_folder.newest_whole(folder, run_of(folder), 6) == folder / "checkpoint-6"  # written anew, whole


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "settings.json is missing, and .* holds checkpoints"),
        (b"", "settings.json is not the settings of a run"),
        (b"{", "settings.json is not the settings"), (b"[]", "settings.json is not the settings"),
        (b"\xff\xfe", "settings.json is not the settings"), (b"{}", "settings.json is not the settings"),
        ("twice", "settings.json is not the settings of a run: the key 'rate' comes twice"),
        ("other", "holds a run with another rate .* as settings.json says"),
        ("0.1", r"holds a run with another scaling \('PositionInterpolation.* as settings.json says"),
        ("folder", "settings.json is not the settings"),
    ],
)  # fmt: skip
def test_settings_that_do_not_tell_the_run_are_refused(model, folder, content, words):
    path = folder / "settings.json"
    text = path.read_bytes()
    path.unlink()
    if content == "folder":
        path.mkdir()
    elif content is not None:
        older = {**json.loads(text), "scaling": "PositionInterpolation(factor=2.0)"}
        changed = {
            "twice": text.replace(b'"rate":', b'"rate": 5, "rate":'), "other": text.replace(b"0.001", b"0.002"),
            "0.1": json.dumps(older).encode(),
        }  # fmt: skip
        path.write_bytes(changed.get(content, content) if isinstance(content, str) else content)
    before = sorted(os.listdir(folder))
    with pytest.raises(ValueError, match=words):
        run(model, folder, 8)
    assert sorted(os.listdir(folder)) == before


def test_somebody_elses_settings_are_not_overwritten(model, tmp_path):
    (tmp_path / "settings.json").write_text('{"editor.fontSize": 12}')
    with pytest.raises(ValueError, match=r"settings.json is not the settings of a run: it has other names"):
        run(model, tmp_path)
    assert (tmp_path / "settings.json").read_text() == '{"editor.fontSize": 12}'


def test_checkpoints_of_another_run_are_refused(model, folder, tmp_path):
    run(model, tmp_path / "other", rate=2e-3, steps=8)
    shutil.copytree(tmp_path / "other" / "checkpoint-8", folder / "checkpoint-8")
    with pytest.raises(ValueError, match=r"checkpoint-8 is of another run, as its rope_theory.json says"):
        run(model, folder, 8)
    (folder / "checkpoint-8" / "rope_theory.json").unlink()
    with pytest.raises(ValueError, match="checkpoint-8 was not written by this run: it has no"):
        run(model, folder, 8)


def test_two_runs_do_not_share_a_folder_and_a_killed_one_holds_none(model, folder):
    ready, tell = os.pipe()
    child = os.fork()
    if not child:
        with run_folder.locked(folder):
            os.write(tell, b"x")
            time.sleep(60)
        os._exit(0)
    os.read(ready, 1)
    begin = time.monotonic()
    with pytest.raises(ValueError, match=f"{folder} is used by another run; wait for its end, or give another folder"):
        run(model, folder)
    assert time.monotonic() - begin < 2.0
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    (folder / ".saving.partial" / "checkpoint-8").mkdir(parents=True)  # what a kill in the middle of saving leaves
    assert run(model, folder).resumed_at == 6
    assert sorted(os.listdir(folder)) == [".lock", "checkpoint-4", "checkpoint-6", "settings.json"]


def test_a_full_disk_names_the_checkpoint_and_keeps_the_earlier_ones(model, folder, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    real, seen = os.fsync, []

    def later(handle):  # settings and trials are written before
        seen.append(handle)
        return full() if len(seen) > 4 else real(handle)

    monkeypatch.setattr(os, "fsync", later)
    with pytest.raises(OSError, match="checkpoint-8 could not be written: No space left on device"):
        run(model, folder, 8)
    monkeypatch.undo()
    assert sorted(os.listdir(folder)) == [".lock", "checkpoint-4", "checkpoint-6", "settings.json"]
    trainer = finetune.__globals__["_trainer_class"]()

    def torch_fails(*_):
        monkeypatch.setattr(os, "fsync", full)
        raise RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 64 vs 0")

    monkeypatch.setattr(trainer, "_save_optimizer_and_scheduler", torch_fails)
    with pytest.raises(OSError, match="checkpoint-8 could not be written: No space left on device"):
        run(model, folder, 8)
    monkeypatch.undo()
    assert run(model, folder, 8).resumed_at == 6


@pytest.mark.parametrize("place", ["/proc/self/run", "/dev/null", "/dev/null/run"])
def test_a_place_for_no_checkpoints_is_refused_before_any_work(model, place, monkeypatch):
    monkeypatch.setitem(finetune.__globals__, "_extended", lambda *_: pytest.fail("work has begun"))
    with pytest.raises(OSError, match=r"could not be written|is a file"):
        run(model, place)


@pytest.mark.parametrize("path", [3, [], b"bytes", "", "a\0b"])
def test_what_names_no_folder_is_refused_in_words(model, path):
    with pytest.raises((TypeError, ValueError), match="folder must"):
        run(model, path)


@pytest.mark.parametrize("files", [{}, {"x" * 300: [1, "a"]}, {"a\0b": [1, "a"]}])
def test_a_list_of_files_that_misses_some_is_damage(folder, files):
    manifest = folder / "checkpoint-6" / run_folder.MANIFEST
    run_name = run_of(folder)
    manifest.write_text(json.dumps({"run": run_name, "files": files}))
    with pytest.warns(UserWarning, match=r"rope_theory\.json is damaged|is missing"):
        assert run_folder.newest_whole(folder, run_name, 9).name == "checkpoint-4"


def test_a_link_to_nowhere_makes_room_for_a_checkpoint(model, folder, made):
    (folder / "checkpoint-8").symlink_to(folder / "nowhere")
    with pytest.warns(UserWarning, match="checkpoint-8 is skipped"):
        assert run(model, folder, steps=8).steps == 8
    assert (folder / "checkpoint-8" / "model.safetensors").is_file()


def test_a_lock_that_is_a_folder_is_named(model, folder):
    (folder / run_folder.LOCK).unlink(missing_ok=True)
    (folder / run_folder.LOCK).mkdir()
    with pytest.raises(OSError, match=r"run/\.lock"):
        run(model, folder)
