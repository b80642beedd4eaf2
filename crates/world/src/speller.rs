//! The spellings of a value in an answer, and whether an answer mentions it.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::cell::Cell;
use crate::equal::is_word;
use crate::instant;
use crate::reading::{
    MONTHS, NUMBER_WORDS, find_dates, find_numbers, find_times, ordinal, plain_text, words,
};

/// What kind of thing a value is, and so how people write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FactKind {
    /// A number.
    Number,
    /// An amount held in hundredths: 1250 is said as 12.50.
    Cents,
    /// A date, or an instant of which the date is asked.
    Date,
    /// An instant: date and time of day.
    Instant,
    /// A word of an enumeration.
    Label,
    /// A name, a title, an address: any other text.
    Text,
}

/// The ways in which a person may write the value. The first is the plainest.
pub fn spellings(value: &Cell, kind: FactKind) -> Vec<String> {
    match (value, kind) {
        (Cell::Null, _) => Vec::new(),
        (Cell::Integer(number), FactKind::Cents) => {
            let plain = format!("{:.2}", *number as f64 / 100.0);
            let mut all = vec![plain.clone(), format!("${plain}"), grouped(&plain)];
            if number % 100 == 0 {
                all.push((number / 100).to_string());
                all.push(format!("${}", number / 100));
            }
            all.push(format!("\u{20ac}{}", grouped(&plain)));
            all.push(continental(&grouped(&plain)));
            all
        }
        (Cell::Integer(number), FactKind::Number | FactKind::Label | FactKind::Text) => {
            let plain = number.to_string();
            let mut all = vec![plain.clone(), grouped(&plain), format!("{plain}.0")];
            if let Ok(small) = usize::try_from(*number)
                && let Some(word) = NUMBER_WORDS.get(small)
            {
                all.push((*word).to_string());
            }
            all
        }
        (Cell::Real(number), _) => {
            let plain = number.to_string();
            let mut all = vec![plain.clone(), grouped(&plain)];
            if (number * 100.0 - (number * 100.0).round()).abs() < 1e-9 {
                all.push(format!("{number:.2}"));
                all.push(format!("${number:.2}"));
                all.push(grouped(&format!("{number:.2}")));
            }
            all
        }
        (Cell::Text(text), FactKind::Date) => match instant::parse_date(text) {
            Some(date) => date_spellings(date),
            None => vec![text.to_string()],
        },
        (Cell::Text(text), FactKind::Instant) => match (instant::parse_date(text), time_of(text)) {
            (Some(date), Some((hour, minute))) => {
                let mut all = vec![text.to_string()];
                for day in date_spellings(date) {
                    for time in time_spellings(hour, minute) {
                        all.push(format!("{day} at {time}"));
                    }
                }
                all
            }
            _ => vec![text.to_string()],
        },
        (Cell::Text(text), FactKind::Label) => {
            let spaced = text.replace(['_', '-'], " ");
            let mut all = vec![text.to_string(), spaced.clone(), spaced.to_lowercase()];
            all.dedup();
            all
        }
        (value, _) => vec![value.to_string()],
    }
}

fn date_spellings(date: Date) -> Vec<String> {
    let month = MONTHS[usize::from(date.month().unsigned_abs()) - 1];
    let (year, day) = (date.year(), date.day());
    let short = &month[..3];
    vec![
        format!("{year:04}-{:02}-{day:02}", date.month()),
        format!("{day} {month} {year}"),
        format!("{month} {day}, {year}"),
        format!("{day} {month}"),
        format!("{month} {day}"),
        format!("{short} {day}"),
        format!("{day} {short}"),
        format!("{month} {day}{}", ordinal(day)),
        format!("the {day}{} of {month}", ordinal(day)),
    ]
    .into_iter()
    // In figures only where the order of day and month is beyond doubt.
    .chain((day > 12).then(|| format!("{day:02}/{:02}/{year:04}", date.month())))
    .collect()
}

