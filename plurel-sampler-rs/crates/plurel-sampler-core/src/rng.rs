//! Counter-based random draws (Philox 4x32-10) and permutations that need no memory.
//!
//! A draw is a pure function of (seed, purpose, epoch, position, counter), so neither threads nor ranks nor the
//! place where a run resumed can change it. Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3"
//! (SC 2011).

const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

/// Ten rounds of Philox 4x32.
pub fn philox(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let mut c = counter;
    let mut k = key;
    for _ in 0..10 {
        let low = u64::from(MULTIPLIERS[0]) * u64::from(c[0]);
        let high = u64::from(MULTIPLIERS[1]) * u64::from(c[2]);
        c = [(high >> 32) as u32 ^ c[1] ^ k[0], high as u32, (low >> 32) as u32 ^ c[3] ^ k[1], low as u32];
        k = [k[0].wrapping_add(WEYL[0]), k[1].wrapping_add(WEYL[1])];
    }
    c
}

/// What a draw is for: the same seed and position give unrelated draws for each purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub enum Purpose {
    TrainingContext = 1,
    EvaluationContext = 2,
    TargetOrder = 3,
    RowOrder = 4,
}

fn key_of(seed: u64, purpose: Purpose) -> [u32; 2] {
    let words = philox([seed as u32, (seed >> 32) as u32, purpose as u64 as u32, 0], [0, 0]);
    [words[0], words[1]]
}

/// The draws of one context: an endless sequence addressed by (seed, purpose, epoch, position).
pub struct Draws {
    key: [u32; 2],
    epoch: u32,
    position: u64,
    block: u32,
    words: [u32; 4],
    used: usize,
}

impl Draws {
    pub fn new(seed: u64, purpose: Purpose, epoch: u32, position: u64) -> Self {
        Draws { key: key_of(seed, purpose), epoch, position, block: 0, words: [0; 4], used: 4 }
    }

    fn next_u64(&mut self) -> u64 {
        if self.used == 4 {
            let counter = [self.position as u32, (self.position >> 32) as u32, self.epoch, self.block];
            self.words = philox(counter, self.key);
            self.block = self.block.wrapping_add(1);
            self.used = 0;
        }
        let word = u64::from(self.words[self.used]) << 32 | u64::from(self.words[self.used + 1]);
        self.used += 2;
        word
    }

    /// A number in `0..n`; `n` must not be 0. The bias is below n / 2^64.
    pub fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next_u64()) * n as u128) >> 64) as usize
    }
}

/// A permutation of `0..n` that is computed, not stored: a Feistel network on the next power of four, walked until
/// it lands inside.
pub struct Permutation {
    n: u64,
    half_bits: u32,
    key: [u32; 2],
    tweak: [u32; 2],
}

impl Permutation {
    /// `stream` and `pass` tell permutations of one epoch apart.
    pub fn new(n: u64, seed: u64, purpose: Purpose, epoch: u32, stream: u32, pass: u64) -> Self {
        let bits = 64 - n.saturating_sub(1).leading_zeros();
        let mixed = philox([epoch, stream, pass as u32, (pass >> 32) as u32], key_of(seed, purpose));
        Permutation { n, half_bits: bits.div_ceil(2).max(1), key: [mixed[0], mixed[1]], tweak: [mixed[2], mixed[3]] }
    }

    fn walk(&self, value: u64) -> u64 {
        let mask = (1u64 << self.half_bits) - 1;
        let (mut left, mut right) = (value >> self.half_bits, value & mask);
        for round in 0..4u32 {
            let words = philox([right as u32, round, self.tweak[0], self.tweak[1]], self.key);
            (left, right) = (right, left ^ (u64::from(words[0]) & mask));
        }
        left << self.half_bits | right
    }

    /// Where `index` (in `0..n`) goes.
    pub fn at(&self, index: u64) -> u64 {
        debug_assert!(index < self.n);
        let mut value = self.walk(index);
        while value >= self.n {
            value = self.walk(value);
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn philox_gives_the_published_known_answers() {
        assert_eq!(philox([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(philox([u32::MAX; 4], [u32::MAX; 2]), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
    }

    proptest! {
        #[test]
        fn a_permutation_hits_every_index_once(n in 1u64..700, seed: u64, epoch in 0u32..4, pass in 0u64..4) {
            let permutation = Permutation::new(n, seed, Purpose::RowOrder, epoch, 0, pass);
            let mut seen = vec![false; n as usize];
            for index in 0..n {
                let image = permutation.at(index) as usize;
                prop_assert!(!seen[image]);
                seen[image] = true;
            }
        }

        #[test]
        fn draws_stay_below_their_bound(seed: u64, position: u64, n in 1usize..1_000_000) {
            let mut draws = Draws::new(seed, Purpose::TrainingContext, 0, position);
            for _ in 0..20 {
                prop_assert!(draws.below(n) < n);
            }
        }
    }

    #[test]
    fn purposes_positions_and_epochs_are_unrelated() {
        let first = |seed, purpose, epoch, position| Draws::new(seed, purpose, epoch, position).next_u64();
        let base = first(1, Purpose::TrainingContext, 0, 0);
        assert_ne!(base, first(1, Purpose::EvaluationContext, 0, 0));
        assert_ne!(base, first(1, Purpose::TrainingContext, 1, 0));
        assert_ne!(base, first(1, Purpose::TrainingContext, 0, 1));
        assert_ne!(base, first(2, Purpose::TrainingContext, 0, 0));
    }
}
