//! Rows as the lanes of vectors: how a micro-block of rows lies in memory while a node is computed.
//!
//! A micro-block is 64 rows; each dimension of an encoding is one `Lanes`, and a panel is a slice of them, one a
//! dimension. Every row is computed by the same operations in the same order whatever stands in the other lanes, so
//! the width of the machine's vectors shows nowhere. Not here: what is computed.

/// Rows of a micro-block.
pub const LANES: usize = 64;

/// One number for each row of a micro-block.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub struct Lanes(pub [f32; LANES]);

impl Lanes {
    /// All zero.
    pub const ZERO: Lanes = Lanes([0.0; LANES]);
}

/// A panel of `dimensions` zeros.
#[must_use]
pub fn panel(dimensions: usize) -> Vec<Lanes> {
    vec![Lanes::ZERO; dimensions]
}
