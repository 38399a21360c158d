"""Requests to stop, put off until the work can be put down: Ctrl-C, SIGTERM, and SIGHUP where there is one.

    with PutOff() as requests:
        while not requests.signal:
            ...
        requests.meet()

A signal that the process ignores, as SIGHUP under `nohup`, stays ignored. Not here: what is to be saved
before.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, NoReturn, Self

SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


class PutOff:
    """Inside its `with` block a signal to stop is noted and nothing else.

    A second one does at once what the first would have done, unless the process is one of a launcher's, which
    gets the same request twice: from the terminal and from the launcher.

    Args:
        patient: whether the process is one of those.

    Attributes:
        signal: the number of the signal that was noted; 0 without one.
    """

    def __init__(self, *, patient: bool) -> None:
        self.signal = 0
        self._patient = patient
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for each in SIGNALS:
                if signal.getsignal(each) not in (None, signal.SIG_IGN):
                    self._before[each] = signal.signal(each, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hand_back()

    def meet(self, number: int) -> NoReturn:
        """Does what a signal would have done at once; an interrupt where that was nothing.

        Args:
            number: the signal, noted here or on another rank.

        Raises:
            KeyboardInterrupt: or whatever the process raises at that signal.
        """
        self._hand_back()
        if threading.current_thread() is threading.main_thread():
            signal.raise_signal(number)
        raise KeyboardInterrupt

    def _note(self, number: int, _: FrameType | None) -> None:
        if self.signal and not self._patient:
            self.meet(number)
        self.signal = number

    def _hand_back(self) -> None:
        while self._before:
            signal.signal(*self._before.popitem())
