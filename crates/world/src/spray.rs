//! Whether an answer tells which of several values is the asked one, or merely lists them.

use crate::cell::Cell;
use crate::reading::words;
use crate::speller::{Answer, FactKind};

/// Words that announce a conclusion or single one thing out.
const SINGLING: &[&str] = &[
    "answer",
    "therefore",
    "hence",
    "thus",
    "so",
    "result",
    "overall",
    "altogether",
    "cheapest",
    "dearest",
    "lowest",
    "highest",
    "latest",
    "newest",
    "oldest",
    "earliest",
    "smallest",
    "largest",
    "biggest",
    "longest",
    "shortest",
    "nearest",
    "best",
    "fewest",
    "your",
    "yours",
    "you",
    "chosen",
    "correct",
];
/// Words that say of one thing that it is so.
const STATING: &[&str] = &[
    "it", "its", "costs", "comes", "goes", "starts", "ends", "begins", "lives", "named", "called",
    "yes", "belongs", "takes", "holds", "lies", "stands", "reads", "shows",
];
const PRESENT: &[&str] = &["is", "are", "has", "have", "now", "currently", "will"];
const PAST: &[&str] = &["was", "were", "had", "used", "earlier"];
/// Words behind which, up to the next comma, stands what is not meant.
const DISMISSING: &[&str] = &[
    "not",
    "than",
    "instead",
    "unlike",
    "before",
    "formerly",
    "previously",
    "isn't",
    "wasn't",
    "except",
];

/// How clearly an answer says that a value is the one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Mark {
    /// It stands in no clause of its own.
    None,
    /// It has a clause of its own.
    Alone,
    /// A clause of its own says that it is so.
    Stated,
    /// A clause of its own singles it out.
    SingledOut,
}

/// True when an answer that holds `target` names so many of `others`, or in such a way, that it does not
/// say which is meant. `asked` are the values that were asked for, `target` among them.
///
/// As many others as were asked for may be named beside it, unless they are listed side by side with it
/// or stated just as clearly, and it is not `clear` whose each value is; more only where a clause singles
/// the target out: "the cheapest is ...".
pub(crate) fn is_sprayed(
    text: &str,
    target: &Cell,
    asked: &[&Cell],
    others: &[Cell],
    kind: FactKind,
    clear: bool,
) -> bool {
    let whole = Whole::new(text, target, asked, others);
    let (text, target) = (whole.text.as_str(), &whole.target);
    let asked: Vec<&Cell> = whole.asked.iter().collect();
    let (asked, others) = (&asked[..], &whole.others[..]);
    let answer = Answer::new(text);
    if is_buried(text, target, kind) {
        return true;
    }
    let named: Vec<&Cell> = others
        .iter()
        .filter(|other| !asked.contains(other) && answer.mentions(other, kind))
        .collect();
    if named.is_empty() {
        return false;
    }
    let clauses: Vec<Clause> = clauses(text);
    let mark = |value: &Cell, rivals: &[&Cell]| {
        clauses
            .iter()
            .filter(|clause| {
                let says = |value: &Cell| clause.answer.mentions(value, kind);
                says(value) && !rivals.iter().any(|rival| says(rival))
            })
            .map(|clause| clause.mark_of(value, kind))
            .max()
            .unwrap_or(Mark::None)
    };
    let own = mark(target, &named);
    let rival = named
        .iter()
        .map(|other| {
            let mut rest: Vec<&Cell> = asked.to_vec();
            rest.extend(named.iter().copied().filter(|rival| rival != other));
            mark(other, &rest)
        })
        .max()
        .unwrap_or(Mark::None);
    if own == Mark::SingledOut && own > rival {
        return false;
    }
    if named.len() > asked.len() {
        return true;
    }
    if clear {
        return false;
    }
    let contradicted = rival >= Mark::Stated && own <= rival;
    contradicted || is_listed(&clauses, target, &named, kind) || !is_stated(&clauses, target, kind)
}

/// An answer in which no value is cut by the words and marks that part clauses: "One before bed" holds no
/// dismissal, "Tea, green" is no list. Such values are replaced by words without meaning.
struct Whole {
    text: String,
    target: Cell,
    asked: Vec<Cell>,
    others: Vec<Cell>,
}

