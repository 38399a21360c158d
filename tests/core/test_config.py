"""Configs: strict, with paths in their errors, and the same after any round trip."""

from __future__ import annotations

import datetime as dt
import inspect
import json
import pickle
from pathlib import Path
from typing import Any

import attrs
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plurel.config import Choices, Config, DAGParams, DatabaseParams, SCMParams
from plurel.config.convert import structure, unstructure
from plurel.config.params import kinds_of
from plurel.errors import ConfigError, RequestError
from plurel.plugins.records import KINDS

PARAMS = (DatabaseParams, SCMParams, DAGParams)
NUMERIC_CHOICES = [
    (part, field.name, min(field.default.value), max(field.default.value))
    for part, params in zip(("database_params", "scm_params", "dag_params"), PARAMS, strict=True)
    for field in attrs.fields(params)
    if isinstance(field.default, Choices)
    and field.name not in kinds_of(params)
    and not any(isinstance(value, str) for value in field.default.value)
]
REFERENCE_SPELLINGS = {
    DatabaseParams: """table_layout_choices num_tables_choices num_rows_entity_table_choices
        num_rows_activity_table_choices num_cols_choices min_timestamp max_timestamp column_nan_perc_choices
        col_transform_choices table_model_choices link_choices timeline_choices task_choices
        column_type_choices value_generator_choices""",
    SCMParams: """scm_layout_choices scm_col_node_perc_choices num_categories_choices col_stype_choices
        initialization_choices activation_choices node_noise_alpha_choices node_noise_beta_choices
        bi_hsbm_levels_choices bi_hsbm_clusters_per_level_choices ts_trend_alpha_choices
        activity_table_ts_trend_scale_choices entity_table_ts_trend_scale ts_cycle_freq_perc_choices
        activity_table_ts_cycle_scale_choices entity_table_ts_cycle_scale activity_table_ts_noise_scale
        entity_table_ts_noise_scale ts_ar_rho_choices ts_value_scale_choices propagation_agg_choices
        mlp_in_dim mlp_out_dim mlp_emb_dim mlp_num_layers_choices mlp_weight_density_choices
        source_gen_type_choices source_beta_alpha_choices source_beta_beta_choices propagation_mode_choices
        cat_label_permute_prob_choices cat_label_reverse_prob_choices propagate_batch_size noise_choices
        mechanism_choices""",
    DAGParams: """ba_sink_edge_dropout ba_flip_leaf_edge_prob ba_max_in_degree ba_m er_p_choices
        ws_rewire_p_choices layered_depth_choices layered_edge_dropout_p edge_weight_dist_choices""",
    Config: "database_params scm_params dag_params val_split test_split cache_dir schema_file",
}


@st.composite
def configs(draw: st.DrawFn) -> Config:
    data = Config().to_dict()
    for part, name, least, most in draw(st.lists(st.sampled_from(NUMERIC_CHOICES), max_size=5)):
        numbers = st.floats(least, most) if isinstance(most, float) else st.integers(least, most)
        low, high = sorted(draw(st.lists(numbers, min_size=2, max_size=2)))
        data[part][name] = draw(st.sampled_from([low, {"kind": "range", "value": [low, high]}]))
    names = st.sampled_from(["relu", "tanh", "other-dist:bump", {"name": "random_sines", "terms": [1, 2]}])
    data["scm_params"]["activation_choices"] = {
        "kind": "set",
        "value": draw(st.lists(names, min_size=1, max_size=3)),
    }
    data["val_split"] = draw(st.floats(0.1, 0.5))
    data["cache_dir"] = draw(st.sampled_from([None, "~/.cache/relbench"]))
    return Config.from_dict(data)


@given(config=configs())
def test_a_config_survives_every_form(config: Config) -> None:
    assert Config.from_dict(config.to_dict()) == config
    assert Config.from_yaml(config.to_yaml()) == config
    assert Config.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    assert pickle.loads(pickle.dumps(config)) == config


