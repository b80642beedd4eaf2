//! Numbers, dates and times of day as they stand in what people write.

use jiff::civil::Date;

use crate::equal::is_word;

pub(crate) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
pub(crate) const NUMBER_WORDS: [&str; 13] = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve",
];
/// Lower case, white space as single blanks, typographic quotes as plain ones, emphasis marks dropped.
pub(crate) fn plain_text(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\u{2018}' | '\u{2019}' => plain.push('\''),
            '\u{201c}' | '\u{201d}' => plain.push('"'),
            '*' | '`' => {}
            '\u{2010}' | '\u{2011}' => plain.push('-'),
            character if character.is_whitespace() => {
                if !plain.ends_with(' ') {
                    plain.push(' ');
                }
            }
            character => plain.extend(character.to_lowercase()),
        }
    }
    plain.replace("a.m.", "am").replace("p.m.", "pm")
}

/// Words with their places: letters and digits.
pub(crate) fn words(text: &str) -> Vec<(usize, &str)> {
    let mut words = Vec::new();
    let mut start = None;
    for (at, character) in text.char_indices() {
        if character.is_alphanumeric() {
            start.get_or_insert(at);
        } else if let Some(from) = start.take() {
            words.push((from, &text[from..at]));
        }
    }
    if let Some(from) = start {
        words.push((from, &text[from..]));
    }
    words
}

/// Numbers that stand alone: not inside ids, dates or times of day.
pub(crate) fn find_numbers(text: &str) -> Vec<f64> {
    let bytes = text.as_bytes();
    let mut numbers = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if !bytes[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        let start = at;
        if let Some((end, number)) = spaced_number(text, start) {
            let negative = text[..start].ends_with('-');
            numbers.push(if negative { -number } else { number });
            at = end;
            continue;
        }
        while at < bytes.len()
            && (bytes[at].is_ascii_digit()
                || (matches!(bytes[at], b'.' | b',')
                    && bytes.get(at + 1).is_some_and(u8::is_ascii_digit)))
        {
            at += 1;
        }
        let before = text[..start].chars().next_back();
        let after = text[at..].chars().next();
        let next = text[at..].chars().nth(1);
        // `W123`, `12-3`, `10:30`, `3rd` are no numbers; `-5`, `$5`, `5%`, `5kg` are.
        let joined_before = before.is_some_and(is_word)
            || (matches!(before, Some('-' | ':' | '/'))
                && text[..start - 1].chars().next_back().is_some_and(is_word));
        let joined_after = (matches!(after, Some('-' | ':' | '/')) && next.is_some_and(is_word))
            || ["st", "nd", "rd", "th"].iter().any(|ending| {
                text[at..].starts_with(ending)
                    && !text[at + 2..].chars().next().is_some_and(is_word)
            })
            || after == Some('_');
        if joined_before || joined_after {
            while at < bytes.len() && (bytes[at].is_ascii_alphanumeric() || bytes[at] == b'-') {
                at += 1;
            }
            continue;
        }
        let digits = &text[start..at];
        if let Some(number) = read_number(digits) {
            let negative =
                before == Some('-') || (before == Some('$') && text[..start - 1].ends_with('-'));
            numbers.push(if negative { -number } else { number });
        }
    }
    for (_, word) in words(text) {
        if let Some(number) = NUMBER_WORDS.iter().position(|known| *known == word) {
            numbers.push(number as f64);
        }
    }
    if words(text)
        .iter()
        .any(|(_, word)| *word == "no" || *word == "none")
    {
        numbers.push(0.0);
    }
    numbers
}

/// `2 150.00`, with blanks between groups of three: only before two decimals, since `2 150` may be two
/// numbers. Gives the place behind it, too.
fn spaced_number(text: &str, start: usize) -> Option<(usize, f64)> {
    let digits = |from: usize| {
        let rest = &text[from..];
        let end = rest.bytes().take_while(u8::is_ascii_digit).count();
        (from + end, end)
    };
    if text[..start]
        .chars()
        .next_back()
        .is_some_and(|before| is_word(before) || matches!(before, '.' | ',' | ':' | '/'))
    {
        return None;
    }
    let (mut end, first) = digits(start);
    let mut groups = 0;
    while text[end..].starts_with(' ') {
        let (next, count) = digits(end + 1);
        if count != 3 {
            break;
        }
        end = next;
        groups += 1;
    }
    if !(1..=3).contains(&first) || groups == 0 || !text[end..].starts_with(['.', ',']) {
        return None;
    }
    let (behind, decimals) = digits(end + 1);
    if decimals != 2 {
        return None;
    }
    let whole: f64 = text[start..end].replace(' ', "").parse().ok()?;
    let hundredths: f64 = text[end + 1..behind].parse().ok()?;
    Some((behind, (whole * 100.0 + hundredths) / 100.0))
}

