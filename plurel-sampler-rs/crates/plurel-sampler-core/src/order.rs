//! Which target stands at which position: one order for all ranks, from (seed, epoch) alone.

use serde::{Deserialize, Serialize};

use crate::rng::{Permutation, Purpose};

/// How often the targets of a training epoch come, relative to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Balance {
    /// Equally often, however many rows each has.
    #[default]
    Uniform,
    /// As often as each has rows.
    Proportional,
}

/// Row counts of the targets, and the orders over them.
pub struct Order {
    /// `ends[i]`: rows of targets `0..=i`.
    ends: Vec<u64>,
    /// Targets that have rows.
    filled: Vec<usize>,
    seed: u64,
    balance: Balance,
}

/// A target and the number of one of its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Slot {
    pub target: usize,
    pub index: usize,
}

impl Order {
    pub fn new(counts: &[usize], seed: u64, balance: Balance) -> Self {
        let mut total = 0;
        let ends = counts.iter().map(|&count| {
            total += count as u64;
            total
        });
        Order {
            ends: ends.collect(),
            filled: (0..counts.len()).filter(|&target| counts[target] > 0).collect(),
            seed,
            balance,
        }
    }

    /// Positions of an epoch: as many as there are rows.
    pub fn len(&self) -> u64 {
        self.ends.last().copied().unwrap_or(0)
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn count(&self, target: usize) -> u64 {
        self.ends[target] - if target == 0 { 0 } else { self.ends[target - 1] }
    }

    /// In order: target by target, row by row. `position` must be below `len`.
    pub fn evaluation(&self, position: u64) -> Slot {
        let target = self.ends.partition_point(|&end| end <= position);
        let first = self.ends[target] - self.count(target);
        Slot { target, index: (position - first) as usize }
    }

    /// Shuffled. Balanced uniformly, every run of as many positions as there are targets holds each target once, and
    /// a target's rows come in a fresh permutation each time they have all been met.
    pub fn training(&self, epoch: u32, position: u64) -> Slot {
        if self.balance == Balance::Proportional {
            let all = Permutation::new(self.len(), self.seed, Purpose::RowOrder, epoch, 0, 0);
            return self.evaluation(all.at(position));
        }
        let targets = self.filled.len() as u64;
        let (round, place) = (position / targets, position % targets);
        let of_round = Permutation::new(targets, self.seed, Purpose::TargetOrder, epoch, 0, round);
        let target = self.filled[of_round.at(place) as usize];
        let count = self.count(target);
        let pass = Permutation::new(count, self.seed, Purpose::RowOrder, epoch, target as u32, round / count);
        Slot { target, index: pass.at(round % count) as usize }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    proptest! {
        #[test]
        fn proportional_training_meets_every_row_once(counts in proptest::collection::vec(0usize..20, 1..6), seed: u64) {
            let order = Order::new(&counts, seed, Balance::Proportional);
            let mut met: HashMap<Slot, usize> = HashMap::new();
            (0..order.len()).for_each(|position| *met.entry(order.training(1, position)).or_default() += 1);
            prop_assert_eq!(met.len() as u64, order.len());
            for slot in met.keys() {
                prop_assert!(slot.index < counts[slot.target]);
            }
        }

        #[test]
        fn uniform_training_meets_targets_equally_often(counts in proptest::collection::vec(0usize..20, 1..6), seed: u64) {
            let order = Order::new(&counts, seed, Balance::Uniform);
            let mut met: HashMap<usize, u64> = HashMap::new();
            for position in 0..order.len() {
                let slot = order.training(0, position);
                prop_assert!(slot.index < counts[slot.target]);
                *met.entry(slot.target).or_default() += 1;
            }
            let least = met.values().min().copied().unwrap_or(0);
            let most = met.values().max().copied().unwrap_or(0);
            prop_assert!(most - least <= 1);
        }

        #[test]
        fn evaluation_meets_every_row_in_order(counts in proptest::collection::vec(0usize..9, 1..6)) {
            let order = Order::new(&counts, 0, Balance::Uniform);
            let expected: Vec<Slot> = counts.iter().enumerate()
                .flat_map(|(target, &count)| (0..count).map(move |index| Slot { target, index })).collect();
            let met: Vec<Slot> = (0..order.len()).map(|position| order.evaluation(position)).collect();
            prop_assert_eq!(met, expected);
        }
    }
}
