//! A disk of a few megabytes, which can be full, or be made read-only for whoever comes later.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A file system in memory, mounted in a folder of its own.
pub struct SmallDisk {
    folder: TempDir,
    is_read_only: bool,
}

impl SmallDisk {
    /// Mounts one of `megabytes`; none, said loudly, where mounting is not permitted, as in most containers.
    pub fn mount(megabytes: u32) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        if !mount(&["-t", "tmpfs", "-o", &format!("size={megabytes}m,mode=777"), "tmpfs"], folder.path()) {
            let test = std::thread::current().name().unwrap_or("a test").to_owned();
            let _ = writeln!(std::io::stderr(), "!! SKIPPED {test}: mounting a disk is not permitted here");
            return None;
        }
        Some(Self { folder, is_read_only: false })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    fn filler(&self) -> PathBuf {
        self.path().join("filler")
    }

    /// Takes every byte that is left.
    pub fn fill(&self) {
        let mut filler = fs::File::create(self.filler()).unwrap();
        while filler.write_all(&[1; 4096]).is_ok() {}
    }

    /// Gives them back.
    pub fn free(&self) {
        fs::remove_file(self.filler()).unwrap();
    }

    /// What is opened from now on cannot be written; what is open already can.
    pub fn make_read_only(&mut self) {
        let path = self.path().display().to_string();
        assert!(mount(&["--bind", &path], self.path()));
        self.is_read_only = true;
        assert!(mount(&["-o", "remount,bind,ro"], self.path()));
    }

    /// What is opened from now on can be written.
    pub fn make_writable(&mut self) {
        assert!(self.unmount());
        self.is_read_only = false;
    }

    fn unmount(&self) -> bool {
        Command::new("umount").arg("-l").arg(self.path()).status().is_ok_and(|status| status.success())
    }
}

fn mount(arguments: &[&str], folder: &Path) -> bool {
    let mut command = Command::new("mount");
    command.args(arguments).arg(folder).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        if self.is_read_only {
            self.unmount();
        }
        self.unmount();
    }
}
