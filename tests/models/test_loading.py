"""Models and texts from disk: what is loaded, and what is refused."""

import pytest

import rope_theory as rt

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from tiny_models import build  # noqa: E402

from rope_theory.models import loading  # noqa: E402


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("model")
    build("llama").save_pretrained(place)
    return place


def test_a_saved_model_comes_back(folder):
    model, tokenizer = loading.load_model(folder)
    torch.testing.assert_close(model.state_dict(), build("llama").state_dict())
    assert tokenizer is None
    assert not model.training
    with pytest.raises(ValueError, match="holds no tokenizer"):
        loading.encoded("some text", tokenizer)


def test_pickled_weights_are_refused(folder, tmp_path):
    (tmp_path / "config.json").write_text((folder / "config.json").read_text())
    with pytest.raises(OSError, match=r"no file ends in \.safetensors"):
        loading.load_model(tmp_path)
    torch.save({}, tmp_path / "pytorch_model.bin")
    with pytest.raises(ValueError, match=r"pickled weights only \(pytorch_model.bin\).*refused"):
        loading.load_model(tmp_path)


def test_weights_that_are_damaged_or_missing(folder, tmp_path):
    safetensors = pytest.importorskip("safetensors.torch")
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = safetensors.load_file(tmp_path / "model.safetensors")
    kept = {name: value for name, value in weights.items() if "layers.1.self_attn.q_proj" not in name}
    safetensors.save_file(kept, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(OSError, match=r"lacks the weights model.layers.1.self_attn.q_proj.weight \(1 in all\)"):
        loading.load_model(tmp_path)
    (tmp_path / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:1000])
    with pytest.raises(OSError, match="damaged weights"):
        loading.load_model(tmp_path)
    (tmp_path / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(OSError, match=r"holds a tokenizer that cannot be loaded"):
        loading.load_model(tmp_path)


def test_code_of_a_checkpoint_is_never_run(folder, tmp_path):
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = (tmp_path / "config.json").read_text()
    changed = config.replace('"model_type": "llama"', '"model_type": "odd", "auto_map": {"AutoConfig": "odd.Odd"}')
    (tmp_path / "config.json").write_text(changed)
    (tmp_path / "odd.py").write_text("raise SystemExit('was run')")
    with pytest.raises(OSError, match="cannot be loaded"):
        loading.load_model(tmp_path)


def test_what_is_no_model_is_refused(tmp_path):
    with pytest.raises(OSError, match=r"holds no config\.json"):
        loading.load_model(tmp_path)
    with pytest.raises(OSError, match="does not exist; give the folder of the model"):
        loading.load_model(tmp_path / "missing")
    (tmp_path / "file").write_text("x")
    with pytest.raises(OSError, match="is a file; give the folder"):
        loading.load_model(tmp_path / "file")
    (tmp_path / "config.json").write_text("{")
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(OSError, match="cannot be loaded as a causal language model"):
        loading.load_model(tmp_path)


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA; runs where there is none")
def test_cuda_that_is_not_there(folder):
    with pytest.raises(ValueError, match="torch sees 0 CUDA devices"):
        loading.load_model(folder, device="cuda")


def test_a_device_that_is_none():
    with pytest.raises(ValueError, match="device must be cpu or cuda"):
        loading.checked_device("toaster")
    with pytest.raises(ValueError, match="computed in float64"):
        loading.checked_device("mps")


def test_texts(tmp_path):
    text, about = loading.read_text(None)
    assert "def check(" in text
    assert about == "the sources of rope_theory"
    (tmp_path / "latin").write_bytes("é".encode("latin-1"))
    with pytest.raises(ValueError, match="is not a UTF-8 text"):
        loading.read_text(tmp_path / "latin")
    with pytest.raises(OSError, match="missing"):
        loading.read_text(tmp_path / "missing")


def test_a_text_of_one_token(folder):
    def tokenizer(text, verbose, add_special_tokens):
        return {"input_ids": [1]}

    with pytest.raises(ValueError, match="two at least"):
        loading.encoded("x", tokenizer)


def test_names_are_reachable():
    assert rt.models.check.__module__ == "rope_theory.models._check"
