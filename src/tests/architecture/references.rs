//! What a module names: of ours, and of the crates that the program depends on.

use std::{collections::HashSet, ffi::OsStr, path::PathBuf};

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::{
    Item, ItemFn, ItemMod, ItemUse, Macro, MetaList, UseTree, spanned::Spanned, visit::Visit,
};

use super::sources::{Source, Spot, spot};

/// A path that a module writes, in `use` or in the middle of its code.
#[derive(Clone, Debug)]
pub struct Reference {
    pub spot: Spot,
    /// Whose module it is: `server::ledger::post`.
    pub place: String,
    /// What it names: `crate::credits::Lot`, or `axum::Router`.
    pub target: String,
    /// It stands where only the server compiles it, although its file is for the browser too.
    pub in_server_body: bool,
}

/// What a file names, where it depends on these crates.
pub fn references(source: &Source, crates: &HashSet<String>) -> Vec<Reference> {
    let mut reader = ReferenceReader {
        file: &source.file,
        crates,
        module: module_of(&source.file),
        children: HashSet::new(),
        imported: HashSet::new(),
        in_server_body: false,
        references: Vec::new(),
    };
    let syntax = source.syntax();
    Imported(&mut reader.imported).visit_file(&syntax);
    reader.declare(&syntax.items);
    reader.visit_file(&syntax);
    reader.references
}

/// `src/server/ledger/post.rs` is `server::ledger::post`; `x_tests.rs` is the `tests` of `x`.
fn module_of(file: &str) -> Vec<String> {
    let path = PathBuf::from(file).with_extension("");
    let mut module: Vec<String> =
        path.iter().skip(1).map(OsStr::to_string_lossy).map(Into::into).collect();
    let name = module.pop().unwrap_or_default();
    match name.strip_suffix("_tests") {
        _ if name == "mod" || name == "lib" => {}
        Some(tested) => module.extend([tested.to_owned(), "tests".to_owned()]),
        None => module.push(name),
    }
    module
}

/// The names that a file's `use` lines bring.
struct Imported<'a>(&'a mut HashSet<String>);

impl<'ast> Visit<'ast> for Imported<'_> {
    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        for path in flat(&item.tree) {
            self.0.extend(path.name);
        }
    }
}

struct ReferenceReader<'a> {
    file: &'a str,
    crates: &'a HashSet<String>,
    module: Vec<String>,
    children: HashSet<(Vec<String>, String)>,
    imported: HashSet<String>,
    in_server_body: bool,
    references: Vec<Reference>,
}

impl ReferenceReader<'_> {
    /// Remembers the modules inside this one.
    fn declare(&mut self, items: &[Item]) {
        for item in items {
            if let Item::Mod(module) = item {
                self.children.insert((self.module.clone(), module.ident.to_string()));
            }
        }
    }

    fn add(&mut self, span: Span, path: &[String], is_use: bool) {
        let Some(target) = self.resolve(path, is_use) else { return };
        self.references.push(Reference {
            spot: spot(self.file, span),
            place: self.module.join("::"),
            target: target.join("::"),
            in_server_body: self.in_server_body,
        });
    }

    /// The path from the root of our crate, or from another crate; none where it is a name that
    /// was brought here by a `use`, which counts itself.
    fn resolve(&self, path: &[String], is_use: bool) -> Option<Vec<String>> {
        let (first, rest) = path.split_first()?;
        let of_ours = |module: &[String], rest: &[String]| {
            Some([&["crate".to_owned()], module, rest].concat())
        };
        match first.as_str() {
            // The program is a crate of its own and names the library.
            "crate" | "recharge" => of_ours(&[], rest),
            "self" if is_use || !rest.is_empty() => of_ours(&self.module, rest),
            "super" => {
                let up = path.iter().take_while(|segment| *segment == "super").count();
                let above = self.module.len().saturating_sub(up);
                of_ours(&self.module[..above], &path[up..])
            }
            name if self.children.contains(&(self.module.clone(), name.to_owned())) => {
                of_ours(&self.module, path)
            }
            name if !is_use && self.imported.contains(name) => None,
            name => self.crates.contains(name).then(|| path.to_vec()),
        }
    }

    /// Finds paths in what a macro is given: `view! { <p>{crate::components::figures()}</p> }`.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let (mut start, mut colons) = (Span::call_site(), 0);
        for token in tokens {
            match token {
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Ident(name) if colons == 2 && !path.is_empty() => {
                    path.push(name.to_string());
                    colons = 0;
                }
                other => {
                    self.add_longer_than_a_name(start, &path);
                    (path, colons) = (Vec::new(), 0);
                    match other {
                        TokenTree::Ident(name) => {
                            (start, path) = (name.span(), vec![name.to_string()]);
                        }
                        TokenTree::Group(group) => self.tokens(group.stream()),
                        TokenTree::Punct(_) | TokenTree::Literal(_) => {}
                    }
                }
            }
        }
        self.add_longer_than_a_name(start, &path);
    }

    fn add_longer_than_a_name(&mut self, span: Span, path: &[String]) {
        if path.len() > 1 {
            self.add(span, path, false);
        }
    }
}

impl<'ast> Visit<'ast> for ReferenceReader<'_> {
    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        for path in flat(&item.tree) {
            self.add(path.span, &path.segments, true);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<_> = path.segments.iter().map(|part| part.ident.to_string()).collect();
        self.add_longer_than_a_name(path.span(), &segments);
        syn::visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        self.tokens(call.tokens.clone());
        syn::visit::visit_macro(self, call);
    }

    fn visit_meta_list(&mut self, list: &'ast MetaList) {
        self.tokens(list.tokens.clone());
        syn::visit::visit_meta_list(self, list);
    }

    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        let is_server =
            |path: &syn::Path| path.segments.last().is_some_and(|it| it.ident == "server");
        function.attrs.iter().for_each(|attribute| self.visit_attribute(attribute));
        self.visit_signature(&function.sig);
        let was = self.in_server_body;
        self.in_server_body |= function.attrs.iter().any(|attribute| is_server(attribute.path()));
        self.visit_block(&function.block);
        self.in_server_body = was;
    }

    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        self.module.push(module.ident.to_string());
        if let Some((_, items)) = &module.content {
            self.declare(items);
        }
        syn::visit::visit_item_mod(self, module);
        self.module.pop();
    }
}

/// One of the paths of a `use`, and the name that it brings.
struct Import {
    span: Span,
    segments: Vec<String>,
    name: Option<String>,
}

fn flat(tree: &UseTree) -> Vec<Import> {
    let leaf = |span, segments: Vec<String>, name| vec![Import { span, segments, name }];
    match tree {
        UseTree::Path(path) => {
            let mut imports = flat(&path.tree);
            for import in &mut imports {
                if import.name.as_deref() == Some("self") {
                    import.name = Some(path.ident.to_string());
                }
                import.segments.insert(0, path.ident.to_string());
            }
            imports
        }
        UseTree::Name(name) if name.ident == "self" => {
            leaf(name.span(), Vec::new(), Some("self".to_owned()))
        }
        UseTree::Name(name) => {
            leaf(name.span(), vec![name.ident.to_string()], Some(name.ident.to_string()))
        }
        UseTree::Rename(name) => {
            leaf(name.span(), vec![name.ident.to_string()], Some(name.rename.to_string()))
        }
        UseTree::Glob(glob) => leaf(glob.span(), Vec::new(), None),
        UseTree::Group(group) => group.items.iter().flat_map(flat).collect(),
    }
}
