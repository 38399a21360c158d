"""Which form a directory has, by the signs that the forms' plugins name; no plugin's code is imported."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import cast

from plurel import _siblings
from plurel.errors import RequestError
from plurel.plugins import Entry, Ledger
from plurel.plugins.records import Artefact

_LOOK_AT, _NAME = 1000, 3


def recognise(path: Path, ledger: Ledger, form: str | None = None) -> Entry:
    """The form of the artefact at a path.

    Args:
        path: a directory.
        ledger: where the forms are.
        form: take it for this one, whatever its signs.

    Returns:
        The contribution that reads and checks it.

    Raises:
        RequestError: where there is no directory, it has the signs of no form or of several, or `form` is
            unknown.
    """
    if form is not None:
        entry = ledger.find("artefacts", form)
        _check_directory(path, [entry])
        return entry
    forms = list(ledger.entries("artefacts"))
    _check_directory(path, forms)
    found = [entry for entry in forms if _shows(path, entry)]
    if len(found) == 1:
        return found[0]
    if found:
        raise RequestError(
            f"{path} has the signs of several forms: {_names(found)}; --form NAME says which one is meant"
        )
    raise RequestError(f"{path} is {_none_of(forms)}{_inside(path, forms)}{_not_installed(path)}")


def _check_directory(path: Path, forms: list[Entry]) -> None:
    if not path.is_dir():
        what = "a file" if path.exists() else "not there"
        raise RequestError(f"{path} is {what}; expected a directory: {_names(forms)}")


def _signs(entry: Entry) -> tuple[str, ...]:
    return cast(Artefact, entry.record).signs


def _shows(path: Path, entry: Entry) -> bool:
    return any(next(path.glob(sign), None) is not None for sign in _signs(entry))


def _names(forms: list[Entry]) -> str:
    return " or ".join(f"a {entry.name} (with {', '.join(_signs(entry))})" for entry in forms)


def _none_of(forms: list[Entry]) -> str:
    return f"neither {_names(forms).replace(' or ', ' nor ')}" if len(forms) > 1 else f"not {_names(forms)}"


def _inside(path: Path, forms: list[Entry]) -> str:
    """What lies one level deeper: people name the folder that holds their databases."""
    found = list(islice(_children(path, forms), _NAME + 1))
    if not found:
        return ""
    more = ", ..." if len(found) > _NAME else ""
    return f"; inside it: {', '.join(found[:_NAME])}{more}"


def _children(path: Path, forms: list[Entry]) -> Iterator[str]:
    for child in sorted(islice(path.iterdir(), _LOOK_AT)):
        if child.is_dir():
            for entry in forms:
                if _shows(child, entry):
                    yield f"{child.name} (a {entry.name})"


def _not_installed(path: Path) -> str:
    for name, (owner, sign) in _siblings.ARTEFACTS.items():
        if not _siblings.is_installed(owner) and next(path.glob(sign), None) is not None:
            return f"; it may be a {name}, which {owner} reads: {_siblings.install_line(owner)}"
    return ""
