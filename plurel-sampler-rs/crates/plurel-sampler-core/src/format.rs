//! The store's description (`store.json`) and where each table lies inside the binary files.
//!
//! Records and arithmetic only: reading files is `files`, opening a store is `store`. `docs/store-format.md` is the
//! same facts in words.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::spec::{Encoding, LabelKnown, MissingTime, Split, TaskType};

/// Raised with every change of the files that an older reader would misread.
pub const VERSION: u32 = 1;
pub const MAGIC: &str = "plurel-store";

pub const MANIFEST: &str = "store.json";
pub const CELLS: &str = "cells.bin";
pub const PARENTS: &str = "parents.bin";
pub const TIMES: &str = "times.bin";
pub const OFFSETS: &str = "children.offsets";
pub const CHILDREN: &str = "children.bin";
pub const TEXT: &str = "text.arrow";

/// A missing string cell, and a foreign key that points nowhere.
pub const NONE: u32 = u32::MAX;
/// A row or label that is known from the beginning.
pub const ALWAYS: i64 = i64::MIN;
/// A row, cell or label that no context shows.
pub const NEVER: i64 = i64::MAX;
/// The cutoff of a target that has no time: everything that is ever known.
pub const END_OF_TIME: i64 = i64::MAX - 1;

pub const MAX_ROWS: u64 = u32::MAX as u64 - 1;
pub const MAX_STRINGS: u64 = (1 << 31) - 1;
/// Strings of one record batch of `text.arrow`.
pub const TEXT_BATCH: usize = 1 << 16;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    pub magic: String,
    pub version: u32,
    /// Of this document with this field empty.
    pub checksum: String,
    pub val_timestamp: Option<i64>,
    pub test_timestamp: Option<i64>,
    pub tables: Vec<TableMeta>,
    pub tasks: Vec<TaskMeta>,
    pub num_rows: u64,
    pub num_edges: u64,
    pub num_strings: u64,
    pub datetime_pooled: Moments,
    pub files: BTreeMap<String, FileMeta>,
    pub embeddings: BTreeMap<String, EmbeddingMeta>,
    pub report: Report,
    pub provenance: serde_json::Value,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TableMeta {
    pub name: String,
    pub rows: u64,
    /// Its rows are nodes `first_node .. first_node + rows`.
    pub first_node: u64,
    pub primary_key: Option<String>,
    pub time_column: Option<String>,
    pub missing_time: MissingTime,
    pub columns: Vec<ColumnMeta>,
    pub foreign_keys: Vec<ForeignKeyMeta>,
    /// Columns of further times in `times.bin`, after the moment at which each row is known.
    pub times: Vec<String>,
    /// Whether its rows are the label rows of a task.
    pub is_task: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ColumnMeta {
    pub name: String,
    pub encoding: Encoding,
    /// Id of the string `<column> of <table>`.
    pub name_text: u32,
    /// A time column of the table: when a cell is known.
    pub known_at: Option<String>,
    pub statistics: Moments,
    /// Whether every counted cell is the same; its deviation is then 1.
    pub constant: bool,
}

/// Mean and standard deviation in raw units (datetimes: microseconds) over `count` cells.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Moments {
    pub count: u64,
    pub mean: f64,
    pub std: f64,
}

impl Default for Moments {
    fn default() -> Self {
        Moments { count: 0, mean: 0.0, std: 1.0 }
    }
}

