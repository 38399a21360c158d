"""Errors that people meet, each with its place in the tree and the exit code of the command line.

Not here: errors of the packed store, which `plurel_sampler` owns because it stands alone.
"""

from __future__ import annotations

from typing import ClassVar


class PlurelError(Exception):
    """Work that could not be done. Messages say what, where and what would have been right."""

    exit_code: ClassVar[int] = 1


class RequestError(PlurelError):
    """The request itself was wrong: an unknown name, a bad config, a missing file."""

    exit_code: ClassVar[int] = 2


class ConfigError(RequestError):
    """A config that breaks its contract; the message ends in the path of the value (`@ $.a.b`)."""


class UnknownNameError(RequestError):
    """A name that no installed plugin contributes."""


class AmbiguousNameError(RequestError):
    """A bare name that several distributions contribute."""


class NotInstalledError(RequestError):
    """A part of plurel, or a library it needs for this request, is not installed."""


class PluginError(PlurelError):
    """A plugin that failed, or a record that breaks its contract (raised under strict plugins)."""


class DatabaseError(PlurelError):
    """A database directory that breaks the RelBench contract, or one that cannot be read."""


class GenerationError(PlurelError):
    """A database that could not be generated as asked."""


class PluginWarning(UserWarning):
    """A plugin that does not work, or will not work for long; everything else goes on."""
