"""`plurel inspect`: what a database, a store or a checkpoint holds. Not here: reading them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from attrs import asdict
from cyclopts import App, Parameter

from plurel.artefacts.contents import Contents
from plurel.artefacts.origins import Origin, trace
from plurel.artefacts.recognise import recognise
from plurel.cli.output import Reporter, reporter
from plurel.plugins import get_ledger
from plurel.plugins.requests import ArtefactRequest
from plurel.validate.breaches import Breach

app = App(name="inspect", help="Show what a database, a store or a checkpoint holds.")


@app.default
def inspect(
    path: Path,
    /,
    *,
    form: str | None = None,
    verify: Literal["lengths", "checksums"] = "lengths",
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Show what a database, a store or a checkpoint holds, and what made it.

    Args:
        path: Its directory.
        form: Take it for this form (database, store, checkpoint, or a plugin's), whatever it looks like.
        verify: How closely its files are looked at: as far as they are opened, or checksums and all else that
            plurel validate compares.
        json: Print one JSON document.
    """
    say = reporter(json=json)
    ledger = get_ledger()
    entry = recognise(path, ledger, form)
    artefact, request = entry.build(), ArtefactRequest(path=path)
    contents: Contents = artefact.inspect(request)
    breaches: Sequence[Breach] = artefact.validate(request) if verify == "checksums" else ()
    origins = trace(contents.contributions, ledger, path)
    files = sizes(path)
    say.emit(
        {
            "path": str(path),
            "form": entry.name,
            **contents.facts,
            "contributions": [asdict(origin) for origin in origins],
            "files": files,
            "bytes": sum(files.values()),
            **({"breaches": [asdict(breach) for breach in breaches]} if verify == "checksums" else {}),
        }
    )
    say.result(f"{entry.name} {path}, {human(sum(files.values()))}")
    say.result(contents.summary)
    for listing in contents.listings:
        say.result("")
        say.table(listing.title, listing.columns, listing.rows)
    _say_sizes(say, files)
    _say_origins(say, origins)
    for breach in breaches:
        say.result(str(breach))
    return 1 if breaches else 0


def sizes(path: Path) -> dict[str, int]:
    """Bytes of every file below a directory, by its name from there, sorted."""
    return {
        file.relative_to(path).as_posix(): file.stat().st_size
        for file in sorted(path.rglob("*"))
        if file.is_file()
    }


def human(count: float) -> str:
    """A number of bytes for people.

    Example:
        >>> human(999), human(1_500_000)
        ('999 B', '1.5 MB')
    """
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def _say_sizes(say: Reporter, files: dict[str, int]) -> None:
    """Sizes on disk, by the first part of each name."""
    by_part: Counter[str] = Counter()
    for name, size in files.items():
        head, slash, _ = name.partition("/")
        by_part[head + slash] += size
    say.result("")
    say.table("on disk", ["file", "size"], [(name, human(size)) for name, size in by_part.items()])


def _say_origins(say: Reporter, origins: Sequence[Origin]) -> None:
    if not origins:
        return
    counts = Counter((origin.dist, origin.version) for origin in origins)
    now = {origin.dist: origin.installed for origin in origins if origin.installed is not None}
    say.result("")
    say.table(
        "made by",
        ["distribution", "version", "installed now", "contributions"],
        [(dist, version, now.get(dist, "none"), count) for (dist, version), count in sorted(counts.items())],
    )
    for origin in origins:
        if origin.state != "installed":
            say.result(f"{'missing' if origin.state == 'missing' else 'changed'}: {origin.words}")
