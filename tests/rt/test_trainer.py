"""Training: the loss falls, a resumed run ends in the same bits, an interrupted one leaves whole
checkpoints."""

from __future__ import annotations

import datetime as dt
import json
import math
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import torch
from attrs import evolve
from safetensors.torch import load_file

from plurel.errors import ConfigError
from plurel.plugins import Entry, Ledger, get_ledger
from plurel_rt import trainer
from plurel_rt.batch import TensorBatch, from_sampler
from plurel_rt.checkpoint import (
    CheckpointError,
    checkpoint_dir,
    list_checkpoints,
    load_model,
    read_info,
    read_state,
)
from plurel_rt.model import RelationalTransformer
from plurel_rt.ranks import RanksError
from plurel_rt.recipe import ContextParams, Recipe, resolve_model, resolve_stores
from plurel_rt.reports import StepFile, StepReport
from plurel_rt.runs import RunExistsError, read_lines
from plurel_rt.start import facts, prepare
from plurel_rt.targets import choose_targets
from plurel_rt.trainer import DivergedError, one_cycle, pretrain
from plurel_sampler import HashedEmbedder, Store, Table, Task, build_store


def weights(checkpoint: Path) -> dict[str, torch.Tensor]:
    return load_file(checkpoint / "model.safetensors")


def metrics(recipe: Recipe) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (Path(recipe.out) / "metrics.jsonl").read_text().splitlines()]


def assert_equal_states(a: Any, b: Any, at: str = "state") -> None:
    if isinstance(a, torch.Tensor):
        assert torch.equal(a, b), at
    elif isinstance(a, dict):
        assert a.keys() == b.keys(), at
        for key in a:
            assert_equal_states(a[key], b[key], f"{at}.{key}")
    elif isinstance(a, list):
        for index, (x, y) in enumerate(zip(a, b, strict=True)):
            assert_equal_states(x, y, f"{at}[{index}]")
    else:
        assert a == b, at


@pytest.mark.parametrize(
    ("length", "device", "groups"), [(80, "cpu", False), (81, "cpu", True), (81, "meta", False)]
)
def test_groups_are_planned_for_long_contexts_on_a_cpu(
    recipe: Recipe, length: int, device: str, groups: bool
) -> None:
    asked = resolve_stores(evolve(recipe, context=ContextParams(length=length), eval_every=1))
    start = prepare(asked, None, 0, 1, torch.device(device))
    assert start.held_out is not None
    for sampler in (start.train_data, start.held_out):
        batch = sampler.batch([0, 1])
        assert (batch.attention is not None) == groups
        tensors = from_sampler(batch)
        with torch.no_grad():
            losses, by_masks = start.model(tensors), start.model(evolve(tensors, attention=None))
        torch.testing.assert_close(losses, by_masks, rtol=1e-5, atol=1e-6)


def test_the_loss_falls(recipe: Recipe) -> None:
    seen: list[StepReport] = []
    report = pretrain(evolve(recipe, steps=80, targets=("visits-sales",)), on_step=seen.append)
    losses = [step.loss for step in seen]
    assert len(losses) == 80
    assert sum(losses[-20:]) < 0.6 * sum(losses[:20])
    assert report is not None
    assert report.loss == losses[-1]


def test_a_resumed_run_ends_in_the_same_bits(recipe: Recipe, tmp_path: Path) -> None:
    through = evolve(recipe, steps=8, save_every=4, eval_every=4, keep=3, out=str(tmp_path / "through"))
    pretrain(through)
    cut = evolve(through, out=str(tmp_path / "cut"))

    class Stop(Exception):  # noqa: N818
        pass

    def stop_after_six(report: StepReport) -> None:
        if report.step == 6:
            raise Stop

    with pytest.raises(Stop):
        pretrain(cut, on_step=stop_after_six)
    assert [path.name for path in list_checkpoints(Path(cut.out))] == ["step-00000004"]
    report = pretrain(cut, resume=Path(cut.out))

    assert report is not None
    assert report.steps == 8
    whole = checkpoint_dir(Path(through.out), 8)
    assert_equal_states(weights(report.checkpoint), weights(whole))
    assert_equal_states(read_state(report.checkpoint), read_state(whole))
    assert metrics(cut) == metrics(through)


