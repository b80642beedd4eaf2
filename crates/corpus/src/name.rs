//! Names: of tools, and the short forms that ids are made of.

use std::collections::BTreeSet;

/// Longest name of a tool.
pub(crate) const NAME: usize = 64;

/// `text` as a tool name: `[A-Za-z0-9_-]`, at most [`NAME`] characters; `None` if nothing usable is left.
pub(crate) fn tool_name(text: &str) -> Option<String> {
    let mut name = String::new();
    for c in text.chars().take(400) {
        if c.is_ascii_alphanumeric() || c == '-' {
            name.push(c);
        } else if !name.is_empty() && !name.ends_with('_') {
            name.push('_');
        }
    }
    let name = name.trim_matches(['_', '-']);
    let letters = name.chars().any(|c| c.is_ascii_alphabetic());
    letters.then(|| shorten(name, NAME))
}

/// An `operationId` as a tool name, if it is one that a person would give.
pub(crate) fn from_operation_id(id: &str) -> Option<String> {
    let letters = id.chars().filter(char::is_ascii_alphabetic).count();
    if letters < 2 || is_code(id) {
        return None;
    }
    tool_name(id)
}

/// Whether a name is a machine's code (a UUID, a hash, a number) and says nothing.
fn is_code(name: &str) -> bool {
    let hex = name.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    let digits = name.chars().filter(char::is_ascii_digit).count();
    (hex && digits * 4 >= name.len() && name.len() >= 8) || digits * 2 > name.len()
}

/// Cuts a name to `limit` characters: whole words from behind the first one, which often names the API
/// and tells nothing apart that the tail does not.
fn shorten(name: &str, limit: usize) -> String {
    if name.len() <= limit {
        return name.to_owned();
    }
    let words: Vec<&str> = name.split('_').collect();
    for skip in 1..words.len().saturating_sub(1) {
        let mut kept: Vec<&str> = words.iter().take(1).copied().collect();
        kept.extend(words.iter().skip(1 + skip));
        let short = kept.join("_");
        if short.len() <= limit {
            return short;
        }
    }
    // ASCII by construction, so every index is a character boundary.
    let head = name.get(..limit).unwrap_or(name);
    head.trim_end_matches(['_', '-']).to_owned()
}

/// A name from method and path: `GET /v1/users/{id}/posts` is `get_users_posts`, and
/// `GET /v1/users/{id}` is `get_users_by_id`.
pub(crate) fn from_path(method: &str, path: &str) -> Option<String> {
    let mut words = vec![method.to_ascii_lowercase()];
    let mut last_parameter = None;
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        if let Some(parameter) = segment.strip_prefix('{') {
            last_parameter = Some(parameter.trim_end_matches('}'));
        } else if crate::version::is_version(segment) {
            last_parameter = None;
        } else {
            words.push(segment.replace(['-', '.'], "_"));
            last_parameter = None;
        }
    }
    if let Some(parameter) = last_parameter {
        words.push("by".to_owned());
        words.push(parameter.to_owned());
    }
    tool_name(&words.join("_"))
}

/// `text` as part of an id: lower case, `[a-z0-9.]` and single dashes, at most 48 characters.
pub(crate) fn slug(text: &str) -> String {
    let mut slug = String::new();
    for c in text.chars().take(400).flat_map(char::to_lowercase) {
        if c.is_ascii_alphanumeric() || c == '.' {
            slug.push(c);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    let head = slug.get(..48).unwrap_or(&slug);
    head.trim_matches(['-', '.']).to_owned()
}

/// The names given out within one API, each only once.
#[derive(Debug, Default)]
pub(crate) struct UniqueNames {
    taken: BTreeSet<String>,
}

impl UniqueNames {
    /// `name`, or `name` with the first free number behind it.
    pub(crate) fn claim(&mut self, name: &str) -> String {
        let mut free = name.to_owned();
        let mut number = 2usize;
        while self.taken.contains(&free) {
            let suffix = format!("_{number}");
            let head = name.get(..NAME.saturating_sub(suffix.len()));
            free = format!("{}{suffix}", head.unwrap_or(name));
            number += 1;
        }
        self.taken.insert(free.clone());
        free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cleaned_or_refused() {
        let name = |text| tool_name(text).unwrap_or_default();
        assert_eq!(name("calendar.events.insert"), "calendar_events_insert");
        assert_eq!(name("get-actions-id"), "get-actions-id");
        assert_eq!(name("  Größe / holen()"), "Gr_e_holen");
        assert_eq!(name("取得 2"), "");
        assert_eq!(name("h264"), "h264");
        let given = |id| from_operation_id(id).unwrap_or_default();
        assert_eq!(given("5ea1c2b0-77aa-4b1d-9a33-1f2e3d4c5b6a"), "");
        assert_eq!(given("a1b2c3d4e5f6a7b8"), "");
        assert_eq!(given("x"), "");
        assert_eq!(given("facade"), "facade");
        assert_eq!(
            name(
                "aiplatform.projects.locations.reasoningEngines.sandboxEnvironments.operations.wait"
            ),
            "aiplatform_reasoningEngines_sandboxEnvironments_operations_wait"
        );
        assert_eq!(name(&"x".repeat(80)).len(), NAME);
    }

    #[test]
    fn paths_make_names() {
        let name = |method, path| from_path(method, path).unwrap_or_default();
        assert_eq!(name("GET", "/v1/users/{id}/posts"), "get_users_posts");
        assert_eq!(name("GET", "/v1/users/{user_id}"), "get_users_by_user_id");
        assert_eq!(name("POST", "/api/2.0/a-b.json"), "post_api_a_b_json");
        assert_eq!(name("GET", "/"), "get");
    }

    #[test]
    fn names_are_given_out_once() {
        let mut names = UniqueNames::default();
        let long = "x".repeat(NAME);
        assert_eq!(names.claim("list"), "list");
        assert_eq!(names.claim("list"), "list_2");
        assert_eq!(names.claim("list"), "list_3");
        assert_eq!(names.claim(&long), long);
        assert_eq!(names.claim(&long).len(), NAME);
    }

    #[test]
    fn slugs_are_short_and_plain() {
        assert_eq!(slug("Google Calendar API (v3)"), "google-calendar-api-v3");
        assert_eq!(
            slug("@cocal/google-calendar-mcp"),
            "cocal-google-calendar-mcp"
        );
        assert_eq!(slug("---"), "");
    }
}
