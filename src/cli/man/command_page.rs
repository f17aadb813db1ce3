//! The man page of a command, from its clap definition.

use std::io;

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::facts::{FILES, STATUSES, VARIABLES};
use super::page;
use crate::cli::examples;
use crate::datasets::KnownDatasets;

/// The page of `command`, which is `machex` or one of its subcommands. `all` has the names of the
/// subcommands that have a page.
pub fn render(command: &Command, all: &[&str], known: KnownDatasets) -> io::Result<String> {
    // clap's usage is shorter than the synopsis that mangen makes of the options.
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").to_owned();
    let man = Man::new(command.clone().override_usage(usage));
    let mut parts = vec![page::title(&page_name(command), "1").render()];
    let mut add = |part: &dyn Fn(&mut dyn io::Write) -> io::Result<()>| {
        let mut bytes = Vec::new();
        part(&mut bytes)?;
        parts.push(String::from_utf8(bytes).map_err(io::Error::other)?);
        io::Result::Ok(())
    };
    add(&|out| man.render_name_section(out))?;
    add(&|out| man.render_synopsis_section(out))?;
    add(&|out| man.render_description_section(out))?;
    if command.has_subcommands() {
        add(&|out| man.render_subcommands_section(out))?;
    }
    add(&|out| man.render_options_section(out))?;
    parts.push(own_sections(command, all, known).render());
    Ok(page::join(&parts))
}

/// The name of the page, such as `machex-mount`.
fn page_name(command: &Command) -> String {
    let name = command.get_display_name().unwrap_or(command.get_name());
    name.to_owned()
}

/// The sections that clap knows nothing of.
fn own_sections(command: &Command, all: &[&str], known: KnownDatasets) -> Roff {
    let name = command.get_name();
    let mut roff = Roff::new();
    let mut options = command.get_arguments();
    let takes_datasets = options.any(|arg| arg.get_long() == Some("dataset"));
    if takes_datasets || ["machex", "datasets"].contains(&name) {
        add_datasets(&mut roff, known);
    }
    page::add_examples(&mut roff, examples::of(name));
    page::add_facts(&mut roff, "EXIT STATUS", STATUSES, name);
    page::add_facts(&mut roff, "FILES", FILES, name);
    page::add_facts(&mut roff, "ENVIRONMENT", VARIABLES, name);
    let others = all.iter().filter(|other| **other != name);
    let pages = others.map(|other| format!("machex-{other}(1)"));
    let main = (name != "machex").then(|| "machex(1)".to_owned());
    let mut see_also: Vec<String> = main.into_iter().chain(pages).collect();
    see_also.push("machex.yml(5)".to_owned());
    if name == "mount" {
        see_also.extend(["fusermount3(1)", "mount(8)"].map(str::to_owned));
    }
    page::add_see_also(&mut roff, &see_also);
    roff
}

fn add_datasets(roff: &mut Roff, known: KnownDatasets) {
    roff.control("SH", ["DATASETS"]);
    roff.text([roman(
        "The names of the datasets, which are the names of their folders in the tree, and the config \
         keys of their roots:",
    )]);
    for dataset in known {
        let info = dataset.info();
        roff.control("TP", []).text([bold(info.folder)]);
        roff.text([roman(format!("{}; {}", info.marks.title, info.root_key))]);
    }
}
