"""Streams: the same named draw whatever else is drawn, and different names never share their numbers."""

from __future__ import annotations

import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plurel.seeding import Stream

parts = st.one_of(st.text(max_size=8), st.integers(-(2**70), 2**70))
paths = st.lists(parts, max_size=5)
seeds = st.integers(-(2**64), 2**64)


def stream_of(seed: int, path: list[str | int]) -> Stream:
    stream = Stream(seed)
    for part in path:
        stream = stream / part
    return stream


def draws(stream: Stream, block: int = 0) -> list[int]:
    return [int(number) for number in stream.generator(block).integers(0, 2**63, 4)]


@given(seed=seeds, path=paths)
def test_a_path_always_gives_the_same_numbers(seed: int, path: list[str | int]) -> None:
    assert draws(stream_of(seed, path)) == draws(Stream(seed, path))


@given(seed=seeds, path=paths, others=st.lists(st.tuples(seeds, paths), max_size=5))
def test_a_draw_does_not_depend_on_what_else_is_drawn(
    seed: int, path: list[str | int], others: list[tuple[int, list[str | int]]]
) -> None:
    alone = draws(stream_of(seed, path))
    for other_seed, other_path in others:
        draws(stream_of(other_seed, other_path), block=3)
    between = stream_of(seed, path)
    draws(between / "a consumer that came later")
    assert draws(between) == alone


@given(seed=seeds, path=paths, other_seed=seeds, other=paths)
def test_different_paths_have_different_keys(
    seed: int, path: list[str | int], other_seed: int, other: list[str | int]
) -> None:
    same = (seed, *path) == (other_seed, *other)
    assert (stream_of(seed, path).key == stream_of(other_seed, other).key) == same


@given(number=st.integers(-(2**40), 2**40))
def test_a_number_and_its_digits_are_different_names(number: int) -> None:
    assert (Stream(0) / number).key != (Stream(0) / str(number)).key


@given(left=st.text(max_size=4), right=st.text(max_size=4))
def test_names_do_not_run_into_each_other(left: str, right: str) -> None:
    assert (Stream(0) / left / right).key != (Stream(0) / (left + right)).key


@given(seed=seeds, path=paths, blocks=st.sets(st.integers(0, 2**64 - 1), min_size=2, max_size=4))
def test_blocks_of_a_stream_are_different_and_independent_of_their_order(
    seed: int, path: list[str | int], blocks: set[int]
) -> None:
    stream = stream_of(seed, path)
    forwards = {block: draws(stream, block) for block in sorted(blocks)}
    backwards = {block: draws(stream, block) for block in sorted(blocks, reverse=True)}
    assert forwards == backwards
    assert len({tuple(numbers) for numbers in forwards.values()}) == len(blocks)


@given(seed=seeds, path=paths)
def test_a_stream_survives_pickling(seed: int, path: list[str | int]) -> None:
    stream = stream_of(seed, path)
    copy = pickle.loads(pickle.dumps(stream))
    assert copy == stream
    assert draws(copy) == draws(stream)


@given(seed=seeds)
def test_numpys_global_state_is_left_alone(seed: int) -> None:
    before = np.random.get_state(legacy=True)[1].copy()  # type: ignore[index]  # noqa: NPY002
    draws(Stream(seed) / "anything")
    assert (np.random.get_state(legacy=True)[1] == before).all()  # type: ignore[index]  # noqa: NPY002


def test_the_numbers_are_fixed_for_good() -> None:
    """A change here changes every database that was ever generated."""
    stream = Stream(7) / "table" / "orders" / "node" / 3 / "noise"
    assert stream.key == 0x2B81875A499BFEEDACDBEE2C9DCB4974
    assert draws(stream) == [
        5252805705135592097,
        790959130154777991,
        2259068713186962668,
        1669496573046336272,
    ]
    assert draws(stream, block=5) == [
        1400307039297988137,
        4210306450633744384,
        846682603319699183,
        1550162025623633710,
    ]


@given(seed=seeds, path=paths, count=st.integers(0, 40))
def test_words_are_those_of_a_fresh_generator(seed: int, path: list[str | int], count: int) -> None:
    stream = stream_of(seed, path)
    assert stream.words(count) == stream.generator().bit_generator.random_raw(count).tolist()


def test_threads_draw_their_words_beside_each_other() -> None:
    streams = [Stream(seed) / "words" for seed in range(200)]
    with ThreadPoolExecutor(8) as pool:
        drawn = list(pool.map(lambda stream: [stream.words(3) for _ in range(20)], streams))
    assert drawn == [[stream.words(3)] * 20 for stream in streams]


def test_another_process_draws_the_same() -> None:
    program = (
        "from plurel.seeding import Stream;"
        "print((Stream(7) / 'a' / 1).key, (Stream(7) / 'a' / 1).generator(2).integers(0, 2**63))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    stream = Stream(7) / "a" / 1
    assert run.stdout.split() == [str(stream.key), str(stream.generator(2).integers(0, 2**63))]


@pytest.mark.parametrize("part", [1.5, None, True, b"bytes", ("a",)])
def test_only_names_and_integers_make_a_path(part: object) -> None:
    with pytest.raises(TypeError, match="str and int"):
        Stream(0) / part  # type: ignore[operator]


@pytest.mark.parametrize("block", [-1, 2**64])
def test_a_block_out_of_range_is_refused(block: int) -> None:
    with pytest.raises(ValueError, match="block"):
        Stream(0).generator(block)


def test_a_stream_reads_as_its_path() -> None:
    assert str(Stream(7) / "table" / "orders" / 3) == "7/table/orders/3"
