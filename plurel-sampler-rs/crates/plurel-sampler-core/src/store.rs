//! A store on disk, opened: mapped files behind accessors that check every number they read from them.
//!
//! A damaged file gives an error with its name and byte, never a panic. What is visible when is `visible`'s business.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use arrow_array::cast::AsArray;
use arrow_array::{Array, LargeStringArray};
use arrow_ipc::reader::FileReader;

use crate::build::{CELLS_TAG, CHILDREN_TAG, OFFSETS_TAG, PARENTS_TAG, TIMES_TAG};
use crate::embed::{EMBEDDINGS_TAG, EmbeddingsWriter};
use crate::error::{Error, Kind, Result};
use crate::files::{Draft, Mapped, check_content, check_length, write_whole};
use crate::format::*;
use crate::spec::Embedder;

mod verify;

pub use verify::verify;

/// How much of a store is checked when it is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verify {
    /// Headers and lengths: as quick as opening the files.
    Lengths,
    /// Every byte.
    Checksums,
}

pub struct Store {
    path: PathBuf,
    manifest: Manifest,
    layout: Layout,
    first_nodes: Vec<u32>,
    cells: Mapped<u32>,
    parents: Mapped<u32>,
    times: Mapped<i64>,
    offsets: Mapped<u64>,
    children: Mapped<u32>,
    embeddings: BTreeMap<String, Arc<Embeddings>>,
}

/// `[strings, width]` bf16 of one embedder.
pub struct Embeddings {
    pub width: usize,
    pub fingerprint: String,
    vectors: Mapped<u16>,
}

impl Embeddings {
    /// The vector of a string.
    pub fn vector(&self, id: u32) -> Result<&[u16]> {
        let start = id as usize * self.width;
        let vector = self.vectors.words().get(start..start + self.width);
        vector.ok_or_else(|| self.vectors.corrupt(start, format!("there is no vector of string {id}")))
    }
}

impl Store {
    /// Opens a store; fails where its files do not fit its description. A store that takes its place meanwhile is
    /// opened instead.
    pub fn open(path: &Path, verify: Verify) -> Result<Self> {
        settled(path, || {
            let (manifest, layout) = read_description(path)?;
            Self::open_files(path, manifest, layout, verify)
        })
    }

