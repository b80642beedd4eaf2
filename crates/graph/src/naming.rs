//! Names of domains, from the words that set them apart.

use std::collections::{BTreeMap, BTreeSet};

use crate::arithmetic::ln;
use crate::tool_node::ToolNode;
use crate::words;

/// Characters of a name.
const MAX_LENGTH: usize = 60;
/// Words that a domain keeps.
const KEPT_WORDS: usize = 6;
/// Words in a name, where two domains do not force more.
const NAME_WORDS: usize = 2;

/// Each domain's name, `[a-z0-9-]`, unique, and its most characteristic words, the most
/// characteristic first.
///
/// A word's weight is the share of the domain's tools that carry it in their name or resource,
/// times its inverse document frequency over domains.
pub(crate) fn names(tools: &[ToolNode], domains: &[Vec<usize>]) -> Vec<(String, Vec<String>)> {
    let owners: Vec<String> = domains.iter().map(|domain| owner(tools, domain)).collect();
    let counts: Vec<BTreeMap<String, f64>> = domains
        .iter()
        .zip(&owners)
        .map(|(domain, owner)| word_counts(tools, domain, owner))
        .collect();
    let mut spread: BTreeMap<&str, usize> = BTreeMap::new();
    for word in counts.iter().flat_map(BTreeMap::keys) {
        *spread.entry(word).or_default() += 1;
    }
    let mut taken = BTreeSet::new();
    domains
        .iter()
        .zip(counts.iter().zip(&owners))
        .map(|(domain, (counts, owner))| {
            let mut ranked: Vec<(f64, &str)> = counts
                .iter()
                .map(|(word, count)| {
                    let rarity = ln((domains.len() + 1) as f64 / spread[word.as_str()] as f64);
                    (count / domain.len() as f64 * rarity, word.as_str())
                })
                .collect();
            ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
            let ranked: Vec<&str> = ranked
                .into_iter()
                .map(|(_, word)| word)
                .take(KEPT_WORDS)
                .collect();
            let name = free_name(owner, &ranked, &mut taken);
            (name, ranked.into_iter().map(str::to_owned).collect())
        })
        .collect()
}

/// In how many tools each word stands, but those of the owner; a word that only the API's name
/// holds counts half.
fn word_counts(tools: &[ToolNode], domain: &[usize], owner: &str) -> BTreeMap<String, f64> {
    let said = words::words(owner);
    let mut counts = BTreeMap::new();
    for tool in domain.iter().map(|tool| &tools[*tool]) {
        let provider = words::words(&tool.provider);
        let of_tool: BTreeSet<String> = words::name_nouns(&tool.name)
            .iter()
            .map(String::as_str)
            .chain(tool.nouns())
            .flat_map(|noun| noun.split(' '))
            .map(str::to_owned)
            .collect();
        let of_api = words::words(&tool.api)
            .into_iter()
            .filter(|word| !of_tool.contains(word) && !provider.contains(word));
        let fitting = |word: &String| {
            let noise =
                words::is_stop_word(word) || words::is_protocol(word) || words::is_path_noise(word);
            word.len() > 2 && !noise && !said.contains(word)
        };
        for word in of_api.filter(fitting).collect::<BTreeSet<_>>() {
            *counts.entry(word).or_default() += 0.5;
        }
        for word in of_tool.iter().filter(|word| fitting(word)) {
            *counts.entry(word.clone()).or_default() += 1.0;
        }
    }
    counts
}

/// The provider of two thirds of the tools, shortened; else `mixed`.
fn owner(tools: &[ToolNode], domain: &[usize]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for tool in domain {
        *counts.entry(&tools[*tool].provider).or_default() += 1;
    }
    let most = counts
        .into_iter()
        .find(|(_, count)| 3 * count >= 2 * domain.len());
    let short = most.map(|(provider, _)| slug(short_provider(provider)));
    short
        .filter(|short| !short.is_empty())
        .unwrap_or_else(|| "mixed".to_owned())
}

/// `api.example.co.uk` is `example`; what is no domain name stays.
fn short_provider(provider: &str) -> &str {
    if provider.contains(['/', ' ']) {
        return provider;
    }
    let labels: Vec<&str> = provider.split('.').collect();
    let second_level = ["ac", "co", "com", "edu", "gov", "net", "org"];
    match labels[..] {
        [.., name, second, country] if country.len() == 2 && second_level.contains(&second) => name,
        [.., name, _] => name,
        _ => provider,
    }
}

/// Lower-case ASCII letters and digits; one hyphen for everything between.
fn slug(text: &str) -> String {
    let parts = text.split(|character: char| !character.is_ascii_alphanumeric());
    parts
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("-")
        .to_ascii_lowercase()
}

/// The owner and as many words as it takes to be alone; numbers where words do not suffice.
fn free_name(owner: &str, ranked: &[&str], taken: &mut BTreeSet<String>) -> String {
    let words: Vec<String> = ranked
        .iter()
        .map(|word| slug(word))
        .filter(|word| !word.is_empty())
        .collect();
    let mut name = String::new();
    for count in NAME_WORDS.min(words.len())..=words.len() {
        let parts: Vec<&str> = std::iter::once(owner)
            .chain(words[..count].iter().map(String::as_str))
            .collect();
        let longer: String = parts.join("-").chars().take(MAX_LENGTH).collect();
        longer.trim_end_matches('-').clone_into(&mut name);
        if taken.insert(name.clone()) {
            return name;
        }
    }
    let mut number = 2;
    loop {
        let numbered = format!("{name}-{number}");
        if taken.insert(numbered.clone()) {
            return numbered;
        }
        number += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(provider: &str, name: &str, hint: &str) -> ToolNode {
        ToolNode {
            provider: provider.to_owned(),
            api: provider.to_owned(),
            name: name.to_owned(),
            resource_hint: Some(hint.to_owned()),
            ..ToolNode::default()
        }
    }

    #[test]
    fn names_say_whose_and_what_and_are_unique() {
        let tools = [
            tool("api.shop.co.uk", "list_orders", "order"),
            tool("api.shop.co.uk", "getRefund", "order/refund"),
            tool("api.shop.co.uk", "list_orders", "order"),
            tool("api.shop.co.uk", "getRefund", "order/refund"),
            tool("weather", "forecast", "forecast"),
            tool("forecast.fr", "getForecast", "forecast"),
            tool("\u{5929}\u{6c17}", "\u{5929}\u{6c17}", "\u{5929}"),
        ];
        let domains = [vec![0, 1], vec![2, 3], vec![4, 5], vec![6]];
        let names: Vec<String> = names(&tools, &domains)
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(
            names,
            [
                "shop-order-refund",
                "shop-order-refund-2",
                "mixed-forecast",
                "mixed"
            ]
        );
    }

    #[test]
    fn providers_are_shortened() {
        for (provider, short) in [
            ("stripe.com", "stripe"),
            ("ndhm.gov.in", "ndhm"),
            ("bfcl", "bfcl"),
            ("@v1.0/server", "@v1.0/server"),
            ("a.b", "a"),
        ] {
            assert_eq!(short_provider(provider), short);
        }
        assert_eq!(slug("@scope/My_Server v2"), "scope-my-server-v2");
    }
}
