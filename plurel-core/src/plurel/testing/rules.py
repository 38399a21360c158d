"""Rules that contributions of every kind keep, and what rules are made of.

A rule is a method `test_...` that takes a `Subject`; where it is broken it raises an `AssertionError` that
says what was promised and what was found. Rules know no pytest; `plurel.testing.contracts` makes tests of
them.
"""

from __future__ import annotations

import pickle
import random
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

import attrs
import numpy as np
from attrs import field, frozen

from plurel.plugins import Entry
from plurel.plugins.imports import import_cost, module_of
from plurel.plugins.parameters import lost_on_the_way


@frozen(kw_only=True)
class Subject:
    """What is tested: a contribution with parameters.

    Attributes:
        entry: the contribution as the ledger knows it.
        params: its parameters by name; what is absent has its default.
    """

    entry: Entry
    params: Mapping[str, Any] = field(factory=dict)

    def make(self) -> Any:
        """A fresh working object."""
        return self.entry.build(self.params)


class Rules:
    """The rules of every kind."""

    kind: ClassVar[str]

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The rules, in the order in which they stand in their classes, general ones first."""
        names: dict[str, None] = {}
        for owner in reversed(cls.__mro__):
            names |= dict.fromkeys(name for name in vars(owner) if name.startswith("test_"))
        return tuple(names)

    def broken(self, subject: Subject) -> dict[str, str]:
        """The rules that a contribution breaks, with what is wrong."""
        found = {}
        for name in self.names():
            try:
                getattr(self, name)(subject)
            except Exception as error:
                found[name] = str(error) or type(error).__name__
        return found

    def test_parameters_round_trip(self, subject: Subject) -> None:
        """Parameters survive the way through a config file: plain JSON out, the same parameters in."""
        lost = lost_on_the_way(subject.entry, subject.params)
        require(lost is None, str(lost))

    def test_plugin_module_is_light(self, subject: Subject) -> None:
        """Importing the plugin's module brings no heavy library: references wait until they are used."""
        module = module_of(subject.entry.plugin)
        if module is not None:
            brought = import_cost(module).heavy
            require(
                not brought,
                f"the plugin module {module} must import no heavy library, it brings {', '.join(brought)}; "
                "import them in the modules that records refer to",
            )


def require(kept: bool | np.bool_, words: str) -> None:
    """Fail a rule unless it is kept."""
    if not kept:
        raise AssertionError(words)


@contextmanager
def untouched_randomness() -> Iterator[None]:
    """Require that what runs inside leaves Python's and numpy's global random state as it was."""
    python, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002 - it is watched, not used
    random.seed(_UNLIKELY)
    np.random.seed(_UNLIKELY)  # noqa: NPY002
    watched = _global_states()
    try:
        yield
        for library, before, after in zip(("Python", "numpy"), watched, _global_states(), strict=True):
            require(before == after, f"{library}'s global random state was changed; draw from the stream")
    finally:
        random.setstate(python)
        np.random.set_state(legacy)  # noqa: NPY002


_UNLIKELY = 1_902_846_157
"""A seed that nobody sets by accident: setting the same one again would not be seen."""


def _global_states() -> tuple[Any, bytes]:
    return random.getstate(), pickle.dumps(np.random.get_state())  # noqa: NPY002


def elsewhere(function: Callable[[Any], Any], argument: Any) -> Any:
    """A function's result in a fresh process, to which it travels by pickle, as jobs do.

    Args:
        function: at the top of a module.
        argument: what it is called with.
    """
    try:
        sent = pickle.dumps((function, argument))
    except Exception as error:
        raise AssertionError(
            f"this must pickle, so that databases can be made in several processes; it does not: {error} "
            "(no lambdas, no functions inside functions)"
        ) from error
    program = (
        "import pickle, sys\n"
        f"sys.path[:] = {sys.path!r}\n"
        "function, argument = pickle.load(sys.stdin.buffer)\n"
        "sys.stdout.buffer.write(pickle.dumps(function(argument)))\n"
    )
    run = subprocess.run([sys.executable, "-c", program], input=sent, capture_output=True, check=False)
    if run.returncode:
        lines = run.stderr.decode(errors="replace").strip().splitlines()
        raise AssertionError(f"this failed in a process of its own: {lines[-1] if lines else 'no word'}")
    return pickle.loads(run.stdout)  # noqa: S301 - from our own process


def same(left: Any, right: Any) -> bool:
    """Whether two results are equal to the last bit, arrays and records of arrays included."""
    if isinstance(left, np.ndarray) or isinstance(right, np.ndarray):
        left, right = np.asarray(left), np.asarray(right)
        return (
            left.dtype == right.dtype
            and left.shape == right.shape
            and bool(np.array_equal(left, right, equal_nan=left.dtype.kind == "f"))
        )
    if attrs.has(type(left)) and type(left) is type(right):
        return all(
            same(getattr(left, one.name), getattr(right, one.name)) for one in attrs.fields(type(left))
        )
    if isinstance(left, list | tuple) and type(left) is type(right):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)
