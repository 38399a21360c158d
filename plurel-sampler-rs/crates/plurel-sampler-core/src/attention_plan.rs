//! Which cells of a batch may look at which, as groups of (queries, keys) in buckets of like size.
//!
//! A group is a set of cells that look and the set that all of them see: a column's cells and themselves, a row's
//! cells and those of the row and its parents, a row's cells and its children's. Every visible pair is in one group,
//! and every cell looks in one group of a kind at most, so attention over groups is attention over visible pairs and
//! nothing else. What attends is `plurel_rt`; nothing here depends on a model's width or heads.

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::error::{Error, Kind as ErrorKind, Result};

/// The kinds of attention, in the order in which plans number them.
pub const KINDS: usize = 3;

/// Groups whose sizes are within this ratio share a bucket, so that padding costs little and buckets are few.
const STEP: (usize, usize) = (3, 2);

/// Buckets are merged where that pads by fewer pairs: to compute them takes about as long as to begin a bucket.
const MERGED_PAIRS: usize = 2048;

/// Keys of a bucket at most, padding included: what a bucket gathers should stay in a core's cache. A larger group
/// has a bucket of its own.
const BUCKET_KEYS: usize = 2048;

/// Pairs of a bucket at most, for the same reason.
const BUCKET_PAIRS: usize = 1 << 16;

/// Keys of a batch at most: places are i32, and padding takes its share of them.
const MAX_KEYS: usize = 1 << 29;

/// Groups in buckets. Cells are numbered through the batch, sequence after sequence, padding left out.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct AttentionPlan {
    pub cells: usize,
    /// `[buckets, 4]`: kind, groups, queries of each, keys of each; kinds in order.
    pub buckets: Vec<i32>,
    /// `groups x queries` cells of every bucket, bucket after bucket; -1 fills a group up.
    pub query: Vec<i32>,
    /// `groups x keys` cells of every bucket, likewise.
    pub key: Vec<i32>,
    /// `[KINDS, cells]`: where in `query` a cell stands; -1 where it sees nothing.
    pub query_place: Vec<i32>,
    /// Places in `key`, by kind and cell.
    pub key_place: Vec<i32>,
    /// `[KINDS, cells + 1]`: where in `key_place` the places of a cell begin.
    pub key_start: Vec<i32>,
}

/// Groups of one kind and sequence: their cells one after another, and their sizes.
#[derive(Debug, Default)]
struct Groups {
    queries: Vec<u32>,
    keys: Vec<u32>,
    sizes: Vec<(usize, usize)>,
}

impl Groups {
    fn push<'a>(&mut self, queries: &[u32], keys: impl Iterator<Item = &'a [u32]>) {
        let before = self.keys.len();
        self.queries.extend_from_slice(queries);
        keys.for_each(|cells| self.keys.extend_from_slice(cells));
        self.sizes.push((queries.len(), self.keys.len() - before));
    }
}

/// A group on its way into a bucket.
#[derive(Clone, Copy)]
struct Group<'a> {
    first_cell: usize,
    queries: &'a [u32],
    keys: &'a [u32],
}

/// Groups of like sizes, and the largest of these.
struct Alike<'a> {
    groups: Vec<Group<'a>>,
    queries: usize,
    keys: usize,
}

impl Alike<'_> {
    fn pairs(&self) -> usize {
        self.groups.len() * self.queries * self.keys
    }

    /// How many pairs of padding both together have more than each by itself.
    fn growth(&self, other: &Self) -> usize {
        let (queries, keys) = (self.queries.max(other.queries), self.keys.max(other.keys));
        (self.groups.len() + other.groups.len()) * queries * keys - self.pairs() - other.pairs()
    }
}

/// The cells of one sequence, padding left out, and the links (child, parent) between the rows that they name.
#[derive(Default)]
struct Sequence {
    first_cell: usize,
    column: Vec<i32>,
    row: Vec<i32>,
    links: Vec<(i32, i32)>,
}

impl AttentionPlan {
    /// Plans the attention of a batch; the same plan whatever the number of threads.
    ///
    /// `column` and `row` are `[sequences, length]`, a negative row being padding; `links` is `[links, 3]`: sequence,
    /// child row, parent row. A link to a row without cells says nothing, nor does one that comes twice.
    pub fn of(length: usize, column: &[i32], row: &[i32], links: &[i32]) -> Result<Self> {
        let sequences = sequences(length, column, row, links)?;
        let groups: Vec<[Groups; KINDS]> = sequences.par_iter().map(groups).collect();
        let keys: usize = groups.iter().flatten().map(|groups| groups.keys.len()).sum();
        if keys > MAX_KEYS {
            let message = format!("attention to {keys} keys in one batch, at most {MAX_KEYS}; take fewer sequences");
            return Err(Error::new(ErrorKind::Limit, message));
        }
        let cells = sequences.last().map_or(0, |last| last.first_cell + last.row.len());
        let mut plan = AttentionPlan { cells, query_place: vec![-1; KINDS * cells], ..AttentionPlan::default() };
        for kind in 0..KINDS {
            let mut of_kind = Vec::new();
            for (Sequence { first_cell, .. }, groups) in sequences.iter().zip(&groups) {
                let (mut queries, mut keys) = (&groups[kind].queries[..], &groups[kind].keys[..]);
                for &(q, k) in &groups[kind].sizes {
                    of_kind.push(Group { first_cell: *first_cell, queries: &queries[..q], keys: &keys[..k] });
                    (queries, keys) = (&queries[q..], &keys[k..]);
                }
            }
            plan.add(kind, of_kind);
        }
        Ok(plan)
    }

