"""Resolution: names become canonical with all their parameters, and nothing is dropped in silence.

The ledgers here are made by hand, so that the tests hold with core alone.
"""

from __future__ import annotations

import json
import pickle
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plurel.config import Choices, Config, DAGParams, DatabaseParams, SCMParams, resolve
from plurel.config.flat import FLAT
from plurel.config.params import kinds_of
from plurel.config.resolution import ResolvedConfig
from plurel.errors import (
    AmbiguousNameError,
    ConfigError,
    NotInstalledError,
    RequestError,
    UnknownNameError,
)
from plurel.plugins import Entry, Ledger, PluginRow, records
from plurel.plugins.records import RECORDS
from plurel.seeding import Stream


@attrs.frozen(kw_only=True)
class Made:
    """What every factory of these tests makes: its own name and parameters."""

    name: str
    params: Any = None


def contribution(kind: str, name: str, config: type | None = None, aliases: tuple[str, ...] = ()) -> Any:
    def factory(params: Any = None) -> Made:
        return Made(name=name, params=params)

    more: dict[str, Any] = {"encoding": "number"} if kind == "column_types" else {}
    return RECORDS[kind](name=name, summary="one", factory=factory, config=config, aliases=aliases, **more)


def plugin(dist: str, *made: records.Contribution) -> PluginRow:
    entries = tuple(Entry(record=one, dist=dist, version="1.0", plugin=f"{dist}:main") for one in made)
    return PluginRow(name="main", dist=dist, version="1.0", status="ok", contributions=entries)


def parameters_of(kind: str, dist: str, name: str) -> type | None:
    """A config class with the parameters that the flat spellings set, as the built-in has."""
    flat = FLAT.get((kind, f"{dist}:{name}"))
    if flat is None:
        return None
    defaults = {
        field.name: field
        for params in (DatabaseParams, SCMParams, DAGParams)
        for field in attrs.fields(params)
    }
    return attrs.make_class(
        f"{name.title()}Params",
        {own: attrs.field(type=defaults[flat_name].type, default=None) for own, flat_name in flat.items()},
        kw_only=True,
    )


def built_ins() -> list[PluginRow]:
    """Everything that the default config names, in the distributions that bring it."""
    names: dict[str, dict[str, set[str]]] = {}
    for params in (DatabaseParams(), SCMParams(), DAGParams()):
        for field, kind in kinds_of(type(params)).items():
            choices = getattr(params, field)
            dist = {"layouts": "plurel-layouts", "tasks": "plurel-core"}.get(kind, "plurel-scm")
            names.setdefault(dist, {}).setdefault(kind, set()).update(choices.value if choices else ())
    return [
        plugin(
            dist,
            *(
                contribution(kind, name, parameters_of(kind, dist, name))
                for kind, found in kinds.items()
                for name in sorted(found)
            ),
        )
        for dist, kinds in names.items()
    ]


@attrs.frozen(kw_only=True)
class BumpParams:
    width: float = 1.0
    drawn: Choices = attrs.field(factory=lambda: Choices("range", [1, 3]))


OTHER = plugin("other-dist", contribution("activations", "bump", BumpParams, ("Gauss",)))
LEDGER = Ledger([*built_ins(), OTHER])


