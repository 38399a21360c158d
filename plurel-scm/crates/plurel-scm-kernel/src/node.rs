//! A causal node made of built-in parts: values of a block from its inputs, its parents' rows and its noise.
//!
//! The inputs' vectors are joined, together with those of the parents' rows; each dimension gets noise of its own; a
//! network decodes the result to a number, or to the label whose embedding it points at most. One call computes a
//! block, micro-block by micro-block, so that all that is computed with stays in the nearest cache. Not here: how the
//! encoders work (`encoders`), and where the weights come from.

use crate::description::Description;
use crate::encoders::{Column, Encoders, Workspace};
use crate::error::Error;
use crate::lanes::LANES;
use crate::network::Network;
use crate::panel::KNOTS;
use crate::philox::Key;
use crate::vector::Path;

/// Joined vectors of a parent's rows, and which of them each row of the block has.
#[derive(Clone, Copy, Debug)]
pub struct ParentRows<'a> {
    /// `[parent rows, dim]`, row by row.
    pub table: &'a [f32],
    /// The parent row of each row of the block, -1 for none.
    pub rows: &'a [i64],
}

/// What a node is computed from.
#[derive(Clone, Copy, Debug)]
pub struct Block<'a> {
    /// Number of rows.
    pub rows: usize,
    /// The node's inputs.
    pub inputs: &'a [Column<'a>],
    /// The rows of its parents.
    pub parents: &'a [ParentRows<'a>],
    /// The key of its stream of noise.
    pub key: Key,
    /// The block's number in that stream.
    pub number: u64,
}

/// The values of a block.
#[derive(Debug)]
pub enum Values<'a> {
    /// Of a number.
    Numbers(&'a mut [f32]),
    /// Of a category.
    Labels(&'a mut [i64]),
}

/// A node.
#[derive(Clone, Debug)]
pub struct Node {
    encoders: Encoders,
    decoder: Network,
    buffer: Vec<f32>,
    category: bool,
    knots: Box<[f32; KNOTS + 1]>,
}

impl Node {
    /// Makes a node of its description (`description`) and the quantiles of its noise, already divided by the width.
    ///
    /// # Errors
    /// Where the description is not one of a node, or the quantiles are not 4,097.
    pub fn new(path: Path, description: Description<'_>, knots: &[f32]) -> Result<Node, Error> {
        let wrong = || Error(format!("noise has {} quantiles, got {}", KNOTS + 1, knots.len()));
        let knots = Box::<[f32]>::from(knots).try_into().map_err(|_| wrong())?;
        let mut description = description;
        let encoders = Encoders::read(path, &mut description)?;
        let dim = encoders.dim();
        let labels = description.count("labels")?;
        let mut buffer = Vec::new();
        let decoder = if labels == 0 {
            Network::read(&mut description, dim, &mut buffer, |last, _| Ok(last.to_vec()))?
        } else {
            let embeddings = description.embeddings(labels, dim)?;
            Network::read(&mut description, dim, &mut buffer, |last, outputs| {
                if outputs == dim {
                    return Ok(scores(path, last, embeddings, dim));
                }
                Err(Error(format!("a decoder of labels has {outputs} outputs, {dim} are wanted")))
            })?
        };
        if labels == 0 && decoder.outputs() != 1 {
            return Err(Error(format!("a decoder of numbers has {} outputs, 1 is wanted", decoder.outputs())));
        }
        description.end()?;
        Ok(Node { encoders, decoder, buffer, category: labels > 0, knots })
    }

    /// Whether its values are labels.
    #[must_use]
    pub fn is_category(&self) -> bool {
        self.category
    }

    fn check(&self, block: &Block<'_>, values: &Values<'_>) -> Result<(), Error> {
        self.encoders.check(block.inputs, block.rows)?;
        for (place, parent) in block.parents.iter().enumerate() {
            let known = (parent.table.len() / self.encoders.dim()) as i64;
            if parent.rows.len() != block.rows {
                let got = parent.rows.len();
                return Err(Error(format!("parent {place} has {got} rows, {} are wanted", block.rows)));
            }
            if let Some(row) = parent.rows.iter().find(|row| !(-1..known).contains(*row)) {
                return Err(Error(format!("parent {place} has no row {row}, only {known} rows")));
            }
        }
        let rows = match values {
            Values::Numbers(values) if !self.category => values.len(),
            Values::Labels(values) if self.category => values.len(),
            _ => return Err(Error("the values asked for are of the wrong kind".into())),
        };
        if rows != block.rows {
            return Err(Error(format!("room for {rows} values was given, {} are wanted", block.rows)));
        }
        Ok(())
    }

    /// Computes the values of a block.
    ///
    /// # Errors
    /// Where inputs, parents or the room for values do not fit the node.
    pub fn compute(&self, path: Path, block: &Block<'_>, mut values: Values<'_>) -> Result<(), Error> {
        self.check(block, &values)?;
        let dim = self.encoders.dim();
        let mut work = Workspace::new(dim, self.encoders.width().max(self.decoder.width()));
        let mut halves = vec![[0; LANES]; dim];
        for start in (0..block.rows).step_by(LANES) {
            let rows = start..block.rows.min(start + LANES);
            self.encoders.join(path, block.inputs, start, &mut work);
            for parent in block.parents {
                self.encoders.join_rows(path, parent.table, &parent.rows[rows.clone()], &mut work);
            }
            self.encoders.finish(path, &mut work);
            // A generator begins at place 1 of its counter, with four words a place and two draws a word.
            let place = 1 + (start * dim / 8) as u64;
            path.add_noise(&self.knots, block.key, block.number, place, &mut halves, &mut work.state);
            let decoded = work.networks.run(path, &self.decoder, &self.buffer, &work.state);
            match &mut values {
                Values::Labels(labels) => path.argmax(decoded, &mut labels[rows]),
                Values::Numbers(numbers) => {
                    for (value, decoded) in numbers[rows].iter_mut().zip(decoded[0].0) {
                        *value = if decoded.is_nan() { f32::NAN } else { decoded };
                    }
                }
            }
        }
        Ok(())
    }
}

/// The matrix `last x embeddings^T`, which scores what the last hidden layer gives.
fn scores(path: Path, last: &[f32], embeddings: &[f32], dim: usize) -> Vec<f32> {
    let labels = embeddings.len() / dim;
    let mut turned = vec![0.0; embeddings.len()];
    for (label, vector) in embeddings.chunks_exact(dim).enumerate() {
        for (place, value) in vector.iter().enumerate() {
            turned[place * labels + label] = *value;
        }
    }
    let mut buffer = Vec::new();
    let product = Network::linear(&turned, dim, &mut buffer);
    product.rows(path, &buffer, last, dim)
}
