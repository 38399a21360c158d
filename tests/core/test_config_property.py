"""Any config at all: it survives every form, and the JSON Schema says of it what plurel says."""

from __future__ import annotations

import json
import math
import multiprocessing
import pickle
from pathlib import Path
from typing import Any, Literal

import attrs
import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plurel.config import Choices, Config, DAGParams, DatabaseParams, Draws, SCMParams, Within, resolve
from plurel.config.bounds import Bounds, DrawsWords
from plurel.config.params import kinds_of
from plurel.config.schema import field_words, schema_of
from plurel.errors import ConfigError, RequestError
from plurel.plugins import Entry, Ledger, PluginRow
from plurel.plugins.records import RECORDS

PARAMS: dict[str, Any] = {
    "database_params": DatabaseParams,
    "scm_params": SCMParams,
    "dag_params": DAGParams,
}


@attrs.frozen(kw_only=True)
class Inner:
    """A part of parameters."""

    rate: float = attrs.field(default=0.5, validator=Within(0, 1))
    depth: int = attrs.field(validator=attrs.validators.ge(1))


@attrs.frozen(kw_only=True)
class Rich:
    """Every type that a contribution's parameters may have.

    Attributes:
        count: how many.
    """

    count: int = attrs.field(default=3, validator=[attrs.validators.ge(1), attrs.validators.lt(100)])
    scale: float = 1.0
    word: str = "a"
    flag: bool = False
    maybe: int | None = None
    mode: Literal["slow", "fast"] = "fast"
    drawn: Choices = attrs.field(factory=lambda: Choices("range", [0.2, 0.3]), validator=Draws(0, 1))
    free: Choices = attrs.field(factory=lambda: Choices.constant("x"))
    many: tuple[float, ...] = ()
    pair: tuple[int, str] = (1, "a")
    table: dict[str, int] = attrs.field(factory=dict)
    inner: Inner = attrs.field(factory=lambda: Inner(depth=1))
    either: int | str = 0


def make(kind: str, name: str, config: type | None, aliases: tuple[str, ...] = ()) -> Entry:
    more: dict[str, Any] = {"encoding": "number"} if kind == "column_types" else {}
    record = RECORDS[kind](name=name, summary="one", factory=dict, config=config, aliases=aliases, **more)
    return Entry(record=record, dist="other-dist", version="1.0", plugin="other-dist:main")


KINDS = sorted({kind for params in PARAMS.values() for kind in kinds_of(params).values()})
LEDGER = Ledger(
    [
        PluginRow(
            name="main",
            dist="other-dist",
            version="1.0",
            status="ok",
            contributions=tuple(
                entry
                for kind in KINDS
                for entry in (make(kind, "plain", None, ("Plain",)), make(kind, "rich", Rich))
            ),
        )
    ]
)
SCHEMA = jsonschema.Draft202012Validator(Config.json_schema(LEDGER))
ANY_NAME = jsonschema.Draft202012Validator(Config.json_schema())

texts = st.text(max_size=6)
paths = st.text(min_size=1, max_size=6).filter(lambda text: "\0" not in text)
floats = st.floats(-1e9, 1e9)
plain = st.one_of(st.none(), st.booleans(), st.integers(-9, 9), floats, texts)


def numbers(bounds: Bounds) -> st.SearchStrategy[Any]:
    low = -1000 if bounds.low is None else bounds.low
    high = low + 1000 if bounds.high is None else bounds.high
    drawn: st.SearchStrategy[Any] = st.integers(math.ceil(low), math.floor(high))
    if not bounds.integers:
        drawn = st.one_of(drawn, st.floats(low, high))
    return drawn.filter(bounds.holds)


@st.composite
def weighted(draw: st.DrawFn, values: st.SearchStrategy[Any]) -> Any:
    drawn = draw(st.lists(values, min_size=1, max_size=3))
    if draw(st.booleans()):
        return {"kind": "set", "value": drawn}
    weights = st.lists(st.floats(0.1, 9), min_size=len(drawn), max_size=len(drawn))
    return {"kind": "set", "value": drawn, "weights": draw(weights)}


def is_zipf(pair: list[Any]) -> bool:
    return all(isinstance(end, int) for end in pair) and pair[0] > 0 and pair[1] - pair[0] < 1_000_000


