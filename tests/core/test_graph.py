"""Graphs as records: what a Dag refuses, in which order it stands, and a causal graph as networkx."""

from __future__ import annotations

import json

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plurel.errors import DatabaseError, GenerationError, RequestError
from plurel.graph import CausalBundle, CausalEdge, CausalGraph, CausalNode, Dag
from plurel.schema import Schema, Table


@st.composite
def dags(draw) -> Dag:
    nodes = draw(st.integers(1, 8))
    order = draw(st.permutations(range(nodes)))
    pairs = [(order[low], order[high]) for low in range(nodes) for high in range(low + 1, nodes)]
    edges = draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []
    return Dag(nodes=nodes, edges=edges)


@given(dag=dags())
def test_a_topological_order_has_parents_first_and_prefers_small_numbers(dag):
    order = dag.topological_order()
    place = {node: number for number, node in enumerate(order)}
    assert sorted(order) == list(range(dag.nodes))
    assert all(place[parent] < place[child] for parent, child in dag.edges.tolist())
    graph = nx.DiGraph()
    graph.add_nodes_from(range(dag.nodes))
    graph.add_edges_from(dag.edges.tolist())
    assert order == list(nx.lexicographical_topological_sort(graph))


@given(dag=dags())
def test_degrees_and_parents_count_edges(dag):
    assert dag.in_degrees().sum() == dag.out_degrees().sum() == len(dag.edges)
    for node in range(dag.nodes):
        parents = dag.parents(node).tolist()
        assert parents == sorted(parents)
        assert len(parents) == dag.in_degrees()[node]


@pytest.mark.parametrize(
    ("nodes", "edges", "words"),
    [
        (0, [], "at least one node, got 0"),
        (2, [(0, 2)], r"leaves the nodes 0..1: \[\[0, 2\]\]"),
        (2, [(-1, 0)], "leaves the nodes"),
        (2, [(0, 1), (0, 1)], "an edge is repeated"),
        (1, [(0, 0)], "run in a circle"),
        (3, [(0, 1), (1, 2), (2, 0)], "run in a circle"),
    ],
)
def test_what_is_no_acyclic_graph_is_refused(nodes, edges, words):
    with pytest.raises(GenerationError, match=words):
        Dag(nodes=nodes, edges=edges)


def test_edges_cannot_be_changed_afterwards():
    dag = Dag(nodes=2, edges=[(0, 1)])
    with pytest.raises(ValueError, match="read-only"):
        dag.edges[0, 0] = 1
    given_edges = np.array([[0, 1]])
    Dag(nodes=2, edges=given_edges)
    given_edges[0, 0] = 1
    assert given_edges.tolist() == [[1, 1]]


def test_causal_graphs_add_up_and_become_networkx():
    left = CausalGraph(nodes=[CausalNode(id="a/0", table="a", kind="number", mechanism="ts", column="x")])
    right = CausalGraph(
        nodes=[CausalNode(id="b/0", table="b", kind="category", mechanism="mlp")],
        edges=[CausalEdge(source="a/0", target="b/0", through="a_id", weight=2.0)],
    )
    graph = (left + right).to_networkx()
    assert dict(graph.nodes["a/0"]) == {"table": "a", "kind": "number", "mechanism": "ts", "column": "x"}
    assert list(graph.edges(data=True)) == [
        ("a/0", "b/0", {"through": "a_id", "weight": 2.0, "mechanism": "mlp"})
    ]


def node(name: str, column: str | None = None) -> CausalNode:
    return CausalNode(id=name, table=name.partition("/")[0], kind="number", mechanism="m", column=column)


def bundled() -> CausalGraph:
    """a.x -> hidden -> a.y; both columns of a -> all of b; b.z stands alone."""
    return CausalGraph(
        nodes=[
            *(node("a/0", "x"), node("a/1"), node("a/2", "y")),
            *(node("b/0", "v"), node("b/1", "w"), node("b/2", "z")),
        ],
        edges=[CausalEdge(source="a/0", target="a/1"), CausalEdge(source="a/1", target="a/2", weight=-0.5)],
        bundles=[CausalBundle(sources=["a/0", "a/2"], targets=["b/0", "b/1"], through="a_id")],
    )


def test_a_bundle_is_every_edge_between_its_ends():
    graph = bundled()
    assert len(graph.edges) == 2 + 2 * 2
    assert {(edge.source, edge.target) for edge in graph.edges if edge.through == "a_id"} == {
        (source, target) for source in ("a/0", "a/2") for target in ("b/0", "b/1")
    }
    assert graph.to_networkx().number_of_edges() == 6


def test_causes_and_effects_are_columns_along_the_edges():
    graph = bundled()
    network = graph.to_networkx()
    for column, start in graph.columns.items():
        for found, reached in (
            (graph.effects(column), nx.descendants(network, start.id)),
            (graph.causes(column), nx.ancestors(network, start.id)),
        ):
            assert set(found) == {one.shows for one in graph.nodes if one.id in reached and one.shows}
    assert graph.effects("a.x") == ("a.y", "b.v", "b.w")
    assert graph.causes("b.z") == ()
    with pytest.raises(RequestError, match=r"no column 'a.q'; columns: a.x, a.y, b.v, b.w, b.z"):
        graph.effects("a.q")


def test_a_causal_graph_survives_json():
    graph = bundled()
    assert CausalGraph.from_dict(json.loads(json.dumps(graph.to_dict()))) == graph


@pytest.mark.parametrize(
    "change",
    [
        lambda said: said.pop("nodes"),
        lambda said: said["edges"].append({"source": "a/0", "target": "c/9"}),
        lambda said: said["edges"].append({"from": "a/0"}),
        lambda said: said["bundles"].append(7),
        lambda said: said["bundles"][0].update(sources=None),
        lambda said: said["nodes"].append(None),
        lambda said: said["edges"].append({"source": ["a/0"], "target": "a/1"}),
    ],
)
def test_what_is_no_causal_graph_is_refused(change):
    said = json.loads(json.dumps(bundled().to_dict()))
    change(said)
    with pytest.raises(DatabaseError, match="causal graph"):
        CausalGraph.from_dict(said)
    with pytest.raises(DatabaseError, match="causal graph"):
        CausalGraph.from_dict([said])


def test_a_schema_orders_tables_with_parents_first_and_knows_its_names():
    from plurel.schema import ForeignKey

    def table(name: str, *parents: str) -> Table:
        keys = [ForeignKey(column=f"{parent}_id", parent=parent) for parent in parents]
        return Table(name=name, rows=1, role="entity", foreign_keys=keys)

    schema = Schema(tables=[table("c", "b", "a"), table("b", "a"), table("a", "a")])
    assert [each.name for each in schema.parents_first()] == ["a", "b", "c"]
    with pytest.raises(KeyError, match="no table 'd'; tables: c, b, a"):
        schema["d"]
    with pytest.raises(GenerationError, match="circle through the tables a, b"):
        Schema(tables=[table("a", "b"), table("b", "a")]).parents_first()
