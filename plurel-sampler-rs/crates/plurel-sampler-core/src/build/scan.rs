//! The first pass over the data: rows, times, statistics and primary keys of every table.

use arrow_array::RecordBatch;

use crate::build::decode;
use crate::build::keys::KeyIndex;
use crate::build::plan::{Input, Origin, PlannedColumn};
use crate::build::read;
use crate::build::statistics::Welford;
use crate::error::{Error, Kind, Result};
use crate::format::{ALWAYS, MAX_ROWS, NEVER};
use crate::spec::{Encoding, MissingTime, Split};

/// What the first pass knows about a table.
pub struct Scanned {
    pub first_node: u64,
    pub columns: Vec<PlannedColumn>,
    /// Rows of each part (a table has one, a task one a split).
    pub part_rows: Vec<u64>,
    pub statistics: Vec<Welford>,
    pub keys: KeyIndex,
    /// The rows' own times; `ALWAYS` for every row of a table without time.
    pub known: Vec<i64>,
    /// `[times][rows]`, `NEVER` where missing.
    pub times: Vec<Vec<i64>>,
}

impl Scanned {
    pub fn rows(&self) -> u64 {
        self.part_rows.iter().sum()
    }

    /// The node after its last one.
    pub fn end(&self) -> u64 {
        self.first_node + self.rows()
    }
}

/// Reads a table once. Statistics count the cells that are known up to `until` (all, where there is no such moment);
/// those of a task count its train split, those of a table that hangs on others are left to `recount`.
pub fn scan(input: &Input<'_>, first_node: u64, until: Option<i64>) -> Result<Scanned> {
    if input.parts.is_empty() {
        return Err(Error::build("a task needs at least one split with rows").in_table(input.name));
    }
    let mut scanned = Scanned {
        first_node,
        columns: Vec::new(),
        part_rows: Vec::new(),
        statistics: Vec::new(),
        keys: KeyIndex::default(),
        known: Vec::new(),
        times: vec![Vec::new(); input.times.len()],
    };
    // Label rows of the train split all count; they are what a model is trained on.
    let until = until.filter(|_| matches!(input.origin, Origin::Table(_)));
    for (number, (split, source)) in input.parts.iter().enumerate() {
        let (schema, batches) = read::open(input, *source)?;
        let columns = input.columns(&schema)?;
        if number == 0 {
            scanned.statistics = vec![Welford::default(); columns.len()];
            scanned.columns = columns;
        }
        let counts = split.is_none_or(|split| split == Split::Train) && (until.is_none() || !input.hangs);
        let first = scanned.known.len();
        for batch in batches {
            let batch = batch?;
            let start = scanned.known.len();
            if (start + batch.num_rows()) as u64 > MAX_ROWS {
                return Err(Error::new(Kind::Limit, format!("more than {MAX_ROWS} rows")).in_table(input.name));
            }
            read_times(input, &batch, &mut scanned)?;
            if counts {
                let Scanned { columns, statistics, known, .. } = &mut scanned;
                count(input, columns, &batch, start as u64, until, &known[start..], statistics)?;
            }
            if input.is_referenced
                && let Some(key) = input.primary_key
            {
                let array = batch.column(input.field(&schema, key)?);
                let at = |error: Error| error.in_table(input.name).in_column(key);
                let keys = decode::keys(array, start as u64).map_err(at)?;
                scanned.keys.extend(&keys, start as u64).map_err(at)?;
            }
        }
        scanned.part_rows.push((scanned.known.len() - first) as u64);
    }
    Ok(scanned)
}

/// Statistics of a table over the cells that are known up to `until`, from the moments at which its rows are known.
pub fn recount(input: &Input<'_>, columns: &[PlannedColumn], until: i64, known: &[i64]) -> Result<Vec<Welford>> {
    let mut statistics = vec![Welford::default(); columns.len()];
    let mut start = 0;
    for (_, source) in &input.parts {
        for batch in read::open(input, *source)?.1 {
            let batch = batch?;
            let end = start + batch.num_rows();
            let moments = known.get(start..end).ok_or_else(|| input.other_rows(known.len() as u64, end as u64))?;
            count(input, columns, &batch, start as u64, Some(until), moments, &mut statistics)?;
            start = end;
        }
    }
    Ok(statistics)
}

/// Adds the cells of a batch that are known up to `until`; `known` are the moments of its rows.
fn count(
    input: &Input<'_>,
    columns: &[PlannedColumn],
    batch: &RecordBatch,
    start: u64,
    until: Option<i64>,
    known: &[i64],
    statistics: &mut [Welford],
) -> Result<()> {
    let schema = batch.schema();
    let early = |moment: i64| until.is_none_or(|until| moment <= until);
    for (column, welford) in columns.iter().zip(statistics).filter(|(column, _)| !column.encoding.is_string()) {
        let cell_times = match &column.known_at {
            Some(time) if until.is_some() => Some(times_of(input, batch, start, time)?),
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
                && early(known[row])
                && cell_times.as_ref().is_none_or(|times| early(times[row].unwrap_or(NEVER)))
            {
                welford.push(value);
            }
        }
    }
    Ok(())
}

fn read_times(input: &Input<'_>, batch: &RecordBatch, scanned: &mut Scanned) -> Result<()> {
    let start = scanned.known.len();
    match input.time_column {
        None => scanned.known.resize(start + batch.num_rows(), ALWAYS),
        Some(name) => {
            let times = times_of(input, batch, start as u64, name)?;
            if matches!(input.origin, Origin::Task(_))
                && let Some(row) = times.iter().position(Option::is_none)
            {
                let error = Error::value("a label row has no timestamp, so nothing can be known at it");
                return Err(error.in_table(input.name).in_column(name).at_row((start + row) as u64));
            }
            let missing = match input.missing_time {
                MissingTime::Never => NEVER,
                MissingTime::Always => ALWAYS,
            };
            scanned.known.extend(times.into_iter().map(|time| time.unwrap_or(missing)));
        }
    }
    for (name, column) in input.times.iter().zip(&mut scanned.times) {
        column.extend(times_of(input, batch, start as u64, name)?.into_iter().map(|time| time.unwrap_or(NEVER)));
    }
    Ok(())
}

fn times_of(input: &Input<'_>, batch: &RecordBatch, start: u64, name: &str) -> Result<Vec<Option<i64>>> {
    let array = batch.column(input.field(&batch.schema(), name)?);
    decode::microseconds(array, start).map_err(|error| error.in_table(input.name).in_column(name))
}
