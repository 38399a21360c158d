"""Code written for the published package runs here: its example, its parameter names, its spellings."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from relbench.base import Database

from plurel import Choices, Config, DAGParams, DatabaseParams, SCMParams, SyntheticDataset
from plurel.config import resolve
from plurel.errors import ConfigError
from plurel.plugins import get_ledger


class Stype(Enum):
    """As torch_frame's `stype`: column kinds there are members, not words."""

    numerical = "numerical"
    categorical = "categorical"


DATABASE: dict[str, Any] = {
    "table_layout_choices": Choices(
        kind="set", value=["BarabasiAlbert", "ReverseRandomTree", "WattsStrogatz"]
    ),
    "num_tables_choices": Choices(kind="range", value=[2, 3]),
    "num_rows_entity_table_choices": Choices(kind="range", value=[20, 30]),
    "num_rows_activity_table_choices": Choices(kind="range", value=[40, 50]),
    "num_cols_choices": Choices(kind="range", value=[3, 4]),
    "min_timestamp": pd.Timestamp("1990-01-01"),
    "max_timestamp": pd.Timestamp("2025-01-01"),
    "column_nan_perc_choices": Choices(kind="range", value=[0.01, 0.1]),
    "col_transform_choices": Choices(
        kind="set", value=["identity", "rank_uniform", "log", "sqrt", "standardize"]
    ),
}
SCM: dict[str, Any] = {
    "scm_layout_choices": Choices(
        kind="set",
        value=["ErdosRenyi", "BarabasiAlbert", "RandomTree", "ReverseRandomTree", "Layered", "WattsStrogatz",
               "RandomCauchy"],
    ),
    "scm_col_node_perc_choices": Choices(kind="range", value=[0.3, 0.9]),
    "num_categories_choices": Choices(kind="range", value=[2, 10]),
    "col_stype_choices": Choices(kind="set", value=[Stype.categorical, Stype.numerical]),
    "node_noise_alpha_choices": Choices(kind="range", value=[0.5, 5.0]),
    "node_noise_beta_choices": Choices(kind="range", value=[0.5, 5.0]),
    "bi_hsbm_levels_choices": Choices(kind="range", value=[1, 5]),
    "bi_hsbm_clusters_per_level_choices": Choices(kind="range", value=[1, 3]),
    "ts_trend_alpha_choices": Choices(kind="range", value=[0.0, 2.0]),
    "activity_table_ts_trend_scale_choices": Choices(kind="set", value=[-1, 1]),
    "entity_table_ts_trend_scale": 0.0,
    "ts_cycle_freq_perc_choices": Choices(kind="set", value=[i / 10 for i in range(1, 11)]),
    "activity_table_ts_cycle_scale_choices": Choices(kind="set", value=[-1, 1]),
    "entity_table_ts_cycle_scale": 0.0,
    "activity_table_ts_noise_scale": 0.05,
    "entity_table_ts_noise_scale": 1,
    "ts_ar_rho_choices": Choices(kind="range", value=[0.0, 0.9]),
    "ts_value_scale_choices": Choices(kind="set", value=[0.01, 0.1, 1, 10, 100]),
    "propagation_agg_choices": Choices(kind="set", value=["sum", "max", "product", "logexp"]),
    "mlp_in_dim": 1,
    "mlp_out_dim": 1,
    "mlp_emb_dim": 32,
    "mlp_num_layers_choices": Choices(kind="range", value=[2, 4]),
    "mlp_weight_density_choices": Choices(kind="range", value=[0.3, 1.0]),
    "source_gen_type_choices": Choices(kind="set", value=["ts", "uniform", "gaussian", "beta", "mixed"]),
    "source_beta_alpha_choices": Choices(kind="range", value=[0.5, 5.0]),
    "source_beta_beta_choices": Choices(kind="range", value=[0.5, 5.0]),
    "propagation_mode_choices": Choices(kind="set", value=["type_eager"]),
    "cat_label_permute_prob_choices": Choices(kind="range", value=[0.3, 1.0]),
    "cat_label_reverse_prob_choices": Choices(kind="range", value=[0.2, 0.8]),
}  # fmt: skip
DAG: dict[str, Any] = {
    "ba_sink_edge_dropout": 0.4,
    "ba_flip_leaf_edge_prob": 0.0,
    "ba_max_in_degree": 4,
    "ba_m": 2,
    "er_p_choices": Choices(kind="range", value=[0.3, 0.8]),
    "ws_rewire_p_choices": Choices(kind="range", value=[0.1, 0.3]),
    "layered_depth_choices": Choices(kind="range", value=[2, 8]),
    "layered_edge_dropout_p": 0.1,
    "edge_weight_dist_choices": Choices(kind="set", value=["gaussian", "lognormal", "cauchy", "uniform"]),
}