fn time_spellings(hour: u32, minute: u32) -> Vec<String> {
    let (twelve, half) = match hour {
        0 => (12, "am"),
        1..=11 => (hour, "am"),
        12 => (12, "pm"),
        _ => (hour - 12, "pm"),
    };
    let mut all = vec![
        format!("{hour:02}:{minute:02}"),
        format!("{twelve}:{minute:02} {half}"),
        format!("{twelve}:{minute:02}{half}"),
    ];
    if minute == 0 {
        all.push(format!("{twelve} {half}"));
        all.push(format!("{twelve}{half}"));
    }
    all
}

fn time_of(text: &str) -> Option<(u32, u32)> {
    let time = text.get(11..16)?;
    let (hour, minute) = time.split_once(':')?;
    let (hour, minute) = (hour.parse().ok()?, minute.parse().ok()?);
    (hour < 24 && minute < 60).then_some((hour, minute))
}

/// `1,234.50` as `1.234,50`.
fn continental(grouped: &str) -> String {
    grouped
        .chars()
        .map(|character| match character {
            ',' => '.',
            '.' => ',',
            other => other,
        })
        .collect()
}

/// `1234567.5` as `1,234,567.5`.
fn grouped(plain: &str) -> String {
    let (sign, rest) = plain
        .strip_prefix('-')
        .map_or(("", plain), |rest| ("-", rest));
    let (whole, fraction) = rest
        .split_once('.')
        .map_or((rest, None), |(a, b)| (a, Some(b)));
    let mut text = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    match fraction {
        Some(fraction) => format!("{sign}{text}.{fraction}"),
        None => format!("{sign}{text}"),
    }
}

/// An answer, read once for all the values that are looked for in it.
#[derive(Debug)]
pub struct Answer {
    lower: String,
    numbers: Vec<f64>,
    dates: Vec<(Option<i16>, i8, i8)>,
    times: Vec<(u32, u32)>,
}

impl Answer {
    /// Reads an answer.
    pub fn new(text: &str) -> Self {
        let lower = plain_text(text);
        let words = words(&lower);
        let dates = find_dates(&lower, &words);
        Self {
            numbers: find_numbers(&lower),
            times: find_times(&lower),
            dates: dates.clone(),
            lower,
        }
    }

    /// True when the answer mentions the value, in any of its spellings, as whole words.
    pub fn mentions(&self, value: &Cell, kind: FactKind) -> bool {
        match (value, kind) {
            (Cell::Null, _) => false,
            (Cell::Integer(number), FactKind::Cents) => {
                let amount = *number as f64 / 100.0;
                // Who pays 42.50 has 42.50 less; nobody says minus.
                self.has_number(amount)
                    || (amount < 0.0
                        && self.has_number(-amount)
                        && words(&self.lower)
                            .iter()
                            .any(|(_, word)| OUTGOING.contains(word)))
            }
            (Cell::Integer(number), _) => self.has_number(*number as f64),
            (Cell::Real(number), _) => self.has_number(*number),
            (Cell::Text(text), FactKind::Date | FactKind::Instant) => {
                if self.holds(text) {
                    return true;
                }
                let Some(date) = instant::parse_date(text) else {
                    return false;
                };
                let day = self.dates.iter().any(|(year, month, day)| {
                    year.is_none_or(|year| year == date.year())
                        && *month == date.month()
                        && *day == date.day()
                });
                match (kind, time_of(text)) {
                    (FactKind::Instant, Some(time)) => day && self.times.contains(&time),
                    _ => day,
                }
            }
            (Cell::Text(text), FactKind::Label) => {
                let spaced = |text: &str| text.replace(['_', '-'], " ");
                self.holds(text) || holds(&spaced(&self.lower), &spaced(text))
            }
            (Cell::Text(text), _) => self.holds(text) || self.holds_digits(text),
        }
    }

