"""Parts of a run for tests of plurel-scm alone: its own contributions, and a small layout of the tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from attrs import evolve, field, frozen

from plurel.config import Choices, DAGParams, SCMParams
from plurel.graph import Dag
from plurel.plugins.requests import LayoutRequest, ParentTable, PlannedColumn, TableRequest
from plurel.schema import Column, ForeignKey, Table
from plurel.seeding import Stream
from plurel_scm import plugin

HOOKS = {
    "activation_choices": plugin.plurel_activations,
    "initialization_choices": plugin.plurel_initializers,
    "propagation_agg_choices": plugin.plurel_aggregations,
    "noise_choices": plugin.plurel_noises,
    "mechanism_choices": plugin.plurel_mechanisms,
    "source_gen_type_choices": plugin.plurel_sources,
}


def build(record: Any) -> Any:
    """What core's ledger does with a record, at its default parameters."""
    factory, config = (_resolve(value) for value in (record.factory, record.config))
    return factory() if config is None else factory(config())


def _resolve(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    module, _, name = value.partition(":")
    return getattr(__import__(module, fromlist=[name]), name)


@frozen
class SparseLayout:
    """Every node but the first two has one or two parents of a lower number, then numbers are shuffled."""

    def draw(self, request: LayoutRequest, stream: Stream) -> Dag:
        generator = stream.generator()
        names = generator.permutation(request.nodes)
        edges = [
            (names[parent], names[node])
            for node in range(2, request.nodes)
            for parent in generator.choice(node, size=min(node, int(generator.integers(1, 3))), replace=False)
        ]
        return Dag(nodes=request.nodes, edges=edges)


@frozen
class OwnParts:
    """`plurel.plugins.requests.Parts` over plurel-scm's own contributions."""

    names: Mapping[str, Choices] = field(factory=dict)
    built: dict[tuple[str, str], Any] = field(factory=dict)

    def only(self, **names: Any) -> OwnParts:
        """The same parts with some choices narrowed to one value."""
        return evolve(
            self, names={**self.names, **{k: Choices.constant(v) for k, v in names.items()}}, built={}
        )

    def draw(self, choice: str, stream: Stream) -> Any:
        return self.draw_many(choice, 1, stream)[0]

    def draw_entry(self, choice: str, stream: Stream) -> tuple[Any, Any]:
        name = self._choices(choice).draw(stream)
        return SimpleNamespace(name=name, id=f"plurel-scm:{name}"), self._built(choice, name)

    def draw_many(self, choice: str, count: int, stream: Stream) -> Sequence[Any]:
        names = self._choices(choice).draw_many(count, stream)
        return [self._built(choice, name) for name in names]

    def every(self, choice: str) -> Sequence[tuple[Any, Any]]:
        return [
            (SimpleNamespace(name=name, id=f"plurel-scm:{name}"), self._built(choice, name))
            for name in self._choices(choice).value
        ]

    def _choices(self, choice: str) -> Choices:
        if choice in self.names:
            return self.names[choice]
        params = SCMParams()
        return getattr(params, choice) if hasattr(params, choice) else getattr(DAGParams(), choice)

    def _built(self, choice: str, name: Any) -> Any:
        if choice == "scm_layout_choices":
            return SparseLayout()
        if choice not in HOOKS:
            return name
        if (choice, name) not in self.built:
            (record,) = (record for record in HOOKS[choice]() if record.name == name)
            self.built[choice, name] = build(record)
        return self.built[choice, name]


@pytest.fixture
def parts() -> OwnParts:
    return OwnParts()


@pytest.fixture(scope="session")
def contributions() -> Any:
    """The built contributions of a hook, by name."""
    return lambda hook: {record.name: build(record) for record in hook()}


def make_table(
    name: str = "orders",
    rows: int = 1000,
    columns: int = 6,
    parents: Sequence[str] = (),
    role: str = "activity",
) -> Table:
    kinds = [
        Column(name=f"feature_{number}", kind="category", categories=3)
        if number % 2
        else Column(name=f"feature_{number}", kind="number")
        for number in range(columns)
    ]
    keys = [
        ForeignKey(column=f"foreign_row_{number}", parent=parent, nullable=True)
        for number, parent in enumerate(parents)
    ]
    return Table(name=name, rows=rows, role=role, primary_key="row_idx", foreign_keys=keys, columns=kinds)


def make_parent(key: ForeignKey, rows: int = 200, columns: int = 4, seed: int = 0) -> ParentTable:
    generator = np.random.default_rng(seed)
    table = make_table(key.parent, rows, columns, role="entity")
    planned = tuple(
        PlannedColumn(name=column.name, kind=column.kind, categories=column.categories, node=node)
        for node, column in enumerate(table.columns)
    )
    values = {
        column.name: generator.normal(size=rows).astype(np.float32)
        if column.kind == "number"
        else generator.integers(0, 3, rows)
        for column in planned
    }
    return ParentTable(foreign_key=key, table=table, columns=planned, values=values)


@pytest.fixture(scope="session")
def request_of() -> Any:
    """A request for a table with the given rows, columns and parents."""

    def make(seed: int = 0, parts: OwnParts | None = None, **arguments: Any) -> TableRequest:
        table = make_table(**arguments)
        return TableRequest(
            table=table,
            parents=tuple(make_parent(key, seed=number) for number, key in enumerate(table.foreign_keys)),
            parts=parts or OwnParts(),
            stream=Stream(seed) / table.name,
        )

    return make
