"""Fine-tuning at a longer window, by transformers' Trainer: the recipe of arXiv 2306.15595, section 3.1."""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import json
import math
import os
import random
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rope_theory._core.checks import above, integer, one_of, path_of
from rope_theory._core.files import check_folder_place, remove
from rope_theory._core.optional import load
from rope_theory._core.records import Record, json_ready
from rope_theory.errors import MissingArgument, NotAFolder, WrongType, WrongValue
from rope_theory.models import run_folder
from rope_theory.models._documents import special_token, texts_or_tokens
from rope_theory.models._extend import extend
from rope_theory.models._memory import saying_what_fits
from rope_theory.models._packages import torch, transformers
from rope_theory.models.loading import bars_on_terminals_only, checked_device, errors_only
from rope_theory.scaling import DynamicNTK, Scaling

BETAS = (0.9, 0.95)
"""AdamW's, as in the paper."""

WARMUP_START = 0.1
"""Share of the peak learning rate at which warm-up begins, as in the paper."""

LESS = "Give a smaller batch or a shorter length, gradient_checkpointing=True, or lora."
"""What to do when training runs out of memory."""

PRECISIONS = ("float32", "bfloat16")
"""Of matrix products; weights stay as they are."""


@dataclass(frozen=True)
class Example:
    """A prompt and the answer to learn: the loss is taken of the answer and the token that ends it, not of the prompt.

    Attributes
    ----------
    prompt, answer : str or sequence of int
        Texts, or tokens.
    """

    prompt: Any
    answer: Any


@dataclass(frozen=True, eq=False)
class FineTuning(Record):
    """A fine-tuned model, and how it came about.

    Attributes
    ----------
    model : transformers model
        In evaluation mode; left out of ``to_dict``.
    losses : ndarray, (steps,)
        Mean loss of each step, nats per token.
    rates : ndarray, (steps,)
        Learning rate of each step.
    tokens : int
        Tokens seen: steps × batch × processes × accumulation × length.
    scaling : Scaling or None
        What the model was extended by before.
    length, steps, batch, processes, accumulation, warmup, seed : int
        As used; ``batch`` is that of one process.
    rate : float
        Peak learning rate.
    precision : str
        Of matrix products.
    lora : int or None
        Rank of the adapters, which are merged into the model.
    resumed_at : int
        Step of the checkpoint that the run went on from; 0 for a new one.
    device, kind : str
        Device and class of the model.
    main : bool
        Whether this is the process that writes files, of several.
    """

    model: Any
    losses: NDArray[np.float64]
    rates: NDArray[np.float64]
    tokens: int
    scaling: Scaling | None
    length: int
    steps: int
    batch: int
    processes: int
    accumulation: int
    warmup: int
    seed: int
    rate: float
    precision: str
    lora: int | None
    resumed_at: int
    device: str
    kind: str
    main: bool

    def to_dict(self) -> dict[str, Any]:
        """Return the record without the model."""
        return {name: value for name, value in super().to_dict().items() if name != "model"}


