//! Builds a store from tables and tasks: two passes over the data, then links, times, strings and vectors.
//!
//! Tables without time that hang on tables with time are read twice more where statistics end at a moment: which of
//! their rows were known then is not in them.
//!
//! The work is done in a directory beside the output path, which is renamed when everything in it is on disk.

mod decode;
mod edges;
mod keys;
mod pack;
mod plan;
mod read;
mod scan;
mod statistics;
mod strings;

use std::collections::BTreeMap;
use std::path::Path;

use crate::embed::EmbeddingsWriter;
use crate::error::{Error, Kind, Result};
use crate::files::{Draft, FileTag, Writer, check_free, write_whole};
use crate::format::*;
use crate::spec::{BuildOptions, Embedder, Encoding, LabelKnown, TableSpec, TaskSpec};
use crate::store::{Store, Verify};
use edges::{Children, Parents};
use pack::{Linker, Links, Packed, Packer};
use plan::{Input, Origin};
use scan::Scanned;
use statistics::Welford;
use strings::Strings;

pub use decode::infer;

pub const CELLS_TAG: FileTag = *b"cell";
pub const PARENTS_TAG: FileTag = *b"prnt";
pub const TIMES_TAG: FileTag = *b"time";
pub const OFFSETS_TAG: FileTag = *b"offs";
pub const CHILDREN_TAG: FileTag = *b"chld";

/// Told what is being done and which share of the build is behind; an error stops the build.
pub type Progress<'a> = dyn FnMut(&str, f64) -> Result<()> + 'a;

/// Builds a store at `out` and opens it.
pub fn build_store(
    out: &Path,
    tables: &[TableSpec],
    tasks: &[TaskSpec],
    options: &BuildOptions,
    embedder: Option<&dyn Embedder>,
    progress: &mut Progress<'_>,
) -> Result<Store> {
    check_free(out, options.overwrite)?;
    let inputs = plan::inputs(tables, tasks)?;
    let draft = Draft::beside(out)?;
    let build = Build { directory: draft.path(), inputs: &inputs, options };
    build.run(embedder, progress)?;
    draft.publish(out, options.overwrite)?;
    Store::open(out, Verify::Lengths)
}

struct Build<'a> {
    directory: &'a Path,
    inputs: &'a [Input<'a>],
    options: &'a BuildOptions,
}

