"""What plurel-scm contributes, by kind. Records only: nothing heavy is imported here."""

from __future__ import annotations

from functools import partial
from typing import Any

from plurel.plugins import hookimpl, records

HOOK_VERSION = 1

_ACTIVATIONS = {
    "relu": "max(x, 0)",
    "elu": "x where positive, exp(x) - 1 elsewhere",
    "selu": "the scaled elu of self-normalising networks",
    "silu": "x sigmoid(x)",
    "softsign": "x / (1 + |x|)",
    "tanh": "hyperbolic tangent",
    "sigmoid": "logistic function",
    "hardswish": "x hardsigmoid(x)",
    "mish": "x tanh(softplus(x))",
    "leaky_relu": "x where positive, 0.01 x elsewhere",
    "gelu": "x times the normal distribution function",
    "softplus": "log(1 + exp(x))",
    "hardsigmoid": "x / 6 + 1/2 cut to 0..1",
    "hardtanh": "x cut to -1..1",
    "celu": "elu at scale 1",
    "tanhshrink": "x - tanh(x)",
    "rrelu": "x where positive, 0.229 x elsewhere",
    "logsigmoid": "log(sigmoid(x))",
    "softshrink": "x drawn towards 0 by 0.5",
    "hardshrink": "x, but 0 in -0.5..0.5",
    "identity": "x",
    "abs": "|x|",
    "sin": "sine",
    "cos": "cosine",
    "sign": "-1, 0 or 1",
    "clamp": "x cut to -1..1",
    "signed_log1p": "sign(x) log(1 + |x|)",
    "bent_identity": "(sqrt(x^2 + 1) - 1) / 2 + x",
}

_INITIALIZERS = {
    "kaiming_normal": "normal, sd sqrt(2 / outputs)",
    "kaiming_uniform": "uniform, sd sqrt(2 / outputs)",
    "xavier_normal": "normal, sd sqrt(2 / (inputs + outputs))",
    "xavier_uniform": "uniform, sd sqrt(2 / (inputs + outputs))",
    "truncated_normal": "standard normal cut at +-2",
    "sparse": "normal, sd 0.01, with half of every column zero",
}


def _itself(parameters: Any) -> Any:
    """The factory of contributions whose class of parameters also does the work."""
    return parameters


def _activation(name: str) -> Any:
    from plurel_scm.activations import fixed

    return fixed(name)


def _initializer(name: str) -> Any:
    from plurel_scm.initializers import initializer

    return initializer(name)


@hookimpl
def plurel_table_models() -> list[records.TableModel]:
    """The structural causal model."""
    return [
        records.TableModel(
            name="scm",
            summary="structural causal model: a graph of nodes, some of which are columns",
            config="plurel_scm.table_model:Scm",
            factory=_itself,
            revision=2,
        )
    ]


@hookimpl
def plurel_mechanisms() -> list[records.Mechanism]:
    """The multilayer perceptron of the prior, and two that are simpler to read."""
    return [
        records.Mechanism(
            name="mlp",
            summary="networks that encode each input, an aggregation, noise, and a network that decodes",
            config="plurel_scm.mechanisms:Mlp",
            factory=_itself,
            revision=2,
        ),
        records.Mechanism(
            name="linear",
            summary="weighted sum of scaled inputs, and noise",
            config="plurel_scm.linear:Linear",
            factory=_itself,
        ),
        records.Mechanism(
            name="trees",
            summary="ensemble of oblivious trees over the inputs, and noise",
            config="plurel_scm.trees:Trees",
            factory=_itself,
        ),
    ]


@hookimpl
def plurel_activations() -> list[records.Activation]:
    """The prior's 29 elementwise functions."""
    fixed = [
        records.Activation(name=name, summary=summary, factory=partial(_activation, name))
        for name, summary in _ACTIVATIONS.items()
    ]
    return [
        *fixed,
        records.Activation(
            name="random_sines",
            summary="a drawn sum of 3 to 7 sines",
            config="plurel_scm.activations:RandomSines",
            factory=_itself,
            revision=2,
        ),
    ]


