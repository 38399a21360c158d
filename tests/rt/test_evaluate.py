"""Scores: RelBench's numbers, of the right rows, in the right units."""

from __future__ import annotations

import csv
import datetime as dt
import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from attrs import evolve

from plurel.cli import main
from plurel.errors import RequestError, UnknownNameError
from plurel.places import held
from plurel.plugins import Ledger, get_ledger
from plurel_rt import baselines
from plurel_rt.batch import from_sampler
from plurel_rt.checkpoint import CheckpointError, load_model
from plurel_rt.evaluate import Rows, evaluate, left_out, measure, predict_task, score_table
from plurel_rt.scores import write_scores
from plurel_rt.stores import identity, is_among
from plurel_sampler import (
    ContextConfig,
    HashedEmbedder,
    Sampler,
    Store,
    Table,
    Target,
    Task,
    build_store,
)


def test_metrics_equal_hand_computation() -> None:
    truth = np.array([0.0, 0.0, 1.0, 1.0])
    # of the four pairs (0, 1), three are in order and one is tied: (3 + 1/2) / 4
    assert measure("AUROC", truth, np.array([0.1, 0.5, 0.5, 0.9]), 1.0) == pytest.approx(0.875)
    assert measure("AUROC", np.ones(3), np.ones(3), 1.0) is None
    assert measure("nMAE", np.array([1.0, 5.0]), np.array([2.0, 2.0]), 4.0) == pytest.approx((1 + 3) / 2 / 4)
    assert measure("nMAE", np.ones(2), np.ones(2), 0.0) is None
    assert measure("nMAE", np.ones(2), np.array([1.0, np.nan]), 1.0) is None
    assert measure("AUROC", np.ones(0), np.ones(0), 1.0) is None


def test_every_row_of_the_split_is_predicted_once_with_its_own_truth(trained: Path, store: Store) -> None:
    model, info = load_model(trained)
    for task in ("visits-sales", "visits-good"):
        first, last = store.tasks[task].splits["test"]
        found = predict_task(model, info, store, task, Rows(batch_size=7))
        assert found.rows.tolist() == list(range(first, last))
        np.testing.assert_allclose(found.truth, baselines.labels(store, task)[found.rows], atol=1e-4)
    assert set(np.round(found.truth)) == {0.0, 1.0}
    assert ((found.predicted > 0) & (found.predicted < 1)).all()


def test_a_limit_takes_the_same_rows_each_time_and_batches_change_nothing(
    trained: Path, store: Store
) -> None:
    model, info = load_model(trained)
    few = predict_task(model, info, store, "visits-sales", Rows(limit=10, batch_size=3))
    again = predict_task(model, info, store, "visits-sales", Rows(limit=10, batch_size=10))
    every = predict_task(model, info, store, "visits-sales", Rows())
    assert few.rows.tolist() == again.rows.tolist()
    assert len(set(few.rows)) == 10
    np.testing.assert_allclose(few.predicted, again.predicted, rtol=1e-4)
    np.testing.assert_allclose(few.predicted, every.predicted[np.isin(every.rows, few.rows)], rtol=1e-4)


