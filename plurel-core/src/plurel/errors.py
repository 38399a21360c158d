"""Errors that people meet, each with its place in the tree and the exit code of the command line.

Not here: errors of the packed store, which `plurel_sampler` owns because it stands alone.
"""

from __future__ import annotations

from typing import ClassVar


class PlurelError(Exception):
    """Work that could not be done. Messages say what, where and what would have been right."""

    exit_code: ClassVar[int] = 1


class RequestError(PlurelError):
    """The request itself was wrong: an unknown name, a bad config, a missing file.

    Attributes:
        problems: the single errors, where the message tells of several.
    """

    exit_code: ClassVar[int] = 2
    problems: tuple[RequestError, ...] = ()


class ConfigError(RequestError):
    """A config that breaks its contract; the message ends in the path of the value (`@ $.a.b`).

    Args:
        message: what is wrong and what would have been right.
        path: where, as in `.a.b[0]`; None where no place is to blame, or the message names several.
    """

    def __init__(self, message: str, path: str | None = None) -> None:
        super().__init__(message, path)
        self.message = message
        self.path = path

    def __str__(self) -> str:
        return self.message if self.path is None else f"{self.message} @ ${self.path}"

    def within(self, prefix: str) -> ConfigError:
        """The same error seen from further up: its place lies below `prefix`."""
        return ConfigError(self.message, prefix + (self.path or ""))


class UnknownNameError(RequestError):
    """A name that no installed plugin contributes.

    Args:
        message: which name, what is known and what is closest.
        note: what is worth saying once, however many names are unknown: plugins that failed or are off.
    """

    def __init__(self, message: str, note: str = "") -> None:
        super().__init__(message, note)
        self.message = message
        self.note = note

    def __str__(self) -> str:
        return f"{self.message}; {self.note}" if self.note else self.message


class AmbiguousNameError(RequestError):
    """A bare name that several distributions contribute."""


class NotInstalledError(UnknownNameError):
    """A name whose owner is known but not installed, or a library that this request needs.

    Args:
        message: what is missing and how to install it.
        distributions: names of the distributions that are missing.
        note: as of `UnknownNameError`.
    """

    def __init__(self, message: str, *distributions: str, note: str = "") -> None:
        super().__init__(message, note)
        self.args = (message, *distributions)
        self.distributions = distributions


class PluginError(PlurelError):
    """A plugin that failed, or a record that breaks its contract (raised under strict plugins)."""


class DatabaseError(PlurelError):
    """A database directory that breaks the RelBench contract, or one that cannot be read."""


class GenerationError(PlurelError):
    """A database that could not be generated as asked."""


class PluginWarning(UserWarning):
    """A plugin that does not work, or will not work for long; everything else goes on."""
