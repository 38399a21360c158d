"""Table model `scm`: the values of one table from a structural causal model.

A graph of causal nodes is drawn; some of them are the table's columns. Nodes without inputs are sources, the
others get a mechanism, which sees its inputs in the table and the columns of the parent rows. Some tables are
typed eagerly: a node is a number or a label as its column is. Others lazily: all nodes are numbers, and
columns of labels are cut afterwards. Everything is drawn here, and only for nodes that some column depends
on; rows are made by the plan (`plurel_scm.table_plan`).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

from attrs import evolve, field, frozen, validators

from plurel.config import Choices, Draws, Within
from plurel.config.params import MOST_LAYERS, MOST_WIDTH
from plurel.graph import CausalBundle, CausalEdge, CausalGraph, CausalNode
from plurel.plugins.requests import MechanismRequest, PlannedColumn, SourceRequest
from plurel_scm.cuts import Cut, draw_cut
from plurel_scm.foreign import draw_parents, foreign_inputs
from plurel_scm.guards import GuardedParts, node_place, placed
from plurel_scm.kernel_nodes import lowered
from plurel_scm.network_draws import (
    MOST_LOG_SCALE,
    NetworkRule,
    default_density,
    default_layers,
    default_log_scale,
)
from plurel_scm.node_graph import NodeGraph, draw_node_graph, shown_kind
from plurel_scm.samples import SampledRows, input_sample
from plurel_scm.table_plan import MechanismNode, ScmPlan, SourceNode

if TYPE_CHECKING:
    from plurel.plugins.requests import NodeInput, TableRequest
    from plurel.schema import Column

MODES = {"type_eager": "eager", "type_lazy": "lazy"}
"""Modes of a table by the names of `propagation_mode_choices`."""

BACKENDS = ("kernel", "numpy")
"""What may compute nodes whose parts are all built in."""


@frozen(kw_only=True)
class Scm:
    """Parameters of `scm`, and the table model itself.

    Graph, hidden nodes, edge weights, mechanisms, sources and noises are the run's choices. These parameters
    are those of the encoders of parent rows, which all nodes of a table share.

    Attributes:
        dim: width of an encoding, in mechanisms too.
        num_layers: number of weight matrices of an encoder, at least 2.
        weight_density: probability that a weight is kept.
        log_scale: logarithm of the factor on what a hidden layer's activation gives.
        clipped: whether hidden layers are clipped to +-1e6 and encodings to +-1e4.
        backend: what computes nodes whose parts are all built in: the `kernel`, or `numpy` as all others.
    """

    dim: int = field(default=32, validator=Within(1, MOST_WIDTH, integers=True))
    num_layers: Choices = field(factory=default_layers, validator=Draws(2, MOST_LAYERS, integers=True))
    weight_density: Choices = field(factory=default_density, validator=Draws(0, 1, above=True))
    log_scale: Choices = field(factory=default_log_scale, validator=Draws(-MOST_LOG_SCALE, MOST_LOG_SCALE))
    clipped: bool = field(default=True, validator=validators.instance_of(bool))
    backend: Literal["kernel", "numpy"] = field(default="kernel", validator=validators.in_(BACKENDS))

    def plan(self, request: TableRequest) -> ScmPlan:
        """Draw a table's graph, mechanisms, sources and encoders of parent rows.

        Raises:
            GenerationError: for a column of labels that does not say how many there are.
        """
        request = evolve(request, parts=GuardedParts(request.parts))
        parts, stream, table = request.parts, request.stream, request.table.name
        mode = MODES[parts.draw("propagation_mode_choices", stream / "mode")]
        graph = draw_node_graph(request, lazy=mode == "lazy")
        rule = NetworkRule(
            num_layers=self.num_layers,
            weight_density=self.weight_density,
            width=self.dim,
            log_scale=self.log_scale,
            clipped=self.clipped,
        )
        with placed(f"what {table} sees of its parents"):
            parents = draw_parents(
                request.parents, self.dim, rule, parts, stream / "foreign", kernel=self.backend == "kernel"
            )
        foreign = tuple(value for parent in request.parents for value in foreign_inputs(parent))
        nodes: dict[int, SourceNode | MechanismNode] = {}
        sampled = SampledRows(request.table.rows, nodes, tuple(parent.emptied() for parent in parents))
        names: dict[int, str] = {}
        for number in graph.live():
            with placed(node_place(table, number, graph.kinds[number].column)):
                names[number], nodes[number] = self._draw_node(request, graph, number, foreign, sampled)
        columns = tuple(
            planned_column(column, number)
            for column, number in zip(request.table.columns, graph.shown, strict=True)
        )
        return ScmPlan(
            table=table,
            columns=columns,
            nodes=nodes,
            parents=parents,
            graph=causal_graph(request, graph, names),
            sampled=sampled,
            mode=mode,
            cuts=draw_cuts(request, columns) if mode == "lazy" else {},
        )

    def _draw_node(
        self,
        request: TableRequest,
        graph: NodeGraph,
        number: int,
        foreign: tuple[NodeInput, ...],
        sampled: SampledRows,
    ) -> tuple[str, SourceNode | MechanismNode]:
        """The canonical name of the contribution that makes a node, and the node's function."""
        parts, stream, kind = request.parts, request.stream / "node" / number, graph.kinds[number]
        inputs = graph.inputs(number)
        if not inputs:
            entry, source = parts.draw_entry("source_gen_type_choices", stream / "source")
            plan = source.plan(
                SourceRequest(
                    output=kind.kind,
                    categories=kind.categories,
                    rows=request.table.rows,
                    role=request.table.role,
                    parts=parts,
                    stream=stream / "series",
                )
            )
            return entry.id, SourceNode(plan=plan)
        entry, mechanism = parts.draw_entry("mechanism_choices", stream / "mechanism")
        function = mechanism.plan(
            MechanismRequest(
                inputs=inputs,
                foreign=foreign,
                output=kind.kind,
                categories=kind.categories,
                dim=self.dim,
                parts=parts,
                stream=stream / "function",
                sample=partial(input_sample, sampled, inputs, request.parents),
            )
        )
        noise = parts.draw("noise_choices", stream / "noise kind").plan(stream / "noise")
        return entry.id, MechanismNode(
            inputs=tuple(int(value.name) for value in inputs),
            plan=function,
            noise=noise,
            kernel=lowered(function, noise) if self.backend == "kernel" else None,
        )


