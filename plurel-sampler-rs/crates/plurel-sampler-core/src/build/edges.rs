//! From foreign keys to children, and from the times of timed rows to the moment at which every row is known.

use crate::format::{ALWAYS, NONE};

/// For every node the nodes whose foreign keys point at it: `nodes[offsets[n] .. offsets[n + 1]]`, each once.
pub struct Children {
    pub offsets: Vec<u64>,
    pub nodes: Vec<u32>,
}

/// One table's foreign keys: `[rows, width]` parent nodes, `NONE` where there is no parent.
pub struct Parents<'a> {
    pub first_node: u32,
    pub width: usize,
    pub nodes: &'a [u32],
}

impl Children {
    /// Turns the tables' foreign keys around. Children of a node come in ascending order.
    pub fn of(tables: &[Parents<'_>], rows: usize) -> Self {
        let mut offsets = vec![0u64; rows + 1];
        for_each_edge(tables, |parent, _| offsets[parent as usize + 1] += 1);
        for node in 0..rows {
            offsets[node + 1] += offsets[node];
        }
        let mut next = offsets.clone();
        let mut nodes = vec![0; offsets[rows] as usize];
        for_each_edge(tables, |parent, child| {
            let slot = &mut next[parent as usize];
            nodes[*slot as usize] = child;
            *slot += 1;
        });
        Children { offsets, nodes }
    }

    pub fn of_node(&self, node: usize) -> &[u32] {
        &self.nodes[self.offsets[node] as usize..self.offsets[node + 1] as usize]
    }

    /// Sorts every node's children by the moment at which they are known, so that what is known at t is a prefix.
    pub fn sort_by_time(&mut self, known: &[i64]) {
        for node in 0..self.offsets.len() - 1 {
            let range = self.offsets[node] as usize..self.offsets[node + 1] as usize;
            self.nodes[range].sort_unstable_by_key(|&child| (known[child as usize], child));
        }
    }
}

/// Calls `visit(parent, child)` for every pair of rows that a foreign key joins, once however many keys do.
fn for_each_edge(tables: &[Parents<'_>], mut visit: impl FnMut(u32, u32)) {
    for table in tables.iter().filter(|table| table.width > 0) {
        for (row, parents) in table.nodes.chunks_exact(table.width).enumerate() {
            let child = table.first_node + row as u32;
            for (index, &parent) in parents.iter().enumerate() {
                if parent != NONE && !parents[..index].contains(&parent) {
                    visit(parent, child);
                }
            }
        }
    }
}

/// Gives rows without a time of their own the latest time of the timed rows that they hang on, through other rows
/// without time as well.
///
/// `known` holds the times of timed rows and `ALWAYS` for the others; `timed` says which is which. Times travel from
/// the latest to the earliest, so the first to reach a row is the one that counts, and cycles end by themselves.
pub fn spread_times(known: &mut [i64], timed: impl Fn(u32) -> bool, children: &Children) {
    let mut sources: Vec<u32> = (0..known.len() as u32)
        .filter(|&node| timed(node) && known[node as usize] > ALWAYS)
        .filter(|&node| children.of_node(node as usize).iter().any(|&child| !timed(child)))
        .collect();
    sources.sort_unstable_by_key(|&node| std::cmp::Reverse(known[node as usize]));
    let mut stack = Vec::new();
    for source in sources {
        let moment = known[source as usize];
        stack.push(source);
        while let Some(node) = stack.pop() {
            for &child in children.of_node(node as usize) {
                if !timed(child) && known[child as usize] == ALWAYS {
                    known[child as usize] = moment;
                    stack.push(child);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn one_table(nodes: &[u32], width: usize) -> Vec<Parents<'_>> {
        vec![Parents { first_node: 0, width, nodes }]
    }

    /// The rule as it is written: the latest time of the timed parents, through untimed ones.
    fn latest(row: usize, times: &[Option<i64>], parents: &[u32], seen: &mut Vec<usize>) -> i64 {
        if seen.contains(&row) {
            return ALWAYS;
        }
        seen.push(row);
        let up = parents[row * 2..row * 2 + 2].iter().filter(|&&parent| parent != NONE);
        up.map(|&parent| match times[parent as usize] {
            Some(time) => time,
            None => latest(parent as usize, times, parents, seen),
        })
        .max()
        .unwrap_or(ALWAYS)
    }

    proptest! {
        #[test]
        fn untimed_rows_get_the_latest_time_above_them(
            rows in proptest::collection::vec(
                (proptest::option::of(0i64..5), proptest::option::of(0u32..12), proptest::option::of(0u32..12)), 12..13)
        ) {
            let times: Vec<Option<i64>> = rows.iter().map(|row| row.0).collect();
            let parents: Vec<u32> = rows.iter().flat_map(|row| [row.1, row.2]).map(|p| p.unwrap_or(NONE)).collect();
            let children = Children::of(&one_table(&parents, 2), times.len());
            let mut known: Vec<i64> = times.iter().map(|time| time.unwrap_or(ALWAYS)).collect();
            spread_times(&mut known, |node| times[node as usize].is_some(), &children);
            for row in 0..times.len() {
                let expected = times[row].unwrap_or_else(|| latest(row, &times, &parents, &mut Vec::new()));
                prop_assert_eq!(known[row], expected);
            }
        }
    }

    #[test]
    fn two_keys_to_one_parent_make_one_child() {
        let parents = [1, 1, NONE, 0];
        let children = Children::of(&one_table(&parents, 2), 2);
        assert_eq!((children.of_node(0), children.of_node(1)), (&[1][..], &[0][..]));
    }
}
