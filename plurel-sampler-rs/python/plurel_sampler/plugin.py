"""What this distribution contributes to plurel. Loaded by core's ledger only, and imports nothing heavy."""

from __future__ import annotations

from collections.abc import Iterable

from plurel.plugins import hookimpl, records

HOOK_VERSION = 1


@hookimpl
def plurel_embedders() -> Iterable[records.Embedder]:
    """The embedder that needs no model."""
    yield records.Embedder(
        name="hashed",
        summary="Hashed words and character n-grams: knows spelling, not meaning; needs no download",
        factory="plurel_sampler._hashed:make",
        config="plurel_sampler._hashed:HashedParams",
    )


@hookimpl
def plurel_artefacts() -> Iterable[records.Artefact]:
    """Stores."""
    yield records.Artefact(
        name="store",
        summary="A database packed for models: memory-mapped cells, links, times and text vectors",
        signs=("store.json",),
        factory="plurel_sampler.artefact:StoreArtefact",
    )


@hookimpl
def plurel_commands() -> Iterable[records.Command]:
    """Packing databases."""
    yield records.Command(
        name="preprocess",
        summary="Pack RelBench directories into stores that models are fed from",
        factory="plurel_sampler.commands:app",
    )