def planned_column(column: Column, node: int) -> PlannedColumn:
    """A column of the schema as the node with a number makes it."""
    kind = shown_kind(column)
    return PlannedColumn(name=column.name, kind=kind.kind, categories=kind.categories, node=node)


def draw_cuts(request: TableRequest, columns: tuple[PlannedColumn, ...]) -> dict[str, Cut]:
    """How the nodes of a table's columns of labels are cut, by column."""
    return {
        column.name: draw_cut(
            column.categories, request.table.rows, request.parts, request.stream / "cut" / column.name
        )
        for column in columns
        if column.categories is not None
    }


def causal_graph(request: TableRequest, graph: NodeGraph, names: dict[int, str]) -> CausalGraph:
    """What causes what in a table and from its parents, of the nodes that columns depend on.

    Args:
        request: the table.
        graph: all of its nodes.
        names: the contribution that made each of the nodes that columns depend on.
    """
    table = request.table.name
    nodes = [
        CausalNode(
            id=f"{table}/{number}",
            table=table,
            kind=graph.kinds[number].kind,
            mechanism=names[number],
            column=graph.kinds[number].column,
        )
        for number in sorted(names)
    ]
    inputs = {number: graph.inputs(number) for number in sorted(names)}
    edges = [
        CausalEdge(source=f"{table}/{value.name}", target=f"{table}/{number}", weight=value.weight)
        for number, values in inputs.items()
        for value in values
    ]
    caused = [f"{table}/{number}" for number, values in inputs.items() if values]
    bundles = [
        CausalBundle(
            sources=[
                f"{parent.table.name}/{column.node}" for column in parent.columns if column.node is not None
            ],
            targets=caused,
            through=parent.foreign_key.column,
        )
        for parent in request.parents
    ]
    return CausalGraph(nodes=nodes, edges=edges, bundles=bundles)
