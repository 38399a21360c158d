"""The bad ones that are light."""

from __future__ import annotations

from collections.abc import Iterable

from plurel.plugins import hookimpl, records

HOOK_VERSION = 1

LAYOUTS = ("good", "forgetful", "meddling", "crowded", "islands", "greedy", "fixed")
MECHANISMS = (
    "good",
    "forgetful",
    "meddling",
    "wide",
    "out_of_range",
    "infinite",
    "nosy",
    "overwriting",
    "greedy",
    "fixed",
)


@hookimpl
def plurel_layouts() -> Iterable[records.Layout]:
    """Layouts."""
    for name in LAYOUTS:
        factory = f"plurel_test_bad_contracts.layouts:{name.title()}"
        yield records.Layout(name=name, summary="breaks a rule", factory=factory)
    yield records.Layout(
        name="restless",
        summary="has parameters that do not come back as they were",
        config="plurel_test_bad_contracts.layouts:RestlessParams",
        factory="plurel_test_bad_contracts.layouts:Restless",
    )


@hookimpl
def plurel_mechanisms() -> Iterable[records.Mechanism]:
    """Mechanisms."""
    for name in MECHANISMS:
        factory = f"plurel_test_bad_contracts.mechanisms:{name.title().replace('_', '')}"
        yield records.Mechanism(name=name, summary="breaks a rule", factory=factory)
