//! The second pass over the data: cells, foreign keys and times of every row.

use arrow_array::RecordBatch;

use crate::build::decode;
use crate::build::keys::{self, Found, KeyIndex};
use crate::build::plan::{Input, Origin};
use crate::build::scan::{Scanned, read_error};
use crate::build::strings::Strings;
use crate::error::{Error, Kind, Result};
use crate::files::Writer;
use crate::format::{ALWAYS, Moments, NEVER, NONE, UnresolvedKeys, is_missing};
use crate::spec::{Encoding, MissingTime, Unresolved};

/// What the second pass keeps of a table beside the cells that it wrote.
pub struct Packed {
    /// `[rows, foreign keys]` parent nodes.
    pub parents: Vec<u32>,
    /// The rows' own times; `ALWAYS` for every row of a table without time.
    pub known: Vec<i64>,
    /// `[times][rows]`, `NEVER` where missing.
    pub times: Vec<Vec<i64>>,
    pub unresolved: Vec<UnresolvedKeys>,
    /// Rows of a task that have no label.
    pub unlabelled: Vec<usize>,
}

/// Reads a table the second time. `names`, `keys` and `first_nodes` are those of all tables.
pub struct Packer<'a> {
    pub names: &'a [&'a str],
    pub keys: &'a [&'a KeyIndex],
    pub first_nodes: &'a [u64],
    pub on_unresolved: Unresolved,
    pub strings: &'a mut Strings,
    pub cells: &'a mut Writer,
}

