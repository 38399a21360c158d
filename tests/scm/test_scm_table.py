"""The table model: pure blocks, parents seen through their keys, interventions, other mechanisms."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from attrs import evolve, frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from plurel.config import Choices, DAGParams
from plurel.errors import GenerationError
from plurel.plugins.protocols import Aggregation
from plurel.plugins.requests import BLOCK_ROWS, BlockRequest
from plurel.schema import Column
from plurel.seeding import Stream
from plurel_scm import foreign as foreign_module
from plurel_scm.encoders import LabelEncoder
from plurel_scm.foreign import block_rows
from plurel_scm.node_graph import EDGE_WEIGHTS, draw_node_graph
from plurel_scm.table_model import Scm
from plurel_scm.table_plan import MechanismNode


def block_of(request, index=0, start=None, stop=None, null=False, do=None):
    """A block of a table; parent rows are the same for the same row, whatever the block."""
    rows = request.table.rows
    start = index * BLOCK_ROWS if start is None else start
    stop = min(rows, start + BLOCK_ROWS) if stop is None else stop
    parent_rows = {
        key.column: np.random.default_rng(place).integers(-1 if null else 0, 200, rows)[start:stop]
        for place, key in enumerate(request.table.foreign_keys)
    }
    return BlockRequest(index=index, start=start, stop=stop, parent_rows=parent_rows, do=do or {})


def made(plan, block):
    """Raw values of a block, and the values that children see when it is the whole table."""
    raw = plan.raw(block)
    return raw, plan.fit(plan.summarize(raw)).apply(raw, block)


def assert_same(left, right):
    assert list(left) == list(right)
    for name in left:
        np.testing.assert_array_equal(left[name], right[name])


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    columns=st.integers(0, 9),
    rows=st.integers(1, 300),
    parents=st.integers(0, 2),
    null=st.booleans(),
)
def test_a_table_has_the_columns_of_its_schema(request_of, seed, columns, rows, parents, null):
    request = request_of(seed, rows=rows, columns=columns, parents=["a", "b"][:parents])
    plan = Scm().plan(request)
    assert [(c.name, c.kind, c.categories) for c in plan.columns] == [
        (c.name, c.kind, c.categories) for c in request.table.columns
    ]
    assert plan.mode in ("eager", "lazy")
    raw, final = made(plan, block_of(request, null=null))
    assert list(final)[:columns] == [column.name for column in request.table.columns]
    for column in plan.columns:
        assert raw[column.name].dtype == (np.float32 if plan.mode == "lazy" else final[column.name].dtype)
        values = final[column.name]
        assert values.shape == (rows,)
        if column.kind == "number":
            assert values.dtype == np.float32
            assert not np.isinf(values).any()
        else:
            assert values.dtype == np.int64
            assert values.min() >= 0
            assert values.max() < column.categories


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000), order=st.permutations([0, 1, 2]))
def test_blocks_are_pure_functions_of_their_number(request_of, seed, order):
    request = request_of(seed, rows=2 * BLOCK_ROWS + 50, columns=4, parents=["a"])
    plan = Scm().plan(request)
    shuffled = {index: plan.raw(block_of(request, index)) for index in order}
    for index in range(3):
        assert_same(Scm().plan(request).raw(block_of(request, index)), shuffled[index])


def test_the_same_stream_plans_the_same_table_and_another_stream_another(request_of):
    first, again, other = (Scm().plan(request_of(seed, parents=["a"])) for seed in (1, 1, 2))
    request = request_of(1, parents=["a"])
    assert first.graph == again.graph
    assert_same(first.raw(block_of(request)), again.raw(block_of(request)))
    assert first.graph != other.graph


def test_a_fitted_plan_keeps_nothing_of_its_parents(request_of):
    request = request_of(3, parents=["a", "b"])
    plan = Scm().plan(request)
    values = plan.raw(block_of(request))
    assert any(parent.kept for parent in plan.parents)
    fitted = plan.fit(plan.summarize(values))
    assert not any(parent.kept for parent in fitted.parents)
    assert_same(fitted.raw(block_of(request)), values)


def test_a_plan_survives_pickling_even_after_use(request_of):
    request = request_of(3, parents=["a", "b"])
    plan = Scm().plan(request)
    values = plan.raw(block_of(request))
    copied = pickle.loads(pickle.dumps(plan))
    assert all(not parent.kept for parent in copied.parents)
    assert_same(copied.raw(block_of(request)), values)


@pytest.mark.parametrize("aggregation", ["sum", "max", "product", "logsumexp"])
def test_parent_rows_join_a_node_as_if_each_column_were_an_input(request_of, parts, aggregation):
    request = request_of(
        5, parts=parts.only(propagation_agg_choices=aggregation), rows=300, parents=["a", "b"]
    )
    plan = Scm().plan(request)
    block = block_of(request)
    rows = block_rows(plan.parents, block.parent_rows)
    for node in plan.nodes.values():
        if isinstance(node, MechanismNode):
            join = node.plan.aggregation
            whole = join(
                np.concatenate(
                    [
                        parent.encodings(at, join.foreign_weight(len(parent.encoders)))
                        for parent, at in zip(rows.parents, rows.rows, strict=True)
                    ]
                )
            )
            joined = join(np.stack([part.copy() for part in rows.joined(join)]))
            np.testing.assert_allclose(joined, whole, rtol=2e-4, atol=1e-5)


def test_a_large_parent_is_joined_for_the_rows_of_a_block(request_of, monkeypatch):
    request = request_of(6, rows=500, parents=["a", "b"])
    plan = Scm().plan(request)
    small = plan.raw(block_of(request, null=True))
    monkeypatch.setattr(foreign_module, "KEPT_ROWS", 10)
    large = Scm().plan(request)
    values = large.raw(block_of(request, null=True))
    assert all(joiner.whole is None for parent in large.parents for joiner in parent.kept)
    assert_same(small, values)


def test_a_null_key_is_no_parent_at_all(request_of, parts):
    request = request_of(7, rows=64, parents=["a"])
    plan = Scm().plan(request)
    block = block_of(request, null=True)
    rows = block_rows(plan.parents, block.parent_rows)
    absent = block.parent_rows["foreign_row_0"] < 0
    assert absent.any()
    assert np.isnan(rows.values(0)[absent]).all()
    assert (rows.values(1)[absent] == -1).all()
    assert (rows.encodings()[:, absent] == 0).all()
    for name in ("sum", "max", "product", "logsumexp"):
        join = parts.only(propagation_agg_choices=name).draw("propagation_agg_choices", Stream(0))
        (joined,) = rows.joined(join)
        assert (joined[absent] == join.neutral).all()
        assert np.isfinite(joined[~absent]).all()
    with pytest.raises(IndexError, match="no column number 4"):
        rows.values(4)


def test_parents_without_columns_show_nothing(request_of):
    request = request_of(7, rows=64, parents=["a"])
    bare = evolve(request.parents[0], columns=(), values={})
    plan = Scm().plan(evolve(request, parents=(bare,)))
    block = block_of(request)
    assert block_rows(plan.parents, block.parent_rows).encodings().shape == (0, 64, 32)
    assert all(values.shape == (64,) for values in plan.raw(block).values())


def test_parent_values_are_those_of_the_parent_rows(request_of):
    request = request_of(7, rows=64, parents=["a", "b"])
    plan = Scm().plan(request)
    block = block_of(request)
    rows = block_rows(plan.parents, block.parent_rows)
    second = request.parents[1]
    np.testing.assert_array_equal(
        rows.values(4), second.values["feature_0"][block.parent_rows["foreign_row_1"]]
    )


def test_children_depend_on_what_their_parents_hold(request_of):
    request = request_of(8, rows=400, columns=8, parents=["a"])
    moved = evolve(
        request.parents[0],
        values={name: values[::-1].copy() for name, values in request.parents[0].values.items()},
    )
    before = Scm().plan(request).raw(block_of(request))
    after = Scm().plan(evolve(request, parents=(moved,))).raw(block_of(request))
    assert any((before[name] != after[name]).any() for name in before)


def test_a_lazily_typed_parent_shows_its_labels_as_numbers(request_of):
    request = request_of(9, rows=50, parents=["a"])
    plan = Scm().plan(evolve(request, parents=(evolve(request.parents[0], mode="lazy"),)))
    assert not any(isinstance(encoder, LabelEncoder) for encoder in plan.parents[0].encoders)
    raw = plan.raw(block_of(request))
    assert all(raw[column.name].shape == (50,) for column in request.table.columns)


@pytest.mark.parametrize("mode", ["type_eager", "type_lazy"])
def test_a_held_column_has_its_value_and_moves_only_what_depends_on_it(request_of, parts, mode):
    only = parts.only(propagation_mode_choices=mode)
    moved = [
        _moved_by_an_intervention(request_of(seed, rows=300, columns=10, parts=only)) for seed in range(8)
    ]
    assert any(moved)


def _moved_by_an_intervention(request):
    plan = Scm().plan(request)
    raw, free = made(plan, block_of(request))
    fitted = plan.fit(plan.summarize(raw))
    block = block_of(request, do={"feature_0": 3.0, "feature_1": 2})
    held = fitted.apply(fitted.raw(block), block)
    assert (held["feature_0"] == 3).all()
    assert (held["feature_1"] == 2).all()
    caused = {f"orders/{column.node}" for column in plan.columns[:2]}
    for _ in plan.graph.nodes:
        caused |= {edge.target for edge in plan.graph.edges if edge.source in caused}
    changed = [c for c in plan.columns[2:] if not np.array_equal(held[c.name], free[c.name], equal_nan=True)]
    assert {f"orders/{column.node}" for column in changed} <= caused
    return changed


def test_holding_a_column_at_its_own_values_changes_nothing(request_of, parts):
    request = request_of(11, rows=1, columns=6, parts=parts.only(propagation_mode_choices="type_eager"))
    plan = Scm().plan(request)
    free = plan.raw(block_of(request))
    own = {name: values[0].item() for name, values in free.items()}
    assert_same(plan.raw(block_of(request, do=own)), free)


@pytest.mark.parametrize(
    ("do", "message"),
    [
        ({"nope": 1.0}, "has no column 'nope' to hold at 1.0; columns: feature_0, feature_1"),
        ({"feature_1": 3}, "orders.feature_1 holds the labels 0 to 2, got 3"),
        ({"feature_1": 0.5}, "orders.feature_1 holds the labels 0 to 2, got 0.5"),
    ],
)
def test_an_intervention_that_cannot_be_is_refused(request_of, do, message):
    request = request_of(12, rows=5, columns=2)
    with pytest.raises(GenerationError, match=message):
        Scm().plan(request).raw(block_of(request, do=do))


def test_missing_values_flow_through_and_never_stop_a_table(request_of):
    request = request_of(13, rows=200, columns=8, parents=["a"])
    holed = {
        name: np.where(np.arange(200) % 2 == 0, np.nan, values).astype(np.float32)
        if values.dtype == np.float32
        else values
        for name, values in request.parents[0].values.items()
    }
    plan = Scm().plan(evolve(request, parents=(evolve(request.parents[0], values=holed),)))
    block = block_of(request)
    raw = plan.raw(block)
    seen = block.parent_rows["foreign_row_0"] % 2 == 0
    caused = {node.id for node in plan.graph.nodes if node.mechanism == "plurel-scm:mlp"}
    for column in plan.columns:
        if column.kind == "number":
            missing = np.isnan(raw[column.name])
            if f"orders/{column.node}" in caused:
                assert missing[seen].all()
            else:
                assert not missing.any()


def test_the_graph_names_what_columns_depend_on(request_of):
    request = request_of(14, columns=6, parents=["a", "b"])
    plan = Scm().plan(request)
    nodes = {node.id: node for node in plan.graph.nodes}
    assert [nodes[f"orders/{column.node}"].column for column in plan.columns] == [
        column.name for column in request.table.columns
    ]
    assert len(nodes) == len(plan.nodes)
    own = [edge for edge in plan.graph.edges if edge.through is None]
    for edge in own:
        assert edge.source in nodes
        assert edge.weight is not None
    inner = {edge.target for edge in own}
    for node in nodes.values():
        assert (node.mechanism == "plurel-scm:mlp") == (node.id in inner)
        sources = {edge.source for edge in plan.graph.edges if edge.target == node.id and edge.through}
        wanted = {f"{parent}/{place}" for parent in ("a", "b") for place in range(4)}
        assert sources == (wanted if node.id in inner else set())
    reached = {f"orders/{column.node}" for column in plan.columns}
    for _ in nodes:
        reached |= {edge.source for edge in own if edge.target in reached}
    assert reached == set(nodes)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), columns=st.integers(0, 12))
def test_columns_sit_on_random_nodes_in_ascending_order(request_of, seed, columns):
    graph = draw_node_graph(request_of(seed, columns=columns))
    names = [graph.kinds[node].column for node in graph.shown]
    assert names == [f"feature_{place}" for place in range(columns)]
    least, most = columns + np.ceil(columns / 0.9) + 3, columns + np.ceil(columns / 0.3) + 3
    assert least <= graph.dag.nodes <= most
    assert len(graph.weights) == len(graph.dag.edges)
    for kind in graph.kinds:
        assert (kind.categories is None) == (kind.kind == "number")


def test_edge_weights_come_from_the_families_they_are_named_after():
    draws = {name: family(Stream(0), 20_000) for name, family in EDGE_WEIGHTS.items()}
    assert draws["gaussian"].std() == pytest.approx(1, rel=0.03)
    assert np.log(draws["lognormal"]).std() == pytest.approx(1, rel=0.03)
    assert np.median(np.abs(draws["cauchy"])) == pytest.approx(1, rel=0.05)
    assert np.abs(draws["uniform"]).max() <= 2
    assert draws["uniform"].std() == pytest.approx(2 / np.sqrt(3), rel=0.03)


def test_edge_weight_families_have_the_reference_s_names():
    names = ["gaussian", "lognormal", "cauchy", "uniform"]
    assert Choices(kind="set", value=names) == DAGParams().edge_weight_dist_choices
    assert set(EDGE_WEIGHTS) == set(names)


def test_columns_of_every_kind_of_a_schema_can_be_made(request_of):
    request = request_of(15, columns=0)
    columns = [
        Column(name="amount", kind="number"),
        Column(name="shipped_at", kind="datetime"),
        Column(name="paid", kind="boolean"),
        Column(name="status", kind="category", categories=5),
        Column(name="city", kind="text", categories=7),
    ]
    plan = Scm().plan(evolve(request, table=evolve(request.table, columns=columns)))
    assert [(column.kind, column.categories) for column in plan.columns] == [
        ("number", None),
        ("number", None),
        ("category", 2),
        ("category", 5),
        ("category", 7),
    ]


def test_a_column_of_unknown_labels_is_refused(request_of):
    request = request_of(15, columns=0)
    table = evolve(request.table, columns=[Column(name="city", kind="text")])
    with pytest.raises(GenerationError, match="'city' must say how many categories it has, got None"):
        Scm().plan(evolve(request, table=table))


@frozen
class MeanNode:
    """A mechanism from elsewhere: the mean of everything a row sees, with scalar noise."""

    labels: int | None

    @property
    def noise_shape(self):
        return ()

    def compute(self, inputs, foreign, noise):
        seen = [np.asarray(value, dtype=np.float32) for value in inputs]
        if foreign is not None:
            seen += [foreign.values(0), foreign.encodings().mean(axis=(0, 2))]
        mean = np.mean(seen, axis=0, dtype=np.float32) + noise
        return mean if self.labels is None else (np.abs(mean) * 10).astype(np.int64) % self.labels


@frozen
class MeanMechanism:
    def plan(self, request):
        assert [value.name for value in request.foreign][:1] == ["foreign_row_0.feature_0"]
        return MeanNode(request.categories)


def test_a_mechanism_from_elsewhere_can_stand_where_mlp_stands(request_of, parts):
    parts.built["mechanism_choices", "mlp"] = MeanMechanism()
    request = request_of(16, parts=parts, parents=["a"])
    raw = Scm().plan(request).raw(block_of(request))
    assert all(np.isfinite(values).all() for values in raw.values())


class Mean(Aggregation):
    """An aggregation from elsewhere that is not associative."""

    def __call__(self, stack):
        self.shape = stack.shape
        return stack.mean(axis=0)


def test_an_aggregation_that_is_not_associative_sees_every_column(request_of, parts):
    mean = Mean()
    only = parts.only(propagation_agg_choices="sum")
    only.built["propagation_agg_choices", "sum"] = mean
    request = request_of(17, parts=only, rows=50, parents=["a", "b"])
    plan = Scm().plan(request)
    raw = plan.raw(block_of(request, null=True))
    assert all(values.shape == (50,) for values in raw.values())
    last = next(node for node in reversed(plan.nodes.values()) if isinstance(node, MechanismNode))
    assert mean.shape[0] == len(last.inputs) + 8


def test_the_width_of_encodings_is_a_parameter(request_of):
    request = request_of(18, rows=20, parents=["a"])
    plan = Scm(dim=8).plan(request)
    assert {node.plan.noise_shape for node in plan.nodes.values() if isinstance(node, MechanismNode)} == {
        (8,)
    }
    raw = plan.raw(block_of(request))
    assert all(raw[column.name].shape == (20,) for column in plan.columns)


DIGEST = """
import hashlib, sys
sys.path.insert(0, sys.argv[1])
import conftest
import numpy as np
from plurel.plugins.requests import BlockRequest, TableRequest
from plurel.seeding import Stream
from plurel_scm.table_model import Scm

digest = hashlib.sha256()
for seed in range(5):
    table = conftest.make_table(rows=4000, columns=8, parents=["a"])
    parent = conftest.make_parent(table.foreign_keys[0])
    request = TableRequest(table=table, parents=(parent,), parts=conftest.OwnParts(), stream=Stream(seed))
    rows = {"foreign_row_0": np.arange(4000) % 200}
    block = BlockRequest(index=0, start=0, stop=4000, parent_rows=rows)
    for values in Scm().plan(request).raw(block).values():
        digest.update(values.tobytes())
print(digest.hexdigest())
"""


def test_no_bit_depends_on_the_number_of_blas_threads():
    here = str(Path(__file__).parent)
    digests = set()
    for threads in ("1", "2", "3"):
        variables = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), threads)
        done = subprocess.run(
            [sys.executable, "-c", DIGEST, here],
            env={**os.environ, **variables},
            check=True,
            capture_output=True,
            text=True,
        )
        digests.add(done.stdout.strip())
    assert len(digests) == 1
