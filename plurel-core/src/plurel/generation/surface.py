"""How a column shows its causal node: as it is, collapsed, or through a column type or value generator.

A column type fixes the column's kind before values are made, and decodes them afterwards; a value generator
gives labels a surface (names, e-mails, texts). Not here: transforms and missing cells (`finish`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import frozen

from plurel.errors import GenerationError
from plurel.generation.blame import blaming

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from plurel.plugins.protocols import ColumnType
    from plurel.plugins.records import Encoding
    from plurel.plugins.requests import Parts, PlannedColumn
    from plurel.schema import ColumnKind
    from plurel.seeding import Stream


@frozen(kw_only=True)
class SurfaceRules:
    """What a config says of surfaces.

    Attributes:
        collapse: `boolean` shows labels as label > 0, `none` keeps them; where neither a type nor a generator
            is chosen.
        typed: whether column types are drawn.
        generated: whether value generators are drawn for labels.
    """

    collapse: str = "boolean"
    typed: bool = False
    generated: bool = False


@frozen(kw_only=True)
class Surface:
    """How one column shows its node.

    Attributes:
        kind: what a reader sees.
        show: from the node's values (numbers transformed) to the column's.
        contributions: ids of the column type and the value generator that were drawn.
    """

    kind: ColumnKind
    show: Callable[[NDArray[Any]], NDArray[Any]]
    contributions: tuple[str, ...] = ()


def draw_encoding(parts: Parts, stream: Stream) -> Encoding:
    """The encoding of the column type that `draw_surface` will draw from the same stream."""
    entry, _ = parts.draw_entry("column_type_choices", stream / "type")
    encoding: Encoding = entry.record.encoding
    return encoding


def draw_surface(
    planned: PlannedColumn, where: str, rules: SurfaceRules, parts: Parts, stream: Stream
) -> Surface:
    """Draw how a column shows its node.

    Args:
        planned: the column as the table model makes it.
        where: what errors call the column: `<table>.<column>`.
        rules: what the config says.
        parts: the run's choices.
        stream: the column's own stream.
    """
    labels = planned.kind == "category"
    kind: ColumnKind = planned.kind
    show = _as_is
    contributions: list[str] = []
    if rules.typed:
        entry, column_type = parts.draw_entry("column_type_choices", stream / "type")
        kind = entry.record.encoding
        show = partial(_decode, column_type, f"the column type {entry.id}", where)
        contributions.append(entry.id)
    if rules.generated and planned.categories is not None and kind in ("category", "text"):
        entry, generator = parts.draw_entry("value_generator_choices", stream / "generator")
        with blaming(f"the value generator {entry.id}", f"the column {where}"):
            shown = generator.generate(np.arange(planned.categories), stream / "surface")
        show = partial(np.take, _words(shown, planned.categories, entry.id, where))
        contributions.append(entry.id)
    if not contributions and labels and rules.collapse == "boolean":
        kind, show = "boolean", _above_zero
    return Surface(kind=kind, show=show, contributions=tuple(contributions))


def _as_is(values: NDArray[Any]) -> NDArray[Any]:
    return np.array(values)


def _above_zero(values: NDArray[Any]) -> NDArray[Any]:
    return values > 0


def _decode(column_type: ColumnType, who: str, where: str, values: NDArray[Any]) -> NDArray[Any]:
    with blaming(who, f"the column {where}"):
        decoded = np.asarray(column_type.decode(values))
    if decoded.shape != values.shape:
        raise GenerationError(
            f"{who} broke its contract for {where}: expected one value a row, {len(values)} of them, "
            f"got shape {decoded.shape}"
        )
    return decoded


def _words(shown: Sequence[Any], labels: int, who: str, where: str) -> NDArray[Any]:
    """The surface of each label, `[labels]`; whatever rows show a label, it has this one."""
    if len(shown) != labels:
        raise GenerationError(
            f"the value generator {who} broke its contract for {where}: expected one value for each of "
            f"{labels} labels, got {len(shown)}"
        )
    words = np.empty(labels, dtype=object)
    words[:] = list(shown)
    return words
