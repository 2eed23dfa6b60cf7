//! Which modules a page needs, so that a browser asks for all of them at once instead of one layer after the other.
//! In: the scripts of the app. Out: the modules that a script imports, directly or through others.
//! Owns: nothing but the reading of `import … from "./…"`; what is missed here is only loaded later.

use std::collections::BTreeSet;

/// The modules that the script at `path` needs, itself left out. `text_of` finds a script by its path.
pub fn needed_by<'a>(path: &str, text_of: impl Fn(&str) -> Option<&'a str>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut waiting = vec![path.to_owned()];
    while let Some(importer) = waiting.pop() {
        let text = text_of(&importer).unwrap_or_default();
        for name in text.lines().filter_map(imported) {
            let module = resolve(&importer, name);
            if found.insert(module.clone()) {
                waiting.push(module);
            }
        }
    }
    found
}

/// The name in a line such as `import { call } from "../api.js";`.
fn imported(line: &str) -> Option<&str> {
    let (_, rest) = line.strip_prefix("import ")?.rsplit_once(" from \"")?;
    rest.strip_suffix("\";")
}

/// The path that a relative name stands for in the module at `importer`.
fn resolve(importer: &str, name: &str) -> String {
    let mut segments: Vec<&str> = importer.split('/').collect();
    segments.pop();
    for segment in name.split('/') {
        match segment {
            "." => {}
            ".." => {
                segments.pop();
            }
            segment => segments.push(segment),
        }
    }
    segments.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needed_by_finds_a_module_once_however_it_is_imported() {
        let text_of = |path: &str| match path {
            "js/pages/tasks.js" => {
                Some("// Tasks.\nimport * as list from \"../list.js\";\nimport { a } from \"../ui/a.js\";\n")
            }
            "js/list.js" => Some("import { a } from \"./ui/a.js\";\nconst from = 1;\n"),
            "js/ui/a.js" => Some("import { list } from \"../list.js\";\n"),
            _ => None,
        };
        let found: Vec<_> = needed_by("js/pages/tasks.js", text_of).into_iter().collect();
        assert_eq!(found, ["js/list.js", "js/ui/a.js"]);
    }
}
