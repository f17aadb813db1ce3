//! A command line as bash gives it: one text with quotes and backslashes.

/// The words of an unfinished command line, without their quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BashLine {
    /// The last one is the word to complete, which may be empty.
    pub words: Vec<String>,
    /// The quotation mark that the last word opens and does not close.
    quote: Option<char>,
}

impl BashLine {
    pub fn parse(text: &str) -> Self {
        let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
        let mut is_word = false;
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            match (quote, character) {
                (None, ' ' | '\t' | '\n') => {
                    if is_word {
                        words.push(std::mem::take(&mut word));
                    }
                    is_word = false;
                    continue;
                }
                (None, '\'' | '"') => quote = Some(character),
                (Some(open), _) if open == character => quote = None,
                (None | Some('"'), '\\') => word.extend(characters.next()),
                _ => word.push(character),
            }
            is_word = true;
        }
        words.push(word);
        Self { words, quote }
    }

    /// What bash has to insert in place of `typed` so that the last word becomes `value`. `typed` is
    /// the end of the last word as bash cuts it, which also cuts at `=` and `:`.
    pub fn insert(&self, value: &str, typed: &str) -> String {
        let last = self.words.last().map_or("", String::as_str);
        let typed = Self::parse(typed).words.pop().unwrap_or_default();
        let before = last.strip_suffix(&typed).unwrap_or_default();
        let value = value.strip_prefix(before).unwrap_or(value);
        if self.quote.is_some() {
            value.to_owned()
        } else {
            escape(value)
        }
    }
}

/// Escapes what bash would interpret, except the `~/` of a home folder.
fn escape(value: &str) -> String {
    let (home, rest) = match value.strip_prefix("~/") {
        Some(rest) => ("~/", rest),
        None => ("", value),
    };
    let mut escaped = home.to_owned();
    for character in rest.chars() {
        let is_plain = character.is_alphanumeric() || "/_-.,+=:@%".contains(character);
        if !is_plain {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(text: &str) -> Vec<String> {
        BashLine::parse(text).words
    }

    #[test]
    fn words_lose_their_quotes() {
        assert_eq!(words("machex mat"), ["machex", "mat"]);
        assert_eq!(words("machex  status "), ["machex", "status", ""]);
        assert_eq!(words(r"a my\ tree"), ["a", "my tree"]);
        assert_eq!(words(r#"a "my tree" 'x\'y"#), ["a", "my tree", r"x\y"]);
        assert_eq!(words("a ''"), ["a", ""]);
        assert_eq!(words(""), [""]);
    }

    #[test]
    fn bash_inserts_only_the_part_that_it_took_for_the_word() {
        let line = BashLine::parse("machex preview --dataset=ch");
        assert_eq!(line.insert("--dataset=chexpert", "ch"), "chexpert");
        let line = BashLine::parse("machex status /mnt/a:b");
        assert_eq!(line.insert("/mnt/a:b c", "b"), r"b\ c");
        let line = BashLine::parse("machex status \"/mnt/my");
        assert_eq!(line.insert("/mnt/my tree", "/mnt/my"), "/mnt/my tree");
        let line = BashLine::parse(r"machex status /mnt/my\ t");
        assert_eq!(line.insert("/mnt/my tree", r"/mnt/my\ t"), r"/mnt/my\ tree");
        let line = BashLine::parse("machex status ~/m");
        assert_eq!(line.insert("~/m~$(x)", "~/m"), r"~/m\~\$\(x\)");
    }

    proptest! {
        #[test]
        fn an_escaped_value_is_one_word(value in "[^~\n][^\n]*") {
            prop_assert_eq!(words(&escape(&value)), [value]);
        }
    }
}
