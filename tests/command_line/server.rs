//! The real binary, as an operator runs it.

pub use crate::support::wait::until;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use crate::support::Caller;

/// `signet` with nothing of this process's environment but what it needs to run.
pub fn signet(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_signet"));
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).current_dir(folder);
    command
}

/// Runs a verb to its end.
pub fn run(folder: &Path, arguments: &[&str], settings: &[(&str, &str)]) -> Output {
    signet(folder).args(arguments).envs(settings.iter().copied()).stdin(Stdio::null()).output().unwrap()
}

/// What a verb printed on the standard output and the standard error output.
pub fn printed(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A running `signet serve`.
pub struct Server {
    child: Child,
    log: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
    pub base_url: String,
}

impl Server {
    /// Starts it on a free port and waits until it says where it serves.
    pub fn start(folder: &Path, settings: &[(&str, &str)]) -> Self {
        let usual = [("SIGNET_LISTEN", "127.0.0.1:0"), ("SIGNET_RATE_LIMIT", "off")];
        Self::run(signet(folder).envs(usual).envs(settings.iter().copied()))
    }

    /// The same, where no more than `descriptors` files and sockets may be open.
    pub fn start_limited(folder: &Path, descriptors: u32) -> Self {
        let mut command = Command::new("sh");
        command.args([
            "-c",
            &format!("ulimit -n {descriptors} && exec \"$0\""),
            env!("CARGO_BIN_EXE_signet"),
        ]);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).current_dir(folder);
        command.envs([("SIGNET_LISTEN", "127.0.0.1:0"), ("SIGNET_RATE_LIMIT", "off")]);
        Self::run(&mut command)
    }

    fn run(command: &mut Command) -> Self {
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let (found, address) = std::sync::mpsc::channel();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let kept = log.clone();
        let reader = std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Some((_, rest)) = line.split_once(r#""address":""#) {
                    let _ = found.send(rest.split('"').next().unwrap_or_default().to_owned());
                }
                kept.lock().unwrap().push_str(&(line + "\n"));
            }
        });
        let address = address.recv_timeout(crate::support::wait::LONGEST);
        let Ok(address) = address else {
            let _ = child.kill();
            panic!("the server does not start: {}", log.lock().unwrap());
        };
        Self { child, log, reader: Some(reader), base_url: format!("http://{address}") }
    }

    /// A client of it.
    pub fn caller(&self) -> Caller {
        Caller::new(&self.base_url)
    }

    /// What it has logged until now.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Waits until it has logged `text`.
    pub async fn logs(&self, text: &str) {
        until(&format!("{text} in {}", self.log()), async || self.log().contains(text)).await;
    }

    /// SIGTERM, and nothing else.
    pub fn tell_to_stop(&self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    }

    /// SIGTERM; how it ended, and all that it logged.
    pub fn terminate(mut self) -> (ExitStatus, String) {
        self.tell_to_stop();
        let status = self.child.wait().unwrap();
        self.reader.take().unwrap().join().unwrap();
        (status, self.log.lock().unwrap().clone())
    }

    /// SIGKILL: nothing can be tidied up.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
