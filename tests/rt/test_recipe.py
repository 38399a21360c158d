"""Recipes: strict, with paths; shipped ones are whole."""

from __future__ import annotations

from pathlib import Path

import pytest
from attrs import evolve

from plurel.config.convert import structure
from plurel.errors import ConfigError, RequestError, UnknownNameError
from plurel_rt.recipe import (
    Recipe,
    check_same_run,
    continued_recipe,
    load_recipe,
    resolve_stores,
    shipped_recipes,
)


def written(tmp_path: Path, text: str) -> str:
    file = tmp_path / "recipe.yaml"
    file.write_text(text)
    return str(file)


@pytest.mark.parametrize("name", shipped_recipes())
def test_shipped_recipes_load_and_round_trip(name: str) -> None:
    recipe = load_recipe(name)
    assert structure(recipe.to_dict(), Recipe) == recipe
    assert set(recipe.model) == {"name", "dim", "depth", "heads", "ff", "decoders"}


def test_assignments_stand_above_the_file(tmp_path: Path) -> None:
    recipe = load_recipe(
        written(tmp_path, "lr: 0.1\nmodel: {name: rt-plurel, dim: 32}\n"), ["model.depth=3", "lr=0.2"]
    )
    assert (recipe.lr, recipe.model["dim"], recipe.model["depth"]) == (0.2, 32, 3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("step: 5", r"unknown key 'step'; closest: steps @ \$"),
        ("steps: 1.5", r"an integer from 1 to \d+, got 1.5 @ \$\.steps"),
        ("steps: 0", r"an integer from 1 to \d+, got 0 @ \$\.steps"),
        ("lr: .nan", r"a finite number above 0, got nan @ \$\.lr"),
        ("warmup: 2", r"a number from 0 to 1, got 2.* @ \$\.warmup"),
        ("eval_every: -1", r"got -1 @ \$\.eval_every"),
        ("batch_size: 1000000000", r"an integer from 1 to 65536, got 1000000000 @ \$\.batch_size"),
        ("accumulate: 1000000000", r"@ \$\.accumulate"),
        ("steps: 1000000000000000000000", r"@ \$\.steps"),
        ("encodings: [nmber]", r"one of number, .*, text; got 'nmber'; closest: number @ \$\.encodings\[0\]"),
        ("out: ''", r"this path names no folder and no file: it is empty .* @ \$\.out"),
        ('out: "a\\uD83D"', r"this path is not UTF-8, .* @ \$\.out"),
        ("init: ''", r"this path names no folder and no file: .* @ \$\.init"),
        ('stores: [a, "b\\0"]', r"this path holds a null character, .* @ \$\.stores\[1\]"),
        (f"stores: [{'a/' * 1500}]", r"this path has 1,500 folders .* @ \$\.stores\[0\]"),
        ("seed: 100000000000000000000000", r"@ \$\.seed"),
        ("threads: 1000000000", r"@ \$\.threads"),
        ("context: {length: 1000000000}", r"@ \$\.context\.length"),
        ("context: {width: 100000000000}", r"@ \$\.context\.width"),
        ("context: {lenght: 5}", r"unknown key 'lenght'; closest: length @ \$\.context"),
        ("model: {name: rt-plurel, dimm: 5}", r"unknown key 'dimm'; closest: dim @ \$\.model"),
        ("model: {name: rt-plurel, dim: 10, heads: 4}", r"not a multiple of heads 4.*@ \$\.model"),
        ("model: {name: rt-plurel, depth: 1000000000}", r"from 1 to 1024, got 1000000000 @ \$\.model\.depth"),
        ("model: {name: rt-plurel, dim: 1000000000}", r"from 1 to 65536, got 1000000000 @ \$\.model\.dim"),
        ("model: {dim: 5}", r"a model is a name with parameters.*@ \$\.model"),
        ("model: {name: rt-plurel, seed: 5}", r"'seed' of a model is set by the run.*@ \$\.model\.seed"),
        ("balance: even", r"@ \$\.balance"),
    ],
)
def test_what_is_wrong_is_said_with_its_path(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_recipe(written(tmp_path, text))


def test_a_run_that_goes_on_takes_what_is_left_out_from_its_own_recipe(tmp_path: Path) -> None:
    began = load_recipe("tiny", ["stores=[a, b]", "model.dim=8", "context.children=recent"]).to_dict()
    assert continued_recipe(began, None, "here") == structure({**began, "out": "here"}, Recipe)
    little = written(
        tmp_path, "steps: 9\nout: there\ncontext: {length: 7}\nmodel: {name: rt-plurel, ff: 3}\n"
    )
    recipe = continued_recipe(began, little, "here", ["lr=0.5"])
    assert recipe.stores == ("a", "b")
    assert (recipe.steps, recipe.out, recipe.lr) == (9, "here", 0.5)
    assert (recipe.context.length, recipe.context.children) == (7, "recent")
    assert (recipe.model["dim"], recipe.model["ff"]) == (8, 3)
    with pytest.raises(ConfigError, match="unknown key 'step'"):
        continued_recipe(began, written(tmp_path, "step: 5"), "here")


def test_the_first_difference_between_two_runs_is_named() -> None:
    recipe = load_recipe("tiny", ["stores=[a]"])
    check_same_run(evolve(recipe, steps=9, stores=("b",), batch_size=2, keep=9), recipe, Path("run"))
    with pytest.raises(
        ConfigError,
        match=r"run was trained with model\.dim = 32 and cannot go on with 64; .* @ \$\.model\.dim",
    ):
        check_same_run(evolve(recipe, model={**recipe.model, "dim": 64}), recipe, Path("run"))


def test_an_unknown_model_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"rt-plurell.*rt-plurel"):
        load_recipe(written(tmp_path, "model: {name: rt-plurell}"))


def test_an_unknown_recipe_names_the_shipped_ones() -> None:
    with pytest.raises(RequestError, match=r"no recipe 'tinny'.*synthetic, tiny"):
        load_recipe("tinny")


def test_stores_are_found_by_pattern_once_each(tmp_path: Path, shop_store: Path) -> None:
    recipe = resolve_stores(Recipe(stores=(str(shop_store), f"{shop_store.parent}/*")))
    assert recipe.stores == (str(shop_store),)
    with pytest.raises(ConfigError, match=r"no packed store at .*@ \$\.stores\[1\]"):
        resolve_stores(Recipe(stores=(str(shop_store), f"{tmp_path}/*")))
    with pytest.raises(ConfigError, match=r"at least one store.*@ \$\.stores"):
        resolve_stores(Recipe())
