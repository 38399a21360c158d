"""Rules of layouts: graphs that come from nothing but the stream, for any number of nodes."""

from __future__ import annotations

from typing import Any, ClassVar

from plurel.graph import Dag
from plurel.plugins.requests import LayoutRequest
from plurel.seeding import Stream
from plurel.testing.rules import Rules, Subject, elsewhere, require, same, untouched_randomness

NODES = 17
FEW = (1, 2, 3)
SEEDS = range(5)


class LayoutRules(Rules):
    """What `draw(request: LayoutRequest, stream) -> Dag` promises."""

    kind: ClassVar[str] = "layouts"

    def test_same_stream_same_graph(self, subject: Subject) -> None:
        """A graph depends on the request and the stream, not on what was drawn before."""
        layout = subject.make()
        first = [_draw(layout, seed) for seed in SEEDS]
        again = [_draw(layout, seed) for seed in reversed(SEEDS)]
        fresh = [_draw(subject.make(), seed) for seed in SEEDS]
        require(
            all(map(same, first, reversed(again))) and all(map(same, first, fresh)),
            "the same request and stream must give the same graph, whatever was drawn before",
        )

    def test_global_randomness_is_untouched(self, subject: Subject) -> None:
        """Draws come from the stream alone."""
        with untouched_randomness():
            _draw(subject.make(), 0)

    def test_graph_has_the_nodes_asked_for(self, subject: Subject) -> None:
        """The graph is a `Dag` of as many nodes as were asked for."""
        for seed in SEEDS:
            dag = _draw(subject.make(), seed)
            require(isinstance(dag, Dag), f"draw must give a plurel.graph.Dag, got a {type(dag).__name__}")
            require(dag.nodes == NODES, f"{NODES} nodes were asked for, the graph has {dag.nodes}")

    def test_graph_is_connected(self, subject: Subject) -> None:
        """Every node hangs together with every other, whatever the direction of the edges."""
        for seed in SEEDS:
            parts = _components(_draw(subject.make(), seed))
            require(parts == 1, f"the graph of seed {seed} falls into {parts} parts; a database is one whole")

    def test_few_nodes_are_enough(self, subject: Subject) -> None:
        """A graph of 1, 2 or 3 nodes can be drawn."""
        for nodes in FEW:
            for seed in SEEDS:
                dag = _draw(subject.make(), seed, nodes)
                require(dag.nodes == nodes, f"a graph of {nodes} nodes was asked for, got {dag.nodes}")

    def test_layout_pickles(self, subject: Subject) -> None:
        """A layout travels to another process and draws the same there."""
        layout = subject.make()
        require(
            same(elsewhere(_draw_first, layout), _draw_first(layout)),
            "the same stream must give the same graph in another process",
        )


def _draw(layout: Any, seed: int, nodes: int = NODES) -> Any:
    return layout.draw(LayoutRequest(nodes=nodes), Stream(seed) / "contract")


def _draw_first(layout: Any) -> Any:
    return _draw(layout, 0)


def _components(dag: Dag) -> int:
    """Number of parts that hang together."""
    part = list(range(dag.nodes))

    def root(node: int) -> int:
        while part[node] != node:
            node = part[node]
        return node

    for parent, child in dag.edges.tolist():
        part[root(parent)] = root(child)
    return sum(part[node] == node for node in range(dag.nodes))
