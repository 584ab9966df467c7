"""Models whose rotary tables were damaged: the audit names each, or refuses in words; it passes none."""

import numpy as np
import pytest

import rope_theory as rt

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from tiny_models import build  # noqa: E402

pytestmark = pytest.mark.slow


def table(model):
    return next(part for part in model.modules() if hasattr(part, "inv_freq"))


def put(model, change):
    """Change the table in use, and the one it was made with, in place."""
    part = table(model)
    for name in ("inv_freq", "original_inv_freq"):
        if hasattr(part, name):
            setattr(part, name, change(getattr(part, name).clone()))


def at(pair, factor):
    def change(values):
        values[pair] *= factor
        return values

    return lambda model: put(model, change)


def replaced(function):
    return lambda model: put(model, function)


def multiplied(factor):
    def change(model):
        table(model).attention_scaling = factor

    return change


def first_alone(model):
    table(model).inv_freq = table(model).inv_freq * 0.5


def of_base(base):
    def change(values):
        count = len(values)
        return torch.tensor(base ** (-np.arange(count) / count), dtype=values.dtype)

    return replaced(change)


def noise(size):
    def change(values):
        random = torch.Generator().manual_seed(0)
        return values * (1 + size * torch.randn(len(values), generator=random))

    return replaced(change)


CORRUPTIONS = {
    "halved": replaced(lambda x: x / 2),
    "doubled": replaced(lambda x: x * 2),
    "divided by 1.01": replaced(lambda x: x / 1.01),
    "zero": replaced(torch.zeros_like),
    "ones": replaced(torch.ones_like),
    "NaN": replaced(lambda x: x * float("nan")),
    "infinite": replaced(lambda x: x / 0.0),
    "negative": replaced(lambda x: -x),
    "reversed": replaced(lambda x: x.flip(0)),
    "inverse": replaced(lambda x: 1 / x),
    "rolled": replaced(lambda x: x.roll(1)),
    "bfloat16": replaced(lambda x: x.bfloat16().float()),
    "float16": replaced(lambda x: x.half().float()),
    "one pair NaN": at(3, float("nan")),
    "first pair off": at(0, 1.001),
    "last pair off": at(-1, 1.001),
    "middle pair off": at(4, 0.999),
    "one pair zero": at(5, 0.0),
    "one pair doubled": at(2, 2.0),
    "one pair negative": at(2, -1.0),
    "base 1e6": of_base(1e6),
    "base 5e5": of_base(5e5),
    "base 10010": of_base(10010.0),
    "noise 1e-2": noise(1e-2),
    "noise 1e-3": noise(1e-3),
    "noise 1e-4": noise(1e-4),
    "sorted up": replaced(lambda x: x.sort().values),
    "squared": replaced(torch.square),
    "root": replaced(torch.sqrt),
    "shifted": replaced(lambda x: x + 1e-3),
    "two pairs swapped": replaced(lambda x: x[[1, 0, *range(2, len(x))]]),
    "constant": replaced(lambda x: x.mean().expand_as(x).clone()),
    "uniform": replaced(lambda x: torch.linspace(1, 0, len(x))),
    "in degrees": replaced(lambda x: x * 180 / np.pi),
    "in turns": replaced(lambda x: x / (2 * np.pi)),
    "empty memory": replaced(lambda x: torch.full_like(x, 1e-38)),
    "huge": replaced(lambda x: x * 1e30),
    "attention factor 2": multiplied(2.0),
    "attention factor 1.01": multiplied(1.01),
    "attention factor NaN": multiplied(float("nan")),
    "attention factor 0": multiplied(0.0),
    "the table in use alone": first_alone,
    "truncated": replaced(lambda x: x[:-1]),
    "repeated": replaced(lambda x: torch.cat([x, x])),
}


@pytest.mark.parametrize("kind", ["llama", "gemma2", "gpt_neox", "yarn"])
def test_no_damaged_table_passes(kind, capsys):
    caught, refused = 0, 0
    for name, corrupt in CORRUPTIONS.items():
        if kind == "yarn":
            model = rt.models.extend(build("llama", max_position_embeddings=64), rt.scaling.YaRN(4.0))
        else:
            model = build(kind, max_position_embeddings=64, **({"rotary_pct": 1.0} if kind == "gpt_neox" else {}))
        assert rt.precision.audit(model).ok
        corrupt(model)
        try:
            found = rt.precision.audit(model)
        except ValueError:
            refused += 1
            continue
        assert not found.ok, name
        caught += 1
    with capsys.disabled():
        print(f"\n{kind}: {caught} of {len(CORRUPTIONS)} damaged tables caught, {refused} refused in words")
