//! Ages of patients, as lists and DICOM headers have them.

/// No patient is older; larger numbers are mistakes (`0411`, a year, or months without their unit).
pub const OLDEST: f64 = 120.0;

/// An age in years, from a number with an optional unit: `058Y`, `011M`, `62`, `62.0`.
///
/// The units are those of DICOM's age string (PS3.5, section 6.2, AS): D, W, M and Y, in either
/// case; without a unit the number is years. Returns `None` if this is no age, or if it is not from
/// 0 to 120 years. An age of exactly 0 counts only if `zero_is_an_age`: most lists write 0 for
/// unknown.
pub fn years(raw: &str, zero_is_an_age: bool) -> Option<f32> {
    let raw = raw.trim();
    let (number, units_a_year) = match raw.as_bytes().last()? {
        b'D' | b'd' => (&raw[..raw.len() - 1], 365.25),
        b'W' | b'w' => (&raw[..raw.len() - 1], 365.25 / 7.0),
        b'M' | b'm' => (&raw[..raw.len() - 1], 12.0),
        b'Y' | b'y' => (&raw[..raw.len() - 1], 1.0),
        _ => (raw, 1.0),
    };
    let number = number.trim_end();
    // Also keeps out `inf`, `nan`, signs and exponents, which `parse` accepts.
    let is_plain = number
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    if !is_plain {
        return None;
    }
    let age = number.parse::<f64>().ok()? / units_a_year;
    let is_age = age <= OLDEST && (age > 0.0 || zero_is_an_age);
    is_age.then_some(age as f32)
}

/// Whether a cell says 0, with or without a unit.
pub fn is_zero(raw: &str) -> bool {
    years(raw, true) == Some(0.0)
}

/// The age that names a group of ages, or the number at the beginning of its name: 85 of
/// `85 or more`.
pub fn of_group(raw: &str) -> Option<f32> {
    let raw = raw.trim();
    let end = raw.find(|c: char| !c.is_ascii_digit()).unwrap_or(raw.len());
    years(raw, true).or_else(|| years(&raw[..end], true))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_number_has_a_unit_or_is_years() {
        for (raw, age) in [
            ("058Y", 58.0),
            ("62", 62.0),
            ("62.0", 62.0),
            (" 62 ", 62.0),
            ("7.5", 7.5),
            ("1Y", 1.0),
            ("018M", 1.5),
            ("18m", 1.5),
            ("120", 120.0),
            ("999M", 83.25),
        ] {
            assert_eq!(years(raw, false), Some(age), "{raw}");
        }
        let near = |raw: &str, age: f32| (years(raw, false).unwrap() - age).abs() < 1e-4;
        assert!(near("011M", 11.0 / 12.0));
        assert!(near("010D", 10.0 / 365.25));
        assert!(near("052W", 0.9966));
    }

    #[test]
    fn a_group_is_named_by_an_age_or_a_number() {
        for (raw, age) in [
            ("65", 65.0),
            ("065Y", 65.0),
            ("85 or more", 85.0),
            ("18M", 1.5),
        ] {
            assert_eq!(of_group(raw), Some(age), "{raw}");
        }
        assert_eq!(of_group("older"), None);
    }

    #[test]
    fn what_is_no_age_is_none() {
        for raw in [
            "", " ", "Y", "0411", "121", "120.5", "999Y", "-1", "-0", "+5", "nan", "inf", "1e1",
            "058X", "58 years", "5Y5", ".", "1.2.3", "Y58", "58Ä", "٥٨",
        ] {
            assert_eq!(years(raw, true), None, "{raw}");
        }
    }

    #[test]
    fn zero_counts_only_where_it_is_an_age() {
        for raw in ["0", "000Y", "0.0", "000D"] {
            assert_eq!(years(raw, true), Some(0.0), "{raw}");
            assert_eq!(years(raw, false), None, "{raw}");
        }
        assert!(years("003D", false).is_some());
    }

    proptest! {
        #[test]
        fn no_text_panics_and_every_age_is_plausible(
            text in "(?s).{0,8}|[0-9. ]{0,5}[DWMYdwmy]{0,2}",
            zero_is_an_age: bool,
        ) {
            if let Some(age) = years(&text, zero_is_an_age) {
                prop_assert!((0.0..=120.0).contains(&age));
            }
        }
    }
}
