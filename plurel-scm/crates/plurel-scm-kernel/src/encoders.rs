//! From values to vectors, and from the vectors of all inputs to one.
//!
//! A number goes through a network; a label through a table, made once of its embedding and a network. Vectors are
//! weighted, then cut. Not here: noise and what is decoded (`node`).

use crate::aggregation::Aggregation;
use crate::description::Description;
use crate::error::Error;
use crate::lanes::{LANES, Lanes, panel};
use crate::network::{Matrix, Network, Scratch};
use crate::panel::FEW;
use crate::vector::Path;

/// The values of one input, a row each.
#[derive(Clone, Copy, Debug)]
pub enum Column<'a> {
    /// Numbers.
    Numbers(&'a [f32]),
    /// Labels; those outside of an encoder's are taken for its nearest.
    Labels(&'a [i64]),
}

impl Column<'_> {
    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        match self {
            Column::Numbers(values) => values.len(),
            Column::Labels(values) => values.len(),
        }
    }
}

#[derive(Clone, Debug)]
enum Kind {
    Number(Network),
    /// A number whose network gives the same for all numbers.
    Constant(Matrix),
    /// Few labels: a table by dimension, `[dim, FEW]`.
    FewLabels {
        table: Matrix,
        labels: usize,
    },
    /// A table by label, `[labels, dim]`.
    Labels {
        table: Matrix,
        labels: usize,
    },
}

#[derive(Clone, Debug)]
struct Encoder {
    kind: Kind,
    limit: f32,
}

/// The encoders of some inputs, and what joins their vectors.
#[derive(Clone, Debug)]
pub struct Encoders {
    dim: usize,
    aggregation: Aggregation,
    encoders: Vec<Encoder>,
    buffer: Vec<f32>,
}

/// Where encoders compute.
#[derive(Clone, Debug)]
pub(crate) struct Workspace {
    pub(crate) state: Vec<Lanes>,
    total: Vec<Lanes>,
    pub(crate) encoding: Vec<Lanes>,
    pub(crate) networks: Scratch,
}

impl Workspace {
    pub(crate) fn new(dim: usize, width: usize) -> Workspace {
        Workspace { state: panel(dim), total: panel(dim), encoding: panel(dim), networks: Scratch::new(width) }
    }
}

impl Encoders {
    /// Reads encoders; what they need to know once, such as the tables of labels, is computed here.
    ///
    /// # Errors
    /// Where the description is not one of encoders.
    pub fn read(path: Path, description: &mut Description<'_>) -> Result<Encoders, Error> {
        let dim = description.size("dimensions")?;
        let number = description.word()?;
        let aggregation =
            Aggregation::numbered(number).ok_or_else(|| Error(format!("there is no aggregation number {number}")))?;
        let mut buffer = Vec::new();
        let encoders = (0..description.size("inputs")?)
            .map(|_| Encoder::read(path, description, dim, &mut buffer))
            .collect::<Result<_, _>>()?;
        Ok(Encoders { dim, aggregation, encoders, buffer })
    }

    /// Width of an encoding.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// What joins the vectors.
    #[must_use]
    pub fn aggregation(&self) -> Aggregation {
        self.aggregation
    }

