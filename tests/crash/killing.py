"""Kills a real command at drawn moments, lets it go on, and compares what it leaves with an undisturbed run.

    report = survive(plurel("generate", "--out", "out", ...), work=tmp_path, kills=20, units=["rel-*"])
    assert report.kills >= 20

`work` is the directory that commands run in; what they write goes to `work/out`. A first run is left alone:
it tells how long one takes, how many entries it makes, and how the end looks. Then the command is started,
killed and started again. Whenever it ends by itself, `out` must equal the first run's to the last bit; then
it is removed and the next round begins, until there were enough kills. After every run the finished units
must be the very files that they were, so nothing finished is lost or made twice.

Half of the moments are a time, half a change in `out` (the first entry that appears, the second, ...),
since mistakes lie between two changes; a run that goes on is killed at one of those that are left to it. An
interrupt goes to the whole process group, as Ctrl-C does; the others go to the command alone, so that what
it started has to notice.
"""

from __future__ import annotations

import logging
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from attrs import define, field, frozen

logger = logging.getLogger(__name__)

PATIENCE = 300.0
"""Seconds after which a run, or a process that its command left behind, is taken for hung."""
LOOK_EVERY = 0.01
"""Seconds between two looks at the output directory."""

Stamps = dict[Path, tuple[int, int, int]]


def plurel(*words: object) -> list[str]:
    """The command line of `plurel` in this interpreter."""
    code = "import sys; from plurel.cli import main; sys.exit(main())"
    return [sys.executable, "-c", code, *map(str, words)]


def script(code: str, work: Path) -> list[str]:
    """The command line of a Python script, put into a directory so that processes it starts find it."""
    file = work / "script.py"
    file.write_text(code)
    return [sys.executable, str(file)]


@frozen
class Report:
    """What a trial came to.

    Attributes:
        kills: signals that met a running command.
        runs: commands started, the undisturbed one not counted.
        rounds: how often the end was reached and compared.
        codes: exit codes met, by name of the signal; "none" for runs that ended before their moment.
    """

    kills: int
    runs: int
    rounds: int
    codes: Counter[tuple[str, int]]

    def __str__(self) -> str:
        codes = ", ".join(f"{name} -> {code}: {count}" for (name, code), count in sorted(self.codes.items()))
        return f"{self.kills} kills in {self.runs} runs, {self.rounds} ends as if undisturbed ({codes})"


def survive(
    command: Sequence[str] | Callable[[Path], Sequence[str]],
    *,
    work: Path,
    kills: int,
    seed: int = 0,
    units: Sequence[str] = (),
    signals: Sequence[signal.Signals] = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT),
    out: str = "out",
    timed: float = 0.5,
    env: dict[str, str] | None = None,
) -> Report:
    """Kill a command at drawn moments until there were enough kills, and compare every end.

    Args:
        command: what is run in `work`, or a function of the output directory that says what to run next
            (where going on takes other words than beginning).
        work: the directory that it runs in; input may lie there already.
        kills: how many kills, at least.
        seed: another seed, other moments.
        units: patterns below the output directory; what matches and is complete stays as it is from run to
            run. Names that begin with a dot are drafts, never units.
        signals: the kinds of kills, in turn in a drawn order.
        out: name of the output directory inside `work`.
        timed: share of the moments that are times; the others are changes in the output directory.
        env: more of the environment.

    Returns:
        Counts, which also go to the log; a difference is no count but an AssertionError.

    Raises:
        AssertionError: an end that differs, a unit that was lost or made again, an exit code or a traceback
            that should not be, a process that outlives its command.
    """
    place = work / out
    draws = random.Random(seed)
    order = draws.sample(list(signals), len(signals))
    start = command if callable(command) else lambda _: command
    runner = _Runner(work, place, {**os.environ, **(env or {})})
    whole = runner.run(start(place), None)
    assert whole.code == 0, f"the undisturbed run ended with {whole.code}: {whole.said}"
    expected = tree(place)
    shutil.move(place, work / f"{out}-undisturbed")

    done = runs = rounds = 0
    codes: Counter[tuple[str, int]] = Counter()
    known: Stamps = {}
    while done < kills or place.exists():
        kind = order[done % len(order)] if done < kills else None
        moment = None if kind is None else _draw_moment(draws, kind, whole, timed, _left(expected, place))
        ended = runner.run(start(place), moment)
        runs += 1
        done += ended.was_killed
        codes[(moment.kind.name if moment and ended.was_killed else "none"), ended.code] += 1
        _check(ended, moment)
        now = stamps(place, units)
        changed = [str(path.relative_to(place)) for path, stamp in known.items() if now.get(path) != stamp]
        assert not changed, f"finished and then lost or made again after {ended.words}: {changed}"
        known = now
        if ended.code == 0:
            rounds += 1
            runner.wait_for_leftovers()
            different = compare(expected, tree(place))
            assert not different, (
                f"the end differs from an undisturbed run's after {ended.words}: {different}"
            )
            shutil.rmtree(place)
            known = {}
    runner.wait_for_leftovers()
    report = Report(done, runs, rounds, codes)
    logger.info("%s: %s", work.name, report)
    return report


def tree(root: Path) -> dict[str, bytes | None]:
    """Every entry below a directory, hidden ones too: content of files, None for directories."""
    return {
        str(path.relative_to(root)): None if path.is_dir() else path.read_bytes()
        for path in sorted(root.rglob("*"))
    }


