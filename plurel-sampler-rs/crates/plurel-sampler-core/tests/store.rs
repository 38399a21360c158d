//! A store from batches in memory, contexts from it, and what happens when its files are damaged.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use plurel_sampler_core::build::build_store;
use plurel_sampler_core::context::{ChildChoice, ContextConfig, LabelChoice};
use plurel_sampler_core::embed::HashedEmbedder;
use plurel_sampler_core::error::{Kind, Result};
#[cfg(unix)]
use plurel_sampler_core::files::Draft;
use plurel_sampler_core::format;
use plurel_sampler_core::order::Balance;
use plurel_sampler_core::sampler::{Sampler, SamplerSpec, Sequencing};
use plurel_sampler_core::spec::*;
use plurel_sampler_core::store::{Store, Verify};
use plurel_sampler_core::targets::{TargetKind, TargetSpec};
use proptest::prelude::*;

fn rows(columns: Vec<(&str, ArrayRef)>) -> Box<dyn Source> {
    RecordBatch::try_from_iter(columns).unwrap().into()
}

fn integers(values: impl IntoIterator<Item = i64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(values))
}

fn times(values: impl IntoIterator<Item = i64>) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from_iter_values(values))
}

/// Two users; order r belongs to user r % 2, happens at time r and is labelled at r with a label known at r + 2.
fn tables(orders: i64) -> (Vec<TableSpec>, Vec<TaskSpec>) {
    let names: ArrayRef = Arc::new(StringArray::from(vec!["Ann", "Bob"]));
    let mut users = TableSpec::new("users", rows(vec![("id", integers([10, 20])), ("name", names)]));
    users.primary_key = Some("id".into());
    let amounts: ArrayRef = Arc::new(Float64Array::from_iter_values((0..orders).map(|row| row as f64)));
    let keys = integers((0..orders).map(|row| 10 + 10 * (row % 2)));
    let mut bought = TableSpec::new(
        "orders",
        rows(vec![("id", integers(0..orders)), ("user", keys), ("at", times(0..orders)), ("amount", amounts)]),
    );
    bought.primary_key = Some("id".into());
    bought.time_column = Some("at".into());
    bought.foreign_keys = BTreeMap::from([("user".to_string(), "users".to_string())]);
    let labels = vec![("id", integers(0..orders)), ("at", times(0..orders)), ("late", integers(0..orders))];
    let task = TaskSpec {
        name: "late".into(),
        entity_table: "orders".into(),
        entity_column: "id".into(),
        time_column: Some("at".into()),
        target_column: "late".into(),
        task_type: TaskType::Regression,
        splits: BTreeMap::from([(Split::Train, rows(labels))]),
        label_known: LabelKnown::AfterWindow { microseconds: 2 },
        hidden_columns: vec!["amount".into()],
    };
    (vec![users, bought], vec![task])
}

fn build(out: &Path, orders: i64) -> Result<Store> {
    let (tables, tasks) = tables(orders);
    let embedder = HashedEmbedder::new(4)?;
    build_store(out, &tables, &tasks, &BuildOptions::default(), Some(&embedder), &mut |_, _| Ok(()))
}

fn sampler(store: Store, threads: usize) -> Result<Sampler> {
    let target = |kind, name: &str| TargetSpec { store: 0, kind, name: name.into() };
    let spec = SamplerSpec {
        targets: vec![target(TargetKind::Task, "late"), target(TargetKind::Column, "users.name")],
        config: ContextConfig {
            length: 64,
            width: 4,
            children: ChildChoice::Sampled,
            labels: LabelChoice::Apart,
            seed: 0,
        },
        embedder: "hashed".into(),
        split: Split::Train,
        balance: Balance::Uniform,
        limit: None,
        num_threads: Some(threads),
        plan: true,
    };
    Sampler::new(&[Arc::new(store)], spec)
}

#[test]
fn contexts_hold_what_was_known_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let store = build(&folder.path().join("store"), 12).unwrap();
    let first = |name: &str| store.manifest().tables[store.manifest().table(name).unwrap()].first_node as i64;
    let (orders, labels) = (first("orders"), first("late"));
    let sampler = sampler(store, 1).unwrap();
    let positions: Vec<u64> = (0..12).collect();
    let batch = sampler.batch(Sequencing::Evaluation, &positions).unwrap();
    for line in 0..12 {
        for place in 0..batch.length {
            let node = batch.node[line * batch.length + place];
            if node >= labels && !batch.is_target[line * batch.length + place] && node != labels + line as i64 {
                assert!(node - labels + 2 < line as i64, "a label before it was known");
            } else if (orders..labels).contains(&node) {
                assert!(node - orders <= line as i64, "an order before it happened");
            }
        }
    }
    assert!(batch.links.len() > 3 * 12);
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    build(&folder.path().join("store"), 50).unwrap();
    let batch = |threads| {
        let store = Store::open(&folder.path().join("store"), Verify::Checksums).unwrap();
        let positions: Vec<u64> = (0..40).collect();
        sampler(store, threads).unwrap().batch(Sequencing::Training { epoch: 1 }, &positions).unwrap()
    };
    assert_eq!(batch(1), batch(3));
}

