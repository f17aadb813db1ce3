//! Surveys the raw datasets of a config.

use indicatif::HumanCount;
use rayon::prelude::*;

use super::{
    DatasetSurvey, FailedImage, Findings, MetadataSummary, Options, Origin, Pick, Survey, ToldBy,
};
use crate::catalog::{Catalog, EntryFault};
use crate::config::Config;
use crate::datasets::{self, RawTree, why_empty};
use crate::names;
use crate::spread;

/// Reads the lists of a config's datasets. Does not look for images.
pub fn of_config(config: &Config, options: &Options) -> Survey {
    let trees: Vec<&RawTree> = config
        .trees
        .iter()
        .filter(|tree| options.includes(tree.dataset.folder()))
        .collect();
    let datasets = trees
        .into_par_iter()
        .map(|tree| look(config, tree, options))
        .collect();
    Survey {
        origin: Origin::Config {
            file: config.file.clone(),
            machex_path: config.machex_path.clone(),
            params: config.render_params(),
        },
        datasets,
    }
}

fn look(config: &Config, tree: &RawTree, options: &Options) -> DatasetSurvey {
    let name = tree.dataset.folder();
    let catalog = match datasets::load(tree, Some(&config.cache_path)) {
        Ok(catalog) => catalog,
        Err(error) => return DatasetSurvey::unreadable(name.to_owned(), error),
    };
    let present: Vec<u32> = catalog.present_numbers().collect();
    let mut warnings = catalog.warnings().to_vec();
    warnings.extend(why_empty(tree, &catalog));
    if catalog.absent_count() > 0 {
        let (absent, all) = (catalog.absent_count(), catalog.len());
        let (absent, all) = (HumanCount(u64::from(absent)), HumanCount(u64::from(all)));
        warnings.push(format!(
            "{absent} of {all} images are not there and are left out (ONLY_PRESENT: true)"
        ));
    }
    let metadata = options
        .metadata
        .then(|| MetadataSummary::of_lists(tree, &catalog, config.render_params()));
    for warning in metadata.iter().flat_map(|metadata| &metadata.warnings) {
        if !warnings.contains(warning) {
            warnings.push(warning.clone());
        }
    }
    DatasetSurvey {
        name: name.to_owned(),
        images: catalog.present(),
        views: Some(catalog.views()),
        left_out: catalog.left_out().to_string(),
        findings: findings(&catalog, metadata.as_ref()),
        metadata,
        picks: spread::evenly(catalog.present(), options.images)
            .into_iter()
            .filter_map(|at| catalog.get(*present.get(at as usize)?))
            .map(|entry| Pick::of_entry(tree, &entry))
            .collect(),
        faults: faults(name, &catalog),
        warnings,
        error: None,
    }
}

/// The findings that the metadata tells; those of the catalog for a dataset that has only these.
fn findings(catalog: &Catalog, metadata: Option<&MetadataSummary>) -> Option<Findings> {
    let told = metadata.map(|metadata| &metadata.findings);
    if let Some(told) = told.filter(|told| told.labelled() > 0) {
        return Some(told.clone());
    }
    let entries = catalog
        .present_numbers()
        .filter_map(|number| catalog.get(number));
    let mut of_catalog = Findings::of_class_labels();
    entries
        .filter_map(|entry| entry.class_label().copied())
        .for_each(|label| of_catalog.add_class_label(&label));
    if of_catalog.labelled() > 0 {
        Some(of_catalog)
    } else {
        told.cloned()
    }
}

/// The entries of a catalog that can only fail.
pub(super) fn faults(dataset: &str, catalog: &Catalog) -> Vec<FailedImage> {
    let failed = |(number, fault): (u32, &EntryFault)| FailedImage {
        dataset: dataset.to_owned(),
        image: names::image_id(number),
        key: catalog
            .get(number)
            .map_or_else(String::new, |entry| entry.key().to_owned()),
        source: String::new(),
        cause: fault.to_string(),
        told_by: ToldBy::Lists,
    };
    catalog.faults().map(failed).collect()
}
