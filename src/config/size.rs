//! Sizes such as `200GiB`.

/// The number of bytes of a number with a unit: `200GiB`, `1.5 TB`, `500G` (as GiB), `1000000`.
pub fn parse(text: &str) -> Option<u64> {
    let text = text.trim();
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "t" | "tib" => 1 << 40,
        "kb" => 1000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        _ => return None,
    };
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(factor);
    }
    let bytes = number.parse::<f64>().ok()? * factor as f64;
    (bytes < u64::MAX as f64).then_some(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn units_are_binary_or_decimal() {
        assert_eq!(parse("200GiB"), Some(200 << 30));
        assert_eq!(parse("200 G"), Some(200 << 30));
        assert_eq!(parse("1.5 TB"), Some(1_500_000_000_000));
        assert_eq!(parse("1000000"), Some(1_000_000));
        for wrong in [
            "",
            "GiB",
            "-1G",
            "1 2G",
            "5 parsecs",
            "1.2.3G",
            "99999999999999TiB",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".*") {
            let _ = parse(&text);
        }
    }
}
