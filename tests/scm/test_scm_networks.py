"""Networks and encoders: products of any height, constants, labels, weights, clips."""

from __future__ import annotations

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from plurel.config import Choices
from plurel.errors import ConfigError
from plurel.plugins.requests import NodeInput
from plurel.seeding import Stream
from plurel_scm.encoders import LabelEncoder, NumberEncoder, draw_encoders
from plurel_scm.network_draws import NetworkRule, default_density, default_layers, draw_networks
from plurel_scm.networks import product

RULE = NetworkRule(num_layers=default_layers(), weight_density=default_density(), width=32)


def encode(encoder, values):
    out = np.empty((len(values), 32), dtype=np.float32)
    encoder.encode(values, out)
    return out


@settings(max_examples=40, deadline=None)
@given(
    rows=st.integers(0, 1100),
    inputs=st.sampled_from([1, 32, 600]),
    outputs=st.sampled_from([1, 3, 32, 600]),
    seed=st.integers(0, 99),
)
def test_a_product_in_stacks_is_the_product(rows, inputs, outputs, seed):
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(rows, inputs)).astype(np.float32)
    weights = (generator.normal(size=(inputs, outputs)) / inputs).astype(np.float32)
    np.testing.assert_allclose(product(x, weights), x.astype(np.float64) @ weights, rtol=1e-4, atol=1e-4)


def test_networks_have_the_layers_and_widths_that_were_asked_for(parts):
    ends = [(1, 32), (32, 1), (32, 32)] * 60
    networks = draw_networks(ends, RULE, parts, Stream(0))
    depths = [len(network.hidden) + 1 for network in networks]
    assert set(depths) == {2, 3, 4}
    for (inputs, outputs), network in zip(ends, networks, strict=True):
        assert network.hidden[0].weights.shape == (inputs, 32)
        assert network.last.shape == (32, outputs)
        assert network(np.zeros((5, inputs), dtype=np.float32)).shape == (5, outputs)


def test_masks_keep_the_mean_of_weights(parts):
    rule = NetworkRule(num_layers=Choices.constant(2), weight_density=Choices.constant(0.4), width=32)
    narrow = parts.only(initialization_choices="kaiming_normal")
    networks = draw_networks([(32, 32)] * 200, rule, narrow, Stream(0))
    weights = np.concatenate([network.last for network in networks])
    kept = weights[weights != 0]
    assert len(kept) / weights.size == pytest.approx(0.4, abs=0.01)
    assert kept.std() == pytest.approx(np.sqrt(2 / 32) / 0.4, rel=0.02)


def test_scales_of_hidden_layers_are_log_uniform(parts):
    networks = draw_networks([(32, 32)] * 500, RULE, parts, Stream(0))
    logs = np.log([layer.scale for network in networks for layer in network.hidden])
    assert logs.min() >= -1 - 1e-6
    assert logs.max() <= 1 + 1e-6
    assert abs(logs.mean()) < 0.06
    assert logs.std() == pytest.approx(1 / np.sqrt(3), rel=0.06)


def test_a_rule_may_do_without_scale_and_clip(parts):
    rule = evolve(RULE, log_scale=Choices.constant(0.0), clipped=False)
    x = np.full((4, 32), 1e30, dtype=np.float32)
    linear = parts.only(activation_choices="identity", initialization_choices="kaiming_normal")
    for network in draw_networks([(32, 32)] * 20, rule, linear, Stream(0)):
        assert {float(layer.scale) for layer in network.hidden} == {1.0}
        assert np.abs(network.activate(x)).max() > 1e20
    for network in draw_networks([(32, 32)] * 20, RULE, linear, Stream(0)):
        assert np.abs(network.activate(x)).max() <= 1e6


def test_encodings_are_clipped_unless_the_rule_does_without(parts):
    narrow = parts.only(activation_choices="identity", initialization_choices="kaiming_normal")
    inputs = [NodeInput(kind="number", weight=1e3), NodeInput(kind="category", categories=3, weight=1e9)]
    for clipped in (True, False):
        encoders = draw_encoders(inputs, 32, evolve(RULE, clipped=clipped), narrow, Stream(1))
        values = (np.full(5, 1e4, dtype=np.float32), np.arange(5) % 3)
        for encoder, value in zip(encoders, values, strict=True):
            assert (np.abs(encode(encoder, value)).max() <= 1e4) == clipped


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (evolve(RULE, num_layers=Choices.constant(1)), "at least 2 weight matrices, got num_layers 1"),
        (evolve(RULE, weight_density=Choices.constant(0.0)), r"at most at 1, got 0\.0"),
        (evolve(RULE, weight_density=Choices.constant(1.5)), r"at most at 1, got 1\.5"),
    ],
)
def test_networks_that_cannot_be_are_refused(parts, rule, message):
    with pytest.raises(ConfigError, match=message):
        draw_networks([(1, 32)], rule, parts, Stream(0))


def test_the_same_stream_draws_the_same_networks(parts):
    x = np.linspace(-1, 1, 32 * 300, dtype=np.float32).reshape(300, 32)
    first, again = (draw_networks([(32, 32)] * 3, RULE, parts, Stream(9)) for _ in range(2))
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one(x), other(x))


def test_a_sparse_first_layer_makes_a_constant_encoder(parts):
    (encoder,) = draw_encoders(
        [NodeInput(kind="number", weight=0.5)],
        32,
        RULE,
        parts.only(initialization_choices="sparse"),
        Stream(0),
    )
    assert encoder.constant is not None
    vectors = encode(encoder, np.array([1.0, -7.0, np.nan], dtype=np.float32))
    np.testing.assert_array_equal(vectors[0], vectors[1])
    assert np.isnan(vectors[2]).all()


def test_an_encoder_multiplies_by_its_weight_and_then_clips(parts):
    number = NodeInput(kind="number")
    values = np.linspace(-3, 3, 50, dtype=np.float32)
    narrow = parts.only(initialization_choices="kaiming_normal")
    (encoder,) = draw_encoders([number], 32, RULE, narrow, Stream(4))
    assert isinstance(encoder, NumberEncoder)
    plain = encode(encoder, values)
    np.testing.assert_allclose(encode(encoder.weighted(-2.5), values), -2.5 * plain, rtol=1e-4, atol=1e-5)
    assert np.abs(encode(encoder.weighted(1e9), values)).max() == 1e4


def test_numbers_that_are_missing_have_missing_vectors(parts):
    encoders = draw_encoders([NodeInput(kind="number")] * 30, 32, RULE, parts, Stream(0))
    values = np.array([0.5, np.nan], dtype=np.float32)
    for encoder in encoders:
        vectors = encode(encoder, values)
        assert np.isfinite(vectors[0]).all()
        assert np.isnan(vectors[1]).all()


def test_a_label_looks_its_vector_up(parts):
    (encoder,) = draw_encoders([NodeInput(kind="category", categories=4)], 32, RULE, parts, Stream(0))
    assert isinstance(encoder, LabelEncoder)
    assert encoder.table.shape == (4, 32)
    np.testing.assert_array_equal(
        encode(encoder, np.array([3, 0, 3])), np.clip(encoder.table[[3, 0, 3]], -1e4, 1e4)
    )


def test_a_category_without_labels_is_refused(parts):
    with pytest.raises(ValueError, match="at least one label, got None"):
        draw_encoders([NodeInput(kind="category")], 32, RULE, parts, Stream(0))
