"""What every supported RelBench makes of the same directory: run by `nox -s compat`, once for each version.

The directories lie in `$PLUREL_COMPAT`, each beside a JSON file of its name with what `plurel inspect` says.
Nothing of plurel is imported here, and nothing but RelBench and what it brings: old versions have an
environment of their own. Its name keeps this file out of other runs of pytest.
"""

from __future__ import annotations

import json
import os
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

FOLDER = Path(os.environ["PLUREL_COMPAT"])
NAMES = sorted(file.parent.name for file in FOLDER.glob("*/manifest.yaml"))
TOLD: dict[str, Any] = {name: json.loads((FOLDER / f"{name}.json").read_text()) for name in NAMES}
TASKS = [(name, task) for name in NAMES for task in TOLD[name]["tasks"]]
MAJOR = int(metadata.version("relbench").split(".")[0])

first_or_second = pytest.mark.skipif(MAJOR > 2, reason="RelBench 1 and 2 alone take a Dataset class")
second = pytest.mark.skipif(MAJOR != 2, reason="RelBench 2 alone has AutoCompleteTask over such a Dataset")
third = pytest.mark.skipif(MAJOR < 3, reason="RelBench 3 alone reads manifest.yaml")


def load(name: str) -> Any:
    """The directory as a dataset of the installed RelBench."""
    told = TOLD[name]
    if MAJOR >= 3:
        import relbench

        return relbench.load_dataset(FOLDER / name)
    from relbench.base import Dataset

    class Directory(Dataset):
        val_timestamp = pd.Timestamp(told["val_timestamp"])
        test_timestamp = pd.Timestamp(told["test_timestamp"])

    return Directory(cache_dir=str(FOLDER / name))


def load_task(name: str, task: str) -> Any:
    """A task of the directory, with the labels that lie in it."""
    if MAJOR >= 3:
        return load(name).load_task(task)
    from relbench.base import EntityTask, TaskType
    from relbench.metrics import mae, roc_auc

    told = TOLD[name]["tasks"][task]

    class Labels(EntityTask):
        entity_table = told["entity_table"]
        entity_col = told["entity_col"]
        target_col = told["target_col"]
        time_col = told["time_col"]
        task_type = TaskType(told["task_type"])
        timedelta = pd.Timedelta(microseconds=told["window_microseconds"] or 1)
        metrics = (roc_auc if told["task_type"] == "binary_classification" else mae,)

    return Labels(load(name), cache_dir=str(FOLDER / name / "tasks" / task))


def test_there_is_something_to_read() -> None:
    assert NAMES
    assert TASKS


@pytest.mark.parametrize("name", NAMES)
def test_the_whole_database_is_read_with_its_keys_and_times(name: str) -> None:
    database = load(name).get_db(upto_test_timestamp=False)
    assert set(database.table_dict) == set(TOLD[name]["tables"])
    for table_name, told in TOLD[name]["tables"].items():
        table = database.table_dict[table_name]
        assert len(table) == told["rows"]
        assert table.pkey_col == told["primary_key"]
        assert table.time_col == told["time_column"]
        assert table.fkey_col_to_pkey_table == told["foreign_keys"]
        assert set(told["columns"]) == set(table.df)


@pytest.mark.parametrize("name", NAMES)
def test_keys_are_rows_and_times_are_moments(name: str) -> None:
    database = load(name).get_db(upto_test_timestamp=False)
    for table in database.table_dict.values():
        if table.pkey_col is not None:
            assert (table.df[table.pkey_col].to_numpy() == np.arange(len(table))).all()
        for column, parent in table.fkey_col_to_pkey_table.items():
            keys = table.df[column]
            assert keys.dtype == "Int64"
            assert keys.dropna().between(0, len(database.table_dict[parent]) - 1).all()
        if table.time_col is not None:
            assert pd.api.types.is_datetime64_dtype(table.df[table.time_col])
            assert table.df[table.time_col].is_monotonic_increasing or table.pkey_col is None


@pytest.mark.parametrize("name", NAMES)
def test_numbers_are_read_as_numbers_and_booleans_as_booleans(name: str) -> None:
    kinds = {"double": "floating", "int64": "integer", "bool": "boolean"}
    database = load(name).get_db(upto_test_timestamp=False)
    for table_name, told in TOLD[name]["tables"].items():
        table = database.table_dict[table_name]
        keys = {table.pkey_col, *table.fkey_col_to_pkey_table}
        for column, facts in told["columns"].items():
            if column not in keys and facts["type"] in kinds:
                found = pd.api.types.infer_dtype(table.df[column], skipna=True)
                assert found == kinds[facts["type"]], column


