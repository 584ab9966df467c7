"""A model that was extended is the model that was asked for: every class with RoPE, every method, executed.

The check is its own: what decoder layers and attention modules are given as ``position_embeddings`` during forward
passes over whole texts, inside the trained window and far beyond it, not what ``extend`` itself looks at.
"""

import collections
import contextlib
import inspect
import warnings

import numpy as np
import pytest

import rope_theory as rt

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from every_class import WINDOW, attempt, quiet, rotary_classes  # noqa: E402
from tiny_models import FAMILIES  # noqa: E402

from rope_theory.models import extend  # noqa: E402
from rope_theory.models._extend import table_of  # noqa: E402

FACTOR = 4.0
INSIDE, BEYOND = 60, 200
"""Lengths of the texts, tokens; the trained window is 64, the new one 256."""

CLASSES = rotary_classes()
OTHER_CASES = [
    # dictionaries that hold more than frequencies, or a scaling of their own
    ("deepseek_v3", {"rope_type": "yarn", "factor": 40.0, "mscale": 1.0, "mscale_all_dim": 1.0}),
    ("deepseek_v2", {"rope_type": "yarn", "factor": 40.0, "mscale": 0.707, "mscale_all_dim": 0.707}),
    ("glm4_moe_lite", {"rope_type": "yarn", "factor": 16.0, "mscale": 1.0, "mscale_all_dim": 0.8}),
    ("youtu", {"rope_type": "yarn", "factor": 8.0, "mscale_all_dim": 1.0}),
    ("minicpm3", {"rope_type": "linear", "factor": 2.0, "mscale_all_dim": 0.5}),
    ("llama", {"rope_type": "yarn", "factor": 4.0, "mscale": 1.0, "mscale_all_dim": 0.7}),
    ("qwen3", {"rope_type": "llama3", "factor": 4.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}),
]
"""Model types with a RoPE dictionary, to which base and original window are added."""


def methods(pairs):
    divisors = np.linspace(1.0, FACTOR, pairs).tolist()
    return {
        "Unscaled": rt.scaling.Unscaled(),
        "PositionInterpolation": rt.scaling.PositionInterpolation(FACTOR),
        "NTKAware": rt.scaling.NTKAware(FACTOR),
        "DynamicNTK": rt.scaling.DynamicNTK(FACTOR),
        "NTKByParts": rt.scaling.NTKByParts(FACTOR),
        "YaRN": rt.scaling.YaRN(FACTOR, ramp="transformers"),
        "YaRN, paper's ramp": rt.scaling.YaRN(FACTOR, ramp="paper"),
        "Llama3": rt.scaling.Llama3(FACTOR, 1.0, 4.0),
        "LongRoPE": rt.scaling.LongRoPE([1.0] * pairs, divisors, factor=FACTOR),
        "Proportional": rt.scaling.Proportional(0.5, FACTOR),
    }


NAMES = tuple(methods(1))


def text(tokens, model):
    size = model.get_input_embeddings().weight.shape[0]
    return torch.randint(3, min(size, 60), (1, tokens), generator=torch.Generator().manual_seed(0))


def runs(model, ids, given=None):
    """Logits of a pass, and what every module that takes position_embeddings was given; or the pass with others."""
    seen = []

    def hook(module, args, kwargs):
        signature = inspect.signature(module.forward)
        bound = signature.bind(*args, **kwargs)
        if "position_embeddings" not in bound.arguments:
            return None
        seen.append((type(module).__name__, bound.arguments["position_embeddings"]))
        if given is None:
            return None
        bound.arguments["position_embeddings"] = given[len(seen) - 1][1]
        return bound.args, bound.kwargs

    with contextlib.ExitStack() as stack, torch.no_grad():
        for module in model.modules():
            if "position_embeddings" in inspect.signature(module.forward).parameters:
                stack.callback(module.register_forward_pre_hook(hook, with_kwargs=True).remove)
        logits = model(ids).logits
    return logits, seen


