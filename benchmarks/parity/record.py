"""What both sides write of a database and the statistics read: one file of arrays a seed.

It imports numpy alone and runs in the reference's environment and in ours. Numbers are kept in single
precision, which both sides compute in. Not here: how databases are made, or what is measured.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

NARROW: Mapping[str, Mapping[str, type]] = {
    "links": {"i": np.int32},
    "columns": {"f": np.float32, "b": np.bool_},
    "raw": {"f": np.float32, "i": np.int16},
}
"""The dtype that each part is written in, by the kind of its dtype."""


class Planned(NamedTuple):
    """A feature column as it was drawn, whether it was kept or dropped.

    Attributes:
        name: its name.
        kind: `number` or `category`.
        node: its node in the table's causal graph.
    """

    name: str
    kind: str
    node: int


class TableRecord(NamedTuple):
    """A finished table and its causes.

    Attributes:
        name: its name.
        rows: its number of rows.
        parents: the parent table of each foreign key, by column.
        links: the parent row of each row by column, -1 for none, `[rows]` i32.
        columns: the kept features by name, `[rows]` f32 with NaN for missing, or bool.
        raw: every planned feature by name before anything happened to it (transform, missing cells, collapse
            of labels), as child tables read it, `[rows]` f32 or i16 labels; a constant one may be absent.
        times: microseconds since 1970, `[rows]` i64; None without a time column.
        planned: its features as drawn.
        mode: `eager` or `lazy`.
        edges: causes inside the table, `[edges, 2]` nodes; only ancestors of columns need be there.
    """

    name: str
    rows: int
    parents: Mapping[str, str]
    links: Mapping[str, np.ndarray]
    columns: Mapping[str, np.ndarray]
    raw: Mapping[str, np.ndarray]
    times: np.ndarray | None
    planned: tuple[Planned, ...]
    mode: str
    edges: np.ndarray


class DatabaseRecord(NamedTuple):
    """A finished database.

    Attributes:
        seed: its seed.
        seconds: CPU seconds that its generation took.
        val: start of validation, microseconds since 1970.
        test: start of test.
        tables: its tables.
    """

    seed: int
    seconds: float
    val: int
    test: int
    tables: tuple[TableRecord, ...]


def write_record(path: Path, record: DatabaseRecord) -> None:
    """Write a record; an interrupted process leaves no half file under its name."""
    arrays: dict[str, np.ndarray] = {}
    tables: list[dict[str, Any]] = []
    for table in record.tables:
        said = table._asdict()
        for part in ("links", "columns", "raw"):
            for name, values in said.pop(part).items():
                arrays[f"{table.name}/{part}/{name}"] = values.astype(NARROW[part][values.dtype.kind])
        times = said.pop("times")
        if times is not None:
            arrays[f"{table.name}/times"] = times
        arrays[f"{table.name}/edges"] = np.asarray(said.pop("edges"), dtype=np.int32).reshape(-1, 2)
        tables.append(said)
    head = {**record._asdict(), "tables": tables}
    part = path.with_suffix(f".{os.getpid()}.part")
    with part.open("wb") as file:
        np.savez(file, head=np.frombuffer(json.dumps(head).encode(), dtype=np.uint8), **arrays)
    part.replace(path)


def write_missing(folder: Path, seeds: Sequence[int], make: Callable[[int], DatabaseRecord]) -> None:
    """Write the records of a folder that are not there yet; one that fails does not stop the others.

    Raises:
        SystemExit: at the end, where a database failed; each is named with its reason when it does.
    """
    failed = []
    for seed in seeds:
        path = folder / f"{seed}.npz"
        if path.exists():
            continue
        try:
            write_record(path, make(seed))
        except Exception as error:  # whatever a generator may raise: the others are worth comparing
            if not failed:
                traceback.print_exc()
            print(f"seed {seed} failed: {error!r}", file=sys.stderr)
            failed.append(seed)
    if failed:
        sys.exit(f"seeds that failed: {failed}")


def read_record(path: Path) -> DatabaseRecord:
    """Read what `write_record` wrote."""
    with np.load(path) as file:
        head = json.loads(file["head"].tobytes())
        arrays = {name: file[name] for name in file.files if name != "head"}

    def parts(table: str, part: str) -> dict[str, np.ndarray]:
        start = f"{table}/{part}/"
        return {name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)}

    tables = tuple(
        TableRecord(
            **{
                **said,
                "planned": tuple(Planned(*column) for column in said["planned"]),
                "links": parts(said["name"], "links"),
                "columns": parts(said["name"], "columns"),
                "raw": parts(said["name"], "raw"),
                "times": arrays.get(f"{said['name']}/times"),
                "edges": arrays[f"{said['name']}/edges"],
            }
        )
        for said in head.pop("tables")
    )
    return DatabaseRecord(**head, tables=tables)


def gather(values: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Parents' values for each child row as f64; missing where the key is null."""
    return np.where(rows >= 0, values[rows].astype(np.float64), np.nan)
