//! Contexts for the targets of several stores, a batch at a time.
//!
//! A batch is a pure function of the sampler's arguments, the order, and the positions asked for: neither threads
//! nor ranks change it.

use std::sync::Arc;

use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::batch::{Batch, Member, Sequence};
use crate::context::{ContextConfig, Goal, Scratch, walk};
use crate::error::{Error, Result};
use crate::order::{Balance, Order, Slot};
use crate::rng::{Draws, Purpose};
use crate::spec::Split;
use crate::store::Store;
use crate::targets::{Target, TargetSpec};
use crate::visible::{Hidden, View};

/// Cells of a context at most, and of a batch.
const MAX_LENGTH: usize = 1 << 20;
const MAX_CELLS: usize = 1 << 27;
const MAX_THREADS: usize = 1024;

#[derive(Debug, Clone)]
pub struct SamplerSpec {
    pub targets: Vec<TargetSpec>,
    pub config: ContextConfig,
    pub embedder: String,
    pub split: Split,
    pub balance: Balance,
    /// At most that many rows a target, evenly spread.
    pub limit: Option<usize>,
    /// `None`: as many as there are processors.
    pub num_threads: Option<usize>,
    /// Whether batches bring a plan of their attention.
    pub plan: bool,
}

/// In which order positions are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sequencing {
    /// Target by target, row by row.
    Evaluation,
    /// Shuffled anew every epoch.
    Training { epoch: u32 },
}

pub struct Sampler {
    members: Vec<Member>,
    targets: Vec<Target>,
    order: Order,
    spec: SamplerSpec,
    pool: ThreadPool,
}

impl Sampler {
    pub fn new(stores: &[Arc<Store>], spec: SamplerSpec) -> Result<Self> {
        if spec.config.length == 0 {
            return Err(Error::context("a context of length 0 cannot hold its target"));
        }
        if spec.config.length > MAX_LENGTH {
            let message = format!("a context of length {}: {MAX_LENGTH} cells are the most", spec.config.length);
            return Err(Error::context(message));
        }
        if let Some(threads) = spec.num_threads.filter(|threads| !(1..=MAX_THREADS).contains(threads)) {
            return Err(Error::context(format!("num_threads {threads}: expected 1 to {MAX_THREADS}, or none")));
        }
        let members = members(stores, &spec.embedder)?;
        let targets = spec.targets.iter().map(|target| Target::new(target, stores, spec.split, spec.limit));
        let targets = targets.collect::<Result<Vec<_>>>()?;
        let counts: Vec<usize> = targets.iter().map(|target| target.rows.len()).collect();
        let pool = ThreadPoolBuilder::new()
            .num_threads(spec.num_threads.unwrap_or(0))
            .thread_name(|index| format!("plurel-sampler-{index}"))
            .build()
            .map_err(|error| Error::context(format!("cannot start the sampler's threads: {error}")))?;
        Ok(Sampler { members, targets, order: Order::new(&counts, spec.config.seed, spec.balance), spec, pool })
    }

    /// Positions of an epoch.
    pub fn len(&self) -> u64 {
        self.order.len()
    }

    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Rows of each target in the split.
    pub fn counts(&self) -> Vec<usize> {
        self.targets.iter().map(|target| target.rows.len()).collect()
    }

    /// The contexts at some positions, in the order in which they are given. In training, positions beyond the end of
    /// the epoch are those of the epochs that follow.
    pub fn batch(&self, sequencing: Sequencing, positions: &[u64]) -> Result<Batch> {
        let places = positions.iter().map(|&position| self.place(sequencing, position));
        let places: Vec<(Sequencing, u64)> = places.collect::<Result<_>>()?;
        let length = self.spec.config.length;
        if positions.len() > MAX_CELLS / length {
            let message = format!("{} contexts of length {length}: {MAX_CELLS} cells are the most", positions.len());
            return Err(Error::context(message));
        }
        let slots: Vec<Slot> = places.iter().map(|&(sequencing, position)| self.slot(sequencing, position)).collect();
        let sequences: Vec<Sequence> = self.pool.install(|| {
            let jobs = slots.par_iter().zip(&places);
            jobs.map_init(Scratch::default, |scratch, (&slot, &(sequencing, position))| {
                self.sequence(sequencing, slot, position, scratch)
            })
            .collect::<Result<_>>()
        })?;
        let mut batch = self.pool.install(|| Batch::of(&self.members, &sequences, length, self.spec.plan))?;
        for (line, (slot, &position)) in slots.iter().zip(positions).enumerate() {
            batch.position[line] = position as i64;
            batch.target[line] = slot.target as i32;
        }
        Ok(batch)
    }