    /// True when the answer gives the value as a count of these nouns: `3 orders`, `three open orders`;
    /// or as the only number beside at most one other.
    pub fn counts(&self, value: &Cell, nouns: &[String]) -> bool {
        let Cell::Integer(number) = value else {
            return false;
        };
        if !self.has_number(*number as f64) {
            return false;
        }
        let words = words(&self.lower);
        let is_number = |at: usize| {
            words
                .get(at)
                .is_some_and(|(_, word)| !find_numbers(word).is_empty())
        };
        // "3 or 4 orders" is a guess, not an answer.
        let hedged = words.iter().enumerate().any(|(at, (_, word))| {
            *word == "or" && at > 0 && is_number(at - 1) && is_number(at + 1)
        });
        if hedged {
            return false;
        }
        let mut distinct = self.numbers.clone();
        distinct.sort_by(f64::total_cmp);
        distinct.dedup();
        if distinct.len() <= 2 {
            return true;
        }
        let nouns: Vec<Vec<&str>> = nouns.iter().map(|noun| noun.split(' ').collect()).collect();
        words.iter().enumerate().any(|(at, (_, word))| {
            find_numbers(word).contains(&(*number as f64))
                && nouns.iter().any(|noun| {
                    (at + 1..=at + 3).any(|from| {
                        !(at + 1..from).any(is_number)
                            && words.get(from..from + noun.len()).is_some_and(|part| {
                                part.iter().map(|(_, word)| word).eq(noun.iter())
                            })
                    })
                })
        })
    }

    /// True when hardly a word stands beside the value: an element of a list.
    pub(crate) fn is_hardly_more_than(&self, value: &Cell) -> bool {
        let own = words(&value.to_string()).len().max(1);
        words(&self.lower).len() <= own + 2
    }

    fn has_number(&self, number: f64) -> bool {
        self.numbers
            .iter()
            .any(|seen| (seen - number).abs() <= number.abs() * 1e-12)
    }

    /// Whole words, without regard to case.
    fn holds(&self, text: &str) -> bool {
        holds(&self.lower, text)
    }

    /// A code or a phone number, however its digits are grouped: `1122 3344`, `076 111 111`.
    fn holds_digits(&self, text: &str) -> bool {
        let digits = text.bytes().filter(u8::is_ascii_digit).count();
        let plain = text
            .chars()
            .all(|character| character.is_ascii_digit() || " -+()/.".contains(character));
        if digits < 6 || !plain || instant::parse_date(text).is_some() {
            return false;
        }
        let wanted: String = text.chars().filter(char::is_ascii_digit).collect();
        ungrouped(&self.lower)
            .split(|character: char| !character.is_ascii_digit())
            .any(|run| run == wanted)
    }
}

/// Words of an amount that went out.
const OUTGOING: &[&str] = &[
    "paid",
    "pay",
    "spent",
    "spend",
    "cost",
    "costs",
    "out",
    "debit",
    "debited",
    "minus",
    "charged",
    "negative",
    "left",
    "taken",
    "withdrawn",
    "sent",
    "deducted",
    "payment",
    "fee",
    "owe",
    "owes",
];

/// Digits that only blanks, hyphens and brackets part, put together.
fn ungrouped(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let mut plain = String::with_capacity(text.len());
    let mut at = 0;
    while at < characters.len() {
        let gap = characters[at..]
            .iter()
            .take_while(|character| " -()".contains(**character))
            .count();
        let joins = (1..=2).contains(&gap)
            && plain.ends_with(|character: char| character.is_ascii_digit())
            && characters.get(at + gap).is_some_and(char::is_ascii_digit);
        if joins {
            at += gap;
        }
        plain.push(characters[at]);
        at += 1;
    }
    plain
}

