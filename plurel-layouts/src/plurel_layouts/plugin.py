"""What this distribution contributes: seven layouts, by name. Not here: how they draw."""

from __future__ import annotations

from collections.abc import Iterable

from plurel.plugins import hookimpl, records

HOOK_VERSION = 1


@hookimpl
def plurel_layouts() -> Iterable[records.Layout]:
    """The layouts of PluRel 1.1."""
    return [
        records.Layout(
            name="erdos_renyi",
            summary="each pair of nodes joined independently with one drawn probability",
            config="plurel_layouts.params:ErdosRenyiParams",
            factory="plurel_layouts.pairs:ErdosRenyi",
            aliases=("ErdosRenyi",),
            revision=2,
        ),
        records.Layout(
            name="barabasi_albert",
            summary="each node picks its parents among those that have many edges already",
            config="plurel_layouts.params:BarabasiAlbertParams",
            factory="plurel_layouts.preferential:BarabasiAlbert",
            aliases=("BarabasiAlbert",),
        ),
        records.Layout(
            name="random_tree",
            summary="a uniform random tree with its edges away from a random root",
            factory="plurel_layouts.trees:RandomTree",
            aliases=("RandomTree",),
        ),
        records.Layout(
            name="reverse_random_tree",
            summary="a uniform random tree with its edges towards a random root",
            factory="plurel_layouts.trees:ReverseRandomTree",
            aliases=("ReverseRandomTree",),
        ),
        records.Layout(
            name="watts_strogatz",
            summary="a ring of near neighbours with some edges rewired at random",
            config="plurel_layouts.params:WattsStrogatzParams",
            factory="plurel_layouts.ring:WattsStrogatz",
            aliases=("WattsStrogatz",),
        ),
        records.Layout(
            name="layered",
            summary="layers of nodes, each fully joined with the next but for dropped edges",
            config="plurel_layouts.params:LayeredParams",
            factory="plurel_layouts.layers:Layered",
            aliases=("Layered",),
        ),
        records.Layout(
            name="random_cauchy",
            summary="each pair joined with a probability of Cauchy-drawn sender and receiver effects",
            factory="plurel_layouts.pairs:RandomCauchy",
            aliases=("RandomCauchy",),
            revision=2,
        ),
    ]
