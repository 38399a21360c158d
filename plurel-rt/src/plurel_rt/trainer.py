"""The training loop: one process or many, resumable anywhere, to the bit on one CPU process.

The loop knows no model: it calls whatever module the recipe names on a `TensorBatch` and gets the loss of
each sequence. A step is a fixed number of sequences, the next ones of one global order; the ranks share them,
and only the main one writes. Not here: what a run starts from (`plurel_rt.start`) and its folder
(`plurel_rt.runs`).
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from accelerate import Accelerator, DistributedDataParallelKwargs, DistributedType
from accelerate.utils import GradientAccumulationPlugin
from attrs import evolve
from torch import nn

from plurel.config.files import to_yaml
from plurel.errors import PlurelError
from plurel_rt.batch import Encoding, from_sampler
from plurel_rt.checkpoint import (
    CheckpointError,
    checkpoint_dir,
    list_checkpoints,
    prune_checkpoints,
    read_info,
    save_checkpoint,
)
from plurel_rt.interrupts import PutOff
from plurel_rt.ranks import RanksError, check_agreement, on_cpu, others_alive, together, world_size
from plurel_rt.recipe import Recipe, resolve_model, resolve_stores
from plurel_rt.reports import RunReport, StepFile, StepReport
from plurel_rt.runs import METRICS, TARGETS, check_room, held_run, make_room, where_to_resume
from plurel_rt.start import Start, facts, prepare, seed_of

if TYPE_CHECKING:
    from plurel_sampler import Batch

logger = logging.getLogger(__name__)

START_FACTOR = 25.0
"""The learning rate starts at `lr / START_FACTOR`, as in the one-cycle policy."""


SHARDED = (DistributedType.FSDP, DistributedType.DEEPSPEED, DistributedType.MEGATRON_LM)
"""Launches in which no rank holds the whole model; there is no way yet to save those."""


PRECISIONS = ("no", "bf16")
"""What a launcher may ask for as mixed precision."""


class DivergedError(PlurelError):
    """A training whose loss or gradient is no number any more."""


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

    Ctrl-C, SIGTERM and SIGHUP end the run after the step that is under way, with a checkpoint; they are then
    met as the process would have met them.

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
        plurel.errors.RequestError: another process trains there, or it is no place for a run, as in a store.
        RanksError: the ranks differ in what must be the same, another one cannot begin, or the launcher asks
            for what there is not.
        RankLostError: another rank ended on its way.
        CheckpointError: `resume` or `init` is no checkpoint, or one that does not fit.
        CheckpointFileError: a file of it is damaged, or a new one cannot be written.
        DivergedError: the loss is no number any more.
        KeyboardInterrupt: after the checkpoint, where the run was asked to end.
    """
    accelerator = Accelerator(
        cpu=on_cpu(),
        gradient_accumulation_plugin=GradientAccumulationPlugin(num_steps=1),  # the recipe says, no launcher
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
    )
    if accelerator.mixed_precision not in PRECISIONS:
        raise RanksError(
            f"training in {accelerator.mixed_precision} needs scales that no checkpoint keeps: launch with "
            f"--mixed_precision {' or '.join(PRECISIONS)}"
        )
    if accelerator.distributed_type in SHARDED:
        raise RanksError(
            "ranks share the sequences of a step here, not the model: launch without "
            f"{accelerator.distributed_type}"
        )
    ranks, rank = accelerator.num_processes, accelerator.process_index
    if accelerator.is_main_process:
        logger.info("%d rank%s, on %s", ranks, "" if ranks == 1 else "s", accelerator.device.type)
    recipe = together(lambda: resolve_stores(resolve_model(recipe)))
    out = Path(recipe.out)

    def begin() -> Start:
        checkpoint = where_to_resume(resume) if resume else None
        check_room(out, checkpoint, overwrite=overwrite)
        return prepare(recipe, checkpoint, rank, ranks, accelerator.device)

    with ExitStack() as stack:
        stack.enter_context(others_alive(f"`--resume {out}` goes on from its last checkpoint, if it has one"))
        stack.enter_context(_own_generators(accelerator.device))
        _on_main(lambda: stack.enter_context(held_run(out)), accelerator)
        start = together(begin)
        check_agreement(facts(start))
        plain = to_yaml(recipe.to_dict())
        _on_main(lambda: make_room(out, start.checkpoint, plain, overwrite=overwrite), accelerator)
        return _Run(accelerator, start).train(on_step)


