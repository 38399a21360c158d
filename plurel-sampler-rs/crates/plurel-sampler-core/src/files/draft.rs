//! Building a directory under a hidden name and putting it into its place at once.
//!
//! A draft is locked (`flock` on the directory) for as long as its process lives. So whoever finds a locked one knows
//! that somebody is at work, and whoever finds one that is not knows that its process is dead and clears it. Where there
//! are no such locks (Windows, some network file systems) a draft that is there is an error for a person to look at.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::sync_directory;
use crate::error::{Error, Kind, Result};
use crate::format::{CELLS, CHILDREN, MANIFEST, OFFSETS, PARENTS, TEXT, TIMES};

/// A directory beside the final one; removed unless it is published.
pub struct Draft {
    path: PathBuf,
    /// Held until the end; the lock goes with it.
    _lock: Option<File>,
    published: bool,
}

impl Draft {
    /// An empty directory that nobody else works in; what a dead process left there is gone.
    pub fn beside(out: &Path) -> Result<Self> {
        let parent = out.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(parent).map_err(|error| Error::io("create", parent, error))?;
        let path = hidden(out, "building")?;
        loop {
            let made = match std::fs::create_dir(&path) {
                Ok(()) => true,
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => false,
                Err(error) => return Err(Error::io("create", &path, error)),
            };
            match lock::hold(&path) {
                lock::Held::Ours(file) => {
                    let draft = Draft { path, _lock: Some(file), published: false };
                    recover(out)?;
                    draft.clear()?;
                    return Ok(draft);
                }
                lock::Held::Gone => {}
                lock::Held::Others => {
                    let message =
                        "another process is building a store there, or adds to one; wait for it or choose another path";
                    return Err(Error::new(Kind::Busy, message).in_file(out));
                }
                lock::Held::Unknown if made => {
                    recover(out)?;
                    return Ok(Draft { path, _lock: None, published: false });
                }
                lock::Held::Unknown => {
                    let message = "an unfinished build lies there; remove it if no process is at work on it";
                    return Err(Error::new(Kind::Busy, message).in_file(path));
                }
            }
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Moves a file to a path on the same file system; one that lies there is replaced at once.
    pub fn hand_over(&self, file: &str, target: &Path) -> Result<()> {
        std::fs::rename(self.path.join(file), target).map_err(|error| Error::io("rename into place", target, error))?;
        sync_directory(target.parent().unwrap_or(Path::new(".")))
    }

    /// Gives the directory its name; a store that lies at `out` is replaced at once if `overwrite` says so.
    pub fn publish(mut self, out: &Path, overwrite: bool) -> Result<()> {
        sync_directory(&self.path)?;
        check_free(out, overwrite)?;
        let parent = out.parent().unwrap_or(Path::new("."));
        if !is_store(out) {
            std::fs::rename(&self.path, out).map_err(|error| Error::io("rename into place", out, error))?;
            self.published = true;
            return sync_directory(parent);
        }
        if swap(&self.path, out).is_ok() {
            self.published = true;
            sync_directory(parent)?;
            return discard(&self.path);
        }
        let old = hidden(out, "replaced")?;
        std::fs::rename(out, &old).map_err(|error| Error::io("move away", out, error))?;
        if let Err(error) = std::fs::rename(&self.path, out) {
            recover(out)?;
            return Err(Error::io("rename into place", out, error));
        }
        self.published = true;
        sync_directory(parent)?;
        discard(&old)
    }

    fn clear(&self) -> Result<()> {
        let failed = |error| Error::io("clear", &self.path, error);
        for entry in std::fs::read_dir(&self.path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let is_directory = entry.file_type().map_err(failed)?.is_dir();
            let removed =
                if is_directory { std::fs::remove_dir_all(entry.path()) } else { std::fs::remove_file(entry.path()) };
            removed.map_err(failed)?;
        }
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.published {
            // Nothing reads an unfinished directory; failing to remove it must not hide the error that led here.
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

/// Fails if something lies at `out` that a build may not replace; a store that holds more than a store's files is such.
pub fn check_free(out: &Path, overwrite: bool) -> Result<()> {
    let is_empty = std::fs::read_dir(out).is_ok_and(|mut entries| entries.next().is_none());
    if !out.exists() || is_empty {
        return Ok(());
    }
    if is_store(out) && overwrite {
        return match foreign(out)? {
            None => Ok(()),
            Some(name) => {
                let message = format!(
                    "the store that lies there holds {name}, which is none of a store's files and would be lost; \
                     move it away or choose another path"
                );
                Err(Error::new(Kind::Exists, message).in_file(out))
            }
        };
    }
    let message = if is_store(out) {
        "a store lies there already; ask to overwrite it or choose another path"
    } else {
        "something that is no store lies there; choose another path"
    };
    Err(Error::new(Kind::Exists, message).in_file(out))
}

fn is_store(out: &Path) -> bool {
    out.join(MANIFEST).is_file()
}

/// The first entry of a directory, by name, that no store has: neither one of its files nor what a process that died
/// while it added vectors left.
fn foreign(out: &Path) -> Result<Option<String>> {
    let failed = |error| Error::io("read", out, error);
    let mut found = None;
    for entry in std::fs::read_dir(out).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
        let vectors = name == ".embeddings.building" || (name.starts_with("embeddings.") && name.ends_with(".bin"));
        let known = [MANIFEST, CELLS, PARENTS, TIMES, OFFSETS, CHILDREN, TEXT].contains(&name.as_str());
        if !known && !vectors && found.as_ref().is_none_or(|first| name < *first) {
            found = Some(name);
        }
    }
    Ok(found)
}

fn hidden(out: &Path, what: &str) -> Result<PathBuf> {
    let name = out.file_name().ok_or_else(|| Error::build("the output path names no directory"))?;
    Ok(out.with_file_name(format!(".{}.{what}", name.to_string_lossy())))
}

/// Where two directories cannot change places at once, a process may have died between two renames: the old store then
/// lies beside its place, which is empty.
fn recover(out: &Path) -> Result<()> {
    let old = hidden(out, "replaced")?;
    if !old.exists() {
        return Ok(());
    }
    if out.exists() {
        return discard(&old);
    }
    std::fs::rename(&old, out).map_err(|error| Error::io("move back", &old, error))
}

/// Removes a store that was replaced, unless another process has begun to build in the directory that it was left in.
fn discard(old: &Path) -> Result<()> {
    let held = lock::hold(old);
    if matches!(held, lock::Held::Gone | lock::Held::Others) {
        return Ok(());
    }
    std::fs::remove_dir_all(old).map_err(|error| Error::io("remove", old, error))
}

/// Two directories change places, at once.
#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn swap(one: &Path, other: &Path) -> std::io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};

    Ok(renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE)?)
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn swap(_: &Path, _: &Path) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}

mod lock {
    use std::fs::File;
    use std::path::Path;

    pub enum Held {
        /// For as long as the file is open.
        Ours(File),
        Others,
        /// The path names another directory by now, or none.
        Gone,
        /// There are no locks here.
        Unknown,
    }

    #[cfg(unix)]
    pub fn hold(path: &Path) -> Held {
        use std::os::unix::fs::MetadataExt;

        use rustix::fs::{FlockOperation, flock};
        use rustix::io::Errno;

        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Held::Gone,
            Err(_) => return Held::Unknown,
        };
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Held::Others,
            Err(_) => return Held::Unknown,
        }
        let identity = |found: std::io::Result<std::fs::Metadata>| found.ok().map(|found| (found.dev(), found.ino()));
        let ours = identity(file.metadata());
        if ours.is_some() && ours == identity(std::fs::metadata(path)) { Held::Ours(file) } else { Held::Gone }
    }

