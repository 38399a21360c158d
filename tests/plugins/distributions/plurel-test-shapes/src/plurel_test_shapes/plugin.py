"""What this distribution contributes."""

from __future__ import annotations

from collections.abc import Iterable

from plurel.plugins import hookimpl, records

HOOK_VERSION = 1


@hookimpl
def plurel_layouts() -> Iterable[records.Layout]:
    """One layout."""
    yield records.Layout(
        name="star",
        summary="Node 0 points at all others",
        factory="plurel_test_shapes.shapes:Star",
        aliases=("Star",),
    )


@hookimpl
def plurel_activations() -> Iterable[records.Activation]:
    """One activation."""
    yield records.Activation(
        name="bump",
        summary="A Gaussian bump",
        factory="plurel_test_shapes.shapes:Bump",
        config="plurel_test_shapes.shapes:BumpParams",
    )


@hookimpl
def plurel_noises() -> Iterable[records.Noise]:
    """One noise."""
    yield records.Noise(
        name="laplace",
        summary="Laplace noise",
        factory="plurel_test_shapes.shapes:Laplace",
        config="plurel_test_shapes.shapes:LaplaceParams",
        revision=3,
    )
