"""Mechanism `mlp` by itself: how much its labels vary, compared with what the published release does."""

from __future__ import annotations

import numpy as np
import pytest

from plurel.plugins.requests import MechanismRequest, NodeInput
from plurel.seeding import Stream
from plurel_scm.mechanisms import Mlp

ROWS = 256
NODES = 1000

CONSTANT = {"sum": 0.366, "max": 0.407, "product": 0.383, "logsumexp": 0.587}
"""Share of 3,000 nodes of release 1.1 that had one label in all rows, by aggregation."""

VANISHING = {"sum": 0.584, "max": 0.640, "product": 0.564, "logsumexp": 0.777}
"""Share of them that were constant once labels were collapsed to label > 0."""


def drawn_labels(parts, stream):
    """Labels of a node that sees a number and a category, each with a normal weight."""
    generator = stream.generator()
    categories = int(generator.integers(2, 11))
    first, second = generator.normal(size=2)
    node = Mlp().plan(
        MechanismRequest(
            inputs=(
                NodeInput(kind="number", weight=first),
                NodeInput(kind="category", categories=categories, weight=second),
            ),
            output="category",
            categories=categories,
            dim=32,
            parts=parts,
            stream=stream / "function",
        )
    )
    noise = parts.draw("noise_choices", stream).plan(stream / "noise").block(0, (ROWS, *node.noise_shape))
    numbers = generator.normal(size=ROWS).astype(np.float32)
    return node.compute([numbers, np.arange(ROWS) % categories], None, noise)


@pytest.mark.parametrize("aggregation", sorted(CONSTANT))
def test_labels_are_constant_as_often_as_in_the_published_release(parts, aggregation):
    only = parts.only(propagation_agg_choices=aggregation)
    labels = np.stack([drawn_labels(only, Stream(0) / aggregation / node) for node in range(NODES)])
    shown = labels > 0
    constant = (labels == labels[:, :1]).all(axis=1).mean()
    vanishing = (shown == shown[:, :1]).all(axis=1).mean()
    assert constant == pytest.approx(CONSTANT[aggregation], abs=0.05)
    assert vanishing == pytest.approx(VANISHING[aggregation], abs=0.05)
