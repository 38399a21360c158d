"""What a training run is told: one record, read from YAML, with `--set` on top.

Shipped recipes are found by name (`tiny`, `synthetic`). Not here: what the fields do (`plurel_rt.trainer`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from attrs import Attribute, evolve, field, frozen, validators

from plurel.config import Within
from plurel.config.assign import assign
from plurel.config.bounds import Place
from plurel.config.convert import structure, unstructure
from plurel.config.files import read
from plurel.errors import ConfigError, RequestError
from plurel.places import flaw
from plurel.plugins import Entry, get_ledger

SET_BY_RUN = ("text_width", "seed")
"""Parameters of a model that a run sets: the width of its stores' vectors, and a seed from its own."""

MAY_CHANGE = (
    "name", "stores", "steps", "batch_size", "save_every", "eval_every", "eval_limit", "keep", "threads",
    "log_targets", "out",
)  # fmt: skip
"""What a run may be told anew when it goes on. Of the stores only the place: their content is compared."""

MOST_SEQUENCES = 65_536
MOST_BATCHES = 1_000_000
MOST_STEPS = 1_000_000_000_000
MOST_ROWS = (1 << 32) - 2
MOST_CELLS = 1 << 20
MOST_CHILDREN = (1 << 32) - 1
MOST_THREADS = 1024
MOST_SEED = (1 << 64) - 1
"""Sizes beyond which a recipe is a mistake: the run would end for want of memory or never. Those of rows,
contexts, threads and seeds are the sampler's."""

POSITIVE = Within(0, above=True)


def _up_to(most: int, least: int = 1) -> Within:
    """An integer between two."""
    return Within(least, most, integers=True)


def _each_is_a_place(_: object, attribute: Attribute[Any], paths: Sequence[str]) -> None:
    for place, path in enumerate(paths):
        reason = flaw(path)
        if reason is not None:
            raise ConfigError(f"this path {reason}", f".{attribute.name}[{place}]")


@frozen(kw_only=True)
class ContextParams:
    """How large and how wide a context is; the fields of `plurel_sampler.ContextConfig`.

    Attributes:
        length: cells a sequence at most.
        width: children of a row that are followed at most.
        mode: `bfs`, breadth-first from the target's row.
        children: which ones, where a row has more than `width`: a random sample (`sampled`), or those that
            became known last (`recent`).
        labels: whether other known labels of a task come like any row (`apart`), or with the row that they
            belong to (`beside`).
    """

    length: int = field(default=256, validator=_up_to(MOST_CELLS))
    width: int = field(default=32, validator=_up_to(MOST_CHILDREN))
    mode: Literal["bfs"] = "bfs"
    children: Literal["sampled", "recent"] = "sampled"
    labels: Literal["apart", "beside"] = "apart"


