//! The words of Philox 4x64-10, as numpy's `Philox` gives them.
//!
//! Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (2011). A stream is a 128-bit key; the number of a
//! block of rows stands in the counter's highest word, so blocks never overlap. Not here: distributions (`draws`).

const MULTIPLIERS: [u64; 2] = [0xD2E7_470E_E14C_6C93, 0xCA5A_8263_9512_1157];
const WEYL: [u64; 2] = [0x9E37_79B9_7F4A_7C15, 0xBB67_AE85_84CA_A73B];
const ROUNDS: usize = 10;

/// The key of a stream: its low and its high word.
pub type Key = [u64; 2];

#[inline(always)]
fn multiply(left: u64, right: u64) -> (u64, u64) {
    let product = u128::from(left) * u128::from(right);
    ((product >> 64) as u64, product as u64)
}

/// The four words that stand at a place of the counter.
#[inline(always)]
pub fn words_at(key: Key, counter: [u64; 4]) -> [u64; 4] {
    let (mut key, mut words) = (key, counter);
    for round in 0..ROUNDS {
        if round > 0 {
            key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
        }
        let (high_first, low_first) = multiply(MULTIPLIERS[0], words[0]);
        let (high_second, low_second) = multiply(MULTIPLIERS[1], words[2]);
        words = [high_second ^ words[1] ^ key[0], low_second, high_first ^ words[3] ^ key[1], low_first];
    }
    words
}

/// The words of one block of a stream, in order.
///
/// numpy raises the counter before it makes words, so the first four stand at place 1.
#[derive(Clone, Debug)]
pub struct Words {
    key: Key,
    block: u64,
    place: u64,
    made: [u64; 4],
    used: usize,
}

impl Words {
    /// The beginning of a block.
    pub fn new(key: Key, block: u64) -> Self {
        Words { key, block, place: 0, made: [0; 4], used: 4 }
    }

    /// The block from its word number `start` on.
    pub fn starting_at(key: Key, block: u64, start: u64) -> Self {
        let mut words = Words { place: start / 4, ..Words::new(key, block) };
        for _ in 0..start % 4 {
            words.word();
        }
        words
    }

    #[inline(always)]
    fn four(&mut self) -> [u64; 4] {
        self.place += 1;
        words_at(self.key, [self.place, 0, 0, self.block])
    }

    /// The next word.
    #[inline]
    pub fn word(&mut self) -> u64 {
        if self.used == 4 {
            self.made = self.four();
            self.used = 0;
        }
        self.used += 1;
        self.made[self.used - 1]
    }

    /// Fills a slice with the next words.
    #[inline(always)]
    pub fn fill(&mut self, out: &mut [u64]) {
        let left = (4 - self.used).min(out.len());
        let (first, rest) = out.split_at_mut(left);
        first.copy_from_slice(&self.made[self.used..][..left]);
        self.used += left;
        let mut fours = rest.chunks_exact_mut(4);
        for four in &mut fours {
            four.copy_from_slice(&self.four());
        }
        for slot in fours.into_remainder() {
            *slot = self.word();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `numpy.random.Philox(key=[1, 2], counter=3 << 192).random_raw(6)`.
    #[test]
    fn words_are_those_of_numpy() {
        let mut words = Words::new([1, 2], 3);
        let mut found = [0; 6];
        words.fill(&mut found);
        assert_eq!(found, NUMPY);
    }

    #[test]
    fn a_block_can_be_entered_anywhere() {
        let mut whole = [0; 30];
        Words::new([7, 0], 2).fill(&mut whole);
        for start in 0..20 {
            let mut words = Words::starting_at([7, 0], 2, start as u64);
            let first = words.word();
            let mut rest = [0; 9];
            words.fill(&mut rest);
            assert_eq!((first, &rest[..]), (whole[start], &whole[start + 1..start + 10]));
        }
    }

    const NUMPY: [u64; 6] = [
        0x103d_abdb_9c81_89f7,
        0xb51f_0817_b713_b2fb,
        0x470e_3633_daca_be81,
        0x8938_5e98_0e74_acf7,
        0xc464_ba8a_cfea_05ba,
        0xf7cc_7232_c9a8_b686,
    ];
}
