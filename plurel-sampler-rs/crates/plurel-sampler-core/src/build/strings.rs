//! The distinct strings of a store, numbered in the order in which they were first met.

use std::hash::BuildHasher;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, LargeStringArray, RecordBatch};
use arrow_ipc::writer::FileWriter;
use arrow_schema::{DataType, Field, Schema};
use hashbrown::{DefaultHashBuilder, HashTable};

use crate::error::{Error, Kind, Result};
use crate::files::Writer;
use crate::format::{FileMeta, MAX_STRINGS, TEXT_BATCH};

#[derive(Default)]
pub struct Strings {
    hasher: DefaultHashBuilder,
    ids: HashTable<u32>,
    bytes: String,
    ends: Vec<usize>,
}

impl Strings {
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn get(&self, id: u32) -> &str {
        slice(&self.bytes, &self.ends, id)
    }

    /// The number of a string, a new one if it was not met before.
    pub fn intern(&mut self, text: &str) -> Result<u32> {
        let Strings { hasher, ids, bytes, ends } = self;
        let hash = hasher.hash_one(text);
        if let Some(&id) = ids.find(hash, |&id| slice(bytes, ends, id) == text) {
            return Ok(id);
        }
        let id = ends.len() as u32;
        if u64::from(id) >= MAX_STRINGS {
            let message = format!("more than {MAX_STRINGS} distinct strings");
            return Err(Error::new(Kind::Limit, message));
        }
        bytes.push_str(text);
        ends.push(bytes.len());
        ids.insert_unique(hash, id, |&id| hasher.hash_one(slice(bytes, ends, id)));
        Ok(id)
    }

    /// Writes all strings as an Arrow IPC file of one column, `text`.
    pub fn write(&self, path: &Path) -> Result<FileMeta> {
        let failed = |error: arrow_schema::ArrowError| {
            Error::new(Kind::Io, format!("cannot write strings: {error}")).in_file(path)
        };
        let schema = Arc::new(Schema::new(vec![Field::new("text", DataType::LargeUtf8, false)]));
        let mut out = FileWriter::try_new(Writer::plain(path)?, &schema).map_err(failed)?;
        for start in (0..self.len()).step_by(TEXT_BATCH) {
            let ids = start as u32..(start + TEXT_BATCH).min(self.len()) as u32;
            let texts: ArrayRef = Arc::new(LargeStringArray::from_iter_values(ids.map(|id| self.get(id))));
            let batch = RecordBatch::try_new(schema.clone(), vec![texts]).map_err(failed)?;
            out.write(&batch).map_err(failed)?;
        }
        out.into_inner().map_err(failed)?.finish()
    }
}

fn slice<'a>(bytes: &'a str, ends: &[usize], id: u32) -> &'a str {
    let id = id as usize;
    let start = if id == 0 { 0 } else { ends[id - 1] };
    &bytes[start..ends[id]]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_strings_share_a_number() {
        let mut strings = Strings::default();
        let ids: Vec<u32> = ["b", "", "a", "b", ""].iter().map(|text| strings.intern(text).unwrap()).collect();
        assert_eq!(ids, [0, 1, 2, 0, 1]);
        assert_eq!((strings.get(0), strings.get(1), strings.get(2)), ("b", "", "a"));
    }
}
