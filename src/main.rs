//! The `signet` binary: reads the command line and hands over to the library.
//! Owns: what changes the whole process and not only a part of it happens here, or is called by a verb by name.

use std::process::ExitCode;

use signet::sync::redis::install_tls_provider;

mod cli;

fn main() -> ExitCode {
    hide_our_files();
    install_tls_provider();
    match cli::run(cli::parse(std::env::args_os())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("signet: {error}");
            error.exit_code()
        }
    }
}

/// What we write (secrets, a database of password hashes) is not for other users of this machine.
fn hide_our_files() {
    #[cfg(unix)]
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
}
