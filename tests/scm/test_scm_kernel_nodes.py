"""The Rust kernel beside numpy, its oracle: the same values wherever single precision says what they are.

A drawn node may be chaotic: then a rounding difference moves its values, and numpy in single precision is as
far from the truth as the kernel. So both are compared with double precision, and the kernel may be no worse.
"""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from attrs import evolve, frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from plurel.plugins.protocols import Aggregation
from plurel.plugins.requests import BlockRequest, MechanismRequest, NodeInput
from plurel.seeding import Stream
from plurel_scm import _kernel
from plurel_scm.aggregations import Max
from plurel_scm.encoders import LabelEncoder
from plurel_scm.foreign import block_rows
from plurel_scm.kernel_nodes import lowered
from plurel_scm.mechanisms import Mlp
from plurel_scm.noises import Beta
from plurel_scm.table_model import Scm

AGGREGATIONS = ["sum", "max", "product", "logsumexp"]
LABELS = 7


@pytest.fixture(scope="module")
def parts(request_of):
    return request_of(0).parts


def mlp_node(parts, stream, inputs, output="number", dim=32, hidden=32):
    """A node of numbers and labels (`inputs` says which is a label) with its noise."""
    weights = stream.generator().normal(size=len(inputs))
    node = Mlp(hidden=hidden).plan(
        MechanismRequest(
            inputs=tuple(
                NodeInput(kind="category", categories=LABELS, weight=weight)
                if label
                else NodeInput(kind="number", weight=weight)
                for label, weight in zip(inputs, weights, strict=True)
            ),
            output=output,
            categories=5 if output == "category" else None,
            dim=dim,
            parts=parts,
            stream=stream / "function",
        )
    )
    return node, Beta().plan(stream / "noise")


def drawn_inputs(inputs, rows, size=1.0):
    generator = np.random.default_rng(rows)
    return [
        generator.integers(0, LABELS, rows) if label else generator.normal(0, size, rows).astype(np.float32)
        for label in inputs
    ]


def shaken(weights, shakes):
    """Weights in double precision, moved by some roundings of single precision if there is a generator."""
    wide = weights.astype(np.float64)
    return wide if shakes is None else wide * (1 + 2.0**-22 * shakes.normal(size=wide.shape))


def run_exactly(network, x, shakes):
    """What a network gives in double precision."""
    for layer in network.hidden:
        hidden = layer.function(x @ shaken(layer.weights, shakes)) * float(layer.scale)
        x = np.clip(hidden, -float(layer.limit), float(layer.limit))
    return x @ shaken(network.last, shakes)


def encode_exactly(encoder, values, shakes):
    if isinstance(encoder, LabelEncoder):
        vectors = run_exactly(encoder.network, shaken(encoder.embeddings, shakes), shakes)[values]
    else:
        vectors = run_exactly(encoder.network, values.astype(np.float64)[:, None], shakes)
    return np.clip(vectors * encoder.weight, -float(encoder.limit), float(encoder.limit))


def exact(node, inputs, noise, shakes=None):
    """Values, or scores of labels, in double precision."""
    with np.errstate(all="ignore"):
        vectors = [encode_exactly(*pair, shakes) for pair in zip(node.encoders, inputs, strict=True)]
        state = node.aggregation(np.stack(vectors)) + noise.astype(np.float64) / node.dim
        decoded = run_exactly(node.decoder, state, shakes)
        return decoded[:, 0] if node.targets is None else decoded @ node.targets.T.astype(np.float64)


