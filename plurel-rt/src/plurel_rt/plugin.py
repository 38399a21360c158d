"""What this distribution contributes: a model, its heads and three commands. Not here: torch."""

from __future__ import annotations

from collections.abc import Iterable

from plurel.plugins import hookimpl, records

HOOK_VERSION = 1


@hookimpl
def plurel_models() -> Iterable[records.Model]:
    """The Relational Transformer as PluRel was published with it."""
    return [
        records.Model(
            name="rt-plurel",
            summary="Relational Transformer of PluRel: column, feature and neighbour attention, then SwiGLU",
            config="plurel_rt.model:ModelConfig",
            factory="plurel_rt.model:build",
        )
    ]


@hookimpl
def plurel_heads() -> Iterable[records.Head]:
    """One linear head for each kind of value."""
    return [
        records.Head(
            name="number",
            summary="a standardised number; Huber loss with delta 1",
            encodings=("number",),
            config="plurel_rt.heads:HeadConfig",
            factory="plurel_rt.heads:NumberHead",
        ),
        records.Head(
            name="datetime",
            summary="a standardised moment in time; Huber loss with delta 1",
            encodings=("datetime",),
            config="plurel_rt.heads:HeadConfig",
            factory="plurel_rt.heads:DatetimeHead",
        ),
        records.Head(
            name="boolean",
            summary="the probability of True; binary cross-entropy",
            encodings=("boolean",),
            config="plurel_rt.heads:HeadConfig",
            factory="plurel_rt.heads:BooleanHead",
        ),
        records.Head(
            name="text",
            summary="the direction of a text's or category's embedding; 1 - cosine similarity",
            encodings=("text", "category"),
            config="plurel_rt.heads:HeadConfig",
            factory="plurel_rt.heads:TextHead",
        ),
    ]


@hookimpl
def plurel_embedders() -> Iterable[records.Embedder]:
    """Vectors that know meaning, from a model that a person names."""
    return [
        records.Embedder(
            name="sentence-transformers",
            summary="a sentence-transformers model, from a folder or by its name: knows meaning",
            config="plurel_rt.sentences:SentenceParams",
            factory="plurel_rt.sentences:SentenceEmbedder",
        )
    ]


@hookimpl
def plurel_artefacts() -> Iterable[records.Artefact]:
    """Checkpoints."""
    return [
        records.Artefact(
            name="checkpoint",
            summary="the weights of a model with its config and training state, or a run with several",
            signs=("model.safetensors", "config.json", "checkpoints/step-*"),
            factory="plurel_rt.artefact:CheckpointArtefact",
        )
    ]


@hookimpl
def plurel_commands() -> Iterable[records.Command]:
    """What a person does with a model."""
    return [
        records.Command(
            name="pretrain",
            summary="Train a model on packed stores, as a recipe says",
            factory="plurel_rt.commands:pretrain_app",
        ),
        records.Command(
            name="evaluate",
            summary="Score a checkpoint on a store's tasks, beside baselines",
            factory="plurel_rt.commands:evaluate_app",
        ),
        records.Command(
            name="demo",
            summary="Run the whole chain in minutes, up to scores on real flights",
            factory="plurel_rt.demo:app",
        ),
    ]
