//! The man page of config files, from the commented example.

use clap_mangen::roff::{Roff, bold, italic, roman};

use super::page;
use crate::config::{ExampleParagraph, example};
use crate::datasets::KnownDatasets;

/// The name of the page.
pub const NAME: &str = "machex.yml";

/// The headings of the three parts of the example.
const HEADINGS: [&str; 3] = ["General keys", "Roots of datasets", "Optional keys"];

/// A complete config.
const EXAMPLE: &str = "\
MACHEX_PATH: /data/machex
FRONTAL_ONLY: true
CHEXPERT_ROOT: /data/raw/CheXpert-v1.0
MIMIC_ROOT: /data/raw/mimic-cxr-jpg-2.0.0
MIMIC_REPORTS_ROOT: /data/raw/mimic-cxr-reports";

pub fn render(known: KnownDatasets) -> String {
    let mut roff = page::title(NAME, "5");
    roff.control("SH", ["NAME"]);
    roff.text([roman(format!("{NAME} - configuration of machex"))]);
    roff.control("SH", ["SYNOPSIS"]);
    roff.text([bold("config.yml")]).control("br", []);
    roff.text([bold("/etc/machex.yml")]);
    roff.control("SH", ["DESCRIPTION"]);
    roff.text([roman(
        "A config file says where the raw datasets are, where the tree goes, and how it is made. It \
         is a YAML file with lines \"KEY: value\". Commands read config.yml in the current folder \
         unless you name another file, which may have any name. \"machex config\" prints a commented \
         example with all keys. A wrong key or value is an error, and all errors are reported at \
         once.",
    )]);
    roff.control("PP", []);
    roff.text([roman(
        "Relative paths start from the folder of the config file. In paths, a leading ~ is your home \
         folder, $NAME or ${NAME} is a variable of the environment, and $$ is a dollar sign. Sizes \
         have a unit: KiB, MiB, GiB and TiB, or KB, MB, GB and TB. null, or no line at all, means the \
         default.",
    )]);
    roff.control("SH", ["KEYS"]);
    let paragraphs = example(known);
    let mut headings = HEADINGS.into_iter();
    // The first paragraph explains how to edit the example.
    for (number, paragraph) in paragraphs.iter().enumerate() {
        if number == 0 || paragraph.has_rule {
            roff.control("SS", headings.next());
        }
        if paragraph.keys.is_empty() {
            if number > 0 {
                add_comment(&mut roff, paragraph);
            }
        } else {
            add_keys(&mut roff, paragraph);
        }
    }
    roff.control("SH", ["EXAMPLES"]);
    roff.text([roman("Two datasets, with frontal views only:")]);
    page::add_lines(&mut roff, EXAMPLE);
    let see_also = ["machex(1)", "machex-config(1)", "machex-check(1)"];
    page::add_see_also(&mut roff, &see_also.map(str::to_owned));
    page::join(&[roff.render()])
}

/// The keys of a paragraph under each other, then the comment that they share.
fn add_keys(roff: &mut Roff, paragraph: &ExampleParagraph) {
    let mut request = "TP";
    for key in &paragraph.keys {
        roff.control(request, []);
        roff.text([bold(&key.name), roman(": "), italic(&key.value)]);
        request = "TQ";
    }
    add_comment(roff, paragraph);
}

fn add_comment(roff: &mut Roff, paragraph: &ExampleParagraph) {
    for line in &paragraph.comment {
        roff.text([roman(line)]);
    }
}