impl Whole {
    fn new(text: &str, target: &Cell, asked: &[&Cell], others: &[Cell]) -> Self {
        let mut cut: Vec<&str> = asked
            .iter()
            .copied()
            .chain(others)
            .chain([target])
            .filter_map(Cell::as_text)
            .filter(|value| is_cut(value))
            .collect();
        // One that holds another goes first.
        cut.sort_by_key(|value| (std::cmp::Reverse(value.len()), *value));
        cut.dedup();
        let word = |at: usize| format!("qvalue{at}q");
        let mut text = text.to_string();
        for (at, value) in cut.iter().enumerate() {
            text = replaced(&text, value, &word(at));
        }
        let cell = |cell: &Cell| {
            let at = cell
                .as_text()
                .and_then(|own| cut.iter().position(|value| *value == own));
            at.map_or_else(|| cell.clone(), |at| Cell::from(word(at)))
        };
        Self {
            target: cell(target),
            asked: asked.iter().map(|own| cell(own)).collect(),
            others: others.iter().map(cell).collect(),
            text,
        }
    }
}

/// An answer without the values that hold another: who says "missed visit" has not said "visit".
pub(crate) fn without_longer(text: &str, value: &Cell, others: &[Cell], kind: FactKind) -> String {
    let plain = |text: &str| text.to_lowercase().replace('_', " ");
    let mut left = text.to_string();
    let (FactKind::Text | FactKind::Label, Some(own)) = (kind, value.as_text()) else {
        return left;
    };
    let own = plain(own);
    for other in others.iter().filter_map(Cell::as_text) {
        let longer = plain(other);
        if longer.len() > own.len() && longer.contains(&own) {
            left = replaced(&left, other, " ");
            left = replaced(&left, &longer, " ");
        }
    }
    left
}

/// True for a text of several words that would be parted as if it were an answer's own words.
fn is_cut(value: &str) -> bool {
    let parted = value.contains(|mark| ",;!?()|/".contains(mark)) || value.contains(". ");
    let lower = value.to_lowercase();
    value.contains(' ')
        && (parted
            || words(&lower)
                .iter()
                .any(|(_, word)| DISMISSING.contains(word) || ["or", "and"].contains(word)))
}

/// A text with every occurrence of a value replaced, ASCII letters in either case.
fn replaced(text: &str, value: &str, by: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(character) = text[at..].chars().next() {
        match text.get(at..at + value.len()) {
            Some(own) if own.eq_ignore_ascii_case(value) => {
                out.push_str(by);
                at += value.len();
            }
            _ => {
                out.push(character);
                at += character.len_utf8();
            }
        }
    }
    out
}

/// Elements from which on a line is a dump of values rather than a sentence.
const DUMP: usize = 20;

/// The target stands only in lines that list more things than anybody reads.
fn is_buried(text: &str, target: &Cell, kind: FactKind) -> bool {
    let readable: Vec<&str> = text
        .lines()
        .filter(|line| line.split(", ").count() <= DUMP)
        .collect();
    readable.len() < text.lines().count()
        && Answer::new(text).mentions(target, kind)
        && !Answer::new(&readable.join("\n")).mentions(target, kind)
}

/// The target stands beside another value with nothing but a separator in between: one of the two, at
/// least, is hardly more than the value. "It is gold or silver" is a list as well as "gold, silver".
fn is_listed(clauses: &[Clause], target: &Cell, named: &[&Cell], kind: FactKind) -> bool {
    let pieces: Vec<Answer> = clauses
        .iter()
        .filter(|clause| clause.mark > Mark::None)
        .flat_map(|clause| pieces(&clause.text))
        .map(|piece| Answer::new(&piece))
        .collect();
    let is_bare = |piece: &Answer, value: &Cell| {
        piece.mentions(value, kind) && piece.is_hardly_more_than(value)
    };
    pieces.windows(2).any(|pair| {
        named.iter().any(|other| {
            (pair[0].mentions(target, kind) && is_bare(&pair[1], other))
                || (pair[0].mentions(other, kind) && is_bare(&pair[1], target))
        })
    })
}

/// Some clause with the target says something, and is no mere enumeration of values.
fn is_stated(clauses: &[Clause], target: &Cell, kind: FactKind) -> bool {
    clauses.iter().any(|clause| {
        let stated = || clause.mark_of(target, kind) >= Mark::Stated;
        let worded =
            || pieces(&clause.text).len() <= MANY && !clause.answer.is_hardly_more_than(target);
        clause.mark > Mark::None && clause.answer.mentions(target, kind) && (stated() || worded())
    })
}

