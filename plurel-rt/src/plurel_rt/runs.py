"""A run's folder: what lies in it, and what becomes of that when a run begins or goes on there.

    OUT/recipe.yaml            what was asked, resolved
    OUT/metrics.jsonl          a line a step: step, loss, lr, grad_norm, sequences, and eval_loss where
                               measured; before them one for step 0 with eval_loss alone
    OUT/targets-rank0.jsonl    with `log_targets`: what each step was trained on, a file a rank
    OUT/checkpoints/           step-00000500/ ... (`plurel_rt.checkpoint`)

Not here: what a run does, and how a process holds a folder (`plurel.places`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from plurel.config.files import read
from plurel.errors import RequestError
from plurel.places import held, refuse_inside, write_whole
from plurel_rt.checkpoint import (
    CHECKPOINTS,
    CheckpointFileError,
    drop_checkpoint,
    drop_drafts,
    find_checkpoint,
    list_checkpoints,
    read_info,
    step_of,
)

RECIPE, METRICS, TARGETS = "recipe.yaml", "metrics.jsonl", "targets-rank{rank}.jsonl"


class RunExistsError(RequestError):
    """A folder that holds a run which would be lost."""


def run_of(path: Path) -> Path | None:
    """The run that a path means: the folder itself, or that of a checkpoint, which may have none."""
    if path.parent.name == CHECKPOINTS:
        return path.parent.parent
    return path if (path / RECIPE).is_file() or (path / CHECKPOINTS).is_dir() else None


def recipe_of(path: Path) -> dict[str, Any]:
    """The recipe that a run, or the checkpoint of one, was begun with, as plain data.

    Raises:
        CheckpointError: neither a run nor a checkpoint.
        plurel.errors.ConfigError: the run's `recipe.yaml` cannot be read.
    """
    checkpoint = where_to_resume(path)
    recipe = read(path / RECIPE) if checkpoint is None else read_info(checkpoint).recipe
    return dict(recipe)


def where_to_resume(path: Path) -> Path | None:
    """The checkpoint from which a run goes on; None for a run that was stopped before its first one.

    Raises:
        CheckpointError: neither a run nor a checkpoint.
    """
    if (path / RECIPE).is_file() and not list_checkpoints(path):
        return None
    return find_checkpoint(path)


def done_here(out: Path, start: Path | None) -> int | None:
    """The step from which a run goes on in its own folder; None where it begins, there or elsewhere."""
    if start is None or start.parent.resolve() != (out / CHECKPOINTS).resolve():
        return None
    return step_of(start)


@contextmanager
def held_run(out: Path) -> Iterator[None]:
    """Hold the folder of a run for as long as one trains there; it is made if it is not there.

    Raises:
        plurel.errors.RequestError: another process holds it, it lies in a store or a database, or it is no
            place to write to.
    """
    refuse_inside(out, "another folder is set by `--set out=FOLDER`")
    with held(out, "a training run"):
        yield


def check_room(out: Path, start: Path | None, *, overwrite: bool) -> list[Path]:
    """The checkpoints in a folder that a run which begins or goes on there would replace.

    Args:
        out: the run's folder.
        start: the checkpoint from which it goes on, there or elsewhere.
        overwrite: whether they may be replaced.

    Raises:
        RunExistsError: there are some and they may not.
    """
    done = done_here(out, start)
    later = [each for each in list_checkpoints(out) if done is None or step_of(each) > done]
    if later and not overwrite:
        last = step_of(later[-1])
        held = f"a run at step {last}" if done is None else f"checkpoints after step {done}, up to {last}"
        raise RunExistsError(
            f"{out} holds {held}: `--resume {out}` goes on from there, `--overwrite` removes it, and another "
            "folder is set by `--set out=FOLDER`"
        )
    return later


def make_room(out: Path, start: Path | None, recipe: str, *, overwrite: bool) -> None:
    """Readies a folder for a run: what a later step left is gone, and what killed processes left too.

    Args:
        out: see `check_room`, as for `start` and `overwrite`.
        start: likewise.
        recipe: what goes into `recipe.yaml`.
        overwrite: likewise.

    Raises:
        RunExistsError: see `check_room`.
        CheckpointFileError: a file of the run's steps is damaged, or a checkpoint that has to go cannot be
            removed.
    """
    for each in reversed(check_room(out, start, overwrite=overwrite)):
        drop_checkpoint(each)
    drop_drafts(out)
    for draft in [*out.glob(f".{RECIPE}.*"), *out.glob(".*.jsonl.*")]:
        draft.unlink()
    write_whole(out / RECIPE, recipe)
    done = done_here(out, start)
    for file in [out / METRICS, *out.glob(TARGETS.format(rank="*"))]:
        if done is None:
            file.unlink(missing_ok=True)
        elif file.exists():
            kept = [line for line in read_lines(file) if _step_of_line(line, file) <= done]
            write_whole(file, "".join(f"{line}\n" for line in kept))


def _step_of_line(line: str, file: Path) -> int:
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointFileError(f"{file} holds a line that is none of a run's: {line[:80]!r}") from error


def read_lines(file: Path) -> list[str]:
    """The whole lines of a file; one that a crash cut short is left out."""
    text = file.read_text()
    return text[: text.rfind("\n") + 1].splitlines()
