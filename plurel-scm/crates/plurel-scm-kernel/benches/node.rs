//! How long a node takes: nanoseconds a row, by instance and by what the node is made of. Run by `cargo bench`.

#[path = "../tests/support/mod.rs"]
mod support;

use std::hint::black_box;
use std::time::Instant;

use plurel_scm_kernel::activation::Activation;
use plurel_scm_kernel::aggregation::Aggregation;
use plurel_scm_kernel::encoders::Column;
use plurel_scm_kernel::node::{Block, Node, ParentRows, Values};
use plurel_scm_kernel::vector::Path;
use support::{Draft, knots};

const ROWS: usize = 4_096;
const DIM: usize = 32;
const PARENT_ROWS: usize = 800;
const CALLS: usize = 20;

/// A node of two numbers and a label, hidden layers of one activation, three matrices a network.
fn node(activation: usize, aggregation: usize) -> Node {
    let mut it = Draft::new(DIM, aggregation, 3, 1);
    for labels in [0, 0, 5] {
        it.encoder(labels, 0.5, DIM, &[activation; 2]);
    }
    it.decoder(5, DIM, &[activation; 2]);
    Node::new(Path::available()[0], it.description(), &knots(DIM)).expect("a description of a node")
}

fn nanoseconds(path: Path, node: &Node) -> f64 {
    let numbers: Vec<f32> = (0..ROWS).map(|row| (row as f32 * 0.37).sin()).collect();
    let labels: Vec<i64> = (0..ROWS as i64).map(|row| row % 5).collect();
    let table: Vec<f32> = (0..PARENT_ROWS * DIM).map(|place| (place as f32 * 0.11).cos()).collect();
    let rows: Vec<i64> = (0..ROWS).map(|row| (row * 7 % PARENT_ROWS) as i64).collect();
    let mut out = vec![0; ROWS];
    let inputs = [Column::Numbers(&numbers), Column::Numbers(&numbers), Column::Labels(&labels)];
    let parents = [ParentRows { table: &table, rows: &rows }];
    let mut best = f64::INFINITY;
    for number in 0..CALLS as u64 {
        let begun = Instant::now();
        let block = Block { rows: ROWS, inputs: &inputs, parents: &parents, key: [3, 4], number };
        node.compute(path, black_box(&block), Values::Labels(&mut out)).expect("a block of the node");
        best = best.min(begun.elapsed().as_nanos() as f64 / ROWS as f64);
    }
    best
}

fn main() {
    for path in Path::available() {
        println!("{}: ns a row of a node with 3 inputs and 1 parent (6 products of 32 x 32 a row)", path.name());
        for (number, name) in Aggregation::NAMES.iter().enumerate() {
            println!("  relu, {name:<10} {:8.1}", nanoseconds(path, &node(0, number)));
        }
        for (number, name) in Activation::NAMES.iter().enumerate() {
            println!("  sum, {name:<14} {:8.1}", nanoseconds(path, &node(number, 0)));
        }
        let sines = Activation::NAMES.len() + 5;
        println!("  sum, 5 sines        {:8.1}", nanoseconds(path, &node(sines, 0)));
    }
}
