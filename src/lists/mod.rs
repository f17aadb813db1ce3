//! Readers that the datasets share: lists and CSVs (plain or gzip), and sorted folders.
