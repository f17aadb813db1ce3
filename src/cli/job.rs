//! From arguments to a job.

use std::collections::BTreeSet;

use anyhow::{Context, bail};

use crate::config::Config;

/// Reads the config file.
pub fn load_config(argument: &super::ConfigArgument) -> anyhow::Result<Config> {
    let path = argument.path();
    Config::load(&path).with_context(|| format!("config file {}", path.display()))
}

/// Checks that every name is the folder name of a dataset that the config has.
pub fn select_datasets(config: &Config, names: &[String]) -> anyhow::Result<BTreeSet<String>> {
    let known = config.trees.iter().map(|tree| tree.dataset.folder());
    select("the config", known, names)
}

/// Checks that every name is among those that `place` has.
pub fn select<'a>(
    place: &str,
    known: impl Iterator<Item = &'a str>,
    names: &[String],
) -> anyhow::Result<BTreeSet<String>> {
    let known: Vec<&str> = known.collect();
    if let Some(unknown) = names.iter().find(|name| !known.contains(&name.as_str())) {
        bail!(
            "--dataset {unknown}: {place} has {} (a config file goes before --dataset, or with -c)",
            known.join(", ")
        );
    }
    Ok(names.iter().cloned().collect())
}
