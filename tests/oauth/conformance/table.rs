//! The table of modules names tests that exist.

use std::collections::BTreeSet;
use std::path::Path;

use syn::visit::Visit;

const DOCUMENT: &str = include_str!("../../../docs/oauth-conformance.md");

/// The names of functions of a file.
#[derive(Default)]
struct Functions(BTreeSet<String>);

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        let is_test = function.attrs.iter().any(|attribute| {
            let path = attribute.path();
            path.is_ident("test")
                || path.is_ident("rstest")
                || path.segments.last().is_some_and(|last| last.ident == "test")
        });
        if is_test {
            self.0.insert(function.sig.ident.to_string());
        }
    }
}

fn collect(folder: &Path, found: &mut Functions) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.visit_file(&syn::parse_file(&std::fs::read_to_string(&path).unwrap()).unwrap());
        }
    }
}

#[test]
fn table_names_a_test_that_exists_for_each_module() {
    let mut found = Functions::default();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests"), &mut found);
    let rows: Vec<&str> = DOCUMENT.lines().filter(|line| line.starts_with("| `oidcc-")).collect();
    assert!(rows.len() >= 45, "{} rows", rows.len());
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let named: Vec<&str> = cells[1].split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "{row}");
        for name in named {
            assert!(found.0.contains(name.rsplit("::").next().unwrap()), "{name} does not exist: {row}");
        }
    }
}
