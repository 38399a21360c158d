"""Entries of a ledger: their order, their parameters and objects, and what results record of them."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plurel.errors import (
    AmbiguousNameError,
    ConfigError,
    PluginError,
    UnknownNameError,
)
from plurel.plugins import CHOOSES, Entry, Ledger, PluginRow, canonical, provenance, records
from plurel.plugins.entries import singular
from plurel.plugins.parameters import describe_parameters


def entry(
    kind: str = "activations",
    name: str = "bump",
    dist: str = "alpha",
    aliases: tuple[str, ...] = (),
    **more: Any,
) -> Entry:
    record = records.RECORDS[kind]
    more = {"factory": list, **more}
    return Entry(
        record=record(name=name, summary="one", aliases=aliases, **more),
        dist=dist,
        version="1.0",
        plugin=f"{dist}:main",
    )


names = st.sampled_from(["a", "b", "c"])
plugin_rows = st.lists(
    st.tuples(st.sampled_from(["alpha", "beta", "gamma"]), names, st.lists(names, max_size=2)),
    max_size=5,
    unique_by=lambda item: item[0],
)


@given(rows=plugin_rows, seed=st.randoms(use_true_random=False))
def test_the_order_of_plugins_never_matters(rows: list[tuple[str, str, list[str]]], seed: Any) -> None:
    made = [
        PluginRow(
            name="main",
            dist=dist,
            version="1.0",
            status="ok",
            contributions=(entry(name=name, dist=dist, aliases=tuple(aliases)),),
        )
        for dist, name, aliases in rows
    ]
    shuffled = list(made)
    seed.shuffle(shuffled)
    one, other = Ledger(made), Ledger(shuffled)
    assert one.entries() == other.entries()
    for name in ("a", "b", "c"):
        providers = {dist for dist, own, aliases in rows if name in (own, *aliases)}
        for ledger in (one, other):
            if len(providers) == 1:
                assert {ledger.find("activations", name).dist} == providers
            else:
                with pytest.raises(AmbiguousNameError if providers else UnknownNameError):
                    ledger.find("activations", name)


@attrs.frozen(kw_only=True)
class Params:
    width: float = 1.0


class Bump:
    def __init__(self, params: Params) -> None:
        self.width = params.width


def test_an_entry_builds_with_checked_parameters() -> None:
    bump = entry(factory=Bump, config=Params)
    assert bump.build().width == 1.0
    assert bump.build({"width": 2}).width == 2.0
    assert bump.build(Params(width=3.0)).width == 3.0
    assert bump.config_class() is Params
    with pytest.raises(ConfigError, match="unknown key 'widht'; closest: width"):
        bump.build({"widht": 2})
    with pytest.raises(ConfigError, match=r"a number, got 'wide' @ \$.width"):
        bump.build({"width": "wide"})


def test_an_entry_without_parameters_takes_none() -> None:
    assert entry().build() == []
    assert entry().config_class() is None
    with pytest.raises(ConfigError, match="activation alpha:bump takes no parameters"):
        entry().build({"width": 1})


def test_references_are_resolved_on_first_use() -> None:
    found = entry(factory="collections:OrderedDict.fromkeys")
    assert found.target()([1]) == {1: None}
    with pytest.raises(
        PluginError, match=r"activation alpha:bump \(from alpha:main\) points at 'no.where:x'"
    ):
        entry(factory="no.where:x").build()
    with pytest.raises(PluginError, match="points at 'math:nothing'"):
        entry(factory="math:nothing").build()
    with pytest.raises(PluginError, match="config must be an attrs class"):
        entry(config="math:pi").config_class()


def test_a_factory_that_raises_is_blamed_on_its_plugin() -> None:
    def factory() -> None:
        raise ZeroDivisionError("by zero")

    with pytest.raises(
        PluginError, match=r"alpha:bump \(from alpha:main\) could not be made: ZeroDivisionError"
    ):
        entry(factory=factory).build()


def test_provenance_is_sorted_and_plain() -> None:
    found = provenance([entry(name="z", revision=3), (entry(kind="noises", name="n"), {"alpha": 1})])
    assert found == [
        {"id": "alpha:z", "kind": "activations", "version": "1.0", "revision": 3, "params": {}},
        {"id": "alpha:n", "kind": "noises", "version": "1.0", "revision": 1, "params": {"alpha": 1}},
    ]


@attrs.frozen
class Chooser:
    """Parameters that choose activations in every way there is."""

    one: Any = attrs.field(default="bump", metadata={CHOOSES: "activations"})
    several: Any = attrs.field(default=(), metadata={CHOOSES: "activations"})
    none: Any = attrs.field(default=None, metadata={CHOOSES: "activations"})
    label: str = "bump"


def test_chosen_names_are_written_in_full_wherever_they_stand() -> None:
    bump, chooser = entry(), entry(name="chooser", config=Chooser)
    ledger = Ledger(
        [PluginRow(name="main", dist="alpha", version="1.0", status="ok", contributions=(bump, chooser))]
    )
    plain = {
        "one": "bump",
        "several": ["alpha:bump", {"name": "chooser", "one": "bump"}, {"kind": "set", "value": ["bump"]}],
        "none": None,
        "label": "bump",
    }
    full = canonical(chooser, plain, ledger)
    nested = {"name": "alpha:chooser", "one": "alpha:bump"}
    assert full == {
        "one": "alpha:bump",
        "several": ["alpha:bump", nested, {"kind": "set", "value": ["alpha:bump"]}],
        "none": None,
        "label": "bump",
    }
    assert canonical(chooser, full, ledger) == full


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "abc\n"},
        {"name": "a b"},
        {"summary": "red \x1b[31m"},
        {"summary": "half\udcff"},
        {"aliases": ("\x1b[31m",)},
        {"revision": True},
        {"revision": 0},
        {"revision": 10**400},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_records_hold_only_what_can_be_shown(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must|printed|whole number"):
        records.Activation(**{"name": "bump", "summary": "one", "factory": list, **wrong})


def test_an_ambiguity_never_advises_to_disable_the_family() -> None:
    rows = [
        PluginRow(
            name="main", dist=dist, version="1.0", status="ok", contributions=(entry(name="relu", dist=dist),)
        )
        for dist in ("plurel-scm", "a-twin")
    ]
    with pytest.raises(AmbiguousNameError, match="PLUREL_DISABLE_PLUGINS=a-twin"):
        Ledger(rows).find("activations", "relu")


@attrs.frozen(kw_only=True)
class Needy:
    """Parameters of which one has no default, and one a default that is no JSON."""

    size: int
    function: Any = print
    sizes: list[int] = attrs.field(factory=lambda: [1, 2])


def test_parameters_are_described_where_one_must_be_given() -> None:
    described = describe_parameters(entry(config=Needy))
    assert [(one.name, one.default, one.required) for one in described] == [
        ("size", None, True),
        ("function", "<built-in function print>", False),
        ("sizes", [1, 2], False),
    ]


def test_kinds_read_as_one_thing() -> None:
    assert [singular(kind) for kind in ("layouts", "noises", "table_models", "links")] == [
        "layout", "noise", "table model", "link",
    ]  # fmt: skip
