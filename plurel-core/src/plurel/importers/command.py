"""`plurel import`: a real source as a RelBench directory. Not here: the importers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from plurel.artefacts.origins import grouped, keys_listing
from plurel.cli.output import Reporter, reporter
from plurel.importers.run import run_importer
from plurel.places import refuse_inside, refuse_taken
from plurel.plugins import get_ledger
from plurel.plugins.requests import ImportRequest
from plurel.relbench_io import DatabaseDirectory, read_directory, read_origin

app = App(name="import", help="Make a RelBench directory of a real source.")


@app.default
def import_source(
    name: str,
    /,
    *,
    out: Path,
    source: Path | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Make a RelBench directory of a real source.

    Args:
        name: An importer, as `plurel plugins list --kind importers` shows them.
        out: The directory to make.
        source: Where the source lies; the importer's own place by default.
        json: Print one JSON document.
    """
    say = reporter(json=json)
    importer = get_ledger().find("importers", name)
    refuse_taken(out, another="--out")
    refuse_inside(out, "choose another --out")
    with say.progress(f"importing {name}"):
        directory = read_directory(run_importer(importer, ImportRequest(out=out, source=source)))
    facts = read_origin(directory.path) or {}
    say.emit(
        {"name": directory.name, "path": str(directory.path), "tasks": list(directory.tasks), "facts": facts}
    )
    _say(say, directory, facts)


def _say(say: Reporter, directory: DatabaseDirectory, facts: dict[str, Any]) -> None:
    rows = facts.get("rows", {})
    say.table(
        f"{directory.name} in {directory.path}",
        ["table", "rows", "primary key", "time column"],
        [
            (name, grouped(rows.get(name)), table.primary_key, table.time_column)
            for name, table in directory.tables.items()
        ],
    )
    keys = keys_listing(facts)
    if keys is not None and keys.rows:
        say.result("")
        say.table(keys.title, keys.columns, keys.rows)
    say.result("")
    say.result(f"tasks: {', '.join(directory.tasks) or 'none'}")
