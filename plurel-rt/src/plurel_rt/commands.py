"""`plurel pretrain` and `plurel evaluate`: what a person types, turned into calls. Not here: the work."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Literal, Self

from cyclopts import App, Parameter, validators

from plurel.cli.numbers import whole
from plurel.cli.output import Reporter, reporter
from plurel.errors import RequestError
from plurel.places import held, refuse_inside
from plurel_rt.threads import let_idle_threads_sleep

if TYPE_CHECKING:
    from plurel_rt.recipe import Recipe
    from plurel_rt.reports import StepReport

pretrain_app = App(name="pretrain", help="Train a model on packed stores, as a recipe says.")
evaluate_app = App(
    name="evaluate",
    help="Score a checkpoint on a store's tasks, beside baselines on the same rows.",
)


@pretrain_app.default
def pretrain(
    recipe: str | None = None,
    /,
    *,
    set: Annotated[tuple[str, ...], Parameter(negative=(), show_default=False)] = (),  # noqa: A002 - the option's name
    resume: Path | None = None,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Train a model on packed stores, as a recipe says.

    Args:
        recipe: a YAML file, or the name of a shipped recipe (demo, synthetic, tiny). With `--resume` it may
            be left out: the run's own recipe holds, and what a given one does not say.
        set: `path=value` on top of the recipe, as in `--set model.dim=128`; may be given again.
        resume: a run's folder, or a checkpoint of it: the run goes on where it was saved.
        overwrite: remove the checkpoints that lie where the run shall go, instead of refusing.
        json: print one JSON document at the end instead of words.
    """
    let_idle_threads_sleep()
    from plurel_rt.ranks import together
    from plurel_rt.trainer import pretrain as run

    say = reporter(json=json)
    loaded = together(lambda: _recipe(recipe, set, resume))
    with log_lines(say), StepProgress(say, f"training {loaded.name}", loaded.steps) as progress:
        report = run(loaded, resume=resume, overwrite=overwrite, on_step=progress.step)
    if report is None:
        return
    measured = "not measured" if report.eval_loss is None else f"{report.eval_loss:.4f}"
    say.table(
        "trained",
        ["what", "value"],
        [
            ["checkpoint", report.checkpoint],
            ["steps", report.steps],
            ["parameters", f"{report.parameters:,}"],
            ["targets", report.targets],
            ["loss of the last step", f"{report.loss:.4f}"],
            ["loss on held-out rows", measured],
        ],
    )
    say.emit(report.to_dict())


@evaluate_app.default
def evaluate(
    *,
    checkpoint: Path,
    store: Path,
    task: Annotated[tuple[str, ...], Parameter(negative=(), show_default=False)] = (),
    split: Literal["train", "val", "test"] = "test",
    limit: Annotated[int | None, Parameter(converter=whole, validator=validators.Number(gte=1))] = None,
    contexts: Annotated[int, Parameter(converter=whole, validator=validators.Number(gte=1))] = 1,
    verify: Literal["lengths", "checksums"] = "lengths",
    out: Path | None = None,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Score a checkpoint on a store's tasks, beside baselines on the same rows.

    Args:
        checkpoint: a checkpoint, or a run's folder, whose last one is taken.
        store: a packed store.
        task: only this task; may be given again. All of the store's tasks without it.
        split: which rows are scored: train, val or test.
        limit: score this many rows of a task, spread over the split; all without it.
        contexts: draw this many contexts for each row and take the mean of the predictions.
        verify: how closely the store's files are looked at before: lengths only, or the checksums of all.
        out: folder for the predictions (`<database>__<task>.csv`) and the scores (`scores.json`).
        overwrite: replace the scores that lie there, instead of refusing.
        json: print one JSON document instead of a table.
    """
    let_idle_threads_sleep()
    from plurel_rt.evaluate import Rows, left_out, score_table
    from plurel_rt.evaluate import evaluate as run
    from plurel_rt.scores import check_room, write_scores
    from plurel_rt.stores import open_store

    say = reporter(json=json)
    if out is not None:
        refuse_inside(out, "choose another --out")
    with held(out, "scores") if out is not None else nullcontext():
        if out is not None:
            check_room(out, overwrite=overwrite)
        scores = run(
            checkpoint,
            store,
            task,
            Rows(split=split, limit=limit, contexts=contexts),
            on_progress=say.progress,
            verify=verify,
        )
        opened = open_store(store)
        if out is not None:
            write_scores(scores, opened, out)
            say.say(f"scores and predictions are in {out}")
    columns, rows = score_table(scores)
    say.table(f"scores on the {split} rows of {store.name}", columns, rows)
    without = {} if task else left_out(opened, split)
    for name, reason in without.items():
        say.result(f"{name} is left out: {reason}")
    say.emit(
        {
            "scores": [score.to_dict() for score in scores],
            "left_out": [{"task": name, "reason": reason} for name, reason in without.items()],
        }
    )


def _recipe(source: str | None, assignments: tuple[str, ...], resume: Path | None) -> Recipe:
    """The recipe of a run that begins, or of one that goes on."""
    from plurel_rt.recipe import continued_recipe, load_recipe, shipped_recipes
    from plurel_rt.runs import recipe_of, run_of

    if resume is not None:
        began = recipe_of(resume)
        return continued_recipe(began, source, str(run_of(resume) or began["out"]), assignments)
    if source is None:
        raise RequestError(
            f"name a recipe: a YAML file, or one that ships with plurel-rt ({', '.join(shipped_recipes())}); "
            "or a run to go on with: --resume FOLDER"
        )
    return load_recipe(source, assignments)


@contextmanager
def log_lines(say: Reporter) -> Iterator[None]:
    """What plurel_rt logs, as lines for the person who watches."""
    logger = logging.getLogger("plurel_rt")
    handler = logging.Handler(logging.INFO)
    handler.emit = lambda record: say.say(record.getMessage())  # type: ignore[method-assign]
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


class StepProgress:
    """A run's steps as a bar on a terminal, or a line every tenth of the run, from the first step on."""

    def __init__(self, say: Reporter, words: str, steps: int) -> None:
        self._words = words
        self._every = max(1, steps // 10)
        self._bar = say.progress(words, total=steps)
        self._stack = ExitStack()
        self._mean: float | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def step(self, report: StepReport) -> None:
        """One more step; the loss shown is a running mean, since single steps say little."""
        if self._mean is None:
            self._stack.enter_context(self._bar)
            self._mean = report.loss
        self._mean = 0.98 * self._mean + 0.02 * report.loss
        due = report.step % self._every == 0
        self._bar.advance(
            report.step - self._bar.done, f"{self._words}: mean loss {self._mean:.3f}" if due else None
        )
