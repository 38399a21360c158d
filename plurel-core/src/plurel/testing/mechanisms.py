"""Rules of mechanisms: functions of causal nodes that know nothing but their rows.

Nodes of both outputs are planned, with inputs of both kinds, with and without parent rows and a sample, from
the run's choices of a config. Not here: whether a function makes for good databases.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from attrs import evolve, field, frozen
from numpy.typing import NDArray

from plurel.config import Config, resolve
from plurel.plugins import get_ledger
from plurel.plugins.protocols import Aggregation, ForeignRows, NodePlan
from plurel.plugins.requests import MechanismRequest, NodeInput, Parts, RowSample
from plurel.seeding import Stream
from plurel.testing.rules import Rules, Subject, elsewhere, require, same, untouched_randomness

ROWS = 48
FEW = (0, 1, 2)
DIM = 8
LABELS = 3

_INPUTS = (NodeInput(kind="number", weight=0.5, name="1"), NodeInput(kind="category", categories=4, name="2"))
_FOREIGN = (
    NodeInput(kind="number", name="key.x"),
    NodeInput(kind="category", categories=5, name="key.y"),
)


@frozen(kw_only=True)
class MechanismSubject(Subject):
    """A mechanism with the config whose choices it draws its parts from."""

    config: Config = field(factory=Config)

    def parts(self) -> Parts:
        """The choices of the config."""
        ledger = get_ledger()
        return resolve(self.config, ledger).parts(ledger)


@frozen(kw_only=True)
class Rows:
    """Rows that a node is computed for; the arrays may be written to."""

    inputs: tuple[NDArray[Any], ...]
    foreign: SampleRows | None
    noise: NDArray[np.float32]

    def part(self, rows: slice) -> Rows:
        """Some of the rows."""
        return Rows(
            inputs=tuple(values[rows].copy() for values in self.inputs),
            foreign=None if self.foreign is None else self.foreign.part(rows),
            noise=self.noise[rows].copy(),
        )


@frozen
class SampleRows(ForeignRows):
    """Parent rows made up for a test: `ForeignRows` over whole arrays."""

    columns: tuple[NDArray[Any], ...]
    vectors: NDArray[np.float32]

    def values(self, index: int) -> NDArray[Any]:
        """A parent column, `[rows]`."""
        return self.columns[index]

    def encodings(self) -> NDArray[np.float32]:
        """Every column as a vector, `[columns, rows, dim]`."""
        return self.vectors

    def joined(self, aggregation: Aggregation) -> Sequence[NDArray[np.float32]]:  # noqa: ARG002
        """One array a column, `[rows, dim]`."""
        return list(self.vectors)

    def part(self, rows: slice) -> SampleRows:
        """Some of the rows."""
        return SampleRows(tuple(column[rows].copy() for column in self.columns), self.vectors[:, rows].copy())


@frozen(kw_only=True)
class Case:
    """A node that is planned."""

    request: MechanismRequest

    @property
    def words(self) -> str:
        """What kind of node it is."""
        beside = "with parent rows" if self.request.foreign else "without parent rows"
        return f"a {self.request.output} {beside}"

    def rows(self, plan: NodePlan, rows: int = ROWS) -> Rows:
        """Rows for a plan, the same each time."""
        generator = Stream(rows).generator()
        foreign = None
        if self.request.foreign:
            numbers = generator.normal(size=rows).astype(np.float32)
            labels = generator.integers(0, 5, rows)
            vectors = generator.normal(size=(2, rows, self.request.dim)).astype(np.float32)
            foreign = SampleRows((numbers, labels), vectors)
        return Rows(
            inputs=(generator.normal(size=rows).astype(np.float32), generator.integers(0, 4, rows)),
            foreign=foreign,
            noise=generator.random((rows, *plan.noise_shape), dtype=np.float32),
        )


class MechanismRules(Rules):
    """What `plan(request: MechanismRequest) -> NodePlan` promises."""

    kind: ClassVar[str] = "mechanisms"

    def test_same_stream_same_function(self, subject: MechanismSubject) -> None:
        """A function depends on request and stream, not on what was planned or computed before."""
        for case in _cases(subject):
            mechanism = subject.make()
            plan = mechanism.plan(case.request)
            first, again = _compute(case, plan), _compute(case, plan)
            other = _compute(case, mechanism.plan(case.request))
            require(
                same(first, again) and same(first, other),
                f"the same request must give the same function, each time it is planned and computed; "
                f"{case.words} differs",
            )

    def test_global_randomness_is_untouched(self, subject: MechanismSubject) -> None:
        """Draws come from the stream alone."""
        for case in _cases(subject):
            with untouched_randomness():
                _compute(case, subject.make().plan(case.request))

    def test_values_have_shape_and_dtype(self, subject: MechanismSubject) -> None:
        """`[rows]`: f32 numbers, or int64 labels from 0 on."""
        for case in _cases(subject):
            values = _compute(case, subject.make().plan(case.request))
            expected = np.int64 if case.request.categories else np.float32
            got = getattr(values, "dtype", type(values).__name__), getattr(values, "shape", None)
            require(
                got == (np.dtype(expected), (ROWS,)),
                f"{case.words} must give {np.dtype(expected)} of shape {(ROWS,)}, got {got[0]} of {got[1]}",
            )

    def test_labels_are_in_range(self, subject: MechanismSubject) -> None:
        """A category has the labels 0 to `categories - 1`."""
        for case in _cases(subject):
            if case.request.categories:
                values = _compute(case, subject.make().plan(case.request))
                require(
                    values.min() >= 0 and values.max() < case.request.categories,
                    f"{case.words} has the labels 0 to {case.request.categories - 1}, got {values.min()} to "
                    f"{values.max()}",
                )

    def test_values_are_finite(self, subject: MechanismSubject) -> None:
        """Moderate inputs give finite numbers."""
        for case in _cases(subject):
            values = _compute(case, subject.make().plan(case.request))
            wrong = int((~np.isfinite(values)).sum())
            require(wrong == 0, f"{case.words} of moderate inputs gave {wrong} values that are not finite")

    def test_rows_do_not_see_each_other(self, subject: MechanismSubject) -> None:
        """A row's value is the same in whatever block it is computed, so blocks can be cut anywhere."""
        for case in _cases(subject):
            plan = subject.make().plan(case.request)
            rows = case.rows(plan)
            whole = _compute_rows(plan, rows.part(slice(None)))
            cuts = (slice(0, 7), slice(7, ROWS))
            parts = np.concatenate([_compute_rows(plan, rows.part(cut)) for cut in cuts])
            require(
                np.allclose(whole, parts, rtol=1e-4, atol=1e-5, equal_nan=True),
                f"a row's value must depend on that row's inputs and noise only; {case.words} computed in "
                "two blocks differs from the same rows in one",
            )

    def test_inputs_are_left_as_they_are(self, subject: MechanismSubject) -> None:
        """Inputs and parent rows belong to all nodes of a table: a function only reads them."""
        for case in _cases(subject):
            plan = subject.make().plan(case.request)
            rows, before = case.rows(plan), case.rows(plan)
            _compute_rows(plan, rows)
            require(
                all(map(same, rows.inputs, before.inputs)) and same(rows.foreign, before.foreign),
                f"a function must not write into its inputs or parent rows; {case.words} does",
            )

    def test_few_rows_are_enough(self, subject: MechanismSubject) -> None:
        """A block of 0, 1 or 2 rows can be computed."""
        for case in _cases(subject):
            plan = subject.make().plan(case.request)
            for count in FEW:
                shape = np.shape(_compute_rows(plan, case.rows(plan, count)))
                require(
                    shape == (count,), f"{case.words} of {count} rows must give one value a row, got {shape}"
                )

    def test_function_pickles(self, subject: MechanismSubject) -> None:
        """A planned function travels to another process and computes the same there."""
        cases = [(case, subject.make().plan(case.request)) for case in _cases(subject)]
        jobs = [(plan, case.rows(plan)) for case, plan in cases]
        require(
            all(map(same, elsewhere(_compute_all, jobs), _compute_all(jobs))),
            "a planned function must compute the same values in another process",
        )


def _cases(subject: MechanismSubject) -> list[Case]:
    parts = subject.parts()
    number = MechanismRequest(
        inputs=_INPUTS, output="number", dim=DIM, parts=parts, stream=Stream(0) / "contract"
    )
    category = evolve(number, output="category", categories=LABELS)
    return [
        Case(request=request)
        for one in (number, category)
        for request in (one, evolve(one, foreign=_FOREIGN, sample=_sample))
    ]


def _sample() -> RowSample:
    """Where the rows of a case lie about."""
    generator = Stream(0).generator()
    numbers = generator.normal(size=(2, ROWS)).astype(np.float32)
    labels = generator.integers(0, 4, (2, ROWS))
    return RowSample(inputs=(numbers[0], labels[0]), foreign=(numbers[1], labels[1]))


def _compute(case: Case, plan: NodePlan) -> Any:
    return _compute_rows(plan, case.rows(plan))


def _compute_rows(plan: NodePlan, rows: Rows) -> Any:
    return plan.compute(rows.inputs, rows.foreign, rows.noise)


def _compute_all(jobs: Sequence[tuple[NodePlan, Rows]]) -> list[Any]:
    return [_compute_rows(plan, rows) for plan, rows in jobs]