@pytest.mark.parametrize("name", NAMES)
def test_nothing_behind_the_test_cut_is_shown(name: str) -> None:
    dataset = load(name)
    cut = pd.Timestamp(TOLD[name]["test_timestamp"])
    shown, whole = dataset.get_db(), load(name).get_db(upto_test_timestamp=False)
    for table_name, table in whole.table_dict.items():
        if table.time_col is not None:
            expected = int((table.df[table.time_col] <= cut).sum())
            assert len(shown.table_dict[table_name]) == expected
            assert 0 < expected < len(table)


@pytest.mark.parametrize(("name", "task"), TASKS)
def test_labels_are_read_for_every_split(name: str, task: str) -> None:
    told = TOLD[name]["tasks"][task]
    read = load_task(name, task)
    cuts = [pd.Timestamp(TOLD[name][cut]) for cut in ("val_timestamp", "test_timestamp")]
    for split, rows in told["rows"].items():
        labels = read.get_table(split, mask_input_cols=False)
        assert len(labels) == rows
        assert set(labels.df) == {told["entity_col"], told["time_col"], told["target_col"]}
        assert labels.fkey_col_to_pkey_table == {told["entity_col"]: told["entity_table"]}
        assert labels.time_col == told["time_col"]
        assert labels.df[told["target_col"]].notna().all()
        moments = labels.df[told["time_col"]]
        assert moments.max() <= cuts[0] if split == "train" else moments.min() >= cuts[0]
        assert split != "test" or moments.min() >= cuts[1]


@pytest.mark.parametrize(("name", "task"), TASKS)
def test_the_targets_of_the_test_split_are_masked(name: str, task: str) -> None:
    told = TOLD[name]["tasks"][task]
    assert told["target_col"] not in load_task(name, task).get_table("test").df


@pytest.mark.parametrize(("name", "task"), TASKS)
def test_perfect_predictions_score_perfectly(name: str, task: str) -> None:
    told = TOLD[name]["tasks"][task]
    read = load_task(name, task)
    target = read.get_table("test", mask_input_cols=False).df[told["target_col"]].to_numpy()
    (score,) = read.evaluate(target.astype(float)).values()
    assert score == (1.0 if told["task_type"] == "binary_classification" else 0.0)


@first_or_second
@pytest.mark.parametrize(("name", "task"), TASKS)
def test_statistics_of_a_task_are_computed(name: str, task: str) -> None:
    told = TOLD[name]["tasks"][task]
    stats = load_task(name, task).stats()
    assert {split: stats[split]["total"]["num_rows"] for split in told["rows"]} == told["rows"]


@second
@pytest.mark.parametrize(("name", "task"), TASKS)
def test_the_second_release_takes_the_target_out_of_its_table(name: str, task: str) -> None:
    from relbench.base import AutoCompleteTask, TaskType

    told = TOLD[name]["tasks"][task]
    hidden = [(told["entity_table"], column) for column in told["hidden"] if column != told["target_col"]]
    dataset = load(name)
    if told["target_col"] not in TOLD[name]["tables"][told["entity_table"]]["columns"]:
        pytest.skip("the target is computed and is no column of its table")
    read = AutoCompleteTask(
        dataset,
        TaskType(told["task_type"]),
        told["entity_table"],
        told["target_col"],
        cache_dir=str(FOLDER / name / "tasks" / task),
        remove_columns=hidden,
    )
    assert not set(told["hidden"]) & set(dataset.get_db().table_dict[told["entity_table"]].df)
    assert len(read.get_table("train")) == told["rows"]["train"]


@third
@pytest.mark.parametrize("name", NAMES)
def test_the_third_release_lists_the_tasks(name: str) -> None:
    assert sorted(load(name).get_task_names()) == sorted(TOLD[name]["tasks"])


@third
@pytest.mark.parametrize(("name", "task"), TASKS)
def test_the_third_release_makes_the_same_labels_again(name: str, task: str) -> None:
    if TOLD[name]["tasks"][task]["kind"] == "external":
        pytest.skip("RelBench cannot make the labels of external tasks")
    made = load(name).load_task(task, regenerate=True)
    for split in ("train", "val", "test"):
        left = load_task(name, task).get_table(split, mask_input_cols=False).df
        right = made.get_table(split, mask_input_cols=False).df
        keys = [column for column in left if column != TOLD[name]["tasks"][task]["target_col"]]
        pd.testing.assert_frame_equal(
            left.sort_values(keys, ignore_index=True), right.sort_values(keys, ignore_index=True)
        )