def spread(given):
    """(module, angles) pairs: a layer may be given one set of angles per layer type, or none."""
    for kind, embeddings in given:
        for one in embeddings.values() if isinstance(embeddings, dict) else (embeddings,):
            if one is not None:
                yield kind, one


def phasors(embeddings, pairs):
    """cos + i sin of what a layer was given, (T, pairs); None where it is something else."""
    if torch.is_tensor(embeddings):
        z = embeddings.to(torch.complex128)
    else:
        z = torch.complex(*(part.double() for part in embeddings))
    z = z.reshape(-1, z.shape[-1])
    if z.shape[-1] == 2 * pairs:
        z = z[:, :pairs] if torch.equal(z[:, :pairs], z[:, pairs:]) else z[:, ::2]
    return z.numpy() if z.shape[-1] == pairs else None


def violations(model, name, scaling, folder, *, replace):
    """What is wrong with the extended model, or why it was refused: (list of faults, refusal)."""
    before = {key: value.clone() for key, value in (*model.named_parameters(), *model.named_buffers())}
    config = model.config.to_dict()
    rope = table_of(model)
    length = None if getattr(scaling, "factor", None) else 4 * max(WINDOW, rope.config.context_length)
    try:
        extended = extend(model, scaling, length=length, replace=replace)
    except ValueError as error:
        named = isinstance(error, rt.errors.CannotExtend) and type(model).__name__ in str(error)
        return [] if named else [f"the refusal does not name the class: {error}"], str(error)
    faults = []
    if model.config.to_dict() != config or any(
        not torch.equal(value, before[key]) for key, value in (*model.named_parameters(), *model.named_buffers())
    ):
        faults.append("the original changed")  # (e)
    wanted = rope.scaling if name == "Unscaled" else scaling
    if isinstance(rope.scaling, rt.scaling.Proportional) and name == "PositionInterpolation":  # zeros stay zeros
        wanted = rt.scaling.Proportional(rope.scaling.partial_rotary_factor, FACTOR)
    pairs = len(rope.frequencies())
    for tokens in (INSIDE, BEYOND):
        ids = text(tokens, model)
        table = wanted.frequencies(rope.config, tokens)
        exact = table.attention_factor * np.exp(1j * np.outer(np.arange(tokens), table.theta))
        found, given = runs(extended, ids)  # (c): a pass beyond the old window runs
        if not torch.isfinite(found).all():
            faults.append(f"{tokens}: logits are not finite")
        angles = [phasors(embeddings, pairs) for _, embeddings in spread(given)]
        right = [
            z is not None and z.shape == exact.shape and np.abs(z - exact).max() < 1e-4 * table.attention_factor
            for z in angles
        ]
        several = any(
            isinstance(value, dict)
            for value in (getattr(model.config.get_text_config(), "rope_parameters", None) or {}).values()
        )
        if given and not (any(right) if several else all(right)):
            faults.append(f"{tokens}: not every layer receives the angles of the scaling")  # (a)
        try:
            original, original_given = runs(model, ids)
        except (IndexError, RuntimeError):  # a class that ends where it was trained
            if tokens <= rope.config.context_length:
                raise
            continue
        for ok, (kind, new), (_, old) in zip(right, spread(given), spread(original_given), strict=True):
            same = all(torch.equal(a, b) for a, b in zip(_parts(new), _parts(old), strict=True))
            if not ok and not same:
                faults.append(f"{tokens}: {kind} receives neither the scaling's angles nor the original's")
        twin, _ = runs(extended, ids, original_given)
        if given and not torch.equal(twin, original):  # (b)
            faults.append(f"{tokens}: something besides the angles changed, {float((twin - original).abs().max()):.3g}")
        if name == "Unscaled" and not torch.equal(found, original):
            faults.append(f"{tokens}: Unscaled changes the logits")
    extended.save_pretrained(folder)  # (d)
    loaded = type(extended).from_pretrained(folder).eval()
    off = float((runs(loaded, ids)[0] - found).abs().max())
    if not off <= 1e-6 * float(found.abs().max()):  # memory may be aligned differently, nothing else
        faults.append(f"saved and loaded again it has other logits, by {off:.3g}")
    return faults, ""


