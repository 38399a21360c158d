"""What every layout holds, and what makes each of them itself."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections import Counter

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plurel.config import Choices
from plurel.errors import ConfigError, GenerationError
from plurel.graph import Dag
from plurel.plugins import records
from plurel.plugins.requests import LayoutRequest
from plurel.seeding import Stream
from plurel_layouts.layers import Layered
from plurel_layouts.pairs import ErdosRenyi, RandomCauchy
from plurel_layouts.params import (
    BarabasiAlbertParams,
    ErdosRenyiParams,
    LayeredParams,
    WattsStrogatzParams,
)
from plurel_layouts.plugin import plurel_layouts
from plurel_layouts.preferential import BarabasiAlbert
from plurel_layouts.ring import WattsStrogatz
from plurel_layouts.trees import RandomTree, ReverseRandomTree

LAYOUTS = {
    "erdos_renyi": ErdosRenyi(),
    "barabasi_albert": BarabasiAlbert(),
    "random_tree": RandomTree(),
    "reverse_random_tree": ReverseRandomTree(),
    "watts_strogatz": WattsStrogatz(),
    "layered": Layered(),
    "random_cauchy": RandomCauchy(),
}
every_layout = pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
seeds = st.integers(-(2**63), 2**63 - 1)
sizes = st.integers(1, 40)


def draw(layout, nodes: int, seed: int) -> Dag:
    return layout.draw(LayoutRequest(nodes=nodes), Stream(seed))


def graph(dag: Dag) -> nx.DiGraph:
    made = nx.DiGraph()
    made.add_nodes_from(range(dag.nodes))
    made.add_edges_from(dag.edges.tolist())
    return made


@every_layout
@given(nodes=sizes, seed=seeds)
def test_graphs_are_acyclic_and_connected_on_exactly_the_nodes_asked_for(layout, nodes, seed):
    dag = draw(layout, nodes, seed)
    assert dag.nodes == nodes
    assert dag.edges.dtype == np.int64
    assert nx.is_directed_acyclic_graph(graph(dag))
    assert nx.is_weakly_connected(graph(dag))


@every_layout
@given(nodes=sizes, seed=seeds)
def test_the_same_stream_draws_the_same_graph_and_the_global_generator_stays_untouched(layout, nodes, seed):
    np.random.seed(1)  # noqa: NPY002
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    first = draw(layout, nodes, seed)
    assert np.array_equal(first.edges, draw(pickle.loads(pickle.dumps(layout)), nodes, seed).edges)
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


@every_layout
def test_one_two_and_three_nodes_have_their_only_possible_graphs(layout):
    for seed in range(30):
        assert draw(layout, 1, seed).edges.tolist() == []
        assert draw(layout, 2, seed).edges.tolist() in ([[0, 1]], [[1, 0]])
        assert 2 <= len(draw(layout, 3, seed).edges) <= 3


@every_layout
def test_another_stream_draws_another_graph(layout):
    graphs = {draw(layout, 12, seed).edges.tobytes() for seed in range(20)}
    assert len(graphs) > 15


def test_the_plugin_names_the_seven_layouts_with_their_published_spellings():
    contributions = list(plurel_layouts())
    assert all(type(record) is records.Layout for record in contributions)
    assert {record.name: record.aliases for record in contributions} == {
        "erdos_renyi": ("ErdosRenyi",),
        "barabasi_albert": ("BarabasiAlbert",),
        "random_tree": ("RandomTree",),
        "reverse_random_tree": ("ReverseRandomTree",),
        "watts_strogatz": ("WattsStrogatz",),
        "layered": ("Layered",),
        "random_cauchy": ("RandomCauchy",),
    }


@pytest.mark.parametrize("layout", [ErdosRenyi(), WattsStrogatz(), RandomCauchy()], ids=type)
@given(nodes=sizes, seed=seeds)
def test_layouts_over_pairs_point_from_the_low_to_the_high_number(layout, nodes, seed):
    edges = draw(layout, nodes, seed).edges
    assert (edges[:, 0] < edges[:, 1]).all()


def test_erdos_renyi_joins_a_pair_where_either_direction_would_have_done():
    layout = ErdosRenyi(ErdosRenyiParams(p=Choices(kind="set", value=[0.3])))
    share = np.mean([len(draw(layout, 20, seed).edges) / 190 for seed in range(200)])
    assert share == pytest.approx(0.51, abs=0.01)


def test_erdos_renyi_joins_what_fell_apart_by_one_edge_between_successive_components():
    layout = ErdosRenyi(ErdosRenyiParams(p=Choices(kind="set", value=[0.0])))
    assert draw(layout, 5, 0).edges.tolist() == [[0, 1], [1, 2], [2, 3], [3, 4]]


def test_erdos_renyi_may_try_one_direction_and_draw_again_what_fell_apart():
    layout = ErdosRenyi(ErdosRenyiParams(p=Choices(kind="set", value=[0.3]), directions=1, redrawn=True))
    dags = [draw(layout, 20, seed) for seed in range(200)]
    assert np.mean([len(dag.edges) / 190 for dag in dags]) == pytest.approx(0.3, abs=0.01)
    assert all(nx.is_weakly_connected(graph(dag)) for dag in dags)
    small = [draw(layout, 3, seed).edges.tolist() for seed in range(900)]
    counts = [small.count(edges) for edges in ([[0, 1], [0, 2]], [[0, 1], [1, 2]], [[0, 2], [1, 2]])]
    # Of the connected graphs on three nodes each path has probability .3^2 .7, the triangle .3^3.
    assert [count / 900 for count in counts] == pytest.approx([0.063 / 0.216] * 3, abs=0.05)


def test_erdos_renyi_draws_its_probability_again_with_the_graph():
    p = Choices(kind="set", value=[0.0, 1.0])
    layout = ErdosRenyi(ErdosRenyiParams(p=p, directions=1, redrawn=True))
    assert {len(draw(layout, 6, seed).edges) for seed in range(50)} == {15}


def test_erdos_renyi_gives_up_where_no_graph_can_be_connected():
    layout = ErdosRenyi(ErdosRenyiParams(p=Choices(kind="set", value=[0.0]), redrawn=True))
    assert draw(layout, 1, 0).edges.tolist() == []
    with pytest.raises(
        GenerationError,
        match=r"none of 1000 graphs of 4 nodes .*; p must be greater \(its choice is set 0.0\), or",
    ):
        draw(layout, 4, 0)


@given(nodes=st.integers(4, 40), seed=seeds)
def test_barabasi_albert_grows_from_one_source_with_at_most_two_parents_a_node(nodes, seed):
    dag = draw(BarabasiAlbert(), nodes, seed)
    counts = Counter(dag.in_degrees().tolist())
    assert counts[0] == 1
    assert set(counts) <= {0, 1, 2}
    assert counts[1] >= 2  # the star's rim
    inner = dag.out_degrees() > 0
    assert (dag.in_degrees()[inner] == 1).sum() <= 2 + (~inner).sum()


def test_barabasi_albert_drops_an_edge_of_four_sinks_in_ten():
    layout = BarabasiAlbert(BarabasiAlbertParams(sink_edge_dropout=0.0))
    thinned = whole = 0
    for seed in range(300):
        full, drawn = draw(layout, 15, seed), draw(BarabasiAlbert(), 15, seed)
        assert len(full.edges) == 2 + 2 * 12
        whole += ((full.out_degrees() == 0) & (full.in_degrees() == 2)).sum()
        thinned += len(full.edges) - len(drawn.edges)
    assert thinned / whole == pytest.approx(0.4, abs=0.03)


@given(nodes=st.integers(3, 30), seed=seeds, most=st.integers(2, 4))
def test_barabasi_albert_turns_leaf_edges_round_up_to_the_most_parents(nodes, seed, most):
    params = BarabasiAlbertParams(flip_leaf_edge_prob=1.0, sink_edge_dropout=1.0, max_in_degree=most)
    dag = draw(BarabasiAlbert(params), nodes, seed)
    assert nx.is_weakly_connected(graph(dag))
    assert dag.in_degrees().max() <= most


def test_barabasi_albert_refuses_more_parents_than_a_node_may_have():
    with pytest.raises(ValueError, match="max_in_degree must be at least m = 6, got 4"):
        BarabasiAlbertParams(m=6)


@given(nodes=sizes, seed=seeds)
def test_a_random_tree_has_one_source_and_its_reverse_one_sink(nodes, seed):
    assert sorted(draw(RandomTree(), nodes, seed).in_degrees().tolist()) == [0] + [1] * (nodes - 1)
    assert sorted(draw(ReverseRandomTree(), nodes, seed).out_degrees().tolist()) == [0] + [1] * (nodes - 1)


def test_labelled_trees_are_uniform():
    counts: Counter[frozenset[frozenset[int]]] = Counter()
    for seed in range(1600):
        edges = draw(RandomTree(), 4, seed).edges.tolist()
        counts[frozenset(frozenset(edge) for edge in edges)] += 1
    assert len(counts) == 4**2
    assert min(counts.values()) > 60
    assert max(counts.values()) < 140


@given(nodes=st.integers(1, 40), seed=seeds)
def test_watts_strogatz_keeps_the_ring_s_number_of_edges_before_repair(nodes, seed):
    layout = WattsStrogatz(
        WattsStrogatzParams(k=Choices(kind="set", value=[4]), rewire_p=Choices(kind="set", value=[0.0]))
    )
    expected = 2 * nodes if nodes > 4 else nodes * (nodes - 1) // 2
    assert len(draw(layout, nodes, seed).edges) == expected


def test_watts_strogatz_rewires_the_share_it_was_told():
    layout = WattsStrogatz(
        WattsStrogatzParams(k=Choices(kind="set", value=[2]), rewire_p=Choices(kind="set", value=[0.2]))
    )
    ring = {(min(node, (node + 1) % 40), max(node, (node + 1) % 40)) for node in range(40)}
    lost = [
        len(ring - {tuple(edge) for edge in draw(layout, 40, seed).edges.tolist()}) for seed in range(200)
    ]
    assert np.mean(lost) / 40 == pytest.approx(0.2, abs=0.02)


@given(nodes=st.integers(2, 40), seed=seeds, depth=st.integers(2, 8))
def test_layered_graphs_have_their_depth_and_join_neighbour_layers_only(nodes, seed, depth):
    layout = Layered(LayeredParams(depth=Choices(kind="set", value=[depth])))
    dag = draw(layout, nodes, seed)
    level = np.zeros(nodes, dtype=int)
    for node in dag.topological_order():
        parents = dag.parents(node)
        level[node] = level[parents].max() + 1 if len(parents) else 0
    assert level.max() == min(depth, nodes) - 1
    assert (level[dag.edges[:, 1]] == level[dag.edges[:, 0]] + 1).all()
    assert (np.diff(level) >= 0).all()


@settings(max_examples=50)
@given(nodes=st.integers(2, 30), seed=seeds)
def test_layered_graphs_hang_together_even_where_nearly_all_edges_are_dropped(nodes, seed):
    dag = draw(Layered(LayeredParams(edge_dropout=1.0)), nodes, seed)
    assert nx.is_weakly_connected(graph(dag))


def test_layered_keeps_nine_edges_in_ten():
    params = LayeredParams(depth=Choices(kind="set", value=[2]), edge_dropout=0.1)
    full = LayeredParams(depth=Choices(kind="set", value=[2]), edge_dropout=0.0)
    kept = sum(len(draw(Layered(params), 30, seed).edges) for seed in range(50))
    every = sum(len(draw(Layered(full), 30, seed).edges) for seed in range(50))
    assert kept / every == pytest.approx(0.9, abs=0.02)


def test_random_cauchy_is_sometimes_dense_and_sometimes_a_chain_of_repairs():
    counts = [len(draw(RandomCauchy(), 12, seed).edges) for seed in range(200)]
    assert min(counts) == 11
    assert max(counts) > 50


@pytest.mark.parametrize(
    ("params", "words"),
    [
        (
            lambda: ErdosRenyiParams(p=Choices(kind="range", value=[0.5, 1.5])),
            r"numbers from 0 to 1, got 1.5 @ \$.p",
        ),
        (
            lambda: LayeredParams(depth=Choices(kind="set", value=[1])),
            r"integers from 2 upwards, got 1 @ \$.depth",
        ),
        (lambda: LayeredParams(edge_dropout=-0.1), r"a number from 0 to 1, got -0.1 @ \$.edge_dropout"),
        (lambda: WattsStrogatzParams(k=Choices(kind="set", value=[2, 3])), "k is a set of even numbers"),
        (lambda: WattsStrogatzParams(k=Choices(kind="set", value=[0])), "k is a set of even numbers"),
        (lambda: WattsStrogatzParams(k=Choices(kind="range", value=[2, 4])), "k is a set of even numbers"),
    ],
)
def test_parameters_that_no_graph_can_have_are_refused(params, words):
    with pytest.raises((ConfigError, ValueError), match=words):
        params()


def test_the_plugin_is_light_to_import():
    heavy = "{'numpy', 'networkx', 'cattrs'} & set(sys.modules)"
    code = f"import sys, plurel_layouts.plugin; sys.exit(bool({heavy}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
