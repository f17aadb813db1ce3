//! Python's notation for a list of strings, as pandas writes it into a cell of a CSV file.

use std::iter::Peekable;
use std::str::Chars;

/// The strings of a list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StringList {
    /// The items in their order, without white space at their ends; empty ones are left out.
    pub items: Vec<String>,
    /// Whether items were left out.
    pub has_empty: bool,
}

/// Reads a list of strings, such as PadChest's `['pulmonary fibrosis', ' kyphosis', '']`.
///
/// Accepts what Python's `ast.literal_eval` accepts as a list of strings in single or double
/// quotes, but no bytes, raw or triple-quoted strings, named characters (`\N{…}`) or comments.
/// Returns `None` for everything else, such as `nan`, a list of lists, or strings with no comma
/// between them (as NumPy prints arrays; Python would join them).
pub fn string_list(text: &str) -> Option<StringList> {
    let mut rest = text.trim().chars().peekable();
    let mut list = StringList::default();
    expect(&mut rest, '[')?;
    loop {
        skip_blanks(&mut rest);
        if rest.next_if_eq(&']').is_some() {
            break;
        }
        let item = string(&mut rest)?;
        match item.trim() {
            "" => list.has_empty = true,
            item => list.items.push(item.to_owned()),
        }
        skip_blanks(&mut rest);
        if rest.next_if_eq(&',').is_none() {
            expect(&mut rest, ']')?;
            break;
        }
    }
    rest.next().is_none().then_some(list)
}

fn expect(rest: &mut Peekable<Chars<'_>>, expected: char) -> Option<()> {
    rest.next_if_eq(&expected).map(drop)
}

/// Skips what Python allows between the items of a list.
fn skip_blanks(rest: &mut Peekable<Chars<'_>>) {
    while rest
        .next_if(|next| matches!(next, ' ' | '\t' | '\x0c' | '\r' | '\n'))
        .is_some()
    {}
}

/// A string in quotes.
fn string(rest: &mut Peekable<Chars<'_>>) -> Option<String> {
    // Python 2 wrote `u` before strings.
    let _ = rest.next_if(|next| matches!(next, 'u' | 'U'));
    let quote = rest.next_if(|next| matches!(next, '\'' | '"'))?;
    let mut string = String::new();
    loop {
        match rest.next()? {
            end if end == quote => return Some(string),
            '\n' | '\r' => return None,
            '\\' => escape(rest, &mut string)?,
            other => string.push(other),
        }
    }
}

/// What follows a backslash in a string
/// (<https://docs.python.org/3/reference/lexical_analysis.html#escape-sequences>).
fn escape(rest: &mut Peekable<Chars<'_>>, string: &mut String) -> Option<()> {
    let escaped = match rest.next()? {
        // A line goes on in the next one.
        '\n' => return Some(()),
        '\r' => {
            let _ = rest.next_if_eq(&'\n');
            return Some(());
        }
        same @ ('\\' | '\'' | '"') => same,
        'a' => '\x07',
        'b' => '\x08',
        'f' => '\x0c',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\x0b',
        'x' => hexadecimal(rest, 2)?,
        'u' => hexadecimal(rest, 4)?,
        'U' => hexadecimal(rest, 8)?,
        'N' => return None,
        digit @ '0'..='7' => {
            let mut code = digit.to_digit(8)?;
            for _ in 0..2 {
                let next = rest.next_if(|next| next.is_digit(8));
                let Some(digit) = next.and_then(|next| next.to_digit(8)) else {
                    break;
                };
                code = code * 8 + digit;
            }
            char::from_u32(code)?
        }
        // Python keeps the backslash of an escape that it does not know.
        other => {
            string.push('\\');
            other
        }
    };
    string.push(escaped);
    Some(())
}

/// A character by its code in exactly `count` hexadecimal digits; surrogates are none.
fn hexadecimal(rest: &mut Peekable<Chars<'_>>, count: u32) -> Option<char> {
    let mut code: u32 = 0;
    for _ in 0..count {
        code = code.checked_mul(16)? + rest.next()?.to_digit(16)?;
    }
    char::from_u32(code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Option<(Vec<String>, bool)> {
        string_list(text).map(|list| (list.items, list.has_empty))
    }

    #[test]
    fn lists_of_padchest_are_read() {
        for (text, items, has_empty) in [
            ("['normal']", &["normal"][..], false),
            ("[]", &[], false),
            (" [ ] ", &[], false),
            (
                "['pulmonary fibrosis', ' kyphosis', '']",
                &["pulmonary fibrosis", "kyphosis"],
                true,
            ),
            ("['']", &[], true),
            ("[' ', 'a ']", &["a"], true),
            ("['a',\n \"b's\",]", &["a", "b's"], false),
            ("[u'a','a']", &["a", "a"], false),
            ("['a, b]', '[']", &["a, b]", "["], false),
        ] {
            let items = items.iter().map(|item| (*item).to_owned()).collect();
            assert_eq!(read(text), Some((items, has_empty)), "{text}");
        }
    }

    #[test]
    fn escapes_are_those_of_python() {
        let text = r#"['\'\"\\', '\x41\u00e9\U0001F600\101\7.', '\qa\8', 'a\nb', 'a\
b']"#;
        let expected = ["'\"\\", "A\u{e9}\u{1f600}A\u{7}.", "\\qa\\8", "a\nb", "ab"];
        assert_eq!(string_list(text).unwrap().items, expected);
    }

    #[test]
    fn anything_else_is_none() {
        for text in [
            "",
            "nan",
            "normal",
            "[",
            "]",
            "[]]",
            "[,]",
            "['a' 'b']",
            "['a'\n 'b']",
            "['a',,'b']",
            "['a'",
            "['a",
            "['a']x",
            "[nan]",
            "['a', nan]",
            "[1]",
            "[['a']]",
            "('a',)",
            "'a'",
            "['''a''']",
            "['a\nb']",
            "[b'a']",
            "[r'a']",
            r"['\']",
            r"['\x4']",
            r"['\xg0']",
            r"['\ud800']",
            r"['\UFFFFFFFF']",
            r"['\N{DASH}']",
            "['a' # b\n]",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(?s).{0,20}", list in r#"\[(['" ,ab\\xu0-9\n]|\]){0,20}\]?"#) {
            let _ = (string_list(&text), string_list(&list));
        }

        #[test]
        fn what_is_written_is_read(items in proptest::collection::vec("[a-z'\"\\\\\n]{1,6}", 0..5)) {
            let quoted: Vec<_> = items
                .iter()
                .map(|item| item.replace('\\', "\\\\").replace('\'', "\\'").replace('\n', "\\n"))
                .map(|item| format!("'{item}'"))
                .collect();
            let list = string_list(&format!("[{}]", quoted.join(", "))).unwrap();
            let trimmed: Vec<_> = items.iter().map(|item| item.trim()).collect();
            let full: Vec<_> = trimmed.iter().copied().filter(|item| !item.is_empty()).collect();
            prop_assert_eq!(list.has_empty, full.len() < trimmed.len());
            prop_assert_eq!(list.items, full);
        }
    }
}