def compare(expected: dict[str, bytes | None], found: dict[str, bytes | None]) -> list[str]:
    """In words, where two trees differ."""
    return [
        *(f"{name} is missing" for name in sorted(expected.keys() - found.keys())),
        *(f"{name} is left over" for name in sorted(found.keys() - expected.keys())),
        *(
            f"{name} differs"
            for name in sorted(expected.keys() & found.keys())
            if expected[name] != found[name]
        ),
    ]


def stamps(root: Path, units: Sequence[str]) -> Stamps:
    """Identity of every file of the units below a directory: inode, length and time of change."""
    found: Stamps = {}
    for pattern in units:
        for unit in root.glob(pattern):
            if unit.name.startswith("."):
                continue
            for file in [unit] if unit.is_file() else [path for path in unit.rglob("*") if path.is_file()]:
                status = file.stat()
                found[file] = (status.st_ino, status.st_size, status.st_mtime_ns)
    return found


@frozen
class _Moment:
    """When a signal is sent: after some seconds, or after some changes in the output directory."""

    kind: signal.Signals
    seconds: float | None = None
    changes: int | None = None

    def __str__(self) -> str:
        when = f"{self.seconds:.3f} s" if self.changes is None else f"{self.changes} changes"
        return f"{self.kind.name} after {when}"


@frozen
class _Ended:
    code: int
    said: str
    was_killed: bool
    seconds: float
    changes: int
    words: str


def _left(expected: dict[str, bytes | None], place: Path) -> float:
    """Which share of the entries of a whole run is not there yet."""
    missing = expected.keys() - {os.path.relpath(name, place) for name in _names(place)}
    return len(missing) / max(len(expected), 1)


def _draw_moment(
    draws: random.Random, kind: signal.Signals, whole: _Ended, timed: float, left: float
) -> _Moment:
    changes = round(left * whole.changes) or whole.changes
    if draws.random() < timed or changes == 0:
        return _Moment(kind, seconds=draws.uniform(0.0, whole.seconds))
    return _Moment(kind, changes=draws.randint(1, changes))


def _check(ended: _Ended, moment: _Moment | None) -> None:
    """Exit codes and words: those of the interpreter itself where the signal came before the command did."""
    allowed = {0}
    if moment is not None:
        promised = {signal.SIGINT: 130, signal.SIGTERM: 143}.get(moment.kind)
        allowed |= {-moment.kind} | ({promised} if promised else set())
        if ended.code == promised:
            assert "Traceback" not in ended.said, f"{ended.words} left a traceback: {ended.said}"
    assert ended.code in allowed, f"{ended.words} ended with {ended.code}: {ended.said}"


@define
class _Runner:
    """Starts commands and sends signals; remembers who may still be alive."""

    work: Path
    place: Path
    env: dict[str, str]
    listeners: list[threading.Thread] = field(factory=list)

    def run(self, words: Sequence[str], moment: _Moment | None) -> _Ended:
        started = time.monotonic()
        process = subprocess.Popen(
            words,
            cwd=self.work,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        said: list[bytes] = []
        assert process.stderr is not None
        listener = threading.Thread(target=_listen, args=(process.stderr, said), daemon=True)
        listener.start()
        self.listeners.append(listener)
        changes = sent = 0
        for changes, seconds in self._watch(process, started):
            if moment is None or sent:
                continue
            if (moment.seconds is not None and seconds >= moment.seconds) or (
                moment.changes is not None and changes >= moment.changes
            ):
                sent = 1
                _send(process, moment.kind)
        code = process.wait()
        if code in (130, 143):
            listener.join(PATIENCE)  # it promised to end what it started
        words_said = b"".join(said).decode(errors="replace")
        return _Ended(
            code=code,
            said=words_said,
            was_killed=bool(sent) and code != 0,
            seconds=time.monotonic() - started,
            changes=changes,
            words=str(moment or "no signal"),
        )

    def _watch(self, process: subprocess.Popen[bytes], started: float) -> Iterator[tuple[int, float]]:
        """Changes in the output directory so far and seconds since the start, until the process has ended."""
        before = _names(self.place)
        changes = 0
        while True:
            try:
                process.wait(LOOK_EVERY)
            except subprocess.TimeoutExpired:
                pass
            else:
                return
            now = _names(self.place)
            changes += len(before ^ now)
            before = now
            seconds = time.monotonic() - started
            if seconds > PATIENCE:
                os.killpg(process.pid, signal.SIGKILL)
                raise AssertionError(f"a run has not ended after {PATIENCE:.0f} s")
            yield changes, seconds

    def wait_for_leftovers(self) -> None:
        """Nothing that a command started lives on: whoever does holds the other end of its stderr."""
        for listener in self.listeners:
            listener.join(PATIENCE)
            assert not listener.is_alive(), "a process outlives the command that started it"


def _send(process: subprocess.Popen[bytes], kind: signal.Signals) -> None:
    if kind is signal.SIGINT:
        os.killpg(process.pid, kind)
    else:
        process.send_signal(kind)


def _listen(stream: object, said: list[bytes]) -> None:
    with stream as open_stream:  # type: ignore[attr-defined]
        said.extend(iter(lambda: open_stream.read1(1 << 16), b""))


def _names(root: Path) -> set[str]:
    """Names of all entries below a directory; those that vanish meanwhile are left out."""
    return {
        os.path.join(folder, name)  # noqa: PTH118 - ten times as fast, and this runs all the time
        for folder, folders, files in os.walk(root)
        for name in (*folders, *files)
    }
