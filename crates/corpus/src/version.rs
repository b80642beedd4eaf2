//! Versions of APIs: which is newer, and what a path is without them.

/// How new a version is: stable before beta before alpha, then the larger numbers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    stability: u8,
    /// Of the path (`/v2/`), which tells versions apart most surely.
    path: Vec<u64>,
    /// Of the document: its `version`.
    document: Vec<u64>,
}

impl Rank {
    /// The rank of an operation at `path` in a document of this version.
    pub(crate) fn of(path: &str, version: &str) -> Self {
        let mut stability = stability(version);
        let mut numbers = Vec::new();
        for segment in path.split('/').filter(|segment| is_version(segment)) {
            stability = stability.min(self::stability(segment));
            numbers.extend(digits(segment));
        }
        Self {
            stability,
            path: numbers,
            document: digits(version),
        }
    }
}

fn stability(version: &str) -> u8 {
    let lower = version.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if has(&["alpha", "dev", "experimental", "snapshot", "eap"]) {
        1
    } else if has(&["beta", "preview", "-rc", "draft"]) {
        2
    } else {
        3
    }
}

/// The numbers in a version, at most eight: `v1p1beta2` is 1, 1, 2 and `2019-07-01` is 2019, 7, 1.
fn digits(version: &str) -> Vec<u64> {
    version
        .split(|c: char| !c.is_ascii_digit())
        .filter(|part| !part.is_empty())
        .take(8)
        .map(|part| part.parse().unwrap_or(u64::MAX))
        .collect()
}

/// Whether a path segment is a version: `v2`, `1.0`, `v1beta1`, `v1.2`, `2019-07-01`, `beta`, `alpha`.
pub(crate) fn is_version(segment: &str) -> bool {
    let lower = segment.to_ascii_lowercase();
    if matches!(lower.as_str(), "alpha" | "beta" | "preview" | "stable") {
        return true;
    }
    let (prefix, body) = match lower.strip_prefix('v') {
        Some(body) => (true, body),
        None => (false, lower.as_str()),
    };
    if !body.starts_with(|c: char| c.is_ascii_digit()) || body.len() > 24 {
        return false;
    }
    let letters: String = body.chars().filter(char::is_ascii_alphabetic).collect();
    let plain = body
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
    let known = matches!(
        letters.as_str(),
        "" | "p" | "alpha" | "beta" | "palpha" | "pbeta" | "rc" | "preview" | "a" | "b" | "betaa"
    );
    // A bare number is an id or a year; with a point or two dashes it is a version or a date.
    let marked = prefix || body.contains('.') || body.matches('-').count() == 2;
    plain && known && marked
}

/// A path in which versions are left out and parameters have no names, for comparison.
///
/// `{name=projects/*/locations/*}`, which stands for several segments, is spread out.
pub(crate) fn comparable_path(path: &str) -> String {
    let mut out = String::new();
    for segment in segments(path) {
        if is_version(segment) {
            continue;
        }
        out.push('/');
        if let Some(parameter) = segment.strip_prefix('{') {
            let (inner, tail) = parameter.split_once('}').unwrap_or((parameter, ""));
            match inner.split_once('=') {
                Some((_, pattern)) => {
                    let spread: Vec<&str> = pattern
                        .split('/')
                        .map(|part| if part.starts_with('*') { "{}" } else { part })
                        .collect();
                    out.push_str(&spread.join("/"));
                }
                None => out.push_str("{}"),
            }
            out.push_str(tail);
        } else {
            out.push_str(&segment.to_ascii_lowercase());
        }
    }
    out
}

/// The segments of a path template; a slash inside braces does not divide.
pub(crate) fn segments(path: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0usize;
    path.split(move |c| {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == '/' && depth == 0
    })
    .filter(|segment| !segment.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered() {
        let newer = |a: (&str, &str), b: (&str, &str)| Rank::of(a.0, a.1) > Rank::of(b.0, b.1);
        assert!(newer(("/v2/x", ""), ("/v1/x", "")));
        assert!(newer(("/v1/x", ""), ("/v2beta/x", "")));
        assert!(newer(
            ("/compute/beta/x", "beta"),
            ("/compute/alpha/x", "alpha")
        ));
        assert!(newer(("/x", "2020-01-01"), ("/x", "2019-12-31")));
        assert!(newer(("/x", "2019-01-01"), ("/x", "2020-01-01-preview")));
        assert!(newer(("/x", "1.10.0"), ("/x", "1.9.9")));
        assert!(newer(("/v1/x", "1.1.4"), ("/v1/x", "1.1.3")));
        assert!(!newer(("/v1/x", "1"), ("/v1/x", "1")));
    }

    #[test]
    fn version_segments_are_known() {
        for segment in [
            "v1",
            "V2",
            "v1.2",
            "v1beta1",
            "v1p1beta1",
            "2.0",
            "2019-07-01",
            "beta",
        ] {
            assert!(is_version(segment), "{segment}");
        }
        for segment in [
            "", "v", "vault", "2019", "users", "123", "video1", "v1users", "{v1}",
        ] {
            assert!(!is_version(segment), "{segment}");
        }
    }

    #[test]
    fn paths_are_comparable() {
        assert_eq!(
            comparable_path("/v1/{name=projects/*/zones/*}:stop"),
            "/projects/{}/zones/{}:stop"
        );
        assert_eq!(
            comparable_path("/v1beta1/projects/{projectId}/zones/{zone}:stop"),
            "/projects/{}/zones/{}:stop"
        );
        assert_eq!(comparable_path("/"), "");
    }
}
