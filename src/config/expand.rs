//! Variables of the environment in paths: `$HOME`, `${SCRATCH}` and `~`.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::shown::Show as _;

/// Why a path cannot be expanded. `$$` is how to write a dollar sign.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum ExpandError {
    #[error("{} is not set in the environment; set it, or write the path out{}", .0.shown(), dollar(.0))]
    Unset(String),
    /// Without its first part, a path would lead somewhere else.
    #[error("{} is empty in the environment; set it, or write the path out{}", .0.shown(), dollar(.0))]
    Empty(String),
    #[error("a variable is written as $NAME or ${{NAME}}, and a dollar sign as $$")]
    NoName,
    #[error("only ~ and ~/ are expanded; write the path out, or ./{} for a folder of that name", .0.shown())]
    OtherUser(String),
}

/// How to write a name that was not meant as a variable. `HOME` is usually written as `~`.
fn dollar(name: &str) -> &'static str {
    match name {
        "HOME" => "",
        _ => " ($$ is a dollar sign)",
    }
}

/// Replaces a leading `~`, and `$NAME` and `${NAME}` everywhere. `$$` gives a dollar sign; a `$`
/// that no name can follow stays. What a variable holds is taken as it is.
pub(super) fn expand(
    text: &str,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<PathBuf, ExpandError> {
    let value = |name: &str| match variable(name) {
        None => Err(ExpandError::Unset(name.to_owned())),
        Some(value) if value.is_empty() => Err(ExpandError::Empty(name.to_owned())),
        Some(value) => Ok(value),
    };
    let mut path = OsString::new();
    let mut rest = text;
    if let Some(after) = text.strip_prefix('~') {
        let user = after.split('/').next().unwrap_or_default();
        if !user.is_empty() {
            return Err(ExpandError::OtherUser(format!("~{user}")));
        }
        path.push(value("HOME")?);
        rest = after;
    }
    while let Some((before, after)) = rest.split_once('$') {
        path.push(before);
        rest = if let Some(after) = after.strip_prefix('$') {
            path.push("$");
            after
        } else if let Some(inside) = after.strip_prefix('{') {
            let closed = inside.split_once('}');
            let is_name = |name: &str| !name.is_empty() && name_in(name) == name;
            let Some((name, after)) = closed.filter(|(name, _)| is_name(name)) else {
                return Err(ExpandError::NoName);
            };
            path.push(value(name)?);
            after
        } else {
            let name = name_in(after);
            if name.is_empty() {
                path.push("$");
            } else {
                path.push(value(name)?);
            }
            after.strip_prefix(name).unwrap_or(after)
        };
    }
    path.push(rest);
    Ok(PathBuf::from(path))
}

/// The name that a text begins with, by the rules of a shell.
fn name_in(text: &str) -> &str {
    let is_first = |c: char| c.is_ascii_alphabetic() || c == '_';
    if !text.starts_with(is_first) {
        return "";
    }
    let end = text.find(|c: char| !is_first(c) && !c.is_ascii_digit());
    end.and_then(|end| text.get(..end)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::path::Path;

    fn of(name: &str) -> Option<OsString> {
        match name {
            "HOME" => Some("/home/me".into()),
            "SCRATCH" => Some("/scratch/me".into()),
            "N_1" => Some("1".into()),
            "ODD" => Some("$HOME/~".into()),
            "NOTHING" => Some("".into()),
            _ => None,
        }
    }

    #[test]
    fn variables_and_the_home_folder_are_replaced() {
        for (text, expected) in [
            ("~", "/home/me"),
            ("~/data", "/home/me/data"),
            ("$HOME/data", "/home/me/data"),
            ("${SCRATCH}/mimic", "/scratch/me/mimic"),
            ("${SCRATCH}2/x$N_1-b", "/scratch/me2/x1-b"),
            ("$SCRATCH", "/scratch/me"),
            ("/a/$$HOME", "/a/$HOME"),
            ("/a/$$$HOME", "/a/$/home/me"),
            ("/a/b$", "/a/b$"),
            ("/a/$5/$.b/$ c", "/a/$5/$.b/$ c"),
            ("/a/~/b~", "/a/~/b~"),
            ("./~other", "./~other"),
            ("$ODD", "$HOME/~"),
            ("{a}", "{a}"),
        ] {
            assert_eq!(
                expand(text, of).as_deref(),
                Ok(Path::new(expected)),
                "{text}"
            );
        }
    }

    #[test]
    fn what_cannot_be_replaced_is_named() {
        use ExpandError::{Empty, NoName, OtherUser, Unset};
        for (text, error) in [
            ("$NOWHERE/x", Unset("NOWHERE".to_owned())),
            ("/a/${nowhere}", Unset("nowhere".to_owned())),
            ("$HOMER", Unset("HOMER".to_owned())),
            ("$NOTHING/x", Empty("NOTHING".to_owned())),
            ("${}", NoName),
            ("${HOME", NoName),
            ("/a/${HOME:-x}/b", NoName),
            ("${1}", NoName),
            ("~other/x", OtherUser("~other".to_owned())),
        ] {
            assert_eq!(expand(text, of), Err(error), "{text}");
        }
        assert_eq!(
            expand("~/x", |_| None),
            Err(ExpandError::Unset("HOME".to_owned()))
        );
    }

    proptest! {
        #[test]
        fn a_text_with_doubled_dollars_stays_as_it_is(text in "[^~].*") {
            let doubled = text.replace('$', "$$");
            prop_assert_eq!(expand(&doubled, |_| None), Ok(PathBuf::from(text)));
        }

        #[test]
        fn both_forms_give_what_the_variable_holds(
            name in "[A-Za-z_][A-Za-z0-9_]{0,8}",
            value in ".{1,20}",
            before in "[a-z/.]{0,8}",
            after in "[/.:-][a-z/]{0,8}",
        ) {
            let variable = |wanted: &str| (wanted == name).then(|| OsString::from(&value));
            let expected = PathBuf::from(format!("{before}{value}{after}"));
            let plain = format!("{before}${name}{after}");
            prop_assert_eq!(expand(&plain, variable), Ok(expected.clone()));
            let braces = format!("{before}${{{name}}}{after}");
            prop_assert_eq!(expand(&braces, variable), Ok(expected));
            prop_assert_eq!(expand(&braces, |_| None), Err(ExpandError::Unset(name)));
        }

        #[test]
        fn no_text_panics_and_without_dollar_and_tilde_none_changes(text in "[~${}a_/]{0,20}|.*") {
            let expanded = expand(&text, of);
            if !text.contains('$') && !text.starts_with('~') {
                prop_assert_eq!(expanded, Ok(PathBuf::from(text)));
            }
        }
    }
}
