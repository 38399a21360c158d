"""What an artefact holds, as its plugin tells it: plain facts, and the same as tables for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen


@frozen(kw_only=True)
class Listing:
    """A table for people.

    Attributes:
        title: stands above it.
        columns: its headings.
        rows: its cells, one a heading; None as nothing.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]


@frozen(kw_only=True)
class Contents:
    """What an artefact holds.

    Attributes:
        summary: a line for people.
        facts: everything, JSON-able; without paths, sizes and contributions, which core adds.
        listings: the same for people, as far as they want it.
        contributions: what made it, as `plurel.plugins.provenance` wrote it down.
    """

    summary: str
    facts: Mapping[str, Any]
    listings: Sequence[Listing] = ()
    contributions: Sequence[Mapping[str, Any]] = ()
