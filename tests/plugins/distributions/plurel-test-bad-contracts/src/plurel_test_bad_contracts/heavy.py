"""A plugin module that brings a heavy library along."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from plurel.plugins import hookimpl, records

HOOK_VERSION = 1
PI = np.pi


@hookimpl
def plurel_layouts() -> Iterable[records.Layout]:
    """A good layout in a heavy plugin."""
    yield records.Layout(
        name="heavy", summary="breaks a rule", factory="plurel_test_bad_contracts.layouts:Good"
    )
