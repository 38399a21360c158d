//! The records of `plurel_sampler.records` into those of the core. Fields are read by name.

use std::collections::BTreeMap;

use plurel_sampler_core::context::{ChildChoice, LabelChoice};
use plurel_sampler_core::error::{Error, Result};
use plurel_sampler_core::order::Balance;
use plurel_sampler_core::spec::*;
use plurel_sampler_core::targets::{TargetKind, TargetSpec};
use pyo3::prelude::*;

use crate::stream::PythonSource;

#[derive(FromPyObject)]
pub struct Column {
    encoding: Option<String>,
    known_at: Option<String>,
}

/// `source` is a callable; see `stream`.
#[derive(FromPyObject)]
pub struct Table {
    name: String,
    source: Py<PyAny>,
    primary_key: Option<String>,
    time_column: Option<String>,
    foreign_keys: BTreeMap<String, String>,
    columns: BTreeMap<String, Column>,
    missing_time: String,
}

#[derive(FromPyObject)]
pub struct Task {
    name: String,
    entity_table: String,
    entity_column: String,
    time_column: Option<String>,
    target_column: String,
    task_type: String,
    sources: BTreeMap<String, Py<PyAny>>,
    window_microseconds: Option<i64>,
    known_at: Option<String>,
    hidden_columns: Vec<String>,
}

#[derive(FromPyObject)]
pub struct Target {
    store: usize,
    kind: String,
    name: String,
}

impl Table {
    pub fn into_spec(self) -> Result<TableSpec> {
        let mut columns = BTreeMap::new();
        for (name, column) in self.columns {
            let encoding = column.encoding.as_deref().map(|word| choice(Error::build, "encoding", word)).transpose()?;
            let known_at = column.known_at;
            columns.insert(name, ColumnSpec { encoding, known_at });
        }
        Ok(TableSpec {
            name: self.name,
            source: Box::new(PythonSource(self.source)),
            primary_key: self.primary_key,
            time_column: self.time_column,
            foreign_keys: self.foreign_keys,
            columns,
            missing_time: choice(Error::build, "missing_time", &self.missing_time)?,
        })
    }
}

impl Task {
    pub fn into_spec(self) -> Result<TaskSpec> {
        let mut splits: BTreeMap<Split, Box<dyn Source>> = BTreeMap::new();
        for (split, source) in self.sources {
            splits.insert(choice(Error::build, "split", &split)?, Box::new(PythonSource(source)));
        }
        let label_known = match (self.known_at, self.window_microseconds) {
            (Some(column), _) => LabelKnown::AtEntityColumn { column },
            (None, Some(microseconds)) => LabelKnown::AfterWindow { microseconds },
            (None, None) => LabelKnown::AtTimestamp,
        };
        Ok(TaskSpec {
            name: self.name,
            entity_table: self.entity_table,
            entity_column: self.entity_column,
            time_column: self.time_column,
            target_column: self.target_column,
            task_type: choice(Error::build, "task_type", &self.task_type)?,
            splits,
            label_known,
            hidden_columns: self.hidden_columns,
        })
    }
}

impl Target {
    pub fn into_spec(self) -> Result<TargetSpec> {
        Ok(TargetSpec { store: self.store, kind: choice(Error::context, "kind", &self.kind)?, name: self.name })
    }
}

/// A value that Python spells as a word.
pub trait Choice: Sized + Copy + 'static {
    const WORDS: &'static [(&'static str, Self)];
}

/// The value of a word; the error, of the kind that `error` makes, lists the words there are.
pub fn choice<T: Choice>(error: fn(String) -> Error, field: &str, word: &str) -> Result<T> {
    if let Some((_, value)) = T::WORDS.iter().find(|(known, _)| *known == word) {
        return Ok(*value);
    }
    let known: Vec<&str> = T::WORDS.iter().map(|(known, _)| *known).collect();
    Err(error(format!("{field} {word:?}; known: {}", known.join(", "))))
}

impl Choice for Encoding {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("number", Encoding::Number),
        ("text", Encoding::Text),
        ("datetime", Encoding::Datetime),
        ("boolean", Encoding::Boolean),
        ("category", Encoding::Category),
    ];
}

impl Choice for MissingTime {
    const WORDS: &'static [(&'static str, Self)] = &[("never", MissingTime::Never), ("always", MissingTime::Always)];
}

impl Choice for Split {
    const WORDS: &'static [(&'static str, Self)] =
        &[("train", Split::Train), ("val", Split::Val), ("test", Split::Test)];
}

impl Choice for TaskType {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("binary_classification", TaskType::BinaryClassification),
        ("regression", TaskType::Regression),
        ("multiclass_classification", TaskType::MulticlassClassification),
    ];
}

impl Choice for Unresolved {
    const WORDS: &'static [(&'static str, Self)] = &[("error", Unresolved::Error), ("null", Unresolved::Null)];
}

impl Choice for TargetKind {
    const WORDS: &'static [(&'static str, Self)] = &[("task", TargetKind::Task), ("column", TargetKind::Column)];
}

impl Choice for ChildChoice {
    const WORDS: &'static [(&'static str, Self)] =
        &[("sampled", ChildChoice::Sampled), ("recent", ChildChoice::Recent)];
}

impl Choice for LabelChoice {
    const WORDS: &'static [(&'static str, Self)] = &[("apart", LabelChoice::Apart), ("beside", LabelChoice::Beside)];
}

impl Choice for Balance {
    const WORDS: &'static [(&'static str, Self)] =
        &[("uniform", Balance::Uniform), ("proportional", Balance::Proportional)];
}
