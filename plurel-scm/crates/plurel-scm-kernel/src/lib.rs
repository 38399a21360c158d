//! What plurel-scm draws and computes in Rust: the same bits on every machine with fused multiply-add.
//!
//! Not here: Python, which meets this crate in `plurel-scm-py`.

#![deny(unsafe_code)]

pub mod activation;
pub mod aggregation;
pub mod description;
pub mod draws;
pub mod encoders;
pub mod error;
pub mod functions;
pub mod lanes;
pub mod matrices;
mod network;
pub mod node;
mod panel;
pub mod philox;
pub mod quantiles;
pub mod series;
pub mod special;
pub mod vector;
