"""Breaches of the contract, collected as they are found."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from attrs import field, frozen

from plurel.errors import DatabaseError


@frozen
class Breach:
    """One breach.

    Attributes:
        rule: the rule's short name.
        where: file, table and column.
        message: what is wrong and what would be right.
    """

    rule: str
    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message} [{self.rule}]"


@frozen
class Breaches:
    """Collects breaches in the order in which they are found."""

    found: list[Breach] = field(factory=list)

    def add(self, rule: str, where: str, message: str) -> None:
        """Note a breach."""
        self.found.append(Breach(rule, where, message))

    @contextmanager
    def unreadable(self, where: str) -> Iterator[None]:
        """Note what a damaged file keeps the checks of this block from reading, and go on after it."""
        try:
            yield
        except DatabaseError as error:
            self.add("files", where, str(error))

    def unknown_keys(self, rule: str, where: str, keys: object, known: frozenset[str]) -> None:
        """Note the keys of a mapping that nobody knows."""
        if isinstance(keys, dict):
            extra = sorted(str(key) for key in keys if key not in known)
            if extra:
                self.add(
                    rule, where, f"unknown keys {', '.join(extra)}; known are {', '.join(sorted(known))}"
                )
