"""The hooks of plurel: one a kind of contribution, called without arguments, each giving records.

A plugin is a module that an entry point of the group `plurel` names; by custom `<package>/plugin.py`. It sets
`HOOK_VERSION`, implements the hooks of the kinds it brings, and imports nothing heavy: a factory given as
`"package.module:attribute"` is imported on first use. The entry point stands in the distribution's
`pyproject.toml`:

    [project.entry-points.plurel]
    paths = "plurel_paths.plugin"

Every example below is the whole content of such a module, with the factory written beside the hook for once;
after a blank line it uses what it contributes. Not here: the fields of records (`plurel.plugins.records`),
what hooks are asked (`plurel.plugins.requests`) and what factories must make (`plurel.plugins.protocols`).
"""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from plurel.plugins import records

HOOK_VERSION = 1
"""Version of the hooks. A plugin declares the one it was written for; the one before works with a warning."""

hookspec = pluggy.HookspecMarker("plurel")
hookimpl = pluggy.HookimplMarker("plurel")
"""Marks a plugin's implementation of a hook."""


@hookspec
def plurel_layouts() -> Iterable[records.Layout]:
    """Random acyclic graphs: of tables, or of the nodes of a causal model.

    Example:
        >>> import numpy as np
        >>> from plurel.graph import Dag
        >>> from plurel.plugins import hookimpl, records
        >>> HOOK_VERSION = 1
        >>> class Chain:
        ...     def draw(self, request, stream):
        ...         order = stream.generator().permutation(request.nodes)
        ...         return Dag(nodes=request.nodes, edges=np.stack([order[:-1], order[1:]], axis=1))
        >>> @hookimpl
        ... def plurel_layouts():
        ...     yield records.Layout(name="chain", summary="All nodes on one path", factory=Chain)

        >>> from plurel.plugins.requests import LayoutRequest
        >>> from plurel.seeding import Stream
        >>> [record] = plurel_layouts()
        >>> record.factory().draw(LayoutRequest(nodes=4), Stream(0)).edges.shape
        (3, 2)
    """
    return ()


@hookspec
def plurel_links() -> Iterable[records.Links]:
    """Which parent row each child row points at, for one foreign key.

    Example:
        >>> from plurel.plugins import hookimpl, records
        >>> from plurel.plugins.requests import BLOCK_ROWS
        >>> HOOK_VERSION = 1
        >>> class Uniform:
        ...     def plan(self, request):
        ...         return UniformPlan(request)
        >>> class UniformPlan:
        ...     def __init__(self, request):
        ...         self.request = request
        ...     def block(self, index):
        ...         start = index * BLOCK_ROWS
        ...         rows = min(BLOCK_ROWS, self.request.child.rows - start)
        ...         generator = self.request.stream.generator(index)
        ...         return generator.integers(0, self.request.parent.rows, rows)
        >>> @hookimpl
        ... def plurel_links():
        ...     yield records.Links(name="uniform", summary="All parents are equally likely", factory=Uniform)

        >>> from plurel.plugins.requests import LinkRequest
        >>> from plurel.schema import ForeignKey, Table
        >>> from plurel.seeding import Stream
        >>> users = Table(name="users", rows=10, role="entity", primary_key="id")
        >>> key = ForeignKey(column="user", parent="users")
        >>> orders = Table(name="orders", rows=50, role="activity", foreign_keys=[key])
        >>> [record] = plurel_links()
        >>> request = LinkRequest(foreign_key=key, child=orders, parent=users, stream=Stream(0))
        >>> record.factory().plan(request).block(0).shape
        (50,)
    """
    return ()


