//! Text that is made to fit a width.

const ELLIPSIS: char = '…';

/// Measures a text.
pub type Measure<'a> = &'a dyn Fn(&str) -> f32;

/// `text`, its beginning left out if it is too wide. The end of a path tells more.
pub fn keep_end(text: &str, width: f32, measure: Measure<'_>) -> String {
    shorten(text, width, measure, |text| {
        let mut rest = text.chars();
        rest.next()?;
        Some(rest.as_str())
    })
    .map_or_else(|whole| whole, |rest| format!("{ELLIPSIS}{rest}"))
}

/// `text`, its end left out if it is too wide.
pub fn keep_start(text: &str, width: f32, measure: Measure<'_>) -> String {
    shorten(text, width, measure, |text| {
        let mut rest = text.chars();
        rest.next_back()?;
        Some(rest.as_str())
    })
    .map_or_else(
        |whole| whole,
        |rest| format!("{}{ELLIPSIS}", rest.trim_end()),
    )
}

/// What is left of a text that is too wide for `width` when `cut` has made it fit together with an
/// ellipsis; the error is the whole text where it needs none, or nothing where nothing fits.
fn shorten<'a>(
    text: &'a str,
    width: f32,
    measure: Measure<'_>,
    cut: impl Fn(&'a str) -> Option<&'a str>,
) -> Result<&'a str, String> {
    if measure(text) <= width {
        return Err(text.to_owned());
    }
    let room = width - measure(&ELLIPSIS.to_string());
    if room < 0.0 {
        return Err(String::new());
    }
    let mut rest = text;
    while measure(rest) > room {
        match cut(rest) {
            Some(shorter) => rest = shorter,
            None => break,
        }
    }
    Ok(rest)
}

/// As many of `names` as fit, and how many more there are: `Edema, Fracture +2`.
pub fn list(names: &[&str], width: f32, measure: Measure<'_>) -> String {
    let shown = |count: usize| {
        let more = match names.len() - count {
            0 => String::new(),
            more => format!(" +{more}"),
        };
        (names[..count].join(", "), more)
    };
    for count in (2..=names.len()).rev() {
        let (text, more) = shown(count);
        let text = text + &more;
        if measure(&text) <= width {
            return text;
        }
    }
    if names.is_empty() {
        return String::new();
    }
    let (text, more) = shown(1);
    let room = (width - measure(&more)).max(0.0);
    match keep_start(&text, room, measure) {
        text if text.is_empty() => text,
        text => text + &more,
    }
}

/// `text` in at most `lines` lines, broken between words where that is possible; what is too much
/// is left out at the end.
pub fn wrap(text: &str, width: f32, lines: usize, measure: Measure<'_>) -> Vec<String> {
    let mut wrapped: Vec<String> = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        if wrapped.len() + 1 >= lines {
            wrapped.extend((lines > 0).then(|| keep_start(rest, width, measure)));
            break;
        }
        let end = line_end(rest, width, measure);
        wrapped.push(rest[..end].trim_end().to_owned());
        rest = rest[end..].trim_start();
    }
    wrapped
}

/// Where the first line of a text ends: at least one character is taken, so that there is an end.
fn line_end(text: &str, width: f32, measure: Measure<'_>) -> usize {
    let ends = |(at, c): (usize, char)| at + c.len_utf8();
    let mut hard = text.char_indices().next().map_or(text.len(), ends);
    let mut soft = None;
    for end in text.char_indices().map(ends) {
        if measure(text[..end].trim_end()) > width {
            return soft.unwrap_or(hard);
        }
        hard = end;
        if text[end..].starts_with(char::is_whitespace) || text[..end].ends_with(['/', '-']) {
            soft = Some(end);
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn count(text: &str) -> f32 {
        text.chars().count() as f32
    }

    #[test]
    fn texts_are_shortened_where_it_hurts_least() {
        assert_eq!(keep_end("train/p1/view.jpg", 9.0, &count), "…view.jpg");
        assert_eq!(keep_start("Pleural Effusion", 9.0, &count), "Pleural…");
        assert_eq!(keep_end("abc", 3.0, &count), "abc");
        assert_eq!(keep_end("abc", 0.5, &count), "");
    }

    #[test]
    fn lists_say_what_they_leave_out() {
        let names = ["Edema", "Fracture", "Pneumonia"];
        assert_eq!(list(&names, 99.0, &count), "Edema, Fracture, Pneumonia");
        assert_eq!(
            list(&names, 20.0, &count),
            "Edema, Fracture +2".replace('2', "1")
        );
        assert_eq!(list(&names, 10.0, &count), "Edema +2");
        assert_eq!(list(&names, 7.0, &count), "Ede… +2");
        assert_eq!(list(&names, 2.0, &count), "");
        assert_eq!(list(&[], 9.0, &count), "");
    }

    #[test]
    fn lines_break_between_words() {
        assert_eq!(
            wrap("the source is missing", 10.0, 9, &count),
            ["the source", "is missing"]
        );
        assert_eq!(
            wrap("abcdefgh ij", 3.0, 9, &count),
            ["abc", "def", "gh", "ij"]
        );
        assert_eq!(wrap("a b c d", 1.0, 2, &count), ["a", "…"]);
        assert_eq!(wrap("a", 1.0, 0, &count), Vec::<String>::new());
    }

    proptest! {
        #[test]
        fn what_is_fitted_fits(
            text in "\\PC{0,40}",
            names in prop::collection::vec("[A-Za-z ]{1,12}", 0..6),
            width in 0f32..30.0,
        ) {
            for short in [keep_end(&text, width, &count), keep_start(&text, width, &count)] {
                prop_assert!(count(&short) <= width);
                prop_assert_eq!(count(&text) <= width, short == text);
            }
            let end = keep_end(&text, width, &count);
            prop_assert!(text.ends_with(end.trim_start_matches(ELLIPSIS)));
            let start = keep_start(&text, width, &count);
            prop_assert!(text.starts_with(start.trim_end_matches(ELLIPSIS)));
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            prop_assert!(count(&list(&names, width, &count)) <= width);
        }

        #[test]
        fn wrapped_lines_fit_and_lose_nothing_but_blanks(
            text in "[a-c/ é-]{0,40}",
            width in 1f32..12.0,
            lines in 0usize..6,
        ) {
            let wrapped = wrap(&text, width, lines, &count);
            prop_assert!(wrapped.len() <= lines);
            prop_assert!(wrapped.iter().all(|line| count(line) <= width));
            let all = wrap(&text, width, 1000, &count).concat();
            let without_blanks = |text: &str| text.replace(' ', "");
            prop_assert_eq!(without_blanks(&all), without_blanks(&text));
        }
    }
}