def test_the_published_example_makes_a_database() -> None:
    small = DatabaseParams(
        num_tables_choices=Choices(kind="range", value=[3, 4]),
        num_rows_entity_table_choices=Choices(kind="range", value=[20, 30]),
        num_rows_activity_table_choices=Choices(kind="range", value=[40, 50]),
    )
    dataset = SyntheticDataset(seed=0, config=Config(database_params=small))
    db = dataset.make_db()
    assert isinstance(db, Database)
    assert 3 <= len(db.table_dict) <= 4
    assert dataset.val_timestamp < dataset.test_timestamp
    assert isinstance(dataset.get_db(), Database)


def test_the_published_configuration_example_is_a_config(tmp_path: Path) -> None:
    config = Config(
        database_params=DatabaseParams(num_tables_choices=Choices(kind="range", value=[5, 10])),
        schema_file="path/to/schema.sql",
        cache_dir=str(tmp_path),
    )
    assert config.database_params.num_tables_choices.value == (5, 10)
    assert (config.schema_file, config.cache_dir) == ("path/to/schema.sql", str(tmp_path))


def test_every_parameter_of_the_reference_in_its_own_spelling_makes_a_database() -> None:
    config = Config(
        database_params=DatabaseParams(**DATABASE),
        scm_params=SCMParams(**SCM),
        dag_params=DAGParams(**DAG),
        val_split=0.8,
        test_split=0.9,
    )
    assert config.scm_params.col_stype_choices == Choices("set", ["categorical", "numerical"])
    assert (config.database_params.min_timestamp, config.database_params.max_timestamp) == (
        "1990-01-01",
        "2025-01-01",
    )
    resolved = resolve(config, get_ledger()).config
    aggregations = [item["name"] for item in resolved.scm_params.propagation_agg_choices.value]
    assert aggregations[-1] == "plurel-scm:logsumexp"
    layouts = {item["name"] for item in resolved.scm_params.scm_layout_choices.value}
    assert {"plurel-layouts:layered", "plurel-layouts:random_cauchy"} <= layouts
    assert 2 <= len(SyntheticDataset(seed=0, config=config).make_db().table_dict) <= 3


def test_the_batch_size_of_the_reference_is_accepted_and_said_to_be_ignored() -> None:
    config = Config(scm_params=SCMParams(propagate_batch_size=4096))
    with pytest.warns(UserWarning, match="propagate_batch_size is ignored"):
        resolve(config, get_ledger())


def kaiming_normal_(x: Any) -> Any:
    """As the reference's configs hold functions."""
    return x


def test_a_function_of_the_reference_is_refused_with_what_to_write_instead() -> None:
    with pytest.raises(
        ConfigError, match=r"names, not callables: write the name .* or register kaiming_normal_"
    ):
        SCMParams(initialization_choices=Choices(kind="set", value=[kaiming_normal_]))


def test_a_keyword_that_neither_has_is_refused_with_the_closest() -> None:
    with pytest.raises(ConfigError, match="unknown key 'num_rows_choices'; closest: num_cols_choices"):
        DatabaseParams(num_rows_choices=Choices(kind="range", value=[1, 2]))  # type: ignore[call-arg]
    with pytest.raises(ConfigError, match="unknown key 'seed'; known: "):
        Config(seed=1)  # type: ignore[call-arg]
    with pytest.raises(ConfigError, match="unknown key 'values'; closest: value"):
        Choices(kind="range", values=[1, 2])  # type: ignore[call-arg]
