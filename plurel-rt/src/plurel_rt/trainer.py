"""The training loop: one process or many, one run folder, resumable to the bit on one CPU process.

    OUT/recipe.yaml      what was asked, resolved
    OUT/metrics.jsonl    a line a step: step, loss, lr, grad_norm, sequences, and eval_loss where measured;
                         before them one for step 0 with eval_loss alone
    OUT/checkpoints/     step-00000500/ ... (plurel_rt.checkpoint)

The loop knows no model: it calls whatever module the recipe names on a `TensorBatch` and gets the loss of
each sequence. How many ranks there are is the launcher's business (`accelerate launch`); every rank reads its
own part of the data, and only the main one writes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from accelerate.utils import gather_object
from attrs import define
from torch import nn

from plurel.config.convert import structure, unstructure
from plurel.config.files import to_yaml
from plurel.errors import ConfigError
from plurel.plugins import provenance
from plurel.seeding import Stream
from plurel_rt.batch import from_sampler
from plurel_rt.checkpoint import (
    CheckpointInfo,
    checkpoint_dir,
    find_checkpoint,
    load_weights,
    prune_checkpoints,
    read_info,
    read_state,
    save_checkpoint,
)
from plurel_rt.embedders import check_embedder, shared_embedder
from plurel_rt.recipe import Recipe, check_same_run, model_entry, resolve_model, resolve_stores
from plurel_rt.reports import MetricsFile, RunReport, StepReport
from plurel_rt.runs import RECIPE, make_room, run_of, where_to_resume, write_whole
from plurel_rt.targets import choose_targets

if TYPE_CHECKING:
    from plurel_sampler import Batch, Sampler
    from plurel_sampler.records import Split

logger = logging.getLogger(__name__)

START_FACTOR = 25.0
"""The learning rate starts at `lr / START_FACTOR`, as in the one-cycle policy."""


@define
class Cursor:
    """How far the data was read: epochs finished, and positions of this one read by all ranks together."""

    epoch: int = 0
    position: int = 0
    sequences: int = 0


def one_cycle(step: int, recipe: Recipe) -> float:
    """Learning rate of a step (0-based): linear up over the warm-up, linear down to 0 after the last step.

    Source:
        Smith and Topin, "Super-Convergence" (2018), with linear legs.

    Example:
        >>> recipe = Recipe(steps=10, warmup=0.2, lr=1.0)
        >>> [round(one_cycle(step, recipe), 2) for step in (0, 1, 2, 6, 9)]
        [0.04, 0.52, 1.0, 0.5, 0.12]
    """
    warm = recipe.warmup * recipe.steps
    if step < warm:
        return recipe.lr * (1 + (START_FACTOR - 1) * step / warm) / START_FACTOR
    return recipe.lr * (recipe.steps - step) / max(recipe.steps - warm, 1.0)


def pretrain(
    recipe: Recipe,
    *,
    resume: Path | None = None,
    overwrite: bool = False,
    on_step: Callable[[StepReport], None] | None = None,
) -> RunReport | None:
    """Trains a model as a recipe says, in this process as one of the launcher's ranks.

    Args:
        recipe: the run.
        resume: a checkpoint, or a run whose last one is meant, of the same recipe but for what may change
            (`plurel_rt.recipe.MAY_CHANGE`); the run goes on where it was saved.
        overwrite: remove the checkpoints of `recipe.out` that the run would replace, instead of refusing.
        on_step: called after every step on the main rank.

    Returns:
        On the main rank, what the run came to; None on the others.

    Raises:
        plurel.errors.ConfigError: the recipe asks for what its stores do not hold, or is not that of the run
            that it shall go on with.
        RunExistsError: `recipe.out` holds a run that would be lost.
        CheckpointError: `resume` or `init` is no checkpoint, or one of another model.
    """
    with torch.random.fork_rng():
        return _Run(recipe, resume, overwrite=overwrite).train(on_step)


class _Run:
    """The state of one run on one rank; everything in it but the data is in a checkpoint."""

    def __init__(self, recipe: Recipe, resume: Path | None, *, overwrite: bool) -> None:
        from plurel_sampler import Store

        self.accelerator = Accelerator(
            cpu=not torch.accelerator.is_available(),
            kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
        )
        ranks, rank = self.accelerator.num_processes, self.accelerator.process_index
        if self.accelerator.is_main_process:
            logger.info("%d rank%s, on %s", ranks, "" if ranks == 1 else "s", self.accelerator.device)

        self.recipe = resolve_stores(resolve_model(recipe))
        self.out = Path(self.recipe.out)
        self.stores = [Store.open(path) for path in self.recipe.stores]
        self.embedder = shared_embedder(self.stores, self.recipe.embedder)
        self.targets = choose_targets(self.stores, self.recipe.targets, self.recipe.encodings)
        self.train_data = self._sampler("train")
        self.held_out = self._sampler("val") if self.recipe.eval_every else None
        if len(self.train_data) < ranks:
            raise ConfigError(
                f"{len(self.train_data)} training rows are too few for {ranks} ranks", ".stores"
            )

        self.checkpoint = checkpoint = where_to_resume(resume) if resume else None
        if checkpoint:
            began = structure(read_info(checkpoint).recipe, Recipe)
            check_same_run(self.recipe, began, run_of(checkpoint) or checkpoint)
        self.goes_on = False
        if self.accelerator.is_main_process:
            self.goes_on = make_room(self.out, checkpoint, overwrite=overwrite)
        self.model_name, model = self._build_model()
        self.parameters = sum(parameter.numel() for parameter in model.parameters())
        self.step = 0
        self.last: StepReport | None = None
        self.cursor = Cursor()
        torch.default_generator.manual_seed(self._seed("modules", rank))
        if checkpoint:
            load_weights(model, checkpoint)
        optimizer = torch.optim.AdamW(
            _decay_groups(model, self.recipe.weight_decay),
            lr=self.recipe.lr,
            betas=(0.9, self.recipe.beta2),
            fused=True,
        )
        self.model, self.optimizer = self.accelerator.prepare(model, optimizer)
        if checkpoint:
            self._restore(checkpoint)
        if self.accelerator.is_main_process:
            logger.info(
                "%s with %s parameters; %d targets in %d stores, %s training rows",
                self.model_name["name"],
                f"{self.parameters:,}",
                len(self.targets),
                len(self.stores),
                f"{len(self.train_data):,}",
            )

    def _seed(self, *purpose: str | int) -> int:
        """A 63-bit seed for torch from the run's named stream."""
        stream = Stream(self.recipe.seed) / "rt"
        for part in purpose:
            stream = stream / part
        return stream.key % 2**63

    def _sampler(self, split: Split) -> Sampler:
        from plurel_sampler import ContextConfig, Sampler

        return Sampler(
            self.stores,
            self.targets,
            ContextConfig(**unstructure(self.recipe.context), seed=self.recipe.seed),
            embedder=self.recipe.embedder,
            split=split,
            batch_size=self.recipe.batch_size,
            rank=self.accelerator.process_index,
            world_size=self.accelerator.num_processes,
            num_threads=self.recipe.threads or None,
            shuffle=split == "train",
            balance=self.recipe.balance,
            limit=None if split == "train" else self.recipe.eval_limit,
        )

    def _build_model(self) -> tuple[dict[str, Any], nn.Module]:
        """How a checkpoint names the recipe's model, and the model, with the weights of `init` if any."""
        entry, parameters = model_entry(self.recipe)
        self.model_entry = entry
        config = entry.parameters(
            {**parameters, "text_width": self.embedder["width"], "seed": self._seed("model")}
        )
        model = entry.build(config)
        if not isinstance(model, nn.Module):
            raise TypeError(f"model {entry.id} made a {type(model).__name__}, not a torch module")
        if self.recipe.init:
            start = find_checkpoint(Path(self.recipe.init))
            check_embedder(read_info(start).embedder, self.embedder, start)
            load_weights(model, start)
        return {"name": entry.id, "config": unstructure(config)}, model

    def train(self, on_step: Callable[[StepReport], None] | None) -> RunReport | None:
        """Runs to the last step; see `pretrain`."""
        metrics: MetricsFile | None = None
        if self.step >= self.recipe.steps and self.accelerator.is_main_process:
            logger.info("all %d steps are done already; `--set steps=N` adds more", self.recipe.steps)
        if self.accelerator.is_main_process:
            self.out.mkdir(parents=True, exist_ok=True)
            write_whole(self.out / RECIPE, to_yaml(self.recipe.to_dict()))
            metrics = MetricsFile(self.out / "metrics.jsonl", after=self.step if self.goes_on else None)
        self.model.train()
        with metrics or nullcontext():
            if self.step == 0:
                untrained = self._held_out_loss()
                if metrics is not None and untrained is not None:
                    metrics.write({"step": 0, "eval_loss": untrained})
            data = self._stream()
            while self.step < self.recipe.steps:
                self.last = self._train_step(data)
                if metrics is not None:
                    metrics.write(self.last.to_dict())
                    if on_step is not None:
                        on_step(self.last)
                if self._is_due(self.recipe.save_every) or self.step == self.recipe.steps:
                    self._save()
        if metrics is None or self.checkpoint is None or self.last is None:
            return None
        return RunReport(
            out=self.out,
            checkpoint=self.checkpoint,
            steps=self.step,
            parameters=self.parameters,
            targets=len(self.targets),
            loss=self.last.loss,
            eval_loss=self.last.eval_loss,
        )

    def _stream(self) -> Iterator[Batch]:
        """This rank's batches for ever; moves the cursor when a batch is handed out."""
        while True:
            for batch in self.train_data.batches(epoch=self.cursor.epoch, start=self.cursor.position):
                self.cursor.position = batch.next_position
                self.cursor.sequences += len(batch) * self.accelerator.num_processes
                yield batch
            self.cursor.epoch += 1
            self.cursor.position = 0

    def _train_step(self, data: Iterator[Batch]) -> StepReport:
        lr = one_cycle(self.step, self.recipe)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        total = torch.zeros((), device=self.accelerator.device)
        for micro in range(1, self.recipe.accumulate + 1):
            last = micro == self.recipe.accumulate
            with nullcontext() if last else self.accelerator.no_sync(self.model):
                loss = self.model(from_sampler(next(data), self.accelerator.device)).mean()
                self.accelerator.backward(loss / self.recipe.accumulate)
            total += loss.detach() / self.recipe.accumulate
        norm = self.accelerator.clip_grad_norm_(self.model.parameters(), self.recipe.clip)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.step += 1
        return StepReport(
            step=self.step,
            loss=float(self.accelerator.reduce(total, "mean")),
            lr=lr,
            grad_norm=float(norm) if norm is not None else float("nan"),
            sequences=self.cursor.sequences,
            eval_loss=self._held_out_loss(),
        )

    def _is_due(self, every: int) -> bool:
        """Whether this step is one of every so many; 0 means never."""
        return every > 0 and self.step % every == 0

    def _held_out_loss(self) -> float | None:
        """Mean loss over held-out rows, if it is due at this step, as it is at the last one."""
        due = self._is_due(self.recipe.eval_every) or self.step == self.recipe.steps
        if self.held_out is None or not due:
            return None
        sums = torch.zeros(2, dtype=torch.float64, device=self.accelerator.device)
        self.model.eval()
        with torch.no_grad():
            for batch in self.held_out.batches():
                losses = self.model(from_sampler(batch, self.accelerator.device))
                sums += torch.stack([losses.double().sum(), torch.tensor(float(len(losses))).to(sums)])
        self.model.train()
        total, count = self.accelerator.reduce(sums, "sum").tolist()
        return total / count if count else None

    def _save(self) -> None:
        """Writes a checkpoint on the main rank; every rank takes part, for its random state."""
        states = gather_object([{"torch": torch.get_rng_state()}])
        weights = self.accelerator.get_state_dict(self.model)
        self.accelerator.wait_for_everyone()
        if self.accelerator.is_main_process:
            state = {
                "optimizer": self.optimizer.state_dict(),
                "cursor": {name: getattr(self.cursor, name) for name in ("epoch", "position", "sequences")},
                "random": states,
                "last": self.last.to_dict() if self.last else {},
            }
            self.checkpoint = checkpoint_dir(self.out, self.step)
            save_checkpoint(self.checkpoint, weights, self._info(), state)
            prune_checkpoints(self.out, self.recipe.keep)
        self.accelerator.wait_for_everyone()

    def _info(self) -> CheckpointInfo:
        return CheckpointInfo(
            model=self.model_name,
            embedder=self.embedder,
            context=unstructure(self.recipe.context),
            recipe=self.recipe.to_dict(),
            step=self.step,
            provenance=provenance([(self.model_entry, self.model_name["config"])]),
        )

    def _restore(self, checkpoint: Path) -> None:
        info = read_info(checkpoint)
        check_embedder(info.embedder, self.embedder, checkpoint)
        state = read_state(checkpoint)
        self.optimizer.load_state_dict(state["optimizer"])
        self.cursor = Cursor(**state["cursor"])
        self.step = info.step
        self.last = StepReport(**state["last"])
        states = state["random"]
        if len(states) == self.accelerator.num_processes:
            torch.set_rng_state(states[self.accelerator.process_index]["torch"])


def _decay_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Matrices decay; biases, norms and learned vectors do not."""
    matrices = [p for p in model.parameters() if p.dim() >= 2]
    vectors = [p for p in model.parameters() if p.dim() < 2]
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": vectors, "weight_decay": 0.0}]
