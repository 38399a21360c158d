"""Contributions from elsewhere that break their contracts: the error names them, the table and the column."""

from __future__ import annotations

import pickle
from types import SimpleNamespace

import numpy as np
import pytest
from attrs import evolve, frozen

from plurel.errors import GenerationError, PluginError
from plurel.plugins.protocols import Aggregation
from plurel.plugins.requests import BlockRequest
from plurel.schema import Column
from plurel.seeding import Stream
from plurel_scm.guards import GuardedParts
from plurel_scm.table_model import Scm

NAMES = {
    "activation_choices": "relu",
    "initialization_choices": "kaiming_normal",
    "propagation_agg_choices": "sum",
    "noise_choices": "beta",
    "source_gen_type_choices": "uniform",
    "mechanism_choices": "mlp",
}
CALLED = {
    "activation_choices": "the activation",
    "initialization_choices": "the initialiser",
    "propagation_agg_choices": "the aggregation",
    "noise_choices": "the noise",
    "source_gen_type_choices": "the source",
    "mechanism_choices": "the mechanism",
}
PLACE = r"(orders\.feature_\d+|the hidden node \d+ of orders|what orders sees of its parents)"
"""Where a fault may be found."""

RIGHT = {
    "activation_choices": lambda x: x,
    "initialization_choices": lambda shape: np.full(shape, 0.25, dtype=np.float32),
    "propagation_agg_choices": lambda stack: stack.sum(axis=0),
    "noise_choices": lambda shape: np.full(shape, 0.5, dtype=np.float32),
    "source_gen_type_choices": lambda rows: np.arange(rows, dtype=np.float32),
    "mechanism_choices": lambda inputs: np.asarray(inputs[0], dtype=np.float32) + 1,
}
"""What each kind does right, of what it is asked with."""


class Joining(Aggregation):
    def __init__(self, wrong):
        self.wrong = wrong

    def __call__(self, stack):
        return self.wrong(RIGHT["propagation_agg_choices"](stack))


def made(choice, wrong):
    """A contribution of a kind whose answers go through `wrong`."""
    right = RIGHT[choice]
    if choice == "activation_choices":
        return SimpleNamespace(draw=lambda stream: lambda x: wrong(right(x)))
    if choice == "initialization_choices":
        return SimpleNamespace(draw=lambda shape, stream: wrong(right(shape)))
    if choice == "propagation_agg_choices":
        return Joining(wrong)
    if choice == "noise_choices":
        plan = SimpleNamespace(block=lambda index, shape: wrong(right(shape)))
        return SimpleNamespace(plan=lambda stream: plan)
    if choice == "source_gen_type_choices":
        plan = SimpleNamespace(block=lambda index, start, stop: wrong(right(stop - start)))
        return SimpleNamespace(plan=lambda request: plan)
    node = SimpleNamespace(noise_shape=(), compute=lambda inputs, foreign, noise: wrong(right(inputs)))
    return SimpleNamespace(plan=lambda request: node)


def values_of(request_of, parts, choice, contribution, **shape):
    """The raw values of a small lazy table, all nodes numbers, where everybody meets the contribution."""
    only = parts.only(**NAMES, propagation_mode_choices="type_lazy")
    only.built[choice, NAMES[choice]] = contribution
    request = request_of(2, parts=only, rows=20, columns=8, parents=["a"], **shape)
    block = BlockRequest(index=0, start=0, stop=20, parent_rows={"foreign_row_0": np.arange(20)})
    plan = Scm().plan(request)
    raw = plan.raw(block)
    return {column.name: raw[column.name] for column in plan.columns}


def failing(_):
    raise KeyError("amount")


