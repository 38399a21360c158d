"""Whether an environment is what a set pins, and works: run by `nox -s pinned`.

Arguments: the set, and a database that was generated in this environment.
"""

from __future__ import annotations

import json
import sys
from importlib import metadata
from pathlib import Path

from plurel.plugins import get_ledger

FAMILY = ("plurel-core", "plurel-layouts", "plurel-scm")


def main(constraints: Path, database: Path) -> None:
    """Compare pins, installed versions, the ledger's and those that the database names."""
    lines = [line for line in constraints.read_text().splitlines() if "==" in line]
    pins = dict(line.split("==") for line in lines)
    for name in FAMILY:
        installed = metadata.version(name)
        assert installed == pins[name], f"{name} {installed} where {pins[name]} is pinned"
    assert pins["plurel-core"] != pins["plurel-layouts"], "the set holds one version of everything"
    assert {row.dist: row.version for row in get_ledger().plugins if row.status == "ok"} == {
        name: pins[name] for name in FAMILY
    }
    origins = json.loads((database / "plurel.json").read_text())["contributions"]
    used = {origin["id"].partition(":")[0]: origin["version"] for origin in origins}
    assert used == {name: pins[name] for name in FAMILY}, used


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
