"""Databases of plurel 1.1.0, in the reference's own environment: `python -m parity.peer FOLDER SEED...`.

The reference keeps the causal model of a table only while it makes a database, so a subclass remembers each.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from parity.record import DatabaseRecord, Planned, TableRecord, write_missing

import plurel.dataset
from plurel import Config, SyntheticDataset

models: dict[str, Any] = {}
"""The causal models of the database in the making, by table."""


class RememberedSCM(plurel.dataset.SCM):  # type: ignore[misc]
    """The reference's causal model of a table; tells where it is, and keeps what the finish overwrites."""

    def generate_df(self, **arguments: Any) -> Any:
        """Generate the rows and keep the features as they are now."""
        frame = super().generate_df(**arguments)
        self.raw = {column: frame[column].to_numpy(copy=True) for column in self.feature_columns}
        models[self.table_name] = self
        return frame


def table_record(name: str, table: Any) -> TableRecord:
    """A finished table of the reference with the graph of its model."""
    model, frame = models[name], table.df
    graph = model.dag.graph
    kept = [column for column in model.feature_columns if column in frame]
    nodes = {graph.nodes[node]["col_name"]: int(node) for node in model.col_nodes}
    return TableRecord(
        name=name,
        rows=len(frame),
        parents=dict(table.fkey_col_to_pkey_table),
        links={column: frame[column].to_numpy() for column in table.fkey_col_to_pkey_table},
        columns={column: frame[column].to_numpy() for column in kept},
        raw=model.raw,
        times=None if table.time_col is None else microseconds(frame[table.time_col]),
        planned=tuple(
            Planned(column, "category" if said["categories"] else "number", nodes[column])
            for column, said in model.feature_columns.items()
        ),
        mode=str(model.propagation_mode).removeprefix("type_"),
        edges=np.array(graph.edges, dtype=np.int64).reshape(-1, 2),
    )


def microseconds(times: Any) -> np.ndarray:
    """Times as microseconds since 1970."""
    return times.to_numpy().astype("datetime64[us]").astype(np.int64)


def make(seed: int) -> DatabaseRecord:
    """One database of the reference's default configuration."""
    models.clear()
    started = time.process_time()
    dataset = SyntheticDataset(seed=seed, config=Config())
    database = dataset.make_db()
    return DatabaseRecord(
        seed=seed,
        seconds=time.process_time() - started,
        val=int(dataset.val_timestamp.value // 1000),
        test=int(dataset.test_timestamp.value // 1000),
        tables=tuple(table_record(name, table) for name, table in database.table_dict.items()),
    )


if __name__ == "__main__":
    plurel.dataset.SCM = RememberedSCM
    write_missing(Path(sys.argv[1]), [int(seed) for seed in sys.argv[2:]], make)