@hookspec
def plurel_timelines() -> Iterable[records.Timeline]:
    """Event times of a table's rows.

    Example:
        >>> import numpy as np
        >>> from plurel.plugins import hookimpl, records
        >>> HOOK_VERSION = 1
        >>> class Poisson:
        ...     def draw(self, request):
        ...         generator = request.stream.generator()
        ...         return np.sort(generator.integers(request.start, request.stop + 1, request.table.rows))
        >>> @hookimpl
        ... def plurel_timelines():
        ...     yield records.Timeline(
        ...         name="poisson", summary="Independent times, uniform over the period", factory=Poisson
        ...     )

        >>> from plurel.plugins.requests import TimelineRequest
        >>> from plurel.schema import Table
        >>> from plurel.seeding import Stream
        >>> visits = Table(name="visits", rows=5, role="activity", time_column="date")
        >>> [record] = plurel_timelines()
        >>> request = TimelineRequest(table=visits, start=0, stop=1_000_000, stream=Stream(0))
        >>> bool((np.diff(record.factory().draw(request)) >= 0).all())
        True
    """
    return ()


@hookspec
def plurel_table_models() -> Iterable[records.TableModel]:
    """What makes the values of one table, in blocks of rows.

    Example:
        >>> import attrs
        >>> from plurel.graph import CausalGraph
        >>> from plurel.plugins import hookimpl, records
        >>> from plurel.plugins.requests import PlannedColumn
        >>> HOOK_VERSION = 1
        >>> class WhiteNoise:
        ...     def plan(self, request):
        ...         return WhiteNoisePlan(request.table, request.stream)
        >>> @attrs.frozen
        ... class WhiteNoisePlan:
        ...     table: object
        ...     stream: object
        ...     mode = "eager"
        ...     graph = CausalGraph()
        ...     @property
        ...     def columns(self):
        ...         return tuple(PlannedColumn(name=one.name, kind="number") for one in self.table.columns)
        ...     def raw(self, request):
        ...         return {
        ...             column.name: (self.stream / column.name).generator(request.index)
        ...             .standard_normal(request.rows, dtype="f4")
        ...             for column in self.columns
        ...         }
        ...     def summarize(self, raw):
        ...         return None
        ...     def merge(self, left, right):
        ...         return None
        ...     def fit(self, summary):
        ...         return self
        ...     def apply(self, raw, request):
        ...         return raw
        >>> @hookimpl
        ... def plurel_table_models():
        ...     yield records.TableModel(
        ...         name="white_noise", summary="Columns that depend on nothing", factory=WhiteNoise
        ...     )

        >>> from plurel.plugins.requests import BlockRequest, TableRequest
        >>> from plurel.schema import Column, Table
        >>> from plurel.seeding import Stream
        >>> table = Table(name="t", rows=3, role="entity", columns=[Column(name="x", kind="number")])
        >>> [record] = plurel_table_models()
        >>> plan = record.factory().plan(TableRequest(table=table, parents=(), parts=None, stream=Stream(0)))
        >>> plan.raw(BlockRequest(index=0, start=0, stop=3, parent_rows={}))["x"].shape
        (3,)
    """
    return ()


@hookspec
def plurel_mechanisms() -> Iterable[records.Mechanism]:
    """The function of one causal node given its inputs.

    Example:
        >>> from plurel.plugins import hookimpl, records
        >>> HOOK_VERSION = 1
        >>> class Linear:
        ...     def plan(self, request):
        ...         return LinearPlan([one.weight for one in request.inputs])
        >>> class LinearPlan:
        ...     noise_shape = ()
        ...     def __init__(self, weights):
        ...         self.weights = weights
        ...     def compute(self, inputs, foreign, noise):
        ...         return sum((weight * x for weight, x in zip(self.weights, inputs)), start=noise)
        >>> @hookimpl
        ... def plurel_mechanisms():
        ...     yield records.Mechanism(name="weighted", summary="A weighted sum and noise", factory=Linear)

        >>> import numpy as np
        >>> from plurel.plugins.requests import MechanismRequest, NodeInput
        >>> from plurel.seeding import Stream
        >>> request = MechanismRequest(
        ...     inputs=(NodeInput(kind="number", weight=2.0),), output="number", categories=None, dim=32,
        ...     parts=None, stream=Stream(0),
        ... )
        >>> [record] = plurel_mechanisms()
        >>> node = record.factory().plan(request)
        >>> node.compute([np.ones(3, "f4")], None, np.zeros((3, *node.noise_shape), "f4")).tolist()
        [2.0, 2.0, 2.0]
    """
    return ()


