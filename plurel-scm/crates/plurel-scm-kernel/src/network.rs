//! Small multilayer perceptrons without biases over panels of lanes.
//!
//! A hidden layer is `clip(scale * activation(x W), +-limit)`, the last layer is linear. Not here: how their weights
//! are drawn, and what they encode or decode (`node`).

use crate::activation::{Activation, Range, Sine};
use crate::description::Description;
use crate::error::Error;
use crate::lanes::{LANES, Lanes, panel};
use crate::vector::Path;

/// A matrix `[inputs, outputs]`, row by row, somewhere in a buffer of weights.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Matrix {
    start: usize,
    inputs: usize,
    pub(crate) outputs: usize,
}

impl Matrix {
    /// Puts a matrix at the end of a buffer.
    pub(crate) fn stored(weights: &[f32], inputs: usize, buffer: &mut Vec<f32>) -> Matrix {
        let start = buffer.len();
        buffer.extend_from_slice(weights);
        Matrix { start, inputs, outputs: weights.len() / inputs }
    }

    pub(crate) fn of(self, buffer: &[f32]) -> &[f32] {
        &buffer[self.start..][..self.inputs * self.outputs]
    }
}

#[derive(Clone, Debug)]
struct Hidden {
    matrix: Matrix,
    activation: Activation,
    range: Range,
}

/// A network; its weights lie in a buffer that the caller keeps.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    hidden: Vec<Hidden>,
    last: Matrix,
}

/// Two panels to compute in.
#[derive(Clone, Debug)]
pub(crate) struct Scratch([Vec<Lanes>; 2]);

impl Scratch {
    pub(crate) fn new(width: usize) -> Scratch {
        Scratch([panel(width), panel(width)])
    }

    /// Runs a network over a panel of inputs.
    pub(crate) fn run(&mut self, path: Path, network: &Network, buffer: &[f32], input: &[Lanes]) -> &[Lanes] {
        let [now, next] = &mut self.0;
        let mut input = Some(input);
        for Hidden { matrix, activation, range } in &network.hidden {
            let out = &mut next[..matrix.outputs];
            path.linear(matrix.of(buffer), input.take().unwrap_or_else(|| &now[..matrix.inputs]), out);
            path.activate(activation, *range, out);
            core::mem::swap(now, next);
        }
        let last = network.last;
        let out = &mut next[..last.outputs];
        path.linear(last.of(buffer), input.unwrap_or_else(|| &now[..last.inputs]), out);
        out
    }
}

impl Network {
    /// Reads a network; `finish` makes of its last weights those that are kept.
    pub(crate) fn read(
        description: &mut Description<'_>,
        inputs: usize,
        buffer: &mut Vec<f32>,
        finish: impl FnOnce(&[f32], usize) -> Result<Vec<f32>, Error>,
    ) -> Result<Network, Error> {
        let mut hidden = Vec::new();
        let mut inputs = inputs;
        for _ in 0..description.count("hidden layers")? {
            let width = description.size("outputs of a layer")?;
            let number = description.word()?;
            let matrix = Matrix::stored(description.matrix(inputs, width)?, inputs, buffer);
            let range = Range { scale: description.scalar()?, limit: description.scalar()? };
            let activation = Self::activation(number, description)?;
            hidden.push(Hidden { matrix, activation, range });
            inputs = width;
        }
        let outputs = description.size("outputs")?;
        let last = finish(description.matrix(inputs, outputs)?, outputs)?;
        Ok(Network { hidden, last: Matrix::stored(&last, inputs, buffer) })
    }

    /// The product with a matrix alone.
    pub(crate) fn linear(weights: &[f32], inputs: usize, buffer: &mut Vec<f32>) -> Network {
        Network { hidden: Vec::new(), last: Matrix::stored(weights, inputs, buffer) }
    }

    /// The activation of a number, with its sines where it has some.
    fn activation(number: usize, description: &mut Description<'_>) -> Result<Activation, Error> {
        if let Some(activation) = Activation::numbered(number) {
            return Ok(activation);
        }
        let terms = number - Activation::NAMES.len();
        let read = |description: &mut Description<'_>| {
            Ok(Sine {
                amplitude: description.scalar()?,
                frequency: description.scalar()?,
                phase: description.scalar()?,
            })
        };
        (0..terms).map(|_| read(description)).collect::<Result<_, _>>().map(Activation::RandomSines)
    }

    /// Width of the widest layer.
    pub(crate) fn width(&self) -> usize {
        self.hidden.iter().map(|layer| layer.matrix.outputs).max().unwrap_or(0).max(self.outputs())
    }

    pub(crate) fn outputs(&self) -> usize {
        self.last.outputs
    }

    /// Whether its first matrix is all zero, so that every number gives the same.
    pub(crate) fn ignores_input(&self, buffer: &[f32]) -> bool {
        let first = self.hidden.first().map_or(self.last, |layer| layer.matrix);
        first.of(buffer).iter().all(|weight| *weight == 0.0)
    }

    /// What it gives for the rows of a matrix `[.., inputs]`, row by row.
    pub(crate) fn rows(&self, path: Path, buffer: &[f32], rows: &[f32], inputs: usize) -> Vec<f32> {
        let mut scratch = Scratch::new(self.width().max(inputs));
        let mut input = panel(inputs);
        let mut out = vec![0.0; rows.len() / inputs * self.outputs()];
        let numbers: Vec<i64> = (0..(rows.len() / inputs) as i64).collect();
        for (numbers, out) in numbers.chunks(LANES).zip(out.chunks_mut(LANES * self.outputs())) {
            path.gather(rows, numbers, 0.0, &mut input);
            path.scatter(scratch.run(path, self, buffer, &input), out);
        }
        out
    }
}
