//! What plurel-scm draws and computes in Rust: the same bits on every machine with fused multiply-add.
//!
//! Not here: Python, which meets this crate in `plurel-scm-py`.

#![deny(unsafe_code)]

pub mod draws;
pub mod philox;
pub mod special;