@hookspec
def plurel_activations() -> Iterable[records.Activation]:
    """Elementwise functions, with drawn parameters where they have any.

    Example:
        >>> import attrs
        >>> import numpy as np
        >>> from plurel.plugins import hookimpl, records
        >>> HOOK_VERSION = 1
        >>> @attrs.frozen
        ... class BumpParams:
        ...     width: float = 1.0
        >>> class Bump:
        ...     def __init__(self, params):
        ...         self.width = np.float32(params.width)
        ...     def draw(self, stream):
        ...         return self.apply
        ...     def apply(self, x):
        ...         return np.exp(-np.square(x / self.width))
        >>> @hookimpl
        ... def plurel_activations():
        ...     yield records.Activation(
        ...         name="bump", summary="A Gaussian bump", factory=Bump, config=BumpParams,
        ...         aliases=("Gaussian",),
        ...     )

        >>> from plurel.seeding import Stream
        >>> [record] = plurel_activations()
        >>> record.factory(BumpParams(width=2.0)).draw(Stream(0))(np.zeros(2, "f4")).tolist()
        [1.0, 1.0]
    """
    return ()


@hookspec
def plurel_aggregations() -> Iterable[records.Aggregation]:
    """What joins the encodings of a node's inputs: `[edges, rows, dim] -> [rows, dim]`.

    Example:
        >>> from plurel.plugins import hookimpl, records
        >>> from plurel.plugins.protocols import Aggregation
        >>> HOOK_VERSION = 1
        >>> class Mean(Aggregation):
        ...     def __call__(self, stack):
        ...         return stack.mean(axis=0)
        >>> @hookimpl
        ... def plurel_aggregations():
        ...     yield records.Aggregation(name="mean", summary="The mean over inputs", factory=Mean)

        >>> import numpy as np
        >>> [record] = plurel_aggregations()
        >>> record.factory()(np.ones((2, 5, 3), "f4")).shape
        (5, 3)
    """
    return ()


@hookspec
def plurel_initializers() -> Iterable[records.Initializer]:
    """Weights of a shape.

    Example:
        >>> from plurel.plugins import hookimpl, records
        >>> HOOK_VERSION = 1
        >>> class Rademacher:
        ...     def draw(self, shape, stream):
        ...         return stream.generator().integers(0, 2, shape).astype("f4") * 2 - 1
        >>> @hookimpl
        ... def plurel_initializers():
        ...     yield records.Initializer(name="rademacher", summary="-1 or 1", factory=Rademacher)

        >>> from plurel.seeding import Stream
        >>> [record] = plurel_initializers()
        >>> sorted(set(record.factory().draw((8, 8), Stream(0)).ravel().tolist()))
        [-1.0, 1.0]
    """
    return ()


@hookspec
def plurel_noises() -> Iterable[records.Noise]:
    """Exogenous noise of a causal node.

    Example:
        >>> from plurel.plugins import hookimpl, records
        >>> HOOK_VERSION = 1
        >>> class Laplace:
        ...     def plan(self, stream):
        ...         return LaplacePlan(stream)
        >>> class LaplacePlan:
        ...     def __init__(self, stream):
        ...         self.stream = stream
        ...     def block(self, index, shape):
        ...         return self.stream.generator(index).laplace(size=shape).astype("f4")
        >>> @hookimpl
        ... def plurel_noises():
        ...     yield records.Noise(name="laplace", summary="Laplace noise of scale 1", factory=Laplace)

        >>> from plurel.seeding import Stream
        >>> [record] = plurel_noises()
        >>> record.factory().plan(Stream(0)).block(0, (4, 32)).shape
        (4, 32)
    """
    return ()


