//! The words of YAML 1.1, which the original script reads (PyYAML's `safe_load`).

/// Whether an unquoted text means nothing.
pub(super) fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// `true` and `false`, also written `yes` and `no` or `on` and `off`, in any case.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" => Some(true),
        "false" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// A whole number: `16`, `1_000`, `0x10`, `0b10`, `010` (octal), `1:30` (base 60), and `0o10` of
/// YAML 1.2.
pub(super) fn integer(text: &str) -> Option<u64> {
    let text = text.trim();
    let text = text.strip_prefix('+').unwrap_or(text);
    let digits = |digits: &str, radix| {
        let plain = digits.replace('_', "");
        // Rust allows another sign.
        let is_number = plain.starts_with(|c: char| c.is_digit(radix));
        let number = is_number.then(|| u64::from_str_radix(&plain, radix).ok());
        number.flatten()
    };
    match text.strip_prefix('0') {
        Some("") => Some(0),
        Some(rest) => match rest.split_at_checked(1) {
            Some(("x", rest)) => digits(rest, 16),
            Some(("b", rest)) => digits(rest, 2),
            Some(("o", rest)) => digits(rest, 8),
            _ => digits(rest, 8),
        },
        None if text.starts_with('_') => None,
        None => {
            let (first, sixtieths) = text.split_once(':').unwrap_or((text, "0"));
            let mut number = digits(first, 10)?;
            if text.contains(':') {
                for part in sixtieths.split(':') {
                    let part = part.parse::<u64>().ok().filter(|part| *part < 60)?;
                    number = number.checked_mul(60)?.checked_add(part)?;
                }
            }
            Some(number)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_mean_what_they_mean_to_pyyaml() {
        for (text, number) in [
            ("0", Some(0)),
            ("16", Some(16)),
            ("+16", Some(16)),
            ("1_000", Some(1000)),
            ("010", Some(8)),
            ("0x1F", Some(31)),
            ("0b101", Some(5)),
            ("0o17", Some(15)),
            ("1:30", Some(90)),
            ("1:00:01", Some(3601)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("08", None),
            ("1:60", None),
            ("1:", None),
            ("-4", None),
            ("++4", None),
            ("0x+4", None),
            ("0x", None),
            ("_1", None),
            ("4.0", None),
            ("1e3", None),
            ("4 cores", None),
            ("", None),
            ("٤", None),
        ] {
            assert_eq!(integer(text), number, "{text:?}");
        }
        for (text, value) in [
            ("true", Some(true)),
            ("Yes", Some(true)),
            ("ON", Some(true)),
            ("False", Some(false)),
            ("no", Some(false)),
            ("off", Some(false)),
            ("y", None),
            ("1", None),
            ("", None),
        ] {
            assert_eq!(boolean(text), value, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn numbers_are_read_as_they_are_written(number in any::<u64>()) {
            prop_assert_eq!(integer(&number.to_string()), Some(number));
            prop_assert_eq!(integer(&format!("{number:#x}")), Some(number));
            prop_assert_eq!(integer(&format!("0{number:o}")), Some(number));
            prop_assert_eq!(integer(&format!("{number:#b}")), Some(number));
        }

        #[test]
        fn no_text_panics(text in ".*") {
            let _ = (integer(&text), boolean(&text), is_null(&text));
        }
    }
}
