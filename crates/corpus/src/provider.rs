//! Who offers an API: from what the document says, its servers, or the name of its file.

/// Second-level names under which anyone can register, or which a platform lends to its users. The last
/// two labels of a host below them name no provider; the last three do.
const SHARED_SUFFIXES: &[&str] = &[
    "ac.uk",
    "appspot.com",
    "azurewebsites.net",
    "cloudfunctions.net",
    "co.id",
    "co.il",
    "co.in",
    "co.jp",
    "co.kr",
    "co.nz",
    "co.th",
    "co.uk",
    "co.za",
    "com.ar",
    "com.au",
    "com.br",
    "com.cn",
    "com.co",
    "com.hk",
    "com.mx",
    "com.my",
    "com.ng",
    "com.pl",
    "com.sg",
    "com.tr",
    "com.tw",
    "com.ua",
    "firebaseapp.com",
    "github.io",
    "gitlab.io",
    "gov.au",
    "gov.in",
    "gov.uk",
    "gov.za",
    "govt.nz",
    "herokuapp.com",
    "in.th",
    "ne.jp",
    "net.au",
    "net.br",
    "netlify.app",
    "nhs.uk",
    "onrender.com",
    "or.jp",
    "org.au",
    "org.br",
    "org.nz",
    "org.uk",
    "org.za",
    "p.rapidapi.com",
    "repl.co",
    "vercel.app",
    "web.app",
    "workers.dev",
];

/// Hosts that stand for "fill this in", and those of mock servers: they say nothing of who offers the API.
const PLACEHOLDERS: &[&str] = &[
    "apiary-mock.com",
    "apiary.io",
    "beeceptor.com",
    "mockable.io",
    "pstmn.io",
    "apiblueprint.org",
    "example.com",
    "example.org",
    "example.net",
    "localhost",
    "swaggerhub.com",
    "swagger.io",
    "server.com",
    "domain.com",
    "yourdomain.com",
];

/// A server's URL, taken apart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct BaseUrl {
    /// Lower case, without port; empty where the URL is relative.
    pub(crate) host: String,
    /// Without a slash at its end; empty or starting with a slash.
    pub(crate) path: String,
}

impl BaseUrl {
    /// Takes `https://host/path`, `//host/path`, `host/path` without scheme only with a dot in the host,
    /// or `/path`.
    pub(crate) fn parse(url: &str) -> Self {
        let url = url.trim();
        let url = url.split(['?', '#']).next().unwrap_or_default();
        let (host, path) = match url.split_once("//") {
            Some((_, rest)) => split_host(rest),
            None if url.starts_with('/') || url.is_empty() => ("", url),
            None => {
                let (host, path) = split_host(url);
                if host.contains('.') {
                    (host, path)
                } else {
                    ("", url)
                }
            }
        };
        let host = host.rsplit('@').next().unwrap_or_default();
        let host = host.split(':').next().unwrap_or_default().to_lowercase();
        let path = path.trim_matches('/');
        Self {
            host,
            path: if path.is_empty() {
                String::new()
            } else {
                format!("/{path}")
            },
        }
    }
}

fn split_host(rest: &str) -> (&str, &str) {
    match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    }
}

/// The provider behind a host: its registered domain. `None` for placeholders and addresses.
pub(crate) fn from_host(host: &str) -> Option<String> {
    let labels: Vec<&str> = host
        .split('.')
        .filter(|label| !label.is_empty() && !label.contains(['{', '}', '<', '>', '$', '*']))
        .collect();
    let last = labels.last()?;
    if labels.len() < 2 || !last.chars().all(|c| c.is_ascii_alphabetic()) {
        return None;
    }
    let tail = |count: usize| {
        labels
            .get(labels.len().saturating_sub(count)..)
            .map(|l| l.join("."))
    };
    let two = tail(2)?;
    let three = tail(3)?;
    let four = tail(4)?;
    let domain = if SHARED_SUFFIXES.contains(&three.as_str()) {
        four
    } else if SHARED_SUFFIXES.contains(&two.as_str()) {
        three
    } else {
        two
    };
    let placeholder = PLACEHOLDERS.contains(&domain.as_str())
        || matches!(
            *last,
            "local" | "localhost" | "test" | "example" | "invalid"
        );
    (!placeholder).then_some(domain)
}

/// The provider that a file's path names: a folder or file called like a domain (`stripe.com.json`,
/// `hubspot.com/crm/openapi.json`).
pub(crate) fn from_file(file: &str) -> Option<String> {
    let path = file.rsplit('!').next().unwrap_or(file);
    path.split('/').rev().enumerate().find_map(|(depth, part)| {
        let part = if depth == 0 { stem(part) } else { part };
        let lower = part.to_lowercase();
        let domain = lower.contains('.')
            && lower
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'))
            && lower.rsplit('.').next().is_some_and(|top| {
                (2..=13).contains(&top.len())
                    && top.chars().all(|c| c.is_ascii_alphabetic())
                    && !matches!(
                        top,
                        "tar" | "zip" | "json" | "yaml" | "yml" | "tgz" | "spec"
                    )
            })
            && !lower.starts_with("openapi.")
            && !lower.starts_with("swagger.");
        domain.then_some(lower)
    })
}

/// A file's name without folders and without the ending that says its format.
pub(crate) fn stem(file: &str) -> &str {
    let name = file.rsplit(['/', '!']).next().unwrap_or(file);
    let mut stem = name;
    for ending in [".gz", ".zst", ".json", ".jsonl", ".yaml", ".yml"] {
        stem = stem.strip_suffix(ending).unwrap_or(stem);
    }
    stem
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        let parts = |url| {
            let base = BaseUrl::parse(url);
            (base.host, base.path)
        };
        let pair = |host: &str, path: &str| (host.to_owned(), path.to_owned());
        assert_eq!(parts("https://API.stripe.com/"), pair("api.stripe.com", ""));
        assert_eq!(parts("http://u:p@h.io:8080/a/b/?q"), pair("h.io", "/a/b"));
        assert_eq!(parts("/v2/"), pair("", "/v2"));
        assert_eq!(parts("api.x.org/v1"), pair("api.x.org", "/v1"));
        assert_eq!(parts("v1"), pair("", "/v1"));
        assert_eq!(parts(""), pair("", ""));
    }

    #[test]
    fn hosts_name_providers() {
        let provider = |host| from_host(host).unwrap_or_default();
        assert_eq!(provider("messaging.twilio.com"), "twilio.com");
        assert_eq!(provider("a.api.bbc.co.uk"), "bbc.co.uk");
        assert_eq!(provider("x.p.rapidapi.com"), "x.p.rapidapi.com");
        assert_eq!(provider("{tenant}.zendesk.com"), "zendesk.com");
        assert_eq!(provider("localhost"), "");
        assert_eq!(provider("127.0.0.1"), "");
        assert_eq!(provider("api.example.com"), "");
    }

    #[test]
    fn files_name_providers() {
        let provider = |file| from_file(file).unwrap_or_default();
        assert_eq!(provider("x.tar.zst!dir/stripe.com.json"), "stripe.com");
        assert_eq!(provider("hubspot.com/crm/v3/openapi.json"), "hubspot.com");
        assert_eq!(provider("specs.zip!a/openapi.yaml"), "");
        assert_eq!(provider("petstore.json"), "");
    }
}
