"""Zero-shot scores of a checkpoint on a store's tasks, beside baselines on the very same rows.

Metrics are RelBench's own: AUROC for binary tasks, nMAE (mean absolute error / standard deviation of the
training labels) for regression. What cannot be scored is named with its reason (`left_out`). Not here: the
baselines (`plurel_rt.baselines`), the files of scores (`plurel_rt.scores`), and multiclass tasks, for which
RelBench has no metric.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import torch
from attrs import field, frozen, validators
from numpy.typing import NDArray
from torch import nn

from plurel.errors import RequestError, UnknownNameError
from plurel_rt import baselines
from plurel_rt.attention import by_groups
from plurel_rt.batch import from_sampler
from plurel_rt.checkpoint import CheckpointError, CheckpointInfo, load_model
from plurel_rt.embedders import check_embedder, shared_embedder
from plurel_rt.stores import Verify, is_among, open_store

if TYPE_CHECKING:
    from plurel_sampler import Sampler, Store

F64 = NDArray[np.float64]
OnProgress = Callable[[str, int], AbstractContextManager[Any]]
METRIC = {"binary_classification": "AUROC", "regression": "nMAE"}
Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)


@frozen(kw_only=True)
class Rows:
    """Which rows of a task are predicted, and with how much work.

    Attributes:
        split: `train`, `val` or `test`.
        limit: rows of a task at most, spread evenly over the split, the same ones each time; None for all.
        contexts: contexts drawn for each row; the prediction is the mean over them. A context is a sample of
            what was known, so several tell more than one.
        batch_size: contexts at once.
    """

    split: Split = field(default="test", validator=validators.in_(SPLITS))
    limit: int | None = field(default=None, validator=validators.optional(validators.ge(1)))
    contexts: int = field(default=1, validator=validators.ge(1))
    batch_size: int = field(default=32, validator=validators.ge(1))


@frozen(kw_only=True, eq=False)
class Predictions:
    """A model's predictions for some rows of a task, in the label's own unit.

    Attributes:
        rows: `[n]` rows of the task's table.
        truth: `[n]` true labels.
        predicted: `[n]`; for binary tasks the probability of True.
    """

    rows: NDArray[np.int64]
    truth: F64
    predicted: F64


@frozen(kw_only=True)
class TaskScore:
    """One row of the table of scores; every figure is of the same `rows` rows.

    Attributes:
        task: its name.
        metric: `AUROC` (more is better) or `nMAE` (less is better).
        rows: number of rows scored.
        contexts: contexts that each of the model's predictions is the mean of.
        zero_shot: whether the checkpoint was not trained on this store, nor on one packed from the same rows.
        model: the checkpoint's score. None where the metric is undefined: only one class among the rows, or
            no spread of the training labels.
        trivial: predicting the training labels' mean (binary) or median (regression) everywhere. None without
            any that may be learned from, as for `tree`.
        tree: gradient-boosted trees, trained on this task.
        tree_rows: how many training rows the trees had; the model had none.
        predictions: what was scored.
    """

    task: str
    metric: str
    rows: int
    contexts: int
    zero_shot: bool
    model: float | None
    trivial: float | None
    tree: float | None
    tree_rows: int
    predictions: Predictions = field(repr=False, eq=False)

    def to_dict(self) -> dict[str, Any]:
        """The figures, as JSON has them."""
        names = ("task", "metric", "rows", "contexts", "zero_shot", "model", "trivial", "tree", "tree_rows")
        return {name: getattr(self, name) for name in names}


def evaluate(
    checkpoint: Path,
    store: Path,
    tasks: Sequence[str] = (),
    rows: Rows | None = None,
    on_progress: OnProgress | None = None,
    verify: Verify = "lengths",
) -> list[TaskScore]:
    """Scores a checkpoint and the baselines.

    Args:
        checkpoint: a checkpoint, or a run's folder, whose last one is taken.
        store: a packed store with vectors of the checkpoint's embedder.
        tasks: names; if empty, all tasks of the store but those that `left_out` names.
        rows: which of their rows; the whole test split by default.
        on_progress: called with words and a number of steps; a context manager whose value has `advance()`.
        verify: how closely the store's files are looked at before.

    Raises:
        CheckpointError: not a checkpoint, or one of another embedder's vectors.
        RequestError: no store there, one without tasks to score, or a task that cannot be scored.
        UnknownNameError: the store has no such task.
        plurel_sampler.StoreFormatError: a file of the store is damaged.
    """
    rows = rows or Rows()
    opened = open_store(store, verify)
    chosen = _chosen(opened, tasks, rows.split)
    model, info = load_model(checkpoint)
    return [score_task(model, info, opened, task, rows, on_progress) for task in chosen]


def left_out(store: Store, split: Split) -> dict[str, str]:
    """The store's tasks that have no score on a split, each with the reason.

    Args:
        store: a packed store.
        split: whose rows would be scored.
    """
    found = {}
    for name, task in store.tasks.items():
        if task.task_type not in METRIC:
            found[name] = f"it is {task.task_type}, and RelBench has metrics for {' and '.join(METRIC)} only"
        elif split not in task.splits:
            found[name] = f"it has no {split} rows"
        else:
            first, last = task.splits[split]
            if np.isnan(baselines.labels(store, name)[first:last]).all():
                found[name] = f"none of its {last - first:,} {split} rows has a label"
    return found


def predict_task(
    model: nn.Module,
    info: CheckpointInfo,
    store: Store,
    task: str,
    rows: Rows,
    on_progress: OnProgress | None = None,
) -> Predictions:
    """A model's predictions for labelled rows of a task, from contexts like those of its training.

    Args:
        model: as `load_model` gives it.
        info: likewise.
        store: with vectors of the checkpoint's embedder.
        task: a binary or regression task of the store.
        rows: which rows.
        on_progress: see `evaluate`.

    Raises:
        CheckpointError: the store has other vectors than the checkpoint was trained on, or its predictions
            are not finite.
    """
    check_embedder(info.embedder, shared_embedder([store], info.embedder["name"]), "the checkpoint")
    device = next(model.parameters()).device
    draws = [_context_draw(info, store, task, rows, seed, device) for seed in range(rows.contexts)]
    steps = sum(sampler.num_batches for sampler in draws)
    with on_progress(f"predicting {task}", steps) if on_progress else nullcontext() as bar:
        found = [_predict(model, sampler, bar) for sampler in draws]
    predicted = np.mean([each.predicted for each in found], axis=0)
    lost = np.count_nonzero(~np.isfinite(predicted))
    if lost:
        raise CheckpointError(
            f"the checkpoint predicts no numbers for {lost} of {len(predicted)} rows of {task}: its training "
            "diverged; take one of an earlier step, or train with a lower `lr`"
        )
    labelled = ~np.isnan(found[0].truth)
    return Predictions(
        rows=found[0].rows[labelled], truth=found[0].truth[labelled], predicted=predicted[labelled]
    )


def _context_draw(
    info: CheckpointInfo, store: Store, task: str, rows: Rows, seed: int, device: torch.device
) -> Sampler:
    from plurel_sampler import ContextConfig, Sampler, Target

    return Sampler(
        [store],
        [Target(store=0, kind="task", name=task)],
        ContextConfig(**info.context, seed=seed),
        embedder=info.embedder["name"],
        split=rows.split,
        batch_size=rows.batch_size,
        shuffle=False,
        limit=rows.limit,
        plan=by_groups(device, info.context["length"]),
    )


def _predict(model: nn.Module, sampler: Sampler, bar: Any) -> Predictions:
    """Predictions for every row of a sampler, in its order."""
    device = next(model.parameters()).device
    rows, truth, predicted = [], [], []
    with torch.no_grad():
        for batch in sampler.batches():
            values = model.predict(from_sampler(batch, device))  # type: ignore[operator]
            rows.append(np.asarray(batch.target_row, dtype=np.int64))
            truth.append(np.asarray(batch.label, np.float64) * batch.label_std + batch.label_mean)
            predicted.append(values.cpu().numpy())
            if bar is not None:
                bar.advance()
    return Predictions(
        rows=np.concatenate(rows), truth=np.concatenate(truth), predicted=np.concatenate(predicted)
    )


def measure(metric: str, truth: F64, predicted: F64, train_std: float) -> float | None:
    """A score by RelBench's own function.

    Args:
        metric: `AUROC` or `nMAE`.
        truth: `[n]` labels; 0 and 1 for `AUROC`.
        predicted: `[n]`.
        train_std: standard deviation (ddof 1) of the training labels; `AUROC` does not read it.

    Returns:
        None where the metric is undefined: AUROC of one class, nMAE of constant training labels; and where
        there are no rows or no predictions for them (NaN).
    """
    from relbench.metrics import make_nmae, roc_auc

    if len(truth) == 0 or np.isnan(predicted).any():
        return None
    if metric == "AUROC":
        classes = np.round(truth)
        return float(roc_auc(classes, predicted)) if len(np.unique(classes)) == 2 else None
    return float(make_nmae(lambda: train_std)(truth, predicted)) if train_std > 0 else None


def score_task(
    model: nn.Module,
    info: CheckpointInfo,
    store: Store,
    task: str,
    rows: Rows,
    on_progress: OnProgress | None = None,
) -> TaskScore:
    """One row of the table of scores: the model's, the trivial predictor's, the trees'.

    Args:
        model: see `predict_task`, as for the others.
        info: likewise.
        store: likewise.
        task: likewise.
        rows: likewise.
        on_progress: likewise.
    """
    predictions = predict_task(model, info, store, task, rows, on_progress)
    description = store.tasks[task]
    metric = METRIC[description.task_type]
    labels = baselines.labels(store, task)
    train = labels[slice(*description.splits.get("train", (0, 0)))]
    train = train[~np.isnan(train)]
    known = labels[baselines.train_rows(store, task, predictions.rows)]
    with on_progress(f"fitting trees on {task}", 1) if on_progress else nullcontext() as bar:
        trees = baselines.trees(store, task, predictions.rows)
        if bar is not None:
            bar.advance()
    flat = baselines.trivial(known, metric == "AUROC", len(predictions.rows))
    spread = float(train.std(ddof=1)) if len(train) > 1 else 0.0

    def score(predicted: F64) -> float | None:
        return measure(metric, predictions.truth, predicted, spread)

    return TaskScore(
        task=task,
        metric=metric,
        rows=len(predictions.rows),
        contexts=rows.contexts,
        zero_shot=not is_among(store, info.stores),
        model=score(predictions.predicted),
        trivial=score(flat),
        tree=score(trees.predicted),
        tree_rows=trees.train_rows,
        predictions=predictions,
    )


def score_table(scores: Sequence[TaskScore]) -> tuple[list[str], list[list[str]]]:
    """Scores as headings and rows of words, for a person."""
    columns = [
        "task",
        "metric",
        "better is",
        "rows",
        "zero-shot model" if all(score.zero_shot for score in scores) else "model, trained on this store",
        "trivial",
        "boosted trees",
        "rows the trees learned from",
    ]

    def figure(value: float | None) -> str:
        return "undefined" if value is None else f"{value:.3f}"

    rows = [
        [
            score.task,
            score.metric,
            "more" if score.metric == "AUROC" else "less",
            f"{score.rows:,}",
            figure(score.model),
            figure(score.trivial),
            figure(score.tree),
            f"{score.tree_rows:,}",
        ]
        for score in scores
    ]
    return columns, rows


def _chosen(store: Store, names: Sequence[str], split: Split) -> list[str]:
    """The tasks to score, in the store's order."""
    cannot = left_out(store, split)
    for name in names:
        if name not in store.tasks:
            known = ", ".join(store.tasks) or "none"
            raise UnknownNameError(f"store {store.path} has no task {name!r}; its tasks are: {known}")
        if name in cannot:
            raise RequestError(f"task {name!r} of store {store.path} cannot be scored: {cannot[name]}")
    chosen = [name for name in store.tasks if name not in cannot and (not names or name in names)]
    if not chosen:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in cannot.items())
        raise RequestError(f"store {store.path} has no task to score; {reasons or 'it has none at all'}")
    return chosen
