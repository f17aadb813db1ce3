//! The modules form a strict order: each uses only those that stand above it in the list of
//! `src/lib.rs`. An arrow that runs back would make a circle sooner or later.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The names in the list of `lib.rs`, in its order.
fn listed(lib: &str) -> Vec<&str> {
    lib.lines()
        .filter_map(|line| line.strip_prefix("//! * "))
        .filter_map(|item| {
            item.trim_start_matches('[')
                .strip_prefix('`')?
                .split('`')
                .next()
        })
        .collect()
}

/// The modules that `lib.rs` declares.
fn declared(lib: &str) -> BTreeSet<&str> {
    lib.lines()
        .filter_map(|line| line.trim_start_matches("pub ").strip_prefix("mod "))
        .map(|name| name.trim_end_matches(';'))
        .collect()
}

/// The code of a file without its comments and tests, which may use anything.
fn code(text: &str) -> String {
    let end = text.find("#[cfg(test)]\nmod ").unwrap_or(text.len());
    let lines = text[..end].lines();
    lines
        .map(|line| match line.find("//") {
            Some(at) => &line[..at],
            None => line,
        })
        .collect::<Vec<_>>()
        .join("\n")
}

/// The modules of which something is used: what follows `crate::`, alone or in braces.
fn used(code: &str) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for part in code.split("crate::").skip(1) {
        match part.strip_prefix('{') {
            Some(group) => {
                let mut depth = 0;
                let mut top = String::new();
                for letter in group.chars() {
                    match letter {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        _ if depth == 0 => top.push(letter),
                        _ => {}
                    }
                }
                used.extend(top.split(',').map(first_word));
            }
            None => drop(used.insert(first_word(part))),
        }
    }
    used
}

fn first_word(text: &str) -> String {
    let text = text.trim_start();
    let end = text.find(|letter: char| !letter.is_alphanumeric() && letter != '_');
    text[..end.unwrap_or(text.len())].to_owned()
}

#[test]
fn every_module_uses_only_those_above_it() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let lib = fs::read_to_string(source.join("lib.rs")).unwrap();
    let order = listed(&lib);
    let in_list: BTreeSet<&str> = order.iter().copied().collect();
    assert_eq!(
        in_list,
        declared(&lib),
        "the list of lib.rs has every module"
    );
    assert_eq!(in_list.len(), order.len(), "and each of them once");

    let mut files = Vec::new();
    rust_files(&source, &mut files);
    let position = |name: &str| order.iter().position(|listed| *listed == name);
    let (mut arrows, mut back) = (0, Vec::new());
    for file in files {
        let path = file.strip_prefix(&source).unwrap();
        let first = path.components().next().unwrap();
        let module = Path::new(first.as_os_str()).with_extension("");
        let module = module.to_str().unwrap();
        let is_test = path.ends_with("tests.rs") || path.ends_with("model.rs");
        let (Some(own), false) = (position(module), is_test) else {
            continue;
        };
        for name in used(&code(&fs::read_to_string(&file).unwrap())) {
            let Some(other) = position(&name) else {
                continue;
            };
            arrows += usize::from(other != own);
            if other > own {
                back.push(format!("{} uses {name}", path.display()));
            }
        }
    }
    assert!(arrows > 300, "only {arrows} arrows were seen");
    assert!(
        back.is_empty(),
        "arrows that run back:\n{}",
        back.join("\n")
    );
}

/// The modules in the table of `docs/architecture.md`, in its order.
fn tabled(page: &str) -> Vec<&str> {
    let table = page
        .lines()
        .skip_while(|line| !line.starts_with("| module |"));
    table
        .skip(2)
        .map_while(|line| line.strip_prefix("| `")?.split('`').next())
        .collect()
}

#[test]
fn the_page_on_architecture_has_the_same_order() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let lib = fs::read_to_string(root.join("src/lib.rs")).unwrap();
    let page = fs::read_to_string(root.join("docs/architecture.md")).unwrap();
    assert_eq!(tabled(&page), listed(&lib));
}

#[test]
fn arrows_are_seen_however_they_are_written() {
    let code =
        code("use crate::{a::{b, c}, d};\nlet x = crate::e::f(); // crate::g\nuse crate::h;");
    let used: Vec<String> = used(&code).into_iter().collect();
    assert_eq!(used, ["a", "d", "e", "h"]);
    assert_eq!(
        listed("//! * [`a`]: one\n//! * `b`: two\n//! text"),
        ["a", "b"]
    );
}
