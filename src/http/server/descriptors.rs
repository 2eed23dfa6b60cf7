//! How many files and sockets this process may have open.

/// The limit as it stands.
#[cfg(unix)]
pub(super) fn available() -> u64 {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// Raises the limit to `wanted`, or as near as the hard limit lets it come.
#[cfg(unix)]
pub(super) fn raise(wanted: u64) -> std::io::Result<()> {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    if available() >= wanted {
        return Ok(());
    }
    limit.current = Some(limit.maximum.map_or(wanted, |hard| hard.min(wanted)));
    Ok(setrlimit(Resource::Nofile, limit)?)
}

#[cfg(not(unix))]
pub(super) fn available() -> u64 {
    u64::MAX
}

#[cfg(not(unix))]
pub(super) fn raise(_wanted: u64) -> std::io::Result<()> {
    Ok(())
}
