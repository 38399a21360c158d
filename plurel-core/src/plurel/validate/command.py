"""`plurel validate`: a database, a store or a checkpoint against its rules. Not here: the checks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from attrs import asdict
from cyclopts import App, Parameter

from plurel.artefacts.recognise import recognise
from plurel.cli.output import reporter
from plurel.plugins import get_ledger
from plurel.plugins.requests import ArtefactRequest
from plurel.validate.breaches import Breach

app = App(name="validate", help="Check a database, a store or a checkpoint; list every breach.")


@app.default
def validate(
    path: Path, /, *, form: str | None = None, json: Annotated[bool, Parameter(negative="")] = False
) -> int:
    """Check a database against the RelBench contract, a store or a checkpoint against its checksums.

    Args:
        path: Its directory.
        form: Take it for this form (database, store, checkpoint, or a plugin's), whatever it looks like.
        json: Print one JSON document.
    """
    say = reporter(json=json)
    entry = recognise(path, get_ledger(), form)
    breaches: Sequence[Breach] = entry.build().validate(ArtefactRequest(path=path))
    say.emit(
        {
            "path": str(path),
            "form": entry.name,
            "ok": not breaches,
            "breaches": [asdict(breach) for breach in breaches],
        }
    )
    for breach in breaches:
        say.result(str(breach))
    count = "no breach" if not breaches else f"{len(breaches)} breach{'es' if len(breaches) > 1 else ''}"
    say.result(f"{entry.name} {path}: {count}")
    return 1 if breaches else 0
