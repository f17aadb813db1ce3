//! `--dataset`: some of the datasets of a config or a tree.

use std::collections::BTreeSet;

use anyhow::bail;
use clap::builder::NonEmptyStringValueParser;

use crate::config::Config;
use crate::datasets::KnownDatasets;
use crate::shown::Show as _;
use crate::survey::Tree;

/// How similar a wrong name must be to a right one, from 0 to 1, for "did you mean".
const SIMILAR: f64 = 0.8;

#[derive(Debug, clap::Args)]
pub struct DatasetArgument {
    /// Only these datasets, by folder name: --dataset rsna,brax
    #[arg(long = "dataset", value_name = "NAME,…", value_delimiter = ',')]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    names: Vec<String>,
}

impl DatasetArgument {
    /// The names, if the config has all of these datasets.
    pub fn of_config(
        &self,
        config: &Config,
        known: KnownDatasets,
    ) -> anyhow::Result<BTreeSet<String>> {
        let there: Vec<&str> = config
            .trees
            .iter()
            .map(|tree| tree.dataset.folder())
            .collect();
        for name in &self.names {
            if there.contains(&name.as_str()) {
                continue;
            }
            if let Some(dataset) = known.iter().find(|dataset| dataset.folder() == name) {
                let (key, there) = (dataset.root_key(), there.join(", "));
                bail!("--dataset {name}: the config has no {key}; it has {there}");
            }
            self.refuse(name, "the config", &there)?;
        }
        Ok(self.names.iter().cloned().collect())
    }

    /// The names, if the tree has all of these datasets.
    pub fn of_tree(&self, tree: &Tree) -> anyhow::Result<BTreeSet<String>> {
        let there: Vec<&str> = tree.names().collect();
        for name in &self.names {
            if !there.contains(&name.as_str()) {
                self.refuse(name, "the tree", &there)?;
            }
        }
        Ok(self.names.iter().cloned().collect())
    }

    fn refuse(&self, name: &str, place: &str, there: &[&str]) -> anyhow::Result<()> {
        let hint = match nearest(name, there) {
            Some(near) => format!("; did you mean {}?", near.shown()),
            None => String::new(),
        };
        let (name, there) = (name.shown(), there.join(", "));
        bail!("--dataset {name}: {place} has {}{hint}", there.shown())
    }
}

/// The name that was meant, if one is similar.
fn nearest<'a>(name: &str, names: &[&'a str]) -> Option<&'a str> {
    let name = name.to_lowercase();
    let similar = names
        .iter()
        .map(|other| (strsim::jaro_winkler(&name, other), *other));
    let (similarity, best) = similar.max_by(|left, right| left.0.total_cmp(&right.0))?;
    (similarity >= SIMILAR).then_some(best)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datasets::ALL;

    #[test]
    fn only_a_similar_name_was_meant() {
        let names: Vec<&str> = ALL.iter().map(|dataset| dataset.folder()).collect();
        for (wrong, meant) in [
            ("rnsa", Some("rsna")),
            ("CheXpert", Some("chexpert")),
            ("chexray14", Some("chex-ray14")),
            ("mimic-cxr", Some("mimic")),
            ("nothing", None),
            ("config.yml", None),
            ("", None),
        ] {
            assert_eq!(nearest(wrong, &names), meant, "{wrong}");
        }
        assert_eq!(nearest("rsna", &[]), None);
    }
}
