//! machex renders public chest radiograph datasets as one uniform tree of JPEGs, byte for byte as
//! the original MaCheX Python script does, and several times faster.
//!
//! The path of the data:
//!
//! ```text
//! config ─► datasets ─► catalog ─► source ─► render ─► store ─┬─► materialize
//!           (lists)                  ▲                        └─► serve ─► filesystem ─► mount
//!              ▲                     │
//!              └────── storage ──────┘
//!
//! config, or a finished tree ─► survey ─┬─► preview
//!                                       └─► report_page
//! ```
//!
//! The modules, from the ground up. Each uses only modules above it in this list;
//! `tests/module_order.rs` checks this.
//!
//! * `shown`: escapes foreign strings for output and logs.
//! * `words`: counts, and sentences that several commands print.
//! * `sync`: locks for model checking.
//! * `waits`: measures how long threads wait for a disk or a server.
//! * [`progress`]: the progress of a command, on a terminal or in a log.
//! * `slow`: tells the user what slow work is waiting for.
//! * `spread`: numbers spread evenly over a range.
//! * `workers`: threads that share numbered work.
//! * [`files`]: files and folders of the file system.
//! * [`storage`]: the source of raw bytes: the only way to lists and sources.
//! * [`names`]: names in the tree: dataset folders, shards, images.
//! * [`render`]: a pure function from the bytes of a source image to the bytes of a JPEG.
//! * [`store`]: where finished images are stored, and the records about them.
//! * [`catalog`]: the numbered list of one dataset, its stored form and its `index.json`.
//! * [`lists`]: readers shared by the datasets (CSV and text lists, plain or gzip; sorted folders).
//! * [`metadata`]: what the lists say about images: patients, views, labels, boxes, reports.
//! * [`synthetic`]: computed pictures and made-up labels, for samples and tests.
//! * [`datasets`]: the differences between the datasets, one small file each.
//! * [`config`]: `config.yml`, checked once; all problems are reported at once.
//! * [`source`]: source files, from the storage to the renderer.
//! * [`metadata_table`]: one table of what is known of all images, as Parquet, Arrow or CSV.
//! * `pipeline`: queues, threads and single flight for files that are made on demand.
//! * [`removal`]: detects that sources of finished images are gone.
//! * [`materialize`]: renders every image of every dataset, in parallel, resumable.
//! * [`check`]: reports what the raw trees contain, before any work is done.
//! * [`status`]: the state of a mount, and its counters.
//! * [`serve`]: images and indexes on demand: each is made once, when it is first needed.
//! * [`filesystem`]: FUSE requests, translated into what `serve` offers.
//! * [`mount`]: a mount from its beginning to its end.
//! * [`survey`]: the contents of datasets, from a config or a finished tree, with some images.
//! * [`preview`]: a contact sheet of these images.
//! * [`report_page`]: an HTML page about these contents, with the failures.
//! * [`sample`]: small synthetic raw trees of all datasets.
//! * [`cli`]: the command line.

pub mod catalog;
pub mod check;
pub mod cli;
pub mod config;
pub mod datasets;
pub mod files;
pub mod filesystem;
pub mod lists;
pub mod materialize;
pub mod metadata;
pub mod metadata_table;
pub mod mount;
pub mod names;
mod pipeline;
pub mod preview;
pub mod progress;
pub mod removal;
pub mod render;
pub mod report_page;
pub mod sample;
pub mod serve;
mod shown;
mod slow;
pub mod source;
mod spread;
pub mod status;
pub mod storage;
pub mod store;
pub mod survey;
mod sync;
pub mod synthetic;
mod waits;
mod words;
mod workers;
