"""What `benchmarks/parity_prior.py` measures and how it tests: on databases whose numbers are known."""

from __future__ import annotations

import doctest
import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from parity import catalogue, compare, measures, mended, record, report, signal

FEATURE = "feature_0"


def table(name: str, columns: dict[str, np.ndarray], **said: object) -> record.TableRecord:
    """A table without keys whose columns ended as they came, all numbers and sources."""
    fields: dict[str, object] = {
        "name": name,
        "rows": len(next(iter(columns.values()))),
        "parents": {},
        "links": {},
        "columns": columns,
        "raw": columns,
        "times": None,
        "planned": tuple(record.Planned(column, "number", node) for node, column in enumerate(columns)),
        "mode": "eager",
        "edges": np.empty((0, 2), dtype=np.int64),
    }
    return record.TableRecord(**{**fields, **said})  # type: ignore[arg-type]


def family(seed: int = 0, parents: int = 100, children: int = 400) -> record.DatabaseRecord:
    """Two tables; the child's first column is the parent's first one, its second is noise."""
    generator = np.random.default_rng(seed)
    above = generator.normal(size=parents).astype(np.float32)
    links = generator.integers(0, parents, children)
    noise = generator.normal(size=children).astype(np.float32)
    child = table(
        "child",
        {"feature_0": above[links], "feature_1": noise},
        parents={"key": "parent"},
        links={"key": links},
        times=np.linspace(0, 100 * measures.DAY, children).astype(np.int64),
    )
    return record.DatabaseRecord(
        seed=seed,
        seconds=0.0,
        val=int(80 * measures.DAY),
        test=int(90 * measures.DAY),
        tables=(table("parent", {FEATURE: above}), child),
    )


@pytest.mark.parametrize("module", ["compare", "measures", "mended", "signal"])
def test_the_examples_of_the_modules_hold(module: str) -> None:
    found = doctest.testmod(importlib.import_module(f"parity.{module}"))
    assert found.attempted > 0
    assert found.failed == 0


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    made = family()
    record.write_record(tmp_path / "0.npz", made)
    read = record.read_record(tmp_path / "0.npz")
    assert read._replace(tables=()) == made._replace(tables=())
    for one, other in zip(read.tables, made.tables, strict=True):
        np.testing.assert_equal(one._asdict(), other._asdict())
    assert [path.name for path in tmp_path.iterdir()] == ["0.npz"]


def test_a_failed_database_is_named_and_stops_no_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def make(seed: int) -> record.DatabaseRecord:
        if seed == 1:
            raise ZeroDivisionError("a bad seed")
        return family(seed)

    with pytest.raises(SystemExit, match=r"seeds that failed: \[1\]"):
        record.write_missing(tmp_path, [0, 1, 2], make)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.npz", "2.npz"]
    assert "a bad seed" in capsys.readouterr().err


def test_schema_and_links_are_counted() -> None:
    found = measures.measure(family())
    assert found["tables"] == [2]
    assert found["share of activity tables"] == [0.5]
    assert found["foreign keys of a table"].tolist() == [0, 1]
    assert found["child tables of a table"].tolist() == [1, 0]
    assert found["longest chain of keys"] == [1]
    assert found["rows, entity tables"] == [100]
    assert found["children of a parent row, mean"] == [4]
    assert found["days of the period"] == [100]
    assert found["share of the period before test"] == [0.9]


def test_a_column_copied_from_the_parent_correlates_with_it_and_with_nothing_else() -> None:
    found = measures.measure(family())
    across = np.sort(found["correlation across a key, raw"])
    assert across[-1] == pytest.approx(1)
    assert across[0] < 0.2
    assert found["correlation in a table, raw"].max() < 0.2


def test_rows_that_follow_each_other_are_told_from_shuffled_ones() -> None:
    walk = np.arange(1000.0)
    shuffled = np.random.default_rng(0).permutation(walk)
    found = measures.along_rows({"walk": walk, "shuffled": shuffled, "constant": np.ones(1000)}, "raw")
    assert found["correlation with the row number, raw"] == pytest.approx([1, 0], abs=0.1)
    assert found["autocorrelation at lag 1, raw"] == pytest.approx([1, 0], abs=0.1)


def test_shapes_do_not_depend_on_scale_and_leave_missing_cells_out() -> None:
    cells = np.random.default_rng(0).lognormal(size=1000)
    plain = dict(measures.shape(cells))
    scaled = dict(measures.shape(np.append(1000 * cells, [np.nan] * 250)))
    for name in ("skewness of a number (quartiles)", "tails of a number (1 % to 99 % over quartiles), log10"):
        assert scaled[name] == pytest.approx(plain[name])
    assert plain["skewness of a number (quartiles)"] > 0.1


def test_missing_cells_are_a_share_of_the_rows() -> None:
    ended = {"feature_0": np.array([1.0, np.nan, 2.0, 3.0])}
    found = measures.columns(table("t", ended, raw={"feature_0": np.arange(4.0)}))
    assert found["missing share of a number"] == [0.25]


def test_a_constant_has_no_shape() -> None:
    found = dict(measures.shape(np.full(10, 3.0)))
    assert found["numbers that are constant"] == 1
    assert not [name for name in found if "skewness" in name]