def test_a_step_goes_on_into_the_next_epoch(recipe: Recipe, tmp_path: Path) -> None:
    """144 training rows at 32 a step are four steps and a half: the fifth ends in the next epoch."""
    through = evolve(
        recipe,
        targets=("visits-sales",),
        batch_size=16,
        accumulate=2,
        steps=7,
        save_every=5,
        keep=2,
        log_targets=True,
        out=str(tmp_path / "through"),
    )
    pretrain(through)
    before, after = (read_state(path) for path in list_checkpoints(Path(through.out)))
    assert (before["position"], after["position"]) == (160, 224)
    rows = [row for line in targets_of(through) for row in line["target_row"]]
    assert sorted(rows[:144]) == list(range(144)), "every row once in an epoch"
    assert rows[144:] != rows[:80]
    assert len(set(rows[144:])) == 80
    resumed = evolve(through, out=str(tmp_path / "resumed"))
    pretrain(resumed, resume=checkpoint_dir(Path(through.out), 5))
    assert_equal_states(read_state(checkpoint_dir(Path(resumed.out), 7)), after)


def targets_of(recipe: Recipe) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (Path(recipe.out) / "targets-rank0.jsonl").read_text().splitlines()]


def test_threads_of_the_sampler_change_nothing(recipe: Recipe, tmp_path: Path) -> None:
    one = pretrain(recipe)
    two = pretrain(evolve(recipe, threads=2, out=str(tmp_path / "two")))
    assert one is not None
    assert two is not None
    assert_equal_states(weights(one.checkpoint), weights(two.checkpoint))


def test_accumulated_batches_give_the_gradient_of_one_large_batch(recipe: Recipe, tmp_path: Path) -> None:
    """Equal up to the order of float additions; one SGD-like step is compared through the first loss and
    norm."""
    large: list[StepReport] = []
    small: list[StepReport] = []
    pretrain(evolve(recipe, steps=1, batch_size=16), on_step=large.append)
    pretrain(
        evolve(recipe, steps=1, batch_size=8, accumulate=2, out=str(tmp_path / "b")), on_step=small.append
    )
    assert small[0].loss == pytest.approx(large[0].loss, rel=1e-5)
    assert small[0].grad_norm == pytest.approx(large[0].grad_norm, rel=1e-4)
    assert small[0].sequences == large[0].sequences == 16


