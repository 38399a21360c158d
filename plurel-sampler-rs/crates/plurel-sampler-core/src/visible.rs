//! What may be seen at a moment: the one place where a context asks whether a row or a cell is known.
//!
//! Times were put in order when the store was built (`build::edges`, `delay_labels`): a row, a label row included,
//! shows itself when its `known` is at or before the cutoff, and a node's children are sorted by it.

use crate::error::Result;
use crate::format::is_missing;
use crate::store::Store;

/// A store as it is seen at `cutoff`, minus the columns that would tell the target's label.
pub struct View<'a> {
    pub store: &'a Store,
    /// For every table, for every column, the number of the time that says when its cells are known.
    pub known_at: &'a [Vec<Option<usize>>],
    pub cutoff: i64,
    pub hidden: Option<Hidden<'a>>,
}

/// Columns of the target's entity table that tell its label.
#[derive(Clone, Copy)]
pub struct Hidden<'a> {
    pub table: usize,
    pub columns: &'a [usize],
    /// The target's entity row.
    pub node: Option<u32>,
    /// Whether the table has times of its own, so that rows of the target's very time are meant too.
    pub is_timed: bool,
}

impl View<'_> {
    pub fn row(&self, node: u32) -> Result<bool> {
        Ok(self.store.known(node)? <= self.cutoff)
    }

    /// The children that can be seen: a prefix of all, found by bisection.
    pub fn children(&self, node: u32) -> Result<&[u32]> {
        let all = self.store.children(node)?;
        let (mut low, mut high) = (0, all.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.row(all[middle])? {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(&all[..low])
    }

    /// The columns of a visible row whose cells are there and can be seen.
    pub fn columns(&self, node: u32, table: usize, row: usize, out: &mut Vec<usize>) -> Result<()> {
        out.clear();
        let columns = &self.store.manifest().tables[table].columns;
        let hides = self.hides(node, table)?;
        for (index, &word) in self.store.cells(table, row).iter().enumerate() {
            let early = match self.known_at[table][index] {
                None => true,
                Some(time) => self.store.times(table, time)[row] <= self.cutoff,
            };
            let leaks = hides && self.hidden.is_some_and(|hidden| hidden.columns.contains(&index));
            if early && !leaks && !is_missing(columns[index].encoding, word) {
                out.push(index);
            }
        }
        Ok(())
    }

    fn hides(&self, node: u32, table: usize) -> Result<bool> {
        let Some(hidden) = self.hidden.filter(|hidden| hidden.table == table) else {
            return Ok(false);
        };
        Ok(hidden.node == Some(node) || (hidden.is_timed && self.store.known(node)? == self.cutoff))
    }
}