@frozen(kw_only=True)
class Recipe:
    """A training run.

    Attributes:
        name: of the run; it stands in its checkpoints.
        seed: decides the initial weights, the order of the data and every draw of a context.
        stores: folders of packed stores, or patterns of them (`stores/*`).
        targets: what is masked and predicted: `columns` (every column of the `encodings` below that is no
            time column), `tasks` (the stores' tasks), or names: of a task, or `table.column`.
        encodings: which columns `columns` takes.
        embedder: whose text vectors the model reads; in full (`dist:name`) where several distributions have
            the name and the stores do not say whose they are.
        model: a contributed model by name, with parameters: `{name: rt-plurel, dim: 64}`. `text_width` and
            `seed` are set by the run.
        context: size of the contexts.
        balance: `uniform` draws a target first and then a row of it; `proportional` draws every row equally
            often.
        batch_size: sequences that a rank computes at once, at most.
        accumulate: such batches a rank and optimiser step. A step then has `batch_size * accumulate * ranks`
            sequences, and keeps that number where the run goes on with more or fewer ranks.
        steps: optimiser steps.
        lr: the highest learning rate; it rises linearly to there from a 25th of it, then falls linearly to 0.
        warmup: part of the steps over which it rises.
        weight_decay: of AdamW, on matrices only.
        beta2: of AdamW.
        clip: largest norm of the gradient.
        eval_every: steps between two losses on held-out rows (the `val` split); 0 for never.
        eval_limit: held-out rows a target at most.
        save_every: steps between two checkpoints; 0 for the last step only.
        keep: checkpoints of a run that are kept.
        threads: threads of the sampler; all cores if 0.
        log_targets: write down which targets every step is trained on, a file a rank.
        init: checkpoint or run whose weights are the start, instead of fresh ones.
        out: the run's folder.
    """

    name: str = "run"
    seed: int = field(default=0, validator=_up_to(MOST_SEED, 0))
    stores: tuple[str, ...] = field(default=(), validator=_each_is_a_place)
    targets: tuple[str, ...] = ("columns", "tasks")
    encodings: tuple[Literal["number", "boolean", "category", "datetime", "text"], ...] = (
        "number",
        "boolean",
        "category",
    )
    embedder: str = "hashed"
    model: dict[str, Any] = field(factory=lambda: {"name": "rt-plurel"})
    context: ContextParams = field(factory=ContextParams)
    balance: Literal["uniform", "proportional"] = "uniform"
    batch_size: int = field(default=32, validator=_up_to(MOST_SEQUENCES))
    accumulate: int = field(default=1, validator=_up_to(MOST_BATCHES))
    steps: int = field(default=1000, validator=_up_to(MOST_STEPS))
    lr: float = field(default=5e-4, validator=POSITIVE)
    warmup: float = field(default=0.2, validator=Within(0, 1))
    weight_decay: float = field(default=0.1, validator=Within(0))
    beta2: float = field(default=0.999, validator=Within(0, 1, below=True))
    clip: float = field(default=1.0, validator=POSITIVE)
    eval_every: int = field(default=0, validator=_up_to(MOST_STEPS, 0))
    eval_limit: int = field(default=4, validator=_up_to(MOST_ROWS))
    save_every: int = field(default=0, validator=_up_to(MOST_STEPS, 0))
    keep: int = field(default=2, validator=_up_to(MOST_STEPS))
    threads: int = field(default=0, validator=_up_to(MOST_THREADS, 0))
    log_targets: bool = False
    init: str | None = field(default=None, validator=validators.optional(Place()))
    out: str = field(default="run", validator=Place())

    def to_dict(self) -> dict[str, Any]:
        """The recipe as plain data that `Recipe` can be made of again."""
        plain: dict[str, Any] = unstructure(self)
        return plain


def shipped_recipes() -> tuple[str, ...]:
    """Names of the recipes that come with plurel-rt."""
    folder = files("plurel_rt") / "recipes"
    return tuple(sorted(entry.name[:-5] for entry in folder.iterdir() if entry.name.endswith(".yaml")))


def load_recipe(source: str, assignments: Sequence[str] = ()) -> Recipe:
    """Reads a recipe and writes every parameter of its model into it.

    Args:
        source: a YAML file, or the name of a shipped recipe.
        assignments: `path=value` on top of it, values in YAML: `model.dim=64`.

    Raises:
        plurel.errors.RequestError: neither a file nor a shipped recipe.
        plurel.errors.ConfigError: an unknown key or a wrong value, with its path.
        plurel.errors.UnknownNameError: a model that no installed plugin contributes.
    """
    return _with(resolve_model(structure(read(_file_of(source)), Recipe)).to_dict(), assignments)


def continued_recipe(
    began: Mapping[str, Any], source: str | None, out: str, assignments: Sequence[str] = ()
) -> Recipe:
    """The recipe of a run that goes on: its own, with what a file and assignments say on top.

    Args:
        began: the run's own recipe, as plain data.
        source: a YAML file or the name of a shipped recipe; only what it says counts, and its `out` does not.
        out: the run's folder, unless an assignment sets another.
        assignments: see `load_recipe`.

    Raises:
        plurel.errors.RequestError: see `load_recipe`, as for the others.
        plurel.errors.ConfigError: likewise.
        plurel.errors.UnknownNameError: likewise.
    """
    document = structure(began, Recipe).to_dict()
    if source is not None:
        said = read(_file_of(source))
        structure(said, Recipe)
        for key, value in said.items():
            both = isinstance(value, dict) and isinstance(document[key], dict)
            same = key != "model" or value.get("name") == document[key]["name"]
            document[key] = {**document[key], **value} if both and same else value
    document["out"] = out
    return _with(resolve_model(structure(document, Recipe)).to_dict(), assignments)


