"""Where an artefact comes from: its contributions, which are still installed, the keys of its source.

Not here: installing them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from attrs import frozen

from plurel.artefacts.contents import Listing
from plurel.errors import DatabaseError, UnknownNameError
from plurel.plugins import Ledger

State = Literal["installed", "missing", "other revision"]
_KEY = {"table", "column", "parent", "rows", "null", "unresolved"}
_FIELDS = {"id": str, "kind": str, "version": str, "revision": int}


@frozen(kw_only=True)
class Origin:
    """A contribution that made an artefact.

    Attributes:
        id: its canonical name, `dist:name`.
        kind: its kind, as in `layouts`.
        version: the version of its distribution that was used.
        revision: its revision then.
        installed: the version of its distribution that is installed now, None where it is not.
        state: whether it is installed now; `other revision` where it would draw other values.
    """

    id: str
    kind: str
    version: str
    revision: int
    installed: str | None
    state: State

    @property
    def dist(self) -> str:
        """The distribution that brought it."""
        return self.id.partition(":")[0]

    @property
    def words(self) -> str:
        """What to say of it: which version was used, and what has become of it where that matters."""
        used = f"{self.id} ({self.kind}) of {self.dist} {self.version}"
        if self.state == "missing":
            return f"{used}, which is not installed or no longer brings it"
        if self.state == "other revision":
            return (
                f"{used}, then revision {self.revision}; the installed {self.dist} {self.installed} has "
                "another revision, which gives other values"
            )
        return used


def contributions_in(said: Mapping[str, Any], path: Path) -> list[Mapping[str, Any]]:
    """What the `plurel.json` of a database records of the contributions that made it.

    Args:
        said: its content.
        path: the database's directory.

    Raises:
        DatabaseError: where that is no list.
    """
    recorded = said.get("contributions", [])
    if not isinstance(recorded, list):
        raise DatabaseError(f"{path / 'plurel.json'}: contributions must be a list, got {recorded!r}")
    return recorded


def keys_listing(said: Mapping[str, Any]) -> Listing | None:
    """The foreign keys as an importer found them in its source, where a `plurel.json` tells of them.

    Args:
        said: its content.
    """
    keys = said.get("keys")
    if not isinstance(keys, list) or not all(isinstance(key, Mapping) and key.keys() >= _KEY for key in keys):
        return None
    return Listing(
        title="foreign keys as found in the data (null and unresolved ones are null in the directory)",
        columns=["key", "parent", "rows", "null", "unresolved"],
        rows=[
            (
                f"{key['table']}.{key['column']}",
                key["parent"],
                *(grouped(key[count]) for count in ("rows", "null", "unresolved")),
            )
            for key in keys
        ],
    )


def grouped(count: Any) -> Any:
    """A count with its digits in groups; anything else, which a damaged record may hold, as it is."""
    return f"{count:,}" if isinstance(count, int) else count


def trace(contributions: Iterable[Any], ledger: Ledger, path: Path) -> list[Origin]:
    """Look each contribution up, one of them once however often it was used.

    Args:
        contributions: what an artefact recorded.
        ledger: what is installed now.
        path: where that is recorded.

    Raises:
        DatabaseError: where the record is damaged.
    """
    found: dict[tuple[str, str], Origin] = {}
    for recorded in contributions:
        if not isinstance(recorded, Mapping) or any(
            not isinstance(recorded.get(name), kind) for name, kind in _FIELDS.items()
        ):
            raise DatabaseError(
                f"{path}: a contribution is recorded as {recorded!r}; expected id, kind, version and revision"
            )
        found.setdefault((recorded["kind"], recorded["id"]), _origin(recorded, ledger))
    return list(found.values())


def _origin(recorded: Mapping[str, Any], ledger: Ledger) -> Origin:
    installed: str | None = None
    state: State = "missing"
    try:
        entry = ledger.find(recorded["kind"], recorded["id"])
    except UnknownNameError:
        pass
    else:
        installed = entry.version
        state = "installed" if entry.record.revision == recorded["revision"] else "other revision"
    return Origin(
        id=recorded["id"],
        kind=recorded["kind"],
        version=recorded["version"],
        revision=recorded["revision"],
        installed=installed,
        state=state,
    )
