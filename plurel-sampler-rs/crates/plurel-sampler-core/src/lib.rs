//! Packed stores of relational databases, and contexts from them that show nothing before it is known.
//!
//! [`build::build_store`] packs tables and tasks into memory-mapped files; [`store::Store`] opens them;
//! [`sampler::Sampler`] walks breadth-first from the rows to be predicted and gives batches of arrays. This crate
//! knows no Python; `plurel-sampler-py` binds it.

#![deny(unsafe_code)]

pub mod attention_plan;
pub mod batch;
pub mod build;
pub mod context;
pub mod embed;
pub mod error;
pub mod files;
pub mod format;
pub mod order;
pub mod rng;
pub mod sampler;
pub mod spec;
pub mod store;
pub mod targets;
pub mod visible;
