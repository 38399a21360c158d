"""A run's folder: what lies in it when a run begins, and how files come into it whole.

    OUT/recipe.yaml      what was asked, resolved
    OUT/metrics.jsonl    what each step came to (`plurel_rt.reports`)
    OUT/checkpoints/     `plurel_rt.checkpoint`

Not here: what a run does.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from plurel.config.files import read
from plurel.errors import RequestError
from plurel_rt.checkpoint import (
    CHECKPOINTS,
    drop_checkpoint,
    find_checkpoint,
    list_checkpoints,
    read_info,
    step_of,
)

RECIPE = "recipe.yaml"


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


def make_room(out: Path, start: Path | None, *, overwrite: bool) -> bool:
    """Sees to it that a folder holds no checkpoint which the run that begins would replace.

    Args:
        out: the run's folder.
        start: the checkpoint from which it goes on, there or elsewhere.
        overwrite: remove such checkpoints.

    Returns:
        Whether the run goes on in this folder, so that what was written up to `start` belongs to it.

    Raises:
        RunExistsError: there are some and they are not to be overwritten.
    """
    within = start is not None and start.parent.absolute() == (out / CHECKPOINTS).absolute()
    first = step_of(start) + 1 if start is not None and within else 0
    later = [each for each in list_checkpoints(out) if step_of(each) >= first]
    if later and not overwrite:
        last = step_of(later[-1])
        held = f"a run at step {last}" if not within else f"checkpoints after step {first - 1}, up to {last}"
        raise RunExistsError(
            f"{out} holds {held}: `--resume {out}` goes on from there, `--overwrite` removes it, and another "
            "folder is set by `--set out=FOLDER`"
        )
    for each in reversed(later):
        drop_checkpoint(each)
    return within


def write_whole(file: Path, text: str) -> None:
    """Writes a file so that whoever reads it finds the old text or the new one, never a part."""
    building = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with building.open("w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        building.replace(file)
    finally:
        building.unlink(missing_ok=True)