@pytest.mark.parametrize("params", [*PARAMS, Config])
def test_the_references_spellings_are_there(params: type[attrs.AttrsInstance]) -> None:
    assert {field.name for field in attrs.fields(params)} >= set(REFERENCE_SPELLINGS[params].split())


def test_every_choosable_kind_is_a_kind() -> None:
    chosen = {kind for params in PARAMS for kind in kinds_of(params).values()}
    assert chosen <= set(KINDS)
    assert chosen >= {
        "layouts", "links", "timelines", "table_models", "mechanisms", "activations", "noises", "sources",
        "transforms", "column_types", "value_generators", "tasks",
    }  # fmt: skip


def test_every_parameter_is_described() -> None:
    for params in (*PARAMS, Config):
        for field in attrs.fields(params):
            assert f"\n    {field.alias}: " in (inspect.getdoc(params) or ""), field.name


def test_an_empty_file_is_the_default_config() -> None:
    assert Config.from_yaml("") == Config()
    assert Config.from_dict({"database_params": {}}) == Config()


@pytest.mark.parametrize("suffix", [".yaml", ".yml", ".json", ".toml"])
def test_files_of_every_form_are_read(tmp_path: Path, suffix: str) -> None:
    text = {
        ".json": '{"database_params": {"num_tables_choices": {"kind": "range", "value": [2, 4]}}}',
        ".toml": '[database_params]\nnum_tables_choices = {kind = "range", value = [2, 4]}\n',
    }.get(suffix, "database_params:\n  num_tables_choices: {kind: range, value: [2, 4]}\n")
    path = tmp_path / f"config{suffix}"
    path.write_text(text)
    assert Config.from_file(path).database_params.num_tables_choices == Choices("range", [2, 4])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "database_params: {num_table_choices: 3}",
            r"unknown key 'num_table_choices'; closest: num_tables_choices @ \$.database_params",
        ),
        ("data: 3", r"unknown key 'data'; known: schema_version, .* @ \$"),
        ("val_split: '0.8'", r"this is a number above 0 and below 1, got '0.8' .* @ \$.val_split"),
        ("scm_params: {entity_table_ts_noise_scale: 1.0e308}", r"the number is written 1.0e\+308\)"),
        ("val_split: 8e-1", r"\(a string; the number is written 0.8\)"),
        ("val_split: true", r"this is a number above 0 and below 1, got True @ \$.val_split"),
        ("val_split: 1.5", r"a number above 0 and below 1, got 1.5 @ \$.val_split"),
        ("{val_split: 0.8, test_split: 0.8}", r"above val_split 0.8, got 0.8 @ \$.test_split"),
        ("schema_version: 2", r"reads schema_version 1, got 2 @ \$.schema_version"),
        ("database_params: 3", r"this is a mapping, got 3 @ \$.database_params"),
        ("cache_dir: 3", r"this is a path, got 3 @ \$.cache_dir"),
        (
            "scm_params: {mlp_emb_dim: 1.7}",
            r"this is an integer from 1 to 4096, got 1.7 @ \$.scm_params.mlp_emb_dim",
        ),
        ("scm_params: {mlp_emb_dim: 0}", r"an integer from 1 to 4096, got 0 @ \$.scm_params.mlp_emb_dim"),
        ("dag_params: {ba_sink_edge_dropout: 2}", r"from 0 to 1, got 2 @ \$.dag_params.ba_sink_edge"),
        (
            "database_params: {num_tables_choices: {kind: range, value: [5, 3]}}",
            r"smaller bound first, got \[5, 3\] @ \$.database_params.num_tables_choices.value",
        ),
        (
            "database_params: {num_tables_choices: many}",
            r"drawn from integers from 1 to 10000, got 'many' @ \$.database_params.num_tables_choices",
        ),
        (
            "scm_params: {activation_choices: {kind: range, value: [1, 2]}}",
            r"chooses among activations by name, got a range @ \$.scm_params.activation_choices",
        ),
        ("scm_params: {activation_choices: 3}", r"chooses among activations by name, got 3 @"),
        (
            "scm_params: {col_stype_choices: text}",
            r"a set of categorical, numerical; got 'text' @ \$.scm_params.col_stype_choices",
        ),
        (
            "scm_params: {propagation_mode_choices: type_lasy}",
            r"a set of type_eager, type_lazy; got 'type_lasy'",
        ),
        (
            "database_params: {category_collapse: maybe}",
            r"one of boolean, none; got 'maybe' @ \$.database_params",
        ),
        ("database_params: {min_timestamp: '1990-1-1'}", r"a day as in 1990-01-31, got '1990-1-1' @"),
        ("database_params: {max_timestamp: 1980-01-01}", r"after min_timestamp 1990-01-01, got 1980-01-01 @"),
    ],
)
def test_a_breach_names_the_value_the_place_and_what_is_right(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Config.from_yaml(text)


def test_all_breaches_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        Config.from_yaml("{val_split: 2.0, cache_dir: 3, database_params: {a: 1, b: 2}}")
    words = str(caught.value)
    assert "$.cache_dir" in words
    assert "unknown key 'a'" in words
    assert "unknown key 'b'" in words


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1", r"no valid YAML in line 1"),
        (
            "val_split: 0.5\nval_split: 0.6\n",
            r"no valid YAML in line 2, column 1: the key 'val_split' stands twice",
        ),
        ("- 1\n- 2\n", r"this is a mapping, got \[1, 2\]"),
        ("!!python/object/apply:os.getcwd []", "no valid YAML"),
    ],
)
def test_a_text_that_is_no_config_says_where(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=f"config.yaml: .*{message}"):
        Config.from_file(path)


