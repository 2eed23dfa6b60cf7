//! Installs what the peers are made of, in the versions that the files beside this one pin.
//! In: Node, npm and Python. Out: a folder with the peers' sources, node_modules and a virtual environment.
//! Owns: nothing is installed anew as long as its list stays the same, and nothing outside of the folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/bin/peers");

/// The folder with everything in it, or what is missing.
pub fn installed() -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let needed: [(&str, &[&str], &str); 3] = [
        ("node", &["--version"], "Node is missing: install nodejs"),
        ("npm", &["--version"], "npm is missing: install npm"),
        ("python3", &["-c", "import venv, ensurepip"], "Python is missing: install python3 and python3-venv"),
    ];
    for (program, arguments, missing) in needed {
        let there = Command::new(program).args(arguments).output().is_ok_and(|ran| ran.status.success());
        there.then_some(()).ok_or(missing)?;
    }
    for source in ["better-auth.mjs", "package.json", "package-lock.json", "tasks.py"] {
        fs::copy(Path::new(SOURCES).join(source), folder.join(source))
            .map_err(|error| format!("{source}: {error}"))?;
    }
    as_listed(&folder, "package-lock.json", || {
        let quiet = ["--no-audit", "--no-fund", "--loglevel=error"];
        run(Command::new("npm").args(["ci", "--ignore-scripts"]).args(quiet).current_dir(&folder))?;
        // The only script that is wanted: it fetches the SQLite of this platform, or compiles it.
        run(Command::new("npm").args(["rebuild", "better-sqlite3"]).args(quiet).current_dir(&folder))
    })?;
    as_listed(&folder, "requirements.txt", || {
        let environment = folder.join("venv");
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment))?;
        let quiet = ["install", "--quiet", "--disable-pip-version-check"];
        let list = Path::new(SOURCES).join("requirements.txt");
        run(Command::new(environment.join("bin/pip")).args(quiet).arg("-r").arg(list))
    })?;
    Ok(folder)
}

/// Installs unless the same list has been installed before.
fn as_listed(folder: &Path, list: &str, install: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    let wanted = fs::read(Path::new(SOURCES).join(list)).map_err(|error| format!("{list}: {error}"))?;
    let mark = folder.join(format!("{list}.installed"));
    if fs::read(&mark).is_ok_and(|present| present == wanted) {
        return Ok(());
    }
    eprintln!("peers: installing {list}");
    install()?;
    fs::write(&mark, wanted).map_err(|error| format!("{}: {error}", mark.display()))
}

/// Runs a program to its end; what it prints is for whoever looks on, and no part of the tables.
fn run(command: &mut Command) -> Result<(), String> {
    let ended = command.stdin(Stdio::null()).stdout(std::io::stderr()).status();
    match ended {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{command:?}: {status}")),
        Err(error) => Err(format!("{command:?}: {error}")),
    }
}

/// What the peers run on and are made of, in one line.
pub fn versions(folder: &Path) -> String {
    let said = |program: PathBuf| {
        let output = Command::new(program).arg("--version").output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let package: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.join("package.json")).unwrap()).unwrap();
    let packages = package["dependencies"].as_object().unwrap().iter();
    let mut all = vec![format!("Node {}", said("node".into()))];
    all.extend(packages.map(|(name, version)| format!("{name} {}", version.as_str().unwrap())));
    all.push(said(folder.join("venv/bin/python")));
    let requirements = fs::read_to_string(Path::new(SOURCES).join("requirements.txt")).unwrap();
    let pinned = requirements.lines().filter_map(|line| line.split_once("=="));
    all.extend(pinned.map(|(name, version)| format!("{name} {version}")));
    all.join(", ")
}
