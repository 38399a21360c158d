//! Descriptions of nodes for tests and benchmarks.

use plurel_scm_kernel::activation::Activation;
use plurel_scm_kernel::description::Description;
use plurel_scm_kernel::philox::Words;

/// A description under way, with the random words that its weights are made of.
pub struct Draft {
    pub words: Vec<u32>,
    pub scalars: Vec<f32>,
    pub weights: Vec<f32>,
    pub embeddings: Vec<f32>,
    random: Words,
}

impl Draft {
    /// The beginning of a node's.
    pub fn new(dim: usize, aggregation: usize, inputs: usize, seed: u64) -> Draft {
        let (scalars, weights, embeddings) = Default::default();
        let words = vec![dim as u32, aggregation as u32, inputs as u32];
        Draft { words, scalars, weights, embeddings, random: Words::new([seed, 0], 0) }
    }

    pub fn description(&self) -> Description<'_> {
        Description { words: &self.words, scalars: &self.scalars, weights: &self.weights, embeddings: &self.embeddings }
    }

    /// A number from `low` to `high`.
    pub fn uniform(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * ((self.random.word() >> 40) as f32 / (1u64 << 24) as f32)
    }

    fn matrix(&mut self, rows: usize, columns: usize) -> Vec<f32> {
        (0..rows * columns).map(|_| self.uniform(-0.7, 0.7)).collect()
    }

    fn weights(&mut self, inputs: usize, outputs: usize) {
        let matrix = self.matrix(inputs, outputs);
        self.weights.extend(matrix);
    }

    pub fn embeddings(&mut self, labels: usize, dim: usize) {
        let matrix = self.matrix(labels, dim);
        self.embeddings.extend(matrix);
    }

    /// A network with a hidden layer of each of some activations.
    pub fn network(&mut self, inputs: usize, width: usize, activations: &[usize], outputs: usize) {
        self.words.push(activations.len() as u32);
        let mut inputs = inputs;
        for activation in activations {
            self.words.extend([width as u32, *activation as u32]);
            self.weights(inputs, width);
            let scale = self.uniform(0.4, 2.7);
            self.scalars.extend([scale, 1e6]);
            for _ in Activation::NAMES.len()..*activation {
                let term = [self.uniform(-2.0, 2.0), self.uniform(0.1, 10.0), self.uniform(0.0, 6.0)];
                self.scalars.extend(term);
            }
            inputs = width;
        }
        self.words.push(outputs as u32);
        self.weights(inputs, outputs);
    }

    /// An encoder of a number, or of some labels.
    pub fn encoder(&mut self, labels: usize, weight: f32, dim: usize, activations: &[usize]) {
        self.words.push(labels as u32);
        self.scalars.extend([weight, 1e4]);
        self.embeddings(labels, dim);
        self.network(if labels == 0 { 1 } else { dim }, dim, activations, dim);
    }

    /// The decoder of a number, or of some labels.
    pub fn decoder(&mut self, labels: usize, dim: usize, activations: &[usize]) {
        self.words.push(labels as u32);
        self.embeddings(labels, dim);
        self.network(dim, dim, activations, if labels == 0 { 1 } else { dim });
    }
}

/// Quantiles of uniform noise, divided by a width.
pub fn knots(dim: usize) -> Vec<f32> {
    (0..=4096).map(|knot| knot as f32 / 4096.0 / dim as f32).collect()
}
