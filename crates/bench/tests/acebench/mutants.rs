//! Answers made from right ones by seeded changes: to the calls, to their values, to the text, to prose, to states.

use practicum_bench::acebench::{Answer, Benchmark, Category, Family};
use serde_json::{Value as Json, json};

use crate::dice::Dice;
use crate::golden::{Calls, calls, golden, written};

/// A mutant of an item. The same seed gives the same mutant.
pub(crate) fn mutant(benchmark: &Benchmark, category: Category, id: &str, seed: u64) -> Answer {
    let mut state = seed;
    for byte in category.name().bytes().chain(id.bytes()) {
        state = (state ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
    }
    let dice = &mut Dice::new(state);
    let mut answer = golden(benchmark, category, id);
    match category.family() {
        Family::Normal | Family::Dialogue => {
            let truth = benchmark.ground_truth(category, id).unwrap();
            answer.result = normal(truth, dice);
        }
        Family::Special => answer.result = special(&answer.result, dice),
        Family::Agent => agent(&mut answer, dice),
    }
    answer
}

fn normal(truth: &Json, dice: &mut Dice) -> Json {
    let mut calls = calls(truth);
    let mut style = Style::default();
    for _ in 0..*dice.of(&[1, 1, 1, 2]) {
        match dice.below(10) {
            0 => change_calls(&mut calls, dice),
            1 | 2 => change_arguments(&mut calls, dice),
            3..=7 => change_some_value(&mut calls, dice),
            _ => style = Style::any(dice),
        }
    }
    let mut text = style.write(&calls, dice);
    for _ in 0..*dice.of(&[0, 0, 0, 0, 1, 2]) {
        text = change_text(&text, dice);
    }
    if dice.once_in(60) {
        return [
            Json::Null,
            json!(5),
            json!([text]),
            json!({ "[": text }),
            json!(true),
        ][dice.below(5)]
        .clone();
    }
    json!(text)
}

fn change_calls(calls: &mut Calls, dice: &mut Dice) {
    if calls.is_empty() {
        calls.push(("nothing".into(), vec![]));
        return;
    }
    let at = dice.below(calls.len());
    match dice.below(9) {
        0 => drop(calls.remove(at)),
        1 => calls.push(calls[at].clone()),
        2 => calls.reverse(),
        3 => calls[at].0 = calls[at].0.to_lowercase(),
        4 => calls[at].0.push_str("_1"),
        5 => calls[at].0 = "another_function".into(),
        6 => calls[at].1.clear(),
        7 => calls[at].0 = format!("module.{}", calls[at].0),
        _ => calls.push(("another_function".into(), vec![("value".into(), json!(1))])),
    }
}

fn change_arguments(calls: &mut Calls, dice: &mut Dice) {
    let Some(at) = calls.len().checked_sub(1).map(|_| dice.below(calls.len())) else {
        return;
    };
    let arguments = &mut calls[at].1;
    if arguments.is_empty() {
        arguments.push(("extra".into(), json!("x")));
        return;
    }
    let at = dice.below(arguments.len());
    match dice.below(7) {
        0 => drop(arguments.remove(at)),
        1 => arguments.push(("extra".into(), json!("x"))),
        2 => arguments.reverse(),
        3 => arguments[at].0 = arguments[at].0.to_uppercase(),
        4 => arguments.push(arguments[at].clone()),
        5 => arguments[at].0.push('s'),
        _ => {
            let next = (at + 1) % arguments.len();
            let moved = arguments[at].1.clone();
            arguments[at].1 = std::mem::replace(&mut arguments[next].1, moved);
        }
    }
}

fn change_some_value(calls: &mut Calls, dice: &mut Dice) {
    let Some(at) = calls.len().checked_sub(1).map(|_| dice.below(calls.len())) else {
        return;
    };
    let arguments = &mut calls[at].1;
    if arguments.is_empty() {
        return;
    }
    let at = dice.below(arguments.len());
    change_value(&mut arguments[at].1, dice);
}

/// Changes a value or something within it.
fn change_value(value: &mut Json, dice: &mut Dice) {
    match value {
        Json::Array(items) if !items.is_empty() && dice.once_in(2) => {
            let at = dice.below(items.len());
            change_value(&mut items[at], dice);
        }
        Json::Object(members) if !members.is_empty() && !dice.once_in(3) => {
            let at = dice.below(members.len());
            let member = members.values_mut().nth(at).unwrap();
            change_value(member, dice);
        }
        _ => *value = changed(value, dice),
    }
}

/// Another value in the place of one.
fn changed(value: &Json, dice: &mut Dice) -> Json {
    match value {
        _ if dice.once_in(8) => [
            json!(null),
            json!(0),
            json!(1),
            json!(true),
            json!(""),
            json!([]),
            json!({}),
            json!("true"),
        ][dice.below(8)]
        .clone(),
        Json::String(text) => json!(changed_text(text, dice)),
        Json::Bool(value) => [
            json!(!value),
            json!(value.to_string()),
            json!(u8::from(*value)),
            json!("yes"),
        ][dice.below(4)]
        .clone(),
        Json::Number(number) => {
            let real = number.as_f64().unwrap();
            [
                json!(real + 1.0),
                json!(number.to_string()),
                json!(-real),
                json!(real as i64),
                json!((real as i64).saturating_add(1)),
                json!(real * 1e18),
                json!(format!("{real}0")),
                json!([number]),
            ][dice.below(8)]
            .clone()
        }
        Json::Array(items) => {
            let mut items = items.clone();
            match dice.below(6) {
                0 => drop(items.pop()),
                1 => items.extend(items.first().cloned()),
                2 => items.reverse(),
                3 => return items.first().cloned().unwrap_or_default(),
                4 => return json!([items]),
                _ => items.push(json!("x")),
            }
            Json::Array(items)
        }
        Json::Object(members) => {
            let mut members = members.clone();
            let first = members.keys().next().cloned().unwrap_or_default();
            match dice.below(6) {
                0 => drop(members.shift_remove(&first)),
                1 => drop(members.insert("extra".into(), json!("x"))),
                2 => {
                    let value = members.shift_remove(&first).unwrap_or_default();
                    members.insert(first.to_uppercase(), value);
                }
                3 => members.sort_keys(),
                4 => return json!([members]),
                _ => return json!(Json::Object(members).to_string()),
            }
            Json::Object(members)
        }
        Json::Null => json!("None"),
    }
}

fn changed_text(text: &str, dice: &mut Dice) -> String {
    let middle = text
        .char_indices()
        .nth(text.chars().count() / 2)
        .map_or(0, |(at, _)| at);
    let (head, tail) = text.split_at(middle);
    match dice.below(15) {
        0 => text.to_uppercase(),
        1 => text.replace(' ', "_"),
        2 => format!("{head} {tail}"),
        3 => format!("{head}.-/*^,{tail}"),
        4 => format!("the {text} of today"),
        5 => head.into(),
        6 => String::new(),
        7 => format!("{head}'{tail}"),
        8 => format!("{head}\"{tail}"),
        9 => format!("{head}]{tail}"),
        10 => format!("{head}\n{tail}"),
        11 => format!("{head}\u{e9}\u{4f60}\u{200b}{tail}"),
        12 => format!("{head}\\{tail}"),
        13 => text.chars().rev().collect(),
        _ => "something else".into(),
    }
}

/// Other spellings of the same calls.
#[derive(Default)]
struct Style {
    kind: usize,
}

impl Style {
    fn any(dice: &mut Dice) -> Self {
        Self {
            kind: 1 + dice.below(26),
        }
    }

    fn write(&self, calls: &Calls, dice: &mut Dice) -> String {
        let text = written(calls);
        let inner = &text[1..text.len() - 1];
        match self.kind {
            1 => text.replace('\'', "\""),
            2 => inner.into(),
            3 => format!("({inner},)"),
            4 => format!("{{{inner}}}"),
            5 => format!("Here are the calls:\n```python\n{text}\n```"),
            6 => format!("Step [1] of 2: {text}"),
            7 => format!("{text} and {text}"),
            8 => format!("[{text}]"),
            9 => text.replace(", ", ",\n    "),
            10 => text
                .replace("True", "true")
                .replace("False", "false")
                .replace("None", "null"),
            11 => text.replace('=', ": "),
            12 => text.replace(", ", " "),
            13 => text.replace(')', ",)"),
            14 => text.replace("='", "=r'"),
            15 => text.replace("='", "=f'"),
            16 => text.replace("='", "='' '"),
            17 => text.replace("='", "=b'"),
            18 => text.replace('(', "(1, *rest, "),
            19 => text.replace('(', "(**{").replace(')', "})"),
            20 => text.replace("[{", "({").replace("}]", "},)"),
            21 => text.replace(": '", ": u\"\"\"").replace("',", "\"\"\","),
            22 => text
                .replace('=', "=-")
                .replace("-'", "'")
                .replace("-[", "[")
                .replace("-{", "{"),
            23 => text.replace(": ", ": (").replace(", '", "), '"),
            24 => text.replace(['\'', '"'], ""),
            25 => {
                let digit = char::from(b'0' + dice.below(10) as u8);
                text.replacen(digit, &format!("{digit}+{digit}"), 1)
            }
            26 => text.replace('\'', "\u{2019}"),
            _ => text,
        }
    }
}

/// A change of a few characters.
fn change_text(text: &str, dice: &mut Dice) -> String {
    const PIECES: [&str; 44] = [
        "[",
        "]",
        "(",
        ")",
        "{",
        "}",
        "'",
        "\"",
        ",",
        "=",
        ":",
        ".",
        "-",
        "+",
        "not ",
        "~",
        "\\",
        "\n",
        "#",
        " ",
        "_",
        "0",
        "1e5",
        "x",
        "lambda: ",
        "...",
        "*",
        "**",
        "/",
        "1 if x else ",
        " for x in y",
        "'''",
        "\u{3000}",
        "\u{a0}",
        "\\x41",
        "\\u00e9",
        "\\101",
        "f(a=1)",
        "None",
        "x[0]",
        "a.b",
        "yield ",
        "\r\n",
        "\u{1c}",
    ];
    let mut characters: Vec<char> = text.chars().collect();
    let at = dice.below(characters.len() + 1);
    let end = (at + 1 + dice.below(3)).min(characters.len());
    match dice.below(6) {
        0 => drop(characters.drain(at.min(end)..end)),
        1 => {
            let copied = characters[at.min(end)..end].to_vec();
            characters.splice(at..at, copied);
        }
        2 if end > at => characters[at..end].reverse(),
        3 => characters.truncate(at),
        _ => {
            let piece = *dice.of(&PIECES);
            characters.splice(at..at, piece.chars());
        }
    }
    characters.into_iter().collect()
}

fn special(result: &Json, dice: &mut Dice) -> Json {
    let mut text = result.as_str().unwrap_or_default().to_owned();
    let words: Vec<String> = text.split(' ').map(ToOwned::to_owned).collect();
    for _ in 0..=dice.below(2) {
        text = match dice.below(9) {
            0 => text.to_lowercase(),
            1 => text
                .replace("Missing necessary", "Some necessary")
                .replace("incorrect", "wrong"),
            2 => text.replacen(dice.of(&words).as_str(), "", 1),
            3 => text.replace(['(', ')'], " "),
            4 => text.replace(", ", ","),
            5 => text.split('(').next().unwrap_or_default().into(),
            6 => text
                .split_once('(')
                .map_or_else(String::new, |(_, rest)| rest.into()),
            7 => change_text(&text, dice),
            _ => format!("I am sorry. {text} Could you help?"),
        };
    }
    match dice.below(30) {
        0 => Json::Null,
        1 => json!([text]),
        2 => json!(words),
        3 => json!({ text: 1 }),
        4 => json!(7),
        _ => json!(text),
    }
}

fn agent(answer: &mut Answer, dice: &mut Dice) {
    let mut classes = answer.result.as_array().cloned().unwrap_or_default();
    for _ in 0..=dice.below(2) {
        if classes.is_empty() {
            break;
        }
        let at = dice.below(classes.len());
        match dice.below(12) {
            0 => drop(classes.remove(at)),
            1 => classes.push(classes[at].clone()),
            2 => classes.reverse(),
            3 => rename_class(&mut classes[at], "Another"),
            4 => classes[at] = json!({}),
            5 => classes[at] = [json!("text"), json!(null), json!([])][dice.below(3)].clone(),
            _ => change_class(&mut classes[at], dice),
        }
    }
    if !dice.once_in(4) {
        answer.result = Json::Array(classes);
    }
    if dice.once_in(25) {
        let first = answer.result.get(0).cloned().unwrap_or_default();
        answer.result = [first, json!("ab"), json!(null), json!(3)][dice.below(4)].clone();
    }
    let mut process = answer
        .process
        .take()
        .and_then(|process| process.as_array().cloned())
        .unwrap_or_default();
    for _ in 0..dice.below(4) {
        let at = dice.below(process.len());
        match dice.below(8) {
            0 if !process.is_empty() => drop(process.remove(at)),
            1 => process.reverse(),
            2 if !process.is_empty() => process.insert(at, process[at].clone()),
            3 => process.insert(at, json!("[extra()]")),
            4 => process.truncate(at),
            5 if !process.is_empty() => {
                let call = process[at].as_str().unwrap_or_default();
                process[at] = json!(format!(" \t{call}\u{3000}\n"));
            }
            6 if !process.is_empty() => {
                let call = process[at].as_str().unwrap_or_default();
                process[at] = json!(change_text(call, dice));
            }
            _ if dice.once_in(4) => process.push(json!(1)),
            _ => process.push(json!("")),
        }
    }
    answer.process = match dice.below(40) {
        0 => None,
        1 => Some(Json::Null),
        2 => Some(json!(process.first())),
        _ => Some(Json::Array(process)),
    };
}

fn rename_class(class: &mut Json, name: &str) {
    let Some(members) = class.as_object_mut() else {
        return;
    };
    let Some(first) = members.keys().next().cloned() else {
        return;
    };
    let value = members.shift_remove(&first).unwrap_or_default();
    members.insert(name.into(), value);
}

/// Changes a class's attributes.
fn change_class(class: &mut Json, dice: &mut Dice) {
    let Some(attributes) = class
        .as_object_mut()
        .and_then(|class| class.values_mut().next())
    else {
        return;
    };
    let Some(members) = attributes
        .as_object_mut()
        .filter(|members| !members.is_empty())
    else {
        *attributes = json!({ "extra": 1 });
        return;
    };
    let at = dice.below(members.len());
    let name = members.keys().nth(at).cloned().unwrap_or_default();
    match dice.below(8) {
        0 => drop(members.shift_remove(&name)),
        1 => drop(members.insert("extra".into(), json!(1))),
        2 => drop(members.insert(name, json!("text"))),
        3 => {
            let value = members.shift_remove(&name).unwrap_or_default();
            members.insert(name, value);
        }
        4 => {
            if let Some(Json::Object(inner)) = members.get_mut(&name) {
                inner.insert("extra".into(), json!(1));
            }
        }
        5 => {
            if let Some(Json::Object(inner)) = members.get_mut(&name)
                && let Some(first) = inner.keys().next().cloned()
            {
                inner.shift_remove(&first);
            }
        }
        6 => {
            // The same numbers in another type.
            let value = &mut members[&name];
            if let Some(number) = value.as_bool() {
                *value = json!(u8::from(number));
            } else if let Some(number) = value.as_f64() {
                *value = json!(number);
            }
        }
        _ => change_value(&mut members[&name], dice),
    }
}
