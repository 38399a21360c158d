"""Built-in mechanisms and a third party's in one causal graph, chosen by a config alone."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pandas as pd

DIST = "plurel-test-every-kind"
MECHANISMS = {"plurel-scm:mlp", "plurel-scm:linear", "plurel-scm:trees", f"{DIST}:weighted"}
CONFIG = f"""
database_params:
  num_tables_choices: 5
  num_cols_choices: 25
  num_rows_entity_table_choices: 600
  num_rows_activity_table_choices: 1500
  col_transform_choices: identity
  column_nan_perc_choices: 0.0
scm_params:
  propagation_mode_choices: type_eager
  mechanism_choices:
    kind: set
    value: [mlp, plurel-scm:linear, {{name: trees, depth: 4}}, "{DIST}:weighted"]
"""
GROUPS = 8
CHANCE, STRONG = 0.02, 0.3
"""Of unrelated columns of 600 rows 7 / 599 of the variance lies between eight groups on the average."""


def between(cause: pd.Series, effect: pd.Series) -> float:
    """Share of the variance of an effect's ranks that lies between groups of its cause."""
    ranks = effect.astype(float).rank()
    groups = cause if cause.dtype == bool else pd.qcut(cause, GROUPS, duplicates="drop")
    means = ranks.groupby(groups, observed=True).transform("mean")
    return float(means.var() / ranks.var())


def test_they_mix_in_one_causal_graph_and_children_depend_on_their_inputs(
    plurel: Callable[..., CompletedProcess[str]], tmp_path: Path
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG)
    done = plurel("generate", config, "--out", tmp_path / "out", "--num-proc", "1", plugins=(DIST,))
    assert done.returncode == 0, done.stderr
    database = tmp_path / "out" / "rel-synthetic-0"
    graph = json.loads((database / "plurel.json").read_text())["causal_graph"]
    nodes = {node["id"]: node for node in graph["nodes"]}
    frames = {file.stem: pd.read_parquet(file) for file in (database / "db").iterdir()}
    for name in frames:
        assert {node["mechanism"] for node in nodes.values() if node["table"] == name} >= MECHANISMS

    shares = defaultdict(list)
    for edge in graph["edges"]:
        cause, effect = nodes[edge["source"]], nodes[edge["target"]]
        frame = frames[effect["table"]]
        both = [cause["column"], effect["column"]]
        if edge["through"] is None and set(both) <= set(frame.columns) and frame[both].nunique().min() > 1:
            shares[effect["mechanism"]].append(between(*(frame[column] for column in both)))
    assert shares.keys() == MECHANISMS
    for found in shares.values():
        assert np.mean(found) > CHANCE
        assert max(found) > STRONG
