//! What a message of the agent does: it asks, offers, claims an end, or only keeps the user waiting.

use practicum_world::Outcome;

/// A sentence, and whether it wants something from the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sentence<'a> {
    pub(crate) text: &'a str,
    pub(crate) asks: bool,
}

const ASKS: &[&str] = &[
    "please provide",
    "please tell",
    "please give",
    "please share",
    "please send",
    "please specify",
    "please enter",
    "please state",
    "please name",
    "please confirm your",
    "please confirm the",
    "could you provide",
    "could you tell",
    "could you share",
    "can you provide",
    "can you tell",
    "can you share",
    "may i have",
    "may i know",
    "may i ask",
    "can i have",
    "can i get",
    "could i have",
    "could i get",
    "let me know",
    "i need to know",
    "i will need",
    "i'll need",
    "i need your",
    "i need the",
    "i still need",
    "i require",
    "tell me",
    "give me",
    "kindly provide",
    "provide your",
    "provide the",
    "provide me",
];

/// Sentences in which the user is asked whether there is more to do.
const CLOSES: &[&str] = &[
    "anything else",
    "something else",
    "any other question",
    "other questions",
    "further assistance",
    "more help",
    "any further",
    "else i can",
    "need any more",
];

const GENERAL: &[&str] = &[
    "how can i help",
    "how may i help",
    "how can i assist",
    "how may i assist",
    "what can i do for you",
    "what would you like",
    "what do you need",
    "how can i be of",
];

/// Splits a message into sentences; the items of a list belong to the sentence before them.
pub(crate) fn sentences(text: &str) -> Vec<Sentence<'_>> {
    let mut all = Vec::new();
    let mut listing = false;
    for line in text.lines() {
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        let item = line.starts_with(['-', '*', '\u{2022}'])
            || line.split_once(['.', ')']).is_some_and(|(head, _)| {
                !head.is_empty() && head.bytes().all(|byte| byte.is_ascii_digit())
            });
        if item && listing {
            all.push(Sentence {
                text: line,
                asks: true,
            });
            continue;
        }
        let mut start = 0;
        let bytes = line.as_bytes();
        for at in 0..bytes.len() {
            let ends = matches!(bytes[at], b'?' | b'!')
                || (bytes[at] == b'.' && bytes.get(at + 1).is_none_or(u8::is_ascii_whitespace));
            if ends || at + 1 == bytes.len() {
                let sentence = line[start..=at].trim();
                if !sentence.is_empty() && line.is_char_boundary(at + 1) {
                    all.push(Sentence {
                        text: sentence,
                        asks: asks(sentence),
                    });
                }
                start = at + 1;
            }
        }
        listing = line.ends_with(':') && all.last().is_some_and(|last| last.asks);
    }
    all
}

fn asks(sentence: &str) -> bool {
    let lower = sentence.to_lowercase();
    sentence.ends_with('?') || ASKS.iter().any(|cue| lower.contains(cue))
}

/// A sentence that may sound like a proposal (`may I have your name, to proceed?`) and asks for something.
pub(crate) fn asks_for_something(sentence: &str) -> bool {
    let lower = sentence.to_lowercase();
    let asks = ASKS.iter().any(|cue| lower.contains(cue));
    let words = super::fields::words(&lower);
    asks || ["confirm your", "what ", "which "]
        .iter()
        .any(|cue| lower.contains(cue))
        || words
            .first()
            .is_some_and(|first| ["when", "where", "who", "how"].contains(&first.as_str()))
}

/// The agent says that it is at work.
pub(crate) fn waits(text: &str) -> bool {
    let lower = text.to_lowercase();
    WAITS.iter().any(|cue| lower.contains(cue))
}

/// "Anything else?": the agent thinks that it is done.
pub(crate) fn closes(sentence: &str) -> bool {
    let lower = sentence.to_lowercase();
    CLOSES.iter().any(|cue| lower.contains(cue))
}

/// "How can I help?": a beginning, not a question.
pub(crate) fn is_general(sentence: &str) -> bool {
    let lower = sentence.to_lowercase();
    GENERAL.iter().any(|cue| lower.contains(cue))
}

