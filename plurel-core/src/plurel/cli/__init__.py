"""The `plurel` command: a frame that finds commands in the ledger and runs one of them."""

from __future__ import annotations

from plurel.cli.frame import main

__all__ = ["main"]