    /// The epoch that a position lies in, and its place there.
    fn place(&self, sequencing: Sequencing, position: u64) -> Result<(Sequencing, u64)> {
        let positions = self.len();
        match sequencing {
            _ if position < positions => Ok((sequencing, position)),
            Sequencing::Training { epoch } if positions > 0 => {
                let later = u32::try_from(position / positions).ok().and_then(|later| epoch.checked_add(later));
                let beyond = || Error::context(format!("position {position} lies in an epoch that is none"));
                Ok((Sequencing::Training { epoch: later.ok_or_else(beyond)? }, position % positions))
            }
            _ => Err(Error::context(format!("position {position} where there are {positions}"))),
        }
    }

    fn slot(&self, sequencing: Sequencing, position: u64) -> Slot {
        match sequencing {
            Sequencing::Evaluation => self.order.evaluation(position),
            Sequencing::Training { epoch } => self.order.training(epoch, position),
        }
    }

    fn sequence(&self, sequencing: Sequencing, slot: Slot, position: u64, scratch: &mut Scratch) -> Result<Sequence> {
        let target = &self.targets[slot.target];
        let member = &self.members[target.store];
        let store = member.store.as_ref();
        let row = target.rows.at(slot.index) as usize;
        let goal = Goal { node: store.node(target.table, row)?, column: target.column };
        let hidden = match &target.hidden {
            None => None,
            Some(hidden) => Some(Hidden {
                table: hidden.table,
                columns: &hidden.columns,
                node: store.parent(target.table, row, 0)?,
                is_timed: hidden.is_timed,
            }),
        };
        let view = View { store, known_at: &member.known_at, cutoff: target.cutoff(store, row)?, hidden };
        let seed = self.spec.config.seed;
        let mut draws = match sequencing {
            Sequencing::Training { epoch } => Draws::new(seed, Purpose::TrainingContext, epoch, position),
            // By row, not by position: a row's context is the same whatever else is evaluated.
            Sequencing::Evaluation => {
                Draws::new(seed, Purpose::EvaluationContext, goal.column as u32, u64::from(goal.node))
            }
        };
        Ok(Sequence {
            member: target.store,
            goal,
            table: target.table,
            row,
            cutoff: view.cutoff,
            context: walk(&view, goal, &self.spec.config, &mut draws, scratch)?,
        })
    }
}

fn members(stores: &[Arc<Store>], embedder: &str) -> Result<Vec<Member>> {
    let mut members: Vec<Member> = Vec::with_capacity(stores.len());
    let (mut tables, mut columns) = (0, 0);
    for store in stores {
        let embeddings = store.embeddings(embedder)?;
        if let Some(first) = members.first()
            && (first.embeddings.width, &first.embeddings.fingerprint) != (embeddings.width, &embeddings.fingerprint)
        {
            let message = format!(
                "vectors of embedder {embedder} are {} here, {} in {}; embed both stores with the same version",
                embeddings.fingerprint,
                first.embeddings.fingerprint,
                first.store.path().display()
            );
            return Err(Error::context(message).in_file(store.path()));
        }
        let manifest = store.manifest();
        let mut first_columns = Vec::with_capacity(manifest.tables.len());
        let mut known_at = Vec::with_capacity(manifest.tables.len());
        for table in &manifest.tables {
            first_columns.push(columns);
            columns += table.columns.len();
            let times = table.columns.iter().map(|column| column.known_at.as_deref().and_then(|time| table.time(time)));
            known_at.push(times.collect());
        }
        members.push(Member { store: store.clone(), embeddings, known_at, first_table: tables, first_columns });
        tables += manifest.tables.len();
    }
    Ok(members)
}
