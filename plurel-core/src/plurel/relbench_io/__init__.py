"""RelBench directories: one directory that RelBench 1.x, 2.x and 3.x read, with what `columns.yaml` adds.

Reading gives names and paths and no rows, and brings neither pandas nor relbench. Not here: whether a
directory keeps the contract (`plurel.validate`).
"""

from __future__ import annotations

from plurel.relbench_io.directory import DatabaseDirectory, TableDirectory, TaskDirectory
from plurel.relbench_io.origin import checked_origin, read_origin
from plurel.relbench_io.read import read_directory
from plurel.relbench_io.write import write_directory

__all__ = [
    "DatabaseDirectory",
    "TableDirectory",
    "TaskDirectory",
    "checked_origin",
    "read_directory",
    "read_origin",
    "write_directory",
]
