//! Nodes give the same bits by every set of instructions, whatever they are made of, and the values that they should.

mod support;

use plurel_scm_kernel::activation::Activation;
use plurel_scm_kernel::aggregation::Aggregation;
use plurel_scm_kernel::description::Description;
use plurel_scm_kernel::encoders::{Column, Encoders};
use plurel_scm_kernel::node::{Block, Node, ParentRows, Values};
use plurel_scm_kernel::philox::Words;
use plurel_scm_kernel::vector::Path;
use support::{Draft, knots};

const ROWS: usize = 150;
const PARENT_ROWS: usize = 40;
const KEY: [u64; 2] = [3, 4];

/// Numbers of very different sizes, some of them infinite or NaN.
fn numbers() -> Vec<f32> {
    let mut random = Words::new([9, 9], 1);
    (0..ROWS)
        .map(|row| match row % 13 {
            7 => f32::NAN,
            8 => f32::INFINITY,
            9 => f32::NEG_INFINITY,
            10 => -0.0,
            size => (random.word() as i64 as f32 / 2f32.powi(63)) * 10f32.powi(size as i32 * 2 - 8),
        })
        .collect()
}

/// The inputs of a `described` node.
fn inputs<'a>(numbers: &'a [f32], labels: &'a [i64]) -> [Column<'a>; 4] {
    [Column::Numbers(numbers), Column::Labels(labels), Column::Numbers(numbers), Column::Labels(labels)]
}

/// The bits of a node's values.
fn bits(path: Path, draft: &Draft, dim: usize, parents: usize) -> Vec<u64> {
    let node = Node::new(path, draft.description(), &knots(dim)).expect("a node");
    let numbers = numbers();
    let labels: Vec<i64> = (0..ROWS as i64).map(|row| row * 5 % 7 - 1).collect();
    let table: Vec<f32> = (0..PARENT_ROWS * dim).map(|place| (place % 17) as f32 * 0.21 - 1.0).collect();
    let rows: Vec<i64> = (0..ROWS).map(|row| (row * 7 % (PARENT_ROWS + 1)) as i64 - 1).collect();
    let block = Block {
        rows: ROWS,
        inputs: &inputs(&numbers, &labels),
        parents: &vec![ParentRows { table: &table, rows: &rows }; parents],
        key: KEY,
        number: 2,
    };
    let (mut of_labels, mut of_numbers) = (vec![0; ROWS], vec![0.0; ROWS]);
    if node.is_category() {
        node.compute(path, &block, Values::Labels(&mut of_labels)).expect("a block");
        of_labels.into_iter().map(|label| label as u64).collect()
    } else {
        node.compute(path, &block, Values::Numbers(&mut of_numbers)).expect("a block");
        of_numbers.into_iter().map(|value| u64::from(value.to_bits())).collect()
    }
}

fn described(dim: usize, aggregation: usize, activations: &[usize], labels: usize, seed: u64) -> Draft {
    let mut it = Draft::new(dim, aggregation, 4, seed);
    for kind in [0, 5, 0, 20] {
        let weight = it.uniform(-2.0, 2.0);
        it.encoder(kind, weight, dim, activations);
    }
    it.decoder(labels, dim, activations);
    it
}

fn same_on_every_path(dim: usize, aggregation: usize, activations: &[usize], labels: usize) {
    let seed = (dim * 1000 + activations.iter().sum::<usize>() * 10 + aggregation) as u64;
    let draft = described(dim, aggregation, activations, labels, seed);
    let wanted = bits(Path::named("plain").expect("every machine has it"), &draft, dim, aggregation % 3);
    for path in Path::available() {
        let found = bits(path, &draft, dim, aggregation % 3);
        assert_eq!(found, wanted, "{} dim {dim}, {activations:?}, aggregation {aggregation}", path.name());
    }
}

#[test]
fn every_activation_gives_the_same_bits_on_every_path() {
    for activation in 0..Activation::NAMES.len() + 6 {
        same_on_every_path(8, activation % 4, &[activation], 0);
        same_on_every_path(8, (activation + 1) % 4, &[activation, activation], 3);
    }
}

