//! Rows of a source, in batches small enough to be decoded as a whole.

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, SchemaRef};

use crate::build::plan::Input;
use crate::error::{Error, Result};
use crate::spec::Source;

/// Rows of a batch at most: a source in memory may come as one batch of all its rows.
const BATCH_ROWS: usize = 1 << 16;

/// A source's schema and its batches, none of them empty.
pub fn open<'a>(
    input: &'a Input<'_>,
    source: &dyn Source,
) -> Result<(SchemaRef, impl Iterator<Item = Result<RecordBatch>> + 'a)> {
    let reader = source.open().map_err(|error| error.in_table(input.name))?;
    let schema = reader.schema();
    let batches = reader.flat_map(|batch| match batch {
        Ok(batch) => pieces(&batch).map(Ok).collect(),
        Err(error) => vec![Err(error)],
    });
    Ok((schema, batches.map(|batch| batch.map_err(|error| failed(input, error)))))
}

fn pieces(batch: &RecordBatch) -> impl Iterator<Item = RecordBatch> {
    let rows = batch.num_rows();
    (0..rows).step_by(BATCH_ROWS).map(move |start| batch.slice(start, BATCH_ROWS.min(rows - start)))
}

fn failed(input: &Input<'_>, error: ArrowError) -> Error {
    Error::build(format!("its rows cannot be read: {error}")).in_table(input.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{Int64Array, cast::AsArray, types::Int64Type};
    use std::sync::Arc;

    #[test]
    fn pieces_hold_every_row_in_order() {
        for rows in [0, 1, BATCH_ROWS, BATCH_ROWS + 1, 3 * BATCH_ROWS] {
            let column = Int64Array::from_iter_values(0..rows as i64);
            let batch = RecordBatch::try_from_iter([("x", Arc::new(column) as _)]).unwrap();
            let parts: Vec<RecordBatch> = pieces(&batch).collect();
            assert!(parts.iter().all(|part| (1..=BATCH_ROWS).contains(&part.num_rows())));
            let values = parts.iter().flat_map(|part| part.column(0).as_primitive::<Int64Type>().values().to_vec());
            assert!(values.eq(0..rows as i64));
        }
    }
}