def finetune(
    model: Any,
    texts_or_ids: Any,
    *,
    scaling: Scaling | None,
    length: int,
    steps: int,
    tokenizer: Any = None,
    batch: int = 8,
    accumulation: int = 1,
    rate: float = 2e-5,
    warmup: int = 20,
    seed: int = 0,
    precision: str = "float32",
    lora: int | None = None,
    gradient_checkpointing: bool = False,
    device: str | None = None,
    folder: str | Path | None = None,
    save_every: int = 50,
) -> FineTuning:
    """Extend a model and train it further on next tokens, at the length of the new window.

    AdamW with β = (0.9, 0.95) and no weight decay; the learning rate rises linearly from a tenth of its peak over
    ``warmup`` steps and stays there; gradients are clipped at norm 1. A row is ``length`` tokens from a random place of
    the documents, which are put one behind the other with the model's end-of-sequence token between them.

    Parameters
    ----------
    model : transformers model
        A causal language model; it is left untouched.
    texts_or_ids : str, sequence of str, tokens as ``perplexity`` takes them, or sequence of Example
        What to train on; texts need ``tokenizer``. A row of examples is one of them, drawn at random.
    scaling : Scaling or None
        What to extend the model by, ``Unscaled()`` for direct fine-tuning; None trains it as it is.
    length : int
        Tokens per row, and the new window.
    steps : int
        Steps in all.
    tokenizer : transformers tokenizer, optional
        The model's own.
    batch, accumulation : int
        Rows per forward pass of one process, and passes per step.
    rate : float
        Peak learning rate; the paper's are 2e-5 for 7B and 13B, 1e-5 for 33B and 65B.
    warmup : int
        Steps of warm-up.
    seed : int
        Of the rows. The same rows come whatever the number of processes, as long as their total a step is the same.
    precision : {"float32", "bfloat16"}
        Of matrix products; bfloat16 is autocast.
    lora : int, optional
        Train adapters of that rank on all linear layers (peft) instead of all weights, and merge them at the end.
    gradient_checkpointing : bool
        Compute activations again in the backward pass instead of keeping them.
    device : str, optional
        "cpu" or "cuda"; where the model is, when not given.
    folder : str or Path, optional
        Where checkpoints go, for this run alone: it is locked until the run ends. A run that was killed resumes from
        the newest whole checkpoint there; a damaged one is skipped with a warning that names its file.
    save_every : int
        Steps from one checkpoint to the next.

    Returns
    -------
    FineTuning
        With ``.model``, the fine-tuned one.

    Raises
    ------
    TypeError, ValueError
        As ``extend`` and ``perplexity`` do of models, scalings and documents; for fewer tokens than one row, a loss
        that is not finite, too little memory; for a folder that another run is using, that holds a run with other
        settings or checkpoints of another run, or whose settings.json is missing or damaged.
    OSError
        When checkpoints cannot be written into the folder, before any work; when the disk is full, naming the
        checkpoint. Earlier checkpoints stay whole.

    Notes
    -----
    Weights in half precision are trained in float32 and given back as they came. Under ``accelerate launch`` the
    steps are shared among processes, and sharded as its configuration says (FSDP, DeepSpeed); only the process whose
    ``.main`` is True has the trained model then. Source: section 3.1 of arXiv 2306.15595v2.
    """
    length, steps = integer(length, "length", 2), integer(steps, "steps", 1)
    batch, accumulation = integer(batch, "batch", 1), integer(accumulation, "accumulation", 1)
    warmup, seed = integer(warmup, "warmup", 0), integer(seed, "seed", 0)
    rate, save_every = above(rate, "rate", 0.0), integer(save_every, "save_every", 1)
    one_of(precision, "precision", PRECISIONS)
    if lora is not None:
        integer(lora, "lora", 1)
        load("peft", "models")
    if device is not None:
        checked_device(device)
    if folder is not None:
        folder = path_of(folder, "folder")
        if os.path.lexists(folder) and not folder.is_dir():
            raise NotAFolder(str(folder), "is a file", "give the name of a folder for checkpoints")
        check_folder_place(folder)
    with TemporaryDirectory() as scratch, _own_randomness(), ExitStack() as held:
        place = Path(scratch) if folder is None else folder
        arguments = _arguments(
            place,
            max_steps=steps,
            per_device_train_batch_size=batch,
            gradient_accumulation_steps=accumulation,
            learning_rate=rate,
            bf16=precision == "bfloat16",
            recomputing=gradient_checkpointing,
            seed=seed,
            use_cpu=(device or model.device.type) == "cpu",
            save_strategy="no" if folder is None else "steps",
            save_steps=save_every,
        )
        if folder is not None and arguments.process_index == 0:
            held.enter_context(run_folder.locked(place))
        rows_of = _examples if _are_examples(texts_or_ids) else _slices
        ids, labels, digest = rows_of(texts_or_ids, model, tokenizer, length)
        trained = _wide(_extended(model, scaling, length))
        if not any(weight.requires_grad for weight in trained.parameters()):
            raise WrongValue("All weights of this model", "are frozen", remedy="let some require gradients")
        rows_per_step = batch * accumulation * arguments.world_size
        chosen: dict[str, Any] = {
            "length": length, "rate": rate, "warmup": warmup, "seed": seed, "precision": precision, "lora": lora,
        }  # fmt: skip
        settings = {
            "scaling": json_ready(scaling), **chosen, "text": digest, "model": _digest(model),
            "rows per step": rows_per_step,
        }  # fmt: skip
        rows = _Rows(ids, labels, seed, steps * rows_per_step)
        run = run_folder.identity(settings)
        checkpoint = None if folder is None else _begun(place, settings, steps, arguments)
        adapted = trained if lora is None else _with_adapters(trained, lora, seed)
        trainer = _trainer_class()(model=adapted, args=arguments, train_dataset=rows, factor=_warm(warmup), run=run)
        _quiet(trainer)
        with saying_what_fits(trained, LESS), errors_only(), bars_on_terminals_only():
            trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
        finished = _whole(trainer, lambda: _wide(_extended(model, scaling, length)), lora, seed)
    _narrow(finished, model)
    if hasattr(model.config, "use_cache"):
        finished.config.use_cache = model.config.use_cache  # Trainer switches it off
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        finished.gradient_checkpointing_disable()
    log = [entry for entry in trainer.state.log_history if "loss" in entry]
    return FineTuning(
        model=finished.eval(),
        losses=np.array([entry["loss"] for entry in log]),
        rates=np.array([entry["learning_rate"] for entry in log]),
        tokens=len(rows) * length,
        scaling=scaling,
        steps=steps,
        batch=batch,
        processes=arguments.world_size,
        accumulation=accumulation,
        **chosen,
        resumed_at=0 if checkpoint is None else run_folder.step_of(checkpoint),
        device=str(finished.device),
        kind=type(finished).__name__,
        main=trainer.is_world_process_zero(),
    )


