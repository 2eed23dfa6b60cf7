//! The real programs: Signet in its roles, a shared HTTP cache, and other people's verifiers.
//! In: where they are installed. Out: running processes that are gone when they are dropped.
//! Owns: everything listens on loopback, and nothing of this process's environment reaches Signet.

use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::Trouble;
use super::ledger::Answer;

/// How long a program may take to start, and to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// A port that is free now.
pub fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// `signet` with its settings; running or not.
#[derive(Debug)]
pub struct Signet {
    binary: PathBuf,
    folder: PathBuf,
    settings: Vec<(String, String)>,
    child: Option<Child>,
    log: Arc<Mutex<String>>,
}

impl Signet {
    /// It will run in `folder` with these settings.
    pub fn new(binary: &Path, folder: &Path, settings: &[(&str, String)]) -> Self {
        Self {
            binary: binary.to_owned(),
            folder: folder.to_owned(),
            settings: settings.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
            child: None,
            log: Arc::default(),
        }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.binary);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        command.current_dir(&self.folder).stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    /// Starts it, and returns once it has said `word` in its log.
    pub async fn start(&mut self, word: &str) -> Result<(), Trouble> {
        let mut child = self.command().stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let stderr = child.stderr.take().ok_or("no log")?;
        let (log, word, (ready, mut said)) = (self.log.clone(), word.to_owned(), mpsc::channel(1));
        tokio::spawn(async move {
            let mut lines = BufReader::new(stderr).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                let found = line.contains(&word);
                log.lock().unwrap_or_else(PoisonError::into_inner).push_str(&(line + "\n"));
                if found {
                    let _ = ready.try_send(()); // the first time counts
                }
            }
        });
        self.child = Some(child);
        match timeout(PATIENCE, said.recv()).await {
            Ok(Some(())) => Ok(()),
            _ => Err(format!("signet does not start: {}", self.log()).into()),
        }
    }

    /// SIGKILL: nothing can be tidied up.
    pub async fn kill(&mut self) -> io::Result<()> {
        match self.child.take() {
            Some(mut child) => child.kill().await,
            None => Ok(()),
        }
    }

    /// Runs a verb with the same settings; what it printed.
    pub async fn run(&self, arguments: &[&str]) -> Result<String, Trouble> {
        let ran = self.command().args(arguments).output().await?;
        let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
        if ran.status.success() {
            Ok(out.into_owned())
        } else {
            Err(format!("signet {}: {out}{err}", arguments.join(" ")).into())
        }
    }

    /// What it has logged, over all its lives.
    pub fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// nginx as a shared cache before the key set: it keeps what it has for as long as `Cache-Control` allows.
pub async fn shared_cache(nginx: &Path, folder: &Path, port: u16, upstream: u16) -> Result<Child, Trouble> {
    let config = format!(
        "daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log stderr warn;\nevents {{}}\n\
         http {{\n  access_log off;\n  proxy_cache_path cached keys_zone=keys:1m use_temp_path=off;\n  \
         client_body_temp_path bodies;\n  proxy_temp_path proxied;\n  fastcgi_temp_path unused1;\n  \
         uwsgi_temp_path unused2;\n  scgi_temp_path unused3;\n  server {{\n    listen 127.0.0.1:{port};\n    \
         location / {{\n      proxy_pass http://127.0.0.1:{upstream};\n      proxy_cache keys;\n      \
         proxy_cache_lock on;\n      proxy_cache_revalidate on;\n      \
         proxy_cache_use_stale error timeout;\n    }}\n  }}\n}}\n"
    );
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join("nginx.conf"), config)?;
    let log = std::fs::File::create(folder.join("nginx.log"))?;
    let mut prefix = folder.as_os_str().to_owned();
    prefix.push("/");
    let child = Command::new(nginx)
        .arg("-p")
        .arg(prefix)
        .args(["-e", "stderr", "-c", "nginx.conf"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()?;
    for _ in 0..100 {
        if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
            return Ok(child);
        }
        tokio::time::sleep(PATIENCE / 300).await;
    }
    Err(format!("nginx does not start: {}", std::fs::read_to_string(folder.join("nginx.log"))?).into())
}

/// A verifier that reads a token per line and answers with a line.
#[derive(Debug)]
pub struct LineVerifier {
    _child: Child,
    stdin: ChildStdin,
    stdout: Lines<BufReader<ChildStdout>>,
}

impl LineVerifier {
    /// Starts `script` with the interpreter of its kind; `clients` is where their libraries are installed.
    pub fn start(clients: &Path, script: &Path, arguments: &[String]) -> Result<Self, Trouble> {
        let interpreter = match script.extension() {
            Some(extension) if extension == "py" => clients.join("venv/bin/python"),
            _ => PathBuf::from("node"),
        };
        let mut child = Command::new(interpreter)
            .arg(script)
            .args(arguments)
            .env("SIGNET_TEST_CLIENTS", clients)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stdin = child.stdin.take().ok_or("no standard input")?;
        let stdout = BufReader::new(child.stdout.take().ok_or("no standard output")?).lines();
        Ok(Self { _child: child, stdin, stdout })
    }

    /// What it says of `token`.
    pub async fn ask(&mut self, token: &str) -> Result<Answer, Trouble> {
        self.stdin.write_all(format!("{token}\n").as_bytes()).await?;
        let line = timeout(PATIENCE, self.stdout.next_line()).await??.ok_or("the verifier has ended")?;
        Ok(match line.split_once(' ') {
            None if line == "ok" => Answer::Accepted,
            Some(("no", why)) => Answer::Refused(why.to_owned()),
            Some(("keys", why)) => Answer::Silent(why.to_owned()),
            _ => return Err(format!("the verifier says {line:?}").into()),
        })
    }
}
