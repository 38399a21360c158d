//! How a node is described: words that say what it is made of, and numbers of three sorts, each read from the front.
//!
//! ```text
//! node     = dim, aggregation, encoders, labels (0 for a number), network of the decoder
//! encoders = count, encoder...
//! encoder  = labels (0 for a number), network
//! network  = count of hidden layers, layer..., outputs
//! layer    = width, activation
//! ```
//!
//! Weights are the matrices `[inputs, outputs]` of all networks in this order. Embeddings are the matrices
//! `[labels, dim]` of the encoders that have labels, then the decoder's. Scalars are the weight and the limit of each
//! encoder, before its network's; for each hidden layer its scale and limit, then the amplitude, frequency and phase of
//! each of its sines. An activation is its place in `Activation::NAMES`; beyond the last of them it is a sum of as many
//! sines as the places it lies beyond it. Not here: what is made of it.

use crate::error::Error;

/// The most dimensions, layers or labels that a description may ask for.
const LIMIT: usize = 1 << 16;

/// A description, or what is left of it.
#[derive(Clone, Copy, Debug)]
pub struct Description<'a> {
    /// What the node is made of.
    pub words: &'a [u32],
    /// Factors and limits.
    pub scalars: &'a [f32],
    /// Matrices of networks.
    pub weights: &'a [f32],
    /// Matrices of embeddings.
    pub embeddings: &'a [f32],
}

fn taken<'a>(numbers: &mut &'a [f32], rows: usize, columns: usize, what: &str) -> Result<&'a [f32], Error> {
    let left = numbers.len();
    let (taken, rest) = numbers
        .split_at_checked(rows * columns)
        .ok_or_else(|| Error(format!("a node's description asks for {rows} x {columns} {what}, {left} are left")))?;
    *numbers = rest;
    Ok(taken)
}

impl<'a> Description<'a> {
    pub(crate) fn word(&mut self) -> Result<usize, Error> {
        let (word, rest) = self.words.split_first().ok_or_else(|| Error("a node's description ends early".into()))?;
        self.words = rest;
        Ok(*word as usize)
    }

    /// A word that counts something.
    pub(crate) fn count(&mut self, what: &str) -> Result<usize, Error> {
        let count = self.word()?;
        if count > LIMIT {
            return Err(Error(format!("a node's description asks for {count} {what}, at most {LIMIT} are possible")));
        }
        Ok(count)
    }

    /// A word that counts something of which there is at least one.
    pub(crate) fn size(&mut self, what: &str) -> Result<usize, Error> {
        match self.count(what)? {
            0 => Err(Error(format!("a node's description asks for 0 {what}, there must be at least 1"))),
            size => Ok(size),
        }
    }

    pub(crate) fn scalar(&mut self) -> Result<f32, Error> {
        taken(&mut self.scalars, 1, 1, "scalars").map(|taken| taken[0])
    }

    pub(crate) fn matrix(&mut self, inputs: usize, outputs: usize) -> Result<&'a [f32], Error> {
        taken(&mut self.weights, inputs, outputs, "weights")
    }

    pub(crate) fn embeddings(&mut self, labels: usize, dim: usize) -> Result<&'a [f32], Error> {
        taken(&mut self.embeddings, labels, dim, "numbers of embeddings")
    }

    /// Whether all of it was read.
    pub(crate) fn end(self) -> Result<(), Error> {
        let left = [self.words.len(), self.scalars.len(), self.weights.len(), self.embeddings.len()];
        if left == [0; 4] {
            return Ok(());
        }
        let [words, scalars, weights, embeddings] = left;
        Err(Error(format!(
            "{words} words, {scalars} scalars, {weights} weights and {embeddings} numbers of embeddings are left over \
             of a node's description"
        )))
    }
}
