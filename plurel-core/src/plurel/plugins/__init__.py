"""Plugins: records of contributions, hooks that yield them, and the ledger that holds them.

A plugin's author needs `hookimpl`, `records` and a `HOOK_VERSION`; see `plurel.plugins.hookspecs`.
"""

from __future__ import annotations

from plurel._siblings import install_line
from plurel.plugins import records
from plurel.plugins.entries import CHOOSES, Entry, PluginRow
from plurel.plugins.hookspecs import HOOK_VERSION, hookimpl
from plurel.plugins.ledger import Ledger, canonical, get_ledger, provenance, used

__all__ = [
    "CHOOSES",
    "HOOK_VERSION",
    "Entry",
    "Ledger",
    "PluginRow",
    "canonical",
    "get_ledger",
    "hookimpl",
    "install_line",
    "provenance",
    "records",
    "used",
]