@hookspec
def plurel_sources() -> Iterable[records.Source]:
    """Values of a causal node without inputs: a series along the rows.

    Example:
        >>> import numpy as np
        >>> from plurel.plugins import hookimpl, records
        >>> HOOK_VERSION = 1
        >>> class Sawtooth:
        ...     def plan(self, request):
        ...         return SawtoothPlan(int(request.stream.generator().integers(2, 10)))
        >>> class SawtoothPlan:
        ...     def __init__(self, period):
        ...         self.period = period
        ...     def block(self, index, start, stop):
        ...         return (np.arange(start, stop) % self.period).astype("f4")
        >>> @hookimpl
        ... def plurel_sources():
        ...     yield records.Source(name="sawtooth", summary="A sawtooth of random period", factory=Sawtooth)

        >>> from plurel.plugins.requests import SourceRequest
        >>> from plurel.seeding import Stream
        >>> request = SourceRequest(
        ...     output="number", categories=None, rows=100, role="activity", parts=None, stream=Stream(0)
        ... )
        >>> [record] = plurel_sources()
        >>> record.factory().plan(request).block(0, 0, 100).shape
        (100,)
    """
    return ()


@hookspec
def plurel_column_types() -> Iterable[records.ColumnType]:
    """Types of column: their encoding in a store, their inference and their decoding.

    Example:
        >>> import numpy as np
        >>> from plurel.plugins import hookimpl, records
        >>> HOOK_VERSION = 1
        >>> class Count:
        ...     def infer(self, request):
        ...         counted = request.arrow_type.startswith("int") and (request.minimum or 0) >= 0
        ...         return 0.6 if counted else 0.0
        ...     def decode(self, values):
        ...         return np.floor(np.exp(np.clip(values, None, 20))).astype(np.int64)
        >>> @hookimpl
        ... def plurel_column_types():
        ...     yield records.ColumnType(
        ...         name="count", summary="How many: 0, 1, 2, ...", encoding="number", factory=Count
        ...     )

        >>> from plurel.plugins.requests import InferRequest
        >>> request = InferRequest(
        ...     name="visits", table="users", arrow_type="int64", count=9, nulls=0, distinct=3,
        ...     minimum=0, maximum=2,
        ... )
        >>> [record] = plurel_column_types()
        >>> record.factory().infer(request), record.factory().decode(np.zeros(2)).tolist()
        (0.6, [1, 1])
    """
    return ()


@hookspec
def plurel_value_generators() -> Iterable[records.ValueGenerator]:
    """Surface values of a column (names, e-mails, texts) from its numbers or labels.

    Example:
        >>> from plurel.plugins import hookimpl, records
        >>> HOOK_VERSION = 1
        >>> class Grade:
        ...     def generate(self, values, stream):
        ...         return ["ABCDEF"[int(value) % 6] for value in values]
        >>> @hookimpl
        ... def plurel_value_generators():
        ...     yield records.ValueGenerator(name="grade", summary="Labels as school grades", factory=Grade)

        >>> from plurel.seeding import Stream
        >>> [record] = plurel_value_generators()
        >>> record.factory().generate([0, 2, 1], Stream(0))
        ['A', 'C', 'B']
    """
    return ()


@hookspec
def plurel_transforms() -> Iterable[records.Transform]:
    """What happens to a column after generation; it says which whole-column facts it needs.

    Example:
        >>> from plurel.plugins import hookimpl, records
        >>> HOOK_VERSION = 1
        >>> class MinMax:
        ...     needs = frozenset({"minimum", "maximum"})
        ...     def fit(self, facts):
        ...         return FittedMinMax(facts.minimum, max(facts.maximum - facts.minimum, 1e-8))
        >>> class FittedMinMax:
        ...     def __init__(self, low, width):
        ...         self.low, self.width = low, width
        ...     def apply(self, values):
        ...         return (values - self.low) / self.width
        >>> @hookimpl
        ... def plurel_transforms():
        ...     yield records.Transform(name="min_max", summary="Onto the range 0 to 1", factory=MinMax)

        >>> import numpy as np
        >>> from plurel.plugins.requests import ColumnFacts
        >>> values = np.array([1.0, 3.0])
        >>> facts = ColumnFacts(count=2, mean=2.0, std=1.0, minimum=1.0, maximum=3.0, sorted_values=values)
        >>> [record] = plurel_transforms()
        >>> record.factory().fit(facts).apply(values).tolist()
        [0.0, 1.0]
    """
    return ()


