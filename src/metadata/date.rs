//! Dates of studies, as lists and DICOM headers have them.

use chrono::{DateTime, Datelike as _, NaiveDate};

/// Days from 1970-01-01 to a date: `20140915`, `20140915.0` (as pandas writes it once a column has
/// blanks) or `2014-09-15`. `None` if this is no date of the years 1 to 9999.
pub fn days_from_yyyymmdd(raw: &str) -> Option<i32> {
    let raw = raw.trim();
    let whole = match raw.split_once('.') {
        Some((whole, fraction)) if fraction.bytes().all(|byte| byte == b'0') => whole,
        Some(_) => return None,
        None => raw,
    };
    let parts: Vec<&str> = match whole.split('-').collect::<Vec<_>>().as_slice() {
        [year, month, day] => vec![year, month, day],
        _ => vec![whole.get(..4)?, whole.get(4..6)?, whole.get(6..)?],
    };
    let are_digits = |(part, len): (&&str, usize)| {
        part.len() == len && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    if !parts.iter().zip([4, 2, 2]).all(are_digits) {
        return None;
    }
    let date = NaiveDate::from_ymd_opt(
        parts[0].parse().ok().filter(|year| *year > 0)?,
        parts[1].parse().ok()?,
        parts[2].parse().ok()?,
    )?;
    let days = date.signed_duration_since(NaiveDate::default()).num_days();
    i32::try_from(days).ok()
}

/// The year of a day since 1970-01-01.
pub fn year(days: i32) -> i32 {
    let date = DateTime::from_timestamp(i64::from(days) * 86_400, 0);
    date.map_or(1970, |date| date.year())
}

/// Whole years from one day to another; `None` if it is before the first.
pub fn years_between(first: i32, second: i32) -> Option<f32> {
    let date =
        |days: i32| Some(DateTime::from_timestamp(i64::from(days) * 86_400, 0)?.date_naive());
    let years = date(second)?.years_since(date(first)?)?;
    Some(years as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_days_since_1970() {
        // From Python: (date(...) - date(1970, 1, 1)).days
        for (raw, days) in [
            ("19700101", 0),
            ("19691231", -1),
            ("20140915", 16_328),
            ("20140915.0", 16_328),
            ("2014-09-15", 16_328),
            (" 20140915 ", 16_328),
            ("20000229", 11_016),
            ("21801231", 77_066),
            ("00010101", -719_162),
        ] {
            assert_eq!(days_from_yyyymmdd(raw), Some(days), "{raw}");
        }
        assert_eq!(year(16_328), 2014);
        assert_eq!(year(-1), 1969);
    }

    #[test]
    fn what_is_no_date_is_none() {
        for raw in [
            "",
            "2014",
            "2014091",
            "201409155",
            "20141301",
            "20140931",
            "20150229",
            "00000101",
            "20140915.5",
            "2014-9-15",
            "14-09-2015",
            "+2140915",
            "2014091\u{e9}",
            "\u{e9}0140915",
        ] {
            assert_eq!(days_from_yyyymmdd(raw), None, "{raw}");
        }
    }

    #[test]
    fn a_birthday_counts_on_its_day() {
        let day = |raw| days_from_yyyymmdd(raw).unwrap();
        assert_eq!(years_between(day("19550820"), day("20110819")), Some(55.0));
        assert_eq!(years_between(day("19550820"), day("20110820")), Some(56.0));
        assert_eq!(years_between(day("20110820"), day("19550820")), None);
    }
}
