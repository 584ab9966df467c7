"""Smaller models with other windows and fewer or more tokens, trained where they are needed and kept untracked."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from experiments import files, pretrain
from experiments.pretraining import tokens, training
from experiments.pretraining.recipe import Recipe, Stage
from experiments.pretraining.rows import Rows
from rope_theory.models.passkey_prompt import PasskeyPrompts
from rope_theory.models.run_folder import locked
from rope_theory.reports import whole_folder

A_STEP = 8192
"""Tokens of a step of pre-training, whatever the window."""


def _recipe(window: int, steps: int, *, hidden: int = 128, layers: int = 4) -> Recipe:
    """Return the reference model's recipe at another size: same tokens a step, same share of passkey rows."""
    batch = A_STEP // window
    stages = (Stage(400, batch // 2, 160), Stage(800, batch // 4, 256), Stage(0, batch // 8, window))
    return replace(
        Recipe(), window=window, batch=batch, steps=steps, hidden=hidden, inner=round(2.75 * hidden), layers=layers,
        heads=hidden // 64, curriculum=stages, precision="float32",
    )  # fmt: skip


RECIPES: Mapping[str, Recipe] = {
    "small_256": _recipe(256, 1000),
    "small_512": _recipe(512, 1000),
    "small_1024": _recipe(1024, 1000),
    "small_256_early": _recipe(256, 250),
    "small_256_late": _recipe(256, 2000),
    "tiny_256": _recipe(256, 1000, hidden=64),
}
"""Name → recipe; all have heads 64 wide and base 10000. The reference model is one size more, at as many tokens."""

CACHE = pretrain.CACHE / "variants"
"""Untracked folder of the trained models."""


RECIPE = "recipe.json"
"""What a variant was trained by, beside its weights."""


def prepared() -> tokens.Prepared:
    """Return tokenizer and streams, those of the reference model."""
    recipe = Recipe()
    return tokens.prepare(pretrain.CACHE, recipe.vocabulary, (recipe.training, recipe.held_out))


def folder_of(name: str, device: str = "cpu", cache: Path = CACHE) -> Path:
    """Return the folder of a variant, which is trained first where it is missing; a stopped training goes on."""
    if name not in RECIPES:
        raise ValueError(f"model must be one of reference, {', '.join(RECIPES)}, got {name!r}.")
    target = cache / name
    if (target / "config.json").is_file():
        if not (target / RECIPE).is_file() or (target / RECIPE).read_bytes() != files.as_json(RECIPES[name]):
            raise ValueError(f"{target} was trained by another recipe; delete that folder.")
        return target
    recipe, corpus = RECIPES[name], prepared()
    tokenizer = corpus.tokenizer
    rows = Rows(corpus.training.ids, PasskeyPrompts(tokenizer), tokenizer.eos_token_id, recipe)
    state = training.start(recipe, (tokenizer.bos_token_id, tokenizer.eos_token_id), device)
    place = cache / f"{name}.checkpoints"
    with locked(place):
        state = training.run(training.resume(state, place, recipe), rows, recipe, place)
        with whole_folder(target) as temporary:
            state.model.save_pretrained(temporary)
            tokenizer.save_pretrained(temporary)
            files.write(temporary / RECIPE, files.as_json(recipe))
        shutil.rmtree(place, ignore_errors=True)
    return target