@hookspec
def plurel_tasks() -> Iterable[records.TaskProposer]:
    """Prediction tasks proposed for a finished database.

    Example:
        >>> from plurel.plugins import hookimpl, records
        >>> from plurel.tasks import TaskDefinition
        >>> HOOK_VERSION = 1
        >>> class LastColumn:
        ...     def propose(self, request):
        ...         return [
        ...             define(request, table) for table in request.schema
        ...             if table.time_column and table.primary_key and table.columns
        ...         ]
        >>> def define(request, table):
        ...     target = table.columns[-1].name
        ...     labels = request.tables[table.name][[table.primary_key, table.time_column, target]]
        ...     seconds = labels[table.time_column].astype("int64")
        ...     cuts = {"train": seconds < request.val_timestamp, "test": seconds >= request.test_timestamp}
        ...     cuts["val"] = ~cuts["train"] & ~cuts["test"]
        ...     return TaskDefinition(
        ...         name=f"{table.name}-{target}", kind="autocomplete", task_type="regression",
        ...         entity_table=table.name, entity_col=table.primary_key, target_col=target,
        ...         time_col=table.time_column, splits={split: labels[cut] for split, cut in cuts.items()},
        ...         hidden=(target,),
        ...     )
        >>> @hookimpl
        ... def plurel_tasks():
        ...     yield records.TaskProposer(
        ...         name="last_column", summary="Predict the last column of timed tables", factory=LastColumn
        ...     )

        >>> import pandas as pd
        >>> from plurel.plugins.requests import TaskRequest
        >>> from plurel.schema import Column, Table
        >>> from plurel.seeding import Stream
        >>> table = Table(
        ...     name="t", rows=3, role="activity", primary_key="id", time_column="date",
        ...     columns=[Column(name="x", kind="number")],
        ... )
        >>> times = pd.Series([0, 10, 20]).astype("datetime64[us]")
        >>> frame = pd.DataFrame({"id": [0, 1, 2], "x": [0.5, 1.5, 2.5], "date": times})
        >>> request = TaskRequest(
        ...     tables={"t": frame}, schema=[table], val_timestamp=10, test_timestamp=20, stream=Stream(0)
        ... )
        >>> [record] = plurel_tasks()
        >>> [(task.name, len(task.splits["val"])) for task in record.factory().propose(request)]
        [('t-x', 1)]
    """
    return ()


@hookspec
def plurel_presets() -> Iterable[records.Preset]:
    """Named configs.

    Example:
        >>> from plurel.plugins import hookimpl, records
        >>> HOOK_VERSION = 1
        >>> def tiny():
        ...     from plurel.config import Config, DatabaseParams
        ...     return Config(database_params=DatabaseParams(num_tables_choices=3))
        >>> @hookimpl
        ... def plurel_presets():
        ...     yield records.Preset(name="tiny", summary="Three tables", factory=tiny)

        >>> [record] = plurel_presets()
        >>> record.factory().database_params.num_tables_choices.value
        (3,)
    """
    return ()