def test_what_a_launcher_says_of_accumulation_counts_for_nothing(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    norms = []
    for name in ("plain", "told"):
        pretrain(
            evolve(recipe, steps=1, out=str(tmp_path / name)),
            on_step=lambda step: norms.append(step.grad_norm),
        )
        monkeypatch.setenv("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "4")
    assert norms[0] == norms[1]


def test_a_precision_whose_state_is_not_kept_is_refused(
    recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer.Accelerator, "mixed_precision", "fp16")
    with pytest.raises(RanksError, match=r"fp16 needs scales .* --mixed_precision no or bf16"):
        pretrain(recipe)
    assert not Path(recipe.out).exists()


def test_a_checkpoint_names_its_heads_in_full_and_its_tensors_as_published(recipe: Recipe) -> None:
    report = pretrain(evolve(recipe, steps=1))
    assert report is not None
    _, info = load_model(report.checkpoint)
    assert info.model["config"]["decoders"] == [
        f"plurel-rt:{name}" for name in ("number", "datetime", "boolean", "text")
    ]
    assert "dec_dict.number.weight" in weights(report.checkpoint)


def test_ranks_that_go_on_from_different_checkpoints_are_told_apart(recipe: Recipe) -> None:
    pretrain(evolve(recipe, save_every=3))
    found = list_checkpoints(Path(recipe.out))
    recipe = resolve_stores(resolve_model(recipe))
    three, six = (facts(prepare(recipe, each, 0, 1)) for each in found)
    assert [about for about in three if three[about] != six[about]] == ["the checkpoint to go on from"]


def test_a_run_says_what_it_was_and_keeps_its_last_checkpoints(recipe: Recipe) -> None:
    report = pretrain(evolve(recipe, steps=4, save_every=1, keep=2))
    assert report is not None
    assert [path.name for path in list_checkpoints(report.out)] == ["step-00000003", "step-00000004"]
    info = read_info(report.checkpoint)
    assert info.step == 4
    assert info.model["name"] == "plurel-rt:rt-plurel"
    assert info.model["config"]["text_width"] == 16
    assert info.embedder == {"name": "hashed", "width": 16, "fingerprint": "hashed-1-16"}
    assert info.recipe["batch_size"] == 8
    heads = [f"plurel-rt:{name}" for name in ("boolean", "datetime", "number", "text")]
    assert [record["id"] for record in info.provenance] == [
        "plurel-sampler-rs:hashed", *heads, "plurel-rt:rt-plurel",
    ]  # fmt: skip
    assert info.stores[0]["path"] == recipe.stores[0]
    assert not list(Path(recipe.out).rglob("*.tmp"))


def test_an_old_checkpoint_that_cannot_be_removed_does_not_end_the_run(
    recipe: Recipe, caplog: pytest.LogCaptureFixture
) -> None:
    first = checkpoint_dir(Path(recipe.out), 1)

    def stand_in_the_way(report: StepReport) -> None:
        if report.step == 2:
            (first.with_name(f".{first.name}.{os.getpid()}") / "x").mkdir(parents=True)

    report = pretrain(evolve(recipe, steps=3, save_every=1, keep=1), on_step=stand_in_the_way)
    assert report is not None
    assert caplog.text.count(f"checkpoint {first} cannot be removed: Directory not empty") == 2
    assert list_checkpoints(Path(recipe.out)) == [first, checkpoint_dir(Path(recipe.out), 3)]


def test_training_goes_on_from_another_runs_weights(recipe: Recipe, tmp_path: Path) -> None:
    first = pretrain(evolve(recipe, steps=2))
    assert first is not None
    steps: list[StepReport] = []
    pretrain(
        evolve(recipe, steps=1, lr=1e-12, init=str(first.checkpoint), seed=9, out=str(tmp_path / "on")),
        on_step=steps.append,
    )
    after = weights(checkpoint_dir(tmp_path / "on", 1))
    for name, tensor in weights(first.checkpoint).items():
        torch.testing.assert_close(after[name], tensor, rtol=0, atol=1e-8)


def test_global_generators_stay_where_they_were(recipe: Recipe) -> None:
    torch.rand(2)
    before = torch.get_rng_state()
    pretrain(evolve(recipe, steps=1))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_finished_run_that_is_resumed_says_what_it_came_to(recipe: Recipe) -> None:
    first = pretrain(evolve(recipe, steps=2, eval_every=2))
    before = metrics(recipe)
    assert pretrain(evolve(recipe, steps=2, eval_every=2), resume=Path(recipe.out)) == first
    assert metrics(recipe) == before
    more = pretrain(evolve(recipe, steps=3, eval_every=2), resume=Path(recipe.out))
    assert more is not None
    assert more.steps == 3


def test_a_folder_that_holds_a_run_is_not_written_to_unasked(recipe: Recipe, tmp_path: Path) -> None:
    out = Path(recipe.out)
    pretrain(evolve(recipe, steps=4, save_every=2))
    before = {file: file.read_bytes() for file in out.rglob("*") if file.is_file()}
    with pytest.raises(RunExistsError, match=r"a run at step 4: `--resume \S+` goes on .* `--overwrite`"):
        pretrain(recipe)
    with pytest.raises(RunExistsError, match="checkpoints after step 2, up to 4"):
        pretrain(evolve(recipe, save_every=2), resume=checkpoint_dir(out, 2))
    assert {file: file.read_bytes() for file in out.rglob("*") if file.is_file()} == before

    pretrain(evolve(recipe, steps=3, save_every=3), resume=checkpoint_dir(out, 2), overwrite=True)
    assert [path.name for path in list_checkpoints(out)] == ["step-00000002", "step-00000003"]
    pretrain(evolve(recipe, steps=1), overwrite=True)
    assert [path.name for path in list_checkpoints(out)] == ["step-00000001"]
    assert [line["step"] for line in metrics(recipe)] == [1]


def test_a_run_that_was_stopped_before_its_first_checkpoint_begins_again(recipe: Recipe) -> None:
    class Stop(Exception):  # noqa: N818
        pass

    def stop(report: StepReport) -> None:
        raise Stop

    measured = evolve(recipe, steps=2, eval_every=2)
    with pytest.raises(Stop):
        pretrain(measured, on_step=stop)
    assert [line["step"] for line in metrics(recipe)] == [0, 1]
    pretrain(measured, resume=Path(recipe.out))
    assert [line["step"] for line in metrics(recipe)] == [0, 1, 2]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": 1}, r"seed = 0 and cannot go on with 1;.*@ \$\.seed"),
        ({"targets": ("tasks",)}, r"@ \$\.targets"),
        ({"context": ContextParams(length=49, width=8)}, r"context\.length = 96 .*@ \$\.context\.length"),
        ({"model": {"name": "rt-plurel", "dim": 8, "depth": 2, "heads": 2, "ff": 32}}, r"@ \$\.model\.dim"),
        ({"lr": 1.0, "clip": 9.0}, r"@ \$\.lr"),
    ],
)
def test_a_run_does_not_go_on_as_another_one(recipe: Recipe, changes: Any, message: str) -> None:
    pretrain(evolve(recipe, steps=1))
    with pytest.raises(ConfigError, match=message):
        pretrain(evolve(recipe, **changes), resume=Path(recipe.out))


