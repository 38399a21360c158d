//! What a build makes of each table: checked names, columns with their encodings, and who points at whom.
//!
//! Tables and tasks come out in one shape, since a task's label rows are the rows of a table of their own. No rows
//! are read here, schemas only.

use std::collections::HashSet;

use arrow_schema::Schema;

use crate::build::decode;
use crate::error::{Error, Result};
use crate::spec::{Encoding, LabelKnown, MissingTime, Source, Split, TableSpec, TaskSpec};

/// A table or a task, as both passes see it.
pub struct Input<'a> {
    pub name: &'a str,
    pub parts: Vec<(Option<Split>, &'a dyn Source)>,
    pub primary_key: Option<&'a str>,
    pub time_column: Option<&'a str>,
    pub missing_time: MissingTime,
    pub foreign_keys: Vec<ForeignKey<'a>>,
    /// Columns of further times that are kept exactly.
    pub times: Vec<&'a str>,
    pub is_referenced: bool,
    /// A table without time whose rows may be known with rows of a table that has times.
    pub hangs: bool,
    pub origin: Origin<'a>,
}

#[derive(Clone, Copy)]
pub enum Origin<'a> {
    Table(&'a TableSpec),
    Task(&'a TaskSpec),
}

pub struct ForeignKey<'a> {
    pub column: &'a str,
    pub parent: usize,
}

/// A column of cells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedColumn {
    pub name: String,
    pub encoding: Encoding,
    pub known_at: Option<String>,
}

/// Checks what was asked for and puts tables before tasks. The order of foreign keys is that of their names.
pub fn inputs<'a>(tables: &'a [TableSpec], tasks: &'a [TaskSpec]) -> Result<Vec<Input<'a>>> {
    let mut names = HashSet::new();
    for name in tables.iter().map(|table| &table.name).chain(tasks.iter().map(|task| &task.name)) {
        if name.is_empty() || !names.insert(name.as_str()) {
            let message = format!("{name:?} names two tables or tasks, or nothing; every name must be its own");
            return Err(Error::build(message).in_table(name));
        }
    }
    let position = |name: &str| tables.iter().position(|table| table.name == name);
    let mut inputs = Vec::with_capacity(tables.len() + tasks.len());
    for table in tables {
        inputs.push(table_input(table, tables, tasks, position)?);
    }
    for task in tasks {
        inputs.push(task_input(task, tables, position)?);
    }
    for index in 0..inputs.len() {
        inputs[index].is_referenced =
            inputs.iter().any(|input| input.foreign_keys.iter().any(|key| key.parent == index));
    }
    while let Some(index) = (0..tables.len()).find(|&index| newly_hangs(&inputs, index)) {
        inputs[index].hangs = true;
    }
    Ok(inputs)
}

/// Whether an input points at one with times, or at one that hangs, and nobody has noticed yet.
fn newly_hangs(inputs: &[Input<'_>], index: usize) -> bool {
    let input = &inputs[index];
    let moves = |parent: &Input<'_>| parent.time_column.is_some() || parent.hangs;
    input.time_column.is_none() && !input.hangs && input.foreign_keys.iter().any(|key| moves(&inputs[key.parent]))
}

fn table_input<'a>(
    table: &'a TableSpec,
    tables: &'a [TableSpec],
    tasks: &'a [TaskSpec],
    position: impl Fn(&str) -> Option<usize>,
) -> Result<Input<'a>> {
    let mut foreign_keys = Vec::new();
    for (column, parent) in &table.foreign_keys {
        let at = |error: Error| error.in_table(&table.name).in_column(column);
        let index = position(parent)
            .ok_or_else(|| at(Error::build(format!("points at a table {parent:?} that was not given"))))?;
        if tables[index].primary_key.is_none() {
            return Err(at(Error::build(format!("points at table {parent}, which has no primary key"))));
        }
        foreign_keys.push(ForeignKey { column, parent: index });
    }
    let own = table.columns.values().filter_map(|column| column.known_at.as_deref());
    let of_tasks = tasks.iter().filter(|task| task.entity_table == table.name).filter_map(label_time);
    let mut times: Vec<&str> = Vec::new();
    for name in own.chain(of_tasks) {
        if !times.contains(&name) {
            times.push(name);
        }
    }
    Ok(Input {
        name: &table.name,
        parts: vec![(None, table.source.as_ref())],
        primary_key: table.primary_key.as_deref(),
        time_column: table.time_column.as_deref(),
        missing_time: table.missing_time,
        foreign_keys,
        times,
        is_referenced: false,
        hangs: false,
        origin: Origin::Table(table),
    })
}

fn label_time(task: &TaskSpec) -> Option<&str> {
    match &task.label_known {
        LabelKnown::AtEntityColumn { column } => Some(column),
        _ => None,
    }
}