    fn open_files(path: &Path, manifest: Manifest, layout: Layout, verify: Verify) -> Result<Self> {
        for (name, meta) in &manifest.files {
            check_length(&path.join(name), meta)?;
            if verify == Verify::Checksums {
                check_content(&path.join(name), meta)?;
            }
        }
        let edges = manifest.num_edges as usize;
        let mut embeddings = BTreeMap::new();
        for (name, meta) in &manifest.embeddings {
            let width = meta.width as usize;
            let length = width.saturating_mul(manifest.num_strings as usize);
            let vectors = Mapped::open(&path.join(&meta.file), EMBEDDINGS_TAG, length)?;
            let fingerprint = meta.fingerprint.clone();
            embeddings.insert(name.clone(), Arc::new(Embeddings { width, fingerprint, vectors }));
        }
        Ok(Store {
            path: path.to_path_buf(),
            cells: Mapped::open(&path.join(CELLS), CELLS_TAG, layout.cells)?,
            parents: Mapped::open(&path.join(PARENTS), PARENTS_TAG, layout.parents)?,
            times: Mapped::open(&path.join(TIMES), TIMES_TAG, layout.times)?,
            offsets: Mapped::open(&path.join(OFFSETS), OFFSETS_TAG, layout.rows + 1)?,
            children: Mapped::open(&path.join(CHILDREN), CHILDREN_TAG, edges)?,
            first_nodes: manifest.tables.iter().map(|table| table.first_node as u32).collect(),
            manifest,
            layout,
            embeddings,
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    pub fn num_rows(&self) -> usize {
        self.layout.rows
    }

    /// The table of a node and the row in it.
    pub fn locate(&self, node: u32) -> Result<(usize, usize)> {
        if node as usize >= self.layout.rows {
            return Err(self.no_node(node));
        }
        // Tables without rows start where the next one does, so the last table that starts at or before the node is its.
        let table = self.first_nodes.partition_point(|&first| first <= node) - 1;
        Ok((table, (node - self.first_nodes[table]) as usize))
    }

    pub fn node(&self, table: usize, row: usize) -> Result<u32> {
        let rows = self.manifest.tables[table].rows;
        if row as u64 >= rows {
            let error = Error::context(format!("row {row} of a table of {rows}"));
            return Err(error.in_table(&self.manifest.tables[table].name));
        }
        Ok(self.first_nodes[table] + row as u32)
    }

    /// The cells of a row, a word for each column of its table.
    pub fn cells(&self, table: usize, row: usize) -> &[u32] {
        let width = self.manifest.tables[table].columns.len();
        let start = self.layout.regions[table].cells + row * width;
        &self.cells.words()[start..start + width]
    }

    /// The string that a cell names, checked against the number of strings; `None` where the cell is missing.
    pub fn string_id(&self, table: usize, row: usize, column: usize) -> Result<Option<u32>> {
        let word = self.cells(table, row)[column];
        if word == NONE {
            return Ok(None);
        }
        if u64::from(word) >= self.manifest.num_strings {
            let index = self.layout.regions[table].cells + row * self.manifest.tables[table].columns.len() + column;
            let message = format!("string {word} where there are {}", self.manifest.num_strings);
            return Err(self.cells.corrupt(index, message));
        }
        Ok(Some(word))
    }

    /// The parent node of a row through foreign key number `key`.
    pub fn parent(&self, table: usize, row: usize, key: usize) -> Result<Option<u32>> {
        let index = self.layout.regions[table].parents + row * self.manifest.tables[table].foreign_keys.len() + key;
        match self.parents.words()[index] {
            NONE => Ok(None),
            node if (node as usize) < self.layout.rows => Ok(Some(node)),
            node => Err(self.parents.corrupt(index, format!("node {node} where there are {}", self.layout.rows))),
        }
    }

    /// The moment from which a row shows itself (`ALWAYS`, `NEVER` or microseconds).
    pub fn known(&self, node: u32) -> Result<i64> {
        let known = self.times.words()[..self.layout.rows].get(node as usize);
        known.copied().ok_or_else(|| self.no_node(node))
    }

    /// Only the list of children gives nodes that nobody has checked yet.
    fn no_node(&self, node: u32) -> Error {
        let message = format!("node {node} where there are {}", self.layout.rows);
        Error::format(message).in_file(self.path.join(CHILDREN))
    }

    /// The same of all rows of a table.
    pub fn known_of_table(&self, table: usize) -> &[i64] {
        let first = self.first_nodes[table] as usize;
        &self.times.words()[first..first + self.manifest.tables[table].rows as usize]
    }

    /// A further time of a table's rows (`NEVER` where missing), by its number in `TableMeta::times`.
    pub fn times(&self, table: usize, number: usize) -> &[i64] {
        let rows = self.manifest.tables[table].rows as usize;
        let start = self.layout.regions[table].times + number * rows;
        &self.times.words()[start..start + rows]
    }

    /// All rows whose foreign keys point at a node, sorted by the moment at which they are known.
    pub fn children(&self, node: u32) -> Result<&[u32]> {
        let offsets = self.offsets.words();
        let index = node as usize;
        let (Some(&start), Some(&end)) = (offsets.get(index), offsets.get(index + 1)) else {
            return Err(self.offsets.corrupt(index, format!("node {node} where there are {}", self.layout.rows)));
        };
        let range = self.children.words().get(start as usize..end as usize);
        range.ok_or_else(|| self.offsets.corrupt(index, format!("children {start}..{end} of node {node} do not exist")))
    }

    /// The vectors of one embedder.
    pub fn embeddings(&self, name: &str) -> Result<Arc<Embeddings>> {
        self.embeddings.get(name).cloned().ok_or_else(|| {
            let known: Vec<&str> = self.embeddings.keys().map(String::as_str).collect();
            let known = if known.is_empty() { "none".to_string() } else { known.join(", ") };
            let message = format!("the store has no vectors of embedder {name:?}; it has those of: {known}");
            Error::context(message).in_file(&self.path)
        })
    }

    /// The distinct strings, a batch at a time. The file's checksum is compared first: Arrow's reader trusts its input.
    pub fn strings(&self) -> Result<impl Iterator<Item = Result<LargeStringArray>>> {
        let path = self.path.join(TEXT);
        if let Some(meta) = self.manifest.files.get(TEXT) {
            check_content(&path, meta)?;
        }
        let file = File::open(&path).map_err(|error| Error::io("open", &path, error))?;
        let failed = move |message: String| Error::format(message).in_file(&path);
        let reader = FileReader::try_new_buffered(file, None).map_err(|error| failed(error.to_string()))?;
        Ok(reader.map(move |batch| {
            let batch = batch.map_err(|error| failed(error.to_string()))?;
            let column = batch.columns().first().and_then(|column| column.as_string_opt::<i64>().cloned());
            column.ok_or_else(|| failed("no column of large strings".to_string()))
        }))
    }

    /// Adds the vectors of another embedder, or replaces those of the same name; the cells stay as they are.
    pub fn add_embeddings(&self, embedder: &dyn Embedder) -> Result<Store> {
        // Nobody builds or adds anything here meanwhile; what others did since this store was opened is read anew.
        let place = std::fs::canonicalize(&self.path).map_err(|error| Error::io("open", &self.path, error))?;
        let _lock = Draft::beside(&place)?;
        let store = Store::open(&self.path, Verify::Lengths)?;
        // Inside of the store, which may be a file system of its own.
        let draft = Draft::beside(&self.path.join("embeddings"))?;
        let (mut meta, content) = store.write_embeddings(draft.path(), embedder)?;
        let written = meta.file.clone();
        let mut manifest = store.manifest;
        let before = manifest.embeddings.get(embedder.name()).map(|meta| meta.file.clone());
        if let Some(before) = &before {
            manifest.files.remove(before);
            if *before == meta.file {
                // The old vectors stay what the description names until there is a new description.
                meta.file.insert(meta.file.len() - ".bin".len(), '~');
            }
        }
        let target = self.path.join(&meta.file);
        manifest.files.insert(meta.file.clone(), content);
        manifest.embeddings.insert(embedder.name().to_string(), meta);
        write_whole(&draft.path().join(MANIFEST), manifest.to_json()?.as_bytes())?;
        draft.hand_over(&written, &target)?;
        draft.hand_over(MANIFEST, &self.path.join(MANIFEST))?;
        if let Some(before) = before {
            let old = self.path.join(before);
            std::fs::remove_file(&old).map_err(|error| Error::io("remove", &old, error))?;
        }
        Store::open(&self.path, Verify::Lengths)
    }

    /// Writes the vectors of all strings into a directory.
    fn write_embeddings(&self, directory: &Path, embedder: &dyn Embedder) -> Result<(EmbeddingMeta, FileMeta)> {
        let mut out = EmbeddingsWriter::new(directory, embedder)?;
        let mut found = 0;
        for batch in self.strings()? {
            let batch = batch?;
            let texts: Vec<&str> = (0..batch.len()).map(|index| batch.value(index)).collect();
            out.put(&texts)?;
            found += batch.len() as u64;
        }
        if found == self.manifest.num_strings {
            return out.finish();
        }
        let message = format!("{found} strings where there should be {}", self.manifest.num_strings);
        Err(Error::format(message).in_file(self.path.join(TEXT)))
    }
}

/// Does some work on a store's files, and does it again where another store took its place meanwhile: the files are
/// opened by their paths, one after the other, so that some may have been the old one's and some the new one's.
fn settled<T>(path: &Path, mut work: impl FnMut() -> Result<T>) -> Result<T> {
    loop {
        let before = stamp(path);
        let done = work();
        if stamp(path) == before {
            return done;
        }
    }
}

/// Tells the store at a path from any that takes its place: the description has the checksums of all files, and the
/// time of its writing tells two with the same content apart. `None` where there is none.
fn stamp(path: &Path) -> Option<(SystemTime, Vec<u8>)> {
    let description = path.join(MANIFEST);
    let written = std::fs::metadata(&description).ok().filter(|found| found.is_file())?.modified().ok()?;
    Some((written, std::fs::read(&description).ok()?))
}

/// The description of a store and where its tables lie, with every name in it checked.
fn read_description(path: &Path) -> Result<(Manifest, Layout)> {
    let description = path.join(MANIFEST);
    if !description.is_file() {
        let message = format!("there is no store: {MANIFEST} is missing");
        return Err(Error::new(Kind::Missing, message).in_file(path));
    }
    let text = std::fs::read(&description).map_err(|error| Error::io("read", &description, error))?;
    let text = String::from_utf8(text).map_err(|error| {
        Error::format("not a store description: no UTF-8")
            .in_file(&description)
            .at_byte(error.utf8_error().valid_up_to() as u64)
    })?;
    let manifest = Manifest::from_json(&text).map_err(|error| error.in_file(&description))?;
    let layout = Layout::of(&manifest).map_err(|error| error.in_file(&description))?;
    check_names(&manifest).map_err(|error| error.in_file(&description))?;
    Ok((manifest, layout))
}

/// Every name in a description must lead to something in it: the accessors above rely on it.
fn check_names(manifest: &Manifest) -> Result<()> {
    for name in [CELLS, PARENTS, TIMES, OFFSETS, CHILDREN, TEXT] {
        if !manifest.files.contains_key(name) {
            return Err(Error::format(format!("the description does not mention {name}")));
        }
    }
    for table in &manifest.tables {
        for column in &table.columns {
            let known = column.known_at.as_ref().is_none_or(|time| table.time(time).is_some());
            if !known || u64::from(column.name_text) >= manifest.num_strings {
                return Err(Error::format("points at nothing").in_table(&table.name).in_column(&column.name));
            }
        }
    }
    for task in &manifest.tasks {
        let at = |what: &str| Error::format(format!("the task's {what} does not exist")).in_table(&task.name);
        let table = manifest.table(&task.name).ok_or_else(|| at("table"))?;
        let table = &manifest.tables[table];
        table.column(&task.target_column).ok_or_else(|| at("target"))?;
        let entity = manifest.table(&task.entity_table).ok_or_else(|| at("entity table"))?;
        if table.foreign_keys.len() != 1 || table.foreign_keys[0].table != task.entity_table {
            return Err(at("entity"));
        }
        for hidden in &task.hidden_columns {
            manifest.tables[entity].column(hidden).ok_or_else(|| at("hidden column"))?;
        }
        if task.splits.values().any(|&(first, last)| first > last || last > table.rows) {
            return Err(at("split"));
        }
        if let Some(time) = &task.time_column {
            table.time(time).ok_or_else(|| at("time"))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use arrow_array::{ArrayRef, Float64Array, RecordBatch};

    use super::*;
    use crate::build::build_store;
    use crate::spec::{BuildOptions, TableSpec};

    fn build(out: &Path, values: &[f64]) {
        let column: ArrayRef = Arc::new(Float64Array::from(values.to_vec()));
        let table = TableSpec::new("t", RecordBatch::try_from_iter([("x", column)]).unwrap());
        let options = BuildOptions { overwrite: true, ..BuildOptions::default() };
        build_store(out, &[table], &[], &options, None, &mut |_, _| Ok(())).unwrap();
    }

    /// What opening a store finds, where another one replaces it after its description was read.
    fn open_while_replaced(values: &[f64], other: &[f64]) -> Store {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("store");
        build(&out, values);
        let mut reads = 0;
        settled(&out, || {
            let (manifest, layout) = read_description(&out)?;
            reads += 1;
            if reads == 1 {
                build(&out, other);
            }
            Store::open_files(&out, manifest, layout, Verify::Checksums)
        })
        .unwrap()
    }

    #[test]
    fn a_store_that_takes_the_place_of_one_being_opened_is_opened_whole() {
        let longer = open_while_replaced(&[1.0, 2.0, 3.0], &[1.0, 2.0, 3.0, 4.0]);
        assert_eq!(longer.num_rows(), 4);
        let found = open_while_replaced(&[1.0, 2.0, 3.0], &[7.0, 5.0, 9.0]);
        assert_eq!(found.manifest().tables[0].columns[0].statistics.mean, 7.0);
    }

    #[test]
    fn damage_that_stays_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("store");
        build(&out, &[1.0]);
        std::fs::remove_file(out.join(CELLS)).unwrap();
        assert_eq!(Store::open(&out, Verify::Lengths).err().unwrap().kind, Kind::Format);
    }
}
