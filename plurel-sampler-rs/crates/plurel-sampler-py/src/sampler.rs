//! The sampler for Python: a batch as a dictionary of numpy arrays.

use std::sync::Arc;

use numpy::{Element, PyArray1, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2};
use plurel_sampler_core::attention_plan::{AttentionPlan, KINDS};
use plurel_sampler_core::batch::Batch;
use plurel_sampler_core::context::ContextConfig;
use plurel_sampler_core::error::{Error, Result};
use plurel_sampler_core::sampler::{Sampler as CoreSampler, SamplerSpec, Sequencing};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::errors::{detached, to_python};
use crate::records::{Target, choice};
use crate::store::Store;

#[pyclass(frozen, module = "plurel_sampler._native")]
pub struct Sampler(CoreSampler);

#[pymethods]
impl Sampler {
    #[new]
    #[pyo3(signature = (stores, targets, *, length, width, children, labels, seed, embedder, split, balance, limit, num_threads, plan=true))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        py: Python<'_>,
        stores: Vec<PyRef<'_, Store>>,
        targets: Vec<Target>,
        length: usize,
        width: usize,
        children: &str,
        labels: &str,
        seed: u64,
        embedder: String,
        split: &str,
        balance: &str,
        limit: Option<usize>,
        num_threads: Option<usize>,
        plan: bool,
    ) -> PyResult<Self> {
        let stores: Vec<_> = stores.iter().map(|store| Arc::clone(&store.0)).collect();
        let raised = |error: Error| to_python(py, error);
        let spec = SamplerSpec {
            targets: targets.into_iter().map(Target::into_spec).collect::<Result<_>>().map_err(raised)?,
            config: ContextConfig {
                length,
                width,
                children: choice(Error::context, "children", children).map_err(raised)?,
                labels: choice(Error::context, "labels", labels).map_err(raised)?,
                seed,
            },
            embedder,
            split: choice(Error::context, "split", split).map_err(raised)?,
            balance: choice(Error::context, "balance", balance).map_err(raised)?,
            limit,
            num_threads,
            plan,
        };
        Ok(Sampler(detached(py, || CoreSampler::new(&stores, spec))?))
    }

    fn __len__(&self) -> usize {
        self.0.len() as usize
    }

    /// Rows of each target.
    fn counts(&self) -> Vec<usize> {
        self.0.counts()
    }

    /// Contexts at positions: shuffled for an epoch, or in order where `epoch` is None.
    fn batch<'py>(
        &self,
        py: Python<'py>,
        positions: PyReadonlyArray1<'py, u64>,
        epoch: Option<u32>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let positions = positions.as_array().to_vec();
        let sequencing = epoch.map_or(Sequencing::Evaluation, |epoch| Sequencing::Training { epoch });
        let batch = detached(py, || self.0.batch(sequencing, &positions))?;
        arrays(py, batch)
    }
}

/// The plan of a batch's attention from its `[sequences, length]` columns and rows and its `[links, 3]` links.
#[pyfunction]
pub fn plan_attention<'py>(
    py: Python<'py>,
    column: PyReadonlyArray2<'py, i32>,
    row: PyReadonlyArray2<'py, i32>,
    links: PyReadonlyArray2<'py, i32>,
) -> PyResult<Bound<'py, PyDict>> {
    let length = row.as_array().ncols();
    let [column, row, links] = [column, row, links].map(|array| array.as_array().iter().copied().collect::<Vec<i32>>());
    plan(py, detached(py, || AttentionPlan::of(length, &column, &row, &links))?)
}

/// Puts an array into a dictionary, as a matrix where it has a width.
fn set<T: Element>(out: &Bound<'_, PyDict>, name: &str, values: Vec<T>, width: Option<usize>) -> PyResult<()> {
    let rows = width.map(|width| values.len() / width.max(1));
    let array = PyArray1::from_vec(out.py(), values);
    match (rows, width) {
        (Some(rows), Some(width)) => out.set_item(name, array.reshape([rows, width])?),
        _ => out.set_item(name, array),
    }
}

fn plan(py: Python<'_>, plan: AttentionPlan) -> PyResult<Bound<'_, PyDict>> {
    let out = PyDict::new(py);
    set(&out, "buckets", plan.buckets, Some(4))?;
    set(&out, "query", plan.query, None)?;
    set(&out, "key", plan.key, None)?;
    out.set_item("query_place", PyArray1::from_vec(py, plan.query_place).reshape([KINDS, plan.cells])?)?;
    set(&out, "key_place", plan.key_place, None)?;
    set(&out, "key_start", plan.key_start, Some(plan.cells + 1))?;
    Ok(out)
}

fn arrays(py: Python<'_>, batch: Batch) -> PyResult<Bound<'_, PyDict>> {
    let out = PyDict::new(py);
    let length = Some(batch.length);
    set(&out, "value", batch.value, length)?;
    set(&out, "encoding", batch.encoding, length)?;
    set(&out, "text", batch.text, length)?;
    set(&out, "column", batch.column, length)?;
    set(&out, "column_text", batch.column_text, length)?;
    set(&out, "table", batch.table, length)?;
    set(&out, "row", batch.row, length)?;
    set(&out, "node", batch.node, length)?;
    set(&out, "is_target", batch.is_target, length)?;
    set(&out, "links", batch.links, Some(3))?;
    set(&out, "texts", batch.texts, Some(batch.width))?;
    set(&out, "label", batch.label, None)?;
    set(&out, "label_text", batch.label_text, None)?;
    set(&out, "label_encoding", batch.label_encoding, None)?;
    set(&out, "label_mean", batch.label_mean, None)?;
    set(&out, "label_std", batch.label_std, None)?;
    set(&out, "cutoff", batch.cutoff, None)?;
    set(&out, "position", batch.position, None)?;
    set(&out, "target", batch.target, None)?;
    set(&out, "target_row", batch.target_row, None)?;
    out.set_item("attention", batch.attention.map(|attention| plan(py, attention)).transpose()?)?;
    Ok(out)
}