def assert_as_good_as_numpy(node, noise, inputs, block=3):
    rows = len(inputs[0])
    drawn = noise.block(block, (rows, *node.noise_shape))
    with np.errstate(all="ignore"):
        numpy = node.compute(inputs, None, drawn)
    kernel = lowered(node, noise).compute(block, rows, inputs, None)
    assert kernel.dtype == numpy.dtype
    truth, moved = (exact(node, inputs, drawn, shakes) for shakes in (None, np.random.default_rng(0)))
    if node.targets is not None:
        labels = truth.argmax(axis=1)
        blurred = np.mean(numpy != labels) + np.mean(moved.argmax(axis=1) != labels)
        assert np.mean(kernel != labels) <= 3 * blurred + 0.03
        return
    clear = np.isfinite(truth) & np.isfinite(numpy) & np.isfinite(moved)
    assert np.isfinite(kernel[clear]).all()
    if clear.any():
        errors = [np.quantile(np.abs(one - truth)[clear], 0.9) for one in (kernel, numpy, moved)]
        assert errors[0] <= 8 * (errors[1] + errors[2]) + 1e-6 * np.abs(truth[clear]).max()


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 1 << 30),
    inputs=st.lists(st.booleans(), min_size=1, max_size=5),
    aggregation=st.sampled_from(AGGREGATIONS),
    output=st.sampled_from(["number", "category"]),
    dim=st.sampled_from([1, 3, 8, 32]),
    hidden=st.sampled_from([1, 5, 32]),
    rows=st.integers(20, 200),
    size=st.sampled_from([0.01, 1.0, 100.0]),
)
def test_a_node_has_the_values_of_its_numpy_rules(
    parts, seed, inputs, aggregation, output, dim, hidden, rows, size
):
    only = parts.only(propagation_agg_choices=aggregation)
    node, noise = mlp_node(only, Stream(seed), inputs, output, dim, hidden)
    assert_as_good_as_numpy(node, noise, drawn_inputs(inputs, rows, size))


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
@pytest.mark.parametrize("activation", [*_kernel.ACTIVATIONS, "random_sines"])
def test_every_activation_is_the_function_of_its_name(parts, activation, aggregation):
    only = parts.only(activation_choices=activation, propagation_agg_choices=aggregation)
    node, noise = mlp_node(only, Stream(1) / activation, [False, True])
    assert_as_good_as_numpy(node, noise, drawn_inputs([False, True], 300))


@pytest.mark.parametrize("output", ["number", "category"])
def test_a_missing_number_makes_a_missing_number_or_the_label_0(parts, output):
    numbers = np.array([0.5, np.nan, -0.5], dtype=np.float32)
    for seed in range(20):
        node, noise = mlp_node(parts, Stream(seed), [False, True], output)
        values = lowered(node, noise).compute(0, 3, [numbers, np.zeros(3, dtype=np.int64)], None)
        assert np.isnan(values[1]) if output == "number" else values[1] == 0


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
def test_parent_rows_are_joined_as_numpy_joins_them(request_of, parts, aggregation):
    only = parts.only(propagation_agg_choices=aggregation)
    request = request_of(5, parts=only, rows=300, parents=["a", "b"])
    rows = {key.column: np.arange(300) % 151 - 1 for key in request.table.foreign_keys}
    join = only.draw("propagation_agg_choices", Stream(0))
    kernel, numpy = (
        block_rows(Scm(backend=backend).plan(request).parents, rows).joined(join)
        for backend in ("kernel", "numpy")
    )
    for one, other in zip(kernel, numpy, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4 * np.abs(other[1:151]).max())


@pytest.fixture(scope="module")
def block():
    return BlockRequest(index=1, start=4096, stop=4096 + 70, parent_rows={"foreign_row_0": np.arange(70) - 1})


@settings(max_examples=3, deadline=None)
@given(seed=st.integers(0, 1000))
def test_every_set_of_instructions_gives_the_same_bits(request_of, block, seed):
    request = request_of(seed, columns=3, parents=["a"])
    blocks = []
    for path in _kernel.paths():
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PLUREL_KERNEL", path)
            blocks.append(Scm().plan(request).raw(block))
    for name, values in blocks[0].items():
        assert all(other[name].tobytes() == values.tobytes() for other in blocks[1:])