def test_a_resume_from_nowhere_says_so(recipe: Recipe, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="is no checkpoint"):
        pretrain(recipe, resume=tmp_path / "nowhere")


def test_an_unknown_embedder_names_those_of_the_store(recipe: Recipe) -> None:
    with pytest.raises(ConfigError, match=r"no vectors of embedder 'glove'; it has: hashed @ \$\.embedder"):
        pretrain(evolve(recipe, embedder="glove"))


def two_hashed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if another distribution had an embedder of that name too."""
    [row] = [row for row in get_ledger().plugins if any(each.name == "hashed" for each in row.contributions)]
    [hashed] = [each for each in row.contributions if each.name == "hashed"]
    twin = evolve(hashed, dist="acme", version="2.0", plugin="acme:main")
    both = Ledger([*get_ledger().plugins, evolve(row, dist="acme", contributions=(twin,))])
    for module in ("plurel_rt.embedders", "plurel_rt.start", "plurel.plugins"):
        monkeypatch.setattr(f"{module}.get_ledger", lambda: both)


def embedder_in(checkpoint: Path) -> list[str]:
    return [each["id"] for each in read_info(checkpoint).provenance if each["kind"] == "embedders"]


def test_an_embedder_that_two_distributions_have_is_asked_for_in_full(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretrain(evolve(recipe, steps=1))
    two_hashed(monkeypatch)
    new = evolve(recipe, steps=1, out=str(tmp_path / "new"))
    with pytest.raises(
        ConfigError,
        match=r"embedder 'hashed' is contributed by acme:hashed \(acme 2\.0\) and plurel-sampler-rs:hashed "
        r"\(.*; write dist:name, as in acme:hashed @ \$\.embedder$",
    ):
        pretrain(new)
    report = pretrain(evolve(new, embedder="acme:hashed"))
    assert report is not None
    assert embedder_in(report.checkpoint) == ["acme:hashed"]
    assert read_info(report.checkpoint).embedder["name"] == "hashed"
    report = pretrain(evolve(recipe, steps=2), resume=Path(recipe.out))
    assert report is not None
    assert embedder_in(report.checkpoint) == ["plurel-sampler-rs:hashed"], "the run's checkpoint says which"


def test_a_store_that_says_whose_vectors_it_holds_is_believed(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_hashed(monkeypatch)
    made_by = {"contributions": [{"kind": "embedders", "id": "acme:hashed"}]}
    x = pa.table({"x": range(9)})
    store = build_store(tmp_path / "s", [Table("t", x)], embedder=HashedEmbedder(8), provenance=made_by)
    of_store = evolve(recipe, stores=(str(store.path),), steps=1)
    report = pretrain(of_store)
    assert report is not None
    assert embedder_in(report.checkpoint) == ["acme:hashed"]
    monkeypatch.setattr("plurel_rt.start.read_info", lambda path: evolve(read_info(path), provenance=[]))
    report = pretrain(evolve(of_store, steps=2), resume=Path(of_store.out))
    assert report is not None
    assert embedder_in(report.checkpoint) == ["acme:hashed"], "its checkpoint says nothing"
    with pytest.raises(
        ConfigError, match=r"has vectors of embedder acme:hashed, not of plurel-sampler-rs:hashed"
    ):
        pretrain(evolve(of_store, embedder="plurel-sampler-rs:hashed", out=str(tmp_path / "other")))


def test_targets_are_columns_without_times_and_tasks(shop_store: Path) -> None:
    stores = [Store.open(shop_store)]
    names = [
        target.name
        for target in choose_targets(stores, ("columns", "tasks"), ("number", "boolean", "datetime"))
    ]
    assert names == [
        "shops.size", "visits.sales", "visits.sunny", "visits.echo", "visits.told",
        "visits-good", "visits-sales",
    ]  # fmt: skip
    assert [t.name for t in choose_targets(stores, ("visits.sunny", "visits-good"), ())] == [
        "visits.sunny",
        "visits-good",
    ]
    with pytest.raises(ConfigError, match=r"unknown target 'visits.rainy'.*@ \$\.targets\[1\]"):
        choose_targets(stores, ("columns", "visits.rainy"), ("number",))
    with pytest.raises(ConfigError, match="hold nothing"):
        choose_targets(stores, ("columns",), ())


def test_a_run_stops_where_its_loss_is_no_number(recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    measured = evolve(recipe, steps=4, save_every=2)
    plain = RelationalTransformer.forward
    seen: list[StepReport] = []

    def poisoned(self: RelationalTransformer, batch: TensorBatch) -> torch.Tensor:
        return plain(self, batch) * (float("nan") if len(seen) == 3 else 1.0)

    monkeypatch.setattr(RelationalTransformer, "forward", poisoned)
    with pytest.raises(
        DivergedError, match=r"in step 4 the loss is nan .* checkpoint is \S+step-00000002.* lr"
    ):
        pretrain(measured, on_step=seen.append)
    assert [line["step"] for line in metrics(recipe)] == [1, 2, 3]


def test_a_disk_without_room_for_a_line_is_named(
    tmp_path: Path, file_limit: Callable[[int], AbstractContextManager[None]]
) -> None:
    file = tmp_path / "metrics.jsonl"
    with StepFile(file) as steps:
        steps.write({"step": 1})
        with file_limit(15):
            for _ in range(2):
                with pytest.raises(OSError, match=r"metrics\.jsonl") as raised:
                    steps.write({"step": 2})
                assert raised.value.filename == str(file)
    assert read_lines(file) == ['{"step": 1}']


def test_rows_without_a_label_are_not_measured(recipe: Recipe, tmp_path: Path) -> None:
    """Half of the held-out labels are missing; those that are there make the loss."""
    days = [dt.datetime(2020, 1, 1) + dt.timedelta(days=day) for day in range(12)]  # noqa: DTZ001
    keys = {"key": list(range(12)), "ts": days}
    splits = {
        "train": pa.table({**keys, "y": [float(day) for day in range(12)]}),
        "val": pa.table({**keys, "y": [None if day % 2 else float(day) for day in range(12)]}),
    }
    store = build_store(
        tmp_path / "store",
        [Table("t", pa.table({"id": range(12), "x": range(12)}), primary_key="id")],
        [Task("y", "t", "key", "ts", "y", "regression", splits)],
        embedder=HashedEmbedder(16),
    )
    measured = evolve(recipe, stores=(str(store.path),), targets=("y",), steps=1, eval_every=1, eval_limit=99)
    report = pretrain(measured)
    assert report is not None
    assert report.eval_loss is not None
    assert math.isfinite(report.eval_loss)


def test_a_run_does_not_go_on_with_a_plugin_that_has_changed(
    recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretrain(evolve(recipe, steps=1))

    def newer(entry: Entry) -> Entry:
        return evolve(entry, record=evolve(entry.record, revision=2)) if entry.name == "number" else entry

    rows = get_ledger().plugins
    changed = Ledger(evolve(row, contributions=tuple(map(newer, row.contributions))) for row in rows)
    monkeypatch.setattr("plurel.plugins.get_ledger", lambda: changed)
    with pytest.raises(
        CheckpointError,
        match=r"was made with plurel-rt:number \(heads, revision 1\) of plurel-rt \S+; .* another revision",
    ):
        pretrain(recipe, resume=Path(recipe.out))


def test_the_learning_rate_rises_then_falls() -> None:
    recipe = Recipe(steps=100, warmup=0.2, lr=1.0)
    rates = [one_cycle(step, recipe) for step in range(100)]
    assert rates[0] == pytest.approx(0.04)
    assert max(rates) == rates[20] == 1.0
    assert all(a < b for a, b in pairwise(rates[:21]))
    assert all(a > b for a, b in pairwise(rates[20:]))
    assert one_cycle(0, Recipe(steps=1, warmup=0.0, lr=1.0)) == 1.0


def test_held_out_rows_are_measured_before_the_first_step_and_on_time(recipe: Recipe) -> None:
    report = pretrain(evolve(recipe, steps=4, eval_every=2))
    assert report is not None
    measured = {line["step"]: line["eval_loss"] for line in metrics(recipe) if "eval_loss" in line}
    assert list(measured) == [0, 2, 4]
    assert measured[4] == report.eval_loss


def test_the_trained_model_is_measured_however_few_steps_there_are(recipe: Recipe) -> None:
    report = pretrain(evolve(recipe, steps=3, eval_every=50))
    assert report is not None
    measured = {line["step"]: line["eval_loss"] for line in metrics(recipe) if "eval_loss" in line}
    assert list(measured) == [0, 3]
    assert report.eval_loss == measured[3] != measured[0]
