"""`plurel inspect` and `plurel validate` of checkpoints and runs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.numpy import load_file

from plurel.cli import main
from plurel.plugins import get_ledger, provenance
from plurel_rt.checkpoint import CONFIG, STATE, WEIGHTS, CheckpointInfo, checkpoint_dir, save_checkpoint

SIZE = {"dim": 16, "depth": 1, "heads": 2, "ff": 16, "text_width": 8, "seed": 4}


def save(run: Path, step: int, weights: dict[str, torch.Tensor] | None = None, **changes: Any) -> Path:
    """Save a checkpoint that says what it should, but for the changes."""
    entry = get_ledger().find("models", "rt-plurel")
    said: dict[str, Any] = {
        "model": {"name": entry.id, "config": SIZE},
        "embedder": {"name": "hashed", "width": 8, "fingerprint": "x"},
        "context": {"length": 4},
        "stores": [],
        "recipe": {"name": "trial", "lr": 0.1},
        "step": step,
        "provenance": provenance([entry]),
    }
    path = checkpoint_dir(run, step)
    tensors = entry.build(SIZE).state_dict() if weights is None else weights
    save_checkpoint(path, tensors, CheckpointInfo(**said | changes), {"cursor": torch.tensor(step)})
    return path


@pytest.fixture(scope="module")
def kept_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with two checkpoints, not to be touched."""
    run = tmp_path_factory.mktemp("kept") / "run"
    for step in (3, 6):
        save(run, step)
    return run


@pytest.fixture
def run(kept_run: Path, tmp_path: Path) -> Path:
    """The same run, free to be broken."""
    return Path(shutil.copytree(kept_run, tmp_path / "run"))


def inspect(path: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert main(["inspect", str(path), "--json"]) == 0
    return dict(json.loads(capsys.readouterr().out))


def breaches(path: Path, capsys: pytest.CaptureFixture[str]) -> list[tuple[str, str, str]]:
    """Rule, place and message of every breach; the exit code tells of them too."""
    code = main(["validate", str(path), "--json"])
    document = json.loads(capsys.readouterr().out)
    assert code == (0 if document["ok"] else 1)
    assert document["ok"] == (not document["breaches"])
    return [(breach["rule"], breach["where"], breach["message"]) for breach in document["breaches"]]


def test_a_checkpoint_tells_what_it_is(kept_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = inspect(checkpoint_dir(kept_run, 3), capsys)
    assert (told["form"], told["step"], told["resumable"]) == ("checkpoint", 3, True)
    assert told["model"] == {"name": "plurel-rt:rt-plurel", "config": SIZE}
    weights = load_file(checkpoint_dir(kept_run, 3) / WEIGHTS)
    assert told["parameters"] == sum(tensor.size for tensor in weights.values())
    assert {name: tuple(tensor["shape"]) for name, tensor in told["tensors"].items()} == {
        name: tensor.shape for name, tensor in weights.items()
    }
    assert told["embedder"] == {"name": "hashed", "width": 8, "fingerprint": "x"}
    assert (told["context"], told["recipe"]) == ({"length": 4}, {"name": "trial", "lr": 0.1})
    assert [(one["id"], one["state"]) for one in told["contributions"]] == [
        ("plurel-rt:rt-plurel", "installed")
    ]


def test_a_run_tells_of_its_last_checkpoint_and_which_there_are(
    kept_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = inspect(kept_run, capsys)
    assert (told["step"], told["steps"]) == (6, [3, 6])
    assert main(["inspect", str(kept_run)]) == 0
    words = capsys.readouterr().out
    for said in ("rt-plurel after 6 steps of the recipe trial", "F32 tensors", "checkpoints of the run"):
        assert said in words


def test_a_whole_checkpoint_and_a_whole_run_pass(kept_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert breaches(kept_run, capsys) == []
    assert breaches(checkpoint_dir(kept_run, 6), capsys) == []


@pytest.mark.parametrize("file", [CONFIG, WEIGHTS, STATE])
def test_a_missing_file_is_named(run: Path, file: str, capsys: pytest.CaptureFixture[str]) -> None:
    checkpoint = checkpoint_dir(run, 6)
    (checkpoint / file).unlink()
    assert [(rule, place) for rule, place, _ in breaches(checkpoint, capsys)] == [("files", file)]


@pytest.mark.parametrize("file", [CONFIG, WEIGHTS, STATE])
def test_a_file_cut_short_is_named(run: Path, file: str, capsys: pytest.CaptureFixture[str]) -> None:
    cut = checkpoint_dir(run, 3) / file
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    places = [place for _, place, _ in breaches(run, capsys)]
    assert places == [f"checkpoints/step-00000003/{file}"]


@pytest.mark.parametrize("file", [CONFIG, WEIGHTS, STATE])
def test_a_flipped_bit_is_noticed_anywhere(run: Path, file: str, capsys: pytest.CaptureFixture[str]) -> None:
    flipped = checkpoint_dir(run, 6) / file
    whole = flipped.read_bytes()
    for place in range(0, len(whole), len(whole) // 5):
        flipped.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert [where for _, where, _ in breaches(flipped.parent, capsys)] == [file]


def test_all_damage_is_told_at_once(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for file in (WEIGHTS, STATE):
        (checkpoint_dir(run, 3) / file).write_bytes(b"")
    assert len(breaches(run, capsys)) == 2


def test_tensors_that_are_not_the_models_are_each_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = get_ledger().find("models", "rt-plurel").build(SIZE).state_dict()
    lost, bent, *_ = sorted(weights)
    del weights[lost]
    weights |= {bent: torch.zeros(3, 5), "stranger": torch.zeros(2)}
    checkpoint = save(tmp_path, 6, weights)
    found = [message for rule, _, message in breaches(checkpoint, capsys) if rule == "tensors"]
    assert len(found) == 3
    for name, words in ((lost, "lacks"), (bent, "[3, 5]"), ("stranger", "does not have")):
        assert any(name in message and words in message for message in found), name


def test_a_checkpoint_of_a_missing_plugin_is_told_and_not_vouched_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lost = {"id": "acme:giant", "kind": "models", "version": "2.0", "revision": 1, "params": {}}
    checkpoint = save(tmp_path, 6, model={"name": "acme:giant", "config": {}}, provenance=[lost])
    told = inspect(checkpoint, capsys)
    assert (told["model"]["name"], told["contributions"][0]["state"]) == ("acme:giant", "missing")
    found = breaches(checkpoint, capsys)
    assert [message for rule, _, message in found if rule == "plugin" and "acme:giant" in message]


@pytest.mark.parametrize(
    "model",
    [{"name": "rt-plurel", "config": {"dim": -1}}, {"name": "rt-plurel", "config": {"heads": 3}}, {}],
)
def test_a_config_that_describes_no_model_is_a_breach(
    tmp_path: Path, model: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = save(tmp_path, 6, model=model)
    assert [rule for rule, _, _ in breaches(checkpoint, capsys)] == ["model"]


def test_a_run_without_checkpoints_is_a_wrong_request(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "checkpoints").mkdir()
    assert main(["inspect", str(tmp_path)]) == 2
    assert "a checkpoint (with" in capsys.readouterr().err
