"""Contributes an activation called twin."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from plurel.plugins import hookimpl, records

HOOK_VERSION = 1


class Twin:
    """Draws the function that changes nothing."""

    def draw(self, stream: object) -> Callable[[Any], Any]:
        """The identity."""
        return identity


def identity(x: Any) -> Any:
    """The argument itself."""
    return x


@hookimpl
def plurel_activations() -> Iterable[records.Activation]:
    """The twin."""
    yield records.Activation(name="twin", summary="Changes nothing", factory=Twin)
