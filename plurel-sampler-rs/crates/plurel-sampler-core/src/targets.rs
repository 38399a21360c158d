//! What is to be predicted: the rows of a task, or the cells of a column (masked, for self-supervised training).

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::format::{ALWAYS, END_OF_TIME, NEVER, is_missing};
use crate::spec::{Encoding, Split};
use crate::store::Store;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetSpec {
    /// Index into the sampler's stores.
    pub store: usize,
    pub kind: TargetKind,
    /// A task's name, or `table.column`.
    pub name: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetKind {
    Task,
    Column,
}

/// A target with its rows in one split.
pub struct Target {
    pub store: usize,
    pub table: usize,
    pub column: usize,
    pub encoding: Encoding,
    pub rows: Rows,
    /// Number of the time of its table that is the cutoff of a row (else the row's own moment is).
    cutoff_time: Option<usize>,
    /// Cutoff of a row without any time.
    fallback: i64,
    is_task: bool,
    pub hidden: Option<HiddenColumns>,
}

pub struct HiddenColumns {
    pub table: usize,
    pub columns: Vec<usize>,
    pub is_timed: bool,
}

/// Row numbers, as a range where nothing is left out.
pub enum Rows {
    Range {
        first: u32,
        count: u32,
    },
    List(Vec<u32>),
    /// `count` rows of others, evenly spread.
    Spread {
        of: Box<Rows>,
        count: u32,
    },
}

impl Rows {
    pub fn len(&self) -> usize {
        match self {
            Rows::Range { count, .. } | Rows::Spread { count, .. } => *count as usize,
            Rows::List(rows) => rows.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn at(&self, index: usize) -> u32 {
        match self {
            Rows::Range { first, .. } => first + index as u32,
            Rows::List(rows) => rows[index],
            Rows::Spread { of, count } => of.at((index as u128 * of.len() as u128 / u128::from(*count)) as usize),
        }
    }

    fn limited(self, limit: Option<usize>) -> Self {
        match limit {
            Some(limit) if limit < self.len() => Rows::Spread { of: Box::new(self), count: limit as u32 },
            _ => self,
        }
    }

    fn of(rows: Vec<u32>) -> Self {
        match (rows.first(), rows.last()) {
            (Some(&first), Some(&last)) if (last - first) as usize + 1 == rows.len() => {
                Rows::Range { first, count: rows.len() as u32 }
            }
            _ => Rows::List(rows),
        }
    }
}

impl Target {
    /// Finds a target's rows in a split. In training rows without a label are left out; in evaluation they stay, so
    /// that unlabelled rows can be predicted.
    pub fn new(spec: &TargetSpec, stores: &[Arc<Store>], split: Split, limit: Option<usize>) -> Result<Self> {
        let store = stores.get(spec.store).ok_or_else(|| {
            Error::context(format!("target {} is in store {}, but there are {}", spec.name, spec.store, stores.len()))
        })?;
        let target = match spec.kind {
            TargetKind::Task => Self::task(spec, store, split)?,
            TargetKind::Column => Self::column(spec, store, split)?,
        };
        Ok(Target { rows: target.rows.limited(limit), ..target })
    }

    fn task(spec: &TargetSpec, store: &Store, split: Split) -> Result<Self> {
        let manifest = store.manifest();
        let unknown = |what: &str| {
            let known: Vec<&str> = manifest.tasks.iter().map(|task| task.name.as_str()).collect();
            let message = format!("{what} {:?}; the store's tasks are: {}", spec.name, known.join(", "));
            Error::context(message).in_file(store.path())
        };
        let task = manifest.task(&spec.name).ok_or_else(|| unknown("there is no task"))?;
        let index = manifest.table(&task.name).ok_or_else(|| unknown("there is no table of task"))?;
        let table = &manifest.tables[index];
        let column = table.column(&task.target_column).ok_or_else(|| unknown("there is no target of task"))?;
        let encoding = table.columns[column].encoding;
        let (first, last) = task.splits.get(&split).copied().unwrap_or((0, 0));
        let rows: Vec<u32> = (first as u32..last as u32)
            .filter(|&row| split != Split::Train || !is_missing(encoding, store.cells(index, row as usize)[column]))
            .collect();
        let entity = manifest.table(&task.entity_table).ok_or_else(|| unknown("there is no entity table of task"))?;
        let hidden = task.hidden_columns.iter().filter_map(|name| manifest.tables[entity].column(name));
        Ok(Target {
            store: spec.store,
            table: index,
            column,
            encoding,
            rows: Rows::of(rows),
            cutoff_time: task.time_column.as_deref().and_then(|time| table.time(time)),
            fallback: end_of(split, manifest.val_timestamp, manifest.test_timestamp),
            is_task: true,
            hidden: Some(HiddenColumns {
                table: entity,
                columns: hidden.collect(),
                is_timed: manifest.tables[entity].time_column.is_some(),
            }),
        })
    }

    fn column(spec: &TargetSpec, store: &Store, split: Split) -> Result<Self> {
        let manifest = store.manifest();
        let dots = spec.name.match_indices('.').map(|(at, _)| (&spec.name[..at], &spec.name[at + 1..]));
        let found = dots.filter_map(|(table, column)| {
            let table = manifest.table(table).filter(|&table| !manifest.tables[table].is_task)?;
            Some((table, manifest.tables[table].column(column)?))
        });
        let (index, column) = found.into_iter().next().ok_or_else(|| {
            let message = format!("there is no column {:?} (written table.column; keys are no cells)", spec.name);
            Error::context(message).in_file(store.path())
        })?;
        let encoding = manifest.tables[index].columns[column].encoding;
        let (val, test) = (manifest.val_timestamp, manifest.test_timestamp);
        let known = store.known_of_table(index);
        let table = &manifest.tables[index];
        let cell_time = table.columns[column].known_at.as_deref().and_then(|time| table.time(time));
        let cell_known = cell_time.map_or(known, |time| store.times(index, time));
        let in_split = |row: usize| match (val, test) {
            _ if known[row] == NEVER || cell_known[row] == NEVER => false,
            // What becomes known after validation has begun is nothing to learn from.
            (Some(val), _) if known[row] <= val => split == Split::Train && cell_known[row] <= val,
            (Some(_), Some(test)) if known[row] > test => split == Split::Test,
            (Some(_), _) => split == Split::Val,
            (None, _) => split == Split::Train,
        };
        let rows =
            (0..known.len()).filter(|&row| in_split(row) && !is_missing(encoding, store.cells(index, row)[column]));
        Ok(Target {
            store: spec.store,
            table: index,
            column,
            encoding,
            rows: Rows::of(rows.map(|row| row as u32).collect()),
            cutoff_time: None,
            fallback: end_of(split, val, test),
            is_task: false,
            hidden: None,
        })
    }

    /// The moment at which a row is to be predicted: its own time; without one, that of the rows it hangs on; without
    /// any, the end of its split.
    pub fn cutoff(&self, store: &Store, row: usize) -> Result<i64> {
        let moment = match self.cutoff_time {
            Some(time) => store.times(self.table, time)[row],
            None if self.is_task => match store.parent(self.table, row, 0)? {
                Some(entity) => store.known(entity)?,
                None => ALWAYS,
            },
            None => store.known(store.node(self.table, row)?)?,
        };
        Ok(if moment == ALWAYS || moment == NEVER { self.fallback } else { moment })
    }
}

fn end_of(split: Split, val: Option<i64>, test: Option<i64>) -> i64 {
    let end = match split {
        Split::Train => val,
        Split::Val => test,
        Split::Test => None,
    };
    end.unwrap_or(END_OF_TIME)
}
