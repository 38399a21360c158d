"""`plurel census`: rows of a database's tables."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as parquet
from cyclopts import App

from plurel.cli.output import reporter
from plurel.relbench_io import read_directory

app = App(name="census", help="Count the rows of a database.")


@app.default
def census(database: Path, *, json: bool = False) -> None:
    """Count the rows of a database.

    Args:
        database: A RelBench directory.
        json: Print one JSON document.
    """
    tables = read_directory(database).tables
    rows = {name: parquet.read_metadata(table.file).num_rows for name, table in tables.items()}
    say = reporter(json=json)
    say.emit({"rows": rows})
    say.table(f"rows of {database}", ["table", "rows"], list(rows.items()))
