"""Configs that nobody should write: each is refused by name before any work, whatever its form."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from plurel import Choices, Config, DatabaseParams, SCMParams, SyntheticDataset
from plurel.cli import main
from plurel.errors import ConfigError, RequestError

BOMB = (
    b"val_split: [&a0 [x]"
    + b"".join(b", &a%d [%s]" % (i, b", ".join([b"*a%d" % (i - 1)] * 9)) for i in range(1, 9))
    + b"]"
)
"""A list whose last item has nine times the one before it, which has nine times ..."""


@pytest.mark.parametrize(
    ("suffix", "content", "words"),
    [
        ("yaml", b"val_split: 0.7 # \xe9", "a config is UTF-8, byte 17 is not"),
        ("toml", b"a = '\xff'", "a config is UTF-8, byte 5 is not"),
        ("yaml", "val_split: 0.7".encode("utf-16"), "a config is UTF-8"),
        ("yaml", b"[1, 2]: 3", "a key is a name, got [1, 2]"),
        ("yaml", b"{a: 1}: 3", "a key is a name, got {'a': 1}"),
        ("yaml", b"a: \x01", "special characters are not allowed"),
        ("yaml", b"x: " + b"[" * 3000, "nested too deeply"),
        ("json", b'{"x": ' + b"[" * 100_000, "nested too deeply"),
        ("toml", b"x = " + b"[" * 5000, "nested too deeply"),
        ("yaml", b"val_split: " + b"9" * 5000, "no valid YAML: it holds an integer of thousands of digits"),
        (
            "json",
            b'{"val_split": ' + b"9" * 5000 + b"}",
            "no valid JSON: it holds an integer of thousands of digits",
        ),
        ("yaml", BOMB, "its aliases spell out to more than 1,000,000 values"),
        ("toml", b"val_split = " + b"9" * 5000, "no valid TOML: it holds an integer of thousands of digits"),
        ("json", b'{"val_split": 0.7, "val_split": 0.6}', "the key 'val_split' stands twice"),
    ],
)
def test_a_file_that_cannot_be_parsed_is_a_wrong_request(
    suffix: str, content: bytes, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / f"config.{suffix}"
    file.write_bytes(content)
    assert main(["config", "check", str(file), "--json"]) == 2
    out, err = capsys.readouterr()
    (error,) = json.loads(out)["errors"]
    assert (err, error["path"]) == ("", None)
    assert words in error["message"]
    assert main(["config", "show", str(file)]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1, "an error is one paragraph"
    assert str(file) in err
    assert words in err


def test_an_escaped_pair_of_surrogates_is_one_character_in_yaml_as_in_json() -> None:
    text = r'{"cache_dir": "a\ud83d\ude00"}'
    assert Config.from_yaml(text).cache_dir == Config.from_json(text).cache_dir == "a\U0001f600"
    with pytest.raises(ConfigError, match=r"this path is not UTF-8, .* @ \$.cache_dir"):
        Config.from_yaml(r'{"cache_dir": "a\ud83d"}')


def test_a_path_that_no_system_has_is_a_wrong_request() -> None:
    with pytest.raises(RequestError, match="cannot read the config"):
        Config.from_file("a\0b.yaml")


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("database_params.num_tables_choices=0", "integers from 1 to 10000, got 0"),
        ("database_params.num_tables_choices=1.5", "integers from 1 to 10000, got 1.5"),
        (
            "database_params.num_tables_choices={kind: normal, value: [3, 1]}",
            "integers from 1 to 10000, and a normal draws others",
        ),
        ("database_params.num_rows_entity_table_choices=-1", "integers from 1 to 2147483647, got -1"),
        ("database_params.num_rows_activity_table_choices=1000000000000000", "got 1000000000000000"),
        ("database_params.num_cols_choices=-1", "integers from 0 to 10000, got -1"),
        ("database_params.column_nan_perc_choices=2", "numbers from 0 to 1, got 2"),
        (
            "database_params.column_nan_perc_choices={kind: lognormal, value: [0, 1]}",
            "numbers from 0 to 1, and a lognormal draws others",
        ),
        ("scm_params.num_categories_choices=-4", "integers from 1 to 65536, got -4"),
        ("scm_params.source_beta_alpha_choices=0", "numbers above 0, got 0"),
        ("scm_params.scm_col_node_perc_choices=1.0e-9", "numbers from 0.01 upwards, got 1e-09"),
        ("scm_params.mlp_num_layers_choices=1000000000", "integers from 2 to 256, got 1000000000"),
        ("scm_params.mlp_emb_dim=1000000000", "an integer from 1 to 4096, got 1000000000"),
        ("scm_params.bi_hsbm_levels_choices=1000000", "integers from 0 to 64, got 1000000"),
        ("scm_params.bi_hsbm_clusters_per_level_choices=1000000", "integers from 1 to 1024, got 1000000"),
        ("scm_params.mlp_num_layers_choices=2.5", "integers from 2 to 256, got 2.5"),
        ("scm_params.entity_table_ts_noise_scale=.nan", "a finite number from 0 upwards, got nan"),
        ("scm_params.entity_table_ts_trend_scale=.inf", "a finite number, got inf"),
        ("val_split=" + "9" * 400, "a number above 0 and below 1, got " + "9" * 77 + "..."),
        ("val_split=[", "no valid YAML"),
    ],
)
def test_a_value_out_of_its_bounds_is_refused_with_its_path(assignment: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Config().with_set([assignment])
    assert words in str(caught.value)
    assert str(caught.value).endswith(f"@ $.{assignment.partition('=')[0]}")


def test_bounds_hold_in_python_too() -> None:
    with pytest.raises(ConfigError, match="integers from 1 to 10000, got 0"):
        DatabaseParams(num_tables_choices=Choices.constant(0))
    with pytest.raises(ConfigError, match="a finite number from 0 upwards, got nan"):
        SCMParams(entity_table_ts_noise_scale=float("nan"))
    params = DatabaseParams(column_nan_perc_choices=Choices("beta", [2, 5]))
    assert params.column_nan_perc_choices.kind == "beta", "a beta draws shares"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"kind": "set", "value": [3, 4], "weights": 3}, "the weights of a choice are a list, got 3"),
        ({"kind": "set", "value": [3, 4], "weights": [1e308, 1e308]}, "weights are numbers from 0 upwards"),
        ({"kind": "range", "value": [1, 10**23]}, "the integers of a range have 64 bits"),
        ({"kind": "zipf_range", "value": [1, 10**12]}, "at most 1,000,000 of them"),
    ],
)
def test_a_choice_that_nothing_can_draw_from_is_refused(data: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Config.from_dict({"database_params": {"num_tables_choices": data}})
    assert words in str(caught.value)


WRONG_KINDS: dict[str, tuple[Callable[[Any], object], list[object], str]] = {
    "a text of YAML": (Config.from_yaml, [None, 3, []], "a config in YAML is a text, got"),
    "a text of TOML": (Config.from_toml, [None, {}], "a config in TOML is a text, got"),
    "a text of JSON": (Config.from_json, [None, 3, {}], "a config in JSON is a text, got"),
    "a path to read": (Config.from_file, [None, 3, []], "a config file is named by its path, got"),
    "a path to write": (Config().to_file, [None, 3], "a config file is named by its path, got"),
    "a preset": (Config.preset, [None, 3, []], "the name of a preset is a text, got"),
    "assignments": (
        Config().with_set,
        [None, 3, "val_split=0.5"],
        "assignments are a list of path=value, got",
    ),
    "an assignment": (Config().with_set, [[3]], "an assignment is path=value, got 3"),
    "a config": (
        lambda wrong: SyntheticDataset(0, wrong),
        [{}, "default", Config],
        "this is a plurel.Config, got",
    ),
    "a ledger": (lambda wrong: SyntheticDataset(0, ledger=wrong), [3], "a ledger is what"),
    "a day": (lambda wrong: DatabaseParams(min_timestamp=wrong), [pd.NaT], "this is a day as in"),
}


@pytest.mark.parametrize("what", WRONG_KINDS)
def test_a_value_of_another_kind_is_told_what_was_expected(what: str) -> None:
    call, values, words = WRONG_KINDS[what]
    for value in values:
        with pytest.raises(RequestError, match=re.escape(words)):
            call(value)


def test_texts_of_numpy_are_texts() -> None:
    assert type(Choices(kind=np.str_("range"), value=[1, 2]).kind) is str