impl Packer<'_> {
    pub fn pack(&mut self, input: &Input<'_>, scanned: &Scanned, statistics: &[Moments]) -> Result<Packed> {
        let rows = scanned.rows() as usize;
        let mut packed = Packed {
            parents: Vec::with_capacity(rows * input.foreign_keys.len()),
            known: Vec::with_capacity(rows),
            times: vec![Vec::with_capacity(rows); input.times.len()],
            unresolved: Vec::new(),
            unlabelled: Vec::new(),
        };
        for ((_, source), &expected) in input.parts.iter().zip(&scanned.part_rows) {
            let first = packed.known.len() as u64;
            let reader = source.open().map_err(|error| error.in_table(input.name))?;
            for batch in reader {
                let batch = batch.map_err(|error| read_error(input, error))?;
                let start = packed.known.len() as u64;
                let words = self.put_cells(input, scanned, statistics, &batch, start)?;
                if let (Origin::Task(_), Some(target)) = (input.origin, scanned.columns.last()) {
                    let labels = words.iter().skip(scanned.columns.len() - 1).step_by(scanned.columns.len());
                    let missing = labels.enumerate().filter(|(_, word)| is_missing(target.encoding, **word));
                    packed.unlabelled.extend(missing.map(|(row, _)| start as usize + row));
                }
                self.put_parents(input, &batch, start, &mut packed)?;
                put_times(input, &batch, start, &mut packed)?;
            }
            let found = packed.known.len() as u64 - first;
            if found != expected {
                let message = format!("the source gave {expected} rows when first asked, {found} the second time");
                return Err(Error::build(message).in_table(input.name));
            }
        }
        if self.on_unresolved == Unresolved::Error
            && let Some(first) = packed.unresolved.first()
        {
            let message = format!(
                "{} keys point at no row of {}, the first is {}; correct them, or build with on_unresolved=\"null\"",
                first.count, first.parent, first.first_value
            );
            let error = Error::new(Kind::UnresolvedKey, message);
            return Err(error.in_table(input.name).in_column(&first.column).at_row(first.first_row));
        }
        Ok(packed)
    }

    /// Writes the cells of a batch and gives them back.
    fn put_cells(
        &mut self,
        input: &Input<'_>,
        scanned: &Scanned,
        statistics: &[Moments],
        batch: &RecordBatch,
        start: u64,
    ) -> Result<Vec<u32>> {
        let schema = batch.schema();
        let width = scanned.columns.len();
        let mut words = vec![0u32; width * batch.num_rows()];
        for (index, (column, moments)) in scanned.columns.iter().zip(statistics).enumerate() {
            let at = |error: Error| error.in_table(input.name).in_column(&column.name);
            let array = batch.column(input.field(&schema, &column.name)?);
            let slots = words.iter_mut().skip(index).step_by(width);
            let standard = |value: Option<f64>| value.map_or(f32::NAN, |value| moments.standardise(value)).to_bits();
            match column.encoding {
                Encoding::Number | Encoding::Boolean => {
                    let boolean = column.encoding == Encoding::Boolean;
                    let values = decode::numbers(array, boolean, start).map_err(at)?;
                    slots.zip(values).for_each(|(slot, value)| *slot = standard(value));
                }
                Encoding::Datetime => {
                    let values = decode::microseconds(array, start).map_err(at)?;
                    slots.zip(values).for_each(|(slot, value)| *slot = standard(value.map(|time| time as f64)));
                }
                Encoding::Text | Encoding::Category => {
                    let texts = decode::strings(array).map_err(at)?;
                    for (slot, text) in slots.zip(texts.iter()) {
                        *slot = match text {
                            Some(text) => self.strings.intern(text).map_err(at)?,
                            None => NONE,
                        };
                    }
                }
            }
        }
        self.cells.put(&words)?;
        Ok(words)
    }

    fn put_parents(&self, input: &Input<'_>, batch: &RecordBatch, start: u64, packed: &mut Packed) -> Result<()> {
        let schema = batch.schema();
        let width = input.foreign_keys.len();
        let base = packed.parents.len();
        packed.parents.resize(base + width * batch.num_rows(), NONE);
        for (slot, key) in input.foreign_keys.iter().enumerate() {
            let at = |error: Error| error.in_table(input.name).in_column(key.column);
            let array = batch.column(input.field(&schema, key.column)?);
            let values = decode::keys(array, start).map_err(at)?;
            for row in 0..batch.num_rows() {
                match self.keys[key.parent].row(&values, row).map_err(at)? {
                    Found::Row(parent) => {
                        let node = self.first_nodes[key.parent] + u64::from(parent);
                        packed.parents[base + row * width + slot] = node as u32;
                    }
                    Found::Null => {}
                    Found::Unresolved => {
                        let known = packed.unresolved.iter_mut().find(|known| known.column == key.column);
                        match known {
                            Some(known) => known.count += 1,
                            None => packed.unresolved.push(UnresolvedKeys {
                                table: input.name.to_string(),
                                column: key.column.to_string(),
                                parent: self.names[key.parent].to_string(),
                                count: 1,
                                first_row: start + row as u64,
                                first_value: keys::shown(&values, row),
                            }),
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

fn put_times(input: &Input<'_>, batch: &RecordBatch, start: u64, packed: &mut Packed) -> Result<()> {
    let schema = batch.schema();
    let read = |name: &str| -> Result<Vec<Option<i64>>> {
        let array = batch.column(input.field(&schema, name)?);
        decode::microseconds(array, start).map_err(|error| error.in_table(input.name).in_column(name))
    };
    match input.time_column {
        None => packed.known.resize(packed.known.len() + batch.num_rows(), ALWAYS),
        Some(name) => {
            let times = read(name)?;
            if matches!(input.origin, Origin::Task(_))
                && let Some(row) = times.iter().position(Option::is_none)
            {
                let error = Error::value("a label row has no timestamp, so nothing can be known at it");
                return Err(error.in_table(input.name).in_column(name).at_row(start + row as u64));
            }
            let missing = match input.missing_time {
                MissingTime::Never => NEVER,
                MissingTime::Always => ALWAYS,
            };
            packed.known.extend(times.into_iter().map(|time| time.unwrap_or(missing)));
        }
    }
    for (name, column) in input.times.iter().zip(&mut packed.times) {
        column.extend(read(name)?.into_iter().map(|time| time.unwrap_or(NEVER)));
    }
    Ok(())
}
