//! The code is laid out as `docs/architecture.md` says: layers, no circles, small files and functions.

mod sources;
mod syntax;

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use self::sources::{Sources, function_lengths};

/// The modules of the product, in the order in which data flows through them: a module uses only modules before it.
const PRODUCT: [&str; 17] = [
    "duration", "secret", "model", "config", "vault", "store", "sync", "audit", "password", "keys", "mail",
    "identity", "oauth", "resource", "http", "app", "cli",
];
/// The same for the verifying half, where it is a package of its own.
const VERIFY: [&str; 6] = ["clock", "crypto", "jose", "jwks", "verifier", "guard"];

const MAX_FILE_LINES: usize = 600;
const MAX_FUNCTION_LINES: usize = 80;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A crate with the order of its modules.
type Crate = (Sources, &'static [&'static str]);

/// Every crate here, read once; the modules of the binary are one layer.
static CRATES: LazyLock<Vec<Crate>> = LazyLock::new(|| {
    let found = [
        ("src/lib.rs", PRODUCT.as_slice()),
        ("src/main.rs", [].as_slice()),
        ("verify/src/lib.rs", VERIFY.as_slice()),
    ];
    found.into_iter().map(|(file, layers)| (Sources::read(root(), file), layers)).collect()
});

/// The reason for which `deny.toml` passes over two advisories.
#[test]
fn no_operation_reads_xml() {
    for (path, text) in CRATES.iter().flat_map(|(sources, _)| sources.files()) {
        for word in ["payload::Xml", "web::Xml", "quick_xml", "application/xml", "text/xml"] {
            assert!(!text.contains(word), "{} has {word}: see the advisories in deny.toml", path.display());
        }
    }
}

#[test]
fn imports_of_a_module_lead_to_modules_before_it_in_the_list_only() {
    let mut upward = Vec::new();
    for (sources, layers) in CRATES.iter() {
        let layer = |file: &Path| {
            let module = sources.top_module(file)?;
            let place = layers.iter().position(|layer| *layer == module);
            Some(place.unwrap_or_else(|| panic!("{module} is in no list of layers")))
        };
        if layers.is_empty() {
            continue;
        }
        let mut seen = 0;
        for (from, used) in sources.imports() {
            for to in used {
                let Some((above, below)) = layer(&from).zip(layer(&to)) else { continue };
                seen += 1;
                if below > above {
                    upward.push(format!("{} imports {}", from.display(), to.display()));
                }
            }
        }
        assert!(seen > 30, "the scan finds what it looks for: {seen}");
    }
    assert!(upward.is_empty(), "imports against the order of the layers:\n{}", upward.join("\n"));
}

#[test]
fn imports_between_files_form_no_circle() {
    let mut circles = Vec::new();
    for (sources, _) in CRATES.iter() {
        circles.extend(sources::circles(&sources.imports()));
    }
    let shown: Vec<String> = circles
        .iter()
        .map(|files| files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(" <-> "))
        .collect();
    assert!(shown.is_empty(), "files that import each other:\n{}", shown.join("\n"));
}

#[test]
fn imports_of_the_verifying_half_know_no_accounts_no_sessions_and_no_private_keys() {
    let forbidden = [
        "src/identity",
        "src/keys",
        "src/http",
        "src/app",
        "src/store/credentials",
        "src/store/sessions",
        "src/store/users",
    ];
    for (sources, _) in CRATES.iter() {
        for (from, used) in sources.imports() {
            if !from.starts_with("src/resource") {
                continue;
            }
            for to in used {
                let to = to.display().to_string();
                assert!(
                    !forbidden.iter().any(|place| to.starts_with(place)) && to != "src/store/keys.rs",
                    "{} imports {to}",
                    from.display()
                );
            }
        }
    }
}

#[test]
fn files_open_with_what_they_are_and_stay_small() {
    let mut wrong = Vec::new();
    for (sources, _) in CRATES.iter() {
        for (file, text) in sources.files() {
            let lines = text.lines().count();
            if !text.starts_with("//!") {
                wrong.push(format!("{} does not say what it is", file.display()));
            }
            if lines > MAX_FILE_LINES {
                wrong.push(format!("{} has {lines} lines", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The functions that are longer than they may be: file, name and lines.
fn long_functions(sources: &Sources) -> Vec<(PathBuf, String, usize)> {
    let functions = sources.files().flat_map(|(file, text)| {
        function_lengths(text).into_iter().map(|(name, lines)| (file.clone(), name, lines))
    });
    functions.filter(|(_, _, lines)| *lines > MAX_FUNCTION_LINES).collect()
}

#[test]
fn functions_stay_small() {
    let wrong: Vec<String> = CRATES
        .iter()
        .flat_map(|(sources, _)| long_functions(sources))
        .map(|(file, name, lines)| format!("{}: {name} has {lines} lines", file.display()))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A crate made of these files.
fn made_of(files: &[(&str, &str)]) -> (tempfile::TempDir, Sources) {
    let folder = tempfile::tempdir().unwrap();
    for (file, text) in files {
        let path = folder.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let sources = Sources::read(folder.path(), "lib.rs");
    (folder, sources)
}

#[test]
fn imports_are_found_however_they_are_written() {
    let (_folder, sources) = made_of(&[
        ("lib.rs", "mod a; mod b; pub(crate) use std::fmt;"),
        ("a/mod.rs", "mod inner; mod other; pub use self::inner::Item; pub struct Own;"),
        (
            "a/inner.rs",
            "use super::{other::{Thing as T}, Own}; pub struct Item; #[cfg(test)] mod tests { use crate::b; }",
        ),
        ("a/other.rs", "pub struct Thing; fn f() { println!(\"{}\", crate::b::deep::go()); }"),
        (
            "b.rs",
            "mod deep; mod inline { use super::super::a::Item; } use crate::{a::{self}, fmt::Debug}; fn f(_: a::Own) {}",
        ),
        ("b/deep.rs", "pub fn go() { use self::Local; let _ = super::X; } enum Local {}"),
    ]);
    let shown: Vec<(String, String)> = sources
        .imports()
        .iter()
        .flat_map(|(from, used)| used.iter().map(|to| (from.display().to_string(), to.display().to_string())))
        .collect();
    let expected = [
        ("a/inner.rs", "a/mod.rs"),
        ("a/inner.rs", "a/other.rs"),
        ("a/other.rs", "b/deep.rs"),
        ("b/deep.rs", "b.rs"),
        ("b.rs", "a/inner.rs"),
        ("b.rs", "a/mod.rs"),
    ];
    assert_eq!(shown, expected.map(|(from, to)| (from.to_owned(), to.to_owned())));
    let circle = ["a/inner.rs", "a/other.rs", "b/deep.rs", "b.rs"].map(PathBuf::from);
    assert_eq!(sources::circles(&sources.imports()), [circle.to_vec()]);
}

#[test]
fn functions_are_measured_from_fn_to_the_closing_brace() {
    let text = "/// Doc.\n#[must_use]\nfn one(\n) {\n    let _ = \"}\";\n}\nimpl X { fn two() {} }\n#[cfg(test)] mod t { fn three() {} }";
    assert_eq!(function_lengths(text), [("one".to_owned(), 4), ("two".to_owned(), 1)]);
}
