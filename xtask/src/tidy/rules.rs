//! The rules. They see the tree as text, so they are tested on trees of a few lines.

use super::{File, Finding};
use Finding::{Error, Warning};

const WARN_LINES: usize = 400;
const MAX_LINES: usize = 500;

/// What every backend crate has, so that knowing one is knowing all.
const ROOMS: [&str; 6] =
    ["README.md", "src/lib.rs", "src/config.rs", "src/backend.rs", "src/error.rs", "tests/conformance.rs"];

/// Written in two halves, so that this file does not find itself.
const UNFINISHED: [&str; 3] = [concat!("to", "do!("), concat!("unimpl", "emented!("), concat!("#[ig", "nore")];
const SLEEPS: [&str; 2] = [concat!("thread::", "sleep"), concat!("time::", "sleep(")];
const MACHINE_PATHS: [&str; 3] = [concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/wo", "rk/")];

/// Rust files stay small enough to read in one go.
pub(super) fn length(files: &[File]) -> Vec<Finding> {
    let rust = files.iter().filter(|f| f.path.ends_with(".rs"));
    rust.filter_map(|f| {
        let what = |n: usize, rest: &str| format!("{}: {n} lines; {rest}", f.path);
        match f.text.lines().count() {
            n if n > MAX_LINES => Some(Error(what(n, "at most 500: is there a second responsibility inside?"))),
            n if n > WARN_LINES => Some(Warning(what(n, "from 400 on, look for a second responsibility"))),
            _ => None,
        }
    })
    .collect()
}

/// Every backend crate has the same rooms.
pub(super) fn rooms(files: &[File]) -> Vec<Finding> {
    let crates = files.iter().filter_map(|f| {
        let name = f.path.strip_prefix("backends/")?.strip_suffix("/Cargo.toml")?;
        (!name.contains('/')).then_some(name)
    });
    let missing = crates.flat_map(|name| {
        ROOMS
            .iter()
            .map(move |room| format!("backends/{name}/{room}"))
            .filter(|path| !files.iter().any(|f| f.path == *path))
    });
    missing.map(|path| Error(format!("{path}: missing; every backend has the same rooms"))).collect()
}

/// Nothing unfinished, nothing switched off, and no test that waits for a while instead of for the event.
pub(super) fn unfinished(files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|f| f.path.ends_with(".rs")) {
        let mut in_tests = file.path.contains("/tests/");
        for (number, line) in file.text.lines().enumerate() {
            in_tests |= line.starts_with("#[cfg(test)]");
            if line.trim_start().starts_with("//") {
                continue;
            }
            let place = format!("{}:{}", file.path, number + 1);
            let found = |words: &[&'static str]| words.iter().copied().find(|word| line.contains(word));
            if let Some(word) = found(&UNFINISHED) {
                findings.push(Error(format!("{place}: `{word}` is unfinished or switched off")));
            }
            if let Some(word) = found(&SLEEPS).filter(|_| in_tests) {
                findings.push(Error(format!("{place}: `{word}` in a test; wait for the event, not for a while")));
            }
        }
    }
    findings
}

/// No path of somebody's machine.
pub(super) fn machine_paths(files: &[File]) -> Vec<Finding> {
    let ours = files.iter().filter(|f| f.path != "Cargo.lock");
    ours.flat_map(|file| {
        file.text.lines().enumerate().filter_map(|(number, line)| {
            let path = MACHINE_PATHS.into_iter().find(|path| names_a_root(line, path))?;
            Some(Error(format!("{}:{}: `{path}` is a path of one machine", file.path, number + 1)))
        })
    })
    .collect()
}

/// Whether `path` occurs in `line` as the beginning of a path, not inside an address or a longer path.
fn names_a_root(line: &str, path: &str) -> bool {
    line.match_indices(path)
        .any(|(at, _)| !line[..at].ends_with(|before: char| before.is_alphanumeric() || "_-.~}".contains(before)))
}

/// What comes next has a place to be written down.
pub(super) fn changelog(files: &[File]) -> Vec<Finding> {
    let changelog = files.iter().find(|f| f.path == "CHANGELOG.md");
    let heading = |f: &File| f.text.lines().any(|l| matches!(l.trim(), "## [Unreleased]" | "## Unreleased"));
    match changelog {
        Some(file) if heading(file) => Vec::new(),
        Some(_) => vec![Error("CHANGELOG.md: has no `## [Unreleased]` section".to_owned())],
        None => vec![Error("CHANGELOG.md: missing".to_owned())],
    }
}

/// A test that a document names, between stars, is there: `*what_it_says*`, or `*how_it_begins…*`.
pub(super) fn named_tests(files: &[File]) -> Vec<Finding> {
    let named = files.iter().filter(|f| f.path.starts_with("docs/") && f.path.ends_with(".md")).flat_map(|file| {
        // Every other piece stands between stars; bold words and emphasis are no names.
        file.text.split('*').filter(|piece| is_a_test(piece)).map(move |name| (file, name))
    });
    let missing = named.filter(|(_, name)| !files.iter().any(|f| f.path.ends_with(".rs") && holds(&f.text, name)));
    missing.map(|(file, name)| Error(format!("{}: no test is called `{name}`", file.path))).collect()
}

fn is_a_test(piece: &str) -> bool {
    let name = piece.strip_suffix('…').unwrap_or(piece);
    name.matches('_').count() > 1 && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

fn holds(source: &str, name: &str) -> bool {
    match name.strip_suffix('…') {
        Some(beginning) => source.contains(&format!("fn {beginning}")),
        None => source.contains(&format!("fn {name}(")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File { path: path.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn long_files_are_warned_about_and_then_refused() {
        let of = |lines: usize| length(&[file("a.rs", &"x\n".repeat(lines))]);
        assert_eq!(of(400), []);
        assert!(matches!(of(401).as_slice(), [Warning(_)]));
        assert!(matches!(of(501).as_slice(), [Error(_)]));
        assert_eq!(length(&[file("a.json", &"x\n".repeat(900))]), [], "only Rust is counted");
    }

    #[test]
    fn a_backend_without_a_room_is_named_with_the_room() {
        let mut tree: Vec<File> = ROOMS.iter().map(|room| file(&format!("backends/one/{room}"), "")).collect();
        tree.push(file("backends/one/Cargo.toml", ""));
        assert_eq!(rooms(&tree), []);
        tree.retain(|f| !f.path.ends_with("conformance.rs"));
        let found = rooms(&tree);
        let [Error(what)] = found.as_slice() else { panic!("{found:?}") };
        assert!(what.starts_with("backends/one/tests/conformance.rs: missing"), "{what}");
    }

    #[test]
    fn unfinished_code_is_found_anywhere_and_sleep_only_in_tests() {
        let [unfinished_call, sleep] = [UNFINISHED[0], SLEEPS[0]];
        let source = format!("fn a() {{ {unfinished_call}) }}\nfn b() {{ {sleep}(x) }}\n// {sleep} is fine here\n");
        assert_eq!(unfinished(&[file("core/src/a.rs", &source)]).len(), 1);
        assert_eq!(unfinished(&[file("core/tests/a.rs", &source)]).len(), 2);
        let unit = format!("fn a() {{ {sleep}(x) }}\n#[cfg(test)]\nmod tests {{ {sleep}(x) }}\n");
        let found = unfinished(&[file("core/src/a.rs", &unit)]);
        let [Error(what)] = found.as_slice() else { panic!("{found:?}") };
        assert!(what.starts_with("core/src/a.rs:3: "), "{what}");
    }

    #[test]
    fn paths_of_a_machine_are_told_from_addresses() {
        for path in MACHINE_PATHS {
            let inside = format!("https://example.com{path}x and a{path}b");
            assert_eq!(machine_paths(&[file("README.md", &inside)]), [], "{inside}");
            for text in [format!("see {path}x"), format!("\"{path}x\""), format!("{path}x")] {
                assert_eq!(machine_paths(&[file("README.md", &text)]).len(), 1, "{text}");
            }
        }
        assert_eq!(machine_paths(&[file("Cargo.lock", MACHINE_PATHS[0])]), []);
    }

    #[test]
    fn a_test_that_a_document_names_is_there() {
        let code = file("a/tests/it.rs", "async fn a_key_is_shown_once() {}\n");
        let docs = |text: &str| file("docs/security.md", text);
        for good in ["*a_key_is_shown_once*", "`x.rs` *a_key_is…*, **bold**, *words*", "* a list\n* of two"] {
            assert_eq!(named_tests(&[code.clone(), docs(good)]), [], "{good}");
        }
        for bad in ["*a_key_is_shown*", "*a_key_was…*", "**two** *a_key_is_shown_twice*"] {
            assert_eq!(named_tests(&[code.clone(), docs(bad)]).len(), 1, "{bad}");
        }
    }

    #[test]
    fn the_changelog_has_a_place_for_what_comes_next() {
        assert_eq!(changelog(&[file("CHANGELOG.md", "# Changelog\n\n## [Unreleased]\n")]), []);
        assert_eq!(changelog(&[file("CHANGELOG.md", "# Changelog\n")]).len(), 1);
        assert_eq!(changelog(&[]).len(), 1);
    }
}
