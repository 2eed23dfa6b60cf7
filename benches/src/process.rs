//! Servers as processes of their own, and what the kernel says of them (proc(5)).
//! In: a program and a folder. Out: a running server on a loopback port; its processor time, memory and descriptors.
//! Owns: a server that was started is stopped, whatever happens.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use signet_verify::clock::{Clock, SystemClock};

use crate::client::{self, Connection};

/// A running server.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// Whether it leads a process group, to which its workers belong.
    leads: bool,
    /// Where it serves.
    pub address: SocketAddr,
    /// From the start of the process until it said that it is ready.
    pub ready_after: Duration,
}

/// A port of this machine that is free just now.
pub fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap()
}

/// The binary to measure: the one that was given, or the release build of this repository, which is made if need be.
pub fn signet(given: Option<PathBuf>) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let given = given.map(|binary| binary.canonicalize().unwrap());
    given.unwrap_or_else(|| {
        let build = ["build", "--release", "--locked", "--bin", "signet"];
        let built = Command::new("cargo")
            .args(build)
            .current_dir(&root)
            .env_remove("CARGO_TARGET_DIR")
            .status()
            .unwrap();
        assert!(built.success(), "cargo build --release");
        root.join("target/release/signet")
    })
}

impl Process {
    /// Starts Signet in `folder`, without limits, logging into a file as it would for a supervisor.
    pub async fn signet(binary: &Path, folder: &Path, settings: &[(&str, &str)]) -> Self {
        Self::signet_at(binary, folder, free_address(), settings).await
    }

    /// The same, at an address that was chosen before.
    pub async fn signet_at(
        binary: &Path,
        folder: &Path,
        address: SocketAddr,
        settings: &[(&str, &str)],
    ) -> Self {
        let mut command = Command::new(binary);
        command.env_clear().current_dir(folder);
        command.envs([("SIGNET_LISTEN", address.to_string().as_str()), ("SIGNET_RATE_LIMIT", "off")]);
        command.envs(settings.iter().copied()).stderr(File::create(folder.join("log")).unwrap());
        Self::start(command, address, "/readyz").await
    }

    /// Starts a server that is ready when `probe` is answered with 200.
    pub async fn start(command: Command, address: SocketAddr, probe: &str) -> Self {
        Self::begin(command, false, address, probe).await
    }

    /// The same for a server with workers, which are stopped with it whatever became of it.
    pub async fn start_group(mut command: Command, address: SocketAddr, probe: &str) -> Self {
        command.process_group(0);
        Self::begin(command, true, address, probe).await
    }

    async fn begin(mut command: Command, leads: bool, address: SocketAddr, probe: &str) -> Self {
        let clock = SystemClock::new();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        let mut process = Self { child, leads, address, ready_after: Duration::ZERO };
        while clock.monotonic() < Duration::from_secs(20) {
            if let Ok(mut connection) = Connection::open(address).await
                && connection.ask(&client::get(probe, None)).await.is_ok_and(|answer| answer.status == 200)
            {
                process.ready_after = clock.monotonic();
                return process;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        panic!("{command:?} does not become ready");
    }

    /// Processor time that it has taken, in user and in kernel mode.
    pub fn processor_time(&self) -> Duration {
        processor_time(self.child.id())
    }

    /// Its own id and those of the processes that it has started, and so on.
    pub fn family(&self) -> Vec<u32> {
        let mut family = vec![self.child.id()];
        let mut next = 0;
        while let Some(parent) = family.get(next) {
            for thread in fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten() {
                let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
                family.extend(children.split_whitespace().map(|id| id.parse::<u32>().unwrap()));
            }
            next += 1;
        }
        family
    }

    /// Processor time that its family has taken.
    pub fn processor_time_of_all(&self) -> Duration {
        self.family().into_iter().map(processor_time).sum()
    }

    /// Memory of its family in bytes: resident, and with each shared page split among those who share it.
    pub fn memory_of_all(&self) -> (f64, f64) {
        let of = |name| self.family().into_iter().map(|id| kilobytes(id, "smaps_rollup", name)).sum();
        (of("Rss:"), of("Pss:"))
    }

    /// Resident memory now, in bytes.
    pub fn resident(&self) -> f64 {
        self.status("VmRSS:")
    }

    /// The most resident memory that it ever had, in bytes.
    pub fn peak(&self) -> f64 {
        self.status("VmHWM:")
    }

    /// Open file descriptors.
    pub fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap().count()
    }

    /// Stops it as a supervisor does (SIGTERM).
    pub fn terminate(mut self) -> ExitStatus {
        let told = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(told.success(), "kill");
        self.child.wait().unwrap()
    }

    fn status(&self, name: &str) -> f64 {
        kilobytes(self.child.id(), "status", name)
    }
}

fn processor_time(id: u32) -> Duration {
    let stat = read(id, "stat");
    // The name of the program, in parentheses, may hold spaces.
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10) // sysconf(_SC_CLK_TCK) is 100 on Linux
}

/// A line of a file of the kernel that counts in kilobytes, in bytes.
fn kilobytes(id: u32, file: &str, name: &str) -> f64 {
    let text = read(id, file);
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() * 1024.0
}

fn read(id: u32, file: &str) -> String {
    fs::read_to_string(format!("/proc/{id}/{file}")).unwrap()
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.leads {
            let group = format!("-{}", self.child.id());
            let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
