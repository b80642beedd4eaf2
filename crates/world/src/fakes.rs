//! Values that look like the real thing, by kind.

use fake::Fake;
use fake::faker::{address, company, internet, job, lorem, name, phone_number};

use crate::rng::Draws;

/// All kinds that `fake = "..."` knows.
pub const KINDS: &[&str] = &[
    "city",
    "color",
    "company",
    "country",
    "country_code",
    "currency_code",
    "email",
    "event_title",
    "file_name",
    "first_name",
    "full_name",
    "ip",
    "job",
    "language",
    "last_name",
    "latitude",
    "longitude",
    "paragraph",
    "phone",
    "postcode",
    "product",
    "sentence",
    "state",
    "street_address",
    "title",
    "url",
    "username",
    "word",
    "words",
];

const PRODUCT_STYLE: &[&str] = &[
    "Compact",
    "Classic",
    "Foldable",
    "Heavy-Duty",
    "Lightweight",
    "Portable",
    "Slim",
    "Soft",
    "Solar",
    "Travel",
    "Vintage",
    "Wireless",
    "Organic",
    "Quiet",
    "Rugged",
    "Adjustable",
];
const PRODUCT_MATERIAL: &[&str] = &[
    "Oak",
    "Steel",
    "Cotton",
    "Bamboo",
    "Ceramic",
    "Leather",
    "Linen",
    "Glass",
    "Copper",
    "Wool",
    "Walnut",
    "Canvas",
    "Aluminium",
    "Cork",
    "Marble",
    "Felt",
];
const PRODUCT_THING: &[&str] = &[
    "Backpack",
    "Kettle",
    "Desk Lamp",
    "Water Bottle",
    "Notebook",
    "Headphones",
    "Chair",
    "Keyboard",
    "Blanket",
    "Mug",
    "Bike Light",
    "Tent",
    "Speaker",
    "Wallet",
    "Frying Pan",
    "Umbrella",
    "Scarf",
    "Clock",
    "Toolbox",
    "Yoga Mat",
    "Lunch Box",
    "Monitor Stand",
    "Bookshelf",
    "Cutting Board",
    "Rain Jacket",
];
const TITLE_HEAD: &[&str] = &[
    "Autumn",
    "Blue",
    "Bright",
    "Broken",
    "Distant",
    "Early",
    "Eastern",
    "Final",
    "First",
    "Forgotten",
    "Golden",
    "Great",
    "Hidden",
    "Hollow",
    "Last",
    "Little",
    "Long",
    "Lost",
    "Morning",
    "New",
    "Northern",
    "Open",
    "Quiet",
    "Red",
    "Second",
    "Silent",
    "Silver",
    "Small",
    "Southern",
    "Spring",
    "Summer",
    "Third",
    "Western",
    "White",
    "Wild",
    "Winter",
];
const TITLE_TAIL: &[&str] = &[
    "Bridge", "Garden", "Harbor", "Horizon", "Journey", "Lantern", "Letters", "Meadow", "Mirror",
    "Mountain", "Orchard", "Pathway", "Project", "Promise", "River", "Road", "Signal", "Sketch",
    "Station", "Stories", "Theatre", "Tide", "Village", "Voyage", "Window", "Archive", "Circle",
    "Compass", "Echo", "Field", "Forest", "Island", "Market", "Notes", "Season", "Summit",
];
const EVENT_WHAT: &[&str] = &[
    "Budget",
    "Design",
    "Hiring",
    "Launch",
    "Marketing",
    "Onboarding",
    "Partner",
    "Pricing",
    "Product",
    "Quarterly",
    "Roadmap",
    "Safety",
    "Sales",
    "Security",
    "Support",
    "Team",
    "Travel",
    "Weekly",
    "Yearly",
    "Customer",
];
const EVENT_FORM: &[&str] = &[
    "briefing",
    "call",
    "check-in",
    "demo",
    "kick-off",
    "lunch",
    "meeting",
    "planning",
    "review",
    "retrospective",
    "session",
    "sync",
    "training",
    "walkthrough",
    "workshop",
];
const CITIES: &[&str] = &[
    "Aarhus",
    "Adelaide",
    "Antwerp",
    "Bari",
    "Basel",
    "Bergen",
    "Bilbao",
    "Bologna",
    "Bordeaux",
    "Boston",
    "Bremen",
    "Brighton",
    "Bristol",
    "Brno",
    "Bruges",
    "Calgary",
    "Cardiff",
    "Chicago",
    "Cologne",
    "Cork",
    "Cusco",
    "Dallas",
    "Davos",
    "Denver",
    "Dresden",
    "Dublin",
    "Durban",
    "Eindhoven",
    "Florence",
    "Gdansk",
    "Geneva",
    "Genoa",
    "Ghent",
    "Glasgow",
    "Gothenburg",
    "Granada",
    "Graz",
    "Halifax",
    "Hamburg",
    "Helsinki",
    "Izmir",
    "Kobe",
    "Krakow",
    "Kyoto",
    "Leeds",
    "Leipzig",
    "Lille",
    "Limerick",
    "Linz",
    "Lisbon",
    "Ljubljana",
    "Lyon",
    "Madrid",
    "Malaga",
    "Malmo",
    "Marseille",
    "Medellin",
    "Melbourne",
    "Miami",
    "Milan",
    "Montreal",
    "Munich",
    "Nairobi",
    "Nantes",
    "Naples",
    "Nice",
    "Odense",
    "Osaka",
    "Oslo",
    "Ottawa",
    "Palermo",
    "Perth",
    "Pisa",
    "Portland",
    "Porto",
    "Poznan",
    "Prague",
    "Quito",
    "Riga",
    "Rotterdam",
    "Salzburg",
    "Santiago",
    "Seattle",
    "Sevilla",
    "Split",
    "Stavanger",
    "Sydney",
    "Tallinn",
    "Tampere",
    "Toronto",
    "Toulouse",
    "Trieste",
    "Turin",
    "Turku",
    "Uppsala",
    "Utrecht",
    "Valencia",
    "Valparaiso",
    "Vancouver",
    "Verona",
    "Vienna",
    "Vilnius",
    "Wellington",
    "York",
    "Zagreb",
    "Zaragoza",
    "Zurich",
];
const COLORS: &[&str] = &[
    "black", "blue", "brown", "cream", "green", "grey", "navy", "orange", "pink", "purple", "red",
    "silver", "teal", "white", "yellow",
];
const CURRENCIES: &[&str] = &[
    "USD", "EUR", "GBP", "CHF", "SEK", "PLN", "JPY", "CAD", "AUD",
];
const LANGUAGES: &[&str] = &[
    "en", "de", "fr", "es", "it", "nl", "pl", "pt", "sv", "ja", "tr", "cs",
];
const COUNTRIES: &[(&str, &str)] = &[
    ("Austria", "AT"),
    ("Belgium", "BE"),
    ("Brazil", "BR"),
    ("Canada", "CA"),
    ("Chile", "CL"),
    ("Denmark", "DK"),
    ("Finland", "FI"),
    ("France", "FR"),
    ("Germany", "DE"),
    ("Greece", "GR"),
    ("India", "IN"),
    ("Ireland", "IE"),
    ("Italy", "IT"),
    ("Japan", "JP"),
    ("Kenya", "KE"),
    ("Mexico", "MX"),
    ("Netherlands", "NL"),
    ("New Zealand", "NZ"),
    ("Norway", "NO"),
    ("Poland", "PL"),
    ("Portugal", "PT"),
    ("Spain", "ES"),
    ("Sweden", "SE"),
    ("Switzerland", "CH"),
    ("Turkey", "TR"),
    ("United Kingdom", "GB"),
    ("United States", "US"),
    ("Uruguay", "UY"),
];
const EXTENSIONS: &[&str] = &["pdf", "docx", "xlsx", "png", "csv", "txt", "zip"];

