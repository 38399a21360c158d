"""What a run starts from, on one rank: its data, its model, and the checkpoint that it goes on from.

Everything that can be wrong with a request is found here, before anything is written. Not here: the steps
(`plurel_rt.trainer`).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from attrs import frozen
from torch import nn

from plurel.config.convert import structure, unstructure
from plurel.errors import ConfigError
from plurel.plugins import canonical, get_ledger, provenance, used
from plurel.seeding import Stream
from plurel_rt.attention import by_groups
from plurel_rt.checkpoint import (
    CheckpointInfo,
    check_contributions,
    checksum,
    find_checkpoint,
    load_weights,
    read_info,
    read_state,
)
from plurel_rt.embedders import check_embedder, embedder_of, recorded, shared_embedder
from plurel_rt.ranks import share_step
from plurel_rt.recipe import Recipe, check_same_run, model_entry
from plurel_rt.runs import run_of
from plurel_rt.stores import identity
from plurel_rt.targets import choose_targets

if TYPE_CHECKING:
    from plurel_sampler import Sampler, Store, Target
    from plurel_sampler.records import Split

CPU = torch.device("cpu")


@frozen(kw_only=True, eq=False)
class Start:
    """What a run starts from.

    Attributes:
        recipe: with its stores found.
        info: what the run's checkpoints say of it, but for the step.
        targets: how many columns and tasks it predicts.
        train_data: this rank's part of the training rows.
        held_out: this rank's part of the held-out rows, where any are measured.
        sequences_a_step: on all ranks together.
        accumulate: batches of a step on this rank.
        model: with the weights that it starts from.
        checkpoint: from which it goes on.
        state: the training state there.
    """

    recipe: Recipe
    info: CheckpointInfo
    targets: int
    train_data: Sampler
    held_out: Sampler | None
    sequences_a_step: int
    accumulate: int
    model: nn.Module
    checkpoint: Path | None
    state: dict[str, Any] | None


def prepare(
    recipe: Recipe, checkpoint: Path | None, rank: int, ranks: int, device: torch.device = CPU
) -> Start:
    """Opens what a run needs.

    Args:
        recipe: with its stores found and its model's parameters written out.
        checkpoint: from which the run goes on.
        rank: this process.
        ranks: how many there are.
        device: where the model will be.

    Raises:
        plurel.errors.ConfigError: the recipe asks for what its stores do not hold, is not that of the run
            that it shall go on with, or the ranks cannot share a step.
        CheckpointError: a checkpoint that is damaged, or does not fit the stores or the installed plugins.
    """
    from plurel_sampler import Store

    stores = [Store.open(path) for path in recipe.stores]
    embedder = shared_embedder(stores, recipe.embedder)
    targets = choose_targets(stores, recipe.targets, recipe.encodings)
    began = _check_same(recipe, checkpoint, stores, embedder) if checkpoint else None
    told = recorded(began.provenance, embedder["name"]) if began else set()
    told = told or {full for store in stores for full in recorded(store.info["provenance"], embedder["name"])}
    made_by = embedder_of(recipe.embedder, told)
    state = read_state(checkpoint) if checkpoint else None
    sequences = state["sequences_a_step"] if state else recipe.batch_size * recipe.accumulate * ranks
    batch_size, accumulate = share_step(sequences, ranks, recipe.batch_size)

    entry, parameters = model_entry(recipe)
    config = entry.parameters(
        {**parameters, "text_width": embedder["width"], "seed": seed_of(recipe, "model")}
    )
    plain = canonical(entry, unstructure(config), get_ledger())
    model = entry.build(config)
    if not isinstance(model, nn.Module):
        raise TypeError(f"model {entry.id} made a {type(model).__name__}, not a torch module")
    if checkpoint:
        load_weights(model, checkpoint)
    elif recipe.init:
        _load_initial(model, Path(recipe.init), embedder)

    plan = by_groups(device, recipe.context.length)

    def sampler(split: Split) -> Sampler:
        return _sampler(recipe, stores, targets, embedder["name"], split, batch_size, rank, ranks, plan)

    return Start(
        recipe=recipe,
        info=CheckpointInfo(
            model={"name": entry.id, "config": plain},
            embedder=embedder,
            context=unstructure(recipe.context),
            stores=[identity(store) for store in stores],
            recipe=recipe.to_dict(),
            step=began.step if began else 0,
            provenance=provenance([*used(entry, plain, get_ledger()), *([made_by] if made_by else [])]),
        ),
        targets=len(targets),
        train_data=sampler("train"),
        held_out=sampler("val") if recipe.eval_every else None,
        sequences_a_step=sequences,
        accumulate=accumulate,
        model=model,
        checkpoint=checkpoint,
        state=state,
    )


def facts(start: Start) -> dict[str, str]:
    """What must be the same on all ranks, by what it is about: plugins, contributions, recipe, data."""
    found: dict[str, str] = {f"plugin {row.id}": row.status for row in get_ledger().plugins}
    for record in start.info.provenance:
        about = f"{record['kind']} {record['id']}"
        found[about] = f"version {record['version']}, revision {record['revision']}"
    for name, value in start.recipe.to_dict().items():
        if name not in ("stores", "out"):
            found[f"recipe.{name}"] = repr(value)
    for index, store in enumerate(start.info.stores):
        found[f"store {index}"] = store["sha256"]
    found["the checkpoint to go on from"] = "none" if start.checkpoint is None else checksum(start.checkpoint)
    return found


def seed_of(recipe: Recipe, *purpose: str | int) -> int:
    """A 63-bit seed for torch from the run's named stream."""
    stream = Stream(recipe.seed) / "rt"
    for part in purpose:
        stream = stream / part
    return stream.key % 2**63


def _check_same(
    recipe: Recipe, checkpoint: Path, stores: Sequence[Store], embedder: dict[str, Any]
) -> CheckpointInfo:
    """What a checkpoint says, whose run goes on under a recipe: with the same data, model and plugins."""
    run = run_of(checkpoint) or checkpoint
    info = read_info(checkpoint)
    check_contributions(info, checkpoint)
    check_same_run(recipe, structure(info.recipe, Recipe), run)
    check_embedder(info.embedder, embedder, checkpoint)
    for index, (then, store) in enumerate(zip_longest(info.stores, stores)):
        if then is None or store is None or then["sha256"] != identity(store)["sha256"]:
            was = "none" if then is None else f"that of {then['path']}"
            now = "none" if store is None else f"that of {store.path}"
            raise ConfigError(
                f"{run} was trained on other data: in this place {was}, and what is asked for {now}. Go "
                "on with the very same stores, in their order, or begin another run",
                f".stores[{index}]",
            )
    return info


def _load_initial(model: nn.Module, path: Path, embedder: dict[str, Any]) -> None:
    start = find_checkpoint(path)
    check_embedder(read_info(start).embedder, embedder, start)
    load_weights(model, start)


def _sampler(
    recipe: Recipe,
    stores: Sequence[Store],
    targets: Sequence[Target],
    embedder: str,
    split: Split,
    batch_size: int,
    rank: int,
    ranks: int,
    plan: bool,
) -> Sampler:
    from plurel_sampler import ContextConfig, Sampler

    return Sampler(
        stores,
        targets,
        ContextConfig(**unstructure(recipe.context), seed=recipe.seed),
        embedder=embedder,
        split=split,
        batch_size=batch_size,
        rank=rank,
        world_size=ranks,
        num_threads=recipe.threads or None,
        shuffle=split == "train",
        balance=recipe.balance,
        plan=plan,
        limit=None if split == "train" else recipe.eval_limit,
    )