impl Moments {
    /// `(value - mean) / std`, computed in f64 and kept finite in f32.
    pub fn standardise(&self, value: f64) -> f32 {
        let bound = f64::from(f32::MAX);
        ((value - self.mean) / self.std).clamp(-bound, bound) as f32
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ForeignKeyMeta {
    pub column: String,
    pub table: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskMeta {
    pub name: String,
    pub task_type: TaskType,
    pub entity_table: String,
    pub entity_column: String,
    pub time_column: Option<String>,
    pub target_column: String,
    pub label_known: LabelKnown,
    pub hidden_columns: Vec<String>,
    /// Rows `[first, last)` of each split in the task's table.
    pub splits: BTreeMap<Split, (u64, u64)>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FileMeta {
    pub length: u64,
    /// xxh3-64 of the whole file, in hexadecimal.
    pub checksum: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EmbeddingMeta {
    pub file: String,
    pub width: u64,
    pub fingerprint: String,
}

/// What a build noticed and a person may want to know.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub unresolved_keys: Vec<UnresolvedKeys>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UnresolvedKeys {
    pub table: String,
    pub column: String,
    pub parent: String,
    pub count: u64,
    pub first_row: u64,
    pub first_value: String,
}

impl Manifest {
    pub fn to_json(&self) -> Result<String> {
        let mut document = self.clone();
        document.checksum = String::new();
        document.checksum = checksum_text(&render(&document)?);
        render(&document)
    }

    pub fn from_json(text: &str) -> Result<Self> {
        let document: Manifest =
            serde_json::from_str(text).map_err(|error| Error::format(format!("not a store description: {error}")))?;
        if document.magic != MAGIC {
            let message = format!("magic {:?} where {MAGIC:?} was expected", document.magic);
            return Err(Error::format(message));
        }
        if document.version != VERSION {
            let message = format!(
                "store format {} where this version of plurel_sampler reads {VERSION}; build the store again",
                document.version
            );
            return Err(Error::format(message));
        }
        // The text counts, not what was read from it: names that nobody knows are read as nothing.
        let unsigned = text.replacen(&checksum_field(&document.checksum), &checksum_field(""), 1);
        if checksum_text(&unsigned) != document.checksum {
            return Err(Error::format("the description does not match its own checksum"));
        }
        Ok(document)
    }

    pub fn table(&self, name: &str) -> Option<usize> {
        self.tables.iter().position(|table| table.name == name)
    }

    pub fn task(&self, name: &str) -> Option<&TaskMeta> {
        self.tasks.iter().find(|task| task.name == name)
    }
}

impl TableMeta {
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    pub fn time(&self, name: &str) -> Option<usize> {
        self.times.iter().position(|time| time == name)
    }
}

fn render(document: &Manifest) -> Result<String> {
    serde_json::to_string_pretty(document)
        .map_err(|error| Error::build(format!("the store's description is no JSON: {error}")))
}

/// The checksum as `render` writes it; the document's own comes before those of its files.
fn checksum_field(checksum: &str) -> String {
    format!("\"checksum\": \"{checksum}\"")
}

fn checksum_text(text: &str) -> String {
    format!("{:016x}", xxhash_rust::xxh3::xxh3_64(text.as_bytes()))
}

/// Whether a word of `cells.bin` stands for no cell.
pub fn is_missing(encoding: Encoding, word: u32) -> bool {
    if encoding.is_string() { word == NONE } else { f32::from_bits(word).is_nan() }
}

/// Where a table's words start in the payload of each file, counted in elements of that file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    pub cells: usize,
    pub parents: usize,
    pub times: usize,
}

/// The regions of all tables and the payload length of each file, in elements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    pub regions: Vec<Region>,
    pub cells: usize,
    pub parents: usize,
    /// The first `rows` elements are the moments at which the rows are known; tables' further times follow.
    pub times: usize,
    pub rows: usize,
}

impl Layout {
    /// Fails where the numbers of a description overflow or contradict each other.
    pub fn of(manifest: &Manifest) -> Result<Self> {
        let broken = || Error::format("the sizes of the tables contradict each other");
        let size = |value: u64| usize::try_from(value).map_err(|_| broken());
        let mut regions = Vec::with_capacity(manifest.tables.len());
        let rows_total = size(manifest.num_rows)?;
        let (mut cells, mut parents, mut times, mut rows) = (0usize, 0usize, rows_total, 0usize);
        for table in &manifest.tables {
            if size(table.first_node)? != rows {
                return Err(broken().in_table(&table.name));
            }
            regions.push(Region { cells, parents, times });
            let count = size(table.rows)?;
            let advance = |start: usize, width: usize| {
                let length = count.checked_mul(width)?;
                start.checked_add(length)
            };
            cells = advance(cells, table.columns.len()).ok_or_else(broken)?;
            parents = advance(parents, table.foreign_keys.len()).ok_or_else(broken)?;
            times = advance(times, table.times.len()).ok_or_else(broken)?;
            rows = advance(rows, 1).ok_or_else(broken)?;
        }
        if rows != rows_total || manifest.num_rows > MAX_ROWS || manifest.num_strings > MAX_STRINGS {
            return Err(broken());
        }
        Ok(Layout { regions, cells, parents, times, rows })
    }
}