def test_a_column_stands_as_deep_as_its_longest_chain_of_causes() -> None:
    columns = {f"feature_{number}": np.arange(3.0) for number in range(3)}
    chained = table("t", columns, edges=np.array([[0, 1], [1, 2], [0, 2], [9, 2]]))
    found = measures.causes(chained)
    assert found["causal depth of a column"] == [0, 1, 2]
    assert found["columns that are sources"] == [1, 0, 0]
    assert found["direct causes of a column"] == [0, 1, 3]
    assert found["ancestors of a column"] == [0, 1, 3]
    assert found["shown ancestors of a column"] == [0, 1, 2]


def test_numbered_ties_get_their_average_rank() -> None:
    raw = np.array([5.0, 5.0, 5.0, 7.0])
    numbered = np.array([1, 2, 3, 4]) / 5
    numbered[3] = np.nan
    kept = {"ranked": numbered, "plain": raw, "yes": raw > 5}
    found = mended.mended_finished(table("t", kept, raw={**kept, "ranked": raw}))
    np.testing.assert_allclose(found["ranked"], [0.4, 0.4, 0.4, np.nan])
    assert found["plain"] is kept["plain"]
    assert found["yes"] is kept["yes"]


@pytest.mark.parametrize(
    "ended", [[0.2, 0.4, 0.6, 0.8], [-1.0, -1.0, -1.0, 3.0]], ids=["ranked", "standardized"]
)
def test_a_column_that_varies_by_rounding_only_is_constant(ended: list[float]) -> None:
    raw = np.float32([1, 1, 1, np.nextafter(np.float32(1), np.float32(2))])
    made = table("t", {FEATURE: np.array([np.nan, *ended[1:]])}, raw={FEATURE: raw})
    assert set(mended.mended_raw(made)[FEATURE]) == {1}
    missing, *cells = mended.mended_finished(made)[FEATURE]
    assert np.isnan(missing)
    assert len(set(cells)) == 1


def test_parents_rows_tell_what_they_caused() -> None:
    found = signal.signals(family(children=600))
    assert found["predictable from its row, number"].max() == 0
    assert found["parents' rows add to the score, number"].sum() == 1


def test_every_statistic_has_its_place_in_the_catalogue() -> None:
    database = family()
    assert {*measures.measure(database), *signal.signals(database)} <= {*catalogue.STATISTICS}
    assert len(set(catalogue.STATISTICS)) == len(catalogue.STATISTICS)


def samples(shift: float, *, parts: int = 50, databases: int = 40) -> list[list[np.ndarray]]:
    """Two samples of databases whose parts lie close together around a place of the database's own."""
    generator = np.random.default_rng(1)
    return [
        [moved + generator.normal() + 0.01 * generator.normal(size=parts) for _ in range(databases)]
        for moved in (0.0, shift)
    ]


def test_a_shifted_sample_is_told_apart() -> None:
    found = compare.compare(*samples(2.0), 2000, np.random.default_rng(0))
    assert found is not None
    assert found.p < 0.001
    assert found.distance > found.rejecting(0.001)


def test_parts_of_a_database_are_not_taken_for_independent() -> None:
    found = compare.compare(*samples(0.0), 2000, np.random.default_rng(0))
    assert found is not None
    assert found.parts == (2000, 2000)
    assert found.distance > 0.1  # Kolmogorov and Smirnov's own test would give p < 1e-8 on 2000 parts a side
    assert found.p > 0.05


def test_nothing_is_said_of_a_few_databases() -> None:
    few, many = samples(0.0)
    assert compare.compare(few[:3], many, 100, np.random.default_rng(0)) is None


def test_a_large_database_weighs_no_more_than_a_small_one() -> None:
    small, large = [np.zeros(1)] * 6, [np.zeros(1)] * 5 + [np.ones(1000)]
    found = compare.compare(small, large, 100, np.random.default_rng(0))
    assert found is not None
    assert found.distance == pytest.approx(1 / 6)


def test_the_table_goes_to_its_place_on_the_page(tmp_path: Path) -> None:
    databases = [measures.measure(family(seed)) for seed in range(6)]
    compared = report.rows(databases, databases, databases, 50)
    assert not [row.name for row in compared if row.rejects]
    page = tmp_path / "page.md"
    page.write_text(f"before\n{report.START}old{report.STOP}\nafter\n")
    report.write_table(page, report.table(compared))
    written = page.read_text()
    assert written.startswith("before")
    assert written.endswith("after\n")
    assert "old" not in written
    assert sum(line.startswith("| tables ") for line in written.splitlines()) == 1
    page.write_text("no place")
    with pytest.raises(ValueError, match="no place for a table"):
        report.write_table(page, "")


def test_a_difference_is_explained_only_where_it_goes_with_the_defect() -> None:
    name = f"{catalogue.NUMBER[0]}, {catalogue.FINISHED}"
    databases = [measures.measure(family(seed)) for seed in range(6)]
    same = {row.name: row for row in report.rows(databases, databases, databases, 50)}
    mended_name = f"{catalogue.NUMBER[0]}, {catalogue.MENDED}"
    different = {**same, mended_name: same[mended_name]._replace(corrected=0.0)}
    assert catalogue.INTENDED[name] in report.reason(name, same)
    assert report.reason(name, different) == "not explained"
    assert report.reason("tables", same) == "not explained"