impl Build<'_> {
    fn run(&self, embedder: Option<&dyn Embedder>, progress: &mut Progress<'_>) -> Result<()> {
        let steps = (2 * self.inputs.len() + 3) as f64;
        let mut done = 0.0;
        let mut step = |what: String| {
            done += 1.0;
            progress(&what, (done - 1.0) / steps)
        };

        let mut scanned = Vec::with_capacity(self.inputs.len());
        for input in self.inputs {
            step(format!("reading {}", input.name))?;
            let first_node = scanned.last().map_or(0, Scanned::end);
            scanned.push(scan::scan(input, first_node, self.options.val_timestamp)?);
        }
        self.check_tasks(&scanned)?;
        let num_rows = scanned.last().map_or(0, Scanned::end);
        if num_rows > MAX_ROWS {
            let message = format!("{num_rows} rows in all, {MAX_ROWS} are the most a store can hold");
            return Err(Error::new(Kind::Limit, message));
        }
        self.recount(&mut scanned)?;

        let mut strings = Strings::default();
        let tables = self.describe(&scanned, &mut strings)?;

        let mut files = BTreeMap::new();
        let mut cells = Writer::new(&self.directory.join(CELLS), CELLS_TAG)?;
        let linker = Linker { inputs: self.inputs, scanned: &scanned };
        let on_unresolved = self.options.on_unresolved;
        let mut packer = Packer { linker: &linker, on_unresolved, strings: &mut strings, cells: &mut cells };
        let mut packed = Vec::with_capacity(self.inputs.len());
        for ((input, scanned), table) in self.inputs.iter().zip(&scanned).zip(&tables) {
            step(format!("packing {}", input.name))?;
            let statistics: Vec<Moments> = table.columns.iter().map(|column| column.statistics).collect();
            packed.push(packer.pack(input, scanned, &statistics)?);
        }
        files.insert(CELLS.to_string(), cells.finish()?);

        step("linking rows".to_string())?;
        let num_edges = self.link(&scanned, &packed, &mut files)?;

        step("writing strings".to_string())?;
        files.insert(TEXT.to_string(), strings.write(&self.directory.join(TEXT))?);

        step("embedding strings".to_string())?;
        let mut embeddings = BTreeMap::new();
        if let Some(embedder) = embedder {
            let ids: Vec<u32> = (0..strings.len() as u32).collect();
            let mut vectors = EmbeddingsWriter::new(self.directory, embedder)?;
            for ids in ids.chunks(TEXT_BATCH) {
                let texts: Vec<&str> = ids.iter().map(|&id| strings.get(id)).collect();
                vectors.put(&texts)?;
            }
            let (meta, file) = vectors.finish()?;
            files.insert(meta.file.clone(), file);
            embeddings.insert(embedder.name().to_string(), meta);
        }

        let manifest = Manifest {
            magic: MAGIC.to_string(),
            version: VERSION,
            checksum: String::new(),
            val_timestamp: self.options.val_timestamp,
            test_timestamp: self.options.test_timestamp,
            tasks: self.describe_tasks(&scanned),
            num_rows,
            num_edges,
            num_strings: strings.len() as u64,
            datetime_pooled: pooled(&tables, &scanned)?,
            tables,
            files,
            embeddings,
            report: Report { unresolved_keys: packed.into_iter().flat_map(|table| table.links.unresolved).collect() },
            provenance: self.options.provenance.clone(),
        };
        let description = manifest.to_json()?;
        // What cannot be read again (provenance may be nested too deeply) must not be found out after the store is there.
        Manifest::from_json(&description).map_err(|error| Error::build(error.message))?;
        write_whole(&self.directory.join(MANIFEST), description.as_bytes())
    }

    fn check_tasks(&self, scanned: &[Scanned]) -> Result<()> {
        for input in self.inputs {
            if let Origin::Task(task) = input.origin {
                plan::check_task(task, &scanned[input.foreign_keys[0].parent].columns)?;
            }
        }
        Ok(())
    }

    /// Gives the tables that hang on others their statistics, over the rows that are known when statistics end.
    fn recount(&self, scanned: &mut [Scanned]) -> Result<()> {
        let Some(until) = self.options.val_timestamp else { return Ok(()) };
        let hanging: Vec<usize> = (0..self.inputs.len()).filter(|&index| self.inputs[index].hangs).collect();
        if hanging.is_empty() {
            return Ok(());
        }
        let linker = Linker { inputs: self.inputs, scanned };
        let links = hanging.iter().map(|&index| linker.read(&self.inputs[index])).collect::<Result<Vec<_>>>()?;
        let edges: Vec<Parents<'_>> =
            hanging.iter().zip(&links).map(|(&index, links)| self.parents(index, scanned, links)).collect();
        let known = self.known(scanned, &edges).0;
        for index in hanging {
            let table = &mut scanned[index];
            let known = &known[table.first_node as usize..table.end() as usize];
            table.statistics = scan::recount(&self.inputs[index], &table.columns, until, known)?;
        }
        Ok(())
    }

    fn parents<'a>(&self, index: usize, scanned: &[Scanned], links: &'a Links) -> Parents<'a> {
        let width = self.inputs[index].foreign_keys.len();
        Parents { first_node: scanned[index].first_node as u32, width, nodes: &links.parents }
    }

    /// The moment at which every row is known (a label row: but for its label), and the children of every row.
    fn known(&self, scanned: &[Scanned], edges: &[Parents<'_>]) -> (Vec<i64>, Children) {
        let mut known: Vec<i64> = scanned.iter().flat_map(|scanned| scanned.known.iter().copied()).collect();
        let children = Children::of(edges, known.len());
        let table_of = |node: u32| scanned.partition_point(|table| table.first_node <= u64::from(node)) - 1;
        edges::spread_times(&mut known, |node| self.inputs[table_of(node)].time_column.is_some(), &children);
        (known, children)
    }

    fn describe(&self, scanned: &[Scanned], strings: &mut Strings) -> Result<Vec<TableMeta>> {
        let mut tables = Vec::with_capacity(self.inputs.len());
        for (input, scanned) in self.inputs.iter().zip(scanned) {
            let mut columns = Vec::with_capacity(scanned.columns.len());
            for (column, welford) in scanned.columns.iter().zip(&scanned.statistics) {
                let at = |error: Error| error.in_table(input.name).in_column(&column.name);
                let (statistics, constant) = welford.moments(1).map_err(at)?;
                columns.push(ColumnMeta {
                    name: column.name.clone(),
                    encoding: column.encoding,
                    name_text: strings.intern(&format!("{} of {}", column.name, input.name))?,
                    known_at: column.known_at.clone(),
                    statistics,
                    constant: constant && !column.encoding.is_string(),
                });
            }
            let foreign_keys = input.foreign_keys.iter().map(|key| ForeignKeyMeta {
                column: key.column.to_string(),
                table: self.inputs[key.parent].name.to_string(),
            });
            tables.push(TableMeta {
                name: input.name.to_string(),
                rows: scanned.rows(),
                first_node: scanned.first_node,
                primary_key: input.primary_key.map(str::to_string),
                time_column: input.time_column.map(str::to_string),
                missing_time: input.missing_time,
                columns,
                foreign_keys: foreign_keys.collect(),
                times: input.times.iter().map(|name| name.to_string()).collect(),
                is_task: matches!(input.origin, Origin::Task(_)),
            });
        }
        Ok(tables)
    }

    fn describe_tasks(&self, scanned: &[Scanned]) -> Vec<TaskMeta> {
        let mut tasks = Vec::new();
        for (input, scanned) in self.inputs.iter().zip(scanned) {
            let Origin::Task(task) = input.origin else { continue };
            let mut splits = BTreeMap::new();
            let mut first = 0;
            for ((split, _), rows) in input.parts.iter().zip(&scanned.part_rows) {
                splits.extend(split.map(|split| (split, (first, first + rows))));
                first += rows;
            }
            tasks.push(TaskMeta {
                name: task.name.clone(),
                task_type: task.task_type,
                entity_table: task.entity_table.clone(),
                entity_column: task.entity_column.clone(),
                time_column: task.time_column.clone(),
                target_column: task.target_column.clone(),
                label_known: task.label_known.clone(),
                hidden_columns: task.hidden_columns.clone(),
                splits,
            });
        }
        tasks
    }

    /// Writes foreign keys, children and times; gives the number of pairs of rows that keys join.
    fn link(&self, scanned: &[Scanned], packed: &[Packed], files: &mut BTreeMap<String, FileMeta>) -> Result<u64> {
        let mut parents = Writer::new(&self.directory.join(PARENTS), PARENTS_TAG)?;
        packed.iter().try_for_each(|table| parents.put(&table.links.parents))?;
        files.insert(PARENTS.to_string(), parents.finish()?);

        let edges = packed.iter().enumerate().map(|(index, table)| self.parents(index, scanned, &table.links));
        let (mut known, mut children) = self.known(scanned, &edges.collect::<Vec<_>>());
        self.delay_labels(scanned, packed, &mut known);
        children.sort_by_time(&known);

        let mut times = Writer::new(&self.directory.join(TIMES), TIMES_TAG)?;
        times.put(&known)?;
        scanned.iter().flat_map(|table| &table.times).try_for_each(|column| times.put(column))?;
        files.insert(TIMES.to_string(), times.finish()?);

        let mut offsets = Writer::new(&self.directory.join(OFFSETS), OFFSETS_TAG)?;
        offsets.put(&children.offsets)?;
        files.insert(OFFSETS.to_string(), offsets.finish()?);
        let mut nodes = Writer::new(&self.directory.join(CHILDREN), CHILDREN_TAG)?;
        nodes.put(&children.nodes)?;
        files.insert(CHILDREN.to_string(), nodes.finish()?);
        Ok(children.nodes.len() as u64)
    }

    /// A label row shows itself only when its label is strictly in the past; without its label it says nothing.
    fn delay_labels(&self, scanned: &[Scanned], packed: &[Packed], known: &mut [i64]) {
        for (index, input) in self.inputs.iter().enumerate() {
            let Origin::Task(task) = input.origin else { continue };
            let entity = input.foreign_keys[0].parent;
            let entity_times = match &task.label_known {
                LabelKnown::AtEntityColumn { column } => {
                    let number = self.inputs[entity].times.iter().position(|time| time == column);
                    number.map(|number| &scanned[entity].times[number])
                }
                _ => None,
            };
            let first = scanned[index].first_node as usize;
            for row in 0..scanned[index].rows() as usize {
                let own = known[first + row];
                let label = match &task.label_known {
                    LabelKnown::AtTimestamp | LabelKnown::AfterWindow { .. } if own == ALWAYS => NEVER,
                    LabelKnown::AtTimestamp => own,
                    LabelKnown::AfterWindow { microseconds } => own.saturating_add(*microseconds),
                    LabelKnown::AtEntityColumn { .. } => match packed[index].links.parents[row] {
                        NONE => NEVER,
                        parent => {
                            let row = parent as usize - scanned[entity].first_node as usize;
                            entity_times.map_or(NEVER, |times| times[row])
                        }
                    },
                };
                known[first + row] = own.max(label.saturating_add(1));
            }
            for &row in &packed[index].unlabelled {
                known[first + row] = NEVER;
            }
        }
    }
}

fn pooled(tables: &[TableMeta], scanned: &[Scanned]) -> Result<Moments> {
    let mut pooled = Welford::default();
    for (table, scanned) in tables.iter().zip(scanned) {
        for (column, welford) in table.columns.iter().zip(&scanned.statistics) {
            if column.encoding == Encoding::Datetime {
                pooled.merge(welford);
            }
        }
    }
    Ok(pooled.moments(0)?.0)
}
