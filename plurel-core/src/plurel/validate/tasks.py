"""Checks of tasks: their manifests, and what kind of labels RelBench would make of them.

Not here: the cells of the label files (`plurel.validate.labels`).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from plurel.errors import DatabaseError
from plurel.relbench_io.directory import KINDS, SPLITS, TASK_TYPES
from plurel.relbench_io.moments import iso
from plurel.relbench_io.read import read_yaml
from plurel.validate.breaches import Breaches
from plurel.validate.database import MISSING, Database, Task
from plurel.validate.labels import check_labels
from plurel.validate.manifest import check_plain

_KEYS = frozenset(
    {
        "name", "kind", "task_type", "description", "entity_table", "entity_col", "target_col", "time_col",
        "src_entity_table", "src_entity_col", "dst_entity_table", "dst_entity_col", "eval_k", "timedelta",
        "num_eval_timestamps", "remove_columns", "sql", "evaluator", "extra_files", "manifest_version",
    }
)  # fmt: skip
_DAY = 86_400_000_000
_TRAIN_FRAMES = 3


def check_tasks(database: Database, breaches: Breaches) -> None:
    """Note every breach in the tasks."""
    for folder in sorted(path for path in (database.root / "tasks").glob("*") if path.is_dir()):
        if not (folder / "manifest.yaml").is_file():
            breaches.add("task", f"tasks/{folder.name}", "holds no manifest.yaml")
            continue
        task = _read(database, folder, breaches)
        if task is not None:
            with breaches.unreadable(task.place):
                if task.kind == "autocomplete":
                    _check_autocomplete(task, breaches)
                if task.kind == "forecast":
                    _check_forecast(database, task, breaches)
            check_labels(database, task, breaches)


def _read(database: Database, folder: Path, breaches: Breaches) -> Task | None:
    """The task as its manifest describes it; None where its labels cannot be checked."""
    where = f"tasks/{folder.name}/manifest.yaml"
    try:
        spec = read_yaml(folder / "manifest.yaml")
    except DatabaseError as error:
        breaches.add("task", where, str(error))
        return None
    breaches.unknown_keys("task", where, spec, _KEYS)
    if spec.get("name") != folder.name:
        breaches.add("task", where, f"name is {spec.get('name')!r}, the folder's {folder.name!r}")
    kind, task_type = spec.get("kind"), spec.get("task_type")
    for key, value, known in (
        ("kind", kind, KINDS),
        ("task_type", task_type, (*TASK_TYPES, "recommendation")),
    ):
        if value not in known:
            breaches.add("task", where, f"{key} must be one of {', '.join(known)}, got {value!r}")
    _check_required(spec, where, breaches)
    _check_removed(database, spec, where, breaches)
    for split in SPLITS:
        if not (folder / f"{split}.parquet").is_file():
            breaches.add("task", f"tasks/{folder.name}/{split}.parquet", "the file is missing")
    window = _window(database, spec, where, breaches)
    if task_type == "recommendation":
        return None
    entity = database.tables.get(str(spec.get("entity_table")))
    if entity is None:
        breaches.add("task", where, f"entity_table {spec.get('entity_table')!r} is no table of the manifest")
        return None
    names = [spec.get(key) for key in ("entity_col", "target_col", "time_col")]
    if not isinstance(names[0], str) or not isinstance(names[1], str):
        return None
    check_plain(names[1], "target", where, breaches)
    return Task(
        folder=folder,
        kind=str(kind),
        task_type=str(task_type),
        entity=entity,
        entity_col=names[0],
        target=names[1],
        time=names[2] if isinstance(names[2], str) else None,
        window=window,
    )


def _check_required(spec: dict[str, Any], where: str, breaches: Breaches) -> None:
    if spec.get("task_type") == "recommendation":
        needed = ["src_entity_table", "src_entity_col", "dst_entity_table", "dst_entity_col"]
        needed += [] if spec.get("evaluator") else ["eval_k"]
    else:
        # RelBench lets an autocomplete task leave out entity_col; peers need it.
        needed = ["entity_table", "entity_col", "target_col", "time_col"]
    if spec.get("kind") == "forecast":
        needed += ["timedelta", "sql"]
    missing = [key for key in needed if not spec.get(key)]
    if missing:
        breaches.add("task", where, f"lacks {', '.join(missing)}")


def _check_removed(database: Database, spec: dict[str, Any], where: str, breaches: Breaches) -> None:
    pairs = spec.get("remove_columns") or []
    if not isinstance(pairs, list):
        breaches.add("task", where, f"remove_columns must be a list of table and column, got {pairs!r}")
        return
    for pair in pairs:
        if not (isinstance(pair, list) and len(pair) == 2):
            breaches.add("task", where, f"remove_columns must hold pairs of table and column, got {pair!r}")
            continue
        name, column = map(str, pair)
        table = database.tables.get(name)
        if table is None or table.type(column) is None:
            breaches.add("task", where, f"remove_columns names {name}.{column}, which is not there")
        elif column in table.keys:
            breaches.add("task", where, f"remove_columns names {name}.{column}, a key or a time column")
        if spec.get("kind") == "autocomplete" and [name, column] == [
            spec.get("entity_table"),
            spec.get("target_col"),
        ]:
            breaches.add(
                "task", where, f"remove_columns names the target {column}, which RelBench removes itself"
            )
        if spec.get("kind") == "forecast" and re.search(rf"\b{re.escape(column)}\b", str(spec.get("sql"))):
            breaches.add("task", where, f"remove_columns hides {name}.{column} from the task's own sql")


def _window(database: Database, spec: dict[str, Any], where: str, breaches: Breaches) -> int | None:
    """A forecast's window; every kind's is compared with the distance of the cuts, as RelBench does."""
    import pandas as pd

    text = spec.get("timedelta")
    default = _DAY if spec.get("kind") == "external" else 0
    try:
        window = default if text is None else int(pd.Timedelta(text) // pd.Timedelta(microseconds=1))
    except (ValueError, TypeError) as error:
        breaches.add("task", where, f"timedelta: {error}")
        return None
    if text is not None and window <= 0:
        breaches.add("task", where, f"timedelta must be longer than nothing, got {text!r}")
        return None
    if database.val is not None and database.test is not None and window > database.test - database.val:
        breaches.add("task", where, "timedelta must not be longer than from val_timestamp to test_timestamp")
    return window if spec.get("kind") == "forecast" and text is not None else None


def _check_autocomplete(task: Task, breaches: Breaches) -> None:
    where = f"{task.place}/manifest.yaml"
    entity = task.entity
    if entity.time_column is None:
        breaches.add("autocomplete", where, f"{entity.name!r} has no time column, so nothing can be split")
    for key, value, expected in (
        ("entity_col", task.entity_col, entity.primary_key or "primary_key"),
        ("time_col", task.time, entity.time_column),
    ):
        if value != expected:
            breaches.add("autocomplete", where, f"{key} must be {expected!r} as in the table, got {value!r}")
    if entity.schema is not None and entity.type(task.target) is None:
        breaches.add("autocomplete", where, f"target_col {task.target!r} is no column of {entity.name!r}")
    elif task.target in entity.keys:
        breaches.add(
            "autocomplete", where, f"target_col {task.target!r} is a key or the time of {entity.name!r}"
        )
    times = entity.times
    if entity.primary_key is None and times is not None:
        known = times != MISSING
        filled = times[known]
        if (known[1:] & ~known[:-1]).any() or (filled[1:] < filled[:-1]).any():
            breaches.add(
                "autocomplete",
                where,
                f"{entity.name!r} has no primary key, so its rows must be sorted by time",
            )


def _check_forecast(database: Database, task: Task, breaches: Breaches) -> None:
    """What RelBench needs to make the labels again: three train frames, and data that reaches far enough."""
    where = f"{task.place}/manifest.yaml"
    times, window, val, test = database.times, task.window, database.val, database.test
    if times is None or window is None or val is None or test is None:
        return
    first, last = times
    frames = max(0, (val - window - first) // window + 1)
    if frames < _TRAIN_FRAMES:
        breaches.add(
            "forecast", where, f"the data has room for {frames} train windows, and {_TRAIN_FRAMES} are needed"
        )
    if last < test + window:
        breaches.add(
            "forecast",
            where,
            f"the data ends at {iso(last)}, before the test window does at {iso(test + window)}",
        )
    timed = [table.times for table in database.tables.values() if table.times is not None]
    if not any(((moments >= val + window) & (moments <= test)).any() for moments in timed):
        breaches.add(
            "forecast",
            where,
            f"no row lies between {iso(val + window)} and {iso(test)}, where validation ends",
        )
