"""The folder of scores: `scores.json`, and predictions as RelBench's leaderboard has them.

    OUT/scores.json                  the figures; there when everything else is
    OUT/<database>__<task>.csv       a prediction a row
    OUT/scored_from.json             what they were made from, where whoever wrote them says so

Not here: the scoring (`plurel_rt.evaluate`), and how a process holds the folder (`plurel.places`).
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from plurel.errors import RequestError
from plurel.places import draft, sync
from plurel_rt import baselines

if TYPE_CHECKING:
    from plurel_rt.evaluate import TaskScore
    from plurel_sampler import Store

SCORES, SCORED_FROM = "scores.json", "scored_from.json"
_PREDICTIONS = re.compile(r".+__.+\.csv", re.DOTALL)


def strangers(out: Path) -> list[str]:
    """What lies in a folder that no scores have, sorted; drafts, which are hidden, aside."""
    return [name for name in _entries(out) if not _is_ours(name)]


def check_room(out: Path, *, overwrite: bool) -> None:
    """Refuses a folder in which scores would replace something.

    Args:
        out: the folder.
        overwrite: whether earlier scores may be replaced; nothing else ever is.

    Raises:
        plurel.errors.RequestError: it holds something else, or scores that may not be replaced.
    """
    strange = strangers(out)
    if strange:
        raise RequestError(f"{out} holds {strange[0]}, which no scores have; choose another folder")
    if _entries(out) and not overwrite:
        raise RequestError(f"{out} holds scores already; --overwrite replaces them, or choose another folder")


def write_scores(
    scores: Sequence[TaskScore], store: Store, out: Path, made_from: Mapping[str, Any] | None = None
) -> None:
    """Writes scores and predictions; earlier ones in the folder go.

    Every file is written under a hidden name first, and `scores.json` gets its name last: a folder with it
    is whole.

    Args:
        scores: of one store.
        store: that store.
        out: the folder; made if it is not there.
        made_from: the content of `scored_from.json`.
    """
    out.mkdir(parents=True, exist_ok=True)
    with draft(out / "scores") as unfinished:
        for score in scores:
            _write_predictions(score, store, unfinished / f"{store.path.resolve().name}__{score.task}.csv")
        if made_from is not None:
            _write_json(made_from, unfinished / SCORED_FROM)
        document = {"store": str(store.path), "scores": [score.to_dict() for score in scores]}
        _write_json(document, unfinished / SCORES)
        for file in unfinished.iterdir():
            sync(file)
        for name in sorted(filter(_is_ours, _entries(out)), key=lambda name: name != SCORES):
            (out / name).unlink()
        sync(out)
        for name in sorted(_entries(unfinished), key=lambda name: name == SCORES):
            (unfinished / name).rename(out / name)
        sync(out)


def _entries(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    return sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith("."))


def _is_ours(name: str) -> bool:
    return name in (SCORES, SCORED_FROM) or _PREDICTIONS.fullmatch(name) is not None


def _write_json(document: Mapping[str, Any], file: Path) -> None:
    file.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def _write_predictions(score: TaskScore, store: Store, file: Path) -> None:
    info = store.tasks[score.task]
    rows = score.predictions.rows
    columns: dict[str, NDArray[Any]] = {
        info.entity_column: store.parent_ids(score.task, info.entity_column)[rows]
    }
    if info.time_column is not None:
        moments = baselines.cutoffs(store, score.task)[rows].astype("datetime64[us]")
        columns[info.time_column] = np.datetime_as_string(moments)
    columns[info.target_column] = score.predictions.predicted
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