    #[cfg(not(unix))]
    pub fn hold(_: &Path) -> Held {
        Held::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(path: &Path, content: &str) {
        std::fs::create_dir_all(path).unwrap();
        std::fs::write(path.join(MANIFEST), content).unwrap();
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_draft_is_ours_alone_and_gone_when_it_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("deep/store");
        let draft = Draft::beside(&out).unwrap();
        #[cfg(unix)]
        assert_eq!(Draft::beside(&out).err().unwrap().kind, Kind::Busy);
        drop(draft);
        assert!(names(&folder.path().join("deep")).is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn what_a_dead_process_left_is_cleared() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("store");
        store(&folder.path().join(".store.building/inner"), "half");
        let draft = Draft::beside(&out).unwrap();
        assert!(names(draft.path()).is_empty());
        store(draft.path(), "whole");
        draft.publish(&out, false).unwrap();
        assert_eq!(names(folder.path()), ["store"]);
    }

    #[test]
    fn a_store_is_replaced_only_if_one_asks() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("store");
        store(&out, "old");
        let build = |overwrite| {
            let draft = Draft::beside(&out)?;
            store(draft.path(), "new");
            draft.publish(&out, overwrite)
        };
        assert_eq!(build(false).err().unwrap().kind, Kind::Exists);
        assert_eq!(std::fs::read_to_string(out.join(MANIFEST)).unwrap(), "old");
        build(true).unwrap();
        assert_eq!(std::fs::read_to_string(out.join(MANIFEST)).unwrap(), "new");
        assert_eq!(names(folder.path()), ["store"]);
    }

    #[test]
    fn what_is_no_file_of_a_store_is_never_replaced_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("store");
        store(&out, "old");
        for own in [CELLS, "embeddings.hashed.bin", "embeddings.a--b~.bin"] {
            std::fs::write(out.join(own), "").unwrap();
        }
        std::fs::create_dir(out.join(".embeddings.building")).unwrap();
        check_free(&out, true).unwrap();
        std::fs::create_dir(out.join("checkpoints")).unwrap();
        let error = check_free(&out, true).unwrap_err();
        assert_eq!(error.kind, Kind::Exists);
        assert!(error.to_string().contains("holds checkpoints"), "{error}");
    }

    #[test]
    fn a_store_that_was_moved_away_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("store");
        store(&folder.path().join(".store.replaced"), "old");
        drop(Draft::beside(&out).unwrap());
        assert_eq!(names(folder.path()), ["store"]);
        store(&folder.path().join(".store.replaced"), "older");
        drop(Draft::beside(&out).unwrap());
        assert_eq!(std::fs::read_to_string(out.join(MANIFEST)).unwrap(), "old");
        assert_eq!(names(folder.path()), ["store"]);
    }
}