def _parts(embeddings):
    return [embeddings] if torch.is_tensor(embeddings) else list(embeddings)


def examined(cases, folder):
    """Run the property over (class, keys, method) cases; return faults, and counts of what was extended or refused."""
    faults, counts, refusals = [], collections.Counter(), collections.defaultdict(set)
    models = {}
    with quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number, (which, keys, name) in enumerate(cases):
            key = (which, repr(keys))
            if key not in models:
                models = {key: attempt(which, **keys)}  # one at a time
            model, reason = models[key]
            if model is None:
                counts["not built"] += 1
                refusals[f"not built: {reason}"].add(which.name)
                continue
            try:
                pairs = len(table_of(model).frequencies())
            except ValueError as error:
                with pytest.raises(ValueError, match=which.name):
                    extend(model, rt.scaling.PositionInterpolation(FACTOR))
                counts["refused"] += 1
                refusals[_kind(str(error))].add(which.name)
                continue
            place = folder / str(number)
            found, refusal = violations(model, name, methods(pairs)[name], place, replace=name != "Unscaled")
            faults += [f"{which.name} {keys} {name}: {fault}" for fault in found]
            counts["refused" if refusal else "extended"] += 1
            if refusal:
                refusals[_kind(refusal)].add(f"{which.name} {name}")
    return faults, counts, refusals


def _kind(message):
    """A refusal without the names and numbers of the case."""
    for words in (
        "positions a token", "No RoPE", "have no RoPE", "head width is unknown", "max_position_embeddings is missing",
        "its tables are not those of its config", "cannot save and load its config", "encoder and a decoder",
        "are off by", "its config does not carry it", "would not be read", "works on the whole head", "alibi",
        "stand still", "holds no rotary table", "rows for", "cannot be compared",
        "no rotary module", "does not run on", "besides its rotary angles", "a new one", "extended, it does not",
    ):  # fmt: skip
        if words in message:
            return words
    return message[:120]


def cases():
    """(class, keys, method) of everything that is swept."""
    for which in CLASSES:
        for name in NAMES:
            yield which, {}, name
    for kind, rope in OTHER_CASES:
        which = next(one for one in CLASSES if one.model_type == kind)
        whole = {"rope_theta": 1e4, "original_max_position_embeddings": WINDOW, **rope}
        keys = {"rope_parameters": whole, "max_position_embeddings": int(rope["factor"]) * WINDOW}
        for name in NAMES:
            yield which, keys, name
    for kind, keys in FAMILIES.items():
        which = next(one for one in CLASSES if one.model_type == kind)
        for name in NAMES:
            yield which, keys, name


def report(counts, refusals, faults):
    print(f"\n{counts.total()} cases of {len(CLASSES)} classes and {len(NAMES)} methods: {dict(counts)}")
    for reason, names in sorted(refusals.items(), key=lambda item: -len(item[1])):
        print(f"  {len(names):4d}  {reason}: {', '.join(sorted(names)[:6])}{' …' if len(names) > 6 else ''}")
    print(f"violations: {len(faults)}", *faults, sep="\n  ")


@pytest.mark.slow
def test_every_class_and_method(tmp_path, capsys):
    """Every case; prints how many classes were extended, and refusals by reason."""
    faults, counts, refusals = examined(cases(), tmp_path)
    with capsys.disabled():
        report(counts, refusals, faults)
    assert faults == []
    assert counts["extended"] > 4 * counts["refused"]
    assert counts["not built"] < 0.1 * counts.total()


PARTS = 8


@pytest.mark.parametrize("part", range(PARTS))
def test_a_fifth_of_classes_and_methods(part, tmp_path):
    """Every fifth case, in eight parts; the slow tier has all of them."""
    fifth = list(cases())[::5]
    faults, counts, _ = examined(fifth[part * len(fifth) // PARTS : (part + 1) * len(fifth) // PARTS], tmp_path)
    assert faults == []
    assert 3 * counts["extended"] > counts.total()