WRONG = {
    "raises": (failing, PluginError, r"failed at {place}: KeyError: 'amount'"),
    "another shape": (
        lambda values: np.ones((*values.shape, 2), dtype=np.float32),
        GenerationError,
        r"broke its contract for {place}: expected shape \(.*\) of float32, got shape \(.*, 2\) of float32",
    ),
    "a shape that numpy would stretch": (
        lambda values: values[:1],
        GenerationError,
        r"broke its contract for {place}: expected shape \(.*\) of float32, got shape \(1",
    ),
    "another type": (
        lambda values: values.astype(np.float64),
        GenerationError,
        r"broke its contract for {place}: expected shape .* of float32, got shape .* of float64",
    ),
    "no array": (
        lambda values: values.tolist(),
        GenerationError,
        r"broke its contract for {place}: expected shape .* of float32, got a list",
    ),
    "an array of another kind": (
        np.ma.masked_array,
        GenerationError,
        r"broke its contract for {place}: expected shape .* of float32, got a MaskedArray",
    ),
}


@pytest.mark.parametrize("choice", NAMES)
def test_a_right_contribution_is_used_as_it_is(request_of, parts, choice):
    values = values_of(request_of, parts, choice, made(choice, lambda right: right))
    assert all(np.isfinite(column).all() for column in values.values())


def unwritable(values):
    values = values.copy()
    values.flags.writeable = False
    return values


@pytest.mark.parametrize("choice", NAMES)
def test_what_may_not_be_written_into_is_as_right_as_what_may(request_of, parts, choice):
    values = values_of(request_of, parts, choice, made(choice, unwritable))
    right = values_of(request_of, parts, choice, made(choice, lambda right: right))
    for name, column in right.items():
        np.testing.assert_array_equal(values[name], column)


def test_a_mechanism_that_writes_into_its_inputs_is_told_of(request_of, parts):
    def compute(inputs, foreign, noise):
        inputs[0][:] = 0
        return noise

    mechanism = SimpleNamespace(plan=lambda request: SimpleNamespace(noise_shape=(), compute=compute))
    with pytest.raises(PluginError, match=f"the mechanism .* failed at {PLACE}: ValueError: .*read-only"):
        values_of(request_of, parts, "mechanism_choices", mechanism)


@pytest.mark.parametrize(
    ("choice", "how"),
    [
        (choice, how)
        for choice in NAMES
        for how in WRONG
        # The first matrix of a network has one row, so that its first row is the whole of it.
        if (choice, how) != ("initialization_choices", "a shape that numpy would stretch")
    ],
)
def test_a_wrong_contribution_is_told_of_with_its_name_and_where_it_was_at_work(
    request_of, parts, choice, how
):
    wrong, error, words = WRONG[how]
    name = f"{CALLED[choice]} plurel-scm:{NAMES[choice]}"
    with pytest.raises(error, match=f"{name} {words.format(place=PLACE)}"):
        values_of(request_of, parts, choice, made(choice, wrong))


@pytest.mark.parametrize(
    "choice", ["activation_choices", "propagation_agg_choices", "noise_choices", "source_gen_type_choices"]
)
def test_a_number_that_is_missing_is_a_missing_number_downstream(request_of, parts, choice):
    def holed(values):
        values = values.copy()
        values[..., :5] = np.nan
        values[:5] = np.nan
        return values

    values = values_of(request_of, parts, choice, made(choice, holed))
    missing = [np.isnan(column[:5]).all() for column in values.values()]
    assert any(missing)
    assert all(column.dtype == np.float32 for column in values.values())


def test_weights_that_are_missing_are_no_weights(request_of, parts):
    nan = made("initialization_choices", lambda weights: weights * np.nan)
    with pytest.raises(GenerationError, match=rf"kaiming_normal broke its contract for {PLACE}: .* finite"):
        values_of(request_of, parts, "initialization_choices", nan)


@pytest.mark.parametrize("choice", ["source_gen_type_choices", "mechanism_choices"])
@pytest.mark.parametrize("label", [3, -1])
def test_labels_that_there_are_not_are_told_of(request_of, parts, choice, label):
    only = parts.only(
        **NAMES,
        propagation_mode_choices="type_eager",
        col_stype_choices="categorical",
        num_categories_choices=3,
    )
    only.built[choice, NAMES[choice]] = made(choice, lambda right: np.full(len(right), label, dtype=np.int64))
    columns = [Column(name=f"feature_{place}", kind="category", categories=3) for place in range(8)]
    request = request_of(2, parts=only, rows=20)
    request = evolve(request, table=evolve(request.table, columns=columns))
    with pytest.raises(
        GenerationError, match=rf"for {PLACE}: expected labels 0\.\.2, got {label}\.\.{label}"
    ):
        Scm().plan(request).raw(BlockRequest(index=0, start=0, stop=20, parent_rows={}))


