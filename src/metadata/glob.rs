//! Patterns over the terms of a dataset, such as `Opacity/lung*`.

/// Whether all of `text` matches a pattern, in which `*` stands for any characters, `/` included,
/// or for none. All other characters stand for themselves, case included.
///
/// Takes the first place for each part between two stars, which is enough: an earlier place leaves
/// more text for the parts after it.
pub fn matches(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let (middle, end) = rest.rsplit_once('*').unwrap_or(("", rest));
    let Some(text) = text.strip_prefix(start) else {
        return false;
    };
    let Some(mut text) = text.strip_suffix(end) else {
        return false;
    };
    for part in middle.split('*') {
        let Some((_, after)) = text.split_once(part) else {
            return false;
        };
        text = after;
    }
    true
}

/// The heading of an Open-i term: what is before its first `/`, without blanks at its ends, and
/// with one blank for several (`Subcutaneous  Emphysema/neck` -> `Subcutaneous Emphysema`).
pub fn heading(term: &str) -> String {
    let (heading, _) = term.split_once('/').unwrap_or((term, ""));
    heading.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition of a match.
    fn matches_by_definition(pattern: &[char], text: &[char]) -> bool {
        match (pattern, text) {
            ([], _) => text.is_empty(),
            (['*', rest @ ..], _) => {
                (0..=text.len()).any(|count| matches_by_definition(rest, &text[count..]))
            }
            ([first, pattern @ ..], [other, text @ ..]) if first == other => {
                matches_by_definition(pattern, text)
            }
            _ => false,
        }
    }

    #[test]
    fn a_star_spans_anything() {
        for (pattern, text) in [
            ("Opacity/lung*", "Opacity/lung/base/left/mild"),
            ("Opacity/lung*", "Opacity/lung"),
            ("*", ""),
            ("**", "a"),
            ("*left*", "Opacity/lung/base/left"),
            ("a*b*b", "abbb"),
            ("é*", "éa"),
            ("", ""),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("Opacity/lung*", "Opacity/Lung"),
            ("opacity", "Opacity"),
            ("lung*", "Opacity/lung"),
            ("ab*ba", "aba"),
            ("a*b*b", "ab"),
            ("a?", "ab"),
            ("", "a"),
            ("a", ""),
        ] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn many_stars_take_no_time() {
        let text = "a".repeat(100_000);
        assert!(!matches(&"*a".repeat(1000).replace("*a*a", "*ab*a"), &text));
        assert!(matches(&"a*".repeat(1000), &text));
    }

    #[test]
    fn a_heading_ends_at_the_first_slash() {
        for (term, expected) in [
            ("Opacity/lung/base", "Opacity"),
            ("normal", "normal"),
            ("Catheters, Indwelling/left", "Catheters, Indwelling"),
            (
                "Technical Quality of Image Unsatisfactory /b",
                "Technical Quality of Image Unsatisfactory",
            ),
            (" Subcutaneous  Emphysema/a/b", "Subcutaneous Emphysema"),
            ("", ""),
            ("/", ""),
        ] {
            assert_eq!(heading(term), expected);
        }
    }

    proptest! {
        #[test]
        fn matches_are_those_of_the_definition(pattern in "[ab*é/]{0,8}", text in "[abé/]{0,10}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            let expected = matches_by_definition(&chars(&pattern), &chars(&text));
            prop_assert_eq!(matches(&pattern, &text), expected);
        }

        #[test]
        fn no_text_panics(pattern in "(?s).{0,8}", text in "(?s).{0,20}") {
            let _ = (matches(&pattern, &text), heading(&text));
        }
    }
}
