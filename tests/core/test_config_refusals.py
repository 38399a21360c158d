"""What no config may hold, and the exact words for it: the same from a file, from --set and in Python."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import attrs
import pytest
import yaml

from plurel.config import Choices, Config, DAGParams, DatabaseParams, Draws, SCMParams, Within, resolve
from plurel.config.choices import KINDS
from plurel.errors import ConfigError, RequestError
from plurel.plugins import Entry, Ledger, PluginRow, records

PARTS: dict[str, Any] = {"database_params": DatabaseParams, "scm_params": SCMParams, "dag_params": DAGParams}
TABLES = "database_params.num_tables_choices"
ROWS = "database_params.num_rows_entity_table_choices"
MISSING = "database_params.column_nan_perc_choices"
LAYOUTS = "database_params.table_layout_choices"
ACTIVATIONS = "scm_params.activation_choices"
WIDTH = "scm_params.mlp_emb_dim"
NOISE = "scm_params.entity_table_ts_noise_scale"

COUNTED = "drawn from integers from 1 to 10000"
SHARED = "drawn from numbers from 0 to 1"
A_VALUE = "a value is a name, a number or {name: ..., parameters}"
ORDER = "a range needs its smaller bound first"
STRING = "(a string; the number is written 3)"


def drawn(kind: str, *value: Any, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "value": list(value), **more}


REFUSED: list[tuple[str, Any, str, str]] = [
    # counts that are negative or zero
    (TABLES, 0, "", "this is drawn from integers from 1 to 10000, got 0"),
    (TABLES, -3, "", "this is drawn from integers from 1 to 10000, got -3"),
    (TABLES, drawn("range", -1, 5), "", "this is drawn from integers from 1 to 10000, got -1"),
    (ROWS, 0, "", "this is drawn from integers from 1 to 2147483647, got 0"),
    ("database_params.num_cols_choices", -1, "", "this is drawn from integers from 0 to 10000, got -1"),
    (WIDTH, 0, "", "this is an integer from 1 to 4096, got 0"),
    ("scm_params.propagate_batch_size", -1, "", "this is an integer from 1 upwards, got -1"),
    ("scm_params.mlp_num_layers_choices", 1, "", "this is drawn from integers from 2 to 256, got 1"),
    ("dag_params.ba_m", 0, "", "this is an integer from 1 upwards, got 0"),
    ("dag_params.layered_depth_choices", 1, "", "this is drawn from integers from 2 upwards, got 1"),
    # numbers that are none
    (NOISE, math.nan, "", "this is a finite number from 0 upwards, got nan"),
    (NOISE, math.inf, "", "this is a finite number from 0 upwards, got inf"),
    ("scm_params.entity_table_ts_trend_scale", -math.inf, "", "this is a finite number, got -inf"),
    (MISSING, math.nan, ".value[0]", "a value is finite, got nan"),
    (MISSING, drawn("range", math.nan, 1), ".value", "a range has two numbers, got [nan, 1]"),
    (MISSING, drawn("range", 0, math.inf), ".value", "a range has two numbers, got [0, inf]"),
    (MISSING, drawn("set", 0.1, 0.2, weights=[math.nan, 1]), ".weights",
     "weights are numbers from 0 upwards, not all 0, got [nan, 1]"),
    # bounds in the wrong order, or beyond what there is
    (TABLES, drawn("range", 10, 5), ".value", "a range needs its smaller bound first, got [10, 5]"),
    (ROWS, drawn("log_range", 9, 1), ".value", "a log_range needs its smaller bound first, got [9, 1]"),
    (ROWS, drawn("range", 1, 2**40), "",
     "this is drawn from integers from 1 to 2147483647, got 1099511627776"),
    (TABLES, drawn("normal", 5, 1), "", f"this is {COUNTED}, and a normal draws others"),
    (MISSING, drawn("normal", 0.5, 0.1), "", f"this is {SHARED}, and a normal draws others"),
    (MISSING, drawn("beta", 0, 1), ".value", "the shapes of a beta are above 0, got [0, 1]"),
    ("scm_params.ts_trend_alpha_choices", drawn("lognormal", 0, -1), ".value[1]",
     "a standard deviation is not below 0, got -1"),
    # probabilities outside of 0 to 1
    (MISSING, 1.5, "", "this is drawn from numbers from 0 to 1, got 1.5"),
    (MISSING, drawn("set", 0.5, -0.1), "", "this is drawn from numbers from 0 to 1, got -0.1"),
    ("scm_params.cat_label_permute_prob_choices", 2, "", "this is drawn from numbers from 0 to 1, got 2"),
    ("dag_params.er_p_choices", drawn("range", 0.5, 1.5), "", f"this is {SHARED}, got 1.5"),
    ("dag_params.ba_sink_edge_dropout", -0.1, "", "this is a number from 0 to 1, got -0.1"),
    ("dag_params.layered_edge_dropout_p", 1.5, "", "this is a number from 0 to 1, got 1.5"),
    ("scm_params.ts_ar_rho_choices", 1.0, "", "this is drawn from numbers above -1 and below 1, got 1.0"),
    ("scm_params.mlp_weight_density_choices", 0, "", "this is drawn from numbers above 0 to 1, got 0"),
    # wrong types
    (TABLES, True, "", "this is drawn from integers from 1 to 10000, got True"),
    (TABLES, "3", "", "this is drawn from integers from 1 to 10000, got '3'"),
    (TABLES, 1.7, "", "this is drawn from integers from 1 to 10000, got 1.7"),
    (TABLES, drawn("range", 1, 1.7), "", "this is drawn from integers from 1 to 10000, got 1.7"),
    (TABLES, drawn("range", True, 3), ".value", "a range has two numbers, got [True, 3]"),
    (TABLES, [1, 2], "", "a choice among values is written {kind: set, value: [...]}, got [1, 2]"),
    (TABLES, drawn("set", [1]), ".value[0]", f"{A_VALUE}, got [1]"),
    (WIDTH, True, "", "this is an integer from 1 to 4096, got True"),
    (WIDTH, 1.7, "", "this is an integer from 1 to 4096, got 1.7"),
    (WIDTH, "3", "",
     f"this is an integer from 1 to 4096, got '3' {STRING}"),
    (WIDTH, None, "", "this is an integer from 1 to 4096, got None"),
    (NOISE, "loud", "", "this is a number from 0 upwards, got 'loud'"),
    ("database_params.category_collapse", "bool", "",
     "this is one of boolean, none; got 'bool'; closest: boolean"),
    ("database_params.min_timestamp", "1990-13-01", "", "this is a day as in 1990-01-31, got '1990-13-01'"),
    ("database_params.max_timestamp", 1990, "", "this is a day as in 1990-01-31, got 1990"),
    # choices that choose nothing
    (TABLES, drawn("set"), ".value", "a set needs at least one value, got none"),
    (ACTIVATIONS, drawn("set"), ".value", "a set needs at least one value, got none"),
    (ACTIVATIONS, drawn("set", None), ".value[0]",
     f"{A_VALUE}, got None"),
    (ACTIVATIONS, {"terms": 3}, "",
     "a choice has the keys kind and value (and weights), or name and parameters; got ['terms']"),
    (ACTIVATIONS, 3, "", "this chooses among activations by name, got 3"),
    (ACTIVATIONS, drawn("range", 1, 2), "", "this chooses among activations by name, got a range"),
    (ACTIVATIONS, drawn("set", {"name": 3}), ".value[0]",
     "a contribution with parameters has a name, got {'name': 3}"),
    (ACTIVATIONS, drawn("set", {"name": "relu", "slope": math.inf}), ".value[0].slope",
     "a value is finite, got inf"),
    ("scm_params.col_stype_choices", drawn("set", "numeric"), "",
     "this is a set of categorical, numerical; got 'numeric'; closest: numerical"),
    ("scm_params.propagation_mode_choices", drawn("range", 1, 2), "",
     "this is a set of type_eager, type_lazy; got a range"),
    (TABLES, drawn("rang", 1, 2), ".kind",
     f"unknown kind of choice 'rang'; known: {', '.join(KINDS)}; closest: range"),
    (TABLES, drawn("range", 1), ".value", "a range has two numbers, got [1]"),
    (TABLES, {"kind": "set", "value": 3}, ".value", "the value of a choice is a list, got 3"),
    (TABLES, drawn("set", 3, weight=[1]), "", "unknown key 'weight'; closest: weights"),
    # weights
    (TABLES, drawn("set", 3, 4, weights=[1]), ".weights", "2 values need as many weights, got 1"),
    (TABLES, drawn("set", 3, 4, weights=[1, -1]), ".weights",
     "weights are numbers from 0 upwards, not all 0, got [1, -1]"),
    (TABLES, drawn("set", 3, 4, weights=[0, 0]), ".weights",
     "weights are numbers from 0 upwards, not all 0, got [0, 0]"),
    (TABLES, drawn("set", 3, 4, weights=[True, 1]), ".weights",
     "weights are numbers from 0 upwards, not all 0, got [True, 1]"),
    (TABLES, drawn("range", 3, 4, weights=[1, 1]), ".weights", "only a set has weights, this is a range"),
    (TABLES, drawn("set", 3, 4, weights="ab"), ".weights", "the weights of a choice are a list, got 'ab'"),
]  # fmt: skip
IDS = [f"{path}={value}" for path, value, _, _ in REFUSED]


@pytest.mark.parametrize(("path", "value", "below", "words"), REFUSED, ids=IDS)
def test_a_value_is_refused_in_the_same_words_wherever_it_is_written(
    tmp_path: Path, path: str, value: Any, below: str, words: str
) -> None:
    part, name = path.split(".")
    said = f"{words} @ $.{path}{below}"
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump({part: {name: value}}))
    with pytest.raises(ConfigError) as caught:
        Config.from_file(file)
    assert str(caught.value) == f"{file}: {said}"
    text = yaml.safe_dump(value, default_flow_style=True, width=10**6).removesuffix("\n...\n")
    with pytest.raises(ConfigError) as caught:
        Config().with_set([f"{path}={text}"])
    assert str(caught.value) == said
    with pytest.raises(ConfigError) as caught:
        PARTS[part](**{name: value})
    assert str(caught.value) == f"{words} @ $.{name}{below}"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"val_split": 0}, "this is a number above 0 and below 1, got 0 @ $.val_split"),
        ({"val_split": 1.0}, "this is a number above 0 and below 1, got 1.0 @ $.val_split"),
        ({"val_split": math.nan}, "this is a finite number above 0 and below 1, got nan @ $.val_split"),
        ({"val_split": True}, "this is a number above 0 and below 1, got True @ $.val_split"),
        ({"val_split": 0.9}, "this is above val_split 0.9, got 0.9 @ $.test_split"),
        ({"val_split": 0.7, "test_split": 0.6}, "this is above val_split 0.7, got 0.6 @ $.test_split"),
        ({"cache_dir": 3}, "this is a path, got 3 @ $.cache_dir"),
        ({"cache_dir": "\ud800"}, "this path is not UTF-8, as names are here: '\\ud800' @ $.cache_dir"),
        (
            {"cache_dir": "a\0b"},
            "this path holds a null character, which no name has: 'a\\x00b' @ $.cache_dir",
        ),
        (
            {"schema_file": ""},
            "this path names no folder and no file: it is empty (. is the current folder) @ $.schema_file",
        ),
        ({"schema_file": ["a.sql"]}, "this is a path, got ['a.sql'] @ $.schema_file"),
        ({"schema_version": 2}, "this version reads schema_version 1, got 2 @ $.schema_version"),
        ({"schema_version": True}, "this version reads schema_version 1, got True @ $.schema_version"),
    ],
    ids=str,
)
def test_the_config_itself_is_as_strict(data: dict[str, Any], words: str) -> None:
    for build in (lambda: Config.from_dict(data), lambda: Config(**data)):
        with pytest.raises(ConfigError) as caught:
            build()
        assert str(caught.value) == words


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"min_timestamp": "2001-01-01", "max_timestamp": "2001-01-01"},
         "this is a day after min_timestamp 2001-01-01, got 2001-01-01 @ $.max_timestamp"),
        ({"num_table_choices": 3}, "unknown key 'num_table_choices'; closest: num_tables_choices @ $"),
    ],
)  # fmt: skip
def test_values_that_do_not_fit_each_other_and_unknown_keys_are_refused(
    data: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        DatabaseParams(**data)
    assert str(caught.value) == words
    with pytest.raises(ConfigError) as caught:
        Config.from_dict({"database_params": data})
    assert str(caught.value) == words.replace("$", "$.database_params")


def test_more_parents_at_birth_than_a_node_may_have_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"^this is at least ba_m 5, got 4 @ \$\.ba_max_in_degree$"):
        DAGParams(ba_m=5)


def test_a_config_of_unknown_keys_alone_names_what_there_is() -> None:
    with pytest.raises(ConfigError) as caught:
        Config.from_dict({"zzz": 1})
    known = ", ".join(item.alias for item in attrs.fields(Config))
    assert str(caught.value) == f"unknown key 'zzz'; known: {known} @ $"


def my_function(x: float) -> float:
    return x


@pytest.mark.parametrize(
    "value", [my_function, [my_function], {"name": "relu", "inner": [my_function]}, math.sin]
)
def test_a_callable_is_refused_with_what_to_do_instead(value: Any) -> None:
    choices = {"kind": "set", "value": value} if isinstance(value, list) else value
    with pytest.raises(ConfigError) as caught:
        SCMParams(activation_choices=choices)
    name = "sin" if value is math.sin else "my_function"
    place = ".value[0].inner[0]" if isinstance(value, dict) else ".value[0]"
    assert str(caught.value) == (
        "a config holds names, not callables: write the name of what plurel plugins list shows, or register "
        f"{name} as a plugin (a hook that yields a record with factory={name}; see plurel.plugins.hookspecs) "
        f"and write its name @ $.activation_choices{place}"
    )


@pytest.mark.parametrize(
    "value", [object(), b"bytes", 2**63, {"name": "a", 3: 1}, {"name": "a", "b": {1, 2}}]
)
def test_what_no_file_could_hold_is_refused(value: Any) -> None:
    with pytest.raises(ConfigError, match=r"@ \$\.value\[0\]"):
        SCMParams(activation_choices=Choices("set", [value]))


def test_a_number_too_long_to_write_is_refused_without_writing_it() -> None:
    with pytest.raises(ConfigError, match="got an integer of thousands of digits @"):
        SCMParams(mlp_emb_dim=-(10**5000))
    with pytest.raises(ConfigError, match="got an integer of thousands of digits @"):
        DatabaseParams(num_tables_choices=10**5000)  # type: ignore[arg-type]


@attrs.frozen(kw_only=True)
class Params:
    """Parameters of a contribution, with the bounds that plurel gives and with those of attrs."""

    width: int = attrs.field(default=3, validator=Within(1, integers=True))
    share: Choices = attrs.field(factory=lambda: Choices("range", [0.1, 0.2]), validator=Draws(0, 1))
    depth: int = attrs.field(default=3, validator=attrs.validators.ge(2))
    low: float = 0.0
    high: float = attrs.field(default=1.0)

    @high.validator
    def _check(self, _: attrs.Attribute[float], value: float) -> None:
        if value <= self.low:
            raise ValueError(f"high is above low {self.low}, got {value}")


def ledger() -> Ledger:
    record = records.Activation(name="bump", summary="one", factory=Params, config=Params)
    entry = Entry(record=record, dist="other-dist", version="1.0", plugin="other-dist:main")
    return Ledger(
        [PluginRow(name="main", dist="other-dist", version="1.0", status="ok", contributions=(entry,))]
    )


@pytest.mark.parametrize(
    ("params", "problems"),
    [
        ({"width": 0}, [".width: this is an integer from 1 upwards, got 0"]),
        ({"width": True}, [".width: this is an integer from 1 upwards, got True"]),
        ({"widht": 1}, [": unknown key 'widht'; closest: width"]),
        ({"share": 1.5}, [".share: this is drawn from numbers from 0 to 1, got 1.5"]),
        ({"share": drawn("range", 1, 0)}, [f".share.value: {ORDER}, got [1, 0]"]),
        ({"share": drawn("set")}, [".share.value: a set needs at least one value, got none"]),
        ({"depth": 1}, [".depth: 'depth' must be >= 2: 1"]),
        ({"depth": "3"}, [f".depth: this is an integer, got '3' {STRING}"]),
        ({"low": 2, "high": 1}, [".low: high is above low 2.0, got 1.0"]),
        ({"width": 0, "depth": 0}, [".width: this is an integer from 1 upwards, got 0",
                                    ".depth: 'depth' must be >= 2: 0"]),
        ({"low": 2, "high": 3, "width": 0}, [".width: this is an integer from 1 upwards, got 0"]),
    ],
    ids=str,
)  # fmt: skip
def test_the_parameters_of_a_contribution_are_refused_where_they_stand(
    params: dict[str, Any], problems: list[str]
) -> None:
    config = Config(scm_params=SCMParams(activation_choices=Choices("set", [{"name": "bump", **params}])))
    with pytest.raises(RequestError) as caught:
        resolve(config, ledger())
    place = "$.scm_params.activation_choices"
    found = [str(one) for one in caught.value.problems if place in str(one)]
    said = []
    for problem in problems:
        below, _, words = problem.partition(": ")
        said.append(f"{words} @ {place}{below}")
    assert found == ["; ".join(said)] or found == said


def test_all_that_is_refused_is_refused_in_json_and_toml_too(tmp_path: Path) -> None:
    data = {"val_split": 2.0, "dag_params": {"ba_m": 0, "er_choices": 1}}
    (tmp_path / "a.json").write_text(json.dumps(data))
    (tmp_path / "a.toml").write_text("val_split = 2.0\n[dag_params]\nba_m = 0\ner_choices = 1\n")
    for file in ("a.json", "a.toml"):
        with pytest.raises(ConfigError) as caught:
            Config.from_file(tmp_path / file)
        assert [str(problem) for problem in caught.value.problems] == [
            "unknown key 'er_choices'; closest: er_p_choices @ $.dag_params",
            "this is an integer from 1 upwards, got 0 @ $.dag_params.ba_m",
            "this is a number above 0 and below 1, got 2.0 @ $.val_split",
        ]
