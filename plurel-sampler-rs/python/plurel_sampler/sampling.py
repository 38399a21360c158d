"""Contexts for the targets of one or more stores, a batch of arrays at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from plurel_sampler._checks import check, check_range
from plurel_sampler._ready import _native
from plurel_sampler.attention import AttentionPlan
from plurel_sampler.errors import ContextError
from plurel_sampler.records import ContextConfig, Split, Target
from plurel_sampler.stores import Store

PREFETCHED = 2
"""Batches that are made ahead of the one in use."""

MOST_SEQUENCES = 2**27
"""Sequences of a batch: as many as a batch may have cells."""

MOST_THREADS = 1024
LAST_EPOCH = 2**32 - 1
LAST_POSITION = 2**63 - 1


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Contexts as arrays: B sequences of S cells, L links, U distinct texts of width d.

    Cells come row by row in the order of the walk, in column order inside a row. Ids of columns and tables
    count through all stores of the sampler. The target's value is in the labels only.

    Attributes:
        value: ``[B, S] f32`` standardised value of a number, boolean or datetime cell; 0 elsewhere and at
            the target.
        encoding: ``[B, S] i8`` 0 number, 1 text, 2 datetime, 3 boolean, 4 category; -1 padding.
        text: ``[B, S] i32`` index into ``texts`` of a text or category cell; -1 elsewhere and at the target.
        column: ``[B, S] i32`` column id; -1 padding.
        column_text: ``[B, S] i32`` index into ``texts`` of ``<column> of <table>``; -1 padding.
        table: ``[B, S] i32`` table id; -1 padding.
        row: ``[B, S] i32`` number of the row in its sequence, 0 the target's; -1 padding.
        node: ``[B, S] i64`` node of the row in its store; -1 padding.
        is_target: ``[B, S] bool`` one a sequence.
        links: ``[L, 3] i32`` (sequence, child row, parent row) for every foreign key between rows of a
            sequence, once.
        texts: ``[U, d] u16`` bf16 bits.
        label: ``[B] f32`` standardised value of the target, NaN where it has none; 0 for text and category.
        label_text: ``[B] i32`` index into ``texts`` of the target's text or category; -1 elsewhere.
        label_encoding: ``[B] i8`` encoding of the target.
        label_mean: ``[B] f64`` raw value = label * label_std + label_mean.
        label_std: ``[B] f64``.
        cutoff: ``[B] i64`` microseconds: what is known then is shown.
        position: ``[B] i64`` position in the epoch; from `stream`, counted on through the epochs.
        target: ``[B] i32`` index into the sampler's targets.
        target_row: ``[B] i64`` row of the target in its table (a task: among the label rows of all splits).
        attention: Which cells see which, as groups in buckets; None from a sampler that was told not to plan.
        next_position: Where to start again after this batch, with any number of ranks.
    """

    value: NDArray[np.float32]
    encoding: NDArray[np.int8]
    text: NDArray[np.int32]
    column: NDArray[np.int32]
    column_text: NDArray[np.int32]
    table: NDArray[np.int32]
    row: NDArray[np.int32]
    node: NDArray[np.int64]
    is_target: NDArray[np.bool_]
    links: NDArray[np.int32]
    texts: NDArray[np.uint16]
    label: NDArray[np.float32]
    label_text: NDArray[np.int32]
    label_encoding: NDArray[np.int8]
    label_mean: NDArray[np.float64]
    label_std: NDArray[np.float64]
    cutoff: NDArray[np.int64]
    position: NDArray[np.int64]
    target: NDArray[np.int32]
    target_row: NDArray[np.int64]
    attention: AttentionPlan | None
    next_position: int

    def __len__(self) -> int:
        return len(self.label)


class ColumnRef(NamedTuple):
    """What a column id of a batch stands for."""

    store: int
    table: str
    column: str


class TableRef(NamedTuple):
    """What a table id of a batch stands for."""

    store: int
    table: str