#[test]
fn every_aggregation_and_width_gives_the_same_bits_on_every_path() {
    for dim in [1, 3, 7, 32, 33] {
        for aggregation in 0..Aggregation::NAMES.len() {
            same_on_every_path(dim, aggregation, &[1, 8, 28], 0);
            same_on_every_path(dim, aggregation, &[5], 12);
        }
    }
}

#[test]
fn hidden_layers_may_be_narrower_than_encodings() {
    let mut it = Draft::new(8, 0, 4, 0);
    for labels in [0, 5, 0, 20] {
        it.words.push(labels as u32);
        it.scalars.extend([1.0, 1e4]);
        it.embeddings(labels, 8);
        it.network(if labels == 0 { 1 } else { 8 }, 3, &[5, 5], 8);
    }
    it.words.push(0);
    it.network(8, 2, &[1], 1);
    let found: Vec<_> = Path::available().into_iter().map(|path| bits(path, &it, 8, 1)).collect();
    assert!(found.iter().all(|bits| *bits == found[0]));
}

#[test]
fn rows_do_not_depend_on_their_block_mates() {
    let draft = described(8, 3, &[1, 22], 0, 1);
    let path = Path::available()[0];
    let encoders = Encoders::read(path, &mut draft.description()).expect("encoders");
    let (numbers, labels) = (numbers(), vec![3; ROWS]);
    let table =
        |from: usize| encoders.table(path, &inputs(&numbers[from..], &labels[from..]), ROWS - from).expect("a table");
    let (whole, part) = (table(0), table(37));
    let of = |table: &[f32]| table.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    assert_eq!(of(&whole[37 * 8..]), of(&part));
}

fn number_of(name: &str) -> usize {
    Activation::NAMES.iter().position(|known| *known == name).expect("the name of a function")
}

#[test]
fn a_linear_node_is_its_sum_of_products() {
    let identity = number_of("identity");
    let mut it = Draft::new(2, 0, 1, 0);
    it.words.extend([0, 1, 2, identity as u32, 2, 0, 1, 2, identity as u32, 1]);
    let (encoder, decoder) = ([1.0, 2.0, 1.0, 0.0, 0.5, 1.0], [1.0, 0.0, 0.0, 1.0, 1.0, 10.0]);
    it.weights.extend(encoder.iter().chain(&decoder));
    it.scalars.extend([3.0, 1e4, 1.0, 1e6, 2.0, 1e6]);
    let path = Path::available()[0];
    let node = Node::new(path, it.description(), &vec![0.0; 4097]).expect("a node");
    let mut found = [0.0; 2];
    let block = Block { rows: 2, inputs: &[Column::Numbers(&[1.0, -2.0])], parents: &[], key: KEY, number: 0 };
    node.compute(path, &block, Values::Numbers(&mut found)).expect("a block");
    // x (1, 2) -> (1 x + 2 x / 2, 2 x) = (2 x, 2 x), times 3, decoded by (2, 20).
    assert_eq!(found, [132.0, -264.0]);
}

#[test]
fn a_sum_of_sines_is_what_its_scalars_say() {
    let (identity, sines) = (number_of("identity"), Activation::NAMES.len() + 2);
    let mut it = Draft::new(1, 0, 1, 0);
    it.words.extend([0, 1, 1, sines as u32, 1, 0, 1, 1, identity as u32, 1]);
    it.weights.extend([1.0; 4]);
    it.scalars.extend([1.0, 1e4, 0.5, 1e6, 2.0, 3.0, 0.25, -1.0, 0.5, 1.0, 1.0, 1e6]);
    let path = Path::available()[0];
    let node = Node::new(path, it.description(), &vec![0.0; 4097]).expect("a node");
    let (numbers, mut found) = ([0.3, -1.7, 250.0], [0.0; 3]);
    let block = Block { rows: 3, inputs: &[Column::Numbers(&numbers)], parents: &[], key: KEY, number: 0 };
    node.compute(path, &block, Values::Numbers(&mut found)).expect("a block");
    for (x, found) in numbers.map(f64::from).into_iter().zip(found) {
        let wanted = 0.5 * (2.0 * (3.0 * x + 0.25).sin() - (0.5 * x + 1.0).sin());
        assert!((f64::from(found) - wanted).abs() < 1e-4, "{x}: {found}, not {wanted}");
    }
}

