"""The record of a run of `plurel generate`, beside its databases: what made them, and which bytes they are.

It depends on the databases alone, not on when, where or in how many goes they were made. Not here: what each
database says of itself (`generation.manifest`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plurel.errors import DatabaseError
from plurel.generation.manifest import computed_by, config_identity
from plurel.places import write_whole
from plurel.relbench_io.origin import ORIGIN

if TYPE_CHECKING:
    from plurel.config import ResolvedConfig
    from plurel.generation.batch import Failed, Made

RECORD = "plurel-run.json"
FORMAT_VERSION = 1


def write_record(
    out: Path, resolved: ResolvedConfig, made: Sequence[Made], failed: Sequence[Failed] = ()
) -> dict[str, Any]:
    """Write `plurel-run.json`, whole or not at all.

    Databases of earlier runs of the same config that are still there stay on record.

    Args:
        out: the directory of databases.
        resolved: the config of the run.
        made: its databases.
        failed: those that could not be made.

    Returns:
        The document. A database's `sha256` is that of its `plurel.json`, which has the checksums of all its
        other files.
    """
    document: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        **json.loads(json.dumps(config_identity(resolved, but=("cache_dir",)))),
        "computed_by": computed_by(),
    }
    databases = _earlier(out, document)
    databases |= {database.path.name: _entry(database) for database in made}
    by_seed = sorted(databases, key=lambda name: int(databases[name]["seed"]))
    document["databases"] = {name: databases[name] for name in by_seed}
    if failed:
        document["failed"] = {one.path.name: {"seed": one.seed, "reason": one.reason} for one in failed}
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    if _text(out / RECORD) != text:
        write_whole(out / RECORD, text)
    return document


def _text(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def _entry(database: Made) -> dict[str, Any]:
    file = database.path / ORIGIN
    try:
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        raise DatabaseError(f"{file} cannot be read: {error.strerror}") from error
    return {"seed": database.seed, "tables": database.tables, "rows": database.rows, "sha256": digest}


def _earlier(out: Path, document: dict[str, Any]) -> dict[str, Any]:
    """What an earlier record says of databases that are there, if it is one of the same config."""
    try:
        said = json.loads(_text(out / RECORD) or "{}")
        known: dict[str, Any] = said["databases"]
        if any(said.get(name) != value for name, value in document.items()):
            return {}
        return {
            name: entry
            for name, entry in known.items()
            if isinstance(entry["seed"], int) and (out / name / ORIGIN).is_file()
        }
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return {}  # none, or none of ours; it is written anew