    /// Number of inputs.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.encoders.len()
    }

    pub(crate) fn width(&self) -> usize {
        let width = |encoder: &Encoder| if let Kind::Number(network) = &encoder.kind { network.width() } else { 0 };
        self.encoders.iter().map(width).max().unwrap_or(0)
    }

    /// Whether columns are as many as the inputs, of their kinds and of one length.
    pub(crate) fn check(&self, columns: &[Column<'_>], rows: usize) -> Result<(), Error> {
        if columns.len() != self.encoders.len() {
            return Err(Error(format!("{} inputs are wanted, got {}", self.encoders.len(), columns.len())));
        }
        for (place, (encoder, column)) in self.encoders.iter().zip(columns).enumerate() {
            if column.rows() != rows {
                return Err(Error(format!("input {place} has {} rows, {rows} are wanted", column.rows())));
            }
            if encoder.is_of_labels() != matches!(column, Column::Labels(_)) {
                return Err(Error(format!("input {place} is of the wrong kind")));
            }
        }
        Ok(())
    }

    /// Encodes a micro-block that begins at a row and joins the vectors in the workspace's state.
    pub(crate) fn join(&self, path: Path, columns: &[Column<'_>], start: usize, work: &mut Workspace) {
        for (place, (encoder, column)) in self.encoders.iter().zip(columns).enumerate() {
            let Workspace { state, total, encoding, networks } = work;
            let vectors = encoder.encode(path, &self.buffer, column, start, encoding, networks);
            path.join(self.aggregation, encoder.limit, place == 0, vectors, state, total);
        }
    }

    /// Joins vectors that were joined before, one each row of a table, to the workspace's state.
    pub(crate) fn join_rows(&self, path: Path, table: &[f32], rows: &[i64], work: &mut Workspace) {
        path.gather(table, rows, self.aggregation.neutral(), &mut work.encoding);
        path.join(self.aggregation, f32::INFINITY, false, &work.encoding, &mut work.state, &mut work.total);
    }

    pub(crate) fn finish(&self, path: Path, work: &mut Workspace) {
        path.finish(self.aggregation, &mut work.state, &work.total);
    }

    /// The joined vectors of all rows, `[rows, dim]`.
    ///
    /// # Errors
    /// Where the columns are not the inputs.
    pub fn table(&self, path: Path, columns: &[Column<'_>], rows: usize) -> Result<Vec<f32>, Error> {
        self.check(columns, rows)?;
        let mut work = Workspace::new(self.dim, self.width());
        let mut table = vec![0.0; rows * self.dim];
        for (number, out) in table.chunks_mut(LANES * self.dim).enumerate() {
            self.join(path, columns, number * LANES, &mut work);
            self.finish(path, &mut work);
            path.scatter(&work.state, out);
        }
        Ok(table)
    }
}

impl Encoder {
    fn read(
        path: Path,
        description: &mut Description<'_>,
        dim: usize,
        buffer: &mut Vec<f32>,
    ) -> Result<Encoder, Error> {
        let labels = description.count("labels")?;
        let (weight, limit) = (description.scalar()?, description.scalar()?);
        let weighted = |weights: &[f32]| weights.iter().map(|x| x * weight).collect::<Vec<_>>();
        let of_dim = |network: Network| match network.outputs() {
            outputs if outputs == dim => Ok(network),
            outputs => Err(Error(format!("an encoder has {outputs} outputs, {dim} are wanted"))),
        };
        if labels == 0 {
            let start = buffer.len();
            let network = of_dim(Network::read(description, 1, buffer, |last, _| Ok(weighted(last)))?)?;
            if !network.ignores_input(buffer) {
                return Ok(Encoder { kind: Kind::Number(network), limit });
            }
            let vector = network.rows(path, buffer, &[0.0], 1);
            buffer.truncate(start);
            return Ok(Encoder { kind: Kind::Constant(Matrix::stored(&vector, 1, buffer)), limit });
        }
        let embeddings = description.embeddings(labels, dim)?;
        let mut own = Vec::new();
        let network = of_dim(Network::read(description, dim, &mut own, |last, _| Ok(last.to_vec()))?)?;
        let table = weighted(&network.rows(path, &own, embeddings, dim));
        if labels > FEW {
            return Ok(Encoder { kind: Kind::Labels { table: Matrix::stored(&table, labels, buffer), labels }, limit });
        }
        let mut by_dimension = vec![0.0; dim * FEW];
        for (label, vector) in table.chunks_exact(dim).enumerate() {
            for (column, value) in by_dimension.chunks_exact_mut(FEW).zip(vector) {
                column[label] = *value;
            }
        }
        Ok(Encoder { kind: Kind::FewLabels { table: Matrix::stored(&by_dimension, dim, buffer), labels }, limit })
    }

    fn is_of_labels(&self) -> bool {
        matches!(self.kind, Kind::FewLabels { .. } | Kind::Labels { .. })
    }

    /// Its vectors of a micro-block, before the cut.
    fn encode<'a>(
        &self,
        path: Path,
        buffer: &[f32],
        column: &Column<'_>,
        start: usize,
        encoding: &'a mut [Lanes],
        networks: &'a mut Scratch,
    ) -> &'a [Lanes] {
        match (&self.kind, column) {
            (Kind::FewLabels { table, labels }, Column::Labels(values)) => {
                let mut places = [0; LANES];
                for (place, label) in places.iter_mut().zip(&values[start..]) {
                    *place = (*label).clamp(0, *labels as i64 - 1) as u32;
                }
                path.look_up(table.of(buffer), &places, encoding);
                encoding
            }
            (Kind::Labels { table, labels }, Column::Labels(values)) => {
                let mut rows = [0; LANES];
                for (row, label) in rows.iter_mut().zip(&values[start..]) {
                    *row = (*label).clamp(0, *labels as i64 - 1);
                }
                path.gather(table.of(buffer), &rows, 0.0, encoding);
                encoding
            }
            (Kind::Number(network), column) => networks.run(path, network, buffer, &[numbers(column, start)]),
            (Kind::Constant(vector), column) => {
                path.repeat(vector.of(buffer), &numbers(column, start), encoding);
                encoding
            }
            (Kind::FewLabels { .. } | Kind::Labels { .. }, Column::Numbers(_)) => {
                unreachable!("the kinds of columns were checked")
            }
        }
    }
}

/// The numbers of a micro-block, zeros after the last row.
fn numbers(column: &Column<'_>, start: usize) -> Lanes {
    let mut lanes = Lanes::ZERO;
    match column {
        Column::Numbers(values) => lanes.0.iter_mut().zip(&values[start..]).for_each(|(lane, x)| *lane = *x),
        Column::Labels(values) => lanes.0.iter_mut().zip(&values[start..]).for_each(|(lane, x)| *lane = *x as f32),
    }
    lanes
}