@pytest.fixture(autouse=True)
def siblings_count_as_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is installed here beside core makes no difference."""
    monkeypatch.setattr("plurel._siblings.is_installed", lambda name: True)


def activations(*names: Any, weights: list[float] | None = None) -> Config:
    return Config(scm_params=SCMParams(activation_choices=Choices("set", names, weights)))


def test_the_default_config_resolves_and_names_everything_in_full() -> None:
    resolved = resolve(Config(), LEDGER)
    for params in (resolved.config.database_params, resolved.config.scm_params):
        for name in kinds_of(type(params)):
            choices = getattr(params, name)
            assert choices is None or all(":" in item["name"] for item in choices.value), name


def test_resolving_once_more_changes_nothing() -> None:
    resolved = resolve(Config(), LEDGER)
    again = resolve(resolved.config, LEDGER)
    assert again == resolved
    assert again.provenance == resolved.provenance
    assert resolve(Config.from_yaml(resolved.to_yaml()), LEDGER) == resolved
    assert json.loads(json.dumps(resolved.to_dict())) == resolved.to_dict()
    assert pickle.loads(pickle.dumps(resolved)) == resolved


@pytest.mark.parametrize("name", ["bump", "Gauss", "other-dist:bump", "Other_Dist:Gauss"])
def test_any_name_becomes_the_canonical_one_with_all_parameters(name: str) -> None:
    resolved = resolve(activations({"name": name, "width": 3}), LEDGER)
    full = {"name": "other-dist:bump", "width": 3.0, "drawn": {"kind": "range", "value": [1, 3]}}
    assert resolved.config.scm_params.activation_choices.value == (full,)
    assert {"id": "other-dist:bump", "kind": "activations", "version": "1.0", "revision": 1,
            "params": {key: full[key] for key in ("width", "drawn")}} in resolved.provenance  # fmt: skip


def test_weights_and_order_are_kept() -> None:
    resolved = resolve(activations("tanh", "relu", weights=[1, 3]), LEDGER).config.scm_params
    assert [item["name"] for item in resolved.activation_choices.value] == [
        "plurel-scm:tanh",
        "plurel-scm:relu",
    ]
    assert resolved.activation_choices.weights == (1, 3)


def test_flat_parameters_are_the_defaults_of_what_they_name() -> None:
    config = Config(
        database_params=DatabaseParams(table_layout_choices=Choices("set", ["layered", "erdos_renyi"])),
        dag_params=DAGParams(layered_depth_choices=Choices("range", [3, 4]), layered_edge_dropout_p=0.25),
    )
    layered, erdos_renyi = resolve(config, LEDGER).config.database_params.table_layout_choices.value
    assert layered == {
        "name": "plurel-layouts:layered",
        "depth": {"kind": "range", "value": [3, 4]},
        "edge_dropout": 0.25,
    }
    assert erdos_renyi["p"] == {"kind": "range", "value": [0.3, 0.8]}


def test_a_contributions_own_parameter_wins_over_the_flat_one() -> None:
    layered = {"name": "layered", "edge_dropout": 0.75}
    config = Config(
        database_params=DatabaseParams(table_layout_choices=Choices.constant(layered)),
        dag_params=DAGParams(layered_edge_dropout_p=0.25),
    )
    (full,) = resolve(config, LEDGER).config.database_params.table_layout_choices.value
    assert full["edge_dropout"] == 0.75
    assert full["depth"] == {"kind": "range", "value": [2, 8]}


def test_flat_parameters_exist() -> None:
    fields = {field.name for params in (SCMParams, DAGParams) for field in attrs.fields(params)}
    assert {flat for parameters in FLAT.values() for flat in parameters.values()} <= fields


@pytest.mark.parametrize(
    ("item", "error", "message"),
    [
        (
            "rel",
            UnknownNameError,
            r"unknown activation 'rel'; known: .*; closest: relu @ \$.scm_params.activ",
        ),
        (
            {"name": "bump", "with": 1},
            ConfigError,
            r"unknown key 'with'; closest: width @ \$.scm_params.activ",
        ),
        (
            {"name": "bump", "width": "a"},
            ConfigError,
            r"a number, got 'a' @ \$.scm_params.activation_choices.width",
        ),
        ({"name": "relu", "slope": 1}, ConfigError, r"activation plurel-scm:relu takes no parameters"),
    ],
)
def test_a_wrong_choice_is_named_with_its_place(item: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        resolve(activations(item), LEDGER)
    with pytest.raises(error, match=r"@ \$.scm_params.activation_choices.value\[1\]"):
        resolve(activations("relu", item), LEDGER)


def test_several_wrong_choices_are_told_at_once() -> None:
    with pytest.raises(UnknownNameError) as caught:
        resolve(activations(*(f"unknown_{number}" for number in range(8))), LEDGER)
    assert "value[0]" in str(caught.value)
    assert "value[4]" in str(caught.value)
    assert str(caught.value).endswith("; and 3 more")


def test_a_bare_name_of_two_distributions_is_an_error_only_where_it_is_used() -> None:
    ledger = Ledger([*LEDGER.plugins, plugin("third", contribution("activations", "relu"))])
    with pytest.raises(
        AmbiguousNameError, match=r"plurel-scm:relu .* third:relu .* @ \$.scm_params.activation"
    ):
        resolve(activations("relu"), ledger)
    resolved = resolve(activations("tanh", "third:relu"), ledger).config.scm_params.activation_choices
    assert [item["name"] for item in resolved.value] == ["plurel-scm:tanh", "third:relu"]


def test_with_core_alone_the_error_names_everything_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plurel._siblings.is_installed", lambda name: name == "plurel-core")
    with pytest.raises(
        NotInstalledError, match=r"needs plurel-layouts and plurel-scm, .*pip install .*plurel-scm"
    ):
        resolve(Config(), Ledger(()))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (Config(schema_file="a.sql"), r"SQL schema is not built in this version @ \$.schema_file"),
        (
            Config(scm_params=SCMParams(mlp_in_dim=2)),
            r"not built in this version, got 2 @ \$.scm_params.mlp_in_dim",
        ),
    ],
)
def test_what_is_not_built_is_an_error(config: Config, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        resolve(config, LEDGER)


def test_a_reference_parameter_without_meaning_here_warns() -> None:
    with pytest.warns(UserWarning, match="propagate_batch_size is ignored"):
        resolved = resolve(Config(scm_params=SCMParams(propagate_batch_size=64)), LEDGER)
    assert resolved == resolve(Config(), LEDGER), "what is ignored makes no other database"


def test_a_parameter_that_would_hide_the_name_is_refused() -> None:
    params = attrs.make_class("Named", {"name": attrs.field(type=str, default="x")})
    ledger = Ledger([*LEDGER.plugins, plugin("third", contribution("activations", "named", params))])
    with pytest.raises(ConfigError, match="third:named has a parameter called name"):
        resolve(activations("named"), ledger)


def test_a_default_that_no_config_could_hold_is_named_with_its_whole_place() -> None:
    params = attrs.make_class("Params", {"function": attrs.field(default=print)}, frozen=True)
    ledger = Ledger([*LEDGER.plugins, plugin("third", contribution("activations", "odd", params))])
    place = r"@ \$\.scm_params\.activation_choices\.value\[0\]\.function"
    with pytest.raises(ConfigError, match=place):
        resolve(activations("odd"), ledger)


def test_unrelated_plugins_do_not_change_what_is_resolved() -> None:
    alone = resolve(Config(), Ledger(built_ins()))
    beside = resolve(Config(), LEDGER)
    assert alone == beside
    assert alone.provenance == beside.provenance


def parts(config: Config) -> Any:
    return resolve(config, LEDGER).parts(LEDGER)


def test_parts_draw_built_contributions_and_plain_values() -> None:
    drawn = parts(activations({"name": "bump", "width": 2}))
    bump = drawn.draw("activation_choices", Stream(0))
    assert (bump.name, bump.params) == ("bump", BumpParams(width=2.0))
    assert 3 <= drawn.draw("num_tables_choices", Stream(0)) <= 20
    assert drawn.draw("entity_table_ts_trend_scale", Stream(0)) == 0.0
    assert drawn.draw("column_type_choices", Stream(0)) is None


def test_parts_build_each_contribution_once() -> None:
    drawn = parts(activations("relu"))
    assert drawn.draw("activation_choices", Stream(0)) is drawn.draw("activation_choices", Stream(1))


@given(seed=st.integers(0, 2**32), count=st.integers(0, 5))
def test_parts_draw_the_same_from_the_same_stream(seed: int, count: int) -> None:
    one, other = parts(Config()), parts(Config())
    stream = Stream(seed) / "node"
    for choice in ("num_cols_choices", "edge_weight_dist_choices", "mlp_emb_dim"):
        assert one.draw(choice, stream) == other.draw(choice, stream)
        assert one.draw_many(choice, count, stream) == other.draw_many(choice, count, stream)
    entry, built = one.draw_entry("activation_choices", stream)
    assert (
        built is one.draw("activation_choices", stream) is one.draw_many("activation_choices", 1, stream)[0]
    )
    assert built.name == entry.name == other.draw("activation_choices", stream).name


def test_every_gives_all_contributions_in_order() -> None:
    found = parts(activations("tanh", "relu")).every("activation_choices")
    assert [(entry.id, built.name) for entry, built in found] == [
        ("plurel-scm:tanh", "tanh"),
        ("plurel-scm:relu", "relu"),
    ]


def test_parts_refuse_fields_that_are_not_there() -> None:
    with pytest.raises(ConfigError, match="no field 'activation_choice'; closest: activation_choices"):
        parts(Config()).draw("activation_choice", Stream(0))
    for choice in ("num_tables_choices", "column_type_choices"):
        with pytest.raises(ConfigError, match=f"{choice} chooses no contributions"):
            parts(Config()).draw_entry(choice, Stream(0))


@pytest.fixture
def presets(monkeypatch: pytest.MonkeyPatch) -> None:
    record = records.Preset(name="tiny", summary="one", factory=lambda: Config(val_split=0.5))
    broken = records.Preset(name="broken", summary="one", factory=dict)
    ledger = Ledger([plugin("other-dist", record, broken)])
    monkeypatch.setattr("plurel.plugins.ledger.get_ledger", lambda: ledger)


@pytest.mark.usefixtures("presets")
def test_presets_come_from_plugins() -> None:
    assert Config.preset("tiny") == Config(val_split=0.5)
    with pytest.raises(ConfigError, match=r"preset other-dist:broken gave a dict"):
        Config.preset("broken")
    with pytest.raises(RequestError, match="unknown preset 'tinny'; known: broken, tiny; closest: tiny"):
        Config.preset("tinny")


def test_a_preset_is_recorded_and_stays_recorded() -> None:
    default = records.Preset(name="default", summary="one", factory=Config, revision=3)
    ledger = Ledger([*LEDGER.plugins, plugin("plurel-scm", default), plugin("third", default)])
    resolved = resolve(Config(), ledger)
    origin = {"name": "default", "dist": "plurel-scm", "revision": 3}
    assert resolved.to_dict()["preset"] == origin
    again = resolve(Config.from_yaml(resolved.to_yaml()), LEDGER)
    assert again.to_dict()["preset"] == origin, (
        "where values came from does not change with what is installed"
    )
    assert resolve(Config(), LEDGER).to_dict()["preset"] is None, "nobody brings it here"


@pytest.mark.usefixtures("presets")
def test_a_preset_of_a_plugin_is_recorded_through_changes() -> None:
    config = Config.preset("tiny").with_set(["test_split=0.7"])
    assert config.to_dict()["preset"] == {"name": "tiny", "dist": "other-dist", "revision": 1}
    assert resolve(config, LEDGER).to_dict()["preset"]["name"] == "tiny"
    assert Config.preset("tiny") == Config(val_split=0.5), "equal values are equal configs"
    for wrong in ("tiny", {"name": "tiny"}, {"name": "tiny", "dist": "a", "revision": 0}):
        with pytest.raises(ConfigError, match=r"@ \$\.preset"):
            Config.from_dict({"preset": wrong})


def test_a_resolved_config_is_a_config() -> None:
    resolved = resolve(Config(), LEDGER)
    assert isinstance(resolved, ResolvedConfig)
    assert Config.from_dict(resolved.to_dict()) == resolved.config