def test_a_mechanism_that_wants_noise_of_no_shape_is_told_of(request_of, parts):
    bad = SimpleNamespace(plan=lambda request: SimpleNamespace(noise_shape=[32], compute=None))
    with pytest.raises(GenerationError, match=rf"{PLACE}: expected a noise_shape as in .*, got \[32\]"):
        values_of(request_of, parts, "mechanism_choices", bad)


def test_the_one_that_failed_is_named_not_the_one_that_used_it(request_of, parts):
    @frozen
    class Using:
        def plan(self, request):
            function = request.parts.draw("activation_choices", request.stream).draw(request.stream)
            return SimpleNamespace(
                noise_shape=(), compute=lambda inputs, foreign, noise: function(noise.copy())
            )

    only = parts.only(**NAMES, propagation_mode_choices="type_lazy")
    only.built["mechanism_choices", "mlp"] = Using()
    only.built["activation_choices", "relu"] = made("activation_choices", failing)
    request = request_of(2, parts=only, rows=20, columns=8)
    with pytest.raises(PluginError, match=rf"the activation plurel-scm:relu failed at {PLACE}: KeyError"):
        Scm().plan(request).raw(BlockRequest(index=0, start=0, stop=20, parent_rows={}))


def test_want_of_memory_is_nobody_s_fault(request_of, parts):
    def hungry(_):
        raise MemoryError

    with pytest.raises(MemoryError):
        values_of(request_of, parts, "noise_choices", made("noise_choices", hungry))


@pytest.mark.parametrize(
    ("draw", "error", "words"),
    [
        (failing, PluginError, "failed at the causal nodes of orders: KeyError"),
        (
            lambda request: SimpleNamespace(nodes=1),
            GenerationError,
            r"broke its contract for orders: expected \d+ causal nodes, got 1",
        ),
    ],
)
def test_a_layout_that_fails_or_draws_other_nodes_is_told_of(
    request_of, parts, monkeypatch, draw, error, words
):
    layout = SimpleNamespace(draw=lambda request, stream: draw(request))
    built = type(parts)._built
    monkeypatch.setattr(
        type(parts),
        "_built",
        lambda self, choice, name: layout if choice == "scm_layout_choices" else built(self, choice, name),
    )
    with pytest.raises(error, match=rf"the layout plurel-scm:\w+ {words}"):
        Scm().plan(request_of(2, columns=4))


def test_what_is_ours_comes_through_and_the_same_is_always_the_same(parts):
    guarded = GuardedParts(parts)
    assert guarded.draw("noise_choices", Stream(0)) is parts.draw("noise_choices", Stream(0))
    only = parts.only(activation_choices="relu")
    only.built["activation_choices", "relu"] = made("activation_choices", lambda right: right)
    guarded = GuardedParts(only)
    first, second = guarded.draw_many("activation_choices", 2, Stream(0))
    assert first is second is guarded.draw_entry("activation_choices", Stream(1))[1]
    assert guarded.draw("scm_col_node_perc_choices", Stream(0)) == parts.draw(
        "scm_col_node_perc_choices", Stream(0)
    )


def test_a_guarded_function_pickles_where_the_function_does(parts):
    only = parts.only(activation_choices="relu")
    only.built["activation_choices", "relu"] = Doubling()
    function = GuardedParts(only).draw("activation_choices", Stream(0)).draw(Stream(0))
    x = np.ones(3, dtype=np.float32)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(function))(x), 2 * x)


@frozen
class Doubling:
    def draw(self, stream):
        return self

    def __call__(self, x):
        return np.float32(2) * x
