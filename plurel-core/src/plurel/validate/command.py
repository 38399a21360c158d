"""`plurel validate`: a database directory against the contract. Not here: the checks."""

from __future__ import annotations

from pathlib import Path

from attrs import asdict
from cyclopts import App

from plurel.cli.output import reporter
from plurel.validate import validate_directory

app = App(name="validate", help="Check a database directory against the RelBench contract.")


@app.default
def validate(path: Path, *, json: bool = False) -> int:
    """Check a database directory against the RelBench contract; list every breach.

    Args:
        path: The directory that holds manifest.yaml.
        json: Print one JSON document.
    """
    say = reporter(json=json)
    breaches = validate_directory(path)
    say.emit({"path": str(path), "ok": not breaches, "breaches": [asdict(breach) for breach in breaches]})
    for breach in breaches:
        say.result(str(breach))
    count = "no breach" if not breaches else f"{len(breaches)} breach{'es' if len(breaches) > 1 else ''}"
    say.result(f"{path}: {count}")
    return 1 if breaches else 0
