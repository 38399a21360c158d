"""What the published prior says of networks, embeddings, noise and links: each layer draws its own."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from scipy import stats

from plurel.config import Choices
from plurel.plugins.requests import LinkRequest, MechanismRequest, NodeInput
from plurel.schema import ForeignKey, Table
from plurel.seeding import Stream
from plurel_scm.activations import FIXED
from plurel_scm.encoders import draw_embeddings
from plurel_scm.links import HierarchicalBlocks
from plurel_scm.mechanisms import Mlp
from plurel_scm.network_draws import NetworkRule, default_density, default_layers, draw_networks

RULE = NetworkRule(num_layers=default_layers(), weight_density=default_density(), width=32)
NUMBER = NodeInput(kind="number", weight=0.7)


def test_every_matrix_has_a_density_of_its_own(parts):
    dense = parts.only(initialization_choices="kaiming_normal")
    networks = draw_networks([(32, 32)] * 400, RULE, dense, Stream(0))
    kept = np.array([np.mean(network.hidden[0].weights != 0) for network in networks])
    last = np.array([np.mean(network.last != 0) for network in networks])
    for shares in (kept, last):
        assert stats.kstest(shares, stats.uniform(0.3, 0.7).cdf).pvalue > 1e-3
    assert abs(np.corrcoef(kept, last)[0, 1]) < 0.15


def test_every_matrix_has_an_initialiser_of_its_own(parts):
    networks = draw_networks([(32, 32)] * 600, RULE, parts, Stream(1))
    tiny = np.array([[np.abs(m).max() < 0.3 for m in (n.hidden[0].weights, n.last)] for n in networks])
    assert tiny.mean(axis=0) == pytest.approx([1 / 6, 1 / 6], abs=0.05)  # `sparse` has deviation 0.01
    assert tiny.all(axis=1).mean() == pytest.approx(1 / 36, abs=0.025)


def test_every_hidden_layer_has_one_of_29_activations_of_its_own(parts):
    networks = draw_networks([(1, 32)] * 1500, RULE, parts, Stream(2))
    names = {function: name for name, function in FIXED.items()}
    drawn = [names.get(layer.function, "random_sines") for network in networks for layer in network.hidden]
    counts = Counter(drawn)
    assert len(counts) == 29
    assert stats.chisquare(list(counts.values())).pvalue > 1e-3
    pairs = [network.hidden[:2] for network in networks if len(network.hidden) > 1]
    same = np.mean([first.function is second.function for first, second in pairs])
    assert same == pytest.approx(1 / 29, abs=0.02)


def test_networks_have_two_to_four_matrices_equally_often(parts):
    networks = draw_networks([(1, 32)] * 900, RULE, parts, Stream(3))
    counts = Counter(len(network.hidden) + 1 for network in networks)
    assert set(counts) == {2, 3, 4}
    assert stats.chisquare(list(counts.values())).pvalue > 1e-3


def test_embeddings_are_drawn_by_the_same_initialisers_but_unmasked(parts):
    dense = parts.only(initialization_choices="kaiming_normal")
    drawn = draw_embeddings([7] * 300, 32, dense, Stream(0))
    assert (drawn.weights != 0).all()
    assert drawn.weights.std() == pytest.approx(np.sqrt(2 / 32), rel=0.02)
    sparse = draw_embeddings([7] * 20, 32, parts.only(initialization_choices="sparse"), Stream(2))
    for place in range(20):
        assert sparse.matrix(place).shape == (7, 32)
        assert ((sparse.matrix(place) == 0).sum(axis=0) == 4).all()


@pytest.mark.parametrize("width", [8, 32])
def test_noise_enters_divided_by_the_width_and_is_not_centred(parts, width):
    only = parts.only(activation_choices="identity", propagation_agg_choices="sum")
    bare = Mlp(log_scale=Choices.constant(0.0), clipped=False)
    for seed in range(8):
        node = bare.plan(
            MechanismRequest(inputs=(NUMBER,), output="number", dim=width, parts=only, stream=Stream(seed))
        )
        noise = parts.draw("noise_choices", Stream(seed)).plan(Stream(seed)).block(0, (50, width))
        assert noise.min() >= 0
        x = np.linspace(-1, 1, 50, dtype=np.float32)
        moved = node.compute([x], None, noise) - node.compute([x], None, np.zeros_like(noise))
        expected = node.decoder(noise / np.float32(width))[:, 0]
        np.testing.assert_allclose(moved, expected, rtol=2e-3, atol=2e-3 * np.abs(expected).max() + 1e-6)


def test_both_sides_of_a_link_draw_one_to_three_clusters_a_level():
    key = ForeignKey(column="k", parent="parent")
    one = HierarchicalBlocks(levels=Choices.constant(1))
    shapes = Counter()
    for seed in range(900):
        plan = one.plan(
            LinkRequest(
                foreign_key=key,
                child=Table(name="child", rows=60, role="activity", foreign_keys=[key]),
                parent=Table(name="parent", rows=60, role="entity"),
                stream=Stream(seed),
            )
        )
        parents = len(plan.parent_sizes)
        shapes[len(plan.cumulated) // parents, parents] += 1
    assert len(shapes) == 9
    assert stats.chisquare(list(shapes.values())).pvalue > 1e-3