#[test]
fn noise_is_that_of_the_stream() {
    let identity = number_of("identity");
    let mut it = Draft::new(1, 0, 1, 0);
    it.words.extend([0, 1, 1, identity as u32, 1, 0, 1, 1, identity as u32, 1]);
    it.weights.extend([0.0, 1.0, 1.0, 1.0]);
    it.scalars.extend([0.0, 1e4, 1.0, 1e6, 1.0, 1e6]);
    let path = Path::available()[0];
    let node = Node::new(path, it.description(), &knots(1)).expect("a node");
    let mut found = vec![0.0; ROWS];
    let block = Block { rows: ROWS, inputs: &[Column::Numbers(&vec![1.0; ROWS])], parents: &[], key: KEY, number: 5 };
    node.compute(path, &block, Values::Numbers(&mut found)).expect("a block");
    let mut words = Words::new(KEY, 5);
    for pair in found.chunks_exact(2) {
        let word = words.word();
        for (value, half) in pair.iter().zip([word as u32, (word >> 32) as u32]) {
            assert!((f64::from(*value) - f64::from(half) / 2f64.powi(32)).abs() < 1e-6);
        }
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let it = described(4, 0, &[0], 0, 0);
    let path = Path::available()[0];
    let refusal = |description, knots: &[f32]| Node::new(path, description, knots).unwrap_err().0;
    let whole = it.description();
    assert!(refusal(whole, &[0.0]).contains("4097 quantiles, got 1"));
    assert!(refusal(Description { words: &it.words[..9], ..whole }, &knots(4)).contains("ends early"));
    assert!(refusal(Description { words: &[4, 9], ..whole }, &knots(4)).contains("no aggregation number 9"));
    assert!(refusal(Description { words: &[0], ..whole }, &knots(4)).contains("0 dimensions"));
    assert!(refusal(Description { words: &[4, 0, 1, 1 << 17], ..whole }, &knots(4)).contains("asks for 131072 labels"));
    assert!(
        refusal(Description { weights: &it.weights[1..], ..whole }, &knots(4)).contains("4 x 1 weights, 3 are left")
    );
    assert!(refusal(Description { scalars: &[], ..whole }, &knots(4)).contains("1 x 1 scalars, 0 are left"));
    assert!(refusal(Description { embeddings: &[1.0], ..whole }, &knots(4)).contains("5 x 4 numbers of embeddings"));
    let words = [&it.words[..], &[0]].concat();
    assert!(refusal(Description { words: &words, ..whole }, &knots(4)).contains("1 words, 0 scalars"));
    let node = Node::new(path, it.description(), &knots(4)).expect("a node");
    let numbers = numbers();
    let inputs = inputs(&numbers, &[0; ROWS]);
    let refusal = |block: Block<'_>, room: usize| {
        node.compute(path, &block, Values::Numbers(&mut vec![0.0; room])).unwrap_err().0
    };
    let block = Block { rows: ROWS, inputs: &inputs, parents: &[], key: KEY, number: 0 };
    assert!(refusal(Block { inputs: &inputs[..2], ..block }, ROWS).contains("4 inputs are wanted, got 2"));
    assert!(refusal(Block { rows: 7, ..block }, 7).contains("has 150 rows, 7 are wanted"));
    assert!(refusal(block, 3).contains("room for 3 values"));
    let parents = [ParentRows { table: &[0.0; 8], rows: &[2; ROWS] }];
    assert!(refusal(Block { parents: &parents, ..block }, ROWS).contains("no row 2, only 2 rows"));
    let swapped = [inputs[1], inputs[0], inputs[2], inputs[3]];
    assert!(refusal(Block { inputs: &swapped, ..block }, ROWS).contains("input 0 is of the wrong kind"));
}

#[test]
fn a_path_that_is_not_there_is_named_beside_those_that_are() {
    assert!(Path::named("mmx").unwrap_err().0.contains("plain"));
}