@hookspec
def plurel_importers() -> Iterable[records.Importer]:
    """Sources of real data that become RelBench directories.

    Example:
        >>> from datetime import datetime
        >>> import pandas as pd
        >>> from plurel.plugins import hookimpl, records
        >>> from plurel.relbench_io import write_directory
        >>> from plurel.schema import Schema, Table
        >>> HOOK_VERSION = 1
        >>> LETTERS = Table(name="letters", rows=2, role="entity", primary_key="id")
        >>> class Letters:
        ...     def run(self, request):
        ...         letters = pd.DataFrame({"id": [0, 1], "letter": ["a", "b"]})
        ...         return write_directory(
        ...             request.out, name="rel-letters", tables={"letters": letters},
        ...             schema=Schema(tables=[LETTERS]),
        ...             val_timestamp=datetime(2020, 1, 1), test_timestamp=datetime(2020, 7, 1),
        ...         )
        >>> @hookimpl
        ... def plurel_importers():
        ...     yield records.Importer(name="letters", summary="A table of letters", factory=Letters)

        >>> import tempfile
        >>> from pathlib import Path
        >>> from plurel.plugins.requests import ImportRequest
        >>> [record] = plurel_importers()
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     made = record.factory().run(ImportRequest(out=Path(folder) / "rel-letters"))
        ...     sorted(path.relative_to(made).as_posix() for path in made.rglob("*.*"))
        ['db/letters.parquet', 'manifest.yaml']
    """
    return ()


@hookspec
def plurel_exporters() -> Iterable[records.Exporter]:
    """A database directory in another form.

    Example:
        >>> import pandas as pd
        >>> from plurel.plugins import hookimpl, records
        >>> HOOK_VERSION = 1
        >>> class JsonLines:
        ...     def run(self, request):
        ...         for table in sorted((request.database / "db").glob("*.parquet")):
        ...             out = f"{request.destination}/{table.stem}.jsonl"
        ...             pd.read_parquet(table).to_json(out, orient="records", lines=True, date_format="iso")
        >>> @hookimpl
        ... def plurel_exporters():
        ...     yield records.Exporter(name="jsonl", summary="One JSON document a row", factory=JsonLines)

        >>> import tempfile
        >>> from pathlib import Path
        >>> from plurel.plugins.requests import ExportRequest
        >>> [record] = plurel_exporters()
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     (Path(folder) / "db").mkdir()
        ...     pd.DataFrame({"id": [0]}).to_parquet(Path(folder) / "db" / "t.parquet")
        ...     record.factory().run(ExportRequest(database=Path(folder), destination=folder))
        ...     (Path(folder) / "t.jsonl").read_text().strip()
        '{"id":0}'
    """
    return ()


@hookspec
def plurel_embedders() -> Iterable[records.Embedder]:
    """Vectors for the texts of a store.

    Example:
        >>> import numpy as np
        >>> from plurel.plugins import hookimpl, records
        >>> HOOK_VERSION = 1
        >>> class Letters:
        ...     name, width, fingerprint = "letters", 26, "letters-1"
        ...     def embed(self, texts):
        ...         rows = [[text.lower().count(chr(97 + place)) for place in range(26)] for text in texts]
        ...         return np.array(rows, "f4").reshape(-1, 26)
        >>> @hookimpl
        ... def plurel_embedders():
        ...     yield records.Embedder(name="letters", summary="Counts of letters", factory=Letters)

        >>> [record] = plurel_embedders()
        >>> record.factory().embed(["abba"])[0, :3].tolist()
        [2.0, 2.0, 0.0]
    """
    return ()


@hookspec
def plurel_models() -> Iterable[records.Model]:
    """Configurations of the relational transformer, or other torch modules over the same batch.

    Example:
        >>> import attrs
        >>> from plurel.plugins import hookimpl, records
        >>> HOOK_VERSION = 1
        >>> @attrs.frozen
        ... class ConstantParams:
        ...     text_width: int = 256  # a run sets it to the width of its stores' vectors
        ...     seed: int = 0  # a run derives it from its own
        >>> def constant(params):
        ...     import torch
        ...     class Constant(torch.nn.Module):
        ...         def __init__(self):
        ...             super().__init__()
        ...             self.guess = torch.nn.Parameter(torch.zeros(()))
        ...         def forward(self, batch):  # the loss of every sequence, [B]
        ...             return (batch.targets.label - self.guess) ** 2
        ...         def predict(self, batch):  # values in their own units, [B]
        ...             return self.guess * batch.targets.std + batch.targets.mean
        ...     return Constant()
        >>> @hookimpl
        ... def plurel_models():
        ...     yield records.Model(
        ...         name="constant", summary="The same guess everywhere", factory=constant,
        ...         config=ConstantParams,
        ...     )

        >>> [record] = plurel_models()
        >>> record.config(text_width=64).seed
        0
    """
    return ()


