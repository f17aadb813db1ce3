//! The names of config keys.

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
}

const GENERAL: [&str; 12] = [
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
];

/// Every key that a config for these datasets may have.
pub(super) fn all(known: KnownDatasets) -> impl Iterator<Item = &'static str> {
    let of_datasets = known.iter().flat_map(|dataset| {
        let options = dataset.info().options.iter().map(|option| option.name);
        std::iter::once(dataset.root_key()).chain(options)
    });
    GENERAL.into_iter().chain(of_datasets)
}

/// The known key that is most similar to `key`.
pub fn nearest(key: &str, known: KnownDatasets) -> &'static str {
    let key = key.to_uppercase();
    all(known)
        .min_by_key(|known| strsim::damerau_levenshtein(known, &key))
        .unwrap_or(Key::MACHEX_PATH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datasets::ALL;

    #[test]
    fn the_nearest_key_is_what_was_meant() {
        assert_eq!(nearest("MACHEX_PAHT", ALL), Key::MACHEX_PATH);
        assert_eq!(nearest("num_worker", ALL), Key::NUM_WORKERS);
        assert_eq!(nearest("JPG_QUALITY", ALL), Key::JPEG_QUALITY);
    }
}