@dataclass(frozen=True, eq=False)
class _Rows:
    """Rows of tokens by number: each of those there are that follows from the seed and its number alone.

    ``ids`` and ``labels`` are (n, length); a label is −100 where no loss is taken.
    """

    ids: Any
    labels: Any
    seed: int
    count: int

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, number: int) -> dict[str, Any]:
        drawn = int(np.random.default_rng([self.seed, number]).integers(0, len(self.ids)))
        return {"input_ids": self.ids[drawn], "labels": self.labels[drawn]}


def _are_examples(given: Any) -> bool:
    kinds = {isinstance(one, Example) for one in given} if isinstance(given, Sequence) else set()
    if len(kinds) > 1:
        raise WrongType("texts_or_ids", "has examples and other things", remedy="give one kind")
    return kinds == {True}


def _slices(given: Any, model: Any, tokenizer: Any, length: int) -> tuple[Any, Any, str]:
    """Return all slices of the documents, put one behind the other with the token that ends each: ids, labels, hash."""
    documents = texts_or_tokens(given, model, tokenizer)
    between = torch.tensor(_end(model), dtype=torch.int64)
    parts = [part for ids in documents for part in (ids.cpu().long(), between)]
    stream = torch.cat(parts[:-1])
    if len(stream) < length:
        raise WrongValue("The documents", f"have {len(stream)} tokens, fewer than one row of {length}")
    slices = stream.unfold(0, length, 1)
    return slices, slices, _sha256(stream)