def test_scores_stand_beside_baselines_on_the_same_rows(
    trained: Path, shop_store: Path, store: Store, tmp_path: Path
) -> None:
    scores = evaluate(trained, shop_store)
    assert [(score.task, score.metric, score.rows) for score in scores] == [
        ("visits-sales", "nMAE", 48),
        ("visits-good", "AUROC", 48),
    ]
    sales, good = scores
    assert good.trivial == 0.5
    # the shops' quality is on their rows, so whoever reads them beats the trivial guess
    for score in (sales.model, sales.tree):
        assert score is not None
        assert sales.trivial is not None
        assert score < sales.trivial
    assert sales.model == pytest.approx(
        np.abs(sales.predictions.truth - sales.predictions.predicted).mean()
        / baselines.labels(store, "visits-sales")[:144].std(ddof=1)
    )

    assert not sales.zero_shot, "the store is the one that it was trained on"
    columns, rows = score_table(scores)
    assert "model, trained on this store" in columns
    assert len(rows) == 2
    assert all(len(row) == len(columns) for row in rows)

    write_scores(scores, store, tmp_path / "scores")
    document = json.loads((tmp_path / "scores" / "scores.json").read_text())
    assert document["scores"][1] == good.to_dict()
    with (tmp_path / "scores" / "shops__visits-good.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert list(lines[0]) == ["visit", "ts", "label"]
    assert [int(line["visit"]) for line in lines] == list(range(192, 240))
    assert lines[0]["ts"].startswith("2020-07-11")
    assert float(lines[0]["label"]) == good.predictions.predicted[0]


def test_a_store_packed_anew_from_the_same_rows_is_known_again(tmp_path: Path) -> None:
    def packed(name: str, rows: str | None, task: str) -> Store:
        files = {f"tasks/{task}/train.parquet": name, "db/t.parquet": rows}
        made_from = {"files": {file: digest for file, digest in files.items() if digest is not None}}
        table = Table("t", pa.table({"x": [1.0, 2.0]}))
        return build_store(tmp_path / name, [table], provenance={"made_from": made_from})

    first, again, other = packed("first", "a1", "y"), packed("again", "a1", "z"), packed("other", "b2", "y")
    silent, silent_too = packed("silent", None, "y"), packed("silent too", None, "y")
    assert is_among(first, [identity(first)])
    assert identity(again)["sha256"] != identity(first)["sha256"]
    assert is_among(again, [identity(other), identity(first)])
    assert not is_among(other, [identity(first)])
    assert not is_among(silent_too, [identity(silent)]), "nothing says that their rows are the same"
    by_earlier_versions = {name: identity(first)[name] for name in ("path", "sha256")}
    assert is_among(first, [by_earlier_versions])
    assert not is_among(again, [by_earlier_versions])


def test_checksums_of_a_store_are_compared_on_request(
    trained: Path, shop_store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged = Path(shutil.copytree(shop_store, tmp_path / "damaged"))
    cells = bytearray((damaged / "cells.bin").read_bytes())
    cells[-1] ^= 1
    (damaged / "cells.bin").write_bytes(cells)
    arguments = ["evaluate", "--checkpoint", str(trained), "--limit", "2", "--verify", "checksums", "--store"]
    assert main([*arguments, str(shop_store)]) == 0
    assert main([*arguments, str(damaged)]) == 1
    assert str(damaged / "cells.bin") in capsys.readouterr().err


def test_nothing_is_learned_from_labels_that_were_not_known(trained: Path, shop_store: Path) -> None:
    """On the train split baselines would answer from the labels that they are asked for."""
    for score in evaluate(trained, shop_store, rows=Rows(split="train")):
        assert score.model is not None
        assert (score.trivial, score.tree, score.tree_rows) == (None, None, 0)


def test_what_cannot_be_scored_is_said(trained: Path, shop_store: Path) -> None:
    with pytest.raises(UnknownNameError, match="no task 'visits'; its tasks are: visits-sales, visits-good"):
        evaluate(trained, shop_store, tasks=["visits"])
    for path, words in (
        (shop_store.parent / "shop", "beside it lie shops"),
        (shop_store.parent, "in it lie shops"),
    ):
        with pytest.raises(RequestError, match=rf"no packed store at {path} .*; {words}"):
            evaluate(trained, path)
    with pytest.raises(RequestError, match="nor is there one beside it"):
        evaluate(trained, shop_store.parent / "no" / "where")


def test_tasks_without_a_score_are_named_with_the_reason(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = pa.table({"key": [1, 2], "ts": [dt.date(2020, 1, 1)] * 2})
    labels = {"class": ["a", "b"], "blank": [None, None], "late": [1.0, 2.0], "kind": [1.0, 2.0]}
    tables = {name: keys.append_column("y", pa.array(values)) for name, values in labels.items()}
    tables["blank"] = tables["blank"].cast(tables["late"].schema)
    types = {"class": "multiclass_classification"}
    tasks = []
    for name, table in tables.items():
        splits = {"train": tables["late"] if name == "blank" else table, "test": table}
        if name == "late":
            del splits["test"]
        tasks.append(Task(name, "t", "key", "ts", "y", types.get(name, "regression"), splits))
    store = build_store(
        tmp_path / "s",
        [Table("t", pa.table({"id": [1, 2], "x": [1.0, 2.0]}), primary_key="id")],
        tasks,
        embedder=HashedEmbedder(16),
    )
    reasons = left_out(store, "test")
    assert list(reasons) == ["class", "blank", "late"]
    assert "it is multiclass_classification, and RelBench has metrics for" in reasons["class"]
    assert reasons["blank"] == "none of its 2 test rows has a label"
    assert reasons["late"] == "it has no test rows"
    with pytest.raises(RequestError, match=r"task 'blank' .* cannot be scored: none of its 2 test rows"):
        evaluate(trained, store.path, tasks=["blank"])

    arguments = ["evaluate", "--checkpoint", str(trained), "--store", str(store.path)]
    assert main([*arguments, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [(score["task"], score["zero_shot"]) for score in document["scores"]] == [("kind", True)]
    assert document["left_out"] == [{"task": name, "reason": reason} for name, reason in reasons.items()]
    assert main(arguments) == 0
    assert "blank is left out: none of its 2 test rows has a label" in capsys.readouterr().out


def test_vectors_of_another_embedder_are_refused(trained: Path, store: Store) -> None:
    model, info = load_model(trained)
    other = evolve(info, embedder={**info.embedder, "fingerprint": "hashed-2-16"})
    with pytest.raises(RequestError, match="hashed-2-16"):
        predict_task(model, other, store, "visits-good", Rows())


def test_a_score_needs_the_vectors_and_not_the_plugin_that_made_them(
    trained: Path, shop_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = get_ledger().plugins
    without = Ledger(row for row in rows if not any(entry.name == "hashed" for entry in row.contributions))
    monkeypatch.setattr("plurel.plugins.get_ledger", lambda: without)
    [score] = evaluate(trained, shop_store, ["visits-good"], Rows(limit=5))
    assert score.model is not None


def test_a_model_whose_training_diverged_has_no_scores(trained: Path, store: Store) -> None:
    model, info = load_model(trained)
    with torch.no_grad():
        model.norm_out.weight.fill_(torch.nan)  # type: ignore[union-attr, operator]
    with pytest.raises(CheckpointError, match="predicts no numbers for 5 of 5 rows of visits-good"):
        predict_task(model, info, store, "visits-good", Rows(limit=5))


def test_a_prediction_is_the_mean_over_its_contexts(trained: Path, store: Store) -> None:
    model, info = load_model(trained)
    narrow = evolve(info, context={**info.context, "length": 20})

    def drawn(seed: int) -> np.ndarray:
        sampler = Sampler(
            [store],
            [Target(store=0, kind="task", name="visits-sales")],
            ContextConfig(**narrow.context, seed=seed),
            embedder="hashed",
            split="test",
            shuffle=False,
            limit=20,
        )
        [batch] = sampler.batches()
        with torch.no_grad():
            return model.predict(from_sampler(batch)).numpy()  # type: ignore[operator]

    draws = [drawn(seed) for seed in range(3)]
    assert not np.allclose(draws[0], draws[1])
    for contexts in (1, 2, 3):
        found = predict_task(model, narrow, store, "visits-sales", Rows(contexts=contexts, limit=20))
        np.testing.assert_allclose(found.predicted, np.mean(draws[:contexts], axis=0), rtol=1e-6)


def test_a_folder_of_scores_is_one_evaluations_and_replaced_only_if_one_asks(
    trained: Path, shop_store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "scores"
    one = ["evaluate", "--checkpoint", str(trained), "--store", str(shop_store), "--limit", "2", "--out"]
    with held(out, "scores"):
        assert main([*one, str(out), "--task", "visits-good"]) == 2
    assert f"another process is writing scores to {out}" in capsys.readouterr().err
    assert main([*one, str(out), "--task", "visits-good"]) == 0
    assert sorted(file.name for file in out.iterdir()) == ["scores.json", "shops__visits-good.csv"]
    assert main([*one, str(out), "--task", "visits-sales"]) == 2
    assert f"{out} holds scores already; --overwrite replaces them" in capsys.readouterr().err
    assert main([*one, str(out), "--task", "visits-sales", "--overwrite"]) == 0
    assert sorted(file.name for file in out.iterdir()) == ["scores.json", "shops__visits-sales.csv"]
    (out / "thesis.txt").touch()
    assert main([*one, str(out), "--overwrite"]) == 2
    assert f"{out} holds thesis.txt, which no scores have" in capsys.readouterr().err
    assert main([*one, str(shop_store / "scores")]) == 2
    assert "lies in the store" in capsys.readouterr().err
    assert not (shop_store / "scores").exists()


def test_scores_that_could_not_be_written_leave_the_folder_as_it_was(
    trained: Path, shop_store: Path, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "scores"
    scores = evaluate(trained, shop_store, ["visits-good"], Rows(limit=2))
    write_scores(scores, store, out)
    before = {file.name: file.read_bytes() for file in out.iterdir()}

    def full(_: Path) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("plurel_rt.scores.sync", full)
    with pytest.raises(OSError, match="no space"):
        write_scores([], store, out)
    assert {file.name: file.read_bytes() for file in out.iterdir()} == before