def test_broken_json_and_toml_say_where(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(ConfigError, match="no valid JSON in line 1, column 2"):
        Config.from_file(tmp_path / "a.json")
    (tmp_path / "a.toml").write_text("a = ")
    with pytest.raises(ConfigError, match="no valid TOML"):
        Config.from_file(tmp_path / "a.toml")


def test_a_missing_file_and_a_strange_suffix_are_wrong_requests(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"cannot read the config .*absent\.yaml"):
        Config.from_file(tmp_path / "absent.yaml")
    with pytest.raises(RequestError, match=r"a config is a \.yaml"):
        Config.from_file(tmp_path / "config.ini")


def test_python_takes_plain_values_and_names_the_field_of_a_breach() -> None:
    params = DatabaseParams(num_tables_choices=3)  # type: ignore[arg-type]
    assert params.num_tables_choices == Choices.constant(3)
    with pytest.raises(ConfigError, match=r"written \{kind: set.* @ \$.num_tables_choices"):
        DatabaseParams(num_tables_choices=[1, 2])  # type: ignore[arg-type]
    with pytest.raises(
        ConfigError, match=r"register <lambda> as a plugin.* @ \$.activation_choices.value\[0\]"
    ):
        SCMParams(activation_choices=lambda x: x)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"this is a DatabaseParams, got .* @ \$.database_params"):
        Config(database_params={"num_tables_choices": 3})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "moment",
    [
        dt.date(2001, 2, 3),
        dt.datetime(2001, 2, 3, tzinfo=dt.UTC),
        pd.Timestamp("2001-02-03"),
        "2001-02-03",
    ],
)
def test_days_come_in_many_forms(moment: Any) -> None:
    assert DatabaseParams(min_timestamp=moment).min_timestamp == "2001-02-03"
    assert Config.from_dict({"database_params": {"min_timestamp": moment}}).database_params.min_timestamp == (
        "2001-02-03"
    )