fn task_input<'a>(
    task: &'a TaskSpec,
    tables: &'a [TableSpec],
    position: impl Fn(&str) -> Option<usize>,
) -> Result<Input<'a>> {
    let of_entity = task.entity_column == task.target_column;
    if of_entity
        || task.time_column.as_ref().is_some_and(|time| [&task.target_column, &task.entity_column].contains(&time))
    {
        let message = "a task's entity, time and target are columns of their own";
        return Err(Error::build(message).in_table(&task.name).in_column(&task.target_column));
    }
    if let LabelKnown::AfterWindow { microseconds: ..0 } = task.label_known {
        let message = "the window is negative: a label would be known before its own timestamp";
        return Err(Error::build(message).in_table(&task.name));
    }
    let entity = position(&task.entity_table).ok_or_else(|| {
        let message = format!("the task's entity table {:?} was not given", task.entity_table);
        Error::build(message).in_table(&task.name)
    })?;
    if tables[entity].primary_key.is_none() {
        let message = format!("points at table {}, which has no primary key", task.entity_table);
        return Err(Error::build(message).in_table(&task.name).in_column(&task.entity_column));
    }
    Ok(Input {
        name: &task.name,
        parts: task.splits.iter().map(|(split, source)| (Some(*split), source.as_ref())).collect(),
        primary_key: None,
        time_column: task.time_column.as_deref(),
        missing_time: MissingTime::Never,
        foreign_keys: vec![ForeignKey { column: &task.entity_column, parent: entity }],
        times: task.time_column.as_deref().into_iter().collect(),
        is_referenced: false,
        hangs: false,
        origin: Origin::Task(task),
    })
}

impl Input<'_> {
    /// The error for a source that gives other rows when asked again.
    pub fn other_rows(&self, first: u64, again: u64) -> Error {
        let message = format!("the source gave {first} rows when first asked, {again} the second time");
        Error::build(message).in_table(self.name)
    }

    /// The columns of cells, in the order of the schema (a task: its time, its target).
    pub fn columns(&self, schema: &Schema) -> Result<Vec<PlannedColumn>> {
        let mut names = HashSet::new();
        if let Some(twice) = schema.fields().iter().find(|field| !names.insert(field.name())) {
            let message = "two columns have this name; every name must be its own";
            return Err(Error::build(message).in_table(self.name).in_column(twice.name()));
        }
        let columns = match self.origin {
            Origin::Table(table) => self.table_columns(table, schema)?,
            Origin::Task(task) => self.task_columns(task, schema)?,
        };
        let keys = self.foreign_keys.iter().map(|key| key.column).chain(self.primary_key);
        for key in keys {
            self.field(schema, key)?;
        }
        for time in self.times.iter().copied().chain(self.time_column) {
            let column = columns.iter().find(|column| column.name == time);
            if column.is_none_or(|column| column.encoding != Encoding::Datetime) {
                let message = "is to say when something is known, but is no datetime column of the table";
                return Err(Error::build(message).in_table(self.name).in_column(time));
            }
        }
        Ok(columns)
    }

    fn table_columns(&self, table: &TableSpec, schema: &Schema) -> Result<Vec<PlannedColumn>> {
        let is_key = |name: &str| self.primary_key == Some(name) || table.foreign_keys.contains_key(name);
        for name in table.columns.keys() {
            self.field(schema, name)?;
            if is_key(name) {
                let message = "is a key: keys are edges between rows, they have no cells to describe";
                return Err(Error::build(message).in_table(self.name).in_column(name));
            }
        }
        let mut columns = Vec::new();
        for field in schema.fields().iter().filter(|field| !is_key(field.name())) {
            let said = table.columns.get(field.name());
            let encoding = said.and_then(|said| said.encoding).or_else(|| decode::infer(field.data_type()));
            let encoding = encoding.ok_or_else(|| {
                let message =
                    format!("Arrow type {} has no encoding; leave the column out or cast it", field.data_type());
                Error::build(message).in_table(self.name).in_column(field.name())
            })?;
            columns.push(PlannedColumn {
                name: field.name().clone(),
                encoding,
                known_at: said.and_then(|said| said.known_at.clone()),
            });
        }
        Ok(columns)
    }

    fn task_columns(&self, task: &TaskSpec, schema: &Schema) -> Result<Vec<PlannedColumn>> {
        let mut columns = Vec::new();
        if let Some(time) = &task.time_column {
            self.field(schema, time)?;
            columns.push(PlannedColumn { name: time.clone(), encoding: Encoding::Datetime, known_at: None });
        }
        self.field(schema, &task.target_column)?;
        columns.push(PlannedColumn {
            name: task.target_column.clone(),
            encoding: task.task_type.encoding(),
            known_at: None,
        });
        Ok(columns)
    }

    /// Where a column stands in a schema; each source of a task may order its columns in its own way.
    pub fn field(&self, schema: &Schema, name: &str) -> Result<usize> {
        schema.index_of(name).map_err(|_| {
            let known: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
            let message = format!("there is no such column; there are: {}", known.join(", "));
            Error::build(message).in_table(self.name).in_column(name)
        })
    }
}

/// Checks what a task says about columns of its entity table, once those are known.
pub fn check_task(task: &TaskSpec, entity_columns: &[PlannedColumn]) -> Result<()> {
    for name in &task.hidden_columns {
        if !entity_columns.iter().any(|column| &column.name == name) {
            let message = format!("task {} hides a column that its entity table does not have", task.name);
            return Err(Error::build(message).in_table(&task.entity_table).in_column(name));
        }
    }
    Ok(())
}
