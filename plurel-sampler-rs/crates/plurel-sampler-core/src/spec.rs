//! What a caller asks a build for: tables, tasks, options. Records only; nothing here reads data.

use std::collections::BTreeMap;

use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::SchemaRef;
use serde::{Deserialize, Serialize};

use crate::error::Result;

/// How the cells of a column are stored. The numbers are those that a batch carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(i8)]
pub enum Encoding {
    Number = 0,
    Text = 1,
    Datetime = 2,
    Boolean = 3,
    Category = 4,
}

impl Encoding {
    /// Whether a cell is the id of a string (else it is a standardised f32).
    pub fn is_string(self) -> bool {
        matches!(self, Encoding::Text | Encoding::Category)
    }
}

/// A table's rows as Arrow batches. A build asks for them twice and expects the same rows both times.
pub trait Source: Send + Sync {
    fn open(&self) -> Result<Box<dyn RecordBatchReader + Send>>;
}

/// Rows that lie in memory.
pub struct MemorySource {
    pub schema: SchemaRef,
    pub batches: Vec<RecordBatch>,
}

impl Source for MemorySource {
    fn open(&self) -> Result<Box<dyn RecordBatchReader + Send>> {
        let batches: Vec<_> = self.batches.iter().cloned().map(Ok).collect();
        Ok(Box::new(arrow_array::RecordBatchIterator::new(batches, self.schema.clone())))
    }
}

impl From<RecordBatch> for MemorySource {
    fn from(batch: RecordBatch) -> Self {
        MemorySource { schema: batch.schema(), batches: vec![batch] }
    }
}

/// What is said about a column beyond its Arrow type.
#[derive(Debug, Clone, Default)]
pub struct ColumnSpec {
    /// `None`: inferred from the Arrow type.
    pub encoding: Option<Encoding>,
    /// A time column of the same table: a cell is known when that column of its row says.
    pub known_at: Option<String>,
}

/// When a row of a timed table is known whose time is missing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MissingTime {
    #[default]
    Never,
    Always,
}

pub struct TableSpec {
    pub name: String,
    pub source: Box<dyn Source>,
    pub primary_key: Option<String>,
    pub time_column: Option<String>,
    /// Column -> parent table.
    pub foreign_keys: BTreeMap<String, String>,
    pub columns: BTreeMap<String, ColumnSpec>,
    pub missing_time: MissingTime,
}

impl TableSpec {
    pub fn new(name: impl Into<String>, source: impl Into<Box<dyn Source>>) -> Self {
        TableSpec {
            name: name.into(),
            source: source.into(),
            primary_key: None,
            time_column: None,
            foreign_keys: BTreeMap::new(),
            columns: BTreeMap::new(),
            missing_time: MissingTime::Never,
        }
    }
}

impl From<RecordBatch> for Box<dyn Source> {
    fn from(batch: RecordBatch) -> Self {
        Box::new(MemorySource::from(batch))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    Train,
    Val,
    Test,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskType {
    BinaryClassification,
    Regression,
    MulticlassClassification,
}

impl TaskType {
    /// How labels of this type are stored.
    pub fn encoding(self) -> Encoding {
        match self {
            TaskType::BinaryClassification => Encoding::Boolean,
            TaskType::Regression => Encoding::Number,
            TaskType::MulticlassClassification => Encoding::Category,
        }
    }
}

/// When a label is known; everything else about a label row follows the rule of its table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum LabelKnown {
    /// At the label row's own timestamp.
    AtTimestamp,
    /// That many microseconds after the label row's timestamp (a forecast's window).
    AfterWindow { microseconds: i64 },
    /// When this time column of the entity row says (an autocompleted column's availability).
    AtEntityColumn { column: String },
}

pub struct TaskSpec {
    pub name: String,
    pub entity_table: String,
    pub entity_column: String,
    pub time_column: Option<String>,
    pub target_column: String,
    pub task_type: TaskType,
    pub splits: BTreeMap<Split, Box<dyn Source>>,
    pub label_known: LabelKnown,
    /// Columns of the entity table that tell the label; hidden in the target's entity row and in rows of its time.
    pub hidden_columns: Vec<String>,
}

/// What to do with a foreign key whose value no parent row has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Unresolved {
    #[default]
    Error,
    Null,
}

#[derive(Debug, Clone, Default)]
pub struct BuildOptions {
    /// Statistics look at what is known up to this moment (microseconds).
    pub val_timestamp: Option<i64>,
    pub test_timestamp: Option<i64>,
    pub on_unresolved: Unresolved,
    /// Kept as it is in `store.json`.
    pub provenance: serde_json::Value,
    /// Replace a store that lies at the output path.
    pub overwrite: bool,
}

/// Texts into vectors. `embed` gives `[texts, width]` values, row after row.
pub trait Embedder {
    fn name(&self) -> &str;
    fn width(&self) -> usize;
    /// Changes whenever the same text would get another vector.
    fn fingerprint(&self) -> &str;
    fn embed(&self, texts: &[&str]) -> Result<Vec<f32>>;
}
