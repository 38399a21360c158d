"""The presets of the published prior: their names, and what a database of each is made of."""

from __future__ import annotations

from typing import Any

import networkx as nx
import numpy as np
import pytest

from plurel import Config, SyntheticDataset
from plurel.config import Choices, resolve
from plurel.generation.database import Generated, generate
from plurel.plugins import get_ledger

SMALL = [
    "database_params.num_tables_choices=4",
    "database_params.num_rows_entity_table_choices=40",
    "database_params.num_rows_activity_table_choices=60",
    "database_params.num_cols_choices=6",
]


def made(name: str, seed: int) -> Generated:
    config = Config.preset(name).with_set(SMALL)
    ledger = get_ledger()
    return generate(seed, config, resolve(config, ledger).parts(ledger))


def params(name: str, choice: str) -> list[dict[str, Any]]:
    """The resolved contributions of one of a preset's choices."""
    config = resolve(Config.preset(name), get_ledger()).config
    choices: Choices = getattr(config.scm_params, choice, None) or getattr(config.database_params, choice)
    return [dict(item) for item in choices.value]


def test_the_default_is_the_published_release_by_name():
    assert Config.preset("plurel-1.1") == Config.preset("default") == Config()
    first, second = (Config.preset(name).from_preset for name in ("plurel-1.1", "default"))
    assert first is not None
    assert second is not None
    assert (first.name, second.name) == ("plurel-1.1", "default")


def test_a_database_of_the_published_release_has_tables_of_both_modes():
    modes = {record.mode for seed in range(4) for record in made("plurel-1.1", seed).records.values()}
    assert modes == {"eager", "lazy"}


def test_the_paper_s_preset_states_what_its_release_did_not_have_yet():
    assert [item["name"].partition(":")[2] for item in params("plurel-paper", "scm_layout_choices")] == [
        "erdos_renyi",
        "barabasi_albert",
        "random_tree",
        "reverse_random_tree",
        "layered",
    ]
    erdos_renyi = params("plurel-paper", "scm_layout_choices")[0]
    assert (erdos_renyi["directions"], erdos_renyi["redrawn"]) == (1, True)
    assert len(params("plurel-paper", "activation_choices")) == 6
    for choice in ("mechanism_choices", "table_model_choices"):
        (item,) = params("plurel-paper", choice)
        assert item["clipped"] is False
        for name, value in (("log_scale", 0.0), ("num_layers", 2), ("weight_density", 1.0)):
            assert item[name] == {"kind": "set", "value": [value]}
    noises = [
        (item["alpha"]["value"][0], item["beta"]["value"][0])
        for item in params("plurel-paper", "noise_choices")
    ]
    assert noises == [(0.5, 0.5), (2.0, 2.0), (2.0, 3.0), (2.0, 4.0), (4.0, 1.0)]
    (series,) = params("plurel-paper", "source_gen_type_choices")
    assert series["name"] == "plurel-scm:ts"
    assert (series["ar_rho"]["value"], series["value_scale"]["value"]) == ([0.0], [1.0])


def test_a_database_of_the_paper_s_preset_is_made_of_its_parts():
    for seed in range(3):
        generated = made("plurel-paper", seed)
        assert {record.mode for record in generated.records.values()} == {"eager"}
        assert {node.mechanism for node in generated.graph.nodes} <= {"plurel-scm:ts", "plurel-scm:mlp"}
        transforms = {c.transform for record in generated.records.values() for c in record.finish.columns}
        assert transforms <= {"plurel-scm:identity", None}


def test_without_clips_numbers_may_leave_single_precision_and_are_missing_then():
    finite = []
    for seed in range(6):
        for frame in made("plurel-paper", seed).frames.values():
            for column in frame.select_dtypes("float64"):
                assert not np.isinf(frame[column]).any()
                finite.append(frame[column].notna().mean())
    assert np.mean([share >= 0.9 for share in finite]) > 0.5


@pytest.mark.parametrize("name", ["plurel-1.1", "plurel-paper"])
def test_a_preset_round_trips_through_every_format(name):
    config = Config.preset(name)
    for text, read in (
        (config.to_yaml(), Config.from_yaml),
        (config.to_toml(), Config.from_toml),
        (config.to_json(), Config.from_json),
    ):
        assert read(text) == config


def test_a_lazy_column_is_held_at_a_label_and_only_its_effects_move():
    config = Config().with_set([*SMALL, "scm_params.propagation_mode_choices=type_lazy"])
    dataset = SyntheticDataset(seed=5, config=config)
    before = dataset.make_db()
    graph = dataset.causal_graph.to_networkx()
    shown = {
        f"{node.table}.{node.column}": node.id
        for node in dataset.causal_graph.nodes
        if node.column is not None
    }
    booleans = [
        f"{name}.{column}"
        for name, table in before.table_dict.items()
        for column in table.df.select_dtypes(bool)
    ]
    moved = 0
    for held in booleans[:4]:
        after = dataset.intervene(held, 0)
        effects = nx.descendants(graph, shown[held]) | {shown[held]}
        for name, table in before.table_dict.items():
            for column in table.df.columns:
                node = shown.get(f"{name}.{column}")
                same = table.df[column].equals(after.table_dict[name].df[column])
                moved += not same
                assert same or node in effects
        own, _, column = held.partition(".")
        assert not after.table_dict[own].df[column].any()
    assert moved > 4