def test_a_moment_within_a_day_is_no_day() -> None:
    moment = dt.datetime(2001, 2, 3, 4, tzinfo=dt.UTC)
    with pytest.raises(ConfigError, match=r"got '2001-02-03T04:00:00\+00:00' @ \$.min_timestamp"):
        DatabaseParams(min_timestamp=moment)  # type: ignore[arg-type]
    with pytest.raises(
        ConfigError, match=r"a day as in 1990-01-31, got .* @ \$.database_params.max_timestamp"
    ):
        Config.from_yaml("database_params: {max_timestamp: 2001-02-03 04:00:00}")


@pytest.mark.parametrize(
    ("suffix", "text"),
    [("yaml", "val_split: 0.7"), ("toml", "val_split = 0.7"), ("json", '{"val_split": 0.7}')],
)
def test_a_mark_before_the_first_line_is_no_part_of_it(tmp_path: Path, suffix: str, text: str) -> None:
    path = tmp_path / f"config.{suffix}"
    path.write_text(text, encoding="utf-8-sig")
    assert Config.from_file(path).val_split == 0.7


def test_anchors_and_merges_of_yaml_work() -> None:
    text = """
    database_params: &sizes {num_tables_choices: 3, num_cols_choices: 4}
    """
    assert Config.from_yaml(text).database_params.num_cols_choices == Choices.constant(4)
    text = """
    scm_params:
      noise_choices: &beta {name: beta, alpha: 2}
      mechanism_choices: {<<: *beta, name: mlp}
    """
    merged = Config.from_yaml(text).scm_params.mechanism_choices
    assert merged == Choices.constant({"name": "mlp", "alpha": 2})