@hookimpl
def plurel_aggregations() -> list[records.Aggregation]:
    """What joins encodings."""
    return [
        records.Aggregation(name="sum", summary="sum over the inputs", factory="plurel_scm.aggregations:Sum"),
        records.Aggregation(name="max", summary="largest input", factory="plurel_scm.aggregations:Max"),
        records.Aggregation(
            name="product", summary="product of the inputs", factory="plurel_scm.aggregations:Product"
        ),
        records.Aggregation(
            name="logsumexp",
            summary="logarithm of the summed exponentials, a smooth maximum",
            factory="plurel_scm.aggregations:LogSumExp",
            aliases=("logexp",),
        ),
    ]


@hookimpl
def plurel_initializers() -> list[records.Initializer]:
    """The prior's six initialisers; the output width stands for the fan-in."""
    return [
        records.Initializer(name=name, summary=summary, factory=partial(_initializer, name), revision=2)
        for name, summary in _INITIALIZERS.items()
    ]


@hookimpl
def plurel_noises() -> list[records.Noise]:
    """Exogenous noise."""
    return [
        records.Noise(
            name="beta",
            summary="Beta distributed in 0..1, with parameters of each node's own",
            config="plurel_scm.noises:Beta",
            factory=_itself,
            revision=2,
        )
    ]


@hookimpl
def plurel_sources() -> list[records.Source]:
    """Nodes without inputs."""
    return [
        records.Source(
            name="ts",
            summary="series along the rows: trend, cycle and autocorrelated noise",
            config="plurel_scm.series:Ts",
            factory=_itself,
            revision=2,
        ),
        records.Source(
            name="uniform",
            summary="independent rows, uniform between drawn bounds",
            config="plurel_scm.sources:Uniform",
            factory=_itself,
            revision=2,
        ),
        records.Source(
            name="gaussian",
            summary="independent rows, normal, clipped to drawn bounds",
            config="plurel_scm.sources:Gaussian",
            factory=_itself,
            revision=2,
        ),
        records.Source(
            name="beta",
            summary="independent rows, Beta distributed between drawn bounds",
            config="plurel_scm.sources:Beta",
            factory=_itself,
            revision=2,
        ),
        records.Source(
            name="mixed",
            summary="independent rows, a mixture of 2 or 3 of the other kinds",
            config="plurel_scm.sources:Mixed",
            factory=_itself,
            revision=2,
        ),
    ]


@hookimpl
def plurel_links() -> list[records.Links]:
    """Which parent a child row points at."""
    return [
        records.Links(
            name="hierarchical_blocks",
            summary="hierarchical stochastic block model over contiguous blocks of rows",
            config="plurel_scm.links:HierarchicalBlocks",
            factory=_itself,
            revision=2,
        )
    ]


@hookimpl
def plurel_timelines() -> list[records.Timeline]:
    """Event times."""
    return [
        records.Timeline(
            name="even",
            summary="evenly spaced over the period, both ends included",
            factory="plurel_scm.timelines:Even",
        )
    ]


@hookimpl
def plurel_transforms() -> list[records.Transform]:
    """What happens to a float column after generation."""
    return [
        records.Transform(
            name="identity", summary="values as they are", factory="plurel_scm.transforms:identity"
        ),
        records.Transform(
            name="rank_uniform",
            summary="rank / (count + 1), ties at their average rank",
            factory="plurel_scm.transforms:RankUniform",
        ),
        records.Transform(
            name="log",
            summary="sign(x) log(1 + |x|)",
            factory="plurel_scm.transforms:signed_log",
            revision=2,
        ),
        records.Transform(
            name="sqrt", summary="sign(x) sqrt(|x|)", factory="plurel_scm.transforms:signed_sqrt"
        ),
        records.Transform(
            name="standardize",
            summary="mean 0 and population standard deviation 1",
            factory="plurel_scm.transforms:Standardize",
        ),
    ]


@hookimpl
def plurel_presets() -> list[records.Preset]:
    """Named configs of the prior."""
    return [
        records.Preset(
            name="default",
            summary="the same as plurel-1.1",
            factory="plurel_scm.presets:plurel_1_1",
            revision=2,
        ),
        records.Preset(
            name="plurel-1.1",
            summary="the prior of PluRel's release 1.1.0 (arXiv 2602.04029)",
            factory="plurel_scm.presets:plurel_1_1",
        ),
        records.Preset(
            name="plurel-paper",
            summary="the prior of PluRel's tag v1.0.0, which its paper used (arXiv 2602.04029)",
            factory="plurel_scm.presets:plurel_paper",
        ),
    ]
