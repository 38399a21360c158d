"""A small real source that needs no file."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from plurel.relbench_io import write_directory
from plurel.schema import ForeignKey, Schema, Table
from plurel.tasks import TaskDefinition

if TYPE_CHECKING:
    from plurel.plugins.requests import ImportRequest

TREES, HARVESTS = 8, 120

SCHEMA = Schema(
    tables=[
        Table(name="trees", rows=TREES, role="entity", primary_key="tree"),
        Table(
            name="harvests",
            rows=HARVESTS,
            role="activity",
            primary_key="harvest",
            time_column="day",
            foreign_keys=[ForeignKey(column="tree", parent="trees")],
        ),
    ]
)


class Orchard:
    """Trees, and what each yielded day by day."""

    def run(self, request: ImportRequest) -> Path:
        """Write the directory with one task: how many kilograms a harvest brings."""
        rows = np.arange(HARVESTS)
        trees = pd.DataFrame(
            {
                "tree": np.arange(TREES),
                "sort": [["apple", "pear", "quince of the south"][tree % 3] for tree in range(TREES)],
            }
        )
        harvests = pd.DataFrame(
            {
                "harvest": rows,
                "tree": rows % TREES,
                "stars": rows * 7 % 5 + 1,
                "kilograms": rows % TREES + np.sin(rows),
                "day": pd.date_range("2020-01-01", periods=HARVESTS, freq="D"),
            }
        )
        val, test = datetime(2020, 3, 15), datetime(2020, 4, 5)  # noqa: DTZ001 - moments without zone
        labels = harvests[["day", "harvest", "kilograms"]]
        task = TaskDefinition(
            name="harvest-kilograms",
            kind="autocomplete",
            task_type="regression",
            entity_table="harvests",
            entity_col="harvest",
            target_col="kilograms",
            time_col="day",
            hidden=("kilograms",),
            splits={
                "train": labels[labels["day"] <= val],
                "val": labels[(labels["day"] > val) & (labels["day"] <= test)],
                "test": labels[labels["day"] > test],
            },
        )
        return write_directory(
            request.out,
            name="rel-orchard",
            tables={"trees": trees, "harvests": harvests},
            schema=SCHEMA,
            val_timestamp=val,
            test_timestamp=test,
            tasks=[task],
            extra={"source": "made up"},
        )
