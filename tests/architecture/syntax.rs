//! What the syntax of one file says: its modules, what it imports, how long its functions are.

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemMod, ItemUse, UseTree, Visibility};

/// A path as it is written: `["super", "redis", "Redis"]`.
pub type Written = Vec<String>;

/// One name that a `use` brings into a module.
#[derive(Debug)]
pub struct Import {
    pub path: Written,
    /// What it is called here; none for `*`.
    pub name: Option<String>,
    /// Whether other modules may take it from here.
    pub handed_on: bool,
}

/// One module, with what is written directly in it.
#[derive(Debug, Default)]
pub struct Module {
    pub imports: Vec<Import>,
    /// Paths in expressions, types and macros.
    pub paths: Vec<Written>,
    /// Modules in files of their own.
    pub files: Vec<String>,
    /// Modules in braces.
    pub inline: Vec<(String, Module)>,
}

/// Whether something is compiled for tests alone.
fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().filter(|attribute| attribute.path().is_ident("cfg")).any(|attribute| {
        let condition = attribute.meta.require_list().unwrap().tokens.to_string();
        condition == "test" || condition.starts_with("all (test")
    })
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

impl Module {
    /// What these items say.
    pub fn of(items: &[Item]) -> Self {
        let mut module = Self::default();
        for item in items.iter().filter(|item| !is_for_tests(attributes(item))) {
            module.visit_item(item);
        }
        module
    }
}

impl<'ast> Visit<'ast> for Module {
    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if is_for_tests(&item.attrs) {
            return;
        }
        let name = item.ident.to_string();
        match &item.content {
            Some((_, items)) => self.inline.push((name, Self::of(items))),
            None => self.files.push(name),
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let handed_on = !matches!(item.vis, Visibility::Inherited);
        flatten(&item.tree, &mut Vec::new(), &mut |path, name| {
            self.imports.push(Import { path, name, handed_on });
        });
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.paths.push(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        self.visit_path(&called.path);
        scan(called.tokens.clone(), &mut self.paths);
    }
}

/// Hands each leaf of a tree of imports to `found`, with the name it has here.
fn flatten(tree: &UseTree, before: &mut Written, found: &mut impl FnMut(Written, Option<String>)) {
    let leaf = |before: &Written, name: &syn::Ident| {
        let mut path = before.clone();
        // `{self}` is what stands before it.
        if name != "self" || before.is_empty() {
            path.push(name.to_string());
        }
        path
    };
    match tree {
        UseTree::Path(path) => {
            before.push(path.ident.to_string());
            flatten(&path.tree, before, found);
            before.pop();
        }
        UseTree::Name(name) => {
            let path = leaf(before, &name.ident);
            let called = path.last().cloned();
            found(path, called);
        }
        UseTree::Rename(renamed) => found(leaf(before, &renamed.ident), Some(renamed.rename.to_string())),
        UseTree::Glob(_) => found(before.clone(), None),
        UseTree::Group(group) => {
            for tree in &group.items {
                flatten(tree, before, found);
            }
        }
    }
}

/// Finds the paths among the tokens of a macro, which are not syntax yet.
fn scan(tokens: TokenStream, found: &mut Vec<Written>) {
    let mut path: Written = Vec::new();
    let mut colons = 0;
    for token in tokens {
        match token {
            TokenTree::Ident(name) => {
                if colons != 2 {
                    found.push(std::mem::take(&mut path));
                }
                path.push(name.to_string());
                colons = 0;
            }
            TokenTree::Punct(mark) if mark.as_char() == ':' => colons += 1,
            other => {
                found.push(std::mem::take(&mut path));
                colons = 0;
                if let TokenTree::Group(group) = other {
                    scan(group.stream(), found);
                }
            }
        }
    }
    found.push(path);
    found.retain(|path| path.len() > 1);
}

/// The functions of a file and their lines, from `fn` to the closing brace; without those of tests.
#[derive(Default)]
pub struct Functions(pub Vec<(String, usize)>);

impl Functions {
    fn measure(&mut self, signature: &syn::Signature, body: &syn::Block) {
        let (begin, end) = (signature.fn_token.span.start().line, body.brace_token.span.close().end().line);
        self.0.push((signature.ident.to_string(), end - begin + 1));
    }
}

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if !is_for_tests(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.measure(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.measure(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(body) = &item.default {
            self.measure(&item.sig, body);
        }
        visit::visit_trait_item_fn(self, item);
    }
}
