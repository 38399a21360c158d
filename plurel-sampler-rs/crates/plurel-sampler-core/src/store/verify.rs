//! Everything that is wrong with a store on disk: lengths, checksums, and what the format says of the words.
//!
//! Opening a store stops at the first damage. Here every file is looked at, and each sort of damage is told once for
//! each place that can have it (a file, a column, a foreign key), with its first occurrence and their number.

use std::path::Path;

use super::{Embeddings, Store, Verify, read_description, settled};
use crate::error::{Error, Kind, Result};
use crate::files::{check_content, check_length};
use crate::format::*;

/// Finds all damage of a store.
///
/// Fails only where there is no store to look at, or its description cannot be read at all.
pub fn verify(path: &Path) -> Result<Vec<Error>> {
    settled(path, || find_damage(path))
}

fn find_damage(path: &Path) -> Result<Vec<Error>> {
    let manifest = match read_description(path) {
        Ok((manifest, _)) => manifest,
        // Without a description nobody knows what the other files should be.
        Err(error) if error.kind == Kind::Format => return Ok(vec![error]),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    let mut lengths_hold = true;
    for (name, meta) in &manifest.files {
        let file = path.join(name);
        match check_length(&file, meta) {
            Ok(()) => found.extend(check_content(&file, meta).err()),
            Err(error) => {
                lengths_hold = false;
                found.push(error);
            }
        }
    }
    if lengths_hold {
        match Store::open(path, Verify::Lengths) {
            Ok(store) => store.check_structure(&mut found),
            Err(error) => found.push(error),
        }
    }
    Ok(found)
}

/// How often a sort of damage occurs, and where first.
#[derive(Default)]
struct Count {
    first: Option<(usize, String)>,
    times: u64,
}

impl Count {
    fn note(&mut self, index: usize, what: impl FnOnce() -> String) {
        self.first.get_or_insert_with(|| (index, what()));
        self.times += 1;
    }

    /// The error that tells of it, if there is any; `place` makes one of the first occurrence's index and words.
    fn tell(self, place: impl FnOnce(usize, String) -> Error) -> Option<Error> {
        let (index, mut words) = self.first?;
        if self.times > 1 {
            words.push_str(&format!(", the first of {} such", self.times));
        }
        Some(place(index, words))
    }
}

impl Store {
    fn check_structure(&self, found: &mut Vec<Error>) {
        for table in 0..self.manifest.tables.len() {
            self.check_cells(table, found);
            self.check_parents(table, found);
        }
        if self.check_offsets(found) {
            self.check_children(found);
        }
        for (name, embeddings) in &self.embeddings {
            found.extend(check_vectors(name, embeddings));
        }
        // A text file with a wrong checksum is told of already.
        if let Ok(batches) = self.strings() {
            found.extend(self.check_strings(batches).err());
        }
    }

    /// Numbers are finite or missing; strings exist.
    fn check_cells(&self, table: usize, found: &mut Vec<Error>) {
        let meta = &self.manifest.tables[table];
        let (width, start) = (meta.columns.len(), self.layout.regions[table].cells);
        let mut counts: Vec<Count> = meta.columns.iter().map(|_| Count::default()).collect();
        for row in 0..meta.rows as usize {
            for ((column, &word), count) in meta.columns.iter().zip(self.cells(table, row)).zip(&mut counts) {
                if is_missing(column.encoding, word) {
                    continue;
                }
                if column.encoding.is_string() {
                    if u64::from(word) >= self.manifest.num_strings {
                        let strings = self.manifest.num_strings;
                        count.note(row, || format!("string {word} where there are {strings}"));
                    }
                } else if !f32::from_bits(word).is_finite() {
                    count.note(row, || "an infinite number".to_string());
                }
            }
        }
        for (number, (column, count)) in meta.columns.iter().zip(counts).enumerate() {
            found.extend(count.tell(|row, words| {
                let error = self.cells.corrupt(start + row * width + number, words);
                error.in_table(&meta.name).in_column(&column.name).at_row(row as u64)
            }));
        }
    }

    /// Foreign keys point at rows of the table that they name.
    fn check_parents(&self, table: usize, found: &mut Vec<Error>) {
        let meta = &self.manifest.tables[table];
        let (width, start) = (meta.foreign_keys.len(), self.layout.regions[table].parents);
        for (number, key) in meta.foreign_keys.iter().enumerate() {
            let Some(parent) = self.manifest.table(&key.table) else {
                let error = Error::format(format!("points at a table {:?} that is not there", key.table));
                found.push(error.in_file(self.path.join(MANIFEST)).in_table(&meta.name).in_column(&key.column));
                continue;
            };
            let first = u64::from(self.first_nodes[parent]);
            let nodes = first..first + self.manifest.tables[parent].rows;
            let mut count = Count::default();
            for row in 0..meta.rows as usize {
                let node = self.parents.words()[start + row * width + number];
                if node != NONE && !nodes.contains(&u64::from(node)) {
                    count.note(row, || format!("node {node} where {} has {nodes:?}", key.table));
                }
            }
            found.extend(count.tell(|row, words| {
                let error = self.parents.corrupt(start + row * width + number, words);
                error.in_table(&meta.name).in_column(&key.column).at_row(row as u64)
            }));
        }
    }

    /// Offsets start at 0, never fall, and end at the number of children.
    fn check_offsets(&self, found: &mut Vec<Error>) -> bool {
        let offsets = self.offsets.words();
        let mut count = Count::default();
        for (index, pair) in offsets.windows(2).enumerate() {
            if pair[1] < pair[0] {
                count.note(index + 1, || format!("{} after {}; offsets never fall", pair[1], pair[0]));
            }
        }
        let before = found.len();
        found.extend(count.tell(|index, words| self.offsets.corrupt(index, words)));
        for (index, expected) in [(0, 0), (offsets.len() - 1, self.manifest.num_edges)] {
            if offsets[index] != expected {
                found.push(self.offsets.corrupt(index, format!("{} where {expected} must stand", offsets[index])));
            }
        }
        found.len() == before
    }

    /// The children of a node are the rows that point at it, each once, sorted by when they are known, then by node.
    fn check_children(&self, found: &mut Vec<Error>) {
        let known = &self.times.words()[..self.layout.rows];
        let (mut strangers, mut order) = (Count::default(), Count::default());
        for (node, range) in self.offsets.words().windows(2).enumerate() {
            let range = range[0] as usize..range[1] as usize;
            let children = &self.children.words()[range.clone()];
            for (index, &child) in range.clone().zip(children) {
                if !self.points_at(child, node as u32) {
                    strangers
                        .note(index, || format!("node {child} is listed under {node}, at which no key of it points"));
                }
            }
            let moment = |child: u32| (known.get(child as usize).copied(), child);
            for (index, pair) in range.skip(1).zip(children.windows(2)) {
                if moment(pair[0]) >= moment(pair[1]) {
                    order.note(index, || {
                        format!("node {} after {}, which is known later or the same", pair[1], pair[0])
                    });
                }
            }
        }
        found.extend(strangers.tell(|index, words| self.children.corrupt(index, words)));
        found.extend(order.tell(|index, words| self.children.corrupt(index, words)));
        let pairs = self.distinct_links();
        if pairs != self.manifest.num_edges {
            let message = format!("{} children where foreign keys make {pairs}", self.manifest.num_edges);
            found.push(Error::format(message).in_file(self.path.join(CHILDREN)));
        }
    }

    fn points_at(&self, child: u32, node: u32) -> bool {
        self.locate(child).is_ok_and(|(table, row)| self.parent_words(table, row).contains(&node))
    }

    fn parent_words(&self, table: usize, row: usize) -> &[u32] {
        let width = self.manifest.tables[table].foreign_keys.len();
        let start = self.layout.regions[table].parents + row * width;
        &self.parents.words()[start..start + width]
    }

    /// Pairs of rows that a foreign key joins, once however many keys do.
    fn distinct_links(&self) -> u64 {
        let mut pairs = 0;
        for (table, meta) in self.manifest.tables.iter().enumerate() {
            for row in 0..meta.rows as usize {
                let parents = self.parent_words(table, row);
                let fresh = |&(index, parent): &(usize, &u32)| *parent != NONE && !parents[..index].contains(parent);
                pairs += parents.iter().enumerate().filter(fresh).count() as u64;
            }
        }
        pairs
    }

    fn check_strings(&self, batches: impl Iterator<Item = Result<arrow_array::LargeStringArray>>) -> Result<()> {
        let mut strings = 0;
        for batch in batches {
            strings += arrow_array::Array::len(&batch?) as u64;
        }
        if strings == self.manifest.num_strings {
            return Ok(());
        }
        let message = format!("{strings} strings where there should be {}", self.manifest.num_strings);
        Err(Error::format(message).in_file(self.path.join(TEXT)))
    }
}

/// Vectors are finite.
fn check_vectors(name: &str, embeddings: &Embeddings) -> Option<Error> {
    let infinite = 0x7f80; // the bits of a bf16's exponent
    let mut count = Count::default();
    for (index, &word) in embeddings.vectors.words().iter().enumerate() {
        if word & infinite == infinite {
            count.note(index, || {
                format!("the vector of string {} by embedder {name} is not finite", index / embeddings.width)
            });
        }
    }
    count.tell(|index, words| embeddings.vectors.corrupt(index, words))
}
