//! Text that nobody would write: it is judged, within the stack and the memory of a test's thread.

use serde_json::json;

use crate::dice::Dice;
use crate::fixture::{benchmark, function, verdict, word};
use practicum_bench::acebench::{Benchmark, Category};

/// A benchmark that asks for `f(a='x')`.
struct Judge {
    benchmark: Benchmark,
}

impl Judge {
    fn new() -> Self {
        let answer = json!({ "ground_truth": { "f": { "a": "x" } } });
        let functions = function(json!({ "a": { "type": "string" } }));
        let items = [("normal_atom_bool_0", functions, answer)];
        Self {
            benchmark: benchmark(Category::AtomBool, &items),
        }
    }

    fn said(&self, text: &str) -> &'static str {
        word(&verdict(
            &self.benchmark,
            Category::AtomBool,
            json!(text),
            None,
        ))
    }
}

/// CPython takes 200 open brackets and no more.
#[test]
fn brackets_nest_to_two_hundred() {
    let judge = Judge::new();
    for (open, close) in [
        ("(", ")"),
        ("[", "]"),
        ("{1:", "}"),
        ("g(a=", ")"),
        ("x[", "]"),
        ("-(", ")"),
    ] {
        let nested =
            |depth: usize| format!("[f({}1{}, a='x')]", open.repeat(depth), close.repeat(depth));
        assert_eq!(judge.said(&nested(198)), "ok", "{open}");
        assert_eq!(judge.said(&nested(199)), "wrong_output_format", "{open}");
    }
}

/// The deepest text that is read fits the smallest stack that threads have.
#[test]
fn everything_nests_in_everything() {
    let judge = Judge::new();
    let level =
        "lambda: 1 if 1 else 1 or 1 and not 1 < 1 | 1 ^ 1 & 1 << 1 + 1 * -1 ** g(1)[1].x(a=";
    judge.said(&format!(
        "[f({}1{}, a='x')]",
        level.repeat(198),
        ")".repeat(198)
    ));
    let level = "1 or 1 and not 1 < 1 | 1 ^ 1 & 1 << 1 + 1 * -g(1)[1].x(a={1: (";
    let text = format!("[f({}1{}, a='x')]", level.repeat(66), ")})".repeat(66));
    judge.said(&text);
}

#[test]
fn long_rows_of_anything_end() {
    let judge = Judge::new();
    for piece in [
        "[",
        "(",
        "{",
        "-",
        "not ",
        "1+",
        "1**",
        "lambda:",
        "1 if 1 else ",
        "x.",
        "x[0].",
        "f(",
        "'a' ",
        "\\\n",
        "await ",
        "1<",
        "a=1,",
        "*",
        "**",
        "x for x in ",
        "\"",
        "\\",
        "9",
        "0x",
        "_",
        "#",
        "{1:",
        "yield ",
        "f'{",
    ] {
        let row = piece.repeat(4_000);
        judge.said(&row);
        judge.said(&format!("[f({row})]"));
        judge.said(&format!("[f(a={row}1)]"));
    }
}

#[test]
fn few_characters_cannot_ask_for_much_memory() {
    let judge = Judge::new();
    for value in [
        "'x' * 10 ** 12",
        "[[0] * 10 ** 6] * 10 ** 6",
        "9 ** 9 ** 9",
        "1 << 10 ** 12",
        "10 ** 10 ** 6 * 10 ** 10 ** 6",
        &vec!["[0] * 1000000"; 5_000].join(" + "),
        &format!("[{}]", vec!["[0] * 1000000"; 5_000].join(", ")),
    ] {
        assert_eq!(
            judge.said(&format!("[f(a={value})]")),
            "wrong_output_format",
            "{}",
            &value[..20.min(value.len())]
        );
    }
    // What is far beyond the 4,300 digits that Python writes is not written either.
    judge.said(&format!("[f(a={{'n': 0x{}}})]", "f".repeat(200_000)));
}

#[test]
fn any_characters_are_judged() {
    let judge = Judge::new();
    let pieces = [
        "[",
        "]",
        "(",
        ")",
        "{",
        "}",
        "'",
        "\"",
        "'''",
        ",",
        "=",
        ":",
        ":=",
        "*",
        "**",
        "-",
        "not ",
        "f",
        "a",
        "a=",
        "'x'",
        "1",
        "1.5e3",
        "0x",
        "\\",
        "\n",
        "\u{0}",
        "\u{feff}",
        "\u{10ffff}",
        "\u{3000}",
        "\u{e9}",
        "lambda ",
        "for ",
        "in ",
        "if ",
        "else ",
        "...",
        "\\N{",
        "\\ud800",
        "b'",
        "f'{",
        "[f(a='x')]",
    ];
    let dice = &mut Dice::new(20_260_731);
    for _ in 0..3_000 {
        let text: String = (0..dice.below(40)).map(|_| *dice.of(&pieces)).collect();
        judge.said(&format!("[f({text}a='x')]"));
        judge.said(&text);
    }
}