/// `1.234,50` and `1234,50`: a comma before two decimals, points only between groups of three.
fn continental(digits: &str) -> Option<f64> {
    let (whole, decimals) = digits.split_once(',')?;
    if decimals.len() != 2 || !decimals.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    if whole.contains('.') {
        let groups: Vec<&str> = whole.split('.').collect();
        let first = groups.first().map_or(0, |group| group.len());
        if !(1..=3).contains(&first) || groups[1..].iter().any(|group| group.len() != 3) {
            return None;
        }
    }
    format!("{}.{decimals}", whole.replace('.', ""))
        .parse()
        .ok()
}

/// `1,234.50` and `1234.5`; commas only between groups of three.
fn read_number(digits: &str) -> Option<f64> {
    if let Some(number) = continental(digits) {
        return Some(number);
    }
    let (whole, fraction) = match digits.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (digits, None),
    };
    if fraction.is_some_and(|fraction| fraction.contains(['.', ','])) {
        return None;
    }
    if whole.contains(',') {
        let groups: Vec<&str> = whole.split(',').collect();
        let first = groups.first().map_or(0, |group| group.len());
        if !(1..=3).contains(&first) || groups[1..].iter().any(|group| group.len() != 3) {
            return None;
        }
    }
    digits.replace(',', "").parse().ok()
}

