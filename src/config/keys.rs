//! The names of config keys.

use std::collections::BTreeSet;

use crate::datasets::KnownDatasets;

/// The keys that belong to no dataset.
pub(super) struct Key;

impl Key {
    pub(super) const MACHEX_PATH: &str = "MACHEX_PATH";
    pub(super) const NUM_WORKERS: &str = "NUM_WORKERS";
    pub(super) const FRONTAL_ONLY: &str = "FRONTAL_ONLY";
    pub(super) const CACHE_PATH: &str = "CACHE_PATH";
    pub(super) const CACHE_SIZE: &str = "CACHE_SIZE";
    pub(super) const CACHE_MIN_FREE: &str = "CACHE_MIN_FREE";
    pub(super) const IMAGE_SIZE: &str = "IMAGE_SIZE";
    pub(super) const JPEG_QUALITY: &str = "JPEG_QUALITY";
    pub(super) const LISTING_PROGRAMS: &str = "LISTING_PROGRAMS";
    pub(super) const DURABLE: &str = "DURABLE";
    pub(super) const ONLY_PRESENT: &str = "ONLY_PRESENT";
    pub(super) const SKIP_DAMAGED: &str = "SKIP_DAMAGED";
    pub(super) const METADATA: &str = "METADATA";
}

const GENERAL: [&str; 13] = [
    Key::MACHEX_PATH,
    Key::NUM_WORKERS,
    Key::FRONTAL_ONLY,
    Key::CACHE_PATH,
    Key::CACHE_SIZE,
    Key::CACHE_MIN_FREE,
    Key::IMAGE_SIZE,
    Key::JPEG_QUALITY,
    Key::LISTING_PROGRAMS,
    Key::DURABLE,
    Key::ONLY_PRESENT,
    Key::SKIP_DAMAGED,
    Key::METADATA,
];

/// Every key that a config for these datasets may have.
pub(super) fn all(known: KnownDatasets) -> impl Iterator<Item = &'static str> {
    let of_datasets = known.iter().flat_map(|dataset| {
        let options = dataset.info().options.iter().map(|option| option.name);
        std::iter::once(dataset.root_key()).chain(options)
    });
    // Several datasets may share an option.
    let mut seen = BTreeSet::new();
    let keys = GENERAL.into_iter().chain(of_datasets);
    keys.filter(move |key| seen.insert(*key))
}

/// The known key that is most similar to `key`, if one is similar enough to have been meant.
pub fn near(key: &str, known: KnownDatasets) -> Option<&'static str> {
    /// A slip of a key is more similar than this, another word is less.
    const SIMILAR: f64 = 0.88;
    /// A part of a key was meant, too, if it has at least this length.
    const PART: usize = 5;
    let key = key.to_uppercase();
    let similar = |known: &'static str| {
        let similarity = strsim::jaro_winkler(known, &key);
        let is_part = key.len() >= PART && known.contains(&key);
        (similarity.max(if is_part { SIMILAR } else { 0.0 }), known)
    };
    let nearest = all(known)
        .map(similar)
        .max_by(|(a, _), (b, _)| a.total_cmp(b));
    nearest
        .filter(|(similarity, _)| *similarity >= SIMILAR)
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datasets::ALL;

    #[test]
    fn a_key_that_was_meant_is_found() {
        for (key, meant) in [
            ("MACHEX_PAHT", Key::MACHEX_PATH),
            ("machex_path", Key::MACHEX_PATH),
            ("MACHEX_ROOT", Key::MACHEX_PATH),
            ("MACHEX", Key::MACHEX_PATH),
            ("num_worker", Key::NUM_WORKERS),
            ("WORKERS", Key::NUM_WORKERS),
            ("JPG_QUALITY", Key::JPEG_QUALITY),
            ("FRONTAL", Key::FRONTAL_ONLY),
            ("CHEXPERT", "CHEXPERT_ROOT"),
            ("CHEXPERT_PATH", "CHEXPERT_ROOT"),
            ("CHEXRAY_ROOT", "CHEXRAY14_ROOT"),
            ("MIMIC_REPORTS", "MIMIC_REPORTS_ROOT"),
            ("OPEN_I_ROOT", "OPENI_ROOT"),
        ] {
            assert_eq!(near(key, ALL), Some(meant), "{key}");
        }
    }

    #[test]
    fn for_another_word_none_is_named() {
        for key in [
            "",
            "SEED",
            "foo",
            "BATCH_SIZE",
            "TRAIN_ROOT",
            "OUTPUT",
            "<<",
            "version",
        ] {
            assert_eq!(near(key, ALL), None, "{key}");
        }
    }
}