@st.composite
def numeric_choices(draw: st.DrawFn, draws: Draws) -> Any:
    number = numbers(draws)
    positive = st.floats(0.1, 9)
    pairs = {
        "range": st.tuples(number, number).map(sorted),
        "log_range": st.tuples(number, number).map(sorted).filter(lambda pair: pair[0] > 0),
        "zipf_range": st.tuples(number, number).map(sorted).filter(is_zipf),
        "normal": st.tuples(floats, positive),
        "lognormal": st.tuples(floats, positive),
        "beta": st.tuples(positive, positive),
    }
    kind = draw(st.sampled_from(["constant", "set", *(kind for kind in pairs if draws.allows(kind))]))
    if kind == "constant":
        return draw(number)
    if kind == "set":
        return draw(weighted(number))
    return {"kind": kind, "value": list(draw(pairs[kind]))}


free_choices = st.one_of(texts, floats, st.booleans(), weighted(st.one_of(texts, floats)))
rich = st.fixed_dictionaries(
    {"name": st.sampled_from(["rich", "other-dist:rich"])},
    optional={
        "count": st.integers(1, 99),
        "scale": floats,
        "word": texts,
        "flag": st.booleans(),
        "maybe": st.one_of(st.none(), st.integers(-9, 9)),
        "mode": st.sampled_from(["slow", "fast"]),
        "drawn": numeric_choices(Draws(0, 1)),
        "free": free_choices,
        "many": st.lists(floats, max_size=3),
        "pair": st.tuples(st.integers(-9, 9), texts).map(list),
        "table": st.dictionaries(texts, st.integers(-9, 9), max_size=3),
        "inner": st.fixed_dictionaries({"depth": st.integers(1, 9)}, optional={"rate": st.floats(0, 1)}),
        "either": st.one_of(st.integers(-9, 9), texts),
    },
)
contributions = st.one_of(st.sampled_from(["plain", "Plain", "rich", "other-dist:plain"]), rich)


def values_of(field: attrs.Attribute[Any], kinds: dict[str, str]) -> st.SearchStrategy[Any]:
    """What a field may hold, as plain data."""
    if field.name in kinds:
        chosen = st.one_of(contributions, weighted(contributions))
        return chosen if field.default is not None else st.one_of(st.none(), chosen)
    check: Any = field.validator
    if isinstance(check, Draws):
        return numeric_choices(check)
    if isinstance(check, DrawsWords):
        return st.one_of(st.sampled_from(check.words), weighted(st.sampled_from(check.words)))
    if isinstance(check, Within):
        return numbers(check)
    return {
        "min_timestamp": st.dates().map(str),
        "max_timestamp": st.dates().map(str),
        "category_collapse": st.sampled_from(["boolean", "none"]),
        "propagate_batch_size": st.one_of(st.none(), st.integers(1, 9999)),
        "ba_max_in_degree": st.integers(1, 9),
    }[field.name]


FIELDS = {
    (part, field.name): values_of(field, kinds_of(params))
    for part, params in PARAMS.items()
    for field in attrs.fields(params)
}
origins = st.fixed_dictionaries({"name": texts, "dist": texts, "revision": st.integers(1, 9)})


@st.composite
def config_data(draw: st.DrawFn) -> dict[str, Any]:
    """Plain data of a valid config: some fields of every part, anything that they may hold."""
    data: dict[str, Any] = {}
    for part, name in draw(st.lists(st.sampled_from(sorted(FIELDS)), max_size=12)):
        data.setdefault(part, {})[name] = draw(FIELDS[part, name])
    period = data.get("database_params", {})
    if {"min_timestamp", "max_timestamp"} & period.keys():
        days = draw(st.lists(st.dates(), min_size=2, max_size=2, unique=True))
        period["min_timestamp"], period["max_timestamp"] = map(str, sorted(days))
    dag = data.get("dag_params", {})
    if {"ba_m", "ba_max_in_degree"} & dag.keys():
        m, more = draw(st.tuples(st.integers(1, 9), st.integers(0, 9)))
        dag["ba_m"], dag["ba_max_in_degree"] = m, m + more
    if draw(st.booleans()):
        data["val_split"], data["test_split"] = draw(st.floats(0.01, 0.5)), draw(st.floats(0.51, 0.99))
    optional = {
        "cache_dir": st.none() | paths,
        "schema_file": st.none() | paths,
        "preset": st.none() | origins,
    }
    return data | draw(st.fixed_dictionaries({}, optional=optional))


def exact(config: Config) -> str:
    """All that a config is: types of numbers and the record of its preset too, which == does not look at."""
    return json.dumps(config.to_dict(), sort_keys=True)


def holds_null(value: Any) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return value is None or any(map(holds_null, inner))


def contributed_nulls(config: Config) -> bool:
    parts = (getattr(config, part) for part in PARAMS)
    choices = (getattr(part, field.name) for part in parts for field in attrs.fields(type(part)))
    return any(holds_null(list(one.value)) for one in choices if isinstance(one, Choices))


