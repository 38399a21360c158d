"""Databases of this repository for a comparison: `python -m parity.ours PRESET FOLDER SEED...`.

Each is made twice: as the preset has it, and with nothing done to its columns, which gives the values that
child tables read (streams have names, so both hold the same draws).
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from attrs import evolve
from parity.record import DatabaseRecord, Planned, TableRecord, write_missing

from plurel import Choices, Config, SyntheticDataset
from plurel.generation.manifest import config_identity


def untouched(config: Config) -> Config:
    """The config without transforms, missing cells and collapsed categories."""
    plain = evolve(
        config.database_params,
        col_transform_choices=Choices(kind="set", value=["identity"]),
        column_nan_perc_choices=Choices(kind="range", value=[0.0, 0.0]),
        category_collapse="none",
    )
    return evolve(config, database_params=plain)


def identity(preset: str) -> str:
    """What decides the values of a preset's databases beside the seed, with versions, as JSON."""
    resolved = SyntheticDataset(seed=0, config=Config.preset(preset)).resolved
    return json.dumps(config_identity(resolved), sort_keys=True)


def saved(dataset: SyntheticDataset) -> dict[str, Any]:
    """What `plurel.json` says of a database."""
    with tempfile.TemporaryDirectory() as folder:
        said: dict[str, Any] = json.loads((dataset.save(Path(folder) / "saved") / "plurel.json").read_text())
    return said


def table_record(name: str, table: Any, raw: Any, said: dict[str, Any]) -> TableRecord:
    """A finished table with its part of the causal graph."""
    frame, finish = table.df, said["columns"][name]
    keys = dict(table.fkey_col_to_pkey_table)
    inside = [edge for edge in said["causal_graph"]["edges"] if edge["through"] is None]
    return TableRecord(
        name=name,
        rows=len(frame),
        parents=keys,
        links={column: frame[column].fillna(-1).to_numpy(dtype=np.int64) for column in keys},
        columns={column: frame[column].to_numpy() for column in finish["columns"] if column in frame},
        raw={column: raw[column].to_numpy() for column in finish["columns"] if column in raw},
        times=None if table.time_col is None else microseconds(frame[table.time_col]),
        planned=tuple(
            Planned(column, planned["planned"].partition("[")[0], planned["node"])
            for column, planned in finish["columns"].items()
        ),
        mode=finish["mode"],
        edges=np.array(
            [
                [int(edge[end].rpartition("/")[2]) for end in ("source", "target")]
                for edge in inside
                if edge["target"].startswith(f"{name}/")
            ]
        ),
    )


def microseconds(times: Any) -> np.ndarray:
    """Times as microseconds since 1970."""
    return times.to_numpy().astype("datetime64[us]").astype(np.int64)


def make(preset: str, seed: int) -> DatabaseRecord:
    """One database of a preset."""
    config = Config.preset(preset)
    started = time.process_time()
    dataset = SyntheticDataset(seed=seed, config=config)
    tables = dataset.make_db().table_dict
    seconds = time.process_time() - started
    raw = SyntheticDataset(seed=seed, config=untouched(config)).make_db().table_dict
    said = saved(dataset)
    return DatabaseRecord(
        seed=seed,
        seconds=seconds,
        val=int(dataset.val_timestamp.value // 1000),
        test=int(dataset.test_timestamp.value // 1000),
        tables=tuple(table_record(name, table, raw[name].df, said) for name, table in tables.items()),
    )


if __name__ == "__main__":
    write_missing(Path(sys.argv[2]), [int(seed) for seed in sys.argv[3:]], partial(make, sys.argv[1]))
