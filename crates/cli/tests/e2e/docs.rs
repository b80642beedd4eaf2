//! The pages of `docs/`: all are listed, and their links lead somewhere.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::support::workspace;

fn pages() -> Vec<PathBuf> {
    let mut pages: Vec<PathBuf> = std::fs::read_dir(workspace().join("docs"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension() == Some("md".as_ref()))
        .collect();
    pages.sort();
    pages
}

/// The targets of `[text](target)` outside of code.
fn links(text: &str) -> Vec<String> {
    let mut in_block = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.starts_with("```") {
            in_block = !in_block;
        }
        if in_block {
            continue;
        }
        for (at, part) in line.split('`').enumerate() {
            if at % 2 == 0 {
                let targets = part.split("](").skip(1);
                found.extend(targets.filter_map(|rest| Some(rest.split_once(')')?.0.to_string())));
            }
        }
    }
    found
}

/// The anchors that a page's headings make: lower case, words joined by dashes, punctuation left out.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let words = line.trim_start_matches('#').trim().to_lowercase();
            words
                .chars()
                .filter(|own| own.is_alphanumeric() || " -_".contains(*own))
                .map(|own| if own == ' ' { '-' } else { own })
                .collect()
        })
        .collect()
}

fn check_links(page: &Path) {
    let text = std::fs::read_to_string(page).unwrap();
    for link in links(&text) {
        if link.contains("://") || link.starts_with("mailto:") {
            continue;
        }
        let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
        let target = match file {
            "" => page.to_path_buf(),
            file => page.parent().unwrap().join(file),
        };
        assert!(target.exists(), "{}: {link} leads nowhere", page.display());
        if !anchor.is_empty() {
            let text = std::fs::read_to_string(&target).unwrap();
            assert!(
                anchors(&text).contains(anchor),
                "{}: no heading for {link}",
                page.display()
            );
        }
    }
}

#[test]
fn links_lead_somewhere() {
    for page in pages() {
        check_links(&page);
    }
    for name in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"] {
        check_links(&workspace().join(name));
    }
}

#[test]
fn the_summary_lists_every_page() {
    let summary = std::fs::read_to_string(workspace().join("docs/SUMMARY.md")).unwrap();
    let listed: BTreeSet<String> = links(&summary).into_iter().collect();
    for page in pages() {
        let name = page.file_name().unwrap().to_str().unwrap();
        assert!(
            name == "SUMMARY.md" || listed.contains(name),
            "docs/SUMMARY.md does not list {name}"
        );
    }
}