def test_a_set_of_instructions_that_is_not_there_is_named(request_of, block, monkeypatch):
    plan = Scm().plan(request_of(0, columns=3, parents=["a"]))
    monkeypatch.setenv("PLUREL_KERNEL", "mmx")
    with pytest.raises(ValueError, match=r"PLUREL_KERNEL is \"mmx\", but this machine has .*plain"):
        plan.raw(block)


def test_what_computes_a_node_can_be_told_and_is_counted(request_of):
    request = request_of(3, parents=["a"])
    kernel, numpy = (Scm(backend=backend).plan(request).computed for backend in ("kernel", "numpy"))
    assert kernel["kernel"] > 0
    assert kernel == {"kernel": numpy["numpy"], "numpy": numpy["kernel"]}


@frozen
class OwnMax(Max):
    """What somebody else made of a built-in aggregation."""


@frozen
class Mean(Aggregation):
    """No aggregation of the kernel's, and not associative."""

    def __call__(self, stack):
        return stack.mean(axis=0)


@frozen
class OwnActivation:
    """Somebody's activation."""

    def draw(self, stream):
        return np.abs


def own_noise(noise):
    """Somebody's noise that behaves like the built-in one."""
    return type("OwnNoise", (type(noise),), {})(*(getattr(noise, name) for name in noise.__match_args__))


def test_a_node_with_any_part_of_somebody_else_stays_in_numpy(parts):
    node, noise = mlp_node(parts, Stream(0), [False])
    assert lowered(node, noise) is not None
    assert lowered(evolve(node, aggregation=OwnMax()), noise) is None
    assert lowered(evolve(node, aggregation=Mean()), noise) is None
    assert lowered(node, own_noise(noise)) is None
    theirs = parts.only(activation_choices="own")
    theirs.built["activation_choices", "own"] = OwnActivation()
    assert lowered(*mlp_node(theirs, Stream(0), [False])) is None


def test_a_node_survives_pickling(parts):
    inputs = [False, True, False]
    node, noise = mlp_node(parts, Stream(4), inputs)
    kernel, values = lowered(node, noise), drawn_inputs(inputs, 90)
    copied = pickle.loads(pickle.dumps(kernel))
    np.testing.assert_array_equal(
        kernel.compute(2, 90, values, None), copied.compute(2, 90, values, None), strict=True
    )


def test_what_does_not_fit_a_node_is_refused(parts):
    node = lowered(*mlp_node(parts, Stream(4), [False, True])).node
    numbers, labels = np.zeros(9, dtype=np.float32), np.zeros(9, dtype=np.int64)
    with pytest.raises(ValueError, match="2 inputs are wanted, got 1"):
        node.compute(9, [numbers], [], 0, 0)
    with pytest.raises(ValueError, match="input 0 has 9 rows, 8 are wanted"):
        node.compute(8, [numbers, labels], [], 0, 0)
    with pytest.raises(ValueError, match="input 0 is of the wrong kind"):
        node.compute(9, [labels, labels], [], 0, 0)
    with pytest.raises(ValueError, match="parent 0 has no row 3, only 3 rows"):
        node.compute(9, [numbers, labels], [(np.zeros((3, 32), dtype=np.float32), labels + 3)], 0, 0)
    with pytest.raises(ValueError, match="contiguous"):
        node.compute(9, [np.zeros(18, dtype=np.float32)[::2], labels], [], 0, 0)


def test_no_rows_are_no_values(parts):
    node, noise = mlp_node(parts, Stream(4), [False])
    assert lowered(node, noise).compute(0, 0, [np.empty(0, dtype=np.float32)], None).shape == (0,)


def test_values_of_another_type_are_refused(parts):
    node = lowered(*mlp_node(parts, Stream(4), [False, True])).node
    with pytest.raises(TypeError):
        node.compute(9, [np.zeros(9), np.zeros(9, dtype=np.int64)], [], 0, 0)
    with pytest.raises(TypeError):
        node.compute(9, [[0.5] * 9, np.zeros(9, dtype=np.int64)], [], 0, 0)
