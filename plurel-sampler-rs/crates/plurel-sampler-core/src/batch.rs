//! The arrays of a batch, and how a context becomes one line of them.
//!
//! Arrays carry ids; vectors of texts come once each, in `texts`. The target's value appears in the labels only.

use std::sync::Arc;

use hashbrown::HashMap;

use crate::attention_plan::AttentionPlan;
use crate::context::{Context, Goal};
use crate::error::Result;
use crate::spec::Encoding;
use crate::store::{Embeddings, Store};

/// `[sequences, length]` arrays row after row, and per-sequence facts. Padding is -1 in ids, 0 in values.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Batch {
    pub sequences: usize,
    pub length: usize,
    pub width: usize,
    pub value: Vec<f32>,
    pub encoding: Vec<i8>,
    pub text: Vec<i32>,
    pub column: Vec<i32>,
    pub column_text: Vec<i32>,
    pub table: Vec<i32>,
    pub row: Vec<i32>,
    pub node: Vec<i64>,
    pub is_target: Vec<bool>,
    /// `[links, 3]`: sequence, child row, parent row.
    pub links: Vec<i32>,
    /// `[texts, width]` bf16 bits.
    pub texts: Vec<u16>,
    pub label: Vec<f32>,
    pub label_text: Vec<i32>,
    pub label_encoding: Vec<i8>,
    pub label_mean: Vec<f64>,
    pub label_std: Vec<f64>,
    pub cutoff: Vec<i64>,
    pub position: Vec<i64>,
    pub target: Vec<i32>,
    pub target_row: Vec<i64>,
    /// Where the sampler was asked to plan.
    pub attention: Option<AttentionPlan>,
}

/// A store among those of a sampler.
pub struct Member {
    pub store: Arc<Store>,
    pub embeddings: Arc<Embeddings>,
    /// For every table, for every column, the number of the time that says when its cells are known.
    pub known_at: Vec<Vec<Option<usize>>>,
    /// Sampler-wide ids of its first table, and of the first column of each table.
    pub first_table: usize,
    pub first_columns: Vec<usize>,
}

/// One line of a batch before its texts have their numbers.
pub struct Sequence {
    pub member: usize,
    pub goal: Goal,
    pub table: usize,
    pub row: usize,
    pub cutoff: i64,
    pub context: Context,
}

/// Numbers the distinct (store, string) pairs of a batch in the order in which they are met.
#[derive(Default)]
struct TextBlock {
    numbers: HashMap<(usize, u32), i32>,
    vectors: Vec<u16>,
}

impl TextBlock {
    fn number(&mut self, member: usize, embeddings: &Embeddings, id: u32) -> Result<i32> {
        if let Some(&number) = self.numbers.get(&(member, id)) {
            return Ok(number);
        }
        self.vectors.extend_from_slice(embeddings.vector(id)?);
        let number = self.numbers.len() as i32;
        self.numbers.insert((member, id), number);
        Ok(number)
    }
}

impl Batch {
    fn padded(sequences: usize, length: usize, width: usize) -> Self {
        let cells = sequences * length;
        Batch {
            sequences,
            length,
            width,
            value: vec![0.0; cells],
            encoding: vec![-1; cells],
            text: vec![-1; cells],
            column: vec![-1; cells],
            column_text: vec![-1; cells],
            table: vec![-1; cells],
            row: vec![-1; cells],
            node: vec![-1; cells],
            is_target: vec![false; cells],
            label: vec![0.0; sequences],
            label_text: vec![-1; sequences],
            label_encoding: vec![0; sequences],
            label_mean: vec![0.0; sequences],
            label_std: vec![1.0; sequences],
            cutoff: vec![0; sequences],
            position: vec![0; sequences],
            target: vec![0; sequences],
            target_row: vec![0; sequences],
            ..Batch::default()
        }
    }

    /// Puts sequences into arrays, and plans their attention where asked to; `position` and `target` are left to the
    /// sampler.
    pub fn of(members: &[Member], sequences: &[Sequence], length: usize, plan: bool) -> Result<Self> {
        let width = members.first().map_or(0, |member| member.embeddings.width);
        let mut batch = Batch::padded(sequences.len(), length, width);
        let mut texts = TextBlock::default();
        // The same few columns come again and again: their names are numbered without a hash table.
        let columns: usize =
            members.iter().map(|m| m.store.manifest().tables.iter().map(|t| t.columns.len()).sum::<usize>()).sum();
        let mut names = vec![-1; columns];
        for (line, sequence) in sequences.iter().enumerate() {
            batch.put_cells(line, &members[sequence.member], sequence, &mut texts, &mut names)?;
            batch.put_label(line, &members[sequence.member], sequence, &mut texts)?;
            for &(child, parent) in &sequence.context.links {
                batch.links.extend([line as i32, child as i32, parent as i32]);
            }
        }
        batch.texts = texts.vectors;
        if plan {
            batch.attention = Some(AttentionPlan::of(length, &batch.column, &batch.row, &batch.links)?);
        }
        Ok(batch)
    }

    fn put_cells(
        &mut self,
        line: usize,
        member: &Member,
        sequence: &Sequence,
        texts: &mut TextBlock,
        names: &mut [i32],
    ) -> Result<()> {
        for (place, cell) in sequence.context.cells.iter().enumerate() {
            let at = line * self.length + place;
            let row = sequence.context.rows[cell.row as usize];
            let (table, column) = (row.table as usize, cell.column as usize);
            let meta = &member.store.manifest().tables[table].columns[column];
            let global = member.first_columns[table] + column;
            if names[global] < 0 {
                names[global] = texts.number(sequence.member, &member.embeddings, meta.name_text)?;
            }
            self.encoding[at] = meta.encoding as i8;
            self.column[at] = global as i32;
            self.column_text[at] = names[global];
            self.table[at] = (member.first_table + table) as i32;
            self.row[at] = cell.row as i32;
            self.node[at] = i64::from(row.node);
            if place == sequence.context.target_cell {
                self.is_target[at] = true;
            } else if meta.encoding.is_string() {
                if let Some(id) = member.store.string_id(table, row.index as usize, column)? {
                    self.text[at] = texts.number(sequence.member, &member.embeddings, id)?;
                }
            } else {
                self.value[at] = f32::from_bits(member.store.cells(table, row.index as usize)[column]);
            }
        }
        Ok(())
    }

    fn put_label(&mut self, line: usize, member: &Member, sequence: &Sequence, texts: &mut TextBlock) -> Result<()> {
        let (table, row, column) = (sequence.table, sequence.row, sequence.goal.column);
        let meta = &member.store.manifest().tables[table].columns[column];
        self.label_encoding[line] = meta.encoding as i8;
        self.label_mean[line] = meta.statistics.mean;
        self.label_std[line] = meta.statistics.std;
        self.cutoff[line] = sequence.cutoff;
        self.target_row[line] = row as i64;
        match meta.encoding {
            Encoding::Text | Encoding::Category => {
                if let Some(id) = member.store.string_id(table, row, column)? {
                    self.label_text[line] = texts.number(sequence.member, &member.embeddings, id)?;
                }
            }
            _ => self.label[line] = f32::from_bits(member.store.cells(table, row)[column]),
        }
        Ok(())
    }
}