def _on_main(work: Callable[[], None], accelerator: Accelerator) -> None:
    """Does some work on the main rank; the others wait, and end where it fails."""
    together(work if accelerator.is_main_process else lambda: None)


def _own_generators(device: torch.device) -> AbstractContextManager[None]:
    """Inside, torch's generators may be seeded; afterwards they are as they were."""
    devices = [] if device.type == "cpu" else [device]
    return torch.random.fork_rng(devices, device_type="cuda" if device.type == "cpu" else device.type)


class _Run:
    """The state of one run on one rank; everything in it but the data is in a checkpoint."""

    def __init__(self, accelerator: Accelerator, start: Start) -> None:
        self.accelerator = accelerator
        self.start = start
        self.recipe = start.recipe
        self.out = Path(start.recipe.out)
        self.rank = accelerator.process_index
        self.parameters = sum(parameter.numel() for parameter in start.model.parameters())
        optimizer = torch.optim.AdamW(
            _decay_groups(start.model, self.recipe.weight_decay),
            lr=self.recipe.lr,
            betas=(0.9, self.recipe.beta2),
            fused=True,
        )
        self.model, self.optimizer = accelerator.prepare(start.model, optimizer)
        self.step = start.info.step
        self.position = 0
        self.checkpoint = start.checkpoint
        self.last: StepReport | None = None
        self.targets_file: StepFile | None = None
        if start.state is not None:
            self.optimizer.load_state_dict(start.state["optimizer"])
            self.position = start.state["position"]
            self.last = StepReport(**start.state["last"])

    def train(self, on_step: Callable[[StepReport], None] | None) -> RunReport | None:
        """Runs to the last step; see `pretrain`."""
        is_main = self.accelerator.is_main_process
        if is_main:
            self._introduce()
        self.model.train()
        with ExitStack() as open_files:
            requests = open_files.enter_context(PutOff(patient=world_size() > 1))
            metrics = open_files.enter_context(StepFile(self.out / METRICS)) if is_main else None
            if self.recipe.log_targets:
                file = self.out / TARGETS.format(rank=self.rank)
                self.targets_file = open_files.enter_context(StepFile(file))
            if self.step == 0:
                untrained = self._held_out_loss()
                if metrics is not None and untrained is not None:
                    metrics.write({"step": 0, "eval_loss": untrained})
            data = self.start.train_data.stream(self.position)
            while self.step < self.recipe.steps:
                self.last, signal = self._train_step(data, requests)
                if metrics is not None:
                    metrics.write(self.last.to_dict())
                    if on_step is not None:
                        on_step(self.last)
                if self._is_due(self.recipe.save_every) or self.step == self.recipe.steps or signal:
                    self._save()
                if signal:
                    if is_main:
                        logger.info("stopped after step %d; `--resume %s` goes on", self.step, self.out)
                    requests.meet(signal)
        if not is_main or self.checkpoint is None or self.last is None:
            return None
        return RunReport(
            out=self.out,
            checkpoint=self.checkpoint,
            steps=self.step,
            parameters=self.parameters,
            targets=self.start.targets,
            ranks=self.accelerator.num_processes,
            loss=self.last.loss,
            eval_loss=self.last.eval_loss,
        )

    def _introduce(self) -> None:
        """What is trained on what, for whoever watches."""
        logger.info(
            "%s with %s parameters; %d targets in %d stores, %s training rows; %d sequences a step",
            self.start.info.model["name"],
            f"{self.parameters:,}",
            self.start.targets,
            len(self.start.info.stores),
            f"{len(self.start.train_data):,}",
            self.start.sequences_a_step,
        )
        if self.step >= self.recipe.steps:
            logger.info("all %d steps are done already; `--set steps=N` adds more", self.recipe.steps)
        elif self.step:
            logger.info("goes on after step %d", self.step)

    def _train_step(self, data: Iterator[Batch], requests: PutOff) -> tuple[StepReport, int]:
        """One optimiser step; what it came to, and the signal by which any rank was asked to stop, or 0."""
        lr = one_cycle(self.step, self.recipe)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        torch.manual_seed(seed_of(self.recipe, "modules", self.step, self.rank))
        total = torch.zeros((), device=self.accelerator.device)
        met: dict[str, list[int]] = {"position": [], "target": [], "target_row": []}
        micros = self.start.accumulate
        for micro in range(1, micros + 1):
            batch = next(data)
            with nullcontext() if micro == micros else self.accelerator.no_sync(self.model):
                loss = self.model(from_sampler(batch, self.accelerator.device)).mean()
                self.accelerator.backward(loss / micros)
            total += loss.detach() / micros
            self.position = batch.next_position
            for name, numbers in met.items():
                numbers += getattr(batch, name).tolist()
        norm = self.accelerator.clip_grad_norm_(self.model.parameters(), self.recipe.clip)
        told = torch.stack([total, torch.tensor(float(requests.signal)).to(total)])
        losses, signals = self.accelerator.gather(told).view(-1, 2).T
        loss, grad_norm = float(losses.mean()), float(norm)
        if not (math.isfinite(loss) and math.isfinite(grad_norm)):
            raise DivergedError(
                f"in step {self.step + 1} the loss is {loss} and the gradient's norm {grad_norm}; the last "
                f"checkpoint is {self.checkpoint or 'none'}. A lower lr (now {self.recipe.lr}) may help"
            )
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.step += 1
        if self.targets_file is not None:
            self.targets_file.write({"step": self.step, **met})
        return (
            StepReport(
                step=self.step,
                loss=loss,
                lr=lr,
                grad_norm=grad_norm,
                sequences=self.position,
                eval_loss=self._held_out_loss(),
            ),
            int(signals.max()),
        )

    def _is_due(self, every: int) -> bool:
        """Whether this step is one of every so many; 0 means never."""
        return every > 0 and self.step % every == 0

    def _held_out_loss(self) -> float | None:
        """Mean loss over held-out rows with a label, if it is due at this step, as it is at the last one.

        Ranks may have different numbers of batches, so the model itself is called: what DDP wraps around it
        counts on equal ones where it has buffers.
        """
        due = self._is_due(self.recipe.eval_every) or self.step == self.recipe.steps
        if self.start.held_out is None or not due:
            return None
        sums = torch.zeros(2, dtype=torch.float64, device=self.accelerator.device)
        self.model.eval()
        with torch.no_grad():
            for batch in self.start.held_out.batches():
                losses = self.start.model(from_sampler(batch, self.accelerator.device)).double()
                labelled = torch.from_numpy(_labelled(batch)).to(losses.device)
                sums += torch.stack([losses[labelled].sum(), labelled.sum().to(sums)])
        self.model.train()
        total, count = self.accelerator.reduce(sums, "sum").tolist()
        return total / count if count else None

    def _save(self) -> None:
        """Writes a checkpoint on the main rank."""
        weights = self.accelerator.get_state_dict(self.model)
        state = {
            "optimizer": self.optimizer.state_dict(),
            "position": self.position,
            "sequences_a_step": self.start.sequences_a_step,
            "last": self.last.to_dict() if self.last else {},
        }

        def write() -> None:
            self.checkpoint = checkpoint_dir(self.out, self.step)
            save_checkpoint(self.checkpoint, weights, evolve(self.start.info, step=self.step), state)
            self._prune()

        _on_main(write, self.accelerator)

    def _prune(self) -> None:
        """Keeps the last checkpoints; one off the schedule, made at a stop, only while it is the last."""
        *earlier, last = list_checkpoints(self.out)
        off_schedule = [each for each in earlier if _is_off_schedule(each)]
        kept = [each for each in (*earlier, last) if each not in off_schedule]
        prune_checkpoints([*off_schedule, *kept[: -self.recipe.keep]])


def _is_off_schedule(checkpoint: Path) -> bool:
    try:
        info = read_info(checkpoint)
    except CheckpointError:
        return False  # a damaged one is not for a run to remove
    every = info.recipe["save_every"]
    return info.step != info.recipe["steps"] and (not every or info.step % every > 0)


def _labelled(batch: Batch) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """`[B]` whether a sequence's target has a value."""
    of_text = np.isin(batch.label_encoding, (Encoding.TEXT, Encoding.CATEGORY))
    return np.where(of_text, batch.label_text >= 0, ~np.isnan(batch.label))


def _decay_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Matrices decay; biases, norms and learned vectors do not."""
    matrices = [p for p in model.parameters() if p.dim() >= 2]
    vectors = [p for p in model.parameters() if p.dim() < 2]
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": vectors, "weight_decay": 0.0}]
