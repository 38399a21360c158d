//! The store's binary files: a 64-byte header and a payload of little-endian words, memory-mapped for reading.
//!
//! Knows headers, lengths and checksums; what the words mean is the business of `store` and `build`.

mod draft;

use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use bytemuck::Pod;
use memmap2::Mmap;
use xxhash_rust::xxh3::Xxh3;

use crate::error::{Error, Result};
use crate::format::{FileMeta, VERSION};

pub use draft::{Draft, check_free};

#[cfg(target_endian = "big")]
compile_error!("stores are little-endian and mapped as they are");

pub const HEADER: usize = 64;
const MAGIC: &[u8; 8] = b"plurel\0\0";

/// Four letters that tell the files of a store apart.
pub type FileTag = [u8; 4];

fn header(tag: FileTag) -> [u8; HEADER] {
    let mut bytes = [0; HEADER];
    bytes[..8].copy_from_slice(MAGIC);
    bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
    bytes[12..16].copy_from_slice(&tag);
    bytes
}

/// Maps a file for reading.
///
/// Invariant: the files of a store are written into a directory that no reader knows, then renamed into place, and
/// never changed or shortened afterwards; embeddings that are added later are files of their own. So a mapping is
/// never written to by this crate while it is alive. Another program that shortens a file of an open store breaks
/// this, as it does for every memory-mapped format.
#[allow(unsafe_code)]
mod map {
    use super::{File, Mmap};

    pub fn read_only(file: &File) -> std::io::Result<Mmap> {
        // SAFETY: see the invariant of the module: nothing writes to the file while it is mapped.
        unsafe { Mmap::map(file) }
    }
}

/// Maps a whole file, whatever it holds.
pub fn map_file(path: &Path) -> Result<Mmap> {
    let file = File::open(path).map_err(|error| open_error(path, error))?;
    map::read_only(&file).map_err(|error| Error::io("map", path, error))
}

fn open_error(path: &Path, error: std::io::Error) -> Error {
    if error.kind() == std::io::ErrorKind::NotFound {
        return Error::format("a file of the store is missing").in_file(path);
    }
    Error::io("open", path, error)
}

/// A mapped file whose payload is `[length] T`.
pub struct Mapped<T> {
    map: Mmap,
    path: PathBuf,
    element: PhantomData<T>,
}

impl<T: Pod> Mapped<T> {
    /// Checks the header and that the payload holds exactly `length` elements.
    pub fn open(path: &Path, tag: FileTag, length: usize) -> Result<Self> {
        let map = map_file(path)?;
        if map.len() < HEADER || map[..HEADER] != header(tag) {
            let message =
                format!("the header is not that of a {} file of store format {VERSION}", String::from_utf8_lossy(&tag));
            return Err(Error::format(message).in_file(path).at_byte(0));
        }
        let expected = length.checked_mul(size_of::<T>()).and_then(|n| n.checked_add(HEADER));
        if expected != Some(map.len()) {
            let message = format!("{} bytes where the tables need {length} elements", map.len());
            return Err(Error::format(message).in_file(path).at_byte(map.len() as u64));
        }
        bytemuck::try_cast_slice::<u8, T>(&map[HEADER..])
            .map_err(|error| Error::format(format!("cannot be read as words: {error}")).in_file(path))?;
        Ok(Mapped { map, path: path.to_path_buf(), element: PhantomData })
    }

    /// The payload.
    pub fn words(&self) -> &[T] {
        bytemuck::cast_slice(&self.map[HEADER..])
    }

    /// An error about element `index` of this file.
    pub fn corrupt(&self, index: usize, message: impl Into<String>) -> Error {
        let offset = HEADER as u64 + (index as u64).saturating_mul(size_of::<T>() as u64);
        Error::format(message).in_file(&self.path).at_byte(offset)
    }
}

/// Writes a file, counting and hashing what it writes.
pub struct Writer {
    path: PathBuf,
    out: BufWriter<File>,
    hash: Xxh3,
    length: u64,
}

impl Writer {
    /// A file without a header of ours.
    pub fn plain(path: &Path) -> Result<Self> {
        let file = File::create(path).map_err(|error| Error::io("create", path, error))?;
        Ok(Writer {
            path: path.to_path_buf(),
            out: BufWriter::with_capacity(1 << 20, file),
            hash: Xxh3::new(),
            length: 0,
        })
    }

    pub fn new(path: &Path, tag: FileTag) -> Result<Self> {
        let mut writer = Self::plain(path)?;
        writer.put(&header(tag))?;
        Ok(writer)
    }

    pub fn put<T: Pod>(&mut self, words: &[T]) -> Result<()> {
        let bytes: &[u8] = bytemuck::cast_slice(words);
        self.out.write_all(bytes).map_err(|error| Error::io("write", &self.path, error))?;
        self.hash.update(bytes);
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Flushes to the disk and says what was written.
    pub fn finish(self) -> Result<FileMeta> {
        let failed = |error| Error::io("write", &self.path, error);
        let file = self.out.into_inner().map_err(|error| failed(error.into_error()))?;
        file.sync_all().map_err(failed)?;
        Ok(FileMeta { length: self.length, checksum: format!("{:016x}", self.hash.digest()) })
    }
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.put(bytes).map_err(|error| std::io::Error::other(error.to_string()))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}

/// Fails unless the file has the length that was written down for it.
pub fn check_length(path: &Path, meta: &FileMeta) -> Result<()> {
    let length = std::fs::metadata(path).map_err(|error| open_error(path, error))?.len();
    if length == meta.length {
        return Ok(());
    }
    let message = format!("{length} bytes where {} were written", meta.length);
    Err(Error::format(message).in_file(path).at_byte(length.min(meta.length)))
}

/// Fails unless the file has the content that was written.
pub fn check_content(path: &Path, meta: &FileMeta) -> Result<()> {
    let mut file = File::open(path).map_err(|error| open_error(path, error))?;
    let mut hash = Xxh3::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let count = file.read(&mut buffer).map_err(|error| Error::io("read", path, error))?;
        if count == 0 {
            break;
        }
        hash.update(&buffer[..count]);
    }
    let checksum = format!("{:016x}", hash.digest());
    if checksum == meta.checksum {
        return Ok(());
    }
    let message = format!("checksum {checksum} where {} was written", meta.checksum);
    Err(Error::format(message).in_file(path))
}

/// Writes a small file and flushes it to the disk. Half of it may be there meanwhile, so this is for drafts.
pub fn write_whole(path: &Path, content: &[u8]) -> Result<()> {
    let mut writer = Writer::plain(path)?;
    writer.put(content)?;
    writer.finish().map(|_| ())
}

/// Makes renames inside a directory durable.
pub fn sync_directory(path: &Path) -> Result<()> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    let directory = File::open(path).map_err(|error| Error::io("open", path, error))?;
    directory.sync_all().map_err(|error| Error::io("sync", path, error))
}
