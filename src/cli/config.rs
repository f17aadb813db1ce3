//! `machex config`.

use std::io::{self, Write};

use anyhow::anyhow;

use super::{CliResult, Exit};
use crate::config::{ExampleKey, ExampleParagraph, example, example_text, near_key};
use crate::datasets::KnownDatasets;
use crate::shown::Show as _;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Print only these keys and what they mean
    #[arg(value_name = "KEY")]
    keys: Vec<String>,
}

pub fn run(arguments: &Arguments, known: KnownDatasets) -> CliResult {
    let mut paragraphs = example(known);
    if !arguments.keys.is_empty() {
        paragraphs = of_keys(&paragraphs, &arguments.keys, known)?;
    }
    let printed = write!(io::stdout().lock(), "{}", example_text(&paragraphs));
    Exit::Success.after_printing(printed.map_err(Into::into))
}

/// The paragraphs of these keys, in their order, without other keys.
fn of_keys(
    paragraphs: &[ExampleParagraph],
    keys: &[String],
    known: KnownDatasets,
) -> anyhow::Result<Vec<ExampleParagraph>> {
    let paragraph_of = |wanted: &String| {
        let found = paragraphs.iter().find_map(|paragraph| {
            let named = |key: &&ExampleKey| wanted.eq_ignore_ascii_case(&key.name);
            let key = paragraph.keys.iter().find(named)?;
            Some(ExampleParagraph {
                keys: vec![key.clone()],
                ..paragraph.clone()
            })
        });
        found.ok_or_else(|| unknown(wanted, known))
    };
    keys.iter().map(paragraph_of).collect()
}

fn unknown(wanted: &str, known: KnownDatasets) -> anyhow::Error {
    let shown = wanted.shown();
    match near_key(wanted, known) {
        Some(near) => anyhow!("there is no config key {shown}; did you mean {near}?"),
        None => anyhow!("there is no config key {shown}; \"machex config\" prints all"),
    }
}
