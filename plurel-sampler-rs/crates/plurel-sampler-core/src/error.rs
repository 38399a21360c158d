//! One error type for the crate: what went wrong, and where (file, table, column, row, byte offset).
//!
//! Not a place for recovery: an error is raised where the fact is known and travels unchanged to the caller.

use std::fmt;
use std::path::{Path, PathBuf};

/// What kind of failure an [`Error`] is; the Python package has one exception class for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The tables, tasks or options given to a build contradict each other.
    Build,
    /// A foreign key holds a value that no row of the parent table has.
    UnresolvedKey,
    /// A cell holds a value that its encoding cannot.
    Value,
    /// A limit of the store format is exceeded.
    Limit,
    /// There is something at the output path already.
    Exists,
    /// Another process is building at the output path.
    Busy,
    /// There is no store at the path.
    Missing,
    /// A store's files contradict each other or the format.
    Format,
    /// A sampler was asked for something that its stores do not have.
    Context,
    /// The operating system refused.
    Io,
    /// Code of the caller (a source, an embedder, a progress callback) failed; see [`Error::source`].
    Caller,
}

/// Where something happened, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    pub file: Option<PathBuf>,
    pub table: Option<String>,
    pub column: Option<String>,
    pub row: Option<u64>,
    pub offset: Option<u64>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if let Some(file) = &self.file {
            parts.push(format!("file {}", file.display()));
        }
        if let Some(table) = &self.table {
            parts.push(format!("table {table}"));
        }
        if let Some(column) = &self.column {
            parts.push(format!("column {column}"));
        }
        if let Some(row) = self.row {
            parts.push(format!("row {row}"));
        }
        if let Some(offset) = self.offset {
            parts.push(format!("byte {offset}"));
        }
        if parts.is_empty() {
            return Ok(());
        }
        write!(f, " ({})", parts.join(", "))
    }
}

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// A failure: its kind, one sentence, and its place.
#[derive(Debug, thiserror::Error)]
#[error("{message}{place}")]
pub struct Error {
    pub kind: Kind,
    pub message: String,
    pub place: Box<Place>,
    #[source]
    pub cause: Option<Cause>,
}

pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Error { kind, message: message.into(), place: Box::default(), cause: None }
    }

    pub fn build(message: impl Into<String>) -> Self {
        Self::new(Kind::Build, message)
    }

    pub fn value(message: impl Into<String>) -> Self {
        Self::new(Kind::Value, message)
    }

    pub fn format(message: impl Into<String>) -> Self {
        Self::new(Kind::Format, message)
    }

    pub fn context(message: impl Into<String>) -> Self {
        Self::new(Kind::Context, message)
    }

    /// The operating system's refusal of `action` on `file`.
    pub fn io(action: &str, file: &Path, cause: std::io::Error) -> Self {
        let mut error = Self::new(Kind::Io, format!("cannot {action}: {cause}")).in_file(file);
        error.cause = Some(Box::new(cause));
        error
    }

    /// A failure of code that the caller handed in.
    pub fn caller(cause: impl Into<Cause>) -> Self {
        let cause = cause.into();
        let mut error = Self::new(Kind::Caller, cause.to_string());
        error.cause = Some(cause);
        error
    }

    pub fn in_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.place.file = Some(file.into());
        self
    }

    pub fn in_table(mut self, table: impl Into<String>) -> Self {
        self.place.table = Some(table.into());
        self
    }

    pub fn in_column(mut self, column: impl Into<String>) -> Self {
        self.place.column = Some(column.into());
        self
    }

    pub fn at_row(mut self, row: u64) -> Self {
        self.place.row = Some(row);
        self
    }

    pub fn at_byte(mut self, offset: u64) -> Self {
        self.place.offset = Some(offset);
        self
    }
}
