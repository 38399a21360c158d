"""Which cells a run masks and predicts, from the words of a recipe.

Not here: which rows, and in which order; that is the sampler's.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from plurel.errors import ConfigError

if TYPE_CHECKING:
    from plurel_sampler import Store, Target


def choose_targets(stores: Sequence[Store], words: Sequence[str], encodings: Collection[str]) -> list[Target]:
    """Every target that `words` name, store by store.

    Args:
        stores: the opened stores, in the sampler's order.
        words: `columns`, `tasks`, names of tasks, or `table.column`. The first two leave out what is constant
            in training.
        encodings: which columns `columns` takes. Time columns are never among them: that the next row is a
            little later than this one is nothing worth learning.

    Raises:
        ConfigError: a name that no store has, or nothing to predict at all.
    """
    from plurel_sampler import Target

    chosen: list[Target] = []
    known: set[str] = set()
    for index, store in enumerate(stores):
        tables = [table for table in store.tables.values() if not table.is_task]
        columns = {
            f"{table.name}.{column.name}": column for table in tables for column in table.columns.values()
        }
        times = {f"{table.name}.{table.time_column}" for table in tables}
        tasks = set(store.tasks)
        known |= tasks | set(columns)
        for word in words:
            if word == "columns":
                names = [
                    n
                    for n, c in columns.items()
                    if c.encoding in encodings and n not in times and not c.constant
                ]
                chosen += [Target(store=index, kind="column", name=name) for name in names]
            elif word == "tasks":
                chosen += [
                    Target(store=index, kind="task", name=name)
                    for name in sorted(tasks)
                    if not store.tables[name].columns[store.tasks[name].target_column].constant
                ]
            elif word in tasks:
                chosen.append(Target(store=index, kind="task", name=word))
            elif word in columns:
                chosen.append(Target(store=index, kind="column", name=word))
    for position, word in enumerate(words):
        if word not in known and word not in ("columns", "tasks"):
            raise ConfigError(
                f"unknown target {word!r}; say `columns`, `tasks`, or one of: {', '.join(sorted(known))}",
                f".targets[{position}]",
            )
    if not chosen:
        raise ConfigError(
            f"the stores hold nothing that {list(words)} names (columns of {sorted(encodings)})", ".targets"
        )
    return list(dict.fromkeys(chosen))