const WAITS: &[&str] = &[
    "let me ",
    "one moment",
    "i will ",
    "i'll ",
    "please wait",
    "hold on",
    "i am going to",
    "i'm going to",
    "looking into",
    "i am checking",
    "i'm checking",
    "a moment",
];
const TRANSFERRED: &[&str] = &[
    "transferred you",
    "transferring you",
    "transfer you",
    "hand you over",
    "handed you over",
    "handed over to",
    "human agent",
    "escalated",
    "a colleague will",
];
const IMPOSSIBLE: &[&str] = &[
    "does not exist",
    "doesn't exist",
    "do not exist",
    "don't exist",
    "could not find",
    "couldn't find",
    "cannot find",
    "can't find",
    "not found",
    "no such",
    "there is no ",
    "there are no ",
    "there isn't",
    "we don't have",
    "we do not have",
    "is impossible",
    "not possible because",
];
const DECLINED: &[&str] = &[
    "cannot",
    "can't",
    "can not",
    "unable to",
    "not able to",
    "not allowed",
    "not permitted",
    "policy does not",
    "policy doesn't",
    "against our",
    "against the policy",
    "must decline",
    "have to decline",
    "i decline",
    "not eligible",
    "forbid",
    "won't be able",
];
const DONE: &[&str] = &[
    "has been",
    "have been",
    "is done",
    "are done",
    "all set",
    "is now",
    "are now",
    "i have ",
    "i've ",
    "completed",
    "successfully",
    "is complete",
    "was updated",
    "was cancelled",
    "was changed",
    "was created",
    "done.",
    "done!",
];

/// The outcome that a message claims in words, if it claims one. `answers` says that the user asked a
/// question, which any statement may answer.
pub(crate) fn claim(text: &str, sentences: &[Sentence<'_>], answers: bool) -> Option<Outcome> {
    if sentences
        .iter()
        .any(|sentence| sentence.asks && !closes(sentence.text))
    {
        return None;
    }
    let lower = text.to_lowercase().replace('\u{2019}', "'");
    let says = |cues: &[&str]| cues.iter().any(|cue| lower.contains(cue));
    if says(TRANSFERRED) {
        return Some(Outcome::Transferred);
    }
    let waits = says(WAITS);
    if says(IMPOSSIBLE) && !waits {
        return Some(Outcome::Impossible);
    }
    if says(DECLINED) && !waits {
        return Some(Outcome::Declined);
    }
    if says(DONE) {
        return Some(Outcome::Done);
    }
    let asks_for_more = sentences.iter().any(|sentence| closes(sentence.text));
    let words = lower.split_whitespace().count();
    let states =
        answers && !waits && words >= 2 && lower.bytes().any(|byte| byte.is_ascii_alphanumeric());
    (asks_for_more || states).then_some(Outcome::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_and_lists() {
        let text = "Sure. To verify you I need the following, please tell me:\n- your email\n- your zip code\n\nIt costs 3.50 EUR. OK?";
        let all = sentences(text);
        let texts: Vec<(&str, bool)> = all.iter().map(|own| (own.text, own.asks)).collect();
        assert_eq!(
            texts,
            [
                ("Sure.", false),
                ("To verify you I need the following, please tell me:", true),
                ("- your email", true),
                ("- your zip code", true),
                ("It costs 3.50 EUR.", false),
                ("OK?", true),
            ]
        );
    }

    #[test]
    fn claims() {
        let of = |text: &str, answers| claim(text, &sentences(text), answers);
        assert_eq!(
            of("Your order has been cancelled. Anything else?", false),
            Some(Outcome::Done)
        );
        assert_eq!(
            of(
                "I'm sorry, I cannot do that: it is against our policy.",
                false
            ),
            Some(Outcome::Declined)
        );
        assert_eq!(
            of("I couldn't find a guest of that name.", false),
            Some(Outcome::Impossible)
        );
        assert_eq!(
            of("I am transferring you to a person.", false),
            Some(Outcome::Transferred)
        );
        assert_eq!(of("Could you tell me your email?", true), None);
        assert_eq!(of("Let me look that up.", true), None);
        assert_eq!(of("It is open until six.", true), Some(Outcome::Done));
        assert_eq!(of("Hmm.", false), None);
    }
}