def test_set_replaces_values_by_path() -> None:
    config = Config().with_set(
        [
            "database_params.num_tables_choices={kind: range, value: [2, 3]}",
            "scm_params.activation_choices={name: random_sines, terms: 5}",
            "dag_params.ba_m=3",
            "scm_params.noise_choices.value=[beta, other]",
        ]
    )
    assert config.database_params.num_tables_choices == Choices("range", [2, 3])
    assert config.scm_params.activation_choices == Choices("set", [{"name": "random_sines", "terms": 5}])
    assert config.dag_params.ba_m == 3
    assert config.scm_params.noise_choices == Choices("set", ["beta", "other"])


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("val_split", "an assignment is path=value, got 'val_split'"),
        ("=3", "an assignment is path=value"),
        (
            "scm_params.activation_choices.value[0]=relu",
            r"a list is set whole, as in scm_params.activation_choices.value=\[...\] @ \$.scm_params.act",
        ),
        ("scm_params.activation_choices.value.0=relu", r"a list is set whole"),
        ("database_param.x=3", r"unknown key 'database_param'; closest: database_params @ \$"),
        ("database_params.num_table_choices=3", r"closest: num_tables_choices @ \$.database_params"),
        ("val_split.x=3", r"a value without keys, so 'x' leads nowhere @ \$.val_split"),
        ("val_split=nine", r"this is a number above 0 and below 1, got 'nine' @ \$.val_split"),
    ],
)
def test_an_assignment_that_leads_nowhere_says_so(assignment: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Config().with_set([assignment])


@attrs.frozen(kw_only=True)
class Inner:
    rate: float = 0.5


@attrs.frozen(kw_only=True)
class PluginParams:
    """Every type that a contribution's parameters may have."""

    count: int = 1
    scale: float = 1.0
    word: str = "a"
    flag: bool = False
    maybe: int | None = None
    drawn: Choices = attrs.field(factory=lambda: Choices.constant(1))
    many: tuple[float, ...] = ()
    table: dict[str, int] = attrs.field(factory=dict)
    inner: Inner = attrs.field(factory=Inner)
    either: int | str = 0


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"count": True}, r"an integer, got True @ \$.count"),
        ({"count": 2.0}, r"an integer, got 2.0 @ \$.count"),
        ({"scale": None}, r"a number, got None @ \$.scale"),
        ({"word": None}, r"a string, got None @ \$.word"),
        ({"flag": 1}, r"true or false, got 1 @ \$.flag"),
        ({"maybe": "x"}, r"an integer, got 'x' @ \$.maybe"),
        ({"drawn": [1]}, r"written \{kind: set, .* @ \$.drawn"),
        ({"many": "abc"}, r"a list, got 'abc' @ \$.many"),
        ({"many": [1, "b"]}, r"a number, got 'b' @ \$.many\[1\]"),
        ({"table": {"a": "b"}}, r"an integer, got 'b' @ \$.table\['a'\]"),
        ({"table": [1]}, r"a mapping, got \[1\] @ \$.table"),
        ({"inner": {"rat": 1}}, r"unknown key 'rat'; closest: rate @ \$.inner"),
    ],
)
def test_the_parameters_of_contributions_are_as_strict(data: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        structure(data, PluginParams)


def test_the_parameters_of_contributions_round_trip() -> None:
    data = {
        "count": 3,
        "scale": 2,
        "many": [1, 2.5],
        "table": {"a": 1},
        "inner": {"rate": 1.0},
        "either": "b",
        "drawn": {"kind": "range", "value": [1, 2]},
    }
    made = structure(data, PluginParams)
    assert made.scale == 2.0
    assert made.many == (1.0, 2.5)
    assert structure(unstructure(made), PluginParams) == made


def test_a_keyword_that_a_class_lacks_is_refused_with_the_closest() -> None:
    with pytest.raises(
        ConfigError, match=r"unknown key 'num_table_choices'; closest: num_tables_choices @ \$$"
    ):
        DatabaseParams(num_table_choices=3)  # type: ignore[call-arg]
    with pytest.raises(ConfigError, match=r"unknown key 'split'; closest: val_split @ \$$"):
        Config(split=0.5)  # type: ignore[call-arg]
    with pytest.raises(
        ConfigError, match=r"Config takes values by name, as schema_version=\.\.\., got Database"
    ):
        Config(DatabaseParams())  # type: ignore[misc]


def test_every_breach_of_a_file_is_told_with_its_path() -> None:
    data = {
        "val_split": 2.0,
        "test_split": 0.5,
        "cache_dir": 3,
        "database_params": {"num_tables_choices": 0, "num_cols_choices": -1, "min_timestamp": "x"},
        "scm_params": {"mlp_emb_dim": 1.5},
    }
    with pytest.raises(ConfigError) as caught:
        Config.from_dict(data)
    paths = [problem.path for problem in caught.value.problems if isinstance(problem, ConfigError)]
    assert sorted(map(str, paths)) == [
        ".cache_dir",
        ".database_params.min_timestamp",
        ".database_params.num_cols_choices",
        ".database_params.num_tables_choices",
        ".scm_params.mlp_emb_dim",
        ".val_split",
    ]
    assert str(caught.value).endswith("; and 1 more")
    assert len(pickle.loads(pickle.dumps(caught.value)).problems) == 6, "it travels between processes"


def test_a_pair_that_does_not_fit_is_told_where_each_fits_alone() -> None:
    with pytest.raises(ConfigError, match=r"above val_split 0.8, got 0.5 @ \$.test_split"):
        Config.from_dict({"test_split": 0.5})
    period = {"min_timestamp": "2001-01-01", "max_timestamp": "2000-01-01"}
    with pytest.raises(ConfigError, match=r"a day after min_timestamp 2001-01-01, got 2000-01-01 @ \$.data"):
        Config.from_dict({"database_params": period})
    assert Config.from_dict({"val_split": 0.2, "test_split": 0.3}).test_split == 0.3
    early = {"min_timestamp": "1980-01-01", "max_timestamp": "1985-01-01", "num_tables_choices": 0}
    with pytest.raises(ConfigError, match=r"^this is drawn from integers .* @ [^@]*num_tables_choices$"):
        Config.from_dict({"database_params": early})
