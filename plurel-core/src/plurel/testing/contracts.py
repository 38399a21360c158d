"""Contracts: the rules of a kind as pytest classes. An author subclasses one and fills in one fixture.

Not here: the rules themselves (the modules beside this one).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

try:
    import pytest
except ImportError as missing:
    raise ImportError("plurel.testing needs pytest: python -m pip install pytest") from missing

from plurel.config import Config
from plurel.plugins import Entry, get_ledger
from plurel.testing.layouts import LayoutRules
from plurel.testing.mechanisms import MechanismRules, MechanismSubject
from plurel.testing.rules import Rules, Subject


class Contract(Rules):
    """What the contracts of all kinds have.

    Attributes:
        exempt: rules that the contribution does not keep, each with the reason: `{"test_...": "because"}`.
            This is the only way not to keep one; the reason shows in pytest's summary.
    """

    exempt: ClassVar[Mapping[str, str]] = {}

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        if cls.__module__ == __name__:
            return
        rules = {name for base in cls.__mro__[1:] if issubclass(base, Rules) for name in _rules_of(base)}
        for name in _rules_of(cls):
            if name in rules:
                raise TypeError(
                    f"{cls.__name__} replaces the rule {name}; a contribution that does not keep it says "
                    f'why: exempt = {{"{name}": "the reason"}}'
                )
        for name, reason in cls.exempt.items():
            if name not in rules:
                raise TypeError(
                    f"{cls.__name__} is exempt from {name!r}, which is no rule of it; rules: "
                    f"{', '.join(sorted(rules))}"
                )
            if len(str(reason).split()) < _WORDS:
                raise TypeError(
                    f"{cls.__name__} is exempt from {name} without a reason in words, got {reason!r}"
                )

    @pytest.fixture
    def contribution(self) -> str | Entry:
        """What is tested: the name of an installed contribution. Fill this in."""
        pytest.fail(f"{type(self).__name__} does not say what it tests: give it a fixture `contribution`")

    @pytest.fixture
    def params(self) -> Mapping[str, Any]:
        """The contribution's parameters; its defaults unless this is filled in."""
        return {}

    @pytest.fixture
    def subject(self, contribution: str | Entry, params: Mapping[str, Any]) -> Subject:
        """The contribution with its parameters."""
        return Subject(entry=self._entry(contribution), params=params)

    @pytest.fixture(autouse=True)
    def _skip_exempt(self, request: pytest.FixtureRequest) -> None:
        reason = self.exempt.get(request.node.originalname)
        if reason is not None:
            pytest.skip(f"exempt: {reason}")

    def _entry(self, contribution: str | Entry) -> Entry:
        if isinstance(contribution, Entry):
            return contribution
        return get_ledger().find(self.kind, contribution)


class LayoutContract(Contract, LayoutRules):
    """The contract of layouts."""


class MechanismContract(Contract, MechanismRules):
    """The contract of mechanisms."""

    @pytest.fixture
    def config(self) -> Config:
        """The config whose choices nodes draw their parts from; the default one unless this is filled in."""
        return Config()

    @pytest.fixture
    def subject(
        self, contribution: str | Entry, params: Mapping[str, Any], config: Config
    ) -> MechanismSubject:
        """The mechanism with its parameters and a config."""
        return MechanismSubject(entry=self._entry(contribution), params=params, config=config)


_WORDS = 3
"""A reason has at least so many words."""


def _rules_of(cls: type) -> list[str]:
    return [name for name in vars(cls) if name.startswith("test_")]
