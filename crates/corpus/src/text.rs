//! Prose of specs: markup taken out, white space folded, cut at a sentence.

/// Longest description of a tool, in characters.
pub(crate) const DESCRIPTION: usize = 1024;

/// HTML tags that end a word: block elements and line breaks.
const BLOCK_TAGS: &[&str] = &[
    "aside",
    "blockquote",
    "br",
    "caption",
    "center",
    "dd",
    "details",
    "div",
    "dl",
    "dt",
    "figure",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "img",
    "li",
    "ol",
    "p",
    "pre",
    "script",
    "section",
    "style",
    "summary",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "tr",
    "ul",
];

/// HTML tags that may stand inside a word.
const INLINE_TAGS: &[&str] = &[
    "a", "abbr", "b", "code", "em", "font", "i", "kbd", "mark", "nobr", "s", "small", "span",
    "strong", "sub", "sup", "tt", "u", "var", "wbr",
];

/// Summary and description as one text of at most [`DESCRIPTION`] characters.
///
/// The summary often says what the operation does where the description only adds remarks, so both are
/// kept unless one repeats the other.
pub(crate) fn describe(summary: Option<&str>, description: Option<&str>) -> String {
    let summary = clean(summary.unwrap_or_default(), DESCRIPTION);
    let description = clean(description.unwrap_or_default(), DESCRIPTION);
    if description.is_empty() {
        return summary;
    }
    let lower = description.to_lowercase();
    let head = summary.to_lowercase();
    let head = head.trim_end_matches(['.', '!', ' ']);
    // One word ("orders") is a label, not a sentence.
    if !head.contains(' ') || lower.contains(head) {
        return description;
    }
    let stop = if summary.ends_with(['.', '!', '?', ':', '。']) {
        " "
    } else {
        ". "
    };
    clean(&format!("{summary}{stop}{description}"), DESCRIPTION)
}

/// `text` without HTML and link targets, white space folded, at most `limit` characters.
pub(crate) fn clean(text: &str, limit: usize) -> String {
    let mut out = Folded::new(limit);
    fold(text, &mut out, true);
    cut(out.text, limit)
}

/// Cuts at the last sentence that fits in `limit` characters, or failing that at the last word.
pub(crate) fn cut(mut text: String, limit: usize) -> String {
    let Some((end, _)) = text.char_indices().nth(limit) else {
        return text;
    };
    let Some(head) = text.get(..end) else {
        return text;
    };
    let sentence = head
        .char_indices()
        .filter(|(at, c)| {
            let behind = text.get(at + c.len_utf8()..).unwrap_or_default();
            matches!(c, '。' | '！' | '？')
                || matches!(c, '.' | '!' | '?') && behind.starts_with(' ')
        })
        .map(|(at, c)| at + c.len_utf8())
        .next_back();
    if let Some(at) = sentence
        && at * 3 >= end
    {
        text.truncate(at);
        return text;
    }
    // One character less than the limit, for the ellipsis.
    let room = head.char_indices().next_back().map_or(0, |(at, _)| at);
    let word = head
        .get(..room)
        .and_then(|head| head.rfind(' '))
        .filter(|at| at * 2 >= room)
        .unwrap_or(room);
    text.truncate(word);
    text.push('…');
    text
}

/// Text that is being put together with single spaces.
struct Folded {
    text: String,
    /// Characters that may still come. Twice the limit: enough to see that a cut is needed.
    room: usize,
    space: bool,
}

impl Folded {
    fn new(limit: usize) -> Self {
        Self {
            text: String::new(),
            room: limit.saturating_mul(2),
            space: false,
        }
    }

    fn push(&mut self, c: char) {
        if c.is_whitespace() || c.is_control() || matches!(c, '\u{200b}' | '\u{feff}') {
            self.space = true;
            return;
        }
        if self.space && !self.text.is_empty() {
            self.text.push(' ');
            self.room = self.room.saturating_sub(1);
        }
        self.space = false;
        self.text.push(c);
        self.room = self.room.saturating_sub(1);
    }
}

fn fold(text: &str, out: &mut Folded, links: bool) {
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if out.room == 0 {
            return;
        }
        match c {
            '<' => {
                if let Some((block, behind)) = html_tag(rest) {
                    out.space |= block;
                    rest = behind;
                    continue;
                }
            }
            '&' => {
                if let Some((decoded, behind)) = entity(rest) {
                    out.push(decoded);
                    rest = behind;
                    continue;
                }
            }
            '[' if links => {
                if let Some((label, behind)) = markdown_link(rest) {
                    fold(label, out, false);
                    rest = behind;
                    continue;
                }
            }
            _ => {}
        }
        out.push(c);
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
    }
}