def _file_of(source: str) -> Path:
    if source in shipped_recipes():
        return Path(str(files("plurel_rt") / "recipes" / f"{source}.yaml"))
    if Path(source).is_file():
        return Path(source)
    raise RequestError(
        f"no recipe {source!r}: neither a file nor one that ships with plurel-rt "
        f"({', '.join(shipped_recipes())})"
    )


def _with(document: dict[str, Any], assignments: Sequence[str]) -> Recipe:
    for assignment in assignments:
        assign(document, assignment)
    return resolve_model(structure(document, Recipe))


def check_same_run(recipe: Recipe, began: Recipe, run: Path) -> None:
    """Refuses to go on with a run under a recipe that would have made another one.

    Args:
        recipe: under which it shall go on.
        began: under which it began.
        run: named in the message.

    Raises:
        plurel.errors.ConfigError: naming the first field that differs and may not.
    """
    ours, theirs = (dict(_leaves(each.to_dict())) for each in (recipe, began))
    for path in dict.fromkeys([*theirs, *ours]):
        if path.split(".")[1] not in MAY_CHANGE and ours.get(path) != theirs.get(path):
            raise ConfigError(
                f"{run} was trained with {path[1:]} = {theirs.get(path)!r} and cannot go on with "
                f"{ours.get(path)!r}; leave it out (`plurel pretrain --resume {run}` needs no recipe), or "
                f"begin another run. Free to change: {', '.join(MAY_CHANGE)}",
                path,
            )


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Everything in plain data that is no mapping, with its path."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}")
    else:
        yield path, value


def model_entry(recipe: Recipe) -> tuple[Entry, dict[str, Any]]:
    """The contribution that a recipe's model names, and the parameters it gives.

    Raises:
        plurel.errors.ConfigError: no name, or a parameter that the run sets.
        plurel.errors.UnknownNameError: a model that no installed plugin contributes.
    """
    parameters = dict(recipe.model)
    name = parameters.pop("name", None)
    if not isinstance(name, str):
        raise ConfigError(
            f"a model is a name with parameters, as in {{name: rt-plurel, dim: 64}}; got {recipe.model!r}",
            ".model",
        )
    for key in SET_BY_RUN:
        if key in parameters:
            raise ConfigError(f"{key!r} of a model is set by the run; leave it out", f".model.{key}")
    return get_ledger().find("models", name), parameters


def resolve_model(recipe: Recipe) -> Recipe:
    """The recipe with all parameters of its model, defaults included.

    Raises:
        plurel.errors.ConfigError: see `model_entry`; an unknown parameter, or a value that does not fit.
    """
    entry, parameters = model_entry(recipe)
    try:
        full = unstructure(entry.parameters(parameters))
    except ConfigError as error:
        raise error.within(".model") from None
    chosen = {key: value for key, value in full.items() if key not in SET_BY_RUN}
    return evolve(recipe, model={"name": recipe.model["name"], **chosen})


def resolve_stores(recipe: Recipe) -> Recipe:
    """The recipe with its patterns of stores replaced by the folders that match, sorted.

    Raises:
        plurel.errors.ConfigError: no stores named, or a pattern that matches none.
    """
    found: list[str] = []
    for index, pattern in enumerate(recipe.stores):
        matches = _stores_at(Path(pattern).expanduser())
        if not matches:
            raise ConfigError(
                f"no packed store at {pattern!r} (a folder with store.json, as `plurel preprocess` makes)",
                f".stores[{index}]",
            )
        found.extend(match for match in matches if match not in found)
    if not found:
        raise ConfigError("a run needs at least one store, as in `--set 'stores=[stores/*]'`", ".stores")
    return evolve(recipe, stores=tuple(found))


def _stores_at(pattern: Path) -> list[str]:
    """The folders with a store that a path with wildcards in any of its parts means, sorted."""
    root = Path(pattern.anchor)
    inside = str(pattern.relative_to(root))
    found = root.glob(inside) if inside != "." else [root]
    return sorted(str(folder) for folder in found if (folder / "store.json").is_file())