fn one<'a>(draws: &mut Draws, list: &[&'a str]) -> &'a str {
    draws.pick(list).copied().unwrap_or_default()
}

const SENTENCE_WHAT: &[&str] = &[
    "The front door",
    "The second copy",
    "The blue folder",
    "The last delivery",
    "The main contact",
    "The old address",
    "The spare key",
    "The signed form",
    "The final version",
    "The small parcel",
    "The meeting room",
    "The first draft",
    "The window seat",
    "The side entrance",
    "The new number",
    "The printed list",
    "The short summary",
    "The return label",
    "The ground floor",
    "The usual place",
];
const SENTENCE_DOES: &[&str] = &[
    "is kept at the reception",
    "was checked twice",
    "is needed before noon",
    "has to stay dry",
    "was moved to the back office",
    "is shared with the whole team",
    "can wait until next week",
    "should be confirmed by phone",
    "is closed on Mondays",
    "was agreed with the owner",
    "comes with a small charge",
    "must not be left outside",
    "is easier to find by bus",
    "was mentioned in the last call",
    "needs a second look",
    "is for internal use",
    "will be ready in the afternoon",
    "has two open questions",
    "is covered by the warranty",
    "goes to the neighbour if nobody is in",
];

fn sentence(draws: &mut Draws) -> String {
    format!(
        "{} {}.",
        one(draws, SENTENCE_WHAT),
        one(draws, SENTENCE_DOES)
    )
}