def _examples(given: Sequence[Example], model: Any, tokenizer: Any, length: int) -> tuple[Any, Any, str]:
    """Return every example as a row: ids, labels, hash.

    Rows are filled up behind; what is behind an answer is never attended to before it.
    """
    end = _end(model)
    ids = torch.full((len(given), length), end[0] if end else 0, dtype=torch.int64)
    labels = torch.full((len(given), length), -100, dtype=torch.int64)
    for number, example in enumerate(given):
        prompt, answer = (_tokens_of(part, model, tokenizer, number) for part in (example.prompt, example.answer))
        whole = [*prompt, *answer, *end]
        if len(whole) > length:
            raise WrongValue(
                f"Example {number}", f"has {len(whole)} tokens, more than a row of {length}", remedy="cut its prompt"
            )
        ids[number, : len(whole)] = torch.tensor(whole)
        labels[number, len(prompt) : len(whole)] = ids[number, len(prompt) : len(whole)]
    return ids, labels, _sha256(ids, labels)


def _tokens_of(part: Any, model: Any, tokenizer: Any, number: int) -> list[int]:
    if isinstance(part, str):
        if tokenizer is None:
            raise MissingArgument(("tokenizer",), "Texts need the model's tokenizer")
        part = tokenizer(part, add_special_tokens=False, verbose=False)["input_ids"]
    ids = [integer(token, f"a token of example {number}", 0) for token in part]
    size = model.get_input_embeddings().weight.shape[0]
    if not ids or min(ids) < 0 or max(ids) >= size:
        raise WrongValue(
            f"Example {number}", f"must have tokens in 0 … {size - 1} in prompt and answer, at least one each"
        )
    return ids


def _end(model: Any) -> list[int]:
    """Return the token that ends a document, alone; nothing where the config names none."""
    return special_token(model, "eos_token_id", "end-of-sequence")


def _warm(warmup: int) -> Callable[[int], float]:
    """Return the share of the peak learning rate by step."""
    return lambda step: 1.0 if step >= warmup else WARMUP_START + (1.0 - WARMUP_START) * step / warmup


def _arguments(place: Path, *, recomputing: bool, **settings: Any) -> Any:
    kind = transformers.TrainingArguments
    names = {field.name for field in dataclasses.fields(kind)}
    checkpointing = "activation_checkpointing" if "activation_checkpointing" in names else "gradient_checkpointing"
    return kind(
        output_dir=str(place),
        adam_beta1=BETAS[0],
        adam_beta2=BETAS[1],
        weight_decay=0.0,
        logging_steps=1,
        logging_nan_inf_filter=False,
        report_to=[],
        disable_tqdm=not sys.stderr.isatty(),
        dataloader_pin_memory=False,
        ddp_find_unused_parameters=False,
        **{checkpointing: recomputing},
        **settings,
    )


@cache
def _trainer_class() -> Any:
    """Return a Trainer that takes rows in their order and a learning rate of our own; made late: torch is heavy."""
    load("transformers", "models")  # a missing one is told with the pip command
    from transformers import Trainer

    class InOrder(Trainer):
        lr_scheduler: Any

        def __init__(self, *, factor: Callable[[int], float], run: str, **keywords: Any) -> None:
            super().__init__(**keywords)
            self._factor, self._run = factor, run

        def _get_output_dir(self, trial: Any) -> str:
            return str(Path(self.args.output_dir) / run_folder.SAVING)

        def _save_checkpoint(self, model: Any, trial: Any) -> None:
            folder, step = Path(self.args.output_dir), self.state.global_step
            saving, name = folder / run_folder.SAVING, f"checkpoint-{step}"
            with run_folder.saving(saving, folder / name):
                super()._save_checkpoint(model, trial)  # type: ignore[misc]
                self.accelerator.wait_for_everyone()
                if self.args.should_save:
                    run_folder.publish(saving / name, folder / name, self._run)
                    remove(saving)
                    run_folder.drop_old(folder, step)
                self.accelerator.wait_for_everyone()

        def _get_train_sampler(self, train_dataset: Any = None) -> Any:
            return torch.utils.data.SequentialSampler(train_dataset or self.train_dataset)

        def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
            if self.lr_scheduler is None:
                self.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer or self.optimizer, self._factor)
            return self.lr_scheduler

    return InOrder


