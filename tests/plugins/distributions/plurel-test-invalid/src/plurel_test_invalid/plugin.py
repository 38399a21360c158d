"""One good record and one whose name is none: the plugin as a whole is not used."""

from __future__ import annotations

from collections.abc import Iterable

from plurel.plugins import hookimpl, records

HOOK_VERSION = 1


@hookimpl
def plurel_activations() -> Iterable[records.Activation]:
    """A good record, then a bad one."""
    yield records.Activation(name="good", summary="Fine by itself", factory="math:tanh")
    yield records.Activation(name="Not A Name", summary="A bad name", factory="math:tanh")
