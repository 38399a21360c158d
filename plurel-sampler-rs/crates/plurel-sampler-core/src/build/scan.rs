//! The first pass over the data: rows, statistics and primary keys of every table.

use arrow_array::RecordBatch;

use crate::build::decode;
use crate::build::keys::KeyIndex;
use crate::build::plan::{Input, Origin, PlannedColumn};
use crate::build::statistics::Welford;
use crate::error::{Error, Kind, Result};
use crate::format::MAX_ROWS;
use crate::spec::{Encoding, Split};

/// What the first pass knows about a table.
pub struct Scanned {
    pub columns: Vec<PlannedColumn>,
    /// Rows of each part (a table has one, a task one a split).
    pub part_rows: Vec<u64>,
    pub statistics: Vec<Welford>,
    pub keys: KeyIndex,
}

impl Scanned {
    pub fn rows(&self) -> u64 {
        self.part_rows.iter().sum()
    }
}

/// Reads a table once. Statistics count the cells that are known up to `until` (all, where there is no such moment
/// or the table has no time); those of a task count its train split.
pub fn scan(input: &Input<'_>, until: Option<i64>) -> Result<Scanned> {
    let mut scanned =
        Scanned { columns: Vec::new(), part_rows: Vec::new(), statistics: Vec::new(), keys: KeyIndex::default() };
    let mut rows = 0u64;
    for (number, (split, source)) in input.parts.iter().enumerate() {
        let reader = source.open().map_err(|error| error.in_table(input.name))?;
        let schema = reader.schema();
        let columns = input.columns(&schema)?;
        if number == 0 {
            scanned.statistics = vec![Welford::default(); columns.len()];
            scanned.columns = columns;
        }
        let first = rows;
        for batch in reader {
            let batch = batch.map_err(|error| read_error(input, error))?;
            if rows + batch.num_rows() as u64 > MAX_ROWS {
                return Err(Error::new(Kind::Limit, format!("more than {MAX_ROWS} rows")).in_table(input.name));
            }
            if split.is_none_or(|split| split == Split::Train) {
                count(input, &mut scanned, &batch, rows, until)?;
            }
            if input.is_referenced
                && let Some(key) = input.primary_key
            {
                let array = batch.column(input.field(&schema, key)?);
                let at = |error: Error| error.in_table(input.name).in_column(key);
                let keys = decode::keys(array, rows).map_err(at)?;
                scanned.keys.extend(&keys, rows).map_err(at)?;
            }
            rows += batch.num_rows() as u64;
        }
        scanned.part_rows.push(rows - first);
    }
    if input.parts.is_empty() {
        return Err(Error::build("a task needs at least one split with rows").in_table(input.name));
    }
    Ok(scanned)
}

pub fn read_error(input: &Input<'_>, error: arrow_schema::ArrowError) -> Error {
    Error::build(format!("its rows cannot be read: {error}")).in_table(input.name)
}

fn count(input: &Input<'_>, scanned: &mut Scanned, batch: &RecordBatch, start: u64, until: Option<i64>) -> Result<()> {
    let schema = batch.schema();
    let times_of = |name: &str| -> Result<Vec<Option<i64>>> {
        let array = batch.column(input.field(&schema, name)?);
        decode::microseconds(array, start).map_err(|error| error.in_table(input.name).in_column(name))
    };
    // Label rows of the train split all count; they are what a model is trained on.
    let until = until.filter(|_| matches!(input.origin, Origin::Table(_)));
    let row_times = match (until, input.time_column) {
        (Some(_), Some(time)) => Some(times_of(time)?),
        _ => None,
    };
    let early = |times: &Option<Vec<Option<i64>>>, row: usize| match (times, until) {
        (Some(times), Some(until)) => times[row].is_some_and(|time| time <= until),
        _ => true,
    };
    for (column, welford) in scanned.columns.iter().zip(&mut scanned.statistics) {
        if column.encoding.is_string() {
            continue;
        }
        let cell_times = match (until, &column.known_at) {
            (Some(_), Some(time)) => Some(times_of(time)?),
            _ => None,
        };
        let array = batch.column(input.field(&schema, &column.name)?);
        let at = |error: Error| error.in_table(input.name).in_column(&column.name);
        let values: Vec<Option<f64>> = if column.encoding == Encoding::Datetime {
            let times = decode::microseconds(array, start).map_err(at)?;
            times.into_iter().map(|time| time.map(|time| time as f64)).collect()
        } else {
            decode::numbers(array, column.encoding == Encoding::Boolean, start).map_err(at)?
        };
        for (row, value) in values.into_iter().enumerate() {
            if let Some(value) = value
                && early(&row_times, row)
                && early(&cell_times, row)
            {
                welford.push(value);
            }
        }
    }
    Ok(())
}