    /// Puts the groups of a kind into buckets, and notes where each cell went.
    fn add(&mut self, kind: usize, groups: Vec<Group<'_>>) {
        let first_key = self.key.len();
        for Alike { mut groups, .. } in alike(groups) {
            // What lies together in a bucket pads little; a stable sort keeps the rest in order.
            groups.sort_by_key(|group| (group.keys.len(), group.queries.len()));
            let mut rest = groups.as_slice();
            while !rest.is_empty() {
                let (bucket, left) = rest.split_at(fitting(rest));
                self.add_bucket(kind, bucket);
                rest = left;
            }
        }
        self.note_keys(first_key);
    }

    fn add_bucket(&mut self, kind: usize, groups: &[Group<'_>]) {
        let queries = groups.iter().map(|group| group.queries.len()).max().unwrap_or(0);
        let keys = groups.iter().map(|group| group.keys.len()).max().unwrap_or(0);
        self.buckets.extend([kind, groups.len(), queries, keys].map(|n| n as i32));
        for group in groups {
            let start = self.query.len();
            for (place, &cell) in group.queries.iter().enumerate() {
                let cell = group.first_cell + cell as usize;
                self.query_place[kind * self.cells + cell] = (start + place) as i32;
                self.query.push(cell as i32);
            }
            self.query.resize(start + queries, -1);
            let start = self.key.len();
            self.key.extend(group.keys.iter().map(|&cell| (group.first_cell + cell as usize) as i32));
            self.key.resize(start + keys, -1);
        }
    }

    /// Lists, for every cell, its places among the keys from `first` on: a counting sort.
    fn note_keys(&mut self, first: usize) {
        let mut next = vec![0; self.cells + 1];
        let cells = self.key[first..].iter().enumerate().filter(|(_, cell)| **cell >= 0);
        for (_, &cell) in cells.clone() {
            next[cell as usize + 1] += 1;
        }
        next[0] = self.key_place.len() as i32;
        for cell in 0..self.cells {
            next[cell + 1] += next[cell];
        }
        self.key_start.extend_from_slice(&next);
        self.key_place.resize(next[self.cells] as usize, 0);
        for (place, &cell) in cells {
            self.key_place[next[cell as usize] as usize] = (first + place) as i32;
            next[cell as usize] += 1;
        }
    }
}

/// Groups by their sizes: those within a step together, and further ones where that costs next to nothing.
fn alike(groups: Vec<Group<'_>>) -> Vec<Alike<'_>> {
    let mut classes: BTreeMap<(usize, usize), Alike<'_>> = BTreeMap::new();
    for group in groups {
        let (queries, keys) = (group.queries.len(), group.keys.len());
        let class = classes.entry((size_class(queries), size_class(keys)));
        let class = class.or_insert(Alike { groups: Vec::new(), queries: 0, keys: 0 });
        class.groups.push(group);
        (class.queries, class.keys) = (class.queries.max(queries), class.keys.max(keys));
    }
    let mut classes: Vec<_> = classes.into_values().collect();
    loop {
        let pairs = (0..classes.len()).flat_map(|second| (0..second).map(move |first| (first, second)));
        let best = pairs.map(|(first, second)| (classes[first].growth(&classes[second]), first, second)).min();
        let Some((growth, first, second)) = best else { return classes };
        if growth >= MERGED_PAIRS {
            return classes;
        }
        let Alike { groups, queries, keys } = classes.remove(second);
        let class = &mut classes[first];
        class.groups.extend(groups);
        (class.queries, class.keys) = (class.queries.max(queries), class.keys.max(keys));
    }
}

/// How many groups from the first on make a bucket: at least one.
fn fitting(groups: &[Group<'_>]) -> usize {
    let (mut queries, mut keys) = (0, 0);
    for (count, group) in groups.iter().enumerate() {
        queries = queries.max(group.queries.len());
        keys = keys.max(group.keys.len());
        let all_keys = (count + 1) * keys;
        if count > 0 && (all_keys > BUCKET_KEYS || all_keys * queries > BUCKET_PAIRS) {
            return count;
        }
    }
    groups.len()
}

/// The number of a size among sizes that grow in steps of `STEP`: 1, 2, 3, 5, 8, 12, ...
fn size_class(size: usize) -> usize {
    let (mut class, mut bound) = (0, 1);
    while bound < size {
        bound = (bound * STEP.0).div_ceil(STEP.1);
        class += 1;
    }
    class
}

/// The arrays of a batch, sequence by sequence.
fn sequences(length: usize, column: &[i32], row: &[i32], links: &[i32]) -> Result<Vec<Sequence>> {
    let mut first_cell = 0;
    let lines = column.chunks(length.max(1)).zip(row.chunks(length.max(1)));
    let mut sequences: Vec<Sequence> = lines
        .map(|(columns, rows)| {
            let (column, row): (Vec<i32>, Vec<i32>) =
                columns.iter().zip(rows).filter(|(_, row)| **row >= 0).map(|(column, row)| (*column, *row)).unzip();
            let sequence = Sequence { first_cell, column, row, links: Vec::new() };
            first_cell += sequence.row.len();
            sequence
        })
        .collect();
    let count = sequences.len();
    for link in links.chunks_exact(3) {
        let sequence = usize::try_from(link[0]).ok().and_then(|number| sequences.get_mut(number));
        let sequence =
            sequence.ok_or_else(|| Error::context(format!("a link in sequence {}, but there are {count}", link[0])))?;
        sequence.links.push((link[1], link[2]));
    }
    Ok(sequences)
}

/// The groups of one sequence, for every kind.
fn groups(sequence: &Sequence) -> [Groups; KINDS] {
    let (mut column, mut feature, mut neighbour) = (Groups::default(), Groups::default(), Groups::default());
    let columns = runs(&sequence.column);
    for run in 0..columns.ids.len() {
        column.push(columns.cells(run), [columns.cells(run)].into_iter());
    }
    let rows = runs(&sequence.row);
    let up = links(&rows, sequence.links.iter().map(|&(child, parent)| (child, parent)));
    let down = links(&rows, sequence.links.iter().map(|&(child, parent)| (parent, child)));
    let (mut up, mut down) = (up.as_slice(), down.as_slice());
    for number in 0..rows.ids.len() {
        let parents = take(&mut up, number).iter().map(|&(_, parent)| parent).filter(|&parent| parent != number);
        feature.push(rows.cells(number), std::iter::once(number).chain(parents).map(|row| rows.cells(row)));
        let children = take(&mut down, number);
        if !children.is_empty() {
            neighbour.push(rows.cells(number), children.iter().map(|&(_, child)| rows.cells(child)));
        }
    }
    [column, feature, neighbour]
}

/// Cells sorted by an id, and where each id's run of them ends.
struct Runs {
    ids: Vec<i32>,
    ends: Vec<usize>,
    cells: Vec<u32>,
}

fn runs(ids: &[i32]) -> Runs {
    let mut cells: Vec<u32> = (0..ids.len() as u32).collect();
    cells.sort_by_key(|&cell| ids[cell as usize]);
    let mut runs = Runs { ids: Vec::new(), ends: Vec::new(), cells: Vec::new() };
    let mut end = 0;
    for run in cells.chunk_by(|&a, &b| ids[a as usize] == ids[b as usize]) {
        end += run.len();
        runs.ids.push(ids[run[0] as usize]);
        runs.ends.push(end);
    }
    runs.cells = cells;
    runs
}

impl Runs {
    fn cells(&self, run: usize) -> &[u32] {
        let start = if run == 0 { 0 } else { self.ends[run - 1] };
        &self.cells[start..self.ends[run]]
    }
}

/// Pairs of rows as pairs of runs, sorted, each once; rows without cells fall away.
fn links(rows: &Runs, pairs: impl Iterator<Item = (i32, i32)>) -> Vec<(usize, usize)> {
    let run = |row: i32| rows.ids.binary_search(&row).ok();
    let mut links: Vec<_> = pairs.filter_map(|(from, to)| Some((run(from)?, run(to)?))).collect();
    links.sort_unstable();
    links.dedup();
    links
}

/// Cuts the links from one run off the front of sorted links.
fn take<'a>(links: &mut &'a [(usize, usize)], from: usize) -> &'a [(usize, usize)] {
    let (taken, rest) = links.split_at(links.partition_point(|&(first, _)| first <= from));
    *links = rest;
    taken
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    type Pairs = BTreeSet<(usize, i32, i32)>;

    /// The (column, row) of every cell, and the links.
    type Drawn = (Vec<(i32, i32)>, Vec<(i32, i32)>);

    /// The rule, pair by pair.
    fn visible(sequences: &[Drawn]) -> Pairs {
        let mut pairs = Pairs::new();
        let mut first = 0;
        for (cells, links) in sequences {
            for (q, &(query_column, query_row)) in cells.iter().enumerate() {
                for (k, &(key_column, key_row)) in cells.iter().enumerate() {
                    let sees = [
                        query_column == key_column,
                        query_row == key_row || links.contains(&(query_row, key_row)),
                        links.contains(&(key_row, query_row)),
                    ];
                    let (q, k) = (first + q as i32, first + k as i32);
                    pairs.extend((0..KINDS).filter(|&kind| sees[kind]).map(|kind| (kind, q, k)));
                }
            }
            first += cells.len() as i32;
        }
        pairs
    }

    fn plan_of(sequences: &[Drawn]) -> AttentionPlan {
        let length = sequences.iter().map(|(cells, _)| cells.len()).max().unwrap_or(0).max(1);
        let (mut column, mut row, mut links) = (vec![], vec![], vec![]);
        for (line, (cells, of_line)) in sequences.iter().enumerate() {
            column.extend(cells.iter().map(|cell| cell.0));
            row.extend(cells.iter().map(|cell| cell.1));
            column.resize((line + 1) * length, -1);
            row.resize((line + 1) * length, -1);
            links.extend(of_line.iter().flat_map(|&(child, parent)| [line as i32, child, parent]));
        }
        AttentionPlan::of(length, &column, &row, &links).unwrap()
    }

    fn pairs_of(plan: &AttentionPlan) -> Pairs {
        let mut pairs = Pairs::new();
        let (mut query, mut key) = (plan.query.as_slice(), plan.key.as_slice());
        for bucket in plan.buckets.chunks(4) {
            for _ in 0..bucket[1] {
                let (queries, rest) = query.split_at(bucket[2] as usize);
                let (keys, others) = key.split_at(bucket[3] as usize);
                (query, key) = (rest, others);
                for &q in queries.iter().filter(|cell| **cell >= 0) {
                    for &k in keys.iter().filter(|cell| **cell >= 0) {
                        assert!(pairs.insert((bucket[0] as usize, q, k)), "a pair comes once");
                    }
                }
            }
        }
        assert!(query.is_empty() && key.is_empty());
        pairs
    }

    fn sequence() -> impl Strategy<Value = Drawn> {
        let cells = prop::collection::vec((0..5, 0..6), 0..40);
        (cells, prop::collection::vec((0..7, 0..7), 0..12))
    }

    proptest! {
        #[test]
        fn groups_hold_the_visible_pairs_each_once(sequences in prop::collection::vec(sequence(), 0..4)) {
            let plan = plan_of(&sequences);
            prop_assert_eq!(pairs_of(&plan), visible(&sequences));
            for (place, &at) in plan.query_place.iter().enumerate() {
                prop_assert!(at < 0 || plan.query[at as usize] as usize == place % plan.cells);
            }
            for kind in 0..KINDS {
                for cell in 0..plan.cells {
                    let start = kind * (plan.cells + 1) + cell;
                    let places = plan.key_start[start] as usize..plan.key_start[start + 1] as usize;
                    for &place in &plan.key_place[places] {
                        prop_assert_eq!(plan.key[place as usize] as usize, cell);
                    }
                }
            }
            prop_assert_eq!(plan.key_place.len(), plan.key.iter().filter(|cell| **cell >= 0).count());
        }
    }

    #[test]
    fn a_hub_costs_what_it_sees() {
        let cells: Vec<_> = (0..=20_000).map(|row| (row.min(1), row)).collect();
        let links: Vec<_> = (1..=20_000).map(|child| (child, 0)).collect();
        let plan = plan_of(&[(cells, links)]);
        assert!(plan.key.len() < 4 * 20_000 * 2, "keys: {}", plan.key.len());
        assert!(plan.query.len() < 4 * 20_000, "queries: {}", plan.query.len());
        let hub = plan.buckets.chunks(4).last().unwrap();
        assert_eq!(hub, [2, 1, 1, 20_000]);
    }

    #[test]
    fn sizes_of_a_bucket_are_alike() {
        let rows: Vec<(i32, i32)> = (0..60).flat_map(|row| (0..=row).map(move |column| (column, row))).collect();
        let plan = plan_of(&[(rows, vec![])]);
        let padding = plan.query.iter().filter(|cell| **cell < 0).count();
        assert!(padding * 3 < plan.query.len(), "{padding} of {}", plan.query.len());
    }

    #[test]
    fn small_groups_of_many_sizes_share_a_few_buckets() {
        let rows: Vec<(i32, i32)> = (0..12).flat_map(|row| (0..=row).map(move |column| (column, row))).collect();
        let plan = plan_of(&[(rows, vec![])]);
        assert!(plan.buckets.len() / 4 <= 4, "{:?}", plan.buckets);
    }
}
