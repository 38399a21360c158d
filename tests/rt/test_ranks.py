"""Several ranks, as real processes over loopback: one order, one model, one end."""

from __future__ import annotations

import json
import multiprocessing
import runpy
import signal
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from attrs import evolve, frozen
from safetensors.torch import load_file

from plurel.errors import ConfigError
from plurel_rt import ranks
from plurel_rt.checkpoint import checkpoint_dir, list_checkpoints, read_state
from plurel_rt.ranks import share_step
from plurel_rt.recipe import Recipe
from plurel_rt.trainer import pretrain

WORKER = Path(__file__).with_name("rank_worker.py")
PRELOADED = ["plurel_rt.trainer", "plurel_sampler", "torch._dynamo", "torch.distributed.fsdp"]
"""What costs seconds to import, so that the ranks need not."""
PATIENCE = 120.0


@frozen
class Rank:
    """How one rank ended: the exit code of its process, and what it told."""

    code: int
    seen: dict[str, Any]


def run_ranks(
    recipe: Recipe,
    count: int,
    *,
    resume: str | None = None,
    moment: tuple[int, int] | None = None,
    on: Sequence[int] = (),
    environments: Sequence[dict[str, str]] = (),
) -> list[Rank]:
    """Runs every rank of a recipe in a process of its own, forked from one that has torch already.

    Args:
        recipe: the run.
        count: how many.
        resume: the run that goes on.
        moment: step and signal, which ranks send themselves.
        on: which ranks; all if empty.
        environments: more of the environment, rank by rank.
    """
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(PRELOADED)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    results = [Path(recipe.out).parent / f"rank{rank}.json" for rank in range(count)]
    started = []
    for rank, result in enumerate(results):
        result.unlink(missing_ok=True)
        environment = {
            "RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": count, "LOCAL_WORLD_SIZE": count,
            "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "OMP_NUM_THREADS": 1,
            **(environments[rank] if environments else {}),
        }  # fmt: skip
        given = {
            "recipe": recipe.to_dict(),
            "resume": resume,
            "environment": {name: str(value) for name, value in environment.items()},
            "moment": moment if not on or rank in on else None,
            "result": str(result),
        }
        process = processes.Process(target=runpy.run_path, args=(str(WORKER), given, "rank_worker"))
        process.start()
        started.append(process)
    for process in started:
        process.join(PATIENCE)
        if process.is_alive():
            process.kill()
            pytest.fail("a rank hangs")
    told = [json.loads(result.read_text()) if result.exists() else {} for result in results]
    return [Rank(process.exitcode or 0, seen) for process, seen in zip(started, told, strict=True)]


def trained_on(recipe: Recipe) -> dict[int, dict[int, tuple[int, int]]]:
    """By step and position, target and row; a position that comes twice is an error."""
    found: dict[int, dict[int, tuple[int, int]]] = {}
    for file in Path(recipe.out).glob("targets-rank*.jsonl"):
        for line in file.read_text().splitlines():
            told = json.loads(line)
            step = found.setdefault(told["step"], {})
            for position, target, row in zip(
                told["position"], told["target"], told["target_row"], strict=True
            ):
                assert position not in step
                step[position] = (target, row)
    return found


def curve(recipe: Recipe) -> list[float]:
    lines = (Path(recipe.out) / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line)["loss"] for line in lines]


@pytest.fixture
def shared(recipe: Recipe) -> Recipe:
    """Twelve steps of sixteen sequences, over the end of an epoch of 144 rows."""
    return evolve(
        recipe,
        targets=("visits-sales",),
        batch_size=4,
        accumulate=2,
        steps=12,
        save_every=2,
        log_targets=True,
    )


def test_two_ranks_are_one_run(shared: Recipe, tmp_path: Path) -> None:
    # nine held-out rows are two batches of the first rank and one of the second
    alone = evolve(
        shared, batch_size=16, accumulate=1, steps=4, eval_every=2, eval_limit=9, out=str(tmp_path / "alone")
    )
    pretrain(alone)
    both = evolve(alone, batch_size=4, accumulate=2, out=str(tmp_path / "both"))
    first, second = run_ranks(both, 2)
    assert (first.code, second.code) == (0, 0), (first.seen, second.seen)
    assert first.seen["report"]["ranks"] == 2
    assert second.seen["report"] is None, "the main rank alone tells what came of it"
    assert first.seen["norms"] == second.seen["norms"], "every rank has the gradient of all"
    assert first.seen["weights"] == second.seen["weights"]
    assert trained_on(both) == trained_on(alone)
    lines = [(Path(each.out) / "metrics.jsonl").read_text().splitlines() for each in (both, alone)]
    for ours, theirs in zip(*lines, strict=True):
        assert json.loads(ours) == pytest.approx(json.loads(theirs), rel=1e-4)


