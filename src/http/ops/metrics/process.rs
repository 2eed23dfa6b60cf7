//! What the process takes of the machine, as the kernel says (proc(5)).
//! In: files under /proc. Out: gauges; none where there is no such folder.
//! Owns: nothing but these three numbers.

use std::fs;

/// Resident memory in bytes.
pub(super) fn resident_bytes() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024.0)
}

/// How many file descriptors are open.
pub(super) fn open_descriptors() -> Option<f64> {
    // The folder's own descriptor is among them.
    Some(fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1) as f64)
}

/// How many threads run.
pub(super) fn threads() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("Threads:"))?.trim().parse().ok()
}
