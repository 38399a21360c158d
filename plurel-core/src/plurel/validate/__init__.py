"""Whether a database directory keeps the RelBench contract: every breach, not only the first.

RelBench accepts many breaches in silence and answers wrongly later, so everything is checked here, on the
files alone, without RelBench. `docs/database-format.md` states the rules. Not here: mending.
"""

from __future__ import annotations

from pathlib import Path

from plurel.errors import RequestError
from plurel.validate.availability import check_availability
from plurel.validate.breaches import Breach, Breaches
from plurel.validate.manifest import read_manifest
from plurel.validate.origin import check_origin
from plurel.validate.tables import check_tables
from plurel.validate.tasks import check_tasks

__all__ = ["Breach", "validate_directory"]


def validate_directory(path: str | Path) -> list[Breach]:
    """Check a database directory.

    Args:
        path: the directory that holds `manifest.yaml`.

    Returns:
        Every breach found; none where the directory keeps the contract.

    Raises:
        RequestError: where there is no such directory, or it is no database.
    """
    root = Path(path)
    if not root.is_dir():
        raise RequestError(f"{root} is not a directory; expected a RelBench directory with a manifest.yaml")
    if not (root / "manifest.yaml").is_file():
        raise RequestError(f"{root} is not a RelBench directory: it holds no manifest.yaml")
    breaches = Breaches()
    database = read_manifest(root, breaches)
    if database is not None:
        check_tables(database, breaches)
        check_tasks(database, breaches)
        check_availability(database, breaches)
    check_origin(root, database, breaches)
    return breaches.found