def test_a_run_goes_on_with_other_ranks_and_no_target_is_lost_or_met_twice(
    shared: Recipe, tmp_path: Path
) -> None:
    alone = evolve(shared, batch_size=16, accumulate=1, out=str(tmp_path / "alone"))
    pretrain(alone)
    moved = evolve(shared, out=str(tmp_path / "moved"))
    killed = run_ranks(moved, 2, moment=(6, signal.SIGKILL))
    assert [rank.code for rank in killed] == [-signal.SIGKILL] * 2
    assert list_checkpoints(Path(moved.out))[-1] == checkpoint_dir(Path(moved.out), 4)
    for count, step in ((4, 8), (2, 10)):
        killed = run_ranks(moved, count, resume=moved.out, moment=(step, signal.SIGKILL))
        assert [rank.code for rank in killed] == [-signal.SIGKILL] * count
        assert list_checkpoints(Path(moved.out))[-1] == checkpoint_dir(Path(moved.out), step - 2)
    pretrain(moved, resume=Path(moved.out))

    assert trained_on(moved) == trained_on(alone)
    assert [len(step) for step in trained_on(moved).values()] == [16] * 12
    assert curve(moved) == pytest.approx(curve(alone), rel=1e-3)
    for recipe in (moved, alone):
        assert read_state(checkpoint_dir(Path(recipe.out), 12))["position"] == 192
    ours, theirs = (
        load_file(checkpoint_dir(Path(recipe.out), 12) / "model.safetensors") for recipe in (moved, alone)
    )
    for name, tensor in ours.items():
        torch.testing.assert_close(tensor, theirs[name], rtol=1e-2, atol=1e-4)


def test_ranks_stop_together_when_one_is_asked_to(shared: Recipe) -> None:
    stopped = run_ranks(shared, 2, moment=(3, signal.SIGTERM), on=[1])
    assert [rank.code for rank in stopped] == [-signal.SIGTERM] * 2, (
        "as without a run, but after it was saved"
    )
    assert [path.name for path in list_checkpoints(Path(shared.out))] == ["step-00000002", "step-00000003"]
    assert len(curve(shared)) == 3


def test_ranks_with_other_plugins_do_not_begin(shared: Recipe) -> None:
    ended = run_ranks(shared, 2, environments=[{}, {"PLUREL_DISABLE_PLUGINS": "plurel-sampler-rs"}])
    for rank in ended:
        assert rank.seen["error"].startswith("RanksError: rank 1 of 2 differs from rank 0: ")
        assert "plurel-sampler-rs" in rank.seen["error"]
    assert not (Path(shared.out) / "recipe.yaml").exists()


def test_ranks_end_when_one_of_them_cannot_begin(shared: Recipe) -> None:
    ended = run_ranks(shared, 2, environments=[{}, {"PLUREL_DISABLE_PLUGINS": "plurel-rt"}])
    assert (
        ended[0]
        .seen["error"]
        .startswith("RanksError: rank 1 of 2 cannot go on: UnknownNameError: unknown model")
    )
    assert ended[1].seen["error"].startswith("UnknownNameError: unknown model 'rt-plurel'")


def test_whatever_differs_between_ranks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = {"plugin plurel-x:x": "ok", "head plurel-x:spline": "version 1.0, revision 1"}
    theirs = {"head plurel-x:spline": "version 1.1, revision 2"}
    monkeypatch.setattr(ranks, "world_size", lambda: 3)
    monkeypatch.setattr(ranks, "gather_object", lambda told: [*told, *told, {**ours, **theirs}])
    with pytest.raises(
        ranks.RanksError,
        match=r"rank 2 of 3 .*: head plurel-x:spline is version 1\.1, revision 2 there, version 1\.0, rev",
    ):
        ranks.check_agreement(ours)
    monkeypatch.setattr(ranks, "gather_object", lambda told: [told[0], theirs])
    with pytest.raises(ranks.RanksError, match=r"rank 1 of 2 .*: head"):
        ranks.check_agreement(ours)
    monkeypatch.setattr(ranks, "gather_object", lambda told: told * 2)
    ranks.check_agreement(ours)


def test_a_step_is_shared_equally_or_not_at_all() -> None:
    for sequences in (1, 12, 16, 30):
        for count in range(1, 7):
            if sequences % count:
                with pytest.raises(ConfigError, match=rf"{sequences} sequences, which {count} ranks cannot"):
                    share_step(sequences, count, 4)
                continue
            batch, batches = share_step(sequences, count, 4)
            assert batch <= 4
            assert batch * batches * count == sequences


def test_a_rank_that_is_gone_is_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = RuntimeError("[gloo/transport/tcp/pair.cc:545] Read error: Connection reset by peer")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with (
        pytest.raises(ranks.RankLostError, match=r"another rank ended or .*; go home"),
        ranks.others_alive("go home"),
    ):
        raise gone
    other = RuntimeError("shapes do not fit")
    with pytest.raises(RuntimeError, match="shapes") as caught, ranks.others_alive("go home"):
        raise other
    assert caught.value is other
