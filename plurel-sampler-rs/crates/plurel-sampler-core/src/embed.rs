//! Vectors of strings: the file that holds them, and a built-in embedder that needs no model.

use std::collections::BTreeSet;
use std::path::Path;

use half::bf16;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::error::{Error, Result};
use crate::files::{FileTag, Writer};
use crate::format::{EmbeddingMeta, FileMeta};
use crate::spec::Embedder;

pub const EMBEDDINGS_TAG: FileTag = *b"embd";
/// Texts that an embedder is asked for at once, and values that it gives.
const CHUNK: usize = 4096;
const CHUNK_VALUES: usize = 1 << 24;

/// Writes `embeddings.<name>.bin` (`[strings, width]` bf16), some texts at a time.
pub struct EmbeddingsWriter<'a> {
    embedder: &'a dyn Embedder,
    file: String,
    out: Writer,
}

impl<'a> EmbeddingsWriter<'a> {
    pub fn new(directory: &Path, embedder: &'a dyn Embedder) -> Result<Self> {
        let name = embedder.name();
        check_name(name)?;
        if embedder.width() == 0 {
            return Err(Error::build(format!("embedder {name} makes vectors of width 0")));
        }
        let file = format!("embeddings.{}.bin", name.replace(':', "--"));
        let out = Writer::new(&directory.join(&file), EMBEDDINGS_TAG)?;
        Ok(EmbeddingsWriter { embedder, file, out })
    }

    /// The vectors of the texts that come next.
    pub fn put(&mut self, texts: &[&str]) -> Result<()> {
        let (name, width) = (self.embedder.name(), self.embedder.width());
        for texts in texts.chunks((CHUNK_VALUES / width).clamp(1, CHUNK)) {
            let values = self.embedder.embed(texts)?;
            if values.len() != texts.len() * width {
                let message =
                    format!("embedder {name} gave {} values for {} texts of width {width}", values.len(), texts.len());
                return Err(Error::build(message));
            }
            if let Some(index) = values.iter().position(|value| !value.is_finite()) {
                let message = format!("embedder {name} gave {} for {:?}", values[index], texts[index / width]);
                return Err(Error::build(message));
            }
            let bits: Vec<u16> = values.iter().map(|&value| bf16::from_f32(value).to_bits()).collect();
            self.out.put(&bits)?;
        }
        Ok(())
    }

    pub fn finish(self) -> Result<(EmbeddingMeta, FileMeta)> {
        let (width, fingerprint) = (self.embedder.width() as u64, self.embedder.fingerprint().to_string());
        Ok((EmbeddingMeta { file: self.file, width, fingerprint }, self.out.finish()?))
    }
}

fn check_name(name: &str) -> Result<()> {
    let good = |c: char| c.is_ascii_alphanumeric() || "_.-:".contains(c);
    if !name.is_empty() && name.chars().all(good) && !name.starts_with('.') && !name.contains("--") {
        return Ok(());
    }
    let message =
        format!("{name:?} names no embedder: letters, digits, _ . : and single - only, since it becomes a file's name");
    Err(Error::build(message))
}

/// Words and character n-grams hashed into a vector of unit length, each with a sign (the "hashing trick").
///
/// Texts that share spelling get similar vectors; meaning plays no part. Source: Weinberger et al., "Feature hashing
/// for large scale multitask learning" (2009); n-grams with word marks as in fastText.
pub struct HashedEmbedder {
    width: usize,
    fingerprint: String,
}

/// Raised with every change of the vectors.
const HASHED_VERSION: u32 = 1;
const N_GRAMS: std::ops::RangeInclusive<usize> = 3..=5;

impl HashedEmbedder {
    pub fn new(width: usize) -> Result<Self> {
        if !(1..=1 << 20).contains(&width) {
            return Err(Error::build(format!("width {width} of a hashed embedder is not in 1..=1048576")));
        }
        Ok(HashedEmbedder { width, fingerprint: format!("hashed-{HASHED_VERSION}-{width}") })
    }

    fn add(&self, vector: &mut [f32], feature: &str, seed: u64, weight: f32) {
        let hash = xxh3_64_with_seed(feature.as_bytes(), seed);
        let slot = ((u128::from(hash) * self.width as u128) >> 64) as usize;
        vector[slot] += if hash & 1 == 0 { weight } else { -weight };
    }

    /// The unit vector of one text.
    pub fn vector(&self, text: &str) -> Vec<f32> {
        let mut vector = vec![0.0; self.width];
        let lower = text.to_lowercase();
        let mut words: Vec<&str> =
            lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
        if words.is_empty() {
            words.push(&lower);
        }
        for word in words {
            let marked = format!("<{word}>");
            self.add(&mut vector, &marked, 1, 1.0);
            let ends: Vec<usize> = marked.char_indices().map(|(at, _)| at).chain([marked.len()]).collect();
            let grams: BTreeSet<&str> = N_GRAMS
                .flat_map(|n| ends.windows(n + 1).map(move |window| (window[0], window[n])))
                .map(|(from, to)| &marked[from..to])
                .collect();
            let weight = 1.0 / (grams.len().max(1) as f32).sqrt();
            for gram in grams {
                self.add(&mut vector, gram, 2, weight);
            }
        }
        let norm = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
        if norm > 1e-6 {
            vector.iter_mut().for_each(|value| *value /= norm);
        } else {
            // Features that cancel each other exactly still need a direction of their own.
            let hash = xxh3_64_with_seed(lower.as_bytes(), 3);
            vector[(hash % self.width as u64) as usize] = 1.0;
        }
        vector
    }
}

impl Embedder for HashedEmbedder {
    fn name(&self) -> &str {
        "hashed"
    }

    fn width(&self) -> usize {
        self.width
    }

    fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<f32>> {
        Ok(texts.iter().flat_map(|text| self.vector(text)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cosine(a: &str, b: &str) -> f32 {
        let embedder = HashedEmbedder::new(256).unwrap();
        embedder.vector(a).iter().zip(embedder.vector(b)).map(|(x, y)| x * y).sum()
    }

    proptest! {
        #[test]
        fn every_text_has_a_unit_vector(text: String, width in 1usize..40) {
            let vector = HashedEmbedder::new(width).unwrap().vector(&text);
            let norm: f32 = vector.iter().map(|value| value * value).sum();
            prop_assert!((norm - 1.0).abs() < 1e-4);
        }
    }

    #[test]
    fn shared_spelling_is_nearer_than_none() {
        assert!(cosine("arrival delay of flights", "departure delay of flights") > 0.4);
        assert!(cosine("arrival delay of flights", "name of customers") < 0.4);
        assert!(cosine("Tail Number", "tail number") > 0.999);
    }

    #[test]
    fn embedder_names_cannot_leave_the_directory() {
        for name in ["", "../x", "a/b", ".hidden", "a--b"] {
            assert!(check_name(name).is_err());
        }
        assert!(check_name("plurel-sampler-rs:hashed").is_ok());
    }
}
