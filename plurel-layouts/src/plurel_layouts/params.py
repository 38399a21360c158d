"""Parameters of the layouts that have any, with the defaults of PluRel 1.1. Not here: drawing."""

from __future__ import annotations

from typing import Any

from attrs import Attribute, field, frozen, validators

from plurel.config import Choices, Draws, Within


def _even(_: object, attribute: Attribute[Choices], value: Choices) -> None:
    fits = (isinstance(number, int) and number >= 2 and number % 2 == 0 for number in value.value)
    if value.kind != "set" or not all(fits):
        raise ValueError(f"{attribute.name} is a set of even numbers from 2 upwards, got {value.value}")


@frozen(kw_only=True)
class ErdosRenyiParams:
    """Parameters of `erdos_renyi`.

    Attributes:
        p: probability of each direction of a pair, drawn once a graph.
        directions: how many directions of a pair are tried; either joins it, low -> high.
        redrawn: whether a graph that falls apart is drawn again, `p` too, instead of joined by extra edges.
    """

    p: Choices = field(factory=lambda: Choices(kind="range", value=[0.3, 0.8]), validator=Draws(0, 1))
    directions: int = field(default=2, validator=Within(1, 2, integers=True))
    redrawn: bool = field(default=False, validator=validators.instance_of(bool))


@frozen(kw_only=True)
class BarabasiAlbertParams:
    """Parameters of `barabasi_albert`.

    Attributes:
        m: parents of a node when it joins.
        sink_edge_dropout: probability that a sink with several parents loses one of them.
        flip_leaf_edge_prob: probability that the edge of a sink with one parent is turned round.
        max_in_degree: most parents of a node; at least `m`. Only turned edges could reach beyond `m`.
    """

    m: int = field(default=2, validator=Within(1, integers=True))
    sink_edge_dropout: float = field(default=0.4, validator=Within(0, 1))
    flip_leaf_edge_prob: float = field(default=0.0, validator=Within(0, 1))
    max_in_degree: int = field(default=4, validator=Within(1, integers=True))

    @max_in_degree.validator
    def _holds_m(self, _: Attribute[Any], value: int) -> None:
        if value < self.m:
            raise ValueError(f"max_in_degree must be at least m = {self.m}, got {value}")


@frozen(kw_only=True)
class WattsStrogatzParams:
    """Parameters of `watts_strogatz`.

    Attributes:
        k: neighbours of a node on the ring, even; clipped to the largest even number <= nodes.
        rewire_p: probability that an edge is rewired, drawn once a graph.
    """

    k: Choices = field(factory=lambda: Choices(kind="set", value=[2, 4]), validator=_even)
    rewire_p: Choices = field(factory=lambda: Choices(kind="range", value=[0.1, 0.3]), validator=Draws(0, 1))


@frozen(kw_only=True)
class LayeredParams:
    """Parameters of `layered`.

    Attributes:
        depth: number of layers, at least 2, drawn once a graph; clipped to the number of nodes.
        edge_dropout: probability that an edge between two layers is dropped.
    """

    depth: Choices = field(
        factory=lambda: Choices(kind="range", value=[2, 8]), validator=Draws(2, integers=True)
    )
    edge_dropout: float = field(default=0.1, validator=Within(0, 1))
