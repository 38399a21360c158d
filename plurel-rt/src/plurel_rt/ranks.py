"""Several processes that train one model: how they fail together, agree, and share a step.

How many there are is the launcher's business (`accelerate launch`, `torchrun`); without one there is a single
rank and nothing here does anything. Not here: what they compute.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

import torch
from accelerate import PartialState
from accelerate.utils import gather_object

from plurel.errors import ConfigError, PlurelError, RequestError

T = TypeVar("T")


class RanksError(RequestError):
    """Ranks that cannot train together; raised on all of them."""


class RankLostError(PlurelError):
    """Another rank ended, or cannot be reached any more, while this one needed it."""


def world_size() -> int:
    """How many ranks the launcher started."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def on_cpu() -> bool:
    """Whether ranks compute on CPUs: where no accelerator is, and on Apple's, which has no 64-bit floats."""
    device = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    return device is None or device.type == "mps"


def together(work: Callable[[], T]) -> T:
    """Does some work that every rank does; where it fails on one of them, all end at once.

    Without that, those where it went well would wait for the others for ever.

    Args:
        work: the same on all ranks.

    Raises:
        RanksError: it went well here, but not on the rank that is named. Where it failed its own error is
            raised.
    """
    if world_size() == 1:
        return work()
    PartialState(cpu=on_cpu())
    failure = None
    try:
        done = work()
    except Exception as error:  # told to all ranks, then raised again
        failure = error
    told = gather_object([failure and f"{type(failure).__name__}: {failure}"])
    if failure is not None:
        raise failure
    for rank, words in enumerate(told):
        if words is not None:
            raise RanksError(f"rank {rank} of {len(told)} cannot go on: {words}")
    return done


@contextmanager
def others_alive(way_on: str) -> Iterator[None]:
    """Says in words what torch tells of a rank that is gone.

    Args:
        way_on: what the person may do then.

    Raises:
        RankLostError: in place of torch's error.
    """
    try:
        yield
    except RuntimeError as error:
        is_of_backend = isinstance(error, torch.distributed.DistError) or "gloo/transport" in str(error)
        if world_size() == 1 or not is_of_backend:
            raise
        raise RankLostError(f"another rank ended or cannot be reached any more; {way_on}") from error


def check_agreement(facts: Mapping[str, str]) -> None:
    """Sees to it that some facts are the same on all ranks.

    Args:
        facts: what is the case here, by what it is about.

    Raises:
        RanksError: on all ranks; names the first fact that differs, and the rank.
    """
    if world_size() == 1:
        return
    every = gather_object([dict(facts)])
    for rank, theirs in enumerate(every):
        for about in sorted({*every[0], *theirs}):
            here, there = (said.get(about, "missing") for said in (every[0], theirs))
            if here != there:
                raise RanksError(
                    f"rank {rank} of {len(every)} differs from rank 0: {about} is {there} there, {here} on "
                    "rank 0; all ranks need the same distributions, recipe and stores"
                )


def share_step(sequences: int, ranks: int, at_once: int) -> tuple[int, int]:
    """How a rank does its part of a step.

    Args:
        sequences: of a step, on all ranks together.
        ranks: how many there are.
        at_once: sequences that a rank computes at once, at most.

    Returns:
        Sequences of a batch, and batches of a step.

    Raises:
        ConfigError: the ranks cannot share the sequences equally.

    Example:
        >>> share_step(32, ranks=2, at_once=8), share_step(12, ranks=1, at_once=8)
        ((8, 2), (6, 2))
    """
    if sequences % ranks:
        possible = [str(count) for count in range(1, sequences + 1) if sequences % count == 0]
        raise ConfigError(
            f"a step of this run is {sequences} sequences, which {ranks} ranks cannot share equally; it goes "
            f"on with {', '.join(possible)} ranks"
        )
    mine = sequences // ranks
    batch = max(size for size in range(1, min(mine, at_once) + 1) if mine % size == 0)
    return batch, mine // batch
