//! What joins the encodings of a node's inputs, by the names of the contributions.
//!
//! Not here: the joining (`panel`).

/// One of the four associative aggregations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregation {
    /// The sum.
    Sum,
    /// The largest, NaN before all.
    Max,
    /// The product.
    Product,
    /// The logarithm of the sum of exponentials.
    LogSumExp,
}

impl Aggregation {
    /// Their names; an aggregation's place here is its number.
    pub const NAMES: &[&str] = &["sum", "max", "product", "logsumexp"];

    /// The aggregation of a number.
    #[must_use]
    pub fn numbered(number: usize) -> Option<Aggregation> {
        use Aggregation::{LogSumExp, Max, Product, Sum};
        [Sum, Max, Product, LogSumExp].get(number).copied()
    }

    /// What stands for an absent part.
    #[must_use]
    pub fn neutral(self) -> f32 {
        match self {
            Aggregation::Sum => 0.0,
            Aggregation::Max | Aggregation::LogSumExp => f32::NEG_INFINITY,
            Aggregation::Product => 1.0,
        }
    }
}