@settings(max_examples=60)
@given(data=config_data())
def test_any_config_survives_every_form(data: dict[str, Any]) -> None:
    config = Config.from_dict(data)
    assert exact(Config.from_dict(config.to_dict())) == exact(config)
    assert exact(Config.from_yaml(config.to_yaml())) == exact(config)
    assert exact(Config.from_json(config.to_json())) == exact(config)
    assert exact(pickle.loads(pickle.dumps(config))) == exact(config)
    if contributed_nulls(config):
        with pytest.raises(ConfigError, match="TOML has no null"):
            config.to_toml()
    else:
        assert exact(Config.from_toml(config.to_toml())) == exact(config)


@settings(max_examples=60)
@given(data=config_data())
def test_any_config_fits_the_schema_and_so_does_its_resolved_form(data: dict[str, Any]) -> None:
    config = Config.from_dict(data)
    defaults = {  # the defaults name what is not installed here
        part: {name: "rich" for name in kinds_of(params) if getattr(params(), name) is not None}
        for part, params in PARAMS.items()
    }
    data = {**data, **{part: defaults[part] | data.get(part, {}) for part in PARAMS}}
    SCHEMA.validate(data)
    SCHEMA.validate(Config.from_dict(data).to_dict())
    ANY_NAME.validate(config.to_dict())
    buildable = {"schema_file": None, "scm_params": data["scm_params"] | {"mlp_in_dim": 1, "mlp_out_dim": 1}}
    buildable["scm_params"]["propagation_mode_choices"] = "type_eager"
    buildable["scm_params"].pop("propagate_batch_size", None)
    resolved = resolve(Config.from_dict(data | buildable), LEDGER)
    SCHEMA.validate(resolved.to_dict())
    assert resolve(Config.from_dict(json.loads(resolved.config.to_json())), LEDGER) == resolved


anything = st.recursive(
    plain | st.sampled_from(["set", "range", "normal", "rich", "plain", "2001-02-03", "boolean"]),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["kind", "value", "weights", "name", "count"]), inner, max_size=3),
        st.builds(
            lambda kind, value: {"kind": kind, "value": value}, st.sampled_from(["set", "range"]), inner
        ),
    ),
    max_leaves=5,
)


def item_of(config: Config, part: str, name: str) -> list[Any]:
    """Names and parameters that a field chooses, empty where it chooses none."""
    choices = getattr(getattr(config, part), name)
    return list(choices.value) if isinstance(choices, Choices) and name in kinds_of(PARAMS[part]) else []


def refusal(data: dict[str, Any], part: str, name: str) -> RequestError | None:
    """What plurel has against one value, its contributions' parameters included."""
    try:
        for item in item_of(Config.from_dict(data), part, name):
            named, params = (item, {}) if isinstance(item, str) else (item["name"], dict(item))
            params.pop("name", None)
            LEDGER.find(kinds_of(PARAMS[part])[name], named).parameters(params)
    except RequestError as error:
        return error
    return None


@settings(max_examples=300)
@given(place=st.sampled_from(sorted(FIELDS)), value=anything)
def test_what_the_schema_refuses_is_refused_by_plurel(place: tuple[str, str], value: Any) -> None:
    part, name = place
    data = {part: {name: value}}
    assert refusal(data, part, name) is not None or SCHEMA.is_valid(data)


