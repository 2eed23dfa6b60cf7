//! The files of a crate, and which of them imports which.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use syn::visit::Visit;

use super::syntax::{Functions, Import, Module, Written};

/// No name is handed on through more modules than this.
const MAX_DEPTH: usize = 12;

/// A module by its path from the root of the crate.
type ModulePath = Vec<String>;

/// A module that was found, and where.
struct Found {
    file: PathBuf,
    imports: Vec<Import>,
    paths: Vec<Written>,
}

/// All modules of a crate.
pub struct Sources {
    modules: BTreeMap<ModulePath, Found>,
    texts: BTreeMap<PathBuf, String>,
}

impl Sources {
    /// Reads the crate whose root is `file` in `folder`, and every module that it declares.
    pub fn read(folder: &Path, file: &str) -> Self {
        let mut sources = Self { modules: BTreeMap::new(), texts: BTreeMap::new() };
        let beside = Path::new(file).parent().unwrap().to_owned();
        sources.read_file(folder, PathBuf::from(file), &beside, Vec::new());
        sources
    }

    /// Reads `file`, whose modules lie in the folder `children`.
    fn read_file(&mut self, folder: &Path, file: PathBuf, children: &Path, path: ModulePath) {
        let text = std::fs::read_to_string(folder.join(&file)).unwrap();
        let module = Module::of(&syn::parse_file(&text).unwrap().items);
        self.texts.insert(file.clone(), text);
        self.add(folder, file, children, path, module);
    }

    fn add(&mut self, folder: &Path, file: PathBuf, children: &Path, path: ModulePath, module: Module) {
        let Module { imports, paths, files, inline } = module;
        let child = |name: &String| path.iter().cloned().chain([name.clone()]).collect::<ModulePath>();
        for name in files {
            let below = children.join(&name);
            let own = below.with_extension("rs");
            let child_file = if folder.join(&own).exists() { own } else { below.join("mod.rs") };
            self.read_file(folder, child_file, &below, child(&name));
        }
        for (name, module) in inline {
            self.add(folder, file.clone(), &children.join(&name), child(&name), module);
        }
        self.modules.insert(path, Found { file, imports, paths });
    }

    /// Every file with its text.
    pub fn files(&self) -> impl Iterator<Item = (&PathBuf, &String)> {
        self.texts.iter()
    }

    /// The first module on the way to `file`; none for the root.
    pub fn top_module(&self, file: &Path) -> Option<&str> {
        let (path, _) = self.modules.iter().find(|(_, found)| found.file == file)?;
        path.first().map(String::as_str)
    }

    /// Which files each file imports from. A module that only hands on what lies in its children imports nothing by
    /// that, and who takes it there imports from the file in which it is defined. A child that is declared is not
    /// imported yet.
    pub fn imports(&self) -> BTreeMap<PathBuf, BTreeSet<PathBuf>> {
        let mut imports: BTreeMap<PathBuf, BTreeSet<PathBuf>> = BTreeMap::new();
        for (module, found) in &self.modules {
            let used = found
                .imports
                .iter()
                .filter(|import| !(import.handed_on && self.leads_below(module, &import.path)))
                .filter_map(|import| self.defined_in(module, &import.path, import.name.is_none()));
            let named = found.paths.iter().filter_map(|path| self.defined_in(module, path, false));
            for file in used.chain(named).filter(|file| **file != found.file) {
                imports.entry(found.file.clone()).or_default().insert(file.clone());
            }
        }
        imports
    }

    fn leads_below(&self, module: &ModulePath, written: &Written) -> bool {
        self.absolute(module, written).is_some_and(|path| path.starts_with(module))
    }

    /// The path from the root of the crate; none if it leads to another crate.
    fn absolute(&self, module: &ModulePath, written: &Written) -> Option<ModulePath> {
        let mut rest = written.iter();
        let first = rest.next()?;
        let mut path = match first.as_str() {
            "crate" => Vec::new(),
            "self" => module.clone(),
            "super" => module[..module.len().checked_sub(1)?].to_vec(),
            name => {
                let below: ModulePath = module.iter().cloned().chain([name.to_owned()]).collect();
                let brought = || self.modules[module].imports.iter().any(|import| import.is_called(name));
                if !self.modules.contains_key(&below) && !brought() {
                    return None;
                }
                below
            }
        };
        for segment in rest {
            match segment.as_str() {
                "super" => drop(path.pop()),
                "self" => {}
                name => path.push(name.to_owned()),
            }
        }
        Some(path)
    }

    /// The file in which `written` is defined, as seen from `module`; none for other crates, and for a module itself,
    /// of which nothing is used yet, unless everything in it is taken.
    fn defined_in(&self, module: &ModulePath, written: &Written, everything: bool) -> Option<&PathBuf> {
        let path = self.absolute(module, written)?;
        self.follow(&path, everything, 0)
    }

    fn follow(&self, path: &[String], everything: bool, depth: usize) -> Option<&PathBuf> {
        // `use time::{self, …}` leads to itself and so to another crate.
        if depth == MAX_DEPTH {
            return None;
        }
        for length in 0..path.len() {
            let (module, name) = (path[..length].to_vec(), &path[length]);
            if self.modules.contains_key(&path[..=length]) {
                continue;
            }
            let found = self.modules.get(&module)?;
            let Some(import) = found.imports.iter().find(|import| import.is_called(name)) else {
                return Some(&found.file);
            };
            let mut target = self.absolute(&module, &import.path)?;
            target.extend_from_slice(&path[length + 1..]);
            return self.follow(&target, everything, depth + 1);
        }
        everything.then(|| &self.modules[path].file)
    }
}

impl Import {
    fn is_called(&self, name: &str) -> bool {
        self.name.as_deref() == Some(name)
    }
}

/// The functions of a file and their lines.
pub fn function_lengths(text: &str) -> Vec<(String, usize)> {
    let mut functions = Functions::default();
    functions.visit_file(&syn::parse_file(text).unwrap());
    functions.0
}

/// Groups of files each of which reaches every other one of its group.
pub fn circles(imports: &BTreeMap<PathBuf, BTreeSet<PathBuf>>) -> Vec<Vec<PathBuf>> {
    let reached = |from: &PathBuf| {
        let mut reached = BTreeSet::new();
        let mut waiting: Vec<&PathBuf> = imports.get(from).into_iter().flatten().collect();
        while let Some(file) = waiting.pop() {
            if reached.insert(file.clone()) {
                waiting.extend(imports.get(file).into_iter().flatten());
            }
        }
        reached
    };
    let reach: BTreeMap<&PathBuf, BTreeSet<PathBuf>> =
        imports.keys().map(|file| (file, reached(file))).collect();
    let mut groups = BTreeSet::new();
    for (file, reached) in reach.iter().filter(|(file, reached)| reached.contains(**file)) {
        let back = |other: &&PathBuf| reach.get(other).is_some_and(|reached| reached.contains(*file));
        groups.insert(reached.iter().filter(back).cloned().collect::<Vec<_>>());
    }
    groups.into_iter().collect()
}
