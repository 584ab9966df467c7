"""The steps, and the checkpoints that let a killed run go on as if nothing had happened."""

from __future__ import annotations

import dataclasses
import json
import shutil
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments import files
from experiments.pretraining.recipe import Recipe
from experiments.pretraining.rows import Rows
from rope_theory.models import run_folder
from rope_theory.reports import json_ready

BETAS = (0.9, 0.95)
"""AdamW's, as LLaMA was trained."""

STATE = "state.json"
"""The file of a checkpoint that says which step it is of."""

KEPT = 2
"""Checkpoints kept, the newest; one more is kept where the learning rate begins to fall."""


@dataclass
class State:
    """A run at one step.

    Attributes
    ----------
    model : LlamaForCausalLM
        float32 weights.
    optimizer : AdamW
        Its moments.
    step : int
        Steps done.
    seconds : float
        Wall time spent on them.
    losses : list of dict
        What was reported, by step.
    """

    model: Any
    optimizer: Any
    step: int
    seconds: float
    losses: list[dict[str, float]]


def start(recipe: Recipe, special: tuple[int, int], device: str) -> State:
    """Return a new model and its optimizer.

    Parameters
    ----------
    recipe : Recipe
        Shape, seed and rates.
    special : pair of int
        Tokens that begin and end a document.
    device : str
        "cpu" or "cuda".
    """
    import torch
    import transformers

    torch.manual_seed(recipe.seed)
    config = transformers.LlamaConfig(
        vocab_size=recipe.vocabulary,
        hidden_size=recipe.hidden,
        intermediate_size=recipe.inner,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        num_key_value_heads=recipe.heads,
        head_dim=recipe.hidden // recipe.heads,
        max_position_embeddings=recipe.window,
        bos_token_id=special[0],
        eos_token_id=special[1],
        tie_word_embeddings=True,
    )
    model = transformers.LlamaForCausalLM(config).to(device)
    matrices = [weight for weight in model.parameters() if weight.ndim == 2]
    others = [weight for weight in model.parameters() if weight.ndim != 2]
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": recipe.weight_decay}, {"params": others, "weight_decay": 0.0}],
        lr=recipe.rate,
        betas=BETAS,
    )
    return State(model, optimizer, 0, 0.0, [])


def run(
    state: State,
    rows: Rows,
    recipe: Recipe,
    folder: Path,
    *,
    every: int = 200,
    measure: Callable[[Any], dict[str, float]] = lambda model: {},
    report: Callable[[int, float], None] = lambda step, loss: None,
    until: int | None = None,
) -> State:
    """Train up to the recipe's last step, or ``until``, from where ``state`` is; checkpoints go into ``folder``."""
    import torch

    device = state.model.device.type
    automatic = torch.autocast(device, torch.bfloat16) if recipe.precision == "bfloat16" else nullcontext()
    turn = turning_point(recipe) // every * every
    begin, recent = time.perf_counter(), []
    last = recipe.steps if until is None else min(until, recipe.steps)
    state.model.train()
    while state.step < last:
        for group in state.optimizer.param_groups:
            group["lr"] = recipe.rate_at(state.step)
        ids, weights = (torch.from_numpy(array).to(device) for array in rows.batch(state.step))
        with automatic:
            loss = weighted_loss(state.model, ids, weights)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(state.model.parameters(), recipe.clip)
        state.optimizer.step()
        state.optimizer.zero_grad(set_to_none=True)
        state.step += 1
        recent.append(loss.detach())
        report(state.step, recent[-1])
        if state.step % every == 0 or state.step == last:
            mean = float(torch.stack(recent).mean())
            if mean != mean:
                raise ValueError(f"The loss became NaN before step {state.step}; lower the learning rate.")
            now = time.perf_counter()
            state.seconds += now - begin
            state.losses.append({"step": state.step, "loss": mean, **measure(state.model)})
            state.model.train()
            save(state, folder, recipe, keep=turn)
            begin, recent = time.perf_counter(), []
    return state


def weighted_loss(model: Any, ids: Any, weights: Any) -> Any:
    """Return the mean of the next-token losses of ids (B, T), weighted by ``weights`` (B, T) of the tokens."""
    from torch.nn import functional

    logits = model(ids, use_cache=False).logits[:, :-1].float()
    losses = functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="none")
    wanted = weights[:, 1:].flatten()
    return (losses * wanted).sum() / wanted.sum()