/// Times of day: `14:30`, `2:30 pm`, `2 pm`, `half past two in the afternoon`, `noon`.
pub(crate) fn find_times(text: &str) -> Vec<(u32, u32)> {
    let mut times = Vec::new();
    let words = words(text);
    for (index, (at, word)) in words.iter().enumerate() {
        match *word {
            "noon" => times.push((12, 0)),
            "midnight" => times.push((0, 0)),
            _ => {}
        }
        times.extend(spoken_time(&words[index..]));
        let end = at + word.len();
        // Behind a colon stand minutes or seconds; of `2026-03-19T14:30` the hour comes after the T.
        if text[..*at].ends_with(':') {
            continue;
        }
        let word = match word.split_once('t') {
            Some((day, hour)) if day.len() == 2 && text[..*at].ends_with('-') => hour,
            _ => *word,
        };
        let digits: String = word.chars().take_while(char::is_ascii_digit).collect();
        let Ok(hour) = digits.parse::<u32>() else {
            continue;
        };
        let rest = &word[digits.len()..];
        let next = words.get(index + 1);
        let (minute, half) = match next {
            // `10:30`, `10:30 pm`, `10:30pm`, `10:30 in the evening`
            Some((from, minutes)) if text[end..*from] == *":" && rest.is_empty() => {
                let number: String = minutes.chars().take_while(char::is_ascii_digit).collect();
                if number.len() != 2 {
                    continue;
                }
                let half = match &minutes[number.len()..] {
                    "" => half_of_day(&words[index + 2..]),
                    suffix => half_of_day(&[(0, suffix)]),
                };
                (number.parse().unwrap_or(99), half)
            }
            // `10 pm`, `10 in the morning`
            Some((from, _)) if rest.is_empty() && text[end..*from].trim().is_empty() => {
                match half_of_day(&words[index + 1..]) {
                    Some(half) => (0, Some(half)),
                    None => continue,
                }
            }
            _ => match half_of_day(&[(0, rest)]) {
                Some(half) => (0, Some(half)),
                None => continue,
            },
        };
        push_time(&mut times, hour, minute, half);
    }
    times
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Half {
    Morning,
    Afternoon,
}

/// `pm`, `in the afternoon`, `at night` at the beginning of these words.
fn half_of_day(words: &[(usize, &str)]) -> Option<Half> {
    let word = |at: usize| words.get(at).map(|(_, word)| *word);
    match (word(0)?, word(1), word(2)) {
        ("am", ..) | ("in", Some("the"), Some("morning")) => Some(Half::Morning),
        ("pm", ..)
        | ("in", Some("the"), Some("afternoon" | "evening"))
        | ("at", Some("night"), _) => Some(Half::Afternoon),
        _ => None,
    }
}

fn push_time(times: &mut Vec<(u32, u32)>, hour: u32, minute: u32, half: Option<Half>) {
    let hour = match (half, hour) {
        (Some(Half::Morning), 12) => 0,
        (Some(Half::Afternoon), 1..=11) => hour + 12,
        _ => hour,
    };
    if hour < 24 && minute < 60 {
        times.push((hour, minute));
    }
}

/// `half past two`, `quarter to three`, `three o'clock` at the beginning of these words.
fn spoken_time(words: &[(usize, &str)]) -> Option<(u32, u32)> {
    let word = |at: usize| words.get(at).map(|(_, word)| *word);
    let hour_of = |at: usize| {
        let word = word(at)?;
        let named = NUMBER_WORDS.iter().position(|known| *known == word);
        let hour = named.map(|at| at as u32).or_else(|| word.parse().ok())?;
        (1..=12).contains(&hour).then_some(hour)
    };
    let (hour, minute, used) = match (word(0)?, word(1)?) {
        ("half", "past") => (hour_of(2)?, 30, 3),
        ("quarter", "past") => (hour_of(2)?, 15, 3),
        // The hour before, round the clock of twelve.
        ("quarter", "to") => ((hour_of(2)? + 10) % 12 + 1, 45, 3),
        (_, "o") if word(2) == Some("clock") => (hour_of(0)?, 0, 3),
        _ => return None,
    };
    let mut times = Vec::new();
    push_time(&mut times, hour, minute, half_of_day(&words[used..]));
    times.pop()
}

/// Dates by ISO, or by a day beside the name of a month, with or without a year.
pub(crate) fn find_dates(text: &str, words: &[(usize, &str)]) -> Vec<(Option<i16>, i8, i8)> {
    let mut dates = Vec::new();
    for window in text.as_bytes().windows(10).enumerate() {
        let (at, bytes) = window;
        if bytes[4] == b'-'
            && bytes[7] == b'-'
            && let Some(part) = text.get(at..at + 10)
            && let Ok(date) = part.parse::<Date>()
            && !text[at + 10..].starts_with(|next: char| next.is_ascii_digit())
        {
            dates.push((Some(date.year()), date.month(), date.day()));
        }
    }
    dates.extend(numeric_dates(text));
    let month_of = |word: &str| {
        MONTHS
            .iter()
            .position(|month| {
                month.eq_ignore_ascii_case(word)
                    || (word.len() == 3 && month[..3].eq_ignore_ascii_case(word))
                    || (word == "sept" && *month == "September")
            })
            .map(|at| at as i8 + 1)
    };
    let day_of = |word: &str| {
        let digits = word.trim_end_matches(|character: char| character.is_ascii_alphabetic());
        let ending = &word[digits.len()..];
        let day: i8 = digits.parse().ok()?;
        ((1..=31).contains(&day) && (ending.is_empty() || ending == ordinal(day))).then_some(day)
    };
    let year_of = |word: Option<&(usize, &str)>| {
        word.and_then(|(_, word)| word.parse::<i16>().ok())
            .filter(|year| (1900..2200).contains(year))
    };
    for (at, (_, word)) in words.iter().enumerate() {
        let Some(month) = month_of(word) else {
            continue;
        };
        // `March 19, 2026`
        if let Some(day) = words.get(at + 1).and_then(|(_, word)| day_of(word)) {
            dates.push((year_of(words.get(at + 2)), month, day));
        }
        // `19 March 2026`, `19th of March`
        let before = match at.checked_sub(1).map(|before| words[before].1) {
            Some("of") => at.checked_sub(2),
            _ => at.checked_sub(1),
        };
        if let Some(day) = before.and_then(|before| day_of(words[before].1)) {
            dates.push((year_of(words.get(at + 1)), month, day));
        }
    }
    dates
}
/// `19/03/2026`, `03/19/2026`, `19.3.2026`: where the order of day and month is beyond doubt.
fn numeric_dates(text: &str) -> Vec<(Option<i16>, i8, i8)> {
    let mut dates = Vec::new();
    for part in
        text.split(|character: char| !(character.is_ascii_digit() || "/.".contains(character)))
    {
        let part = part.trim_matches(['/', '.']);
        let separator = if part.contains('/') { '/' } else { '.' };
        let numbers: Vec<&str> = part.split(separator).collect();
        let [first, second, year] = numbers[..] else {
            continue;
        };
        let (Ok(first), Ok(second), Ok(year), 4) = (
            first.parse::<i8>(),
            second.parse::<i8>(),
            year.parse::<i16>(),
            year.len(),
        ) else {
            continue;
        };
        let (day, month) = match (first, second) {
            (13..=31, 1..=12) => (first, second),
            (1..=12, 13..=31) => (second, first),
            (first, second) if first == second && (1..=12).contains(&first) => (first, second),
            _ => continue,
        };
        dates.push((Some(year), month, day));
    }
    dates
}

/// `st` of 1st.
pub(crate) fn ordinal(day: i8) -> &'static str {
    match day {
        11..=13 => "th",
        _ => match day % 10 {
            1 => "st",
            2 => "nd",
            3 => "rd",
            _ => "th",
        },
    }
}
