//! The second pass over the data: cells and foreign keys of every row.

use arrow_array::RecordBatch;

use crate::build::decode;
use crate::build::keys::{self, Found};
use crate::build::plan::{Input, Origin};
use crate::build::read;
use crate::build::scan::Scanned;
use crate::build::strings::Strings;
use crate::error::{Error, Kind, Result};
use crate::files::Writer;
use crate::format::{Moments, NONE, UnresolvedKeys, is_missing};
use crate::spec::{Encoding, Unresolved};

/// What the second pass keeps of a table beside the cells that it wrote.
#[derive(Default)]
pub struct Packed {
    pub links: Links,
    /// Rows of a task that have no label.
    pub unlabelled: Vec<usize>,
}

/// Where the foreign keys of a table lead.
#[derive(Default)]
pub struct Links {
    /// `[rows, foreign keys]` parent nodes.
    pub parents: Vec<u32>,
    pub unresolved: Vec<UnresolvedKeys>,
}

/// Turns foreign keys into nodes; knows all tables.
pub struct Linker<'a> {
    pub inputs: &'a [Input<'a>],
    pub scanned: &'a [Scanned],
}

/// Reads a table the second time.
pub struct Packer<'a> {
    pub linker: &'a Linker<'a>,
    pub on_unresolved: Unresolved,
    pub strings: &'a mut Strings,
    pub cells: &'a mut Writer,
}

impl Packer<'_> {
    pub fn pack(&mut self, input: &Input<'_>, scanned: &Scanned, statistics: &[Moments]) -> Result<Packed> {
        let mut packed = Packed::default();
        let mut start = 0;
        for ((_, source), &expected) in input.parts.iter().zip(&scanned.part_rows) {
            let first = start;
            for batch in read::open(input, *source)?.1 {
                let batch = batch?;
                let words = self.put_cells(input, scanned, statistics, &batch, start)?;
                if let (Origin::Task(_), Some(target)) = (input.origin, scanned.columns.last()) {
                    let labels = words.iter().skip(scanned.columns.len() - 1).step_by(scanned.columns.len());
                    let missing = labels.enumerate().filter(|(_, word)| is_missing(target.encoding, **word));
                    packed.unlabelled.extend(missing.map(|(row, _)| start as usize + row));
                }
                self.linker.link(input, &batch, start, &mut packed.links)?;
                start += batch.num_rows() as u64;
            }
            if start - first != expected {
                return Err(input.other_rows(expected, start - first));
            }
        }
        if self.on_unresolved == Unresolved::Error
            && let Some(first) = packed.links.unresolved.first()
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
}

impl Linker<'_> {
    /// Reads a table for its foreign keys alone.
    pub fn read(&self, input: &Input<'_>) -> Result<Links> {
        let mut links = Links::default();
        let mut start = 0;
        for (_, source) in &input.parts {
            for batch in read::open(input, *source)?.1 {
                let batch = batch?;
                self.link(input, &batch, start, &mut links)?;
                start += batch.num_rows() as u64;
            }
        }
        Ok(links)
    }

    fn link(&self, input: &Input<'_>, batch: &RecordBatch, start: u64, links: &mut Links) -> Result<()> {
        let schema = batch.schema();
        let width = input.foreign_keys.len();
        let base = links.parents.len();
        links.parents.resize(base + width * batch.num_rows(), NONE);
        for (slot, key) in input.foreign_keys.iter().enumerate() {
            let at = |error: Error| error.in_table(input.name).in_column(key.column);
            let array = batch.column(input.field(&schema, key.column)?);
            let values = decode::keys(array, start).map_err(at)?;
            let parent = &self.scanned[key.parent];
            for row in 0..batch.num_rows() {
                match parent.keys.row(&values, row).map_err(at)? {
                    Found::Row(found) => {
                        links.parents[base + row * width + slot] = (parent.first_node + u64::from(found)) as u32;
                    }
                    Found::Null => {}
                    Found::Unresolved => {
                        let known = links.unresolved.iter_mut().find(|known| known.column == key.column);
                        match known {
                            Some(known) => known.count += 1,
                            None => links.unresolved.push(UnresolvedKeys {
                                table: input.name.to_string(),
                                column: key.column.to_string(),
                                parent: self.inputs[key.parent].name.to_string(),
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