@hookspec
def plurel_heads() -> Iterable[records.Head]:
    """Torch modules with `loss` and `predict` for cells of one encoding or several.

    Example:
        >>> from plurel.plugins import hookimpl, records
        >>> HOOK_VERSION = 1
        >>> def middle():
        ...     import torch
        ...     class Middle(torch.nn.Module):
        ...         def __init__(self):
        ...             super().__init__()
        ...             self.guess = torch.nn.Parameter(torch.zeros(()))
        ...         def loss(self, hidden, targets):  # [N, dim] hidden states -> [N]
        ...             return (targets.label - self.guess).abs()
        ...         def predict(self, hidden, targets):  # values in their own units, [N]
        ...             return self.guess * targets.std + targets.mean
        ...     return Middle()
        >>> @hookimpl
        ... def plurel_heads():
        ...     yield records.Head(
        ...         name="middle", summary="The same guess for every number", encodings=("number",),
        ...         factory=middle,
        ...     )

        >>> [record] = plurel_heads()
        >>> record.encodings
        ('number',)
    """
    return ()


@hookspec
def plurel_executors() -> Iterable[records.Executor]:
    """What runs independent jobs: local processes, or a cluster's.

    Example:
        >>> from plurel.plugins import hookimpl, records
        >>> HOOK_VERSION = 1
        >>> class InTurn:
        ...     def map(self, function, jobs):
        ...         return map(function, jobs)
        >>> @hookimpl
        ... def plurel_executors():
        ...     yield records.Executor(name="in_turn", summary="One job after the other", factory=InTurn)

        >>> [record] = plurel_executors()
        >>> list(record.factory().map(abs, [-1, 2]))
        [1, 2]
    """
    return ()


@hookspec
def plurel_artefacts() -> Iterable[records.Artefact]:
    """Forms in which results lie on disk: how one is recognised, read and checked.

    Example:
        >>> from plurel.artefacts import Contents
        >>> from plurel.plugins import hookimpl, records
        >>> from plurel.validate import Breach
        >>> HOOK_VERSION = 1
        >>> class Notebook:
        ...     def inspect(self, request):
        ...         pages = sorted(page.name for page in request.path.glob("*.page"))
        ...         return Contents(summary=f"{len(pages)} pages", facts={"pages": pages})
        ...     def validate(self, request):
        ...         return [
        ...             Breach("page", page.name, "is empty; a page has words")
        ...             for page in sorted(request.path.glob("*.page")) if not page.read_text()
        ...         ]
        >>> @hookimpl
        ... def plurel_artefacts():
        ...     yield records.Artefact(
        ...         name="notebook", summary="Pages of notes", signs=("notebook.json",), factory=Notebook
        ...     )

        >>> import tempfile
        >>> from pathlib import Path
        >>> from plurel.plugins.requests import ArtefactRequest
        >>> [record] = plurel_artefacts()
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     (Path(folder) / "1.page").touch()
        ...     print(*record.factory().validate(ArtefactRequest(path=Path(folder))))
        1.page: is empty; a page has words [page]
    """
    return ()


@hookspec
def plurel_commands() -> Iterable[records.Command]:
    """Subcommands of `plurel`: the factory is a cyclopts app, which is imported when it is run.

    Example:
        >>> import cyclopts
        >>> from plurel.plugins import hookimpl, records
        >>> HOOK_VERSION = 1
        >>> app = cyclopts.App(name="hello", help="Greet somebody.")
        >>> @app.default
        ... def hello(name: str = "world") -> None:
        ...     from plurel.cli.output import reporter
        ...     reporter().result(f"hello {name}")
        >>> @hookimpl
        ... def plurel_commands():
        ...     yield records.Command(name="hello", summary="Greet somebody", factory=app)

        >>> [record] = plurel_commands()
        >>> record.factory(["plurel"], result_action="return_value")
        hello plurel
    """
    return ()
