"""What this distribution contributes: names and references, nothing heavy."""

from __future__ import annotations

from collections.abc import Iterable

from plurel.plugins import hookimpl, records

HOOK_VERSION = 1

_HERE = "plurel_test_every_kind"


@hookimpl
def plurel_layouts() -> Iterable[records.Layout]:
    """Graphs."""
    yield records.Layout(
        name="chain",
        summary="All nodes on one path, with jumps over one node",
        config=f"{_HERE}.structure:ChainParams",
        factory=f"{_HERE}.structure:Chain",
        aliases=("Chain",),
    )


@hookimpl
def plurel_links() -> Iterable[records.Links]:
    """Links."""
    yield records.Links(
        name="popular",
        summary="Few parents have most children",
        config=f"{_HERE}.structure:PopularParams",
        factory=f"{_HERE}.structure:Popular",
    )


@hookimpl
def plurel_timelines() -> Iterable[records.Timeline]:
    """Event times."""
    yield records.Timeline(
        name="uniform",
        summary="Independent times, uniform over the period",
        factory=f"{_HERE}.structure:UniformTimes",
    )


@hookimpl
def plurel_table_models() -> Iterable[records.TableModel]:
    """Values of tables."""
    yield records.TableModel(
        name="mixture",
        summary="Rows of a few kinds, each with its own means and labels",
        config=f"{_HERE}.mixture:MixtureParams",
        factory=f"{_HERE}.mixture:Mixture",
    )


@hookimpl
def plurel_mechanisms() -> Iterable[records.Mechanism]:
    """Functions of causal nodes."""
    yield records.Mechanism(
        name="weighted",
        summary="An activation of a weighted sum",
        config=f"{_HERE}.nodes:LinearParams",
        factory=f"{_HERE}.nodes:Linear",
        revision=2,
    )


@hookimpl
def plurel_activations() -> Iterable[records.Activation]:
    """Elementwise functions."""
    yield records.Activation(
        name="bump",
        summary="A Gaussian bump of drawn width",
        config=f"{_HERE}.nodes:BumpParams",
        factory=f"{_HERE}.nodes:Bump",
    )


@hookimpl
def plurel_aggregations() -> Iterable[records.Aggregation]:
    """What joins encodings."""
    yield records.Aggregation(name="mean", summary="The mean over inputs", factory=f"{_HERE}.nodes:Mean")


@hookimpl
def plurel_initializers() -> Iterable[records.Initializer]:
    """Weights."""
    yield records.Initializer(
        name="rademacher", summary="-1 or 1, over the root of the inputs", factory=f"{_HERE}.nodes:Rademacher"
    )


@hookimpl
def plurel_noises() -> Iterable[records.Noise]:
    """Exogenous noise."""
    yield records.Noise(
        name="laplace",
        summary="Laplace noise",
        config=f"{_HERE}.nodes:LaplaceParams",
        factory=f"{_HERE}.nodes:Laplace",
    )


@hookimpl
def plurel_sources() -> Iterable[records.Source]:
    """Nodes without inputs."""
    yield records.Source(
        name="sawtooth", summary="A sawtooth of drawn period", factory=f"{_HERE}.nodes:Sawtooth"
    )


@hookimpl
def plurel_column_types() -> Iterable[records.ColumnType]:
    """Types of columns."""
    yield records.ColumnType(
        name="rating",
        summary="Stars, 1 to 5",
        encoding="number",
        factory=f"{_HERE}.columns:Rating",
    )


@hookimpl
def plurel_transforms() -> Iterable[records.Transform]:
    """What happens to columns after generation."""
    yield records.Transform(
        name="arctan", summary="The arc tangent of standard scores", factory=f"{_HERE}.columns:Arctan"
    )


@hookimpl
def plurel_tasks() -> Iterable[records.TaskProposer]:
    """Prediction tasks."""
    yield records.TaskProposer(
        name="last_number",
        summary="Predict the last number of every timed table",
        factory=f"{_HERE}.columns:LastNumber",
    )


@hookimpl
def plurel_presets() -> Iterable[records.Preset]:
    """Named configs."""
    yield records.Preset(
        name="every_kind",
        summary="A small database that uses all of this distribution",
        factory=f"{_HERE}.preset:every_kind",
        revision=4,
    )


@hookimpl
def plurel_importers() -> Iterable[records.Importer]:
    """Real sources."""
    yield records.Importer(
        name="orchard", summary="Trees and what they yielded", factory=f"{_HERE}.orchard:Orchard"
    )


@hookimpl
def plurel_embedders() -> Iterable[records.Embedder]:
    """Vectors of texts."""
    yield records.Embedder(
        name="letters", summary="Shares of letters", factory=f"{_HERE}.letters:Letters", revision=3
    )


@hookimpl
def plurel_models() -> Iterable[records.Model]:
    """Models."""
    yield records.Model(
        name="pooled",
        summary="The mean over a context's cells, then a head",
        config=f"{_HERE}.pooled:PooledParams",
        factory=f"{_HERE}.pooled:Pooled",
    )


@hookimpl
def plurel_heads() -> Iterable[records.Head]:
    """Heads."""
    yield records.Head(
        name="absolute",
        summary="A number or a moment; absolute error",
        encodings=("number", "datetime"),
        config="plurel_rt.heads:HeadConfig",
        factory=f"{_HERE}.pooled:AbsoluteHead",
    )


@hookimpl
def plurel_executors() -> Iterable[records.Executor]:
    """Where jobs run."""
    yield records.Executor(
        name="in_turn", summary="One job after the other, here", factory=f"{_HERE}.in_turn:InTurn"
    )


@hookimpl
def plurel_commands() -> Iterable[records.Command]:
    """Subcommands."""
    yield records.Command(
        name="census", summary="Count the rows of a database", factory=f"{_HERE}.census:app"
    )