def _extended(model: Any, scaling: Scaling | None, length: int) -> Any:
    if scaling is None:
        return copy.deepcopy(model)
    return extend(model, scaling, length=None if isinstance(scaling, DynamicNTK) else length)


def _wide(model: Any) -> Any:
    """Cast weights in half precision to float32: a small step changes few numbers of seven or ten bits."""
    for weight in model.parameters():
        if weight.dtype in (torch.bfloat16, torch.float16):
            weight.data = weight.data.float()
    return model


def _narrow(finished: Any, model: Any) -> None:
    """Cast the weights back to the dtypes that they had."""
    before = {name: weight.dtype for name, weight in model.named_parameters()}
    for name, weight in finished.named_parameters():
        weight.data = weight.data.to(before[name])


@contextmanager
def _own_randomness() -> Iterator[None]:
    """Give the user's random generators back as they were: Trainer seeds all of them."""
    python, numbers = random.getstate(), np.random.get_state()  # noqa: NPY002
    with torch.random.fork_rng():
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numbers)  # noqa: NPY002


def _sha256(*tensors: Any) -> str:
    result = hashlib.sha256()
    for tensor in tensors:
        result.update(tensor.cpu().numpy().tobytes())
    return result.hexdigest()[:16]


def _digest(model: Any) -> str:
    """Return a hash of the config and of some numbers of every weight."""
    result = hashlib.sha256(json.dumps(model.config.to_dict(), sort_keys=True, default=str).encode())
    for name, weight in model.named_parameters():
        flat = weight.detach().flatten()
        some = torch.linspace(0, flat.numel() - 1, min(64, flat.numel()), dtype=torch.float64).long()
        result.update(name.encode() + flat[some.to(flat.device)].double().cpu().numpy().tobytes())
    return result.hexdigest()[:16]


def _whole(trainer: Any, untrained: Callable[[], Any], lora: int | None, seed: int) -> Any:
    """Return the trained model without wrappers, adapters merged.

    One that is sharded among devices is gathered by the process that writes files, into a model made anew.
    """
    if trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled:
        weights = trainer.accelerator.get_state_dict(trainer.model)
        finished = untrained()
        if lora is not None:
            finished = _with_adapters(finished, lora, seed)
        if trainer.is_world_process_zero():
            finished.load_state_dict(weights)
    else:
        finished = trainer.accelerator.unwrap_model(trainer.model, keep_fp32_wrapper=False)
    return finished if lora is None else finished.merge_and_unload()


def _quiet(trainer: Any) -> None:
    """Let the trainer show its bar, print no dictionaries, and end before a checkpoint of a loss that is no number."""
    from transformers import TrainerCallback

    class Watchman(TrainerCallback):
        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **more: Any) -> None:
            if logs and not math.isfinite(logs.get("loss", 0.0)):
                raise WrongValue(
                    f"The loss of step {state.global_step}", "is not finite", remedy="lower the learning rate"
                )

    trainer.remove_callback(transformers.PrinterCallback)
    trainer.add_callback(Watchman)


def _with_adapters(model: Any, rank: int, seed: int) -> Any:
    peft = load("peft", "models")
    torch.manual_seed(seed)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=FutureWarning)  # peft reads an attribute under its old name
        return peft.get_peft_model(model, peft.LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear"))


def _begun(place: Path, settings: dict[str, Any], steps: int, arguments: Any) -> Path | None:
    """Return the checkpoint to resume from, the same one in every process; the main one reads and writes the folder."""
    found: list[Path | None] = [None]
    if arguments.process_index == 0:
        run_folder.keep_settings(place, settings)
        found[0] = run_folder.newest_whole(place, run_folder.identity(settings), steps)
    if arguments.world_size > 1:
        load("accelerate", "models").utils.broadcast_object_list(found)
    return found[0]