/// Pieces of a clause from which on it counts as an enumeration.
const MANY: usize = 6;

/// What commas, slashes, `or` and `and` separate.
fn pieces(clause: &str) -> Vec<String> {
    let mut plain = clause.replace(" or ", ", ").replace(" and ", ", ");
    plain = plain.replace(" / ", ", ");
    plain
        .split(", ")
        .map(str::to_string)
        .filter(|piece| !piece.trim().is_empty())
        .collect()
}

#[derive(Debug)]
struct Clause {
    text: String,
    answer: Answer,
    mark: Mark,
}

impl Clause {
    /// How the clause marks a value that stands in it. In an enumeration only the words beside the value
    /// count: somewhere in it there is a verb.
    fn mark_of(&self, value: &Cell, kind: FactKind) -> Mark {
        let pieces = pieces(&self.text);
        if pieces.len() <= MANY {
            return self.mark;
        }
        pieces
            .iter()
            .filter(|piece| Answer::new(piece).mentions(value, kind))
            .map(|piece| mark_of(piece).min(self.mark))
            .max()
            .unwrap_or(Mark::Alone.min(self.mark))
    }
}

fn mark_of(clause: &str) -> Mark {
    let lower = clause.to_lowercase().replace('\u{2019}', "'");
    let words = words(&lower);
    let has = |list: &[&str]| words.iter().any(|(_, word)| list.contains(word));
    if has(PAST) && !has(PRESENT) {
        Mark::Alone
    } else if has(SINGLING) {
        Mark::SingledOut
    } else if has(STATING) || has(PRESENT) {
        Mark::Stated
    } else {
        Mark::Alone
    }
}

/// The smallest parts of a text that say something: what commas and `and` part within its clauses.
pub(crate) fn parts_of(text: &str) -> Vec<String> {
    clauses(text)
        .iter()
        .filter(|clause| clause.mark > Mark::None)
        .flat_map(|clause| pieces(&clause.text))
        .collect()
}

/// The clauses of a text: sentences, lines, brackets; what is dismissed ("not ...") is a clause of its own.
fn clauses(text: &str) -> Vec<Clause> {
    let mut clauses = Vec::new();
    let mut clause = String::new();
    let characters: Vec<char> = text.chars().collect();
    for (at, character) in characters.iter().enumerate() {
        let next = characters.get(at + 1);
        let ends = match character {
            '\n' | ';' | '!' | '?' | '(' | ')' | '|' | '\u{2014}' => true,
            '.' => next.is_none_or(|next| next.is_whitespace()) && !is_abbreviated(&clause),
            _ => false,
        };
        if ends {
            clauses.push(std::mem::take(&mut clause));
        } else {
            clause.push(*character);
        }
    }
    clauses.push(clause);
    clauses
        .iter()
        .flat_map(|clause| split_dismissed(clause))
        .filter(|(text, _)| !text.trim().is_empty())
        .map(|(text, dismissed)| Clause {
            answer: Answer::new(&text),
            mark: if dismissed {
                Mark::None
            } else {
                mark_of(&text)
            },
            text,
        })
        .collect()
}

/// `Dr`, `Mr`, `St`, an initial: what a full stop does not end.
fn is_abbreviated(clause: &str) -> bool {
    let word = clause
        .rsplit(char::is_whitespace)
        .next()
        .unwrap_or_default();
    let letters = word.chars().count();
    (1..=3).contains(&letters)
        && word.starts_with(char::is_uppercase)
        && word.chars().all(char::is_alphabetic)
        && (letters == 1 || word.chars().skip(1).all(char::is_lowercase))
}

/// `Silver, not Gold`: what is dismissed apart from the rest.
fn split_dismissed(clause: &str) -> [(String, bool); 2] {
    let (mut kept, mut dismissed) = (String::new(), String::new());
    let mut dropping = false;
    for word in clause.split_inclusive(' ') {
        let plain: String = word
            .trim()
            .trim_matches([',', ':', '"'])
            .to_lowercase()
            .replace('\u{2019}', "'");
        if DISMISSING.contains(&plain.as_str()) {
            dropping = true;
        }
        if dropping {
            dismissed.push_str(word);
            dropping = !word.trim_end().ends_with(',');
        } else {
            kept.push_str(word);
        }
    }
    [(kept, false), (dismissed, true)]
}