#[test]
fn a_failed_build_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (mut specs, tasks) = tables(4);
    specs[1].foreign_keys = BTreeMap::from([("id".to_string(), "users".to_string())]);
    specs[1].primary_key = None;
    let options = BuildOptions::default();
    let error = build_store(&folder.path().join("store"), &specs[..], &tasks[..0], &options, None, &mut |_, _| Ok(()));
    let error = error.err().unwrap();
    assert_eq!(error.kind, Kind::UnresolvedKey);
    assert_eq!((error.place.column.as_deref(), error.place.row), (Some("id"), Some(0)));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn vectors_that_are_replaced_are_never_mixed_and_none_are_lost() {
    let folder = tempfile::tempdir().unwrap();
    let store = build(&folder.path().join("store"), 4).unwrap();
    let old = store.embeddings("hashed").unwrap();
    let before = old.vector(0).unwrap().to_vec();
    let stale = Store::open(store.path(), Verify::Lengths).unwrap();
    for (width, handle) in [(8, &store), (4, &stale), (2, &stale)] {
        let embedder = HashedEmbedder::new(width).unwrap();
        assert_eq!(handle.add_embeddings(&embedder).unwrap().embeddings("hashed").unwrap().width, width);
        let found = Store::open(store.path(), Verify::Checksums).unwrap();
        let files = std::fs::read_dir(store.path()).unwrap().count();
        assert_eq!(files, found.manifest().files.len() + 1, "nothing is left over");
    }
    assert_eq!(old.vector(0).unwrap(), before, "whoever had them open still reads them");
}

#[cfg(unix)]
#[test]
fn nothing_is_added_while_somebody_is_at_work() {
    let folder = tempfile::tempdir().unwrap();
    let store = build(&folder.path().join("store"), 4).unwrap();
    let embedder = HashedEmbedder::new(8).unwrap();
    let work = Draft::beside(store.path()).unwrap();
    assert_eq!(store.add_embeddings(&embedder).err().unwrap().kind, Kind::Busy);
    drop(work);
    store.add_embeddings(&embedder).unwrap();
}

#[test]
fn every_flipped_bit_of_a_description_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = build(&folder.path().join("store"), 1).unwrap().path().join(format::MANIFEST);
    let whole = std::fs::read(&path).unwrap();
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut flipped = whole.clone();
            flipped[at] ^= 1 << bit;
            let read = String::from_utf8(flipped).ok().and_then(|text| format::Manifest::from_json(&text).ok());
            assert!(read.is_none(), "byte {at}, bit {bit}");
        }
    }
}

const FILES: [&str; 8] = [
    format::MANIFEST,
    format::CELLS,
    format::PARENTS,
    format::TIMES,
    format::OFFSETS,
    format::CHILDREN,
    format::TEXT,
    "embeddings.hashed.bin",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever happens to the bytes, using the store gives contexts or an error.
    #[test]
    fn damage_is_an_error_and_never_a_panic(
        file in proptest::sample::select(&FILES[..]),
        share in 0.0..1.0f64,
        bytes in proptest::collection::vec(any::<u8>(), 1..9),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("store");
        build(&out, 9).unwrap();
        let path = out.join(file);
        let mut content = std::fs::read(&path).unwrap();
        let start = (share * content.len() as f64) as usize;
        let before = content.clone();
        for (slot, byte) in content[start..].iter_mut().zip(&bytes) {
            *slot = *byte;
        }
        std::fs::write(&path, &content).unwrap();
        let whole = Store::open(&out, Verify::Checksums);
        prop_assert_eq!(whole.is_ok(), content == before);
        let used = Store::open(&out, Verify::Lengths).and_then(|store| {
            for batch in store.strings()? {
                batch?;
            }
            let sampler = sampler(store, 1)?;
            sampler.batch(Sequencing::Evaluation, &(0..sampler.len()).collect::<Vec<_>>())
        });
        if let Err(error) = used {
            prop_assert_eq!(error.kind, Kind::Format);
        }
    }
}
