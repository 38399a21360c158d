//! How a node is described: a list of words and a list of numbers, each read from the front.
//!
//! ```text
//! node     = dim, aggregation, encoders, network (of the decoder), labels (0 for a number) [, embeddings `[labels, dim]`]
//! encoders = count, encoder...
//! encoder  = labels (0 for a number), weight, limit [, embeddings `[labels, dim]`], network
//! network  = count of hidden layers, layer..., outputs, weights `[width, outputs]`
//! layer    = width, activation, weights `[inputs, width]`, scale, limit [, amplitude, frequency, phase of each sine]
//! ```
//!
//! Weights, scales and limits are numbers, all else is words. An activation is its place in `Activation::NAMES`; beyond
//! the last of them it is a sum of as many sines as the places it lies beyond it. Not here: what is made of it.

use crate::error::Error;

/// The most dimensions, layers or labels that a description may ask for.
const LIMIT: usize = 1 << 16;

/// What is left of a description.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    words: &'a [u32],
    numbers: &'a [f32],
}

impl<'a> Reader<'a> {
    /// The whole of a description.
    #[must_use]
    pub fn new(words: &'a [u32], numbers: &'a [f32]) -> Reader<'a> {
        Reader { words, numbers }
    }

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

    pub(crate) fn matrix(&mut self, rows: usize, columns: usize) -> Result<&'a [f32], Error> {
        let size = rows * columns;
        if size > self.numbers.len() {
            return Err(Error(format!(
                "a node's description asks for {rows} x {columns} numbers, only {} are left",
                self.numbers.len()
            )));
        }
        let (taken, rest) = self.numbers.split_at(size);
        self.numbers = rest;
        Ok(taken)
    }

    pub(crate) fn number(&mut self) -> Result<f32, Error> {
        self.matrix(1, 1).map(|taken| taken[0])
    }

    /// Whether all of it was read.
    pub(crate) fn end(self) -> Result<(), Error> {
        if self.words.is_empty() && self.numbers.is_empty() {
            return Ok(());
        }
        let (words, numbers) = (self.words.len(), self.numbers.len());
        Err(Error(format!("{words} words and {numbers} numbers are left over of a node's description")))
    }
}
