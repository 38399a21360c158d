"""What generation draws from: the choices of a resolved config, its contributions built on first use.

Made anew in every process, from the resolved config and that process's ledger. Not here: which streams draws
come from.
"""

from __future__ import annotations

import difflib
from typing import Any

import attrs

from plurel.config.choices import Choices
from plurel.config.config import Config
from plurel.config.params import kinds_of
from plurel.config.resolution import split_item
from plurel.errors import ConfigError
from plurel.plugins.entries import Entry
from plurel.plugins.ledger import Ledger
from plurel.seeding import Stream


class Parts:
    """The choices of a run, by the names of the config's fields.

    Args:
        config: a resolved config.
        ledger: where its contributions are found.
    """

    def __init__(self, config: Config, ledger: Ledger) -> None:
        self._ledger = ledger
        self._values: dict[str, Any] = {}
        self._kinds: dict[str, str] = {}
        self._built: dict[tuple[str, int], tuple[Entry, Any]] = {}
        for params in (config.database_params, config.scm_params, config.dag_params):
            self._values |= {item.name: getattr(params, item.name) for item in attrs.fields(type(params))}
            self._kinds |= kinds_of(type(params))

    def draw(self, choice: str, stream: Stream) -> Any:
        """Draw one of the choices.

        Args:
            choice: name of the config's field, as in `activation_choices`.
            stream: where the draw comes from.

        Returns:
            The built contribution where the field chooses contributions, else the value; None for a choice
            that the config leaves open.
        """
        value = self._value(choice)
        if not isinstance(value, Choices):
            return value
        if choice in self._kinds:
            return self._build(choice, value, value.draw_index(stream))[1]
        return value.draw(stream)

    def draw_many(self, choice: str, count: int, stream: Stream) -> list[Any]:
        """`count` independent draws of one choice from one generator of the stream."""
        value = self._value(choice)
        if not isinstance(value, Choices):
            return [value] * count
        if choice in self._kinds:
            places = value.draw_indices(count, stream)
            built = {place: self._build(choice, value, place)[1] for place in set(places)}
            return [built[place] for place in places]
        return value.draw_many(count, stream)

    def draw_entry(self, choice: str, stream: Stream) -> tuple[Entry, Any]:
        """Draw a contribution: what the ledger knows of it, and the built object.

        Raises:
            ConfigError: for a field that chooses no contributions, or that the config leaves open.
        """
        value = self._chooses(choice)
        return self._build(choice, value, value.draw_index(stream))

    def every(self, choice: str) -> tuple[tuple[Entry, Any], ...]:
        """All contributions of a choice, in the config's order: entry and built object.

        Raises:
            ConfigError: for a field that chooses no contributions, or that the config leaves open.
        """
        value = self._chooses(choice)
        return tuple(self._build(choice, value, place) for place in range(len(value.value)))

    def _value(self, choice: str) -> Any:
        if choice not in self._values:
            close = difflib.get_close_matches(choice, self._values, n=1)
            hint = f"; closest: {close[0]}" if close else ""
            raise ConfigError(f"a config has no field {choice!r}{hint}")
        return self._values[choice]

    def _chooses(self, choice: str) -> Choices:
        value = self._value(choice)
        if choice not in self._kinds or not isinstance(value, Choices):
            raise ConfigError(f"{choice} chooses no contributions in this config")
        return value

    def _build(self, choice: str, value: Choices, place: int) -> tuple[Entry, Any]:
        if (choice, place) not in self._built:
            name, params = split_item(value.value[place])
            entry = self._ledger.find(self._kinds[choice], name)
            self._built[choice, place] = entry, entry.build(params)
        return self._built[choice, place]
