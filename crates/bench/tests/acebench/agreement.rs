//! Agreement with the official scorer on the benchmark's own data, which is read from beside the checkout where it is.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use practicum_bench::acebench::{Answer, Benchmark, Category, Family};
use sha2::{Digest, Sha256};

use crate::fixture::word;
use crate::golden::{golden, lines};
use crate::mutants::mutant;

/// What `peers/acebench.py --record` prints of the mutants of seeds 1 and up: no text of the benchmark, only verdicts.
const OFFICIAL: &str = include_str!("official_verdicts.txt");

fn folder() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/benchmarks/acebench");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: no ACEBench data in {}", folder.display());
    None
}

fn digest(parts: impl IntoIterator<Item = Vec<u8>>) -> String {
    let mut sum = Sha256::new();
    for part in parts {
        sum.update(part);
    }
    let digest = sum.finalize();
    digest[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The digest of all files of questions and answers, by their names.
fn data_digest(folder: &Path) -> String {
    let folder = folder.join("data_en");
    let mut names: Vec<OsString> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .filter(|name| {
            Path::new(name)
                .extension()
                .is_some_and(|extension| extension == "json")
        })
        .collect();
    names.sort();
    digest(names.iter().flat_map(|name| {
        [folder.join(name), folder.join("possible_answer").join(name)]
            .map(|path| fs::read(path).unwrap())
    }))
}

fn letter(benchmark: &Benchmark, answer: &Answer) -> char {
    match word(&benchmark.score(answer).unwrap()) {
        "ok" => 'v',
        "stops" => 's',
        _ => 'w',
    }
}

/// The official scorer fails 29 of the benchmark's own normal answers, and so does this one.
#[test]
fn golden_answers_score_as_in_the_official_scorer() {
    let Some(folder) = folder() else { return };
    let benchmark = Benchmark::read(&folder, "en").unwrap();
    let right = |category: Category| {
        let valid = benchmark
            .ids(category)
            .filter(|id| letter(&benchmark, &golden(&benchmark, category, id)) == 'v')
            .count();
        (valid, benchmark.ids(category).count())
    };
    let mut normal = (0, 0);
    for category in benchmark.categories() {
        let (valid, all) = right(category);
        if matches!(category.family(), Family::Normal | Family::Dialogue) {
            normal = (normal.0 + valid, normal.1 + all);
        }
        let expected = match category {
            Category::MultiTurnAdjust => 110,
            Category::MultiTurnSwitch => 86,
            Category::Preference => 49,
            Category::SingleTurnParallel => 99,
            _ => all,
        };
        assert_eq!(valid, expected, "{}", category.name());
    }
    assert_eq!(normal, (794, 823));
}

/// Mutants get the verdicts that the official scorer gave them, one by one.
#[test]
fn mutants_score_as_in_the_official_scorer() {
    let Some(folder) = folder() else { return };
    let mut recorded = OFFICIAL
        .lines()
        .map(|line| line.split_once(' ').unwrap())
        .peekable();
    let (_, data) = recorded.next().unwrap();
    if data_digest(&folder) != data {
        eprintln!("skipped: the official verdicts are those on another version of ACEBench's data");
        return;
    }
    let benchmark = Benchmark::read(&folder, "en").unwrap();
    let mut seed = 0;
    let mut mutants = 0;
    while let Some((_, answers)) = recorded.next() {
        seed += 1;
        let ours: RefCell<BTreeMap<Category, String>> = RefCell::default();
        let text = lines(&benchmark, |category, id| {
            let answer = mutant(&benchmark, category, id, seed);
            let letter = letter(&benchmark, &answer);
            ours.borrow_mut().entry(category).or_default().push(letter);
            answer
        });
        assert_eq!(
            digest([text.into_bytes()]),
            answers,
            "the mutants have changed: have the official scorer judge them anew, with the example acebench_answers \
             and peers/acebench.py --record"
        );
        while let Some((category, official)) = recorded.next_if(|(name, _)| *name != "answers") {
            let category = Category::of(category).unwrap();
            assert_eq!(
                ours.borrow()[&category],
                official,
                "seed {seed}, {}",
                category.name()
            );
            mutants += official.len();
        }
    }
    assert_eq!(mutants, 12 * 1023);
}
