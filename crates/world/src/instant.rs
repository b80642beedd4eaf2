//! A world's time: seconds since 1970 in UTC, written as ISO 8601.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// Reads `2026-03-02T09:00:00Z`.
pub(crate) fn parse(text: &str) -> Option<i64> {
    text.parse::<Timestamp>().ok().map(Timestamp::as_second)
}

/// Writes `2026-03-02T09:00:00Z`.
pub(crate) fn format(seconds: i64) -> String {
    let time = date_time(seconds);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        time.year(),
        time.month(),
        time.day(),
        time.hour(),
        time.minute(),
        time.second()
    )
}

/// Writes `2026-03-02`.
pub(crate) fn format_date(seconds: i64) -> String {
    let time = date_time(seconds);
    format!("{:04}-{:02}-{:02}", time.year(), time.month(), time.day())
}

/// Writes `2026-03-02 09:00:00`, the form of SQLite's own functions.
pub(crate) fn format_sql(seconds: i64) -> String {
    let time = date_time(seconds);
    format!(
        "{:04}-{:02}-{:02} {:02}:{:02}:{:02}",
        time.year(),
        time.month(),
        time.day(),
        time.hour(),
        time.minute(),
        time.second()
    )
}

fn date_time(seconds: i64) -> jiff::civil::DateTime {
    Timestamp::from_second(seconds)
        .unwrap_or(Timestamp::UNIX_EPOCH)
        .to_zoned(TimeZone::UTC)
        .datetime()
}

/// The date of `YYYY-MM-DD`, or of the first ten characters of a longer instant.
pub(crate) fn parse_date(text: &str) -> Option<Date> {
    let date = text.get(..10)?;
    let rest = &text[10..];
    if !rest.is_empty() && !rest.starts_with('T') && !rest.starts_with(' ') {
        return None;
    }
    date.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_read_and_written() {
        let seconds = parse("2026-03-02T09:00:00Z").unwrap();
        assert_eq!(format(seconds), "2026-03-02T09:00:00Z");
        assert_eq!(format_date(seconds), "2026-03-02");
        assert_eq!(format_sql(seconds), "2026-03-02 09:00:00");
        assert_eq!(parse("yesterday"), None);
        assert!(parse_date("2026-02-30").is_none());
        assert!(parse_date("2026-03-02T09:00:00Z").is_some());
        assert!(parse_date("2026-03-02x").is_none());
    }
}
