"""Checks of `plurel.json`: does it belong to the database, and are the files as they were written?"""

from __future__ import annotations

from pathlib import Path

from plurel.relbench_io.origin import ORIGIN, changed, differences, read_origin
from plurel.validate.breaches import Breaches
from plurel.validate.database import Database


def check_origin(root: Path, database: Database | None, breaches: Breaches) -> None:
    """Note where `plurel.json` and the files beside it differ; a database without one has no such breach.

    Args:
        root: the directory.
        database: what its manifest says, None where that cannot be read.
        breaches: where to note it.
    """
    with breaches.unreadable(ORIGIN):
        said = read_origin(root)
        if said is None:
            return
        if database is not None:
            for words in differences(root, database.name, database.tables, said):
                breaches.add("origin", ORIGIN, f"belongs to another database: {words}")
        for file, words in changed(root, said):
            breaches.add("checksum", file, words)