class Sampler:
    """Makes contexts.

    One order for all ranks follows from the seed and the epoch; rank r of w takes positions r, r + w, ...
    Neither threads nor ranks change what stands at a position. `stream` goes through one training epoch after
    the other and leaves nothing out; `batches` of a training epoch leave out the last few positions that
    would not go round all ranks, so that every rank makes batches of the same sizes; in evaluation
    (``shuffle=False``) every row comes exactly once.

    Args:
        stores: Stores, all with vectors of ``embedder``.
        targets: What is to be predicted.
        config: How contexts are made.
        embedder: Whose vectors batches carry.
        split: Whose rows. For a column: rows known up to the store's validation time (and whose cell is known
            by then), up to the test time, after it.
        batch_size: Sequences of a batch, on each rank.
        rank: This process.
        world_size: Number of processes.
        num_threads: Threads that make contexts; None: as many as there are processors.
        shuffle: Training order (else evaluation order).
        balance: Training meets all targets equally often ("uniform") or as often as they have rows
            ("proportional").
        limit: At most that many rows a target, evenly spread over its rows.
        plan: Whether batches bring a plan of their attention, which a model on a CPU may follow.

    Raises:
        ContextError: An argument is of another type or out of its range; the stores do not have what was
            asked for; or the targets have no rows in the split.
    """

    def __init__(
        self,
        stores: Sequence[Store],
        targets: Sequence[Target],
        config: ContextConfig | None = None,
        *,
        embedder: str,
        split: Split = "train",
        batch_size: int = 32,
        rank: int = 0,
        world_size: int = 1,
        num_threads: int | None = None,
        shuffle: bool = True,
        balance: Literal["uniform", "proportional"] = "uniform",
        limit: int | None = None,
        plan: bool = True,
    ) -> None:
        check("stores", stores, Sequence[Store], ContextError)
        check("targets", targets, Sequence[Target], ContextError)
        check("config", config, ContextConfig | None, ContextError)
        check("embedder", embedder, str, ContextError)
        check("split", split, Split, ContextError)
        check("shuffle", shuffle, bool, ContextError)
        check("plan", plan, bool, ContextError)
        check("balance", balance, Literal["uniform", "proportional"], ContextError)
        _check_whole("batch_size", batch_size, 1, MOST_SEQUENCES)
        _check_whole("world_size", world_size, 1, 2**32)
        _check_whole("rank", rank, 0, world_size - 1)
        if num_threads is not None:
            _check_whole("num_threads", num_threads, 1, MOST_THREADS)
        if limit is not None:
            _check_whole("limit", limit, 1, 2**32)
        config = config or ContextConfig()
        self.stores = tuple(stores)
        self.targets = tuple(targets)
        self.config = config
        self.batch_size = batch_size
        self.rank = rank
        self.world_size = world_size
        self.shuffle = shuffle
        self._native = _native.Sampler(
            [store._native for store in stores],  # noqa: SLF001 - the package's own handle
            list(targets),
            length=config.length,
            width=config.width,
            children=config.children,
            labels=config.labels,
            seed=config.seed,
            embedder=embedder,
            split=split,
            balance=balance,
            limit=limit,
            num_threads=num_threads,
            plan=plan,
        )
        if len(self._native) == 0:
            names = ", ".join(target.name for target in targets) or "none given"
            raise ContextError(f"no target has rows in split {split}: {names}")

    def __len__(self) -> int:
        """Positions of an epoch, over all ranks."""
        return len(self._native)

    @property
    def counts(self) -> list[int]:
        """Rows of each target in the split."""
        return self._native.counts()

    @property
    def num_batches(self) -> int:
        """Batches of an epoch on this rank."""
        return -(-len(self._own_positions(0)) // self.batch_size)

    @cached_property
    def columns(self) -> list[ColumnRef]:
        """What the column ids of a batch stand for."""
        return [
            ColumnRef(number, table.name, column)
            for number, store in enumerate(self.stores)
            for table in store.tables.values()
            for column in table.columns
        ]

    @cached_property
    def tables(self) -> list[TableRef]:
        """What the table ids of a batch stand for."""
        return [TableRef(number, table) for number, store in enumerate(self.stores) for table in store.tables]

    def batch(self, positions: ArrayLike) -> Batch:
        """Contexts at explicit positions in evaluation order: the i-th row of the split, target by target.

        A row's context does not depend on what else is asked for.

        Args:
            positions: ``[B]`` integers below ``len(self)``.

        Raises:
            ContextError: A position is no integer, or out of range.
        """
        try:
            wanted = np.asarray(positions).reshape(-1)
        except ValueError as error:
            raise ContextError(f"positions that are no array: {error}; expected integers") from error
        if wanted.size and wanted.dtype.kind not in "iu":
            raise ContextError(f"positions of type {wanted.dtype}; expected integers")
        if wanted.size and wanted.min() < 0:
            raise ContextError(f"position {wanted.min()} where there are {len(self)}")
        return self._batch(wanted.astype(np.uint64), None, len(self))

    def batches(self, epoch: int = 0, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch on this rank; the next ones are made in the background.

        Args:
            epoch: Another order and other draws in training; nothing in evaluation.
            start: The global position to start from: 0, or a batch's ``next_position`` to resume after it.

        Raises:
            ContextError: ``epoch`` or ``start`` is no integer, or out of range.
        """
        _check_whole("epoch", epoch, 0, LAST_EPOCH)
        _check_whole("start", start, 0, LAST_POSITION)
        positions = self._own_positions(start)
        chunks = (positions[i : i + self.batch_size] for i in range(0, len(positions), self.batch_size))
        return self._made(chunks, epoch if self.shuffle else None, end=len(self))

    def stream(self, start: int = 0) -> Iterator[Batch]:
        """Training batches of this rank without end, through one epoch after the other; none is left out.

        Positions count on: ``len(self)`` is the first of epoch 1. A batch may begin in one epoch and end in
        the next, so every batch of every rank has ``batch_size`` sequences, and ``world_size`` of them
        together are the next ``world_size * batch_size`` positions.

        Args:
            start: The position to start from: 0, or a batch's ``next_position`` to resume after it with any
                number of ranks.

        Raises:
            ContextError: Evaluation has one epoch; or ``start`` is no integer, or negative.
        """
        if not self.shuffle:
            raise ContextError("a stream goes through epochs of training; shuffle=False has one epoch")
        _check_whole("start", start, 0, LAST_POSITION)
        together = self.batch_size * self.world_size
        chunks = (
            range(first + self.rank, first + together, self.world_size) for first in count(start, together)
        )
        return self._made(chunks, 0, end=None)

    def _made(self, chunks: Iterable[range], epoch: int | None, end: int | None) -> Iterator[Batch]:
        """A batch for each chunk of positions, made ahead in the background."""
        with ThreadPoolExecutor(1, thread_name_prefix="plurel-sampler-prefetch") as background:
            pending: deque[Future[Batch]] = deque()
            try:
                for chunk in chunks:
                    wanted = np.arange(chunk.start, chunk.stop, chunk.step, dtype=np.uint64)
                    pending.append(background.submit(self._batch, wanted, epoch, end))
                    if len(pending) > PREFETCHED:
                        yield pending.popleft().result()
                while pending:
                    yield pending.popleft().result()
            finally:
                for unused in pending:
                    unused.cancel()

    def _own_positions(self, start: int) -> range:
        """Positions of this rank from a global position on."""
        left = max(0, len(self) - start)
        end = start + (left // self.world_size * self.world_size if self.shuffle else left)
        return range(start + self.rank, end, self.world_size)

    def _batch(self, positions: NDArray[np.uint64], epoch: int | None, end: int | None) -> Batch:
        arrays = self._native.batch(positions, epoch)
        planned = arrays.pop("attention")
        attention = None if planned is None else AttentionPlan(**planned)
        last = int(positions[-1]) - self.rank + self.world_size if len(positions) else 0
        return Batch(**arrays, attention=attention, next_position=last if end is None else min(last, end))

    def __repr__(self) -> str:
        return f"Sampler({len(self.stores)} stores, {len(self.targets)} targets, {len(self):,} positions)"


def _check_whole(name: str, value: int, low: int, high: int) -> None:
    """Raises an error unless a value is a whole number from ``low`` to ``high``."""
    check(name, value, int, ContextError)
    check_range(name, value, low, high, ContextError)
