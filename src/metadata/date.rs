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