/// Whole words of a text in lower case.
fn holds(lower: &str, text: &str) -> bool {
    let needle = plain_text(text);
    let needle = needle.trim();
    !needle.is_empty()
        && lower.match_indices(needle).any(|(at, _)| {
            let before = lower[..at].chars().next_back();
            let after = lower[at + needle.len()..].chars().next();
            let glued_before = before.is_some_and(is_word) && needle.starts_with(is_word);
            let glued_after = after.is_some_and(is_word) && needle.ends_with(is_word);
            !glued_before && !glued_after
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn mentions(text: &str, value: impl Into<Cell>, kind: FactKind) -> bool {
        Answer::new(text).mentions(&value.into(), kind)
    }

    #[test]
    fn numbers_are_read_as_people_write_them() {
        assert!(mentions(
            "It costs $1,234.50 in all.",
            123_450,
            FactKind::Cents
        ));
        assert!(mentions(
            "It costs 1234.5 in all.",
            123_450,
            FactKind::Cents
        ));
        assert!(mentions("You have three orders.", 3, FactKind::Number));
        assert!(mentions("You have **3** orders.", 3, FactKind::Number));
        assert!(mentions("The balance is -12.", -12, FactKind::Number));
        assert!(!mentions("Order W3 of 13.", 3, FactKind::Number));
        assert!(!mentions("On 2026-03-03 at 3:03.", 3, FactKind::Number));
        assert!(!mentions("On the 3rd.", 3, FactKind::Number));
        assert!(!mentions("It costs 12345.", 12_345, FactKind::Cents));
        for text in [
            "1.234,50 \u{20ac}",
            "1 234.50",
            "1\u{202f}234,50",
            "1234,50",
        ] {
            assert!(mentions(text, 123_450, FactKind::Cents), "{text}");
            for other in [23_450, 123_400, 50, 123, 12_345_000] {
                assert!(!mentions(text, other, FactKind::Cents), "{text}: {other}");
            }
        }
        assert!(mentions("You paid 42.50.", -4_250, FactKind::Cents));
        assert!(!mentions("You got 42.50.", -4_250, FactKind::Cents));
    }

    #[test]
    fn dates_and_times_are_read_as_people_write_them() {
        for text in [
            "2026-03-19",
            "19 March",
            "March 19th, 2026",
            "the 19th of March",
            "Mar 19",
        ] {
            assert!(mentions(text, "2026-03-19", FactKind::Date), "{text}");
            assert!(!mentions(text, "2026-03-18", FactKind::Date), "{text}");
        }
        assert!(!mentions("19 March 2025", "2026-03-19", FactKind::Date));
        for text in ["19/03/2026", "03/19/2026", "19.3.2026"] {
            assert!(mentions(text, "2026-03-19", FactKind::Date), "{text}");
        }
        // Nobody knows which of the two is the month.
        assert!(!mentions("04/03/2026", "2026-03-04", FactKind::Date));
        for (text, time) in [
            ("at half past two in the afternoon", "14:30"),
            ("at quarter to three in the morning", "02:45"),
            ("at a quarter past twelve pm", "12:15"),
            ("at 2:30 p.m.", "14:30"),
            ("at nine o'clock at night", "21:00"),
            ("at noon", "12:00"),
        ] {
            let wanted = format!("2026-03-19T{time}:00Z");
            let text = format!("On 19 March {text}.");
            assert!(
                mentions(&text, wanted.as_str(), FactKind::Instant),
                "{text}"
            );
            assert!(
                !mentions(&text, "2026-03-19T09:00:00Z", FactKind::Instant),
                "{text}"
            );
        }
        assert!(mentions(
            "19 March at 2:30 pm",
            "2026-03-19T14:30:00Z",
            FactKind::Instant
        ));
        assert!(!mentions(
            "19 March at 2:30",
            "2026-03-19T14:30:00Z",
            FactKind::Instant
        ));
    }

    #[test]
    fn counts_stand_with_their_noun() {
        let orders = ["orders".to_string(), "order".to_string()];
        let counts = |text: &str| Answer::new(text).counts(&Cell::Integer(3), &orders);
        assert!(counts("You have three orders: 12, 15 and 19."));
        assert!(counts("3 open orders, of 5, 7 and 9"));
        assert!(counts("It is 3."));
        assert!(!counts("1, 2, 3, 4, 5 orders"));
        assert!(!counts("It is 4."));
        assert!(!counts("There are 3 or 4 orders."));
        assert!(!counts("There are two or three orders."));
    }

    #[test]
    fn texts_are_whole_words() {
        assert!(mentions(
            "it is In Transit now",
            "in_transit",
            FactKind::Label
        ));
        assert!(!mentions("it is unpaid", "paid", FactKind::Label));
        assert!(mentions(
            "Her name is Ana-Lucia O\u{2019}Hara.",
            "Ana-Lucia O'Hara",
            FactKind::Text
        ));
        assert!(!mentions("Anabel", "Ana", FactKind::Text));
    }

    proptest! {
        #[test]
        fn every_spelling_is_accepted(number in -2_000_000i64..2_000_000, days in -20_000i64..20_000, quarter in 0i64..96) {
            let instant = instant::format(days * 86_400 + quarter * 900);
            let date = instant::format_date(days * 86_400);
            for (value, kind) in [
                (Cell::Integer(number), FactKind::Number),
                (Cell::Integer(number), FactKind::Cents),
                (Cell::Real(number as f64 / 100.0), FactKind::Number),
                (Cell::from(date), FactKind::Date),
                (Cell::from(instant), FactKind::Instant),
            ] {
                for spelling in spellings(&value, kind) {
                    let answer = Answer::new(&format!("Well, it is {spelling}."));
                    prop_assert!(answer.mentions(&value, kind), "{spelling} for {value:?}");
                }
            }
        }

        #[test]
        fn no_neighbour_is_accepted(number in -2_000_000i64..2_000_000, other in -2_000_000i64..2_000_000, days in -20_000i64..20_000, step in 1i64..300) {
            for (value, neighbour, kind) in [
                (Cell::Integer(number), Cell::Integer(other), FactKind::Number),
                (Cell::Integer(number), Cell::Integer(other), FactKind::Cents),
                (
                    Cell::from(instant::format_date(days * 86_400)),
                    Cell::from(instant::format_date((days + step) * 86_400)),
                    FactKind::Date,
                ),
                (
                    Cell::from(instant::format(days * 86_400)),
                    Cell::from(instant::format(days * 86_400 + step * 900)),
                    FactKind::Instant,
                ),
            ] {
                if value == neighbour {
                    continue;
                }
                for spelling in spellings(&neighbour, kind) {
                    let answer = Answer::new(&format!("Well, it is {spelling}."));
                    prop_assert!(!answer.mentions(&value, kind), "{spelling} for {value:?}");
                }
            }
        }

        /// Labels and names, chosen so that many begin or end alike.
        #[test]
        fn words_are_told_apart(value in "(in|out|no|pre|un)?_?(paid|service|stock)(_(open|due))?", other in "(in|out|no|pre|un)?_?(paid|service|stock)(_(open|due))?") {
            let spoken = |label: &str| label.replace('_', " ").trim().to_string();
            for spelling in spellings(&Cell::from(value.as_str()), FactKind::Label) {
                let answer = Answer::new(&format!("It is {spelling}."));
                prop_assert!(answer.mentions(&Cell::from(value.as_str()), FactKind::Label), "{spelling}");
                // Whole words that the other label holds as well are no difference.
                let inside = format!(" {} ", spoken(&value)).contains(&format!(" {} ", spoken(&other)));
                prop_assert_eq!(answer.mentions(&Cell::from(other.as_str()), FactKind::Label), inside, "{} in {}", other, spelling);
            }
        }

        /// Codes are the same however their digits are grouped, and no other's.
        #[test]
        fn codes_are_told_apart(code in "[0-9]{6,12}", other in "[0-9]{6,12}", cut in 1usize..5, joint in prop::sample::select(vec![" ", "-", ""])) {
            let digits: Vec<char> = code.chars().collect();
            let spoken: Vec<String> = digits.chunks(cut).map(|chunk| chunk.iter().collect()).collect();
            let answer = Answer::new(&format!("The code is {}.", spoken.join(joint)));
            prop_assert!(answer.mentions(&Cell::from(code.as_str()), FactKind::Text));
            if other != code {
                prop_assert!(!answer.mentions(&Cell::from(other.as_str()), FactKind::Text));
            }
        }

        #[test]
        fn reading_never_panics(text in ".{0,200}") {
            Answer::new(&text).mentions(&Cell::from("a"), FactKind::Text);
        }
    }
}
