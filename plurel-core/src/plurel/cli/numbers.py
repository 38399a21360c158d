"""Whole numbers on the command line. Not here: their bounds, which options state themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from plurel.config.problems import shown

if TYPE_CHECKING:
    from cyclopts import Token


def whole(_: type, tokens: Sequence[Token]) -> int:
    """Converter of options that take a whole number; cyclopts' own rounds 1.5 to 2.

    Raises:
        ValueError: for anything else.
    """
    text = tokens[0].value
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"expected a whole number, got {shown(text)}") from None