/// The HTML tag or comment at the start of `text`: whether it ends a word, and what stands behind it.
/// `<id>` and the like are placeholders, not tags.
fn html_tag(text: &str) -> Option<(bool, &str)> {
    if let Some(comment) = text.strip_prefix("<!--") {
        return Some((true, comment.split_once("-->").map_or("", |(_, rest)| rest)));
    }
    let inner = text.strip_prefix('<')?;
    let closing = inner.starts_with('/');
    let inner = inner.strip_prefix('/').unwrap_or(inner);
    let name: String = inner
        .chars()
        .take_while(char::is_ascii_alphanumeric)
        .take(12)
        .collect();
    let behind = inner.get(name.len()..)?;
    if !behind.starts_with(['>', '/', ' ', '\t', '\n', '\r']) {
        return None;
    }
    let name = name.to_ascii_lowercase();
    let block = BLOCK_TAGS.contains(&name.as_str());
    if !block && !INLINE_TAGS.contains(&name.as_str()) {
        return None;
    }
    // Only so far: an unclosed `<` must not swallow the rest of the text.
    let end = behind
        .char_indices()
        .take(2000)
        .find(|(_, c)| *c == '>')
        .map(|(at, _)| at)?;
    let behind = behind.get(end + 1..)?;
    if !closing && matches!(name.as_str(), "script" | "style") {
        let close = format!("</{name}");
        let at = behind.to_ascii_lowercase().find(&close);
        return Some((true, at.map_or("", |at| behind.get(at..).unwrap_or(""))));
    }
    Some((block, behind))
}

/// The character that an entity at the start of `text` stands for, and what stands behind it.
fn entity(text: &str) -> Option<(char, &str)> {
    let (name, behind) = text.strip_prefix('&')?.split_once(';')?;
    if name.len() > 8 {
        return None;
    }
    let decoded = match name {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "quot" | "ldquo" | "rdquo" => '"',
        "apos" | "lsquo" | "rsquo" => '\'',
        "nbsp" | "ensp" | "emsp" | "thinsp" => ' ',
        "mdash" => '—',
        "ndash" => '–',
        "hellip" => '…',
        "bull" | "middot" => '·',
        "times" => '×',
        "le" => '≤',
        "ge" => '≥',
        "rarr" => '→',
        "copy" => '©',
        "deg" => '°',
        "euro" => '€',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)?
        }
    };
    Some((decoded, behind))
}

/// The label of a Markdown link or image at the start of `text`, and what stands behind it.
fn markdown_link(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_prefix('[')?;
    let close = inner.char_indices().take(300).find(|(_, c)| *c == ']')?.0;
    let (label, behind) = (inner.get(..close)?, inner.get(close + 1..)?);
    let target = behind.strip_prefix('(')?;
    let end = target.char_indices().take(1000).find(|(_, c)| *c == ')')?.0;
    let url = target.get(..end)?;
    let looks_like_link =
        url.is_empty() || url.contains([':', '/', '#', '.']) && !url.contains(char::is_whitespace);
    if label.trim().is_empty() || !looks_like_link {
        return None;
    }
    Some((label, target.get(end + 1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_goes_and_placeholders_stay() {
        let text = "<p>Returns the <b>order</b>.<br/>Use <id> &amp; <your-key>&#39;s&nbsp;value; \
                    see [the guide](https://x.y/z#a), [Error]() or list[0](1).<!-- secret --></p>\n\n 1 < 2";
        assert_eq!(
            clean(text, 500),
            "Returns the order. Use <id> & <your-key>'s value; see the guide, Error or list[0](1). 1 < 2"
        );
        assert_eq!(clean("a<script>var x = '<p>';</script>b", 50), "a b");
        assert_eq!(clean("unclosed <p and more", 50), "unclosed <p and more");
    }

    #[test]
    fn cuts_fall_on_sentences_words_and_characters() {
        assert_eq!(clean("One two. Three four five.", 15), "One two.");
        assert_eq!(clean("Onetwo three four", 12), "Onetwo…");
        assert_eq!(clean("äöüäöüäöü", 4), "äöü…");
        assert_eq!(clean("short", 5), "short");
        assert_eq!(clean("", 5), "");
        assert_eq!(clean("abc", 0), "");
    }

    #[test]
    fn summary_and_description_are_joined() {
        assert_eq!(
            describe(
                Some("Get a repository"),
                Some("The `parent` is present for forks.")
            ),
            "Get a repository. The `parent` is present for forks."
        );
        assert_eq!(
            describe(Some("Get a pet."), Some("Get a pet by its id")),
            "Get a pet by its id"
        );
        assert_eq!(describe(Some("pets"), Some("All of them")), "All of them");
        assert_eq!(describe(Some("List pets"), None), "List pets");
        assert_eq!(describe(None, None), "");
    }
}