@pytest.mark.parametrize(
    "data",
    [
        {"val_split": 0},
        {"val_split": "0.5"},
        {"val_split": True},
        {"schema_version": 2},
        {"spliit": 1},
        {"preset": "default"},
        {"preset": {"name": "default"}},
        {"cache_dir": 3},
        {"database_params": []},
        {"database_params": {"num_tables_choice": 3}},
        {"database_params": {"num_tables_choices": 0}},
        {"database_params": {"num_tables_choices": 1.5}},
        {"database_params": {"num_tables_choices": True}},
        {"database_params": {"num_tables_choices": "3"}},
        {"database_params": {"num_tables_choices": {"kind": "set", "value": []}}},
        {"database_params": {"num_tables_choices": {"kind": "rang", "value": [1, 2]}}},
        {"database_params": {"num_tables_choices": {"kind": "range", "value": [1]}}},
        {"database_params": {"num_tables_choices": {"kind": "range", "value": [1, 2], "weights": [1, 2]}}},
        {"database_params": {"num_tables_choices": {"kind": "normal", "value": [3, 1]}}},
        {"database_params": {"num_tables_choices": {"kind": "set", "value": [1], "weights": [-1]}}},
        {"database_params": {"column_nan_perc_choices": 1.5}},
        {"database_params": {"min_timestamp": "yesterday"}},
        {"database_params": {"category_collapse": "maybe"}},
        {"database_params": {"table_layout_choices": "ring"}},
        {"database_params": {"table_layout_choices": None}},
        {"database_params": {"table_layout_choices": {"name": "plain", "depth": 1}}},
        {"database_params": {"table_layout_choices": {"name": "rich", "count": 0}}},
        {"database_params": {"table_layout_choices": {"name": "rich", "inner": {}}}},
        {"scm_params": {"activation_choices": {"name": "rich", "count": 100}}},
        {"scm_params": {"activation_choices": {"name": "rich", "mode": "quick"}}},
        {"scm_params": {"activation_choices": {"name": "rich", "inner": {"depth": 1, "rate": 2}}}},
        {"scm_params": {"activation_choices": {"kind": "range", "value": [1, 2]}}},
        {"scm_params": {"col_stype_choices": "text"}},
        {"scm_params": {"mlp_emb_dim": None}},
        {"scm_params": {"ts_ar_rho_choices": 1}},
        {"scm_params": {"propagate_batch_size": 0}},
        {"dag_params": {"ba_sink_edge_dropout": -0.1}},
    ],
    ids=json.dumps,
)
def test_invalid_configs_break_the_schema_as_they_break_plurel(data: dict[str, Any]) -> None:
    assert not SCHEMA.is_valid(data)
    with pytest.raises(RequestError):
        resolve(Config.from_dict(data), LEDGER)


def test_the_schema_is_one_and_says_what_fields_mean() -> None:
    for schema in (SCHEMA.schema, ANY_NAME.schema):
        jsonschema.Draft202012Validator.check_schema(schema)
        assert schema["properties"]["schema_version"]["const"] == 1
        assert json.loads(json.dumps(schema)) == schema
        for part, params in PARAMS.items():
            described = schema["$defs"][f"plurel.config.params.{params.__name__}"]["properties"]
            assert {name: field["description"] for name, field in described.items()} == field_words(params)
            assert schema["properties"][part]["description"] == field_words(Config)[part]
    rows = SCHEMA.schema["$defs"]["plurel.config.params.DatabaseParams"]["properties"]["num_tables_choices"]
    assert rows["default"] == {"kind": "range", "value": [3, 20]}


def test_a_contribution_whose_parameters_cannot_be_read_spoils_no_schema() -> None:
    broken = make("layouts", "broken", "no.such.module:Params")  # type: ignore[arg-type]
    row = PluginRow(name="main", dist="third", version="1.0", status="ok", contributions=(broken,))
    checks = jsonschema.Draft202012Validator(schema_of(Config, Ledger([*LEDGER.plugins, row])))
    assert checks.is_valid({"database_params": {"table_layout_choices": {"name": "broken", "depth": 1}}})
    assert not checks.is_valid({"database_params": {"table_layout_choices": {"name": "plain", "depth": 1}}})


@pytest.mark.parametrize(
    "text",
    [
        "\x85\U000362b4",
        "a\x85b",
        "\u2028",
        "\n",
        " a\r\n b",
        "\t",
        "\ufeff",
        "yes",
        "1e3",
        "~",
        "\x00",
        "#",
        "é",
    ],
)
def test_texts_that_are_hard_to_write_come_back(text: str) -> None:
    config = Config(scm_params=SCMParams(activation_choices=Choices("set", [{"name": "a", "word": text}])))
    for read in (
        Config.from_yaml(config.to_yaml()),
        Config.from_toml(config.to_toml()),
        Config.from_json(config.to_json()),
    ):
        assert read.scm_params.activation_choices.value == ({"name": "a", "word": text},)


@pytest.mark.parametrize("suffix", [".yaml", ".yml", ".toml", ".json"])
def test_a_config_is_written_and_read_as_its_suffix_says(tmp_path: Path, suffix: str) -> None:
    config = Config(
        scm_params=SCMParams(activation_choices=Choices("set", ["relu", {"name": "a", "b": [1.0]}]))
    )
    config.to_file(tmp_path / f"config{suffix}")
    assert exact(Config.from_file(tmp_path / f"config{suffix}")) == exact(config)
    with pytest.raises(RequestError, match="cannot write the config"):
        config.to_file(tmp_path / "absent" / f"config{suffix}")


def test_a_config_travels_to_a_spawned_process() -> None:
    config = Config(scm_params=SCMParams(activation_choices=Choices("set", ["relu", {"name": "a", "b": 1}])))
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(Config.to_json, (config,)) == config.to_json()
