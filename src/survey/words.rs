//! Makes text from lists and indexes fit to be shown.

/// Maximum number of characters to show.
const MOST: usize = 300;

/// Replaces characters by U+FFFD that could move, hide or reverse the text beside them, in a
/// terminal or on a page. Leaves out the middle of a very long text.
pub fn printable(text: &str) -> String {
    let show = |c: char| if is_unsafe(c) { '\u{fffd}' } else { c };
    // The length in bytes first: a text may have millions of characters.
    if text.len() <= MOST || text.chars().nth(MOST).is_none() {
        return text.chars().map(show).collect();
    }
    let end: Vec<char> = text.chars().rev().take(MOST / 2).collect();
    text.chars()
        .take(MOST / 2 - 1)
        .chain(['…'])
        .chain(end.into_iter().rev())
        .map(show)
        .collect()
}

/// Control characters, line separators, and characters that set the direction or have no width.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_could_mislead_is_replaced_and_all_else_kept() {
        let plain = "a b/c–é漢<x>&\"'\u{1f600}";
        assert_eq!(printable(plain), plain);
        assert_eq!(
            printable("a\u{202e}gpj\u{1b}[2J\n\u{200b}\0"),
            "a\u{fffd}gpj\u{fffd}[2J\u{fffd}\u{fffd}\u{fffd}"
        );
    }

    proptest! {
        #[test]
        fn no_text_is_long_and_both_ends_are_kept(text in "\\PC{0,900}") {
            let shown = printable(&text);
            prop_assert!(shown.chars().count() <= MOST);
            let is_long = text.chars().count() > MOST;
            prop_assert_eq!(shown.chars().count() < text.chars().count(), is_long);
            let first = text.chars().next().filter(|c| !is_unsafe(*c));
            prop_assert!(first.is_none_or(|c| shown.starts_with(c)));
            let last = text.chars().next_back().filter(|c| !is_unsafe(*c));
            prop_assert!(last.is_none_or(|c| shown.ends_with(c)));
        }
    }
}
