//! The files as they are written, and the functions in them.

use std::{
    fmt,
    fs::{read_dir, read_to_string},
    path::Path,
};

use proc_macro2::Span;
use syn::{Block, ImplItemFn, ItemFn, Signature, TraitItemFn, spanned::Spanned, visit::Visit};

/// Where something stands: `src/app.rs:12`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// From the root of the repository.
    pub file: String,
    pub line: usize,
}

impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// A function and how long it is.
#[derive(Clone, Debug)]
pub struct Function {
    pub spot: Spot,
    pub name: String,
    pub lines: usize,
}

/// A Rust file, read.
pub struct Source {
    pub file: String,
    pub text: String,
}

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below a folder, without what is built or fetched, in the order of their names.
pub fn files_below(folder: &str) -> Vec<String> {
    const NOT_OURS: [&str; 7] =
        [".git", ".tools", "node_modules", "target", "data", "test-results", "playwright-report"];
    let mut folders = vec![root().join(folder)];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in read_dir(&folder).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name();
            if !entry.file_type().unwrap().is_dir() {
                files.push(written(&entry.path()));
            } else if !NOT_OURS.iter().any(|other| name == *other) {
                folders.push(entry.path());
            }
        }
    }
    files.sort();
    files
}

/// A path as we write it in messages and rules.
fn written(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/")
}

/// Every Rust file below some folders.
pub fn sources(folders: &[&str]) -> Vec<Source> {
    let files = folders.iter().flat_map(|folder| files_below(folder));
    let rust = files.filter(|file| file.ends_with(".rs"));
    rust.map(|file| Source { text: read_to_string(root().join(&file)).unwrap(), file }).collect()
}

impl Source {
    /// What the compiler reads in it.
    pub fn syntax(&self) -> syn::File {
        syn::parse_file(&self.text).unwrap_or_else(|error| panic!("{}: {error}", self.file))
    }

    /// Its functions, with those in `impl` blocks and in other functions.
    pub fn functions(&self) -> Vec<Function> {
        let mut reader = FunctionReader { file: &self.file, functions: Vec::new() };
        reader.visit_file(&self.syntax());
        reader.functions
    }
}

/// Where a piece of a file begins.
pub fn spot(file: &str, span: Span) -> Spot {
    Spot { file: file.to_owned(), line: span.start().line }
}

struct FunctionReader<'a> {
    file: &'a str,
    functions: Vec<Function>,
}

impl FunctionReader<'_> {
    fn add(&mut self, signature: &Signature, block: &Block) {
        let (first, last) = (signature.span().start().line, block.span().end().line);
        self.functions.push(Function {
            spot: spot(self.file, signature.span()),
            name: signature.ident.to_string(),
            lines: last - first + 1,
        });
    }
}

impl<'ast> Visit<'ast> for FunctionReader<'_> {
    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        self.add(&function.sig, &function.block);
        syn::visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        self.add(&function.sig, &function.block);
        syn::visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast TraitItemFn) {
        if let Some(block) = &function.default {
            self.add(&function.sig, block);
        }
        syn::visit::visit_trait_item_fn(self, function);
    }
}