/// A value of a kind; None for a kind that does not exist.
pub(crate) fn text(kind: &str, draws: &mut Draws) -> Option<String> {
    use address::en::{StateName, StreetName, ZipCode};
    Some(match kind {
        "first_name" => name::en::FirstName().fake_with_rng(draws.stream()),
        "last_name" => name::en::LastName().fake_with_rng(draws.stream()),
        "full_name" => {
            let first: String = name::en::FirstName().fake_with_rng(draws.stream());
            let last: String = name::en::LastName().fake_with_rng(draws.stream());
            format!("{first} {last}")
        }
        "username" => {
            let first: String = name::en::FirstName().fake_with_rng(draws.stream());
            format!("{}{}", first.to_lowercase(), draws.between(10, 99))
        }
        "email" => {
            let first: String = name::en::FirstName().fake_with_rng(draws.stream());
            let last: String = name::en::LastName().fake_with_rng(draws.stream());
            let host = one(draws, &["example.com", "example.org", "example.net"]);
            let local = slug(&format!("{first}.{last}"), '.');
            format!("{local}@{host}")
        }
        "phone" => phone_number::en::PhoneNumber().fake_with_rng(draws.stream()),
        "city" => one(draws, CITIES).to_string(),
        "state" => StateName().fake_with_rng(draws.stream()),
        "street_address" => {
            let street: String = StreetName().fake_with_rng(draws.stream());
            format!("{} {street}", draws.between(1, 320))
        }
        "postcode" => ZipCode().fake_with_rng(draws.stream()),
        "country" => draws.pick(COUNTRIES)?.0.to_string(),
        "country_code" => draws.pick(COUNTRIES)?.1.to_string(),
        "company" => company::en::CompanyName().fake_with_rng(draws.stream()),
        "job" => job::en::Title().fake_with_rng(draws.stream()),
        "word" => lorem::en::Word().fake_with_rng(draws.stream()),
        "words" => format!(
            "{} {}",
            one(draws, PRODUCT_STYLE).to_lowercase(),
            one(draws, TITLE_TAIL).to_lowercase()
        ),
        "sentence" => sentence(draws),
        "paragraph" => format!("{} {}", sentence(draws), sentence(draws)),
        "title" => format!("{} {}", one(draws, TITLE_HEAD), one(draws, TITLE_TAIL)),
        "event_title" => format!("{} {}", one(draws, EVENT_WHAT), one(draws, EVENT_FORM)),
        "product" => {
            let style = if draws.chance(0.5) {
                one(draws, PRODUCT_STYLE)
            } else {
                one(draws, PRODUCT_MATERIAL)
            };
            format!("{style} {}", one(draws, PRODUCT_THING))
        }
        "color" => one(draws, COLORS).to_string(),
        "currency_code" => one(draws, CURRENCIES).to_string(),
        "language" => one(draws, LANGUAGES).to_string(),
        "url" => format!(
            "https://www.{}.example/{}",
            slug(one(draws, TITLE_TAIL), '-'),
            slug(one(draws, TITLE_HEAD), '-')
        ),
        "ip" => internet::en::IPv4().fake_with_rng(draws.stream()),
        "file_name" => format!(
            "{}-{}.{}",
            slug(one(draws, EVENT_WHAT), '-'),
            slug(one(draws, TITLE_TAIL), '-'),
            one(draws, EXTENSIONS)
        ),
        "latitude" => format!("{:.4}", draws.unit() * 140.0 - 70.0),
        "longitude" => format!("{:.4}", draws.unit() * 340.0 - 170.0),
        _ => return None,
    })
}

/// Lower case ASCII letters and digits, all else as `separator`.
pub(crate) fn slug(text: &str, separator: char) -> String {
    let mut slug = String::new();
    for character in text.chars() {
        if character.is_ascii_alphanumeric() {
            slug.push(character.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with(separator) && character != '\'' {
            slug.push(separator);
        }
    }
    slug.trim_end_matches(separator).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_gives_text() {
        let mut draws = Draws::new(1, &["fakes"]);
        for kind in KINDS {
            let value = text(kind, &mut draws).unwrap();
            assert!(!value.trim().is_empty(), "{kind}");
        }
        assert!(text("unicorn", &mut draws).is_none());
        assert_eq!(slug("O'Hara & Sons, Inc.", '-'), "ohara-sons-inc");
    }
}
