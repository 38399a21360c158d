//! The rows of one context: breadth-first from the target's row, as published for PluRel (INTEROP: "Context").
//!
//! A row's parents are followed at once (a stack); when there are none left, a random row of the shallowest level of
//! children comes next. A row brings at most `width` children. The walk ends before the first row whose cells would
//! not fit into `length`. Only what the view shows is ever listed.

use hashbrown::{HashMap, HashSet};
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::rng::Draws;
use crate::visible::View;

/// Which children a row brings where it has more than `width`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChildChoice {
    /// A uniform sample, as published.
    #[default]
    Sampled,
    /// Those that became known last.
    Recent,
}

/// When a walk for a task comes to other label rows of that task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LabelChoice {
    /// As to any other children, as published.
    #[default]
    Apart,
    /// Right after the entity row that they belong to, before its parents.
    Beside,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContextConfig {
    /// Cells of a sequence.
    pub length: usize,
    /// Children that a row brings at most.
    pub width: usize,
    pub children: ChildChoice,
    pub labels: LabelChoice,
    pub seed: u64,
}

/// For each of `width` labels that may stand beside an entity row, this many of its latest children are looked at.
const LOOKED_AT: usize = 8;

/// A row without cells costs nothing of `length`, so rows are counted too.
const ROWS_PER_CELL: usize = 4;

/// Where a context starts: the target's row and the column whose cell is masked.
#[derive(Debug, Clone, Copy)]
pub struct Goal {
    pub node: u32,
    pub column: usize,
}

/// One cell of a context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    pub row: u32,
    pub column: u32,
}

/// One row of a context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    pub node: u32,
    pub table: u32,
    pub index: u32,
}

/// What a walk found. Rows without a visible cell are walked through but not listed.
#[derive(Debug, Default)]
pub struct Context {
    pub rows: Vec<Row>,
    pub cells: Vec<Cell>,
    /// (child, parent) positions in `rows`, each pair once.
    pub links: Vec<(u32, u32)>,
    pub target_cell: usize,
}

/// Buffers that a thread keeps between walks.
#[derive(Default)]
pub struct Scratch {
    visited: HashSet<u32>,
    above: Vec<(usize, u32)>,
    below: Vec<Vec<u32>>,
    columns: Vec<usize>,
    chosen: HashSet<usize>,
}

/// Walks from the goal; the draws decide which children are met, and in which order.
pub fn walk(
    view: &View<'_>,
    goal: Goal,
    config: &ContextConfig,
    draws: &mut Draws,
    scratch: &mut Scratch,
) -> Result<Context> {
    let mut context = Context::default();
    scratch.visited.clear();
    scratch.above.clear();
    scratch.below.iter_mut().for_each(Vec::clear);
    scratch.above.push((0, goal.node));
    while scratch.visited.len() < ROWS_PER_CELL.saturating_mul(config.length) {
        let Some((depth, node)) = next_row(scratch, draws) else { break };
        if !scratch.visited.insert(node) {
            continue;
        }
        let (table, index) = view.store.locate(node)?;
        view.columns(node, table, index, &mut scratch.columns)?;
        if node == goal.node {
            keep_target(&mut scratch.columns, goal.column, config.length);
        } else if context.cells.len() + scratch.columns.len() > config.length {
            break;
        }
        let row = Row { node, table: table as u32, index: index as u32 };
        list(&mut context, row, &scratch.columns, (node == goal.node).then_some(goal.column));
        for key in 0..view.store.manifest().tables[table].foreign_keys.len() {
            if let Some(parent) = view.store.parent(table, index, key)?
                && view.row(parent)?
                && !scratch.visited.contains(&parent)
            {
                scratch.above.push((depth + 1, parent));
            }
        }
        if config.labels == LabelChoice::Beside && view.hidden.is_some_and(|hidden| hidden.table == table) {
            add_labels(view, goal, node, depth + 1, config, scratch)?;
        }
        add_children(view.children(node)?, depth + 1, config, draws, scratch);
    }
    link(view, &mut context)?;
    Ok(context)
}

/// The parent that waits on top of the stack, else a random row of the shallowest level.
fn next_row(scratch: &mut Scratch, draws: &mut Draws) -> Option<(usize, u32)> {
    if let Some(next) = scratch.above.pop() {
        return Some(next);
    }
    let (depth, level) = scratch.below.iter_mut().enumerate().find(|(_, level)| !level.is_empty())?;
    let node = level.swap_remove(draws.below(level.len()));
    Some((depth, node))
}

/// The target's cell is always listed, and its row cut to the budget around it.
fn keep_target(columns: &mut Vec<usize>, target: usize, length: usize) {
    columns.retain(|&column| column != target);
    columns.truncate(length - 1);
    let position = columns.partition_point(|&column| column < target);
    columns.insert(position, target);
}

fn list(context: &mut Context, row: Row, columns: &[usize], target: Option<usize>) {
    if columns.is_empty() {
        return;
    }
    let number = context.rows.len() as u32;
    context.rows.push(row);
    for &column in columns {
        if target == Some(column) {
            context.target_cell = context.cells.len();
        }
        context.cells.push(Cell { row: number, column: column as u32 });
    }
}

/// Puts the latest known labels of an entity row on top of the stack, the latest uppermost.
fn add_labels(
    view: &View<'_>,
    goal: Goal,
    entity: u32,
    depth: usize,
    config: &ContextConfig,
    scratch: &mut Scratch,
) -> Result<()> {
    let (task, _) = view.store.locate(goal.node)?;
    let bottom = scratch.above.len();
    for &child in view.children(entity)?.iter().rev().take(LOOKED_AT.saturating_mul(config.width)) {
        if scratch.above.len() - bottom == config.width {
            break;
        }
        if view.store.locate(child)?.0 == task && !scratch.visited.contains(&child) {
            scratch.above.push((depth, child));
        }
    }
    scratch.above[bottom..].reverse();
    Ok(())
}

fn add_children(children: &[u32], depth: usize, config: &ContextConfig, draws: &mut Draws, scratch: &mut Scratch) {
    if scratch.below.len() <= depth {
        scratch.below.resize_with(depth + 1, Vec::new);
    }
    let level = &mut scratch.below[depth];
    let (n, k) = (children.len(), config.width);
    if n <= k {
        level.extend_from_slice(children);
    } else if config.children == ChildChoice::Recent {
        level.extend_from_slice(&children[n - k..]);
    } else {
        // Floyd's sampling: k draws whatever n, so that hubs cost no more than others.
        scratch.chosen.clear();
        for last in n - k..n {
            let drawn = draws.below(last + 1);
            let index = if scratch.chosen.insert(drawn) { drawn } else { last };
            scratch.chosen.insert(index);
            level.push(children[index]);
        }
    }
}

fn link(view: &View<'_>, context: &mut Context) -> Result<()> {
    let numbers: HashMap<u32, u32> =
        context.rows.iter().enumerate().map(|(number, row)| (row.node, number as u32)).collect();
    for (child, row) in context.rows.iter().enumerate() {
        let start = context.links.len();
        for key in 0..view.store.manifest().tables[row.table as usize].foreign_keys.len() {
            let parent = view.store.parent(row.table as usize, row.index as usize, key)?;
            let Some(&parent) = parent.and_then(|parent| numbers.get(&parent)) else { continue };
            let pair = (child as u32, parent);
            if !context.links[start..].contains(&pair) {
                context.links.push(pair);
            }
        }
    }
    Ok(())
}