def save(state: State, folder: Path, recipe: Recipe, *, keep: int) -> Path:
    """Write a whole checkpoint or none, and drop old ones; that of step ``keep`` stays."""
    from safetensors import torch as safetensors

    target = folder / f"step-{state.step:06d}"
    temporary = folder / f".{target.name}.partial"
    shutil.rmtree(temporary, ignore_errors=True)
    moments = {
        f"{number}.{name}": value.contiguous()
        for number, values in state.optimizer.state_dict()["state"].items()
        for name, value in values.items()
    }
    facts = {"step": state.step, "seconds": state.seconds, "losses": state.losses}
    facts |= {"steps": recipe.steps, "turning_point": turning_point(recipe), "turn": state.step == keep}
    with run_folder.saving(temporary, target):
        temporary.mkdir(parents=True)
        weights = {name: value.contiguous() for name, value in _weights(state.model)}
        safetensors.save_file(weights, temporary / "weights.safetensors")
        safetensors.save_file(moments, temporary / "moments.safetensors")
        files.write(temporary / STATE, files.as_json(facts))
        run_folder.publish(temporary, target, run_of(recipe))
    own = [step for step in _steps(folder) if step <= state.step and _belongs(folder, step, recipe)]
    for step in own[:-KEPT]:  # those of a run of another length are its own
        if step != keep and not _stored(folder, step).get("turn", False):
            run_folder.drop(folder / f"step-{step:06d}")
    return target


def resume(state: State, folder: Path, recipe: Recipe) -> State:
    """Load the newest whole checkpoint of ``folder`` into ``state``; without one, leave it as it was.

    A checkpoint of a run of another length counts up to where either begins to lower its learning rate. A damaged one
    is skipped with a warning that names its file.

    Raises
    ------
    ValueError
        For a checkpoint of another run.
    """
    source = _newest_whole(folder, recipe)
    if source is None:
        return state
    from safetensors import torch as safetensors

    device = str(state.model.device)
    weights = safetensors.load_file(source / "weights.safetensors", device=device)
    import torch

    with torch.no_grad():
        for name, value in _weights(state.model):
            value.copy_(weights[name])
    moments: dict[int, dict[str, Any]] = {}
    for name, value in safetensors.load_file(source / "moments.safetensors", device=device).items():
        number, kind = name.split(".")
        moments.setdefault(int(number), {})[kind] = value
    state.optimizer.load_state_dict({**state.optimizer.state_dict(), "state": moments})
    stored = _stored(folder, _step(source))
    state.step, state.seconds, state.losses = stored["step"], stored["seconds"], stored["losses"]
    return state


def turning_point(recipe: Recipe) -> int:
    """Return the step at which the learning rate begins to fall: before it, longer and shorter runs are the same."""
    return int(recipe.steps * (1.0 - recipe.decay))


def run_of(recipe: Recipe) -> str:
    """Return a name of what decides a run but its length; stored in every checkpoint."""
    settings = dataclasses.asdict(recipe)
    del settings["steps"]
    return run_folder.identity(json_ready(settings))


def _newest_whole(folder: Path, recipe: Recipe) -> Path | None:
    for step in reversed(_steps(folder)):
        path = folder / f"step-{step:06d}"
        if _stored(folder, step) and not _belongs(folder, step, recipe):
            continue  # of a run of another length
        damage = run_folder.damage_of(path, run_of(recipe), STATE)
        if damage is None:
            return path
        run_folder.warn_of(damage, path)
    return None


def _stored(folder: Path, step: int) -> dict[str, Any]:
    """Return what a checkpoint says of itself; nothing where it is damaged."""
    try:
        stored = json.loads((folder / f"step-{step:06d}" / STATE).read_bytes())
    except (OSError, ValueError):
        return {}
    return stored if isinstance(stored, dict) else {}


def _belongs(folder: Path, step: int, recipe: Recipe) -> bool:
    stored = _stored(folder, step)
    if not {"turning_point", "steps"} <= set(stored):
        return False
    of_any_length = step <= min(turning_point(recipe), int(stored["turning_point"]))
    return of_any_length or (stored["steps"] == recipe.steps and step <= recipe.steps)


def _weights(model: Any) -> list[tuple[str, Any]]:
    return [(name, value.detach()) for name, value in model.named_parameters()]  # tied ones once


def _steps(folder: Path) -> list[int]:
    return sorted(_step(path) for path in folder.glob("step-*") if path.is_dir())


def _step(path: Path) -> int:
    return int(path.name.removeprefix("step-"))
